"""A ring at the engine with real sockets and a real database: stored, then answered, then told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camera import bus
from camera.commands import ask_engine
from camera.engine import supervisor
from camera.models import Camera, Event, RingPress
from tests.engine_scene import Scene

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
