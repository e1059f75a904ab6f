"""What every page shows of the house: its name, its state in one phrase, and the rooms this person may enter."""

from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Role
from camera.access import Actor
from camera.live.hub import current_hub
from camera.models import Camera, Right
from camera.packets import StateName
from main.actors import session_actor
from main.models import SiteSettings

ROOMS = (
    ("wall", "Wall", (Role.OWNER, Role.MEMBER, Role.GUEST, Role.KIOSK)),
    ("logs", "Logs", (Role.OWNER, Role.MEMBER, Role.GUEST)),
    ("cameras", "Cameras", (Role.OWNER, Role.MEMBER)),
    ("people", "People", (Role.OWNER, Role.MEMBER)),
    ("settings", "Settings", (Role.OWNER,)),
)
# Pages that belong to a room and mark it in the navigation.
WITHIN = {
    "watch": "wall",
    "camera": "cameras",
    "camera_add": "cameras",
    "camera_delete": "cameras",
    "person": "people",
    "people_invite": "people",
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


class House:
    """Reads what a template asks for, and only then: error pages and plain replies cost no query."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def name(self) -> str:
        return SiteSettings.load().site_name

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
    def links(self) -> list[Link]:
        room = WITHIN.get(self.here, self.here)
        return [Link(reverse(name), label, name == room) for name, label, roles in ROOMS if self._role in roles]

    @property
    def tls_banner(self) -> bool:
        return settings.TLS == "off" and self._role == Role.OWNER


def house(request: HttpRequest) -> dict[str, object]:
    return {"house": House(request)}
