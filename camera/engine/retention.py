"""Marks for deletion what is too old, and the oldest of what is too much. What is kept is never taken.

A clock that was set wrong must not empty the house: after a step of the wall clock, and at a start days away from when
the house last worked, no pass takes more than a tenth, and age counts only once an hour for a day.
"""

import logging
import math
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db.models import F, Q, QuerySet, Sum

from camera import ports
from camera.engine import storages
from camera.engine.deletion import claim, claim_events
from camera.models import Camera, Event, Recording, Storage

logger = logging.getLogger(__name__)

EVERY = 60.0
# Rows marked in one pass; when it did not suffice the next pass follows at once.
MOST = 500
# A wall clock that moves so many seconds more or less than time itself has been set.
STEP = 60.0
CAREFUL_FOR, CAREFUL_EVERY, CAREFUL_SHARE = 24 * 3600.0, 3600.0, 0.1
# A house that has not worked for so long was off, or its clock is wrong. Seconds.
QUIET = 2 * 24 * 3600.0
AHEAD = timedelta(minutes=5)
GB = 1_000_000_000
DISK_SHARE = 0.8


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
        room = self._room(Recording.objects.all())
        marked = self._by_age(room) if self._age_counts() else 0
        events = self._events() if self._age_counts() else 0
        if self._careful() and self._age_counts():
            self._age_due = self._clock() + CAREFUL_EVERY
        marked += self._by_bytes(room - marked)
        if not self._careful():
            storages.alive(self._wall())
        if max(marked, events) >= MOST:
            self._due = 0.0
        if marked or events:
            logger.info("retention marked %s recordings and %s events", marked, events)
        return marked + events

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

    def _room(self, rows: QuerySet[Recording] | QuerySet[Event]) -> int:
        if not self._careful():
            return MOST
        return min(MOST, math.floor(rows.filter(delete_requested_at=None).count() * CAREFUL_SHARE))

    def _by_age(self, room: int) -> int:
        """Each camera by its own days, the house's where it has none."""
        policy, marked = ports.policy(), 0
        own = (
            Camera.objects.exclude(days_kept=None).order_by("days_kept").values_list("days_kept", flat=True).distinct()
        )
        for days in [None, *own]:
            if days is None:
                rows = _unkept().filter(Q(camera=None) | Q(camera__days_kept=None))
            else:
                rows = _unkept().filter(camera__days_kept=days)
            old = rows.filter(started_at__lt=self._before(policy.recording_days if days is None else days))
            marked += len(claim(old.order_by("started_at", "pk").values_list("pk", flat=True)[: room - marked]))
        return marked

    def _events(self) -> int:
        before = self._before(ports.policy().event_days)
        old = Event.objects.remaining().filter(ended_at__isnull=False, started_at__lt=before)
        free = old.filter(Q(recording=None) | Q(recording__kept_at=None)).order_by("started_at", "pk")
        return claim_events(free.values_list("pk", flat=True)[: self._room(Event.objects.all())])

    def _before(self, days: int) -> datetime:
        try:
            return self._now() - timedelta(days=days)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)

    def _by_bytes(self, room: int) -> int:
        """Each camera's limit, then the house's, or that of the disks where the house sets none."""
        marked = 0
        limited = Camera.objects.exclude(gigabytes_kept=None).annotate(
            used=Sum("recordings__bytes", filter=_counts("recordings__"))
        )
        over = limited.filter(used__gt=F("gigabytes_kept") * GB)
        for pk, own, used in over.values_list("pk", "gigabytes_kept", "used"):
            marked += self._oldest(_unkept().filter(camera=pk), used - (own or 0) * GB, room - marked)
        most = ports.policy().gigabytes
        if most is not None:
            used = Recording.objects.filter(_counts()).aggregate(sum=Sum("bytes"))["sum"] or 0
            return marked + self._oldest(_unkept(), used - most * GB, room - marked)
        for ids, size in self._disks():
            used = Recording.objects.filter(_counts(), storage__in=ids).aggregate(sum=Sum("bytes"))["sum"] or 0
            marked += self._oldest(_unkept().filter(storage__in=ids), used - DISK_SHARE * size, room - marked)
        return marked

    def _oldest(self, rows: QuerySet[Recording], excess: float, room: int) -> int:
        """Mark the oldest until `excess` bytes are marked. What lies in the future is left."""
        if excess <= 0 or room <= 0:
            return 0
        chosen: list[int] = []
        past = rows.filter(started_at__lte=self._now() + AHEAD).exclude(state=Recording.State.MISSING)
        for pk, size in past.order_by("started_at", "pk").values_list("pk", "bytes")[:room]:
            if excess <= 0:
                break
            chosen.append(pk)
            excess -= size
        return len(claim(chosen))

    def _disks(self) -> list[tuple[list[int], int]]:
        """The storages on each disk, and the disk's size in bytes."""
        disks: dict[int, tuple[list[int], int]] = {}
        for pk, path in Storage.objects.values_list("pk", "path"):
            found = self._disk_size(path)
            if found is not None:
                disks.setdefault(found[0], ([], found[1]))[0].append(pk)
        return list(disks.values())


def size_of_disk(folder: str) -> tuple[int, int] | None:
    """Which disk a folder is on, and that one's bytes; None where the folder is not there."""
    try:
        stat = os.statvfs(folder)
        return Path(folder).stat().st_dev, stat.f_blocks * stat.f_frsize
    except OSError:
        return None


def _unkept() -> QuerySet[Recording]:
    """What retention may take."""
    rows = Recording.objects.remaining().filter(kept_at=None)
    return rows.exclude(state=Recording.State.OPEN)


def _counts(prefix: str = "") -> Q:
    """What uses space and is not about to go."""
    lost = Q(**{f"{prefix}state": Recording.State.MISSING})
    return ~Q(**{f"{prefix}delete_requested_at__isnull": False}) & ~lost
