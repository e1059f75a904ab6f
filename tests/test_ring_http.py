"""POST /api/v1/cameras/SLUG/ring in a real server, with a played engine: who may ring, and what they are told."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from camera import keys
from camera.models import Camera
from main.pushing import reception, ringing
from main.pushing.keyring import WRONG_A_MINUTE, Keyring
from tests.push_house import JPEG, PushHouse, Told, posted, push_house

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
RUNG: dict[str, Any] = {"ok": True, "event": 12, "new": True, "known": False}


@pytest.fixture
def house(settings: Any, tmp_path: Path) -> Iterator[PushHouse]:
    settings.RUN_DIR = tmp_path
    with push_house() as house:
        house.engine.answer = lambda body: RUNG
        yield house


@pytest.fixture
def door(house: PushHouse) -> tuple[Camera, str]:
    """A network camera beside the door, with a key to ring with."""
    camera = Camera.objects.create(name="Door", slug="door", kind="rtsp", address="rtsp://10.0.0.9/", doorbell=True)
    return camera, keys.issue(camera)


def rung(house: PushHouse, slug: str = "pier", data: bytes = b"", **headers: Any) -> Told:
    return house.post(data, f"/api/v1/cameras/{slug}/ring", **headers)


def test_whoever_has_the_key_rings(house: PushHouse) -> None:
    told = rung(house)
    assert told.status == 202, told.body
    at = datetime.fromisoformat(told.json["server_time"])
    assert abs(at.timestamp() - time.time()) < 10
    assert {name: told.json[name] for name in ("event", "new", "known")} == {"event": 12, "new": True, "known": False}
    assert house.engine.bodies() == [{"camera": house.camera.pk, "way": "key", "id": "", "at": None}]
    assert told.headers["Cache-Control"] == "private, no-store"


def test_id_and_time_of_the_press_go_along(house: PushHouse) -> None:
    at = time.time() - 3600
    house.engine.answer = lambda body: RUNG | {"new": False, "known": True}
    told = rung(house, X_Event_Id="press 7", X_Captured_At=datetime.fromtimestamp(at, UTC).isoformat())
    assert (told.status, told.json["known"], told.json["new"]) == (202, True, False)
    (body,) = house.engine.bodies()
    assert (body["id"], body["at"]) == ("press 7", pytest.approx(at, abs=0.01))


def test_a_camera_of_any_kind_has_a_key_to_ring_with(house: PushHouse, door: tuple[Camera, str]) -> None:
    camera, key = door
    assert rung(house, "door", key=key).status == 202
    assert house.engine.bodies()[0]["camera"] == camera.pk
    # It rings there and nowhere else, it sends no pictures, and it looks at nothing.
    assert (rung(house, key=key).status, rung(house, "door").status) == (404, 404)
    refused = house.post(JPEG, "/api/v1/cameras/door/frames", key=key)
    assert (refused.status, refused.code) == (404, "not_found")
    assert not keys.actor_of(key).is_known
    Camera.objects.filter(pk=camera.pk).update(doorbell=False)
    assert not [lock for slug, lock in keys.locks().items() if slug == "door"]


def test_wrong_keys_are_refused_and_then_not_even_compared(house: PushHouse) -> None:
    for key in (None, "wrong", "fwc_" + "x" * 43, "x" * 300):
        assert (told := rung(house, key=key)).status == 401 and told.code == "unauthorized"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: rung(house, key=f"guess {number}"), range(WRONG_A_MINUTE)))
    told = rung(house, key="guess")
    assert (told.status, told.code) == (429, "too_many_wrong_keys") and int(told.headers["Retry-After"]) <= 61
    assert rung(house).status == 202, "the right one still rings"
    assert len(house.engine.bodies()) == 1


def test_twenty_presses_at_once_are_all_told(house: PushHouse) -> None:
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(lambda _: rung(house, X_Event_Id="one"), range(20)))
    assert [one.status for one in told] == [202] * 20
    assert len(house.engine.bodies()) == 20


def test_a_flood_is_refused_before_the_engine_hears_of_it(house: PushHouse) -> None:
    for _ in range(round(ringing.BURST)):
        assert ringing.current_bell.may_ring(house.camera.pk)
    told = rung(house)
    assert (told.status, told.code, told.headers["Retry-After"]) == (429, "too_many_requests", "1")
    assert not house.engine.frames


def test_after_a_pause_it_rings_again() -> None:
    now = [0.0]
    bell = ringing.Bell(lambda: now[0])
    assert sum(bell.may_ring(1) for _ in range(100)) == ringing.BURST
    assert bell.may_ring(2), "another camera has its own"
    now[0] = 2.0
    assert [bell.may_ring(1) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X_Event_Id": "x" * 101}, "bad_event_id"),
        ({"X_Event_Id": "a\x85b"}, "bad_event_id"),
        ({"X_Captured_At": "yesterday"}, "bad_time"),
        ({"X_Captured_At": "nan"}, "bad_time"),
        ({"X_Captured_At": "1767225600"}, "bad_time"),
    ],
)
def test_what_cannot_be_read_rings_nobody(house: PushHouse, headers: dict[str, str], code: str) -> None:
    told = rung(house, **headers)
    assert (told.status, told.code) == (400, code) and not house.engine.frames


@pytest.mark.parametrize(
    ("answer", "status", "code", "again"),
    [
        ({"ok": False, "code": "busy", "error": "Busy."}, 503, "busy", "1"),
        ({"ok": False, "code": "disabled", "error": "Off."}, 503, "camera_disabled", "5"),
        ({"ok": False, "code": "not_found", "error": "Gone."}, 404, "not_found", None),
        ({"ok": False, "code": "what?", "error": "?"}, 503, "engine_down", "2"),
        ({}, 503, "engine_down", "2"),
    ],
)
def test_what_the_engine_refuses(
    house: PushHouse, answer: dict[str, Any], status: int, code: str, again: str | None
) -> None:
    house.engine.answer = lambda body: answer
    told = rung(house)
    assert (told.status, told.code, told.headers["Retry-After"]) == (status, code, again)


def test_without_an_engine_it_is_said_so(house: PushHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ringing, "ENGINE_SECONDS", 0.5)
    house.engine.open.clear()
    told = rung(house)
    assert (told.status, told.code, told.headers["Retry-After"]) == (503, "engine_down", "2")


def test_a_body_matters_to_nobody_and_the_line_stays_open(house: PushHouse) -> None:
    assert rung(house, data=b"pressed=1").status == 202
    assert rung(house, data=b"x" * 2_000_000).status == 413
    told = posted(house.web.port, iter([b"a", b"b"]), "/api/v1/cameras/pier/ring", {"X-Camera-Auth": house.key})
    assert told.status == 202


def test_a_camera_that_is_off_is_not_rung_at(house: PushHouse) -> None:
    Camera.objects.update(enabled=False)
    reception.current_keyring = Keyring()
    told = rung(house)
    assert (told.status, told.code) == (503, "camera_disabled") and not house.engine.frames
