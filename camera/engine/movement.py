"""One movement of a camera, from the first press to the stop: it ends by itself when nobody says that it goes on."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from camera.engine.movable import SILENT, Control, Link, is_lasting
from camera.ptz.driver import Code, Driver, PtzError

logger = logging.getLogger(__name__)

# While it goes on the camera is told so this often; no movement outlives its last command by more. Seconds.
EVERY, LONGEST = 0.4, 5.0
# For a camera that is slow to confirm a command: the stop comes so much later than it is due at the most. Seconds.
_LATE = 2.5
# A stop that fails is tried again so often, and for so long. Seconds.
STOP_AGAIN, STOP_FOR = 0.5, 10.0
_WORDS = (("right", "left"), ("up", "down"), ("closer", "farther"))
# Failures after which the camera may be moving although it was not heard to take the command.
_UNSURE = frozenset({Code.UNREACHABLE, Code.FAILED})


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who moves a camera: the name for people, and which of their pages or programs it is."""

    name: str
    holder: str


@dataclass(frozen=True, slots=True)
class Course:
    """Where to, as one sees the picture: each -1 … 1; right, up and closer are positive."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0

    @property
    def stands(self) -> bool:
        return not (self.pan or self.tilt or self.zoom)

    @property
    def words(self) -> str:
        """For people: «right and up»."""
        values = zip((self.pan, self.tilt, self.zoom), _WORDS, strict=True)
        return " and ".join(names[value < 0] for value, names in values if value)

    def driven(self, control: Control) -> tuple[float, float, float]:
        """What the driver is told, for a camera that is mounted so."""
        pan = -self.pan if control.pan_inverted else self.pan
        tilt = -self.tilt if control.tilt_inverted else self.tilt
        return pan * control.speed, tilt * control.speed, self.zoom * control.speed


class Movement:
    """`ready` is awaited before anything is sent and raises PtzError where the camera cannot go that way; `driven`
    turns a course into what the driver is told; `ended` is called once, when the camera has been told to stop or cannot
    be told. `begun` has what became of the first command: None when the camera took it."""

    def __init__(
        self,
        who: Who,
        link: Link,
        ready: Callable[[Course], Awaitable[None]],
        driven: Callable[[Course], tuple[float, float, float]],
        ended: Callable[["Movement"], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.who = who
        self.begun: asyncio.Future[PtzError | None] = loop.create_future()
        # For people, in the order they came, and for how long it has moved.
        self.directions: list[str] = []
        self.seconds = 0.0
        self._link, self._ready, self._driven, self._ended, self._now = link, ready, driven, ended, loop.time
        self._course, self._until = Course(), 0.0
        self._news = asyncio.Event()
        self._has_tried = False
        self._moved_at: float | None = None
        self._task = asyncio.create_task(self._run(), name="movement")

    def go(self, course: Course, seconds: float) -> None:
        """On this course from now on, for so long when nothing else is said."""
        self._until = self._now() + min(seconds, LONGEST)
        if course != self._course:
            self._course = course
            self._news.set()

    def end(self) -> None:
        """Stop now."""
        self._until = self._now()
        self._news.set()

    async def over(self) -> None:
        """When the camera has been told to stop, or cannot be told."""
        await asyncio.shield(self._task)

    @property
    def has_moved(self) -> bool:
        return self._moved_at is not None

    async def _run(self) -> None:
        try:
            # A press in the moment in which the camera is told to stop goes on with the same movement.
            error = await self._prepare()
            while True:
                error = error or await self._drive()
                self._begin(error)
                await self._halt(error)
                if error is not None or not self._is_due():
                    break
        finally:
            self._begin(PtzError(Code.FAILED, "The movement was broken off."))
            self._ended(self)

    def _is_due(self) -> bool:
        return self._now() < self._until and not self._course.stands

    async def _prepare(self) -> PtzError | None:
        try:
            await self._ready(self._course)
        except PtzError as error:
            return error
        return None

    async def _drive(self) -> PtzError | None:
        """Until the time is up; what ended it before."""
        while self._is_due():
            self._news.clear()
            told_at = self._now()
            try:
                await self._link.use(self._push, self._until - told_at + _LATE)
            except PtzError as error:
                return error
            if self.has_moved:
                self._begin(None)
            await self._pause(told_at + EVERY)
        return None if self.has_moved else PtzError(Code.UNREACHABLE, SILENT)

    async def _pause(self, until: float) -> None:
        """Until then, or until there is something else to tell the camera."""
        # In the meantime another command may put off the end.
        while self._is_due() and not self._news.is_set() and self._now() < until:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(until, self._until)):
                    await self._news.wait()

    async def _push(self, driver: Driver) -> None:
        # It may have waited for its turn until nobody wants it any more.
        if not self._is_due():
            return
        course, self._has_tried = self._course, True
        await driver.move(*self._driven(course))
        if self._moved_at is None:
            self._moved_at = self._now()
        if course.words not in self.directions:
            self.directions.append(course.words)

    def _begin(self, error: PtzError | None) -> None:
        if not self.begun.done():
            self.begun.set_result(error)

    async def _halt(self, why: PtzError | None) -> None:
        """Tell the camera to stop, again and again until it has taken it."""
        if not self._has_tried or (not self.has_moved and why is not None and why.code not in _UNSURE):
            return
        began = self._now()
        while True:
            try:
                await self._link.use(lambda driver: driver.stop())
                break
            except PtzError as error:
                if is_lasting(error) or self._now() - began >= STOP_FOR:
                    logger.error("a camera could not be told to stop: %s", error)
                    break
            await asyncio.sleep(STOP_AGAIN)
        if self._moved_at is not None:
            self.seconds = self._now() - self._moved_at
