"""The MJPEG stream and the newest picture, through the real server."""

import base64
import http.client
import io
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from PIL import Image

from accounts.models import ApiToken, Role, User
from camera.live import hub as hub_module
from camera.live import mjpeg
from camera.live.mjpeg import placeholder_jpeg, placeholder_part
from camera.models import Camera, Grant
from camera.packets import REASON_TEXT, StateName
from main import viewings, watchers
from main.models import LogLine, SiteSettings, ViewingSession
from tests.house import wait_for
from tests.live_house import DOT, Voice, Web, cookie_of, read_part

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def bobs(bob: User, bob_watches: Grant) -> dict[str, str]:
    """Headers of bob's television."""
    return {"Authorization": f"Bearer {ApiToken.objects.issue(bob, 'tv')[1]}"}


def opened(web: Web, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    reply = web.get(path, **headers)
    assert reply.status == 200
    return reply


def stamped(reply: http.client.HTTPResponse) -> tuple[float, bytes]:
    """The next real picture: its capture time and bytes."""
    while True:
        headers, body = read_part(reply)
        if "X-Timestamp" in headers:
            assert headers["Content-Type"] == "image/jpeg"
            return float(headers["X-Timestamp"]), body


def test_viewers_get_the_bytes_the_camera_sent(web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]) -> None:
    voice.online(yard.pk)
    reply = opened(web, "/live/yard/stream.mjpg", bobs)
    assert reply.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    assert "no-store" in reply.headers["Cache-Control"] and "Content-Encoding" not in reply.headers
    wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
    at = voice.frame(yard.pk, DOT + b"trailing bytes of an odd camera")
    assert stamped(reply) == (pytest.approx(at, abs=1e-6), DOT + b"trailing bytes of an odd camera")
    reply.close()


def test_a_slow_viewer_gets_the_newest_picture_and_no_queue(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    voice.online(yard.pk)
    SiteSettings.objects.update_or_create(pk=1, defaults={"viewer_fps": 60})
    slow, fast = (opened(web, "/live/yard/stream.mjpg", bobs) for _ in range(2))
    wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
    big = DOT + b"\0" * 1_000_000
    for _ in range(40):  # 40 MB, far more than the kernel keeps for a viewer that does not read
        voice.frame(yard.pk, big)
        stamped(fast)
    last = voice.frame(yard.pk, b"the newest")
    wait_for(lambda: stamped(fast)[1] == b"the newest", 5, "the newest picture at the fast viewer")
    got = 0
    while stamped(slow)[0] != pytest.approx(last, abs=1e-6):
        got += 1
    assert got < 20
    slow.close()
    fast.close()


def test_the_house_limits_each_viewer_by_skipping(web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"viewer_fps": 5})
    voice.online(yard.pk)
    reply = opened(web, "/live/yard/stream.mjpg", bobs)
    wait_for(lambda: hub_module.current_hub().viewer_fps == 5, 5, "the limit")
    began, times = time.monotonic(), []
    sent: dict[float, int] = {}
    for n in range(60):
        sent[round(voice.frame(yard.pk, DOT + bytes([n])), 6)] = n
        wait_for(lambda due=began + n / 30: time.monotonic() >= due, 5)
    voice.frame(yard.pk, b"end", time.time() + 1)
    while True:
        at, body = stamped(reply)
        if body == b"end":
            break
        times.append(at)
    assert 8 <= len(times) <= 13  # two seconds of thirty pictures each
    assert times == sorted(times)
    reply.close()


def test_a_camera_that_is_down_gives_a_placeholder_at_once_and_again(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mjpeg, "PLACEHOLDER_EVERY", 0.5)
    voice.offline(yard.pk, "AUTH_FAILED")
    wait_for(lambda: hub_module.current_hub().state(yard.pk).state == "offline", 5, "the state")
    began = time.monotonic()
    reply = opened(web, "/live/yard/stream.mjpg", bobs)
    for _ in range(3):
        headers, body = read_part(reply)
        assert headers["X-State"] == "offline; reason=AUTH_FAILED" and "X-Timestamp" not in headers
        assert Image.open(io.BytesIO(body)).size == (640, 360)
    assert 0.9 < time.monotonic() - began < 4
    reply.close()


def test_a_picture_that_stops_being_live_gives_way_to_the_reason(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]
) -> None:
    voice.online(yard.pk)
    reply = opened(web, "/live/yard/stream.mjpg", bobs)
    wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
    voice.frame(yard.pk)
    stamped(reply)
    voice.offline(yard.pk, "STALLED")
    headers, _ = read_part(reply)
    assert headers["X-State"] == "offline; reason=STALLED"
    voice.online(yard.pk, since=time.time())
    wait_for(lambda: hub_module.current_hub().state(yard.pk).state == "online", 5, "the state")
    voice.frame(yard.pk, b"back")
    assert stamped(reply)[1] == b"back"
    reply.close()


@pytest.mark.parametrize("reason", ["", *REASON_TEXT])
def test_placeholders_are_drawn_once_for_each_reason(reason: str) -> None:
    assert placeholder_part("offline", reason) is placeholder_part("offline", reason)
    picture = Image.open(io.BytesIO(placeholder_jpeg("offline", reason))).convert("L")
    light = [x for x in range(640) for y in range(360) if picture.getpixel((x, y)) > 120]
    assert light and min(light) > 20 and max(light) < 620  # words, and all of them inside


def test_frame_jpg_is_the_newest_picture(web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]) -> None:
    voice.online(yard.pk)
    wait_for(lambda: hub_module.current_hub().state(yard.pk).state == "online", 5, "the state")
    asked = web.get("/live/yard/stream.mjpg", **bobs)
    wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
    at = voice.frame(yard.pk, b"newest")
    stamped(asked)
    for method in ("GET", "HEAD"):
        reply = web.get("/live/yard/frame.jpg", method, **bobs)
        assert (reply.status, reply.headers["Content-Type"]) == (200, "image/jpeg")
        assert float(reply.headers["X-Timestamp"]) == pytest.approx(at, abs=1e-6)
        assert reply.read() == (b"newest" if method == "GET" else b"")
    asked.close()


def test_who_asks_for_the_head_of_a_stream_is_not_told_that_it_is_empty(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]
) -> None:
    voice.online(yard.pk)
    reply = web.get("/live/yard/stream.mjpg", "HEAD", **bobs)
    assert reply.status == 200 and reply.headers["Content-Type"].startswith("multipart/x-mixed-replace")
    assert "Content-Length" not in reply.headers and reply.read() == b""
    assert not ViewingSession.objects.filter(left_at=None, ended_at=None, transport="mjpeg").exists()


def test_frame_jpg_says_why_there_is_none(web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]) -> None:
    def error() -> tuple[int, dict[str, str]]:
        reply = web.get("/live/yard/frame.jpg", **bobs)
        return reply.status, json.loads(reply.read())["error"]

    voice.online(yard.pk)
    wait_for(lambda: hub_module.current_hub().state(yard.pk).state == "online", 5, "the state")
    began = time.monotonic()
    status, said = error()
    assert (status, said["code"]) == (503, "no_picture") and 1.8 < time.monotonic() - began < 3.5
    voice.offline(yard.pk, "NO_SIGNAL")
    wait_for(lambda: hub_module.current_hub().state(yard.pk).state == "offline", 5, "the state")
    assert error() == (503, {"code": "no_signal", "message": "No picture: the camera does not answer."})


@pytest.mark.faults
def test_without_an_engine_frame_jpg_says_so(web: Web, yard: Camera, bobs: dict[str, str]) -> None:
    reply = web.get("/live/yard/frame.jpg", **bobs)
    assert reply.status == 503 and json.loads(reply.read())["error"]["code"] == "engine_down"


@pytest.mark.parametrize("path", ["/live/yard/stream.mjpg", "/live/yard/frame.jpg", "/live/nowhere/stream.mjpg"])
def test_nobody_is_asked_who_they_are(path: str, web: Web, yard: Camera, alice: User) -> None:
    odd = base64.b64encode(b"x:nonsense").decode()
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Basic {odd}"}, {"Authorization": ""}):
        reply = web.get(path, **headers)
        assert reply.status == 401 and reply.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert json.loads(reply.read())["error"]["code"] == "unauthorized"
    # A wrong token is not healed by a log-in that is there as well.
    assert web.get(path, Authorization="Bearer nonsense", Cookie=cookie_of(alice)).status == 401
    assert not ViewingSession.objects.exists()


def test_a_token_may_be_the_password_of_basic(
    web: Web, voice: Voice, yard: Camera, bob: User, bob_watches: Grant
) -> None:
    voice.offline(yard.pk)
    secret = ApiToken.objects.issue(bob, "vlc")[1]
    word = base64.b64encode(f"anything:{secret}".encode()).decode()
    reply = opened(web, "/live/yard/stream.mjpg", {"Authorization": f"Basic {word}"})
    reply.close()


def end_of(reply: http.client.HTTPResponse) -> float:
    """Seconds until the stream ends."""
    began = time.monotonic()
    while reply.read1(65536):
        assert time.monotonic() - began < 11, "the stream goes on"
    return time.monotonic() - began


LOSSES: dict[str, Callable[[User, Grant, Client], object]] = {
    "log-out": lambda bob, grant, client: client.post("/accounts/logout/"),
    "disabled": lambda bob, grant, client: User.objects.filter(pk=bob.pk).update(is_active=False),
    "right": lambda bob, grant, client: grant.delete(),
    "password": lambda bob, grant, client: (bob.set_password("another word"), bob.save()),
    "camera": lambda bob, grant, client: Camera.objects.all().delete(),
}


@pytest.mark.faults
@pytest.mark.parametrize("loss", LOSSES)
def test_a_stream_ends_within_ten_seconds_of_losing_the_right(
    loss: str, web: Web, voice: Voice, yard: Camera, bob: User, bob_watches: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loss != "right":  # one of them at the real pace
        monkeypatch.setattr(watchers, "RIGHTS_EVERY", 0.3)
    voice.online(yard.pk)
    client = Client()
    client.force_login(bob)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    reply = opened(web, "/live/yard/stream.mjpg", {"Cookie": cookie})
    wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
    voice.frame(yard.pk)
    stamped(reply)
    LOSSES[loss](bob, bob_watches, client)
    assert end_of(reply) < 10
    wait_for(lambda: ViewingSession.objects.get().left_at, 2, "the end of the viewing")


def test_nobody_is_shown_anything_while_rights_cannot_be_asked(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "RIGHTS_EVERY", 0.2)
    monkeypatch.setattr(watchers, "RIGHTS_UNKNOWN", 0.8)

    def broken(*args: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    voice.online(yard.pk)
    reply = opened(web, "/live/yard/stream.mjpg", bobs)
    monkeypatch.setattr(watchers, "still_allowed", broken)
    assert end_of(reply) < 6


@pytest.mark.faults
def test_a_viewers_session_runs_from_open_to_close(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "SEEN_EVERY", 0.2)
    voice.online(yard.pk)
    reply = opened(web, "/live/yard/stream.mjpg", {**bobs, "User-Agent": "VLC/3.0"})
    wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
    voice.frame(yard.pk)
    stamped(reply)
    row = ViewingSession.objects.get()
    assert (row.transport, row.device, row.address) == ("mjpeg", "VLC", "127.0.0.1")
    wait_for(lambda: ViewingSession.objects.get().bytes > len(DOT), 5, "the bytes")
    assert ViewingSession.objects.get().last_seen_at > row.started_at
    began = time.monotonic()
    reply.close()
    wait_for(lambda: ViewingSession.objects.get().left_at, 3, "the leaving")
    wait_for(viewings.end_unseen, 10, "the end")
    assert time.monotonic() - began < 10
    assert list(LogLine.objects.order_by("pk").values_list("what", flat=True)) == ["opened", "closed"]
    wait_for(lambda: not voice.watched(yard.pk), 6, "the camera to be left alone")


def test_a_stream_of_a_page_joins_its_session(
    web: Web, voice: Voice, yard: Camera, bob: User, bob_watches: Grant
) -> None:
    voice.offline(yard.pk)
    cookie = cookie_of(bob)
    page = web.get("/live/yard/", Cookie=cookie).read().decode()
    address = page.split('src="/live/yard/stream.mjpg?page=')[1].split('"')[0]
    replies = [opened(web, f"/live/yard/stream.mjpg?page={address}", {"Cookie": cookie}) for _ in range(2)]
    assert ViewingSession.objects.count() == 1
    without = opened(web, "/live/yard/stream.mjpg", {"Cookie": cookie})
    assert ViewingSession.objects.count() == 2
    for reply in [*replies, without]:
        reply.close()


def test_single_pictures_are_one_session_and_one_write(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]
) -> None:
    voice.online(yard.pk)
    wait_for(lambda: hub_module.current_hub().state(yard.pk).state == "online", 5, "the state")
    first = web.get("/live/yard/frame.jpg", **bobs)  # subscribes, and waits for a picture
    assert first.status == 503
    for n in range(10):
        voice.frame(yard.pk, b"picture %d" % n)
        assert web.get("/live/yard/frame.jpg", **bobs).status in (200, 503)
    row = ViewingSession.objects.get()
    assert row.transport == "frame" and LogLine.objects.count() == 1
    assert row.last_seen_at == row.started_at  # the others are written together, later


def test_a_session_ended_too_early_is_opened_anew_while_the_viewer_stays(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "SEEN_EVERY", 0.2)
    voice.online(yard.pk)
    reply = opened(web, "/live/yard/stream.mjpg", bobs)
    row = ViewingSession.objects.get()
    assert viewings.end_unseen(row.last_seen_at + viewings.UNSEEN * 2) == 1
    wait_for(lambda: ViewingSession.objects.filter(ended_at=None).exists(), 5, "the new session")
    reply.close()
    wait_for(lambda: not ViewingSession.objects.filter(ended_at=None, left_at=None).exists(), 5, "its leaving")
    assert list(LogLine.objects.order_by("pk").values_list("what", flat=True)) == ["opened", "closed", "opened"]


def test_streams_hold_no_thread_and_no_database_connection(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]
) -> None:
    voice.online(yard.pk)
    first = opened(web, "/live/yard/stream.mjpg", bobs)
    wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
    process, database = psutil.Process(), str(connection.settings_dict["NAME"])
    connection.close()

    def held() -> tuple[int, int]:
        return process.num_threads(), sum(one.path == database for one in process.open_files())

    threads, files = held()
    replies = [opened(web, "/live/yard/stream.mjpg", bobs) for _ in range(30)]
    wait_for(
        lambda: held()[0] <= threads + 8 and held()[1] <= files + 2, 10, "threads and connections to be given back"
    )
    for reply in [first, *replies]:
        reply.close()


def test_a_disabled_camera_is_told_as_switched_off(web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]) -> None:
    voice.online(yard.pk, state=StateName.DISABLED)
    wait_for(lambda: hub_module.current_hub().state(yard.pk).state == "disabled", 5, "the state")
    reply = web.get("/live/yard/frame.jpg", **bobs)
    assert reply.status == 503 and json.loads(reply.read())["error"]["code"] == "disabled"
    stream = opened(web, "/live/yard/stream.mjpg", bobs)
    assert read_part(stream)[0]["X-State"] == "disabled; reason="
    stream.close()


def test_one_who_may_read_the_log_alone_may_not_watch(web: Web, yard: Camera, charlie: User) -> None:
    Grant.objects.create(camera=yard, user=charlie, right="log")
    assert web.get("/live/yard/stream.mjpg", Cookie=cookie_of(charlie)).status == 403
    guest = User.objects.create_user("gail", role=Role.GUEST)
    assert web.get("/live/yard/stream.mjpg", Cookie=cookie_of(guest)).status == 404
