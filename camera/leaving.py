"""What goes with a camera that is deleted: its recordings and events, marked as its row goes."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.utils import timezone

from camera.footage import Event, Recording
from camera.models import Camera
from camera.words import many, size


@dataclass(frozen=True, slots=True)
class Footage:
    """What a camera has in the archive; `bytes` are those of the recordings."""

    recordings: int
    kept: int
    bytes: int
    events: int

    def __str__(self) -> str:
        """«12 recordings (84 MB) and 3 events», or nothing."""
        parts = []
        if self.recordings:
            # One that is still being written has no size yet.
            parts.append(many(self.recordings, "recording") + (f" ({size(self.bytes)})" if self.bytes else ""))
        if self.events:
            parts.append(many(self.events, "event"))
        return " and ".join(parts)


def footage_of(camera: Camera) -> Footage:
    """Without what is about to be deleted anyhow."""
    found = Recording.objects.filter(camera=camera, delete_requested_at=None).aggregate(
        recordings=Count("pk"), kept=Count("pk", filter=Q(kept_at__isnull=False)), bytes=Sum("bytes")
    )
    events = Event.objects.filter(camera=camera, delete_requested_at=None).count()
    return Footage(found["recordings"], found["kept"], found["bytes"] or 0, events)


def let_go(camera: Camera) -> None:
    """Mark everything the camera has for the engine to delete; it is on no page from now. Call in a transaction."""
    for rows in (Recording.objects, Event.objects):
        rows.filter(camera=camera, delete_requested_at=None).update(delete_requested_at=timezone.now())
