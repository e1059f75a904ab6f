"""Keeps HourUsage true: files and bytes of each camera, hour and kind, always counted and never added up.

Stills and pictures of events are counted by looking at their folders, in a thread of its own; recordings from their
rows. The hour that goes on and the one before are looked at once a minute, whatever deletion touched at once, and
everything else bit by bit again and again: so a crash, or a file that somebody removed by hand, is made good by itself.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction

from camera import paths
from camera.engine import hours, storages
from camera.engine.deletion import Deletion
from camera.engine.hours import EVENTS, STILLS, Count, Day, day_of, hour_of
from camera.models import Camera, HourUsage, Recording

logger = logging.getLogger(__name__)

EVERY = 60.0
# Between two blocks or days of the long round: while the engine has just started, and later. Seconds.
SOON, LATER = 1.0, 20.0
# The long round begins with these; of older ones only those without a row are counted in the first one.
RECENT = timedelta(days=2)
BLOCK = timedelta(hours=6)
RECORDINGS = HourUsage.Kind.RECORDINGS.value
# Rows of so many hours are written in one turn of the rows thread.
_ROWS = 100
Key = tuple[str, str, datetime]


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: `keys` are the hours that were looked at, also those in which there was nothing."""

    kind: str
    keys: Callable[[HourUsage], bool]
    begin: datetime
    end: datetime
    found: dict[Key, Count] = field(default_factory=dict)


class Usage:
    """Called once a second in the rows thread; `stop` at the engine's end. `wall`: seconds since the epoch."""

    def __init__(
        self, deletion: Deletion, wall: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._deletion, self._wall, self._clock = deletion, wall, clock
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="usage")
        self._asked: Future[list[Look]] | None = None
        self._looks: deque[Look] = deque()
        self._days: deque[Day] = deque()
        self._minute_due = self._round_due = -math.inf
        self._first = True
        self._open: set[Key] = set()
        # Recordings were counted back to here in this round; None: from the newest.
        self._block: datetime | None = None

    def stop(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def __call__(self) -> int:
        """How many rows were written or removed."""
        if self._asked is not None and self._asked.done():
            self._take(self._asked)
        if self._looks:
            return self._write(self._looks.popleft())
        now = self._clock()
        if now >= self._minute_due:
            self._minute_due = now + EVERY
            return self._this_hour()
        if self._deletion.touched:
            return self._touched()
        if now >= self._round_due:
            self._round_due = now + (SOON if self._first else LATER)
            return self._further()
        return 0

    def settle(self, turns: int = 100_000) -> None:
        """Count everything there is: for commands and tests, which have no second to wait."""
        self._minute_due = self._round_due = -math.inf
        for _ in range(turns):
            self()
            if self._asked is not None:
                self._asked.exception()
                continue
            if not self._looks and not self._first and not self._deletion.touched:
                return
            self._round_due = -math.inf

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)

    def _take(self, asked: Future[list[Look]]) -> None:
        self._asked = None
        try:
            self._looks.extend(asked.result())
        except (OSError, paths.UnsafePathError) as error:
            logger.warning("what stills and pictures take cannot be counted: %s", error)
        except Exception:
            # A pool keeps what is raised to itself.
            logger.exception("what stills and pictures take cannot be counted")

    def _ask(self, work: Callable[[], list[Look]]) -> bool:
        """Give the worker something to look at, unless it is busy or the disk is not there."""
        if self._asked is not None or not storages.marked(storages.home()):
            return False
        self._asked = self._worker.submit(work)
        return True

    def _this_hour(self) -> int:
        """The hour that goes on and the one before, with the hours in which an open recording began."""
        hour = hour_of(self._now())
        both = frozenset({hour, hour - timedelta(hours=1)})
        self._ask(lambda: _recent(both))
        opened = Recording.objects.filter(state=Recording.State.OPEN).values_list("camera_slug", "started_at")
        going_on = {(RECORDINGS, slug, hour_of(at)) for slug, at in opened}
        self._deletion.touched.update(self._open | going_on)
        self._open = going_on
        return self._write(recordings_between(min(both), hour + timedelta(hours=1)))

    def _touched(self) -> int:
        """What deletion took from, some at a time."""
        some = sorted(self._deletion.touched)[:_ROWS]
        kind = some[0][0]
        some = [one for one in some if one[0] == kind]
        if kind == RECORDINGS:
            hour = some[0][2]
            self._deletion.touched -= {one for one in some if one[2] == hour}
            return self._write(recordings_between(hour, hour + timedelta(hours=1)))
        wanted = {day_of(kind, slug, hour) for _, slug, hour in some}
        only = frozenset(hour for _, _, hour in some)
        if self._ask(lambda: [_look(day, only) for day in sorted(wanted)]):
            self._deletion.touched -= set(some)
        return 0

    def _further(self) -> int:
        """A step of the long round: recordings back to the oldest, then day after day of stills and pictures."""
        if self._block is None or self._block != datetime.min.replace(tzinfo=UTC):
            return self._write(self._next_block())
        if self._days:
            # Taken from the queue once it is asked for.
            day = self._days[0]
            if self._ask(lambda: [_look(day)]):
                self._days.popleft()
                if not self._days:
                    self._first, self._block = False, None
            return 0
        first = self._first
        rows = HourUsage.objects.exclude(kind=RECORDINGS).order_by()
        counted = {(kind, slug, f"{day:%Y-%m-%d}") for kind, slug, day in rows.values_list("kind", "camera_slug", "hour")}
        recent = f"{self._now() - RECENT:%Y-%m-%d}"
        if self._asked is None and storages.marked(storages.home()):
            return self._plan(counted, recent, first)
        self._first, self._block = False, None
        return 0
