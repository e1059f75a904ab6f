"""A real camera process that finds motion: reports of an event, its pictures, and a recording because of it."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from camera import reports
from camera.orders import Orders
from camera.packets import SourceConfig
from tests.peers import clips
from tests.peers.hub import Hub

pytestmark = pytest.mark.processes


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "footage").mkdir()
    made = Hub(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_motion_makes_an_event_with_pictures_and_a_recording(hub: Hub, name: str) -> None:
    """H.264 with pictures in another order, and MJPEG."""
    clips.movie(hub.folder / name, 45, "libx264" if name.endswith("mp4") else "mjpeg", gop=15)
    orders = Orders(1, "yard", str(hub.folder / "footage"), str(hub.folder / "media"), "motion", detect="background")
    process = hub.start(SourceConfig("file", name, files_root=str(hub.folder)), orders=orders)
    first = hub.wait(lambda: hub.reported("event"), 12, "an event")[0]  # type: ignore[index]
    assert first["kind"] == "motion" and first["ended_at"] is None and first["boxes"]
    assert 0 < time.time() - first["started_at"] < 2, "told while it goes on"
    for picture in (first["image"], first["clean"]):
        shown = cv2.imread(str(hub.folder / "media" / picture))
        assert shown is not None and shown.shape == (240, 320, 3)
    opened = hub.wait(lambda: hub.reported("recording_opened"), 5, "the recording")[0]  # type: ignore[index]
    assert opened["trigger"] == "motion" and opened["started_at"] < first["started_at"]
    process.terminate()
    hub.wait(lambda: process.poll() is not None, 8, "the end")
    last = hub.reported("event")[-1]
    assert last["uid"] == first["uid"] and last["ended_at"] >= first["started_at"]
    assert hub.reported("recording_closed")[-1]["state"] == "closed"
    for kind, body in hub.reports:
        reports.parse(kind, body)
