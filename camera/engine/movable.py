"""A camera that can be moved or switched: how it is reached, and its driver, used by one task at a time."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeVar

from camera.ptz.driver import Code, Driver, Login, Motion, PtzError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Make = Callable[[Login], Driver]

# Longer than anything a driver does, in seconds: one that hangs all the same is let go.
LONGEST_USE = 12.0
# Before a camera that has locked its log-in, and does not say for how long, is asked again. Seconds.
LOCKED_FOR = 300.0
_CLOSING = 2.0
# They need not be tried to be known.
_LASTING = frozenset({Code.WRONG_PASSWORD, Code.LOCKED_OUT})
LOST = "The camera's password cannot be read any more. Enter it again in the camera's settings."
SILENT = "The camera does not answer in time."


@dataclass(frozen=True, slots=True)
class Control:
    """How one camera is moved and switched, as the database has it. `version` changes with each change of its row."""

    login: Login
    slug: str = ""
    version: int = 1
    speed: float = 0.5
    pan_inverted: bool = False
    tilt_inverted: bool = False
    # Whether the camera's own word counts that something moves.
    hears: bool = False
    # Somebody can ring here; then a button that is wired to it is the bell.
    doorbell: bool = False
    # Whether nobody has said yet where its pictures are.
    lacks_streams: bool = False
    # Its passwords were sealed with another key.
    is_lost: bool = False


class Link:
    """The driver of one camera. Whoever needs it waits for the one before; a log-in that was refused or is locked is
    not tried again."""

    def __init__(self, login: Login, make: Make) -> None:
        self._login, self._make = login, make
        self._driver: Driver | None = None
        self._turn = asyncio.Lock()
        self._refused: PtzError | None = None
        self._not_before = -math.inf

    def refuse(self, error: PtzError) -> None:
        """Every use raises this from now on."""
        self._refused = error

    def forgive(self) -> None:
        """What is known of the log-in may have changed."""
        self._refused, self._not_before = None, -math.inf

    async def use(self, call: Callable[[Driver], Awaitable[Result]], seconds: float = LONGEST_USE) -> Result:
        """What `call` gives. Raises PtzError; whatever else happens in a driver is told as one."""
        return await self._use(call, seconds, alone=True)

    async def motion(self) -> list[Motion]:
        """What the camera says of motion; beside whatever else is going on. Raises PtzError."""
        return await self._use(lambda driver: driver.motion(), LONGEST_USE, alone=False)

    async def _use(self, call: Callable[[Driver], Awaitable[Result]], seconds: float, *, alone: bool) -> Result:
        self._look()
        async with self._turn if alone else nullcontext():
            # It may have been refused to the one before.
            self._look()
            try:
                if self._driver is None:
                    self._driver = self._make(self._login)
                async with asyncio.timeout(seconds):
                    return await call(self._driver)
            except PtzError as known:
                error = known
            except TimeoutError:
                error = PtzError(Code.UNREACHABLE, SILENT)
            except Exception as unknown:  # whatever a hostile camera provokes in a library ends this use and no more
                logger.exception("a camera's control failed in an unknown way")
                error = PtzError(Code.FAILED, f"The camera answers what cannot be read ({type(unknown).__name__}).")
            self._note(error)
            raise error

    def _look(self) -> None:
        """Raises what is known already."""
        if self._refused is not None:
            raise self._refused
        left = self._not_before - asyncio.get_running_loop().time()
        if left > 0:
            minutes = math.ceil(left / 60)
            words = "a minute" if minutes == 1 else f"{minutes} minutes"
            raise PtzError(Code.LOCKED_OUT, f"The camera has locked its log-in. It can be tried in {words}.", left)

    def _note(self, error: PtzError) -> None:
        if error.code == Code.WRONG_PASSWORD:
            self._refused = error
        elif error.code == Code.LOCKED_OUT:
            self._not_before = asyncio.get_running_loop().time() + (error.wait or LOCKED_FOR)

    async def close(self) -> None:
        """Give the driver back; it gets a moment for that."""
        driver, self._driver = self._driver, None
        self._refused = PtzError(Code.FAILED, "The camera is switched off, or was changed just now.")
        if driver is not None:
            try:
                async with asyncio.timeout(_CLOSING):
                    await driver.close()
            except Exception as error:  # it is let go in any case
                logger.warning("a camera's control did not close (%s)", type(error).__name__)


def is_lasting(error: PtzError) -> bool:
    """Whether to ask the camera at once again is of no use, or does harm."""
    return error.code in _LASTING
