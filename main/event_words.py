"""Events in words and pictures, for lists and for the page of one."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone

from camera.models import Event, Recording
from camera.words import span
from main.acknowledging import ASKING
from main.event_filter import KIND_WORDS, cursor

RECOGNISED = (Event.Kind.PERSON, Event.Kind.VEHICLE, Event.Kind.ANIMAL, Event.Kind.SPILL)
# What concerns the house, by its label; main/pages/context.py says what to do about it.
HOUSE_WORDS = {
    "disk_low": "The disk is nearly full",
    "storage_missing": "The folder for recordings cannot be reached",
}
# A recording is opened this many seconds before the event, to see how it came about.
BEFORE = 5.0


@dataclass(frozen=True, slots=True)
class Card:
    """One event as lists show it."""

    event: Event
    what: str
    # Empty for the house's own.
    camera: str
    going_on: bool
    how_long: str
    # The score as a quiet word, and what that word is about.
    score: str
    score_of: str
    cursor: str
    recording: str
    # Of a camera that was away: how long and why.
    sentence: str
    # Somebody should have seen to it and nobody has said so; and what must not be overlooked now.
    waits: bool
    urgent: bool

    @property
    def place(self) -> str:
        """« on Yard», « at Front door» for a ring, or nothing for the house's own."""
        if not self.camera:
            return ""
        return f" at {self.camera}" if self.event.kind == Event.Kind.RING else f" on {self.camera}"


def card(event: Event) -> Card:
    return Card(
        event,
        what=what(event),
        camera=event.camera.name if event.camera else event.camera_name,
        going_on=event.ended_at is None,
        how_long=how_long(event),
        score=score(event),
        score_of="How much of the picture moved" if event.kind == Event.Kind.MOTION else "How sure the house is",
        cursor=cursor(event),
        recording=moment(event),
        sentence=sentence(event),
        waits=event.kind in ASKING and event.acknowledged_at is None,
        urgent=event.kind == Event.Kind.SPILL and event.ended_at is None,
    )


def what(event: Event) -> str:
    """«Motion», «Person», «The disk is nearly full»."""
    kind: str = KIND_WORDS.get(event.kind, event.kind)  # type: ignore[call-overload]
    if event.kind == Event.Kind.SYSTEM:
        return HOUSE_WORDS.get(event.label, event.label.replace("_", " ") or kind)
    if event.kind == Event.Kind.CAMERA_OFFLINE:
        return kind
    return f"{kind}: {event.label}" if event.label and event.label != event.kind else kind


def sentence(event: Event) -> str:
    """«No pictures for 3 min: the camera does not answer.» Nothing for other kinds."""
    if event.kind != Event.Kind.CAMERA_OFFLINE:
        return ""
    time = how_long(event)
    return f"No pictures{' ' if time else ''}{time}{': ' if event.label else ''}{event.label}."


def how_long(event: Event) -> str:
    """«for 12 s», «for 3 min already»; nothing for what took no time."""
    end = event.ended_at or timezone.now()
    seconds = (end - event.started_at).total_seconds()
    if seconds < 1:
        return ""
    return f"for {span(seconds)}{'' if event.ended_at else ' already'}"


def score(event: Event) -> str:
    """Nothing where there is none, as of what a sender flagged."""
    if not event.score:
        return ""
    if event.kind == Event.Kind.MOTION:
        return "large" if event.score >= 0.6 else "medium" if event.score >= 0.2 else "small"
    if event.kind in RECOGNISED:
        return "clear" if event.score >= 0.75 else "likely" if event.score >= 0.4 else "faint"
    return ""


def shown_recording(event: Event) -> Recording | None:
    """The recording of it that is still there to be seen."""
    found = event.recording
    return found if found is not None and found.delete_requested_at is None else None


def moment(event: Event) -> str:
    """The address of its recording, shortly before it began; empty without one."""
    recording = shown_recording(event)
    if recording is None:
        return ""
    seconds = (event.started_at - recording.started_at).total_seconds() - BEFORE
    return f"{reverse('recording', args=[recording.pk])}?t={max(0, int(seconds))}"
