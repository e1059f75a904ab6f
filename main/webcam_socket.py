"""/ws/webcam/: the pictures of a phone's or laptop's browser, from its owner's log-in or from a join link."""

import asyncio
import json
import logging
import time
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from camera.live.feed import Bell
from main.actors import Login
from main.feeding import DISABLED, LOGGED_OUT, Feeder, RefusedError, admit, ask_again, link_login
from main.handshake import CLOSED_FAILED, CLOSED_LOGGED_OUT, CLOSED_TOO_LONG, greet_anybody, number
from main.pushing.lanes import current_lanes
from main.pushing.picture import Answer
from main.watchers import in_thread
from main.webcam_frames import MOST_FPS, Pace, send_frame

logger = logging.getLogger(__name__)

LONGEST_TEXT = 4096
HELLO_SECONDS = 5.0
RIGHTS_EVERY = 2.5
# When rights cannot be asked for this long, whoever sends is sent away.
RIGHTS_UNKNOWN = 9.0
TELL_EVERY = 0.25
SAME_ERROR_EVERY = 1.0
MOST_BAD = 20

CLOSED_BUSY = 1013
CLOSED_BAD_PICTURES = 4400
CLOSED_REFUSED = 4403
CLOSED_NO_HELLO = 4408
CLOSED_TAKEN_OVER = 4409

_thread = sync_to_async(in_thread, thread_sensitive=False)


class WebcamConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One sender. Of what comes faster than it is taken only the newest is kept: one picture, and one on its way."""

    # Who sends as which camera in this process: there is one at a time.
    senders: ClassVar[dict[int, "WebcamConsumer"]] = {}
    farewells: ClassVar[set[asyncio.Task[None]]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.login = Login()
        self.feeder: Feeder | None = None
        self.bell = Bell()
        self.pace = Pace()
        self.waiting: bytes | None = None
        self.taken = self.bad = 0
        self.told: tuple[int, float] = (-1, 0.0)
        self.told_at = 0.0
        self.errors_at: dict[str, float] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.closed = False
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.leave()

    async def connect(self) -> None:
        login = await greet_anybody(self.scope)
        if login is None:
            await self.close()
            return
        self.login = login
        await self.accept()
        self.start(self.wait_for_hello())

    async def disconnect(self, code: int) -> None:
        self.leave()

    def start(self, work: Any) -> None:
        self.tasks.append(asyncio.create_task(self.guarded(work), name="webcam-socket"))

    async def guarded(self, work: Any) -> None:
        try:
            await work
        except OSError:
            return  # the sender is gone; the server tells the consumer so
        except Exception:
            # The task's top: without it the sender would wait for ever.
            logger.exception("a webcam socket failed")
            await self.close(CLOSED_FAILED)

    def leave(self) -> None:
        """Give everything back; may be called twice."""
        self.closed, self.waiting = True, None
        for task in self.tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if self.feeder is not None and self.senders.get(self.feeder.camera) is self:
            del self.senders[self.feeder.camera]
            # The camera is offline at once, not when its silence has been noticed.
            leaving = asyncio.create_task(current_lanes().leave(self.feeder.camera), name="webcam-left")
            self.farewells.add(leaving)
            leaving.add_done_callback(self.farewells.discard)

    # What comes in

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closed:
            return
        if bytes_data is not None:
            if self.feeder is None:
                await self.tell_error("bad_request", "Say hello first: {'hello': {}}.")
            else:
                self.waiting = bytes_data
                self.bell.ring()
        elif len(text_data or "") > LONGEST_TEXT:
            await self.close(CLOSED_TOO_LONG)
        else:
            await self.take_text(text_data or "")

    async def take_text(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        message = message if isinstance(message, dict) else {}
        if number(message.get("ping")) is not None:
            await self.tell({"pong": message["ping"], "now": time.time()})
        elif isinstance(message.get("hello"), dict) and self.feeder is None:
            await self.take_hello(message["hello"])
        else:
            await self.tell_error("bad_request", "Send {'hello': {…}} once, then pictures.")

    async def take_hello(self, hello: dict[str, Any]) -> None:
        slug, secret = hello.get("camera") or "", hello.get("join")
        if not isinstance(slug, str) or not isinstance(secret, str | None):
            await self.tell_error("bad_request", "hello takes {'camera': slug, 'join': secret}, both may be missing.")
            return
        login = self.login if secret is None else link_login(secret)
        try:
            self.feeder = await _thread(admit, login, slug)
        except RefusedError as refused:
            await self.refuse(refused)
            return
        except DatabaseError:
            await self.tell_error("busy", "The house is busy; try again in a few seconds.")
            await self.close(CLOSED_BUSY)
            return
        if self.closed:
            return
        before, self.senders[self.feeder.camera] = self.senders.get(self.feeder.camera), self
        if before is not None:
            await before.taken_over()
        names = {"camera": self.feeder.slug, "name": self.feeder.name, "house": self.feeder.house}
        await self.tell({"taken": 0, "rate": MOST_FPS, "now": time.time(), **names})
        self.start(self.keep_feeding(self.feeder))
        self.start(self.keep_asking(self.feeder))

    async def wait_for_hello(self) -> None:
        await asyncio.sleep(HELLO_SECONDS)
        if self.feeder is None:
            await self.tell_error("bad_request", "Nobody said hello.")
            await self.close(CLOSED_NO_HELLO)

    # What becomes of it

    async def keep_feeding(self, feeder: Feeder) -> None:
        while not self.closed:
            await self.bell.wait(TELL_EVERY if self.told[0] != self.taken else 60.0)
            if self.waiting is not None:
                # Whoever sends faster than is taken: the newest at that time is the one that goes on.
                await asyncio.sleep(self.pace.patience())
                message, self.waiting = self.waiting, None
                if message is not None:
                    await self.settle(await send_frame(feeder.camera, message, self.pace))
            await self.tell_taken()

    async def settle(self, answer: Answer) -> None:
        if answer.taken:
            self.taken += 1
        bad = answer.status in (400, 413, 415)
        self.bad = self.bad + 1 if bad else 0
        if not answer.taken and answer.status != 429:
            await self.tell_error(answer.code, answer.message)
        if self.bad >= MOST_BAD:
            await self.close(CLOSED_BAD_PICTURES)

    async def keep_asking(self, feeder: Feeder) -> None:
        """Whether they may still send; when that cannot be known they may not."""
        known = time.monotonic()
        while not self.closed:
            await asyncio.sleep(RIGHTS_EVERY)
            try:
                async with asyncio.timeout(RIGHTS_UNKNOWN - RIGHTS_EVERY):
                    await _thread(ask_again, feeder)
                known = time.monotonic()
            except RefusedError as refused:
                await self.refuse(refused)
            except (DatabaseError, TimeoutError):
                if time.monotonic() - known >= RIGHTS_UNKNOWN:
                    await self.tell_error("busy", "The house is busy; try again in a few seconds.")
                    await self.close(CLOSED_BUSY)

    async def taken_over(self) -> None:
        await self.tell_error("taken_over", "Another page or device sends as this camera now.")
        await self.close(CLOSED_TAKEN_OVER)

    async def refuse(self, refused: RefusedError) -> None:
        await self.tell_error(refused.code, refused.message)
        codes = {LOGGED_OUT: CLOSED_LOGGED_OUT, DISABLED: CLOSED_BUSY}
        await self.close(codes.get(refused.code, CLOSED_REFUSED))

    # What goes out

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        if not self.closed:
            self.closed, self.waiting = True, None
            self.bell.ring()
            await super().close(code, reason)

    async def tell(self, message: dict[str, Any]) -> None:
        if not self.closed:
            await self.send(text_data=json.dumps(message, separators=(",", ":")))

    async def tell_taken(self) -> None:
        """After each picture, but not more often than four times a second; then with the next turn."""
        now, news = time.monotonic(), (self.taken, self.pace.rate)
        if news != self.told and now - self.told_at >= TELL_EVERY * 0.9:
            self.told, self.told_at = news, now
            await self.tell({"taken": self.taken, "rate": self.pace.rate})

    async def tell_error(self, code: str, message: str) -> None:
        """The same thing once a second at most."""
        now = time.monotonic()
        if now - self.errors_at.get(code, -SAME_ERROR_EVERY) >= SAME_ERROR_EVERY:
            self.errors_at[code] = now
            await self.tell({"error": {"code": code, "message": message}})
