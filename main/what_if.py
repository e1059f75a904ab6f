"""What would go if the limits were others, told before they are saved. Retention takes the same: camera/engine/
selection.py chooses for both."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.utils import timezone

from camera.engine import storages
from camera.engine.retention import disks, size_of_disk
from camera.engine.selection import GB, Limits, Own, Selection, unkept
from camera.models import Camera, HourUsage, Recording
from camera.words import many, size, span

# The pace is told from so many days; of less than the second figure it is not known yet.
PACE_DAYS, LEAST_DAYS = 7, 0.25


@dataclass(frozen=True, slots=True)
class Outcome:
    """What goes: counts and bytes. `left`: seconds since the oldest recording that stays; None when none does."""

    recordings: int = 0
    bytes: int = 0
    spared: int = 0
    left: float | None = None
    events: int = 0
    hours: int = 0
    stills: int = 0
    stills_bytes: int = 0
    timelapses: int = 0

    @property
    def is_nothing(self) -> bool:
        return not (self.recordings or self.events or self.hours or self.timelapses)

    def sentences(self) -> list[str]:
        """For the pages, before saving."""
        told = ["Nothing goes: all that there is fits these limits."] if self.is_nothing else [self._recordings()]
        if self.hours:
            pictures = f"{many(self.stills, 'picture')}, {size(self.stills_bytes)}"
            told.append(f"Removes the stills of {many(self.hours, 'hour')} ({pictures}).")
        if self.events:
            told.append(f"Removes {many(self.events, 'event')} with their pictures.")
        if self.timelapses:
            told.append(f"Removes {many(self.timelapses, 'time-lapse')}.")
        return told

    def _recordings(self) -> str:
        if not self.recordings:
            return "Removes no recording."
        keeps = "Keeps nothing of the recordings" if self.left is None else f"Keeps {span(self.left)} of recordings"
        spares = f", spares {self.spared} kept" if self.spared else ""
        return f"{keeps}, removes {many(self.recordings, 'recording')} ({size(self.bytes)}){spares}."

    def __str__(self) -> str:
        """«240 recordings (38 GB) and 3 events», or nothing: for the message after saving."""
        parts = [
            f"{many(self.recordings, 'recording')} ({size(self.bytes)})" if self.recordings else "",
            many(self.events, "event") if self.events else "",
            f"the stills of {many(self.hours, 'hour')} ({size(self.stills_bytes)})" if self.hours else "",
            many(self.timelapses, "time-lapse") if self.timelapses else "",
        ]
        *first, last = [part for part in parts if part] or [""]
        return f"{', '.join(first)} and {last}" if first else last


def for_camera(camera: Camera, days: int | None, gigabytes: float | None) -> Limits:
    """The limits in force, with others of this camera's own."""
    now = Limits.now()
    return replace(now, cameras={**now.cameras, camera.pk: Own(days, gigabytes)})


def after_saving(camera: Camera, changed: Iterable[str]) -> str:
    """What of it will go by the limits that were just saved; nothing where none was changed or nothing goes."""
    if not {"days_kept", "gigabytes_kept"} & {*changed}:
        return ""
    goes = str(reckon(Limits.now(), camera))
    return f"By its limits {goes} of it will be deleted within minutes." if goes else ""


def reckon(limits: Limits, camera: Camera | None = None, now: datetime | None = None) -> Outcome:
    """What retention takes by `limits`, of all cameras or of this one. A handful of queries, however much there is."""
    home = size_of_disk(storages.home())
    selection = Selection(limits, now or timezone.now(), disks(size_of_disk), home[1] if home else None)
    mine = Q() if camera is None else Q(camera=camera)
    # A file that is missing frees nothing.
    gone, there = selection.by_age(), ~Q(state=Recording.State.MISSING)
    aged = selection.too_old().filter(mine).aggregate(count=Count("pk"), bytes=Sum("bytes", filter=there))
    much = [one for one in selection.too_much(gone) if camera is None or one.camera == camera.pk]
    newest = max((one.started_at for one in much), default=None)
    stays = unkept().filter(mine & ~gone)
    spared = Recording.objects.remaining().filter(mine & (selection.old() | _until(newest)), kept_at__isnull=False)
    hours = selection.old_stills().filter(mine).aggregate(count=Count("pk"), files=Sum("files"), bytes=Sum("bytes"))
    crowded = selection.too_many_stills(selection.old_hours())
    crowded = [one for one in crowded if camera is None or one.camera == camera.pk]
    return Outcome(
        recordings=aged["count"] + len(much),
        bytes=(aged["bytes"] or 0) + sum(one.bytes for one in much),
        spared=spared.count(),
        left=_left(stays, {one.pk for one in much}, selection.now),
        events=selection.events().filter(mine).count() if camera is None else 0,
        hours=hours["count"] + len(crowded),
        stills=(hours["files"] or 0) + sum(one.files for one in crowded),
        stills_bytes=(hours["bytes"] or 0) + sum(one.bytes for one in crowded),
        timelapses=selection.timelapses().count() if camera is None else 0,
    )


def _until(newest: datetime | None) -> Q:
    return Q(pk__in=[]) if newest is None else Q(started_at__lte=newest)


def _left(rows: QuerySet[Recording], taken: set[int], now: datetime) -> float | None:
    """Seconds since the oldest of `rows` that is not among those taken."""
    for pk, at in rows.order_by("started_at", "pk").values_list("pk", "started_at").iterator(chunk_size=500):
        if pk not in taken:
            return max(0.0, (now - at).total_seconds())
    return None


def pace(camera: Camera | None = None, now: datetime | None = None) -> tuple[float, float] | None:
    """Bytes recorded in a day, and the days (7 at most) that this is told from; None while not known."""
    now = now or timezone.now()
    late = HourUsage.objects.filter(
        kind=HourUsage.Kind.RECORDINGS, hour__gte=now - timedelta(days=PACE_DAYS), hour__lt=now
    )
    found = late.filter(Q() if camera is None else Q(camera=camera)).aggregate(bytes=Sum("bytes"), first=Min("hour"))
    days = (now - found["first"]).total_seconds() / 86_400 if found["first"] else 0.0
    return (found["bytes"] / days, days) if found["bytes"] and days >= LEAST_DAYS else None


def pace_words(gigabytes: float | None, camera: Camera | None = None, now: datetime | None = None) -> str:
    """«At the pace of the last 7 days the limit of 50 GB lasts 4.2 days.»; nothing while the pace is not known."""
    known = pace(camera, now)
    if known is None:
        return ""
    daily, days = known
    of = f"At the pace of the last {days_words(days)}"
    if gigabytes is not None:
        return f"{of} the limit of {gigabytes:g} GB lasts {days_words(gigabytes * GB / daily)}."
    return f"{of} {'it records' if camera is not None else 'the cameras record'} {size(daily)} a day."


def days_words(days: float) -> str:
    """«4.2 days», «7 days», «5 hours», «over a year»."""
    if days >= 366:
        return "over a year"
    if days < 1:
        return many(max(1, round(days * 24)), "hour")
    return f"{days:.1f} days" if days < 6.95 else many(round(days), "day")


def stills_words(camera: Camera, every: int, days: int) -> str:
    """What a still every so many seconds takes, by the size of this camera's newest ones."""
    if not every:
        return "No further stills are taken; those that there are go as they grow old."
    late = HourUsage.objects.filter(camera=camera, kind=HourUsage.Kind.STILLS).order_by("-hour")
    newest = list(late.values_list("files", "bytes")[:24])
    files, taken = sum(one[0] for one in newest), sum(one[1] for one in newest)
    a_day = 86_400 // every
    if not files:
        return f"A still every {every} s makes {a_day:,} a day while the camera is on."
    each = taken / files
    return (
        f"A still every {every} s makes {a_day:,} a day, about {size(a_day * each)}; "
        f"the {many(days, 'day')} that stills are kept take {size(a_day * each * days)}."
    )
