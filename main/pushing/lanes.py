"""The one way of pictures into the house: a lane for each camera, on which the newest picture wins.

One picture is on its way to the engine and one waits; a newer one takes the place of the one that waits, whose sender
is told to slow down. Pictures that somebody flagged, and late ones, are never displaced: they wait in short queues.
"""

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import zmq.asyncio
from django.conf import settings

from camera import bus
from camera.commands import AsyncCommands, EngineDownError
from camera.live.hub import current_hub, running_hub
from camera.packets import Reason
from main.pushing.engine_words import closing, engine_down, understood
from main.pushing.picture import Answer, Pushed

logger = logging.getLogger(__name__)
MOST_FLAGGED = 4
MOST_LATE = 4
# Bodies of one camera that are read at the same time.
MOST_READING = 8
ENGINE_SECONDS = 5.0
LEAVE_SECONDS = 2.0
TOO_FAST = "More pictures than this camera takes: send at most {rate:g} a second. The newest one is kept."
FULL = "This camera's pictures come faster than they can be kept. Send this one again in a moment."
NO_CAMERA = 0
Ask = Callable[[int, Pushed], Awaitable[Answer]]


@dataclass(eq=False, slots=True)
class _Waiting:
    pushed: Pushed
    number: int
    answer: "asyncio.Future[Answer]"


class Lane:
    """One camera's. `rate`: live pictures a second that go through. Belongs to one event loop."""

    def __init__(self, camera: int, ask: Ask, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._camera, self._ask, self._clock = camera, ask, clock
        self._numbers = itertools.count()
        self._flying: _Waiting | None = None
        self._newest: _Waiting | None = None
        self._flagged: deque[_Waiting] = deque()
        self._late: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None
        self._bell = asyncio.Event()
        self._due = float("-inf")
        self._late_next = False
        self._reading = 0
        # Bodies of live pictures that may be read: twice as many as go through, so that the newest is never old.
        self._tokens, self._filled_at = self._most_tokens, clock()

    @property
    def _most_tokens(self) -> float:
        return max(4.0, self.rate / 2)

    def refusal(self, kind: str, late: bool) -> Answer | None:
        """What to answer before the body is even read, None when it may come. Counts it then."""
        if self._reading >= MOST_READING:
            return self._too_many(FULL)
        if kind or late:
            queue, most = (self._late, MOST_LATE) if late else (self._flagged, MOST_FLAGGED)
            return self._too_many(FULL) if len(queue) >= most else None
        now = self._clock()
        self._tokens = min(self._most_tokens, self._tokens + (now - self._filled_at) * 2 * self.rate)
        self._filled_at = now
        if self._tokens < 1:
            return self._too_many()
        self._tokens -= 1
        return None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While the body of a picture comes in."""
        self._reading += 1
        try:
            yield
        finally:
            self._reading -= 1

    async def send(self, pushed: Pushed) -> Answer:
        """Wait for the lane and for what the engine says."""
        one = _Waiting(pushed, next(self._numbers), asyncio.get_running_loop().create_future())
        refused = self._put(one)
        if refused is not None:
            return refused
        self._bell.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._drive(), name=f"lane-{self._camera}")
        return await one.answer

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._answer_all(closing())

    def _put(self, one: _Waiting) -> Answer | None:
        if one.pushed.late or one.pushed.kind:
            queue, most = (self._late, MOST_LATE) if one.pushed.late else (self._flagged, MOST_FLAGGED)
            if len(queue) >= most:
                return self._too_many(FULL)
            queue.append(one)
            return None
        before = self._newest
        if before is not None and not before.answer.done():
            if one.pushed.captured_at < before.pushed.captured_at:
                return self._too_many()
            before.answer.set_result(self._too_many())
        self._newest = one
        return None

    def _too_many(self, words: str = "") -> Answer:
        return Answer(429, "too_many_requests", words or TOO_FAST.format(rate=self.rate), self.rate, retry_after=1)

    async def _drive(self) -> None:
        """Take them through one by one; ends when none is left."""
        while True:
            one = self._next()
            if one is not None:
                self._flying = one
                answer = await self._asked(one.pushed)
                if not one.answer.done():
                    one.answer.set_result(answer)
                if answer.code in ("engine_down", "camera_down"):
                    # What waits would learn the same, one time-out after the other.
                    self._answer_all(answer)
            elif self._newest is None:
                return
            else:
                self._bell.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, self._due - 1 / self.rate - self._clock())):
                        await self._bell.wait()

    async def _asked(self, pushed: Pushed) -> Answer:
        try:
            return await self._ask(self._camera, pushed)
        except EngineDownError:
            return engine_down(self.rate)
        except Exception:
            # The lane's top: a fault with one picture must not leave its sender without a word, nor stop the others.
            logger.exception("a picture of camera %s could not be passed on", self._camera)
            return Answer(503, "busy", FULL, self.rate, retry_after=1)

    def _next(self) -> _Waiting | None:
        """The next that may go now. Those of now keep their order; late ones take turns with them."""
        self._forget_left()
        late = self._late[0] if self._late else None
        if late is not None and self._late_next:
            self._late_next = False
            return self._late.popleft()
        one = self._next_live()
        if one is None and late is not None:
            return self._late.popleft()
        self._late_next = one is not None
        return one

    def _next_live(self) -> _Waiting | None:
        newest, now, step = self._newest, self._clock(), 1 / self.rate
        if self._flagged and (newest is None or self._flagged[0].number < newest.number):
            self._due = max(self._due, now - step) + step
            return self._flagged.popleft()
        # One step early is fine: a sender that keeps the rate on the whole is not punctual to the millisecond.
        if newest is None or now < self._due - step:
            return None
        self._newest, self._due = None, max(self._due, now - step) + step
        return newest

    def _forget_left(self) -> None:
        """Those whose senders have gone."""
        if self._newest is not None and self._newest.answer.done():
            self._newest = None
        for queue in (self._flagged, self._late):
            while queue and queue[0].answer.done():
                queue.popleft()

    def _answer_all(self, answer: Answer) -> None:
        waiting = [*self._flagged, *self._late, *(one for one in (self._flying, self._newest) if one is not None)]
        self._flagged.clear()
        self._late.clear()
        self._newest = None
        for one in waiting:
            if not one.answer.done():
                one.answer.set_result(answer)


class Lanes:
    """All lanes of a process and the socket they share. Belongs to one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._context = zmq.asyncio.Context()
        self._commands = AsyncCommands(self._context, bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands)
        self._lanes: dict[int, Lane] = {}

    def lane(self, camera: int) -> Lane:
        lane = self._lanes.get(camera)
        if lane is None:
            lane = self._lanes[camera] = Lane(camera, self._ask, float(settings.PUSH_FPS))
        return lane

    async def _ask(self, camera: int, pushed: Pushed) -> Answer:
        body = {
            "camera": camera,
            "captured_at": pushed.captured_at,
            "clock": pushed.clock,
            "late": pushed.late,
            "kind": pushed.kind,
            "sender_id": pushed.sender_id,
            "width": pushed.width,
            "height": pushed.height,
        }
        reply, _ = await self._commands.ask("frame", body, pushed.data, ENGINE_SECONDS)
        return understood(reply, pushed)

    async def ask(self, name: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        """What the engine answers to a command. Raises EngineDownError."""
        reply, _ = await self._commands.ask(name, body, seconds=seconds)
        return reply

    async def leave(self, camera: int) -> None:
        """Nobody sends as that camera any more. When the engine does not hear of it, it will notice."""
        with suppress(EngineDownError):
            await self._commands.ask("frame", {"camera": camera, "over": True}, seconds=LEAVE_SECONDS)

    async def stop(self) -> None:
        """Nothing happens in another event loop than the one it runs in."""
        if self.loop is not asyncio.get_running_loop():
            return
        for lane in self._lanes.values():
            lane.stop()
        self._commands.close()
        self._context.term()
        _forget(self)


_current: Lanes | None = None


def _forget(lanes: Lanes) -> None:
    global _current  # noqa: PLW0603 (one for each process)
    if _current is lanes:
        _current = None


def current_lanes() -> Lanes:
    """The process's lanes, made in the running event loop and closed with the hub."""
    global _current  # noqa: PLW0603 (one for each process)
    if _current is None or _current.loop is not asyncio.get_running_loop():
        _current = Lanes()
        current_hub().on_stop.append(_current.stop)
    return _current


def lane(camera: int) -> Lane:
    """The lane of a camera, for those who ask it before they read a body."""
    return current_lanes().lane(camera)


async def send(camera: int, picture: Pushed) -> Answer:
    """Hand a picture to the house; everybody who takes pictures in calls this. Waits at most a few seconds.

    `picture`'s marks have been looked at (main/pushing/headers.py). Never raises: what went wrong is in the answer.
    """
    if current_hub().closing:
        return closing()
    hub = await running_hub()
    # Of a camera that does not exist the hub knows nothing but whether the engine speaks.
    if hub.state(NO_CAMERA).reason == Reason.ENGINE_DOWN:
        return engine_down(float(settings.PUSH_FPS))
    return await lane(camera).send(picture)
