"""The oil-spill server's addresses: what they tell, whom, and what opens and stops the stream."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiToken, User
from camera import keys
from camera.models import Camera, Grant, Right
from main.models import AuditEntry, SiteSettings
from main.pushing import keyring
from tests.footage_cast import happened, recorded
from tests.spill_cast import PASSWORD, flagged, spill_camera, spilled

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
NOON = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
KEY = {"X-Camera-Auth": PASSWORD}
READS = ("/api/status", "/api/oil_spill_events", "/api/detection_summary", "/api/frame", "/stream")
NEED_PLAYBACK = ("/api/oil_spill_events", "/api/detection_summary")


@pytest.fixture(autouse=True)
def _house(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.MEDIA_ROOT = tmp_path
    settings.CAMERA_PASSWORD = PASSWORD
    monkeypatch.setattr("main.programs.current_wrong_keys", keyring.WrongKeys())
    yield


@pytest.fixture
def spill(alice: User) -> Camera:
    return spill_camera(alice)


def told(path: str, **headers: str) -> Any:
    reply = Client().get(path, headers=KEY | headers)
    assert reply.status_code == 200, (path, reply.status_code, reply.content)
    assert reply["Content-Type"] == "application/json"
    return reply.json()


def ask(what: str, body: object, client: Client | None = None) -> tuple[int, object]:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    reply = (client or Client(enforce_csrf_checks=True)).post(f"/api/{what}", data, content_type="application/json")
    is_json = reply["Content-Type"] == "application/json"
    return reply.status_code, reply.json() if is_json else reply.content.decode()


def test_before_anything_has_come(spill: Camera) -> None:
    before = datetime.now(UTC).timestamp()
    status = told("/api/status")
    assert before <= status.pop("server_time") <= datetime.now(UTC).timestamp()
    assert status == {
        "stream_active": False,
        "last_frame_time": 0.0,
        "frame_age_seconds": None,
        "oil_spill_detected": False,
        "oil_spill_events": 0,
    }
    assert told("/api/oil_spill_events") == []
    assert told("/api/detection_summary") == {
        "current_status": "Normal: No oil spill detected",
        "total_events": 0,
        "last_detection": None,
    }
    for path, words in (("/stream", "No active stream"), ("/api/frame", "No frame available")):
        reply = Client().get(path, headers=KEY)
        assert (reply.status_code, reply.content.decode()) == (503, words)
        assert reply["Content-Type"].startswith("text/plain")


def test_a_spill_that_goes_on_and_one_that_is_over(spill: Camera) -> None:
    over = spilled(spill, NOON, NOON + timedelta(seconds=1), ended_at=NOON + timedelta(seconds=2))
    summary = told("/api/detection_summary")
    assert summary == {
        "current_status": "Normal: No oil spill detected",
        "total_events": 2,
        "last_detection": "2026-03-01T12:00:06.000000+00:00",
    }
    late = spilled(spill, NOON - timedelta(days=1, milliseconds=250))
    status = told("/api/status")
    assert (status["oil_spill_detected"], status["oil_spill_events"], status["stream_active"]) == (True, 3, True)
    assert status["last_frame_time"] == (NOON + timedelta(seconds=1)).timestamp()
    assert status["frame_age_seconds"] == pytest.approx(status["server_time"] - status["last_frame_time"])
    assert told("/api/detection_summary")["current_status"] == "ALERT: Oil spill detected"
    # Oldest first by when they were taken, not by when they came.
    first, *others = told("/api/oil_spill_events")
    assert first == {
        "timestamp": "20260228_120004",
        "datetime": "2026-02-28T12:00:04.750000+00:00",
        "frame_path": f"/events/stills/{late.stills.get().pk}/",
    }
    assert [one["frame_path"] for one in others] == [f"/events/stills/{one.pk}/" for one in over.stills.all()]
    assert [one["timestamp"] for one in others] == ["20260301_120005", "20260301_120006"]


def test_only_spills_of_this_camera_that_are_still_there_count(spill: Camera, yard: Camera) -> None:
    ring = happened(spill, NOON, kind="ring", ended_at=None)
    flagged(ring, NOON, ring.uid)
    spilled(yard, NOON)
    spilled(spill, NOON, delete_requested_at=NOON)
    assert told("/api/oil_spill_events") == []
    assert told("/api/detection_summary")["current_status"] == "Normal: No oil spill detected"
    status = told("/api/status")
    assert (status["oil_spill_detected"], status["oil_spill_events"]) == (False, 0)


@pytest.mark.parametrize("path", READS)
def test_who_is_told(
    path: str, spill: Camera, yard: Camera, alice: User, bob: User, charlie: User, client_of: ClientOf
) -> None:
    open_to = 503 if path in ("/stream", "/api/frame") else 200  # nothing has come yet
    needs_playback = path in NEED_PLAYBACK
    Grant.objects.create(camera=spill, user=bob, right=Right.WATCH)
    assert client_of(alice).get(path).status_code == open_to
    assert client_of(bob).get(path).status_code == (403 if needs_playback else open_to)
    Grant.objects.create(camera=spill, user=bob, right=Right.PLAYBACK)
    assert client_of(bob).get(path).status_code == open_to
    assert client_of(charlie).get(path).status_code == 404
    nobody = Client().get(path)
    assert (nobody.status_code, nobody.content) == (401, b"Unauthorized")
    for user, expected in ((bob, open_to), (charlie, 404)):
        bearer = {"Authorization": f"Bearer {ApiToken.objects.issue(user, 'x')[1]}"}
        assert Client().get(path, headers=bearer).status_code == expected
    scoped = ApiToken.objects.issue(alice, "x", ["log"])[1]
    assert Client().get(path, headers={"Authorization": f"Bearer {scoped}"}).status_code == 403
    key = keys.issue(spill)
    Camera.objects.filter(pk=yard.pk).update(kind="push")
    other = keys.issue(yard)
    for secret, expected in ((PASSWORD, open_to), (key, open_to), (other, 404), ("wrong", 401), ("", 401)):
        assert Client().get(path, headers={"X-Camera-Auth": secret}).status_code == expected, secret
    keys.revoke(spill)
    assert Client().get(path, headers={"X-Camera-Auth": key}).status_code == 401
    # What is there but wrong is not healed by what is there as well.
    assert client_of(alice).get(path, headers={"X-Camera-Auth": "wrong"}).status_code == 401
    assert Client().get(path, headers=KEY | {"Authorization": "Bearer wrong"}).status_code == 401
    assert client_of(alice).post(path).status_code == 405
    cross = client_of(alice).get(path, headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in cross.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("kind", ["", "rtsp"])
def test_without_such_a_camera(path: str, kind: str, alice: User, client_of: ClientOf) -> None:
    if kind:
        Camera.objects.create(name="Spill", slug="spill", kind=kind, address="rtsp://192.168.1.2/", keeper=alice)
    assert client_of(alice).get(path).status_code == 404
    assert Client().get(path).status_code == 401
    assert Client().get(path, headers=KEY).status_code == 401


def test_a_password_beyond_ascii(spill: Camera, settings: Any) -> None:
    settings.CAMERA_PASSWORD = "Öl am Pier 7"
    for as_sent in (settings.CAMERA_PASSWORD.encode().decode("latin-1"), settings.CAMERA_PASSWORD):
        assert Client().get("/api/status", HTTP_X_CAMERA_AUTH=as_sent).status_code == 200
    assert ask("start_stream", {"password": settings.CAMERA_PASSWORD})[0] == 200


def test_starting_and_stopping(spill: Camera) -> None:
    recorded(spill, NOON)
    assert told("/api/status")["stream_active"] is True  # opened by the first picture
    for what, words, active in (
        ("stop_stream", "Stream stopped", False),
        ("stop_stream", "Stream stopped", False),
        ("start_stream", "Stream started", True),
    ):
        assert ask(what, {"password": PASSWORD}) == (200, {"status": words})
        assert told("/api/status")["stream_active"] is active
    changes = AuditEntry.objects.order_by("pk").values_list("actor", "before", "after")
    assert list(changes) == [
        ("the program of spill", {"stream": "open with the first picture"}, {"stream": "stopped"}),
        ("the program of spill", {"stream": "stopped"}, {"stream": "open"}),
    ]


def test_started_before_the_first_picture(spill: Camera) -> None:
    assert ask("start_stream", {"password": PASSWORD})[0] == 200
    assert told("/api/status")["stream_active"] is True


@pytest.mark.parametrize("what", ["start_stream", "stop_stream"])
def test_only_the_password_counts(what: str, spill: Camera, alice: User, client_of: ClientOf, settings: Any) -> None:
    owner = client_of(alice)
    for body in ({"password": "wrong"}, {}, [], "null", {"password": None}, {"password": 7}, {"password": ["a"]},
                 {"password": "\ud800"}, {"password": ""}, {"password": keys.issue(spill)}):  # fmt: skip
        assert ask(what, body, owner) == (401, "Unauthorized"), body
    for body in ("", "{", b"\xff\xfe", "password=x", "[" * 100_000):
        assert ask(what, body)[0] == 400, body
    assert Client().get(f"/api/{what}").status_code == 405
    settings.CAMERA_PASSWORD = ""
    assert ask(what, {"password": ""}) == ask(what, {"password": PASSWORD}) == (401, "Unauthorized")
    assert SiteSettings.load().videostream_open is None


def test_start_and_stop_need_the_camera(alice: User) -> None:
    assert ask("start_stream", {"password": PASSWORD})[0] == 404
    assert SiteSettings.load().videostream_open is None


def test_guessing_is_slowed_down_at_every_door(spill: Camera) -> None:
    still = spilled(spill, NOON).stills.get()
    for number in range(50):
        assert ask("stop_stream", {"password": f"guess {number}"})[0] == 401
        assert Client().get("/api/status", headers={"X-Camera-Auth": f"guess {number}"}).status_code == 401
    # Now not even the right one is compared, so that nobody learns which it is.
    assert ask("stop_stream", {"password": PASSWORD})[0] == 429
    for path in (*READS, f"/events/stills/{still.pk}/"):
        reply = Client().get(path, headers=KEY)
        assert reply.status_code == 429 and int(reply["Retry-After"]) <= 61, path
    assert Client(REMOTE_ADDR="192.0.2.7").get("/api/status", headers=KEY).status_code == 200


def test_the_root_is_a_word_of_life_for_programs(alice: User, client_of: ClientOf) -> None:
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        reply = Client().get("/", headers=headers)
        assert (reply.status_code, reply.content.decode()) == (200, "Video Streaming Server is running")
    assert Client().get("/", headers={"Accept": "text/html"}).status_code == 302
    assert "Video Streaming" not in client_of(alice).get("/").content.decode()
