"""A screen of the house for tests: paired as an owner would do it, in a client that keeps its cookies."""

from typing import Any

from django.test import Client

from accounts.models import Device, User
from accounts.pairing import pair
from camera.models import Camera, Grant, Right

HTML = "text/html,*/*"
AGENT = "Mozilla/5.0 (X11; Linux aarch64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


def browser(address: str = "192.168.1.20", agent: str = AGENT) -> Client:
    """A browser that nobody knows."""
    return Client(headers={"accept": HTML, "user-agent": agent}, REMOTE_ADDR=address)


def code_on(screen: Client) -> str:
    """The code that it shows."""
    reply = screen.post("/kiosk/pair/")
    assert reply.status_code == 200, reply.content
    return str(reply.json()["code"])


def paired(owner: User, camera: Camera | None, screen: Client | None = None, **more: Any) -> tuple[Device, Client]:
    """A screen that rings at `camera`, and its browser, which has its cookie and a session."""
    screen = screen or browser()
    device = pair(code_on(screen), more.pop("name", "Front door"), owner, **more)
    if camera is not None:
        Device.objects.filter(pk=device.pk).update(camera=camera.pk)
        Grant.objects.create(camera=camera, user=device.user, right=Right.WATCH)
    assert screen.post("/kiosk/pair/").json() == {"paired": True}
    device.refresh_from_db()
    return device, screen
