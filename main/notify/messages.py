"""What is told: one event, or several at once, in words that stand on a locked screen."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from camera.models import Event
from main.event_words import sentence, what
from main.notify.jobs import Action, Message
from main.notify_models import Delivery, Topic

# Later than this a message tells of the past.
LATE = timedelta(minutes=2)
LINES = 8
HOUSE_ADVICE = {
    "disk_low": "The oldest recordings make room; when none are left, recording stops.",
    "storage_missing": "Nothing is recorded there until it is back. Live pictures go on.",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One event for one reader: `looks_back` says whether they may see its page and picture."""

    delivery: Delivery
    event: Event
    topic: str
    looks_back: bool

    @property
    def camera(self) -> str:
        return (self.event.camera.name if self.event.camera else self.event.camera_name) or "The house"


def trial(name: str) -> Message:
    """What the test button sends."""
    words = f"This is how messages reach you on «{name}»."
    return Message("A trial message", words, "trial", "", "/notifications/", timezone.now().timestamp())


def code(secret: str) -> Message:
    """What a mailbox is asked for before anything else goes there."""
    words = f"The code is {secret}. If you have not asked for it, somebody has mistyped their address: do nothing."
    return Message("Confirm this address", words, "trial", "", "/notifications/", timezone.now().timestamp())


def one(told: Told, badge: int) -> Message:
    """About a single event."""
    event = told.event
    path = _path(told)
    actions: tuple[Action, ...] = (Action("look", "Look", path),)
    if told.topic == Topic.RING:
        actions = (Action("look", "Look", path), Action("answer", "Answer", path))
    return Message(
        title=_title(told),
        body=_body(told),
        tag=f"{'ring' if told.topic == Topic.RING else 'event'}-{event.pk}",
        topic=told.topic,
        path=path,
        at=event.started_at.timestamp(),
        actions=actions,
        badge=badge,
        picture_of=event.pk if told.looks_back and told.delivery.pictures and event.image else None,
        facts=facts(told),
    )


def several(all_told: list[Told], badge: int) -> Message:
    """About several, the most pressing first; the names of their cameras, and a line for each of the newest."""
    first = all_told[0]
    cameras = list(dict.fromkeys(told.camera for told in all_told))
    kinds = Counter(_kind(told) for told in all_told)
    counted = ", ".join(f"{kind} ×{number}" if number > 1 else kind for kind, number in kinds.items())
    places = ", ".join(cameras[:3]) + (f" and {len(cameras) - 3} more" if len(cameras) > 3 else "")
    newest = sorted(all_told, key=lambda told: told.event.started_at, reverse=True)
    lines = [f"{clock(told.event.started_at)} {told.camera}: {_kind(told).lower()}" for told in newest[:LINES]]
    if len(newest) > LINES:
        lines.append(f"and {len(newest) - LINES} more")
    return Message(
        title=f"{places}: {counted}",
        body="\n".join(lines),
        tag=f"several-{first.delivery.pk}",
        topic=first.topic,
        path=reverse("events") if any(told.looks_back for told in all_told) else "/",
        at=newest[0].event.started_at.timestamp(),
        badge=badge,
        facts={"events": [facts(told) for told in newest]},
    )


def facts(told: Told) -> dict[str, object]:
    """The event as programs get it; times in ISO 8601, UTC."""
    event = told.event
    return {
        "id": event.pk,
        "topic": told.topic,
        "kind": event.kind,
        "camera": event.camera_slug or None,
        "name": told.camera if event.camera_slug else None,
        "label": event.label,
        "started_at": event.started_at.isoformat(),
        "ended_at": event.ended_at.isoformat() if event.ended_at else None,
    }


def clock(at: datetime) -> str:
    """«14:02:31», with the day in front when that is not today; by the house's clock."""
    local = timezone.localtime(at)
    is_today = local.date() == timezone.localdate()
    return f"{local:%H:%M:%S}" if is_today else f"{local.day} {local:%b %H:%M:%S}"


def _path(told: Told) -> str:
    if told.topic == Topic.RING:
        return f"/rings/{told.event.pk}/"
    if told.looks_back:
        return reverse("event", args=[told.event.pk])
    return reverse("watch", args=[told.event.camera.slug]) if told.event.camera else "/"


def _is_late(event: Event) -> bool:
    return timezone.now() - event.started_at > LATE


def _title(told: Told) -> str:
    if told.topic == Topic.RING:
        return f"{told.camera}: somebody {'rang' if _is_late(told.event) else 'rings'}"
    if told.event.kind == Event.Kind.SYSTEM:
        return what(told.event)
    return f"{told.camera}: {_kind(told).lower()}"


def _kind(told: Told) -> str:
    """«Motion», «No pictures»; a system event in its own words."""
    if told.topic == Topic.RING:
        return "Somebody rang"
    if told.topic in (Topic.CAMERA_OFFLINE, Topic.SENDER_SILENT):
        return "No pictures"
    return what(told.event)


def _body(told: Told) -> str:
    event = told.event
    words = [f"{clock(event.started_at)}."]
    if event.kind == Event.Kind.CAMERA_OFFLINE:
        words = [f"Since {clock(event.started_at)}.", sentence(event)]
    elif event.kind == Event.Kind.SYSTEM and event.label in HOUSE_ADVICE:
        words.append(HOUSE_ADVICE[event.label])
    elif told.topic == Topic.RING and event.label:
        words.append(f"{event.label[0].upper()}{event.label[1:]}.")
    return " ".join(word for word in words if word)
