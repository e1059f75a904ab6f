"""Marks for deletion what is too old, and the oldest of what is too much. What is kept is never taken.

A clock that was set wrong must not empty the house: after a step of the wall clock, and at a start days away from when
the house last worked, no pass takes more than a tenth, and age counts only once an hour for a day.
"""

import logging
import math
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from camera.engine import storages
from camera.engine.deletion import claim, claim_events
from camera.engine.selection import DISK_SHARE, GB, Disk, Limits, Selection
from camera.engine.still_deletion import claim_hours, claim_timelapses, stills
from camera.models import Event, Recording, Storage, TimeLapse

__all__ = ["DISK_SHARE", "GB", "MOST", "Retention", "disks", "size_of_disk"]

logger = logging.getLogger(__name__)

EVERY = 60.0
# Rows marked in one pass; when it did not suffice the next pass follows at once.
MOST = 500
# A wall clock that moves so many seconds more or less than time itself has been set.
STEP = 60.0
CAREFUL_FOR, CAREFUL_EVERY, CAREFUL_SHARE = 24 * 3600.0, 3600.0, 0.1
# A house that has not worked for so long was off, or its clock is wrong. Seconds.
QUIET = 2 * 24 * 3600.0


class Retention:
    """Called once a second in the rows thread; works once a minute. `disk_size`: bytes of the disk a folder is on."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        disk_size: Callable[[str], tuple[int, int] | None] | None = None,
    ) -> None:
        self._wall, self._clock = wall, clock
        self._disk_size = disk_size or size_of_disk
        self._due = 0.0
        self._seen: tuple[float, float] | None = None
        self._careful_until = -math.inf
        self._age_due = -math.inf

    def ask(self) -> None:
        """Work at the next call."""
        self._due = 0.0

    def __call__(self) -> int:
        """How many rows were marked."""
        self._watch_clock()
        if self._clock() < self._due:
            return 0
        self._due = self._clock() + EVERY
        self._selection = Selection(Limits.now(), self._now(), disks(self._disk_size), self._home_size())
        room = self._room(Recording.objects.all())
        by_age = self._age_counts()
        marked = self._by_age(room) if by_age else 0
        others = [self._events(), self._timelapses(), self._old_stills()] if by_age else [0]
        if self._careful() and by_age:
            self._age_due = self._clock() + CAREFUL_EVERY
        marked += len(claim(one.pk for one in self._selection.too_much(room=room - marked)))
        others.append(self._too_many_stills(others[-1]))
        if not self._careful():
            storages.alive(self._wall())
        if max(marked, *others) >= MOST:
            self._due = 0.0
        if marked or any(others):
            logger.info("retention marked %s recordings and %s events, hours of stills and films", marked, sum(others))
        return marked + sum(others)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)

    def _watch_clock(self) -> None:
        wall, clock = self._wall(), self._clock()
        if self._seen is None:
            wrong = self._implausible()
        else:
            wrong = abs((wall - self._seen[0]) - (clock - self._seen[1])) > STEP
        self._seen = (wall, clock)
        if wrong:
            logger.warning("the clock was set, or the house was off for long: retention is careful for a day")
            self._careful_until = clock + CAREFUL_FOR

    def _implausible(self) -> bool:
        last = storages.last_alive()
        return last is not None and abs(self._wall() - last) > QUIET

    def _careful(self) -> bool:
        return self._clock() < self._careful_until

    def _age_counts(self) -> bool:
        return not self._careful() or self._clock() >= self._age_due

    def _room(self, rows: QuerySet[Any]) -> int:
        if not self._careful():
            return MOST
        return min(MOST, math.floor(rows.filter(delete_requested_at=None).count() * CAREFUL_SHARE))

    def _by_age(self, room: int) -> int:
        return len(claim(self._selection.too_old().values_list("pk", flat=True)[:room]))

    def _events(self) -> int:
        return claim_events(self._selection.events().values_list("pk", flat=True)[: self._room(Event.objects.all())])

    def _timelapses(self) -> int:
        room = self._room(TimeLapse.objects.all())
        return claim_timelapses(self._selection.timelapses().values_list("pk", flat=True)[:room])

    def _old_stills(self) -> int:
        old = self._selection.old_stills().values_list("pk", flat=True)
        return len(claim_hours(old[: self._room(stills())]))

    def _too_many_stills(self, gone: int) -> int:
        room = max(0, self._room(stills()) - gone)
        return len(claim_hours(one.pk for one in self._selection.too_many_stills(room=room))) if room else 0

    def _home_size(self) -> int | None:
        found = self._disk_size(storages.home())
        return found[1] if found is not None else None


def disks(size_of: Callable[[str], tuple[int, int] | None]) -> list[Disk]:
    """The disks on which storages lie; those that cannot be reached are left out."""
    found: dict[int, Disk] = {}
    for pk, path in Storage.objects.values_list("pk", "path"):
        one = size_of(path)
        if one is not None:
            found.setdefault(one[0], Disk([], one[1])).storages.append(pk)
    return list(found.values())


def size_of_disk(folder: str) -> tuple[int, int] | None:
    """Which disk a folder is on, and that one's bytes; None where the folder is not there."""
    try:
        stat = os.statvfs(folder)
        return Path(folder).stat().st_dev, stat.f_blocks * stat.f_frsize
    except OSError:
        return None
