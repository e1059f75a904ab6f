"""What every page shows of the house: its name, its state in one phrase, and the rooms this person may enter."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from camera.access import Actor
from camera.live.hub import current_hub
from camera.models import Camera, Event, Right
from camera.packets import StateName
from main.actors import session_actor
from main.attention import Badge, badge
from main.door_words import replies
from main.footage_facts import disk_days, in_days
from main.models import SiteSettings
from main.notify.mqtt.standing import Standing, how_it_stands

Rooms = tuple[tuple[str, str, tuple[str, ...]], ...]
EVERYBODY = (Role.OWNER, Role.MEMBER, Role.GUEST)
# Where one looks: in the bar where it is wide. What is seen to more rarely follows in the menu.
ROOMS = (
    ("wall", "Live", (*EVERYBODY, Role.KIOSK)),
    ("events", "Events", EVERYBODY),
    ("recordings", "Recordings", EVERYBODY),
    ("snapshots", "Stills", EVERYBODY),
    ("logs", "Log", EVERYBODY),
    ("cameras", "Cameras", (Role.OWNER, Role.MEMBER)),
)
BACK_ROOMS = (
    ("rings", "At the door", EVERYBODY),
    ("webcam", "Webcam", (Role.OWNER, Role.MEMBER)),
    ("people", "People", (Role.OWNER, Role.MEMBER)),
    ("notifications", "Notifications", EVERYBODY),
    ("usage", "Space", (Role.OWNER, Role.MEMBER)),
    ("settings", "Settings", (Role.OWNER,)),
    ("outside", "From outside", (Role.OWNER,)),
)
# Pages that belong to a room and mark it in the navigation.
WITHIN = {
    "watch": "wall",
    "presets": "wall",
    "event": "events",
    "ring": "rings",
    "recording": "recordings",
    "recording_delete": "recordings",
    "recordings_several": "recordings",
    "snapshots_day": "snapshots",
    "snapshots_timelapse": "snapshots",
    "log_delete": "logs",
    "camera": "cameras",
    "camera_add": "cameras",
    "camera_delete": "cameras",
    "camera_discover": "cameras",
    "camera_switches": "cameras",
    "camera_key": "cameras",
    "join_links": "cameras",
    "person": "people",
    "people_invite": "people",
    "notify_rule": "notifications",
    "notify_rule_add": "notifications",
    "kiosks": "people",
    "kiosk_device": "people",
}


MOTIONS = (Event.Kind.MOTION, Event.Kind.PERSON, Event.Kind.VEHICLE, Event.Kind.ANIMAL)
# By the label of a system event: what is so, and what to do about it.
ALARMS = {
    "disk_low": (
        "A disk for recordings is nearly full. The oldest recordings make room; when none are left, recording stops. "
        "Free some space, keep fewer days, or choose another folder."
    ),
    "storage_missing": (
        "A folder for recordings is missing or cannot be written, so nothing is recorded there; live pictures go on. "
        "Connect and mount its disk, or choose another folder."
    ),
}


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    label: str
    current: bool


def phrase(actor: Actor) -> str:
    """The house in one phrase, told from the cameras this actor may watch."""
    hub = current_hub()
    if not hub.engine_up():
        return "The engine is down: no live pictures"
    cameras = list(Camera.objects.allowed(actor, Right.WATCH).filter(enabled=True).values_list("pk", flat=True))
    if not cameras:
        return "No cameras to watch"
    live = sum(hub.state(pk).state == StateName.ONLINE for pk in cameras)
    if live == len(cameras):
        return "1 camera live" if live == 1 else f"All {live} cameras live"
    return f"{live} of {len(cameras)} cameras live"


@dataclass(frozen=True, slots=True)
class Motion:
    """The newest motion of the last day that somebody may look back at."""

    camera: str
    at: datetime


def last_motion(actor: Actor) -> Motion | None:
    """Bounded to a day, so that a busy house's archive is not searched for a quiet camera."""
    since = timezone.now() - timedelta(days=1)
    events = Event.objects.allowed(actor, Right.PLAYBACK).filter(kind__in=MOTIONS, camera__isnull=False)
    found = events.filter(started_at__gt=since).values_list("camera__name", "started_at").first()
    return Motion(*found) if found else None


def open_alarms() -> list[str]:
    """What an owner has to see to, in words: one for each fault of the house that has not ended."""
    labels = Event.objects.filter(kind=Event.Kind.SYSTEM, ended_at=None).remaining()
    return [ALARMS.get(label, f"{label}.") for label in dict.fromkeys(labels.values_list("label", flat=True)[:5])]


class House:
    """Reads what a template asks for, and only then: error pages and plain replies cost no query."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def _settings(self) -> SiteSettings:
        return SiteSettings.load()

    @cached_property
    def name(self) -> str:
        return self._settings.site_name

    @cached_property
    def replies(self) -> list[str]:
        """What can be said at the door with one touch."""
        return replies(self._settings.ring_replies)

    @cached_property
    def badge(self) -> Badge:
        """What waits at the bell."""
        return badge(session_actor(self._request))

    @cached_property
    def here(self) -> str:
        match = self._request.resolver_match
        return (match.view_name or "") if match else ""

    @cached_property
    def _role(self) -> str:
        user = getattr(self._request, "user", None)
        return str(getattr(user, "role", ""))

    @cached_property
    def phrase(self) -> str:
        return phrase(session_actor(self._request))

    @cached_property
    def last_motion(self) -> Motion | None:
        return last_motion(session_actor(self._request))

    @cached_property
    def disk(self) -> str:
        """«11 days»: how much fits at the present pace. For owners, who can do something about it."""
        days = disk_days() if self._role == Role.OWNER else None
        return "" if days is None else in_days(days)

    @cached_property
    def alarms(self) -> list[str]:
        return open_alarms() if self._role == Role.OWNER else []

    @cached_property
    def links(self) -> list[Link]:
        """The rooms one looks into."""
        return self._links(ROOMS)

    @cached_property
    def back_links(self) -> list[Link]:
        """The rooms in which something is seen to."""
        return self._links(BACK_ROOMS)

    def _links(self, rooms: Rooms) -> list[Link]:
        room = WITHIN.get(self.here, self.here)
        return [Link(reverse(name), label, name == room) for name, label, roles in rooms if self._role in roles]

    @cached_property
    def broker(self) -> Standing | None:
        """How the house stands on its MQTT broker, for owners; None where it has none."""
        if settings.MQTT_URL is None or self._role != Role.OWNER:
            return None
        return how_it_stands() or Standing(words="The process that tells the broker is not running.")

    @property
    def tls_banner(self) -> bool:
        return settings.TLS == "off" and self._role == Role.OWNER


def house(request: HttpRequest) -> dict[str, object]:
    return {"house": House(request)}
