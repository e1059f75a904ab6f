"""What retention takes by a set of limits: the same for the engine, which marks it, and for pages that tell it before.

Nothing is written here. The order is retention's own: recordings by age, each camera's bytes, the house's bytes or the
disks' share, oldest first; what is kept or still being recorded never.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Q, QuerySet, Sum

from camera import ports
from camera.engine.still_deletion import over, stills
from camera.models import Camera, Event, HourUsage, Recording, TimeLapse

GB = 1_000_000_000
DISK_SHARE, STILLS_SHARE = 0.8, 0.1
# What lies further in the future than this was dated by a clock that was wrong: it is left.
AHEAD = timedelta(minutes=5)


class Own(NamedTuple):
    """A camera's own limits; None: as the house."""

    days: int | None = None
    gigabytes: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Days that things are kept, and how many gigabytes of recordings (None: DISK_SHARE of each disk)."""

    recording_days: int = 14
    event_days: int = 60
    still_days: int = 2
    gigabytes: float | None = None
    cameras: Mapping[int, Own] = field(default_factory=dict)

    @classmethod
    def now(cls) -> "Limits":
        """Those in force."""
        policy = ports.policy()
        own = Camera.objects.filter(Q(days_kept__isnull=False) | Q(gigabytes_kept__isnull=False))
        cameras = {pk: Own(days, most) for pk, days, most in own.values_list("pk", "days_kept", "gigabytes_kept")}
        return cls(policy.recording_days, policy.event_days, policy.still_days, policy.gigabytes, cameras)


class Disk(NamedTuple):
    """A disk in bytes, with the ids of the storages on it."""

    storages: list[int]
    size: int


class Taken(NamedTuple):
    """A recording that goes for want of room."""

    pk: int
    bytes: int
    storage: int
    camera: int | None
    started_at: datetime


def unkept() -> QuerySet[Recording]:
    """What retention may take."""
    rows = Recording.objects.remaining().filter(kept_at=None)
    return rows.exclude(state=Recording.State.OPEN)


def counts() -> Q:
    """What uses space and is not about to go."""
    return ~Q(delete_requested_at__isnull=False) & ~Q(state=Recording.State.MISSING)


class Hour(NamedTuple):
    """An hour of one camera's stills that goes for want of room."""

    pk: int
    bytes: int
    files: int
    camera: int | None


class Selection:
    """By `limits` at `now`; `disks`: where the recordings lie, `home`: bytes of the disk with the stills."""

    def __init__(self, limits: Limits, now: datetime, disks: list[Disk], home: int | None = None) -> None:
        self.limits, self.now, self._disks, self._home = limits, now, disks, home

    def before(self, days: int) -> datetime:
        try:
            return self.now - timedelta(days=days)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)

    def old(self) -> Q:
        """The condition on Recording that its age is up: by its camera's own days, the house's where it has none."""
        own: dict[int, list[int]] = {}
        for pk, camera in self.limits.cameras.items():
            if camera.days is not None:
                own.setdefault(camera.days, []).append(pk)
        others = [pk for pks in own.values() for pk in pks]
        rest = Q(camera=None) | ~Q(camera__in=others) if others else Q()
        found = rest & Q(started_at__lt=self.before(self.limits.recording_days))
        for days, pks in own.items():
            found |= Q(camera__in=pks, started_at__lt=self.before(days))
        return found

    def by_age(self) -> Q:
        """As `old`, without what is never taken: for `gone`."""
        return self.old() & Q(kept_at=None) & ~Q(state=Recording.State.OPEN)

    def too_old(self) -> QuerySet[Recording]:
        return unkept().filter(self.old()).order_by("started_at", "pk")

    def too_much(self, gone: Q | None = None, room: int | None = None) -> list[Taken]:
        """At most `room` of the oldest that the limits in bytes take when what fits `gone` has gone already."""
        left = Q() if gone is None else ~gone
        taken: dict[int, Taken] = {}
        for rows, size in self._excesses(left, taken):
            if size <= 0:
                continue
            excess = size
            past = rows.filter(left, started_at__lte=self.now + AHEAD).exclude(state=Recording.State.MISSING)
            columns = past.order_by("started_at", "pk").values_list("pk", "bytes", "storage", "camera", "started_at")
            for one in columns.iterator(chunk_size=500):
                if excess <= 0 or (room is not None and len(taken) >= room):
                    break
                if one[0] not in taken:
                    taken[one[0]] = Taken(*one)
                    excess -= one[1]
        return list(taken.values())

    def _excesses(self, left: Q, taken: dict[int, Taken]) -> Iterator[tuple[QuerySet[Recording], float]]:
        """Rows to take from, with the bytes that are too much once what is in `taken` by then has gone."""
        present = Recording.objects.filter(counts() & left).order_by()
        own = {pk: camera.gigabytes for pk, camera in self.limits.cameras.items() if camera.gigabytes is not None}
        if own:
            used = present.filter(camera__in=list(own)).values("camera").annotate(sum=Sum("bytes"))
            for pk, size in used.values_list("camera", "sum"):
                yield unkept().filter(camera=pk), size - own[pk] * GB
        if self.limits.gigabytes is not None:
            size = present.aggregate(sum=Sum("bytes"))["sum"] or 0
            yield unkept(), size - sum(one.bytes for one in taken.values()) - self.limits.gigabytes * GB
            return
        for disk in self._disks:
            size = present.filter(storage__in=disk.storages).aggregate(sum=Sum("bytes"))["sum"] or 0
            size -= sum(one.bytes for one in taken.values() if one.storage in disk.storages)
            yield unkept().filter(storage__in=disk.storages), size - DISK_SHARE * disk.size

    def events(self) -> QuerySet[Event]:
        before = self.before(self.limits.event_days)
        old = Event.objects.remaining().filter(ended_at__isnull=False, started_at__lt=before)
        return old.filter(Q(recording=None) | Q(recording__kept_at=None)).order_by("started_at", "pk")

    def timelapses(self) -> QuerySet[TimeLapse]:
        old = TimeLapse.objects.filter(delete_requested_at=None, wanted_at__lt=self.before(self.limits.event_days))
        return old.order_by("wanted_at", "pk")

    def old_stills(self) -> QuerySet[HourUsage]:
        """Hours of stills of which the last is too old."""
        before = self.before(self.limits.still_days)
        return stills().filter(over(before)).order_by("hour", "pk")

    def too_many_stills(self, gone: Q | None = None, room: int | None = None) -> list[Hour]:
        """At most `room` hours, the oldest, of what is more than STILLS_SHARE of the disk; never one that goes on."""
        if self._home is None:
            return []
        rows = stills() if gone is None else stills().exclude(gone)
        excess = (rows.aggregate(sum=Sum("bytes"))["sum"] or 0) - STILLS_SHARE * self._home
        chosen: list[Hour] = []
        if excess <= 0:
            return chosen
        past = rows.filter(over(self.now)).order_by("hour", "pk").values_list("pk", "bytes", "files", "camera")
        for one in past[:room]:
            if excess <= 0:
                break
            chosen.append(Hour(*one))
            excess -= one[1]
        return chosen

    def old_hours(self) -> Q:
        """The condition of `old_stills`, for `gone`."""
        return over(self.before(self.limits.still_days))
