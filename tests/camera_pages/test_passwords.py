"""Passwords of cameras go in and never come out, and go to their own host only."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from camera.addresses import parse_source
from camera.models import Camera, Grant, Right
from main.forms import same_place
from main.models import AuditEntry
from tests.camera_house import SECRET, EngineEnd, form_values, password_of

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("rtsp://10.0.0.9/s1", True),
        ("rtsp://10.0.0.9/other?x=1", True),
        ("rtsp://10.0.0.9:554/s1", True),
        ("RTSP://10.0.0.9/s1", True),
        ("rtsps://10.0.0.9:554/s1", True),
        ("rtsp://10.0.0.8/s1", False),
        ("rtsp://10.0.0.9:8554/s1", False),
        ("rtsp://10.0.0.9.evil.example/s1", False),
        ("rtsp://10.0.0.9@evil.example/s1", False),
        ("rtsp://evil.example/10.0.0.9/s1", False),
        ("http://10.0.0.9/s1", False),
        ("pattern:", False),
    ],
)
def test_the_stored_password_goes_to_its_own_host_only(
    source: str, kept: bool, client_of: ClientOf, bob: User, door: Camera, engine: EngineEnd
) -> None:
    client = client_of(bob)
    values = form_values(client, "/cameras/door/") | {"source": source}
    tried = client.post("/cameras/test/", values | {"camera": "door"})
    assert tried.status_code == 200
    assert [tried_source["password"] for tried_source in engine.sources] == [SECRET if kept else ""]
    saved = client.post("/cameras/door/", values, follow=True)
    assert password_of(door) == (SECRET if kept else "")
    assert ("was not taken along" in saved.content.decode()) is (not kept)
    assert SECRET not in saved.content.decode() + tried.content.decode()


def test_a_password_typed_again_goes_to_the_new_host(
    client_of: ClientOf, bob: User, door: Camera, engine: EngineEnd
) -> None:
    client = client_of(bob)
    values = form_values(client, "/cameras/door/") | {"source": "rtsp://10.0.0.8/s1", "password": "n3w"}
    client.post("/cameras/test/", values | {"camera": "door"})
    assert engine.sources[-1]["password"] == "n3w"
    assert password_of(door) == SECRET
    client.post("/cameras/door/", values)
    assert password_of(door) == "n3w"
    client.post("/cameras/door/", values | {"source": "rtsp://x:fr0m@10.0.0.7/s1", "password": ""})
    assert password_of(door) == "fr0m"
    assert Camera.objects.get().username == "x"


def test_the_test_never_borrows_another_cameras_password(
    client_of: ClientOf, alice: User, bob: User, charlie: User, door: Camera, engine: EngineEnd
) -> None:
    values = {"source": "rtsp://10.0.0.9/s1", "username": "cam", "camera": "door"}
    assert client_of(charlie).post("/cameras/test/", values).status_code == 404
    Grant.objects.create(camera=door, user=charlie, right=Right.WATCH)
    assert client_of(charlie).post("/cameras/test/", values).status_code == 403
    assert client_of(charlie).post("/cameras/test/", values | {"camera": ""}).status_code == 200
    assert client_of(charlie).post("/cameras/test/", values | {"camera": "no-such"}).status_code == 404
    assert [source["password"] for source in engine.sources] == [""]


def test_removing_the_password(client_of: ClientOf, bob: User, door: Camera) -> None:
    client = client_of(bob)
    page = client.post("/cameras/door/", form_values(client, "/cameras/door/") | {"remove_password": "on"}, follow=True)
    assert password_of(door) == ""
    assert "taken along" not in page.content.decode()
    assert AuditEntry.objects.get().after == {"password": "«none»"}


def test_a_password_of_another_secret_key_is_asked_for_again(
    client_of: ClientOf, bob: User, door: Camera, settings: Any
) -> None:
    settings.SECRET_KEY = "another-key-than-the-one-the-password-was-sealed-with"
    client = Client()
    client.force_login(bob)
    assert "Type it again" in client.get("/cameras/door/").content.decode()


def test_a_password_in_the_query_is_hidden_and_kept(
    client_of: ClientOf, bob: User, door: Camera, engine: EngineEnd
) -> None:
    address = f"http://10.0.0.9/snap?user=a&pwd={SECRET}&channel=1"
    Camera.objects.update(kind="http", address=address, sealed_password="")
    client = client_of(bob)
    values = form_values(client, "/cameras/door/")
    assert values["source"] == "http://10.0.0.9/snap?user=***&pwd=***&channel=1"
    client.post("/cameras/test/", values | {"camera": "door"})
    assert engine.sources[-1]["address"] == address
    assert client.post("/cameras/door/", values | {"name": "N"}).status_code == 302
    assert Camera.objects.get().address == address
    moved = client.post("/cameras/door/", values | {"source": values["source"].replace("10.0.0.9", "evil")})
    assert "type the whole address again" in moved.content.decode()
    assert Camera.objects.get().address == address
    typed = client.post("/cameras/door/", values | {"name": "", "source": address})
    assert SECRET not in typed.content.decode()
    client.post("/cameras/door/", values | {"source": f"{address}&m=2"})
    assert Camera.objects.get().address == f"{address}&m=2"
    assert "pwd=***&channel=1&m=***" in str(AuditEntry.objects.first().after)  # type: ignore[union-attr]
    assert SECRET not in str(list(AuditEntry.objects.values()))


# --- secrets ---


def test_the_password_is_nowhere(
    client_of: ClientOf,
    alice: User,
    bob: User,
    charlie: User,
    door: Camera,
    engine: EngineEnd,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    engine.answer = ({"ok": False, "reason": "AUTH_FAILED", "detail": "refused"}, b"")
    Grant.objects.create(camera=door, user=charlie, right=Right.WATCH)
    seen = ""
    for user in (alice, bob, charlie):
        client = client_of(user)
        for path in (
            "/cameras/",
            "/cameras/door/",
            "/cameras/door/delete/",
            "/api/v1/cameras",
            "/api/v1/cameras/door",
            "/metrics",
        ):
            seen += client.get(path).content.decode()
        values = {
            "name": "",
            "source": f"rtsp://u:{SECRET}@10.0.0.9/s1",
            "password": SECRET,
            "poll_fps": "x",
            "camera": "door",
        }
        for path in ("/cameras/add/", "/cameras/door/", "/cameras/test/"):
            seen += client.post(path, values).content.decode()
            seen += client.post(path, values | {"camera": "", "poll_fps": ""}).content.decode()
    assert "rtsp://10.0.0.9/s1" in seen
    assert SECRET not in seen
    assert SECRET not in caplog.text
    assert SECRET not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("rtsp://h/a", "rtsp://H/b", True),
        ("rtsps://h/a", "rtsps://h/b", True),
        ("rtsps://h:1/a", "rtsp://h:1/a", False),
        ("https://h:1/a", "http://h:1/a", False),
        ("http://[fe80::1]/a", "http://[fe80::1]/b", True),
        ("rtsp://h:x/a", "rtsp://h/a", False),
        ("", "rtsp://h/a", False),
        ("nonsense", "rtsp://h/a", False),
    ],
)
def test_what_counts_as_the_same_place(old: str, new: str, same: bool) -> None:
    assert same_place("rtsp", old, parse_source(new)) is same
