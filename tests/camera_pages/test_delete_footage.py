"""Deleting a camera: what goes with it is told before, and marked in the same transaction."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera.leaving import footage_of
from camera.models import Camera, Event, Recording
from main.models import AuditEntry
from tests.camera_house import EngineEnd
from tests.footage_cast import happened, recorded

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
PATH = "/cameras/door/delete/"


@pytest.fixture
def footage(door: Camera, yard: Camera) -> list[Recording]:
    """Two recordings (one kept) and one event of Door, one recording that goes already, one of Yard."""
    now = timezone.now()
    mine = [
        recorded(door, now - timedelta(hours=2), bytes=80_000_000, kept_at=now),
        recorded(door, now - timedelta(hours=1), bytes=4_000_000),
    ]
    happened(door, now, mine[0])
    recorded(door, now - timedelta(hours=3), bytes=7, delete_requested_at=now)
    recorded(yard, now)
    return mine


def words(reply: Any) -> str:
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", reply.content.decode()))


def test_the_page_tells_what_goes(client_of: ClientOf, bob: User, footage: list[Recording]) -> None:
    told = words(client_of(bob).get(PATH))
    assert "With it 2 recordings (84 MB) and 1 event" in told
    assert "1 of these recordings is marked as kept" in told and "Also delete the 1 kept one" in told
    Recording.objects.update(kept_at=None)
    assert "marked as kept" not in words(client_of(bob).get(PATH))


def test_a_camera_with_nothing_recorded_says_nothing_of_it(client_of: ClientOf, bob: User, door: Camera) -> None:
    told = words(client_of(bob).get(PATH))
    assert "With it" not in told and "kept" not in told
    assert client_of(bob).post(PATH).status_code == 302 and not Camera.objects.filter(slug="door").exists()


def test_kept_recordings_hold_the_camera(client_of: ClientOf, bob: User, footage: list[Recording]) -> None:
    reply = client_of(bob).post(PATH)
    assert reply.status_code == 200 and "Nothing was deleted" in words(reply)
    assert Camera.objects.filter(slug="door").exists() and not AuditEntry.objects.exists()
    assert Recording.objects.filter(delete_requested_at=None).count() == 3


def test_footage_goes_with_the_camera(
    client_of: ClientOf,
    bob: User,
    door: Camera,
    footage: list[Recording],
    engine: EngineEnd,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        reply = client_of(bob).post(PATH, {"kept_too": "on"}, follow=True)
    assert "Door is deleted, and with it 2 recordings (84 MB) and 1 event." in words(reply)
    gone = Recording.objects.filter(camera_slug="door")
    assert gone.count() == 3 and not gone.filter(delete_requested_at=None).exists()
    assert {(one.camera, one.camera_name) for one in gone} == {(None, "Door")}
    assert Event.objects.get().delete_requested_at is not None
    assert Recording.objects.get(camera_slug="yard").delete_requested_at is None
    assert AuditEntry.objects.get().before["footage"] == "2 recordings (84 MB) and 1 event"
    assert engine.wait_for("poke", {"camera": door.pk})


def test_when_the_camera_cannot_go_its_footage_stays(
    client_of: ClientOf, bob: User, door: Camera, footage: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise DatabaseError("no")

    monkeypatch.setattr(Camera, "delete", refuse)
    with pytest.raises(DatabaseError):
        client_of(bob).post(PATH, {"kept_too": "on"})
    assert footage_of(door).recordings == 2 and Event.objects.get().delete_requested_at is None
