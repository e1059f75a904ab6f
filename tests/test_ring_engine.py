"""A ring at the engine with real sockets and a real database: stored, then answered, then told."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from camera import bus
from camera.commands import ask_engine
from camera.engine import ring_rows, supervisor
from camera.engine.ringing import BUSY
from camera.models import Camera, Event, RingPress
from camera.paths import event_picture
from camera.reports import RingPictured
from tests.engine_scene import Scene
from tests.house import wait_for
from tests.test_engine_reports import locked

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, transactional_db: None, yard: Camera
) -> Iterator[Scene]:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path / "media", [tmp_path / "media"]
    (tmp_path / "media").mkdir()
    monkeypatch.setattr("camera.engine.rows.BUSY_SECONDS", 0.3)
    scene = Scene(bus.endpoints(tmp_path / "run"), tmp_path / "media", yard)
    monkeypatch.setattr(supervisor, "spawn", scene.spawn)
    scene.begin([])
    scene.heard(bus.topic(bus.STATE, yard.pk))  # the subscription stands
    yield scene
    scene.end()


def ring(scene: Scene, seconds: float = 10.0, **values: Any) -> dict[str, Any]:
    body = {"slug": "yard", "way": "kiosk"} | values
    return ask_engine(scene.ends.commands, "ring", body, seconds=seconds)[0]


def test_a_ring_is_stored_before_it_is_told(scene: Scene) -> None:
    answer = ring(scene, id="one")
    event = Event.objects.get()
    assert answer == {"ok": True, "event": event.pk, "new": True, "known": False}
    assert (event.kind, event.camera, event.ended_at, event.writer) == ("ring", scene.yard, None, "")
    assert scene.heard(bus.topic("event", scene.yard.pk)) == {"event": event.pk}
    assert ring(scene, id="one") == {"ok": True, "event": event.pk, "new": False, "known": True}
    press = RingPress.objects.get()
    assert (press.event, press.camera, press.way, press.sender_id) == (event, scene.yard, "kiosk", "one")


def test_what_is_told_of_an_event_goes_to_all(scene: Scene) -> None:
    pk = ring(scene)["event"]
    scene.heard(bus.topic("event", scene.yard.pk))
    assert ask_engine(scene.ends.commands, "tell", {"event": pk})[0] == {"ok": True}
    assert scene.heard(bus.topic("event", scene.yard.pk)) == {"event": pk}
    assert ask_engine(scene.ends.commands, "tell", {"event": pk + 1})[0]["code"] == "not_found"
    for odd in ({}, {"event": "1"}, {"event": True}, {"event": -1}, {"event": 2**70}):
        assert ask_engine(scene.ends.commands, "tell", odd)[0]["code"] == "bad_request"


def test_presses_at_once_with_one_name_are_one(scene: Scene) -> None:
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(lambda _: ring(scene, id="one"), range(20)))
    assert all(answer["ok"] for answer in told) and len({answer["event"] for answer in told}) == 1
    assert sum(answer["new"] for answer in told) == 1 and sum(answer["known"] for answer in told) == 19
    assert RingPress.objects.count() == 1


def test_a_ring_is_not_lost_while_the_database_is_held(scene: Scene) -> None:
    with locked():
        assert ring(scene, 6.0, id="one") == {"ok": False, "code": "busy", "error": BUSY}
    wait_for(RingPress.objects.exists, 10, "the ring that nobody waits for any more")
    pk = Event.objects.get().pk
    assert scene.heard(bus.topic("event", scene.yard.pk)) == {"event": pk}
    assert ring(scene, id="one") == {"ok": True, "event": pk, "new": False, "known": True}


def test_its_process_is_told_to_record_and_to_keep_a_picture(scene: Scene) -> None:
    Camera.objects.update(doorbell=True)
    began = time.time()
    pk = ring(scene)["event"]
    event = Event.objects.get()

    def orders() -> dict[str, Any]:
        scene.acknowledged()
        told = [header["body"] for header in scene.commands if header.get("name") == "orders"]
        return dict(told[-1]) if told else {}

    wait_for(lambda: orders().get("ring") == event.uid, 10, "the orders")
    body = orders()
    assert body["ring_roll"] == 10.0 and "ring" in body["reasons"] and abs(body["rang_at"] - began) < 5
    scene.report(RingPictured(event.uid, event_picture("yard", "ring", event.started_at.timestamp(), event.uid)))
    wait_for(scene.acknowledged, 5, "the acknowledgement")
    event.refresh_from_db()
    assert event.pk == pk and event.image
    wait_for(lambda: orders().get("ring") == "", 10, "orders without a picture")
    assert "ring" in orders()["reasons"]


def test_it_ends_by_itself_and_that_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_rows, "TOGETHER", 1.0)
    pk = ring(scene)["event"]
    scene.heard(bus.topic("event", scene.yard.pk))
    wait_for(lambda: Event.objects.get().ended_at, 10, "its end")
    assert scene.heard(bus.topic("event", scene.yard.pk)) == {"event": pk}
    event = Event.objects.get()
    assert event.ended_at == event.started_at


@pytest.mark.parametrize("odd", [{"way": "window"}, {"id": 7}, {"camera": [1], "slug": None}, {"slug": "gone\x00"}])
def test_nonsense_is_answered(scene: Scene, odd: dict[str, Any]) -> None:
    answer = ring(scene, **odd)
    assert not answer["ok"] and answer["code"] in ("bad_request", "not_found") and answer["error"]
    assert not Event.objects.exists()
