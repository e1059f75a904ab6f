"""POST /api/v1/cameras/SLUG/frames in a real server, with a played engine: what is taken, and what is told to whom."""

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from camera import keys
from camera.live import hub
from camera.models import Camera
from main.pushing.door import PushDoor
from tests.house import wait_for
from tests.push_house import JPEG, PushHouse, jpeg, posted, push_house

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def house(settings: Any, tmp_path: Path) -> Iterator[PushHouse]:
    settings.RUN_DIR = tmp_path
    with push_house() as house:
        yield house


def test_a_picture_is_taken(house: PushHouse) -> None:
    before = time.time()
    told = house.post(Content_Type="image/jpeg")
    assert told.status == 202, told.body
    assert set(told.json) == {"taken", "late", "event", "rate", "server_time"}
    assert (told.json["taken"], told.json["late"], told.json["event"], told.json["rate"]) == (True, False, None, 30.0)
    assert before <= datetime.fromisoformat(told.json["server_time"]).timestamp() <= time.time()
    ((body, payload, _),) = house.engine.frames
    assert payload == JPEG
    assert before <= body.pop("captured_at") <= time.time()
    assert body == {
        "camera": house.camera.pk, "clock": "arrival", "late": False, "kind": "", "sender_id": "",
        "width": 64, "height": 48,
    }  # fmt: skip


def test_what_the_sender_says_goes_along(house: PushHouse) -> None:
    house.engine.answer = lambda body: {"ok": True, "event": "0123abcd", "known": True}
    at = time.time() - 1
    told = house.post(X_Captured_At=f"{at:.3f}", X_Event_Kind="spill", X_Event_Id="run 7/é".encode().decode("latin-1"))
    assert told.json["event"] == "0123abcd"
    (body,) = house.engine.bodies()
    assert (body["captured_at"], body["clock"], body["late"]) == (pytest.approx(at, abs=0.001), "source", False)
    assert (body["kind"], body["sender_id"]) == ("spill", "run 7/é")


def test_a_late_picture_is_told_to_be_late(house: PushHouse) -> None:
    at = datetime.fromtimestamp(time.time() - 60, UTC).isoformat()
    told = house.post(X_Captured_At=at)
    assert (told.status, told.json["late"]) == (202, True)
    assert house.engine.bodies()[0]["late"] is True


def test_replies_are_private_and_set_no_cookie(house: PushHouse) -> None:
    for told in (house.post(), house.post(key=None), house.post(b"", path="/api/upload_frame")):
        assert told.headers["Cache-Control"] == "private, no-store"
        assert told.headers["X-Content-Type-Options"] == "nosniff"
        assert told.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in told.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in told.headers


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("bad_image", 400, "bad_image"), ("busy", 429, "too_many_requests"), ("disk", 503, "disk"),
        ("camera_down", 503, "camera_down"), ("disabled", 503, "camera_disabled"), ("not_found", 503, "camera_down"),
        ("odd", 503, "engine_down"),
    ],
)  # fmt: skip
def test_the_engines_refusals_are_passed_on(code: str, status: int, told: str, house: PushHouse) -> None:
    house.engine.answer = lambda body: {"ok": False, "code": code, "error": "Words for people."}
    reply = house.post()
    assert (reply.status, reply.code) == (status, told)
    assert told == "engine_down" or reply.json["error"]["message"] == "Words for people."
    assert ("Retry-After" in reply.headers) == (status in (429, 503))


def test_without_an_engine_the_answer_comes_at_once(house: PushHouse) -> None:
    assert house.post().status == 202
    house.voice.__exit__(None, None, None)
    wait_for(lambda: house.post().status == 503, 6, "the silence to be noticed")
    began = time.monotonic()
    told = house.post()
    assert (told.status, told.code) == (503, "engine_down") and int(told.headers["Retry-After"]) >= 1
    assert time.monotonic() - began < 1


def test_a_process_that_ends_takes_nothing_more(house: PushHouse) -> None:
    hub.current_hub().closing = True
    told = house.post()
    assert (told.status, told.code) == (503, "closing") and house.engine.frames == []


# --- who may send ---


def test_a_key_of_another_camera_finds_nothing(house: PushHouse) -> None:
    other = keys.issue(Camera.objects.create(name="Shed", slug="shed", kind="push"))
    told = house.post(key=other)
    assert (told.status, told.code) == (404, "not_found")
    assert house.post(path="/api/v1/cameras/nowhere/frames").status == 404
    assert house.engine.frames == []


def test_without_a_key_every_camera_looks_alike(house: PushHouse) -> None:
    Camera.objects.create(name="Yard", slug="yard", kind="pattern")
    replies = [
        house.post(key=key, path=f"/api/v1/cameras/{slug}/frames")
        for key in (None, "wrong")
        for slug in ("pier", "yard", "nowhere", "NO_SLUG")
    ]
    assert {(told.status, told.code) for told in replies} == {(401, "unauthorized")}
    assert len({told.body for told in replies}) == 1
    assert "X-Camera-Auth" in replies[0].headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "value", [" ", "null", "true", "None", "0", "[]", "__proto__", "constructor", "\xe9", "x" * 60_000, "fwc_", "''"]
)
def test_odd_keys_open_nothing(value: str, house: PushHouse) -> None:
    for path in ("/api/v1/cameras/pier/frames", "/api/upload_frame"):
        assert posted(house.web.port, JPEG, path, {"X-Camera-Auth": value}).status == 401


@pytest.mark.parametrize("extra", [b"X-Camera-Auth: other\r\n", b"X-Camera-Auth: %KEY%\r\n", b"X-Camera-Auth:\r\n"])
def test_two_keys_open_nothing(extra: bytes, house: PushHouse) -> None:
    head = (
        b"POST /api/v1/cameras/pier/frames HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        + f"X-Camera-Auth: {house.key}\r\n".encode() + extra.replace(b"%KEY%", house.key.encode())
        + f"Content-Length: {len(JPEG)}\r\n\r\n".encode()
    )  # fmt: skip
    with socket.create_connection(("127.0.0.1", house.web.port), 5) as sock:
        sock.sendall(head + JPEG)
        assert sock.recv(100).startswith(b"HTTP/1.1 401")


def test_the_spills_password_and_other_log_ins_open_nothing_here(house: PushHouse, settings: Any) -> None:
    settings.CAMERA_PASSWORD = "oil and water"
    assert house.post(key="oil and water").status == 401
    assert house.post(key=None, Authorization=f"Bearer {house.key}").status == 401


def test_a_camera_that_is_switched_off_is_told_so(house: PushHouse) -> None:
    Camera.objects.filter(pk=house.camera.pk).update(enabled=False)
    told = wait_for(lambda: (got := house.post()).status == 503 and got, 4, "the change to be known")
    assert told.code == "camera_disabled"  # type: ignore[attr-defined]
    assert house.post(key="wrong").status == 401


def test_a_new_key_works_at_once_and_a_revoked_one_soon_does_not(house: PushHouse) -> None:
    assert house.post().status == 202
    old, new = house.key, keys.issue(house.camera)
    assert house.post(key=new).status == 202
    assert house.post(key=old).status == 401
    keys.revoke(house.camera)
    began = time.monotonic()
    wait_for(lambda: house.post(key=new).status == 401, 4, "the key to be refused")
    assert time.monotonic() - began < 3.5


def test_after_a_hundred_guesses_nothing_more_is_compared_but_what_nobody_can_guess(house: PushHouse) -> None:
    found = [house.post(key=f"guess {number}").status for number in range(100)]
    assert found == [401] * 100
    told = house.post(key="the hundred and first")
    assert (told.status, told.code) == (429, "too_many_wrong_keys") and 0 < int(told.headers["Retry-After"]) <= 60
    assert house.post().status == 202
    assert house.post(key="fwc_" + "x" * 43).status == 401


@pytest.mark.parametrize("host", ["evil.example", "", "a b", "[::1"])
def test_a_wrong_host_is_refused(host: str, house: PushHouse) -> None:
    assert house.post(Host=host).status == 400
    assert house.engine.frames == []


@pytest.mark.parametrize(("scheme", "passed"), [("http", True), ("https", False)])
def test_plain_http_goes_on_to_djangos_redirect_where_tls_is_wanted(scheme: str, passed: bool, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    seen: list[str] = []

    async def django(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    async def send(message: Any) -> None:
        pass

    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "POST", "path": "/api/upload_frame", "scheme": scheme, "headers": headers}
    asyncio.run(PushDoor(django)(scope, None, send))
    assert bool(seen) == passed


def test_other_methods_get_the_apis_405(house: PushHouse) -> None:
    reply = house.web.get("/api/v1/cameras/pier/frames")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


# --- the newest wins ---


def test_a_newer_picture_takes_the_place_of_the_one_that_waits(house: PushHouse) -> None:
    house.engine.open.clear()
    with ThreadPoolExecutor(4) as pool:
        replies = []
        for number in range(4):
            replies.append(pool.submit(house.post, jpeg(grey=number)))
            time.sleep(0.15)
        assert len(house.engine.frames) == 1
        assert [reply.done() for reply in replies] == [False, True, True, False]
        house.engine.open.set()
        assert [reply.result().status for reply in replies] == [202, 429, 429, 202]
    assert [payload for _, payload, _ in house.engine.frames] == [jpeg(grey=0), jpeg(grey=3)]
    told = replies[1].result()
    assert (told.headers["X-Rate"], told.headers["Retry-After"], told.code) == ("30", "1", "too_many_requests")


def test_flagged_pictures_are_never_displaced(house: PushHouse) -> None:
    house.engine.open.clear()
    with ThreadPoolExecutor(8) as pool:
        replies = []
        for number in range(7):
            replies.append(pool.submit(house.post, jpeg(grey=number), X_Event_Kind="spill"))
            time.sleep(0.1)
        house.engine.open.set()
        # One on its way, four wait, the others are told to come again.
        assert [reply.result().status for reply in replies] == [202] * 5 + [429] * 2
    assert [payload for _, payload, _ in house.engine.frames] == [jpeg(grey=number) for number in range(5)]
