"""Cameras that move: a thread with a loop of its own, one Mover for each, so that a slow one holds up nobody else.

The thread is started with the first camera, or the first command, that needs it.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

from camera.engine.asked_cameras import Asked
from camera.engine.forwarding import Reply
from camera.engine.mov_state import Shown
from camera.engine.movable import SILENT, Control, Make
from camera.engine.mover import Answer, Mover, refusal
from camera.engine.supervisor import Wanted
from camera.packets import CameraState, Reason, StateName
from camera.ptz import driver_for
from camera.ptz.driver import Code, Description, Motion, PtzError

logger = logging.getLogger(__name__)

COMMANDS = frozenset({"ptz", "describe", "discover"})
# Of the time somebody waits for an answer, what its way back takes; nobody waits longer. Seconds.
_WAY_BACK, _LONGEST = 0.2, 60.0
# Libraries that block have their calls in threads: each camera that hangs takes one or two of these for a while.
_THREADS = 64
# When the engine ends: for the cameras that move to take the stop, and for their log-ins to be given back. Seconds.
_LAST_SECONDS = 5.0
STOPPING = "The recording engine is stopping. Try again in a moment."
_REASONS = {
    Code.WRONG_PASSWORD: Reason.AUTH_FAILED,
    Code.LOCKED_OUT: Reason.AUTH_FAILED,
    Code.NOT_SUPPORTED: Reason.BAD_STREAM,
    Code.FAILED: Reason.BAD_STREAM,
}


class House(Protocol):
    """The engine, for what moves cameras. Each is called in the engine's loop, but `learn` and `audit`, which are to
    be called again until they succeed, in any."""

    def look_again(self, camera: int) -> None:
        """`dress` makes something else of that camera's state now."""

    def stirred(self, camera: int, motion: Motion) -> None: ...

    def learn(self, camera: int, control: Control, found: Description) -> None: ...

    def audit(self, who: str, what: str, values: dict[str, Any]) -> None: ...

    def hosts(self, tell: Callable[[set[str]], None]) -> None:
        """Calls `tell`, in any thread, with the hosts of all cameras of the house."""


class Moving:
    """`want`, `ask`, `dress`, `stop` and `join` belong to the engine's loop, all else to the one here; `later` brings
    tasks from here to there."""

    def __init__(self, house: House, later: Callable[[Callable[[], None]], None], make: Make = driver_for) -> None:
        self._house, self._later, self._make = house, later, make
        self._controls: dict[int, Control] = {}
        self._shown: dict[int, Shown] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_stopped = False
        # What follows belongs to the thread's loop.
        self._movers: dict[int, Mover] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked = Asked(make, self._known_hosts)

    def want(self, cameras: list[Wanted]) -> None:
        """These are the engine's cameras now; those that are switched off are let go."""
        controls = {one.camera: one.control for one in cameras if one.enabled and one.control is not None}
        if controls == self._controls:
            return
        for camera in [camera for camera in self._shown if camera not in controls]:
            del self._shown[camera]
        self._controls = controls
        self._post(lambda: self._apply(controls))

    def ask(self, name: str, body: dict[str, Any], deadline: float, reply: Reply) -> None:
        """One of COMMANDS; `deadline` in seconds since the epoch. `reply` is called once, in the engine's loop."""
        if self._is_stopped:
            reply(refusal(PtzError(Code.FAILED, STOPPING)), b"")
            return
        self._post(lambda: self._begin(self._answer(name, body, deadline, reply)))

    def dress(self, state: CameraState) -> CameraState:
        """The state as pages are to see it: who moves the camera, and privacy, which its process knows nothing of."""
        shown = self._shown.get(state.camera)
        if shown is None or state.state == StateName.DISABLED:
            return state
        if shown.private_since:
            state = replace(
                state, state=StateName.PAUSED, reason=Reason.PRIVACY, detail="", since=shown.private_since, moving=False
            )
        elif shown.trouble is not None and self._controls[state.camera].lacks_streams:
            reason = _REASONS.get(shown.trouble.code, Reason.NO_SIGNAL)
            detail, since = str(shown.trouble)[:300], shown.trouble_since
            state = replace(state, state=StateName.OFFLINE, reason=reason, detail=detail, since=since)
        return replace(state, mover=shown.mover)

    def stop(self) -> None:
        """Stop what moves and let everything go; `join` waits for it."""
        self._is_stopped = True
        if self._loop is not None:
            self._post(lambda: self._begin(self._end()))

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS + 1.0)

    def _post(self, task: Callable[[], object]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name="moving", daemon=True)
            self._thread.start()
        self._loop.call_soon_threadsafe(task)

    # In the thread.

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        workers = ThreadPoolExecutor(_THREADS, thread_name_prefix="camera-control")
        loop.set_default_executor(workers)
        try:
            loop.run_forever()
            loop.run_until_complete(_cancel_others())
        finally:
            workers.shutdown(wait=False, cancel_futures=True)
            loop.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _apply(self, controls: dict[int, Control]) -> None:
        for camera, mover in list(self._movers.items()):
            control = controls.get(camera)
            if control is None or (control.login, control.is_lost) != (mover.control.login, mover.control.is_lost):
                del self._movers[camera]
                self._begin(mover.close())
                self.shown(camera, Shown())
            elif control != mover.control:
                mover.change(control)
        for camera in controls.keys() - self._movers.keys():
            self._movers[camera] = Mover(camera, controls[camera], self, self._make)

    async def _answer(self, name: str, body: dict[str, Any], deadline: float, reply: Reply) -> None:
        answer = await self._answered(name, body, deadline)
        self._later(lambda: reply(answer, b""))

    async def _answered(self, name: str, body: dict[str, Any], deadline: float) -> Answer:
        left = min(deadline - time.time(), _LONGEST)
        try:
            async with asyncio.timeout(max(left - _WAY_BACK, left / 2)):
                if name == "describe":
                    return await self._asked.describe(body)
                if name == "discover":
                    return await self._asked.discover(body)
                return await self._mover(body).ask(body)
        except PtzError as error:
            return refusal(error)
        except TimeoutError:
            return refusal(PtzError(Code.UNREACHABLE, SILENT))
        except Exception as error:  # whoever asked gets an answer in any case
            logger.exception("a command for a camera failed in an unknown way")
            return refusal(PtzError(Code.FAILED, f"That did not work ({type(error).__name__})."))

    def _mover(self, body: dict[str, Any]) -> Mover:
        camera = body.get("camera")
        mover = self._movers.get(camera) if type(camera) is int else None
        if mover is None:
            raise PtzError(Code.NOT_SUPPORTED, "This camera cannot be moved or switched, or is switched off.")
        return mover

    async def _known_hosts(self) -> set[str]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[set[str]] = loop.create_future()

        def take(hosts: set[str]) -> None:
            if not found.done():
                found.set_result(hosts)

        def tell(hosts: set[str]) -> None:
            loop.call_soon_threadsafe(take, hosts)

        self._house.hosts(tell)
        return await found

    async def _end(self) -> None:
        movers, self._movers = list(self._movers.values()), {}
        others = self._tasks - {asyncio.current_task()}
        closing = [asyncio.create_task(mover.close()) for mover in movers]
        if closing or others:
            await asyncio.wait([*closing, *others], timeout=_LAST_SECONDS)
        asyncio.get_running_loop().stop()

    # What movers tell.

    def shown(self, camera: int, shown: Shown) -> None:
        self._later(lambda: self._show(camera, shown))

    def _show(self, camera: int, shown: Shown) -> None:
        """In the engine's loop."""
        if camera in self._controls:
            self._shown[camera] = shown
            self._house.look_again(camera)

    def learnt(self, camera: int, control: Control, found: Description) -> None:
        self._house.learn(camera, control, found)

    def stirred(self, camera: int, motion: Motion) -> None:
        self._later(lambda: self._house.stirred(camera, motion))

    def wrote(self, who: str, what: str, values: dict[str, Any]) -> None:
        self._house.audit(who, what, values)


async def _cancel_others() -> None:
    """End every task of this loop but this one."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
