"""The way into the outbox: what is to be told of an event stands beside its row, or neither is there."""

from camera.models import Event
from main.notify_models import Announcement, Topic

DISK_LOW = "disk_low"
# What an event may come to be after its beginning; all others are what they are from the first.
LATER = frozenset({Topic.RING, Topic.SPILL, Topic.PERSON, Topic.VEHICLE, Topic.ANIMAL})


def topic_of(event: Event) -> Topic:
    """What a rule calls this event."""
    if event.kind == Event.Kind.CAMERA_OFFLINE:
        # The engine's own word; other processes have no need of its rooms.
        from camera.engine.outages import NOTHING_SENT

        return Topic.SENDER_SILENT if event.label == NOTHING_SENT else Topic.CAMERA_OFFLINE
    if event.kind == Event.Kind.SYSTEM:
        return Topic.DISK_LOW if event.label == DISK_LOW else Topic.SYSTEM
    return Topic(event.kind)


def announce(event: Event, is_new: bool) -> None:
    """Have people told of `event`, once for each topic it comes to have; within the transaction of its row."""
    topic = topic_of(event)
    if is_new or topic in LATER:
        Announcement.objects.bulk_create([Announcement(event=event, topic=topic)], ignore_conflicts=True)
