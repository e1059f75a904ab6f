"""Tapo cameras. Their library blocks, so each camera has a thread of its own; what hangs there holds up nobody else."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from camera.addresses import host_and_port
from camera.ptz.driver import Can, Code, Description, Login, Motion, Preset, PtzError, Switches
from camera.ptz.tapo_words import silent

if TYPE_CHECKING:
    from camera.ptz.tapo_session import TapoSession

T = TypeVar("T")
# Just under the ten seconds that the driver's callers count on.
_DEADLINE_S = 9.5
# Tapo knows only steps; this is one at full speed, and the least that a motor follows.
_STEP_DEGREES = 10.0
_LEAST_DEGREES = 1.0
_STILL = 0.02


class TapoDriver:
    """One camera of TP-Link's Tapo make; the address is tapo://HOST[:PORT][?rtsp=PORT]."""

    def __init__(self, login: Login, deadline: float = _DEADLINE_S) -> None:
        self._login, self._deadline = login, deadline
        self._host = host_and_port(login.address)[0]
        self._session: TapoSession | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._is_closed = False
        self._is_stepping = False

    async def describe(self) -> Description:
        return await self._do(lambda session: session.describe())

    async def move(self, pan: float, tilt: float, zoom: float) -> None:
        x, y = _degrees(pan), _degrees(tilt)
        if not (x or y):
            if abs(zoom) > _STILL:
                raise PtzError(Code.NOT_SUPPORTED, "This camera cannot zoom.")
            await self.stop()
            return
        if self._is_stepping:
            return  # the camera has not answered the last one yet; later ones must not pile up behind it
        self._is_stepping = True
        await self._do(lambda session: session.step(x, y), self._step_is_over)

    def _step_is_over(self) -> None:
        self._is_stepping = False

    async def stop(self) -> None:
        await self._do(lambda session: session.halt())

    async def presets(self) -> list[Preset]:
        return await self._do(lambda session: session.presets())

    async def go(self, preset: str) -> None:
        await self._do(lambda session: session.go(preset))

    async def save(self, name: str) -> Preset:
        return await self._do(lambda session: session.save(name))

    async def delete(self, preset: str) -> None:
        await self._do(lambda session: session.delete(preset))

    async def home(self) -> None:
        raise PtzError(Code.NOT_SUPPORTED, "This camera has no home position.")

    async def switches(self) -> Switches:
        return await self._do(lambda session: session.switches())

    async def switch(self, what: Can, value: bool | str) -> None:
        await self._do(lambda session: session.switch(what, value))

    async def motion(self) -> list[Motion]:
        raise PtzError(Code.NOT_SUPPORTED, "This camera does not tell what moves.")

    async def close(self) -> None:
        self._is_closed = True
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if self._session is not None:
            self._session.cut()
        with contextlib.suppress(RuntimeError):  # the interpreter is ending
            worker.submit(self._leave)
        worker.shutdown(wait=False)

    def _leave(self) -> None:
        if self._session is not None:
            self._session.leave()

    async def _do(self, job: "Callable[[TapoSession], T]", then: Callable[[], None] | None = None) -> T:
        """The job's result, from the camera's thread. Its queue holds what is in time only: what comes too late is
        taken out again, and what hangs is cut short."""
        if self._is_closed:
            raise PtzError(Code.FAILED, "The control of this camera is closed.")
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="tapo")
        until = time.monotonic() + self._deadline
        future = self._worker.submit(self._run, job, until)
        if then is not None:
            future.add_done_callback(lambda _: then())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._deadline)
        except TimeoutError:
            if self._session is not None:
                self._session.cut(until)
        raise silent(self._host)

    def _run(self, job: "Callable[[TapoSession], T]", until: float) -> T:
        if self._session is None:
            self._session = self._load()
        return self._session.run(job, until)

    def _load(self) -> "TapoSession":
        # In the thread: the library takes its time to be loaded.
        try:
            from camera.ptz.tapo_session import TapoSession
        except ImportError as error:
            raise PtzError(Code.FAILED, f"A library for this kind of camera is missing ({error.name}).") from None
        return TapoSession(self._login)


def _degrees(speed: float) -> int:
    """The step of that speed, -1 … 1."""
    if not abs(speed) > _STILL:
        return 0
    least = max(_LEAST_DEGREES, abs(min(1.0, abs(speed)) * _STEP_DEGREES))
    return round(least) if speed > 0 else -round(least)
