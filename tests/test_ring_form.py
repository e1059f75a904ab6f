"""A camera becomes a doorbell on its page, and gets a key to ring with, whatever its kind."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from camera import keys
from camera.engine.orders import RING_ROLL, can_ring, orders_for
from camera.engine.ring_rows import Ring
from camera.models import Camera
from camera.ports import Policy
from main.models import AuditEntry
from tests.camera_house import form_values, make_door

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
KEY = re.compile(r"fwc_[\w-]{43}")


@pytest.fixture
def door(bob: User) -> Camera:
    return make_door(bob)


def saved(client: Client, **values: Any) -> None:
    page = "/cameras/door/"
    reply = client.post(page, form_values(client, page) | values)
    assert reply.status_code == 302, reply.context["form"].errors


def test_a_camera_becomes_a_doorbell_and_gets_a_key(client_of: ClientOf, bob: User, door: Camera) -> None:
    client = client_of(bob)
    assert client.post("/cameras/door/key/", {"action": "new"}).status_code == 404
    assert "New key to ring with" not in client.get("/cameras/door/").content.decode()
    saved(client, doorbell="on")
    door.refresh_from_db()
    assert door.doorbell and AuditEntry.objects.last().after == {"somebody can ring here": True}  # type: ignore[union-attr]
    assert "New key to ring with" in client.get("/cameras/door/").content.decode()
    page = client.post("/cameras/door/key/", {"action": "new"}).content.decode()
    (secret,) = set(KEY.findall(page))
    assert "http://testserver/api/v1/cameras/door/ring" in page and "/frames" not in page
    lock = keys.locks()["door"]
    assert lock.opens(keys.digest(secret)) and not lock.pushes
    assert "Revoke key" in client.get("/cameras/door/").content.decode()


def test_the_key_goes_with_the_bell(client_of: ClientOf, bob: User, door: Camera) -> None:
    client = client_of(bob)
    saved(client, doorbell="on")
    keys.issue(Camera.objects.get())
    values = form_values(client, "/cameras/door/")
    del values["doorbell"]
    assert client.post("/cameras/door/", values).status_code == 302
    door.refresh_from_db()
    assert not door.doorbell and door.key_digest == "" and "door" not in keys.locks()


def test_a_sender_s_key_rings_too(client_of: ClientOf, bob: User) -> None:
    client = client_of(bob)
    values = form_values(client, "/cameras/add/") | {"name": "Pier", "source": "push:", "doorbell": "on"}
    page = client.post("/cameras/add/", values).content.decode()
    assert "/api/v1/cameras/pier/ring" in page and "/api/v1/cameras/pier/frames" in page
    assert "A program rings with the key with which it sends" in client.get("/cameras/pier/").content.decode()


@pytest.mark.parametrize(
    ("values", "roll", "pre_roll"),
    [
        ({}, 0.0, 5.0),
        ({"doorbell": True}, RING_ROLL, RING_ROLL),
        ({"abilities": ["doorbell"]}, RING_ROLL, RING_ROLL),
        ({"key_digest": "d1"}, RING_ROLL, 5.0),
        ({"doorbell": True, "pre_roll": 30.0}, 30.0, 30.0),
        ({"doorbell": True, "record": "off"}, 0.0, RING_ROLL),
    ],
)
def test_ten_seconds_are_at_hand_where_somebody_can_ring(
    door: Camera, values: dict[str, Any], roll: float, pre_roll: float
) -> None:
    for name, value in values.items():
        setattr(door, name, value)
    orders = orders_for(door, Policy())
    assert (orders.ring_roll, orders.pre_roll) == (roll, pre_roll)
    assert (orders.rang_at, orders.ring, "ring" in orders.reasons) == (0.0, "", False)
    assert can_ring(door) == bool(values)


@pytest.mark.parametrize(
    ("record", "house", "reasons"),
    [("", "off", ("ring",)), ("motion", "off", ("ring",)), ("off", "always", ()), ("always", "off", ("ring",))],
)
def test_a_ring_is_recorded_unless_the_camera_never_is(
    door: Camera, record: str, house: str, reasons: tuple[str, ...]
) -> None:
    door.record = record
    orders = orders_for(door, Policy(record=house), ring=Ring(1, "0000000f", door.pk, 100.0, 5.0))
    assert (orders.reasons, orders.rang_at, orders.ring) == (reasons, 100.0, "0000000f")
    for more in ({"has_picture": True}, {"is_over": True}):
        assert orders_for(door, Policy(), ring=Ring(1, "0000000f", door.pk, 100.0, 5.0, **more)).ring == ""
