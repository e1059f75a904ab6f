"""/stream and /api/frame through the real server, and that several web processes agree on whether the stream runs."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as house_settings
from django.db import connection

from accounts.models import User
from camera import keys
from camera.live import hub as hub_module
from camera.models import Camera
from main import videostream, watchers
from main.models import LogLine, SiteSettings, ViewingSession
from tests.house import BASE, free_port, wait_for
from tests.live_house import DOT, Voice, Web, cookie_of, read_part
from tests.spill_cast import PASSWORD, spill_camera

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
KEY = {"X-Camera-Auth": PASSWORD}


@pytest.fixture(autouse=True)
def _password(settings: Any) -> None:
    settings.CAMERA_PASSWORD = PASSWORD


@pytest.fixture
def spill(alice: User) -> Camera:
    return spill_camera(alice)


@pytest.fixture
def voice(transactional_db: None) -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


def online(voice: Voice, camera: Camera) -> float:
    """The camera has sent a picture just now; when."""
    at = time.time()
    voice.online(camera.pk, last_frame_at=at)
    wait_for(lambda: hub_module.current_hub().state(camera.pk).last_frame_at == at, 5, "the state")
    return at


def opened(web: Web, **headers: str) -> http.client.HTTPResponse:
    reply = web.get("/stream", **(headers or KEY))
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    return reply


def end_of(reply: http.client.HTTPResponse) -> float:
    """Seconds until the stream ends."""
    began = time.monotonic()
    while reply.read1(65536):
        assert time.monotonic() - began < 6, "the stream goes on"
    return time.monotonic() - began


def tell(web: Web, what: str) -> None:
    client = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
    client.request("POST", f"/api/{what}", json.dumps({"password": PASSWORD}), {"Content-Type": "application/json"})
    assert client.getresponse().status == 200
    client.close()


def test_the_camera_watches_by_its_key_and_stands_in_the_log(web: Web, voice: Voice, spill: Camera) -> None:
    at = online(voice, spill)
    reply = opened(web)
    wait_for(lambda: voice.watched(spill.pk), 5, "the subscription")
    voice.frame(spill.pk, DOT + b"oil", at)
    headers, body = read_part(reply)
    assert (float(headers["X-Timestamp"]), body) == (pytest.approx(at, abs=1e-6), DOT + b"oil")
    row = ViewingSession.objects.get()
    assert (row.user_id, row.user_name, row.transport) == (None, "the program of spill", "mjpeg")
    line = LogLine.objects.get()
    assert (line.what, line.user_id, line.user_name, line.camera_name) == (
        "opened", None, "the program of spill", "Spill",
    )  # fmt: skip
    reply.close()
    wait_for(lambda: ViewingSession.objects.get().left_at, 5, "the end of the viewing")


def test_a_stop_ends_running_streams_and_a_start_lets_new_ones_in(
    web: Web, voice: Voice, spill: Camera, alice: User
) -> None:
    online(voice, spill)
    replies = [opened(web), opened(web, Cookie=cookie_of(alice))]
    tell(web, "stop_stream")
    began = time.monotonic()
    for reply in replies:
        end_of(reply)
    assert time.monotonic() - began < 2.5
    for path, words in (("/stream", b"No active stream"), ("/api/frame", b"No frame available")):
        reply = web.get(path, **KEY)
        assert (reply.status, reply.read()) == (503, words)
    wait_for(lambda: not ViewingSession.objects.filter(left_at=None).exists(), 3, "the end of both viewings")
    tell(web, "start_stream")
    again = opened(web)
    wait_for(lambda: voice.watched(spill.pk), 5, "the subscription")
    voice.frame(spill.pk)
    assert read_part(again)[1] == DOT
    again.close()


def test_a_stream_outlives_a_database_that_is_away_for_a_moment(
    web: Web, voice: Voice, spill: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away() -> bool:
        asked.append(time.monotonic())
        raise videostream.DatabaseError("locked")

    monkeypatch.setattr(videostream, "LOOK_EVERY", 0.1)
    online(voice, spill)
    reply = opened(web)
    wait_for(lambda: voice.watched(spill.pk), 5, "the subscription")
    with monkeypatch.context() as patch:
        patch.setattr(videostream, "wanted", away)
        wait_for(lambda: len(asked) >= 3, 5, "questions")
        voice.frame(spill.pk)
        assert read_part(reply)[1] == DOT
    tell(web, "stop_stream")
    assert end_of(reply) < 3


@pytest.mark.parametrize("loss", ["password", "key", "camera"])
def test_a_stream_ends_when_its_key_does(
    loss: str, web: Web, voice: Voice, spill: Camera, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "RIGHTS_EVERY", 0.3)
    online(voice, spill)
    secret = PASSWORD if loss == "password" else keys.issue(spill)
    reply = opened(web, **{"X-Camera-Auth": secret})
    wait_for(lambda: voice.watched(spill.pk), 5, "the subscription")
    voice.frame(spill.pk)
    read_part(reply)
    if loss == "password":
        settings.CAMERA_PASSWORD = "another one"
    elif loss == "key":
        keys.issue(spill)
    else:
        spill.delete()
    assert end_of(reply) < 4


def test_api_frame_is_the_newest_picture_also_of_a_slow_camera(web: Web, voice: Voice, spill: Camera) -> None:
    at = online(voice, spill)
    other = opened(web)
    wait_for(lambda: voice.watched(spill.pk), 5, "the subscription")
    at = voice.frame(spill.pk, DOT + b"old", at - 8)  # a picture each eight seconds
    hub = hub_module.current_hub()
    wait_for(lambda: hub.feed(spill.pk).newest is not None, 5, "the picture")
    for method in ("GET", "HEAD"):
        reply = web.get("/api/frame", method, **KEY)
        assert (reply.status, reply.headers["Content-Type"]) == (200, "image/jpeg")
        assert float(reply.headers["X-Timestamp"]) == pytest.approx(at, abs=1e-6)
        assert "no-store" in reply.headers["Cache-Control"]
        assert reply.read() == (DOT + b"old" if method == "GET" else b"")
    assert ViewingSession.objects.filter(transport="frame", user_name="the program of spill").count() == 1
    voice.offline(spill.pk)
    wait_for(lambda: hub.state(spill.pk).state == "offline", 5, "the state")
    SiteSettings.objects.update_or_create(pk=1, defaults={"videostream_open": True})
    reply = web.get("/api/frame", **KEY)
    assert (reply.status, reply.read()) == (503, b"No frame available")
    other.close()


def test_status_knows_the_newest_picture(web: Web, voice: Voice, spill: Camera) -> None:
    at = online(voice, spill)
    status = json.loads(web.get("/api/status", **KEY).read())
    assert (status["stream_active"], status["last_frame_time"]) == (True, at)
    assert status["frame_age_seconds"] == pytest.approx(status["server_time"] - at, abs=1e-6)


@pytest.mark.processes
def test_two_web_processes_agree(web: Web, voice: Voice, spill: Camera, tmp_path: Path) -> None:
    other = _OtherWeb(tmp_path)
    try:
        online(voice, spill)
        wait_for(lambda: other.status() and other.status()["stream_active"] is True, 20, "the other web process")
        here, there = opened(web), other.stream()
        assert there.status == 200
        tell(web, "stop_stream")
        assert end_of(there) < 2.5
        assert end_of(here) < 2.5
        assert other.status()["stream_active"] is False
        tell(web, "start_stream")
        assert other.status()["stream_active"] is True
    finally:
        other.stop()


class _OtherWeb:
    """Another web process with the same database and bus, as `serve` would start it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = kept | {
            "SECRET_KEY": house_settings.SECRET_KEY, "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
            "MEDIA_ROOT": str(folder), "RUN_DIR": str(house_settings.RUN_DIR), "CAMERA_PASSWORD": PASSWORD,
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "web", "--bind", f"127.0.0.1:{self.port}"], cwd=BASE, env=environment
        )

    def stream(self) -> http.client.HTTPResponse:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        client.request("GET", "/stream", headers=KEY)
        return client.getresponse()

    def status(self) -> dict[str, Any]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request("GET", "/api/status", headers=KEY)
            return dict(json.loads(client.getresponse().read()))
        except OSError:
            return {}
        finally:
            client.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
