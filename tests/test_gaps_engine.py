"""Gaps of a real engine over its end and its next beginning; the test plays the camera's process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camera import bus
from camera.engine import supervisor
from camera.models import Camera, Gap
from tests.engine_scene import Scene
from tests.house import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, transactional_db: None, yard: Camera
) -> Iterator[Scene]:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path / "media", [tmp_path / "media"]
    (tmp_path / "media").mkdir()
    scene = Scene(bus.endpoints(tmp_path / "run"), tmp_path / "media", yard)
    monkeypatch.setattr(supervisor, "spawn", scene.spawn)
    scene.begin([])
    yield scene
    if scene.thread.is_alive():
        scene.end()


def rows() -> list[tuple[str, bool]]:
    """(cause, whether it is over) of each, in their order."""
    return [(gap.cause, gap.ended_at is not None) for gap in Gap.objects.order_by("pk")]


def says(scene: Scene, state: str, reason: str | None = None) -> None:
    scene.sender.state({"state": state, "reason": reason, "orders": 1})
    wait_for(lambda: Camera.objects.get().state == state, 5, f"the row to be {state}")


def test_a_camera_that_goes_and_comes_back(scene: Scene) -> None:
    says(scene, "offline", "NO_SIGNAL")
    assert rows() == [], "it never was there"
    says(scene, "online")
    says(scene, "offline", "STALLED")
    wait_for(lambda: rows() == [("STALLED", False)], 5, "the gap")
    says(scene, "online")
    wait_for(lambda: rows() == [("STALLED", True)], 5, "its end")


def test_the_time_between_two_engines_is_a_gap(scene: Scene, yard: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    says(scene, "online")
    scene.end()
    assert rows() == [("ENGINE_DOWN", False)]
    later = Scene(scene.ends, scene.media, yard)
    monkeypatch.setattr(supervisor, "spawn", later.spawn)
    later.begin([])
    try:
        says(later, "online")
        wait_for(lambda: rows() == [("ENGINE_DOWN", True)], 5, "its end")
    finally:
        later.end()


def test_a_camera_that_is_switched_off_has_no_gap(scene: Scene) -> None:
    says(scene, "online")
    says(scene, "offline", "STALLED")
    wait_for(lambda: rows() == [("STALLED", False)], 5, "the gap")
    Camera.objects.update(enabled=False)
    wait_for(lambda: rows() == [("STALLED", True)], 8, "its end")
    scene.end()
    assert rows() == [("STALLED", True)]
