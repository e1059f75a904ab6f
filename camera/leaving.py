"""What goes with a camera that is deleted: its recordings, events, stills and time-lapses, marked as its row goes."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q, Sum
from django.utils import timezone

from camera.footage import Event, Recording
from camera.hours import HourUsage, TimeLapse
from camera.models import Camera
from camera.words import many, size

_STILLS = HourUsage.Kind.STILLS


@dataclass(frozen=True, slots=True)
class Footage:
    """What a camera has in the archive; `bytes` are those of the recordings."""

    recordings: int
    kept: int
    bytes: int
    events: int
    stills: int = 0
    stills_bytes: int = 0
    timelapses: int = 0
    timelapses_bytes: int = 0

    @property
    def is_something(self) -> bool:
        return bool(self.recordings or self.events or self.stills or self.timelapses)

    def __str__(self) -> str:
        """«12 recordings (84 MB), 3 events and 40 stills (2 MB)», or nothing."""
        # One that is still being written has no size yet.
        parts = [
            _told(self.recordings, "recording", self.bytes),
            _told(self.events, "event"),
            _told(self.stills, "still", self.stills_bytes),
            _told(self.timelapses, "time-lapse", self.timelapses_bytes),
        ]
        *first, last = [part for part in parts if part] or [""]
        return f"{', '.join(first)} and {last}" if first else last


def _told(count: int, one: str, taken: int = 0) -> str:
    return many(count, one) + (f" ({size(taken)})" if taken else "") if count else ""


def footage_of(camera: Camera) -> Footage:
    """Without what is about to be deleted anyhow."""
    found = Recording.objects.filter(camera=camera, delete_requested_at=None).aggregate(
        recordings=Count("pk"), kept=Count("pk", filter=Q(kept_at__isnull=False)), bytes=Sum("bytes")
    )
    events = Event.objects.filter(camera=camera, delete_requested_at=None).count()
    stills = HourUsage.objects.filter(camera=camera, kind=_STILLS, delete_requested_at=None).aggregate(
        files=Sum("files"), bytes=Sum("bytes")
    )
    films = TimeLapse.objects.filter(camera=camera, delete_requested_at=None).aggregate(
        count=Count("pk"), bytes=Sum("bytes")
    )
    return Footage(
        found["recordings"], found["kept"], found["bytes"] or 0, events,
        stills["files"] or 0, stills["bytes"] or 0, films["count"], films["bytes"] or 0,
    )  # fmt: skip


def let_go(camera: Camera) -> None:
    """Mark everything the camera has for the engine to delete; it is on no page from now. Call in a transaction."""
    now = timezone.now()
    for rows in (Recording.objects, Event.objects, TimeLapse.objects):
        rows.filter(camera=camera, delete_requested_at=None).update(delete_requested_at=now)
    # The newest hours may not have been counted yet: they go all the same.
    hour = now.replace(minute=0, second=0, microsecond=0)
    HourUsage.objects.bulk_create(
        [
            HourUsage(camera=camera, camera_slug=camera.slug, hour=at, kind=_STILLS)
            for at in (hour - timedelta(hours=1), hour)
        ],
        ignore_conflicts=True,
    )
    stills = HourUsage.objects.filter(camera_slug=camera.slug, kind=_STILLS, delete_requested_at=None)
    stills.update(delete_requested_at=now)
