"""Watches the disks that footage lies on: prunes before they fill, and holds recording before they are full.

The floor of a disk is the largest of 5 % of it, 1 GiB and one hour of recording, but never more than a quarter of it
(docs/decisions/0006-disk-floor.md says why). A little above the floor the oldest stills and then the oldest recordings
are pruned quietly; below it there is an alarm; at half of it, when nothing is left to prune, recording is held. It
resumes by itself.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db.models import Min, Q, QuerySet, Sum

from camera import ports
from camera.engine import storages
from camera.engine.alarms import Alarm
from camera.engine.deletion import BATCH, SECONDS, Deletion, claim
from camera.engine.still_deletion import claim_hours, over, stills
from camera.models import Event, HourUsage, Recording, Storage

logger = logging.getLogger(__name__)

FULL = "disk_full"
GIB = 1024**3
# Shares of the floor: pruning begins, pruning ends, recording goes on again after a hold, recording is held.
PRUNE, ENOUGH, RESUME, STOP = 1.1, 1.2, 0.75, 0.5
# A file that somebody still reads frees its space late; so long is waited before more is pruned. Seconds.
PAUSE = 5.0
# An alarm lasts at least so long after the disk was last low.
CALM = 10.0
ROOTS_EVERY, RATE_EVERY = 5.0, 600.0
# What an event's two pictures are taken to need.
_PICTURES = 128 * 1024

_held: dict[str, str] | None = None


def holds() -> dict[str, str]:
    """Why nothing may be recorded now, by storage folder: disk_full, storage_missing or storage_readonly.

    Before the first check it looks whether the storages are there: no camera may start into an empty mount point.
    """
    return _faults(_roots()) if _held is None else _held


def _roots() -> dict[str, int | None]:
    """Every storage with the id of its row; MEDIA_ROOT and the house's own choice also before they have one."""
    roots: dict[str, int | None] = dict(Storage.objects.values_list("path", "pk"))
    current = ports.policy().storage
    for path in (storages.home(), *([str(Path(current).resolve())] if current else ())):
        roots.setdefault(path, None)
    return roots


def _faults(roots: dict[str, int | None]) -> dict[str, str]:
    found = {root: storages.fault(root, storage) for root, storage in roots.items()}
    return {root: fault for root, fault in found.items() if fault}


def floor_of(size: int, hourly: float) -> int:
    """Bytes that stay free on a disk of `size` bytes on which `hourly` bytes are recorded in an hour."""
    return int(min(max(size * 0.05, GIB, hourly), size * 0.25))


@dataclass(slots=True)
class Filesystem:
    """A disk with the storages on it. Sizes in bytes; `free` is what an ordinary user may still write."""

    device: int
    size: int
    free: int
    roots: list[str]
    storages: list[int]
    has_events: bool = False


class Disk:
    """`check` once a second in the rows thread."""

    def __init__(
        self,
        deletion: Deletion,
        clock: Callable[[], float] = time.monotonic,
        statvfs: Callable[[str], os.statvfs_result] = os.statvfs,
    ) -> None:
        self._deletion, self._clock, self._statvfs = deletion, clock, statvfs
        self._low, self._missing = Alarm("disk_low"), Alarm(storages.MISSING)
        self._roots: dict[str, int | None] = {}
        self._roots_due = 0.0
        self._rates: dict[int, tuple[float, float]] = {}
        self._paused: dict[int, float] = {}
        self._full: set[int] = set()
        self._last_low: float | None = None

    def check(self) -> list[int]:
        """Look at every disk and do what is needed; ids of the system events to publish."""
        global _held  # noqa: PLW0603 (one engine a process; other threads read it whole)
        if self._clock() >= self._roots_due:
            self._roots, self._roots_due = _roots(), self._clock() + ROOTS_EVERY
        held = _faults(self._roots)
        before = _held or {}
        events = self._missing.set(bool(held))
        for disk in self._disks(held):
            if self._tend(disk):
                held |= dict.fromkeys(disk.roots, FULL)
        for root in held.keys() - before.keys():
            logger.error("nothing is recorded to %s: %s", root, held[root])
        for root in before.keys() - held.keys():
            logger.info("recording to %s may go on", root)
        _held = held
        calm = self._last_low is None or self._clock() - self._last_low > CALM
        return events + self._low.set(not calm)

    def _disks(self, held: dict[str, str]) -> list[Filesystem]:
        disks: dict[int, Filesystem] = {}
        for root, storage in self._roots.items():
            if root in held:
                continue
            try:
                device, stat = Path(root).stat().st_dev, self._statvfs(root)
            except OSError:
                held[root] = storages.MISSING
                continue
            size, free = stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize
            disk = disks.setdefault(device, Filesystem(device, size, free, [], []))
            disk.roots.append(root)
            disk.storages += [storage] if storage is not None else []
            disk.has_events |= root == storages.home()
        return list(disks.values())

    def _tend(self, disk: Filesystem) -> bool:
        """Whether recording to this disk is to be held."""
        floor = floor_of(disk.size, self._hourly(disk))
        if disk.free < floor:
            self._last_low = self._clock()
        if disk.free < PRUNE * floor:
            disk.free += self._prune(disk, floor)
        if disk.device in self._full:
            if disk.free >= RESUME * floor:
                self._full.discard(disk.device)
        elif disk.free < STOP * floor:
            self._full.add(disk.device)
        return disk.device in self._full

    def _prune(self, disk: Filesystem, floor: int) -> int:
        """Bytes freed. Nothing is given up where even all of it would not let recording go on."""
        unkept, old = self._unkept(disk), self._stills(disk)
        left: int = unkept.aggregate(sum=Sum("bytes"))["sum"] or 0
        small: int = old.aggregate(sum=Sum("bytes"))["sum"] or 0
        coming = self._coming(disk)
        pictures = self._pictures() if disk.has_events else Event.objects.none()
        shown = pictures.count() * _PICTURES if not left and disk.has_events else 0
        if disk.free + left + small + coming + shown < RESUME * floor:
            return 0
        if self._clock() < self._paused.get(disk.device, 0.0) and disk.free > STOP * floor:
            return 0
        need = int(ENOUGH * floor) - disk.free - coming
        freed = 0
        if small and need > 0:
            freed = self._prune_stills(disk, old, need)
            need -= small
        if left and need > 0:
            # Measured from the same beginning: the stills' share is in it.
            return self._prune_recordings(disk, unkept, need)
        if not left and not small and shown and disk.free < floor:
            self._prune_pictures(list(pictures.order_by("started_at", "pk")[:BATCH]))
        return freed

    def _coming(self, disk: Filesystem) -> int:
        """Bytes of what is marked and may go at any moment."""
        found = self._deletion.pending().filter(self._on(disk)).aggregate(sum=Sum("bytes"))["sum"] or 0
        if disk.has_events:
            found += self._deletion.stills.pending().aggregate(sum=Sum("bytes"))["sum"] or 0
        return int(found)

    def _prune_stills(self, disk: Filesystem, old: QuerySet[HourUsage], need: int) -> int:
        chosen: list[int] = []
        for pk, size in old.order_by("hour", "pk").values_list("pk", "bytes")[:BATCH]:
            if need <= 0:
                break
            chosen.append(pk)
            need -= size
        marked = list(HourUsage.objects.filter(pk__in=claim_hours(chosen)).order_by("hour", "pk"))
        gone, _ = self._deletion.stills.erase(marked, SECONDS)
        logger.info("%s: stills of %s of the oldest hours pruned to make room", disk.roots[0], len(gone))
        before = disk.free
        return max(0, self._free(disk) - before)

    def _prune_recordings(self, disk: Filesystem, unkept: QuerySet[Recording], need: int) -> int:
        chosen: list[int] = []
        for pk, size in unkept.order_by("started_at", "pk").values_list("pk", "bytes")[:BATCH]:
            if need <= 0:
                break
            chosen.append(pk)
            need -= size
        if not chosen:
            return 0
        marked = list(Recording.objects.filter(pk__in=claim(chosen)).select_related("storage").order_by("started_at"))
        went = self._deletion.erase(marked)
        logger.info("%s: %s of the oldest recordings pruned to make room", disk.roots[0], went)
        if need <= 0:
            self._paused[disk.device] = self._clock() + PAUSE
        before = disk.free
        return max(0, self._free(disk) - before)

    def _prune_pictures(self, events: list[Event]) -> None:
        gone = [event.pk for event in events if self._deletion.without_pictures(event)]
        Event.objects.filter(pk__in=gone).update(image="", clean_image="")

    def _free(self, disk: Filesystem) -> int:
        stat = self._statvfs(disk.roots[0])
        return stat.f_bavail * stat.f_frsize

    @staticmethod
    def _on(disk: Filesystem) -> Q:
        return Q(storage__in=disk.storages) & ~Q(state__in=(Recording.State.OPEN, Recording.State.MISSING))

    @staticmethod
    def _stills(disk: Filesystem) -> QuerySet[HourUsage]:
        """Hours of stills on this disk that are past; they lie beside the pictures of events."""
        return stills().filter(over(datetime.now(UTC))) if disk.has_events else HourUsage.objects.none()

    def _unkept(self, disk: Filesystem) -> QuerySet[Recording]:
        return Recording.objects.remaining().filter(self._on(disk), kept_at=None)

    @staticmethod
    def _pictures() -> QuerySet[Event]:
        shown = Event.objects.remaining().filter(ended_at__isnull=False).exclude(image="")
        return shown.exclude(recording__kept_at__isnull=False)

    def _hourly(self, disk: Filesystem) -> float:
        """Bytes recorded in an hour at the measured rate of the last day."""
        due, rate = self._rates.get(disk.device, (0.0, 0.0))
        if self._clock() < due:
            return rate
        now = datetime.now(UTC)
        day = Recording.objects.filter(self._on(disk), started_at__gt=now - timedelta(days=1), started_at__lte=now)
        sums = day.aggregate(bytes=Sum("bytes"), first=Min("started_at"))
        hours = max(1.0, (now - sums["first"]).total_seconds() / 3600) if sums["first"] else 1.0
        rate = (sums["bytes"] or 0) / hours
        self._rates[disk.device] = (self._clock() + RATE_EVERY, rate)
        return rate
