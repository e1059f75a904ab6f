"""A real camera process that records: orders in, reports out, files that play."""

import fcntl
import hashlib
import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from camera import reports
from camera.orders import Orders
from camera.packets import SourceConfig
from tests.peers import clips
from tests.peers.hub import Hub
from tests.peers.rtsp import gstreamer

pytestmark = pytest.mark.slow


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "footage").mkdir()
    made = Hub(tmp_path)
    yield made
    made.close()


def orders(hub: Hub, number: int = 1, **more: object) -> Orders:
    return Orders(number, "yard", str(hub.folder / "footage"), str(hub.folder / "media"), **more)  # type: ignore[arg-type]


def film(hub: Hub) -> SourceConfig:
    clips.movie(hub.folder / "film.mp4", frames=45, gop=15)
    return SourceConfig("file", "film.mp4", files_root=str(hub.folder))


def played(path: Path) -> list[int]:
    """The time stamps of all pictures, decoded."""
    with av.open(str(path)) as container:
        return [frame.pts or 0 for frame in container.decode(video=0)]


def test_a_request_from_outside_starts_and_ends_a_recording(hub: Hub) -> None:
    hub.start(film(hub))
    assert hub.wait_state("online").recording is False
    hub.order(orders(hub, 1, reasons=("session:12",)))
    hub.wait(lambda: hub.state().recording, 5, "it to record")
    assert hub.state().reasons == ("session:12",) and hub.state().orders == 1
    opened = hub.wait(lambda: hub.reported("recording_opened"), 5, "the report")[0]  # type: ignore[index]
    part = hub.folder / "footage" / (opened["file"] + ".part")
    assert part.exists() and opened["trigger"] == "session" and opened["codec"] == "h264"
    with part.open("rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    hub.order(orders(hub, 2, reasons=("session:12", "manual:bob")))
    hub.wait(lambda: hub.state().reasons == ("session:12", "manual:bob"), 5, "both reasons")
    hub.order(orders(hub, 3, reasons=("manual:bob",)))
    hub.wait(lambda: hub.state().reasons == ("manual:bob",), 5, "one to leave")
    hub.wait(lambda: part.stat().st_size > 60_000, 5, "some pictures")
    assert not hub.reported("recording_closed")
    hub.order(orders(hub, 4))
    closed = hub.wait(lambda: hub.reported("recording_closed"), 5, "it to be closed")[0]  # type: ignore[index]
    assert not hub.state().recording or hub.wait(lambda: not hub.state().recording)
    final = hub.folder / "footage" / opened["file"]
    data = final.read_bytes()
    assert not part.exists() and closed["bytes"] == len(data) and closed["sha256"] == hashlib.sha256(data).hexdigest()
    assert closed["reasons"] == ["session:12", "manual:bob"] and closed["state"] == "closed"
    stamps = played(final)
    assert len(stamps) > 10 and stamps == sorted(stamps) and stamps[0] < 90000 / 5
    assert closed["seconds"] == pytest.approx(closed["ended_at"] - opened["started_at"], abs=0.5)
    assert (final.with_suffix(".jpg")).read_bytes().startswith(b"\xff\xd8\xff")
    assert any(body["thumbnail"] for body in hub.reported("recording_changed"))
    for kind, body in hub.reports:
        reports.parse(kind, body)


def test_orders_of_the_start_are_followed_and_the_end_closes_the_file(hub: Hub) -> None:
    process = hub.start(SourceConfig("pattern"), orders=orders(hub, 5, mode="always"))
    hub.wait(lambda: hub.state().recording, 8, "it to record")
    opened = hub.wait(lambda: hub.reported("recording_opened"), 5, "the report")[0]  # type: ignore[index]
    assert opened["trigger"] == "always" and hub.state().orders == 5
    part = hub.folder / "footage" / (opened["file"] + ".part")
    hub.wait(lambda: part.stat().st_size > 5_000, 5, "some pictures")
    process.send_signal(signal.SIGTERM)
    hub.wait(lambda: process.poll() is not None, 7, "the end")
    assert process.returncode == 0
    (closed,) = hub.reported("recording_closed")
    assert closed["state"] == "closed" and closed["bytes"] > 5_000
    assert len(played(hub.folder / "footage" / opened["file"])) >= 5


@pytest.mark.peers
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_real_rtsp_camera_is_recorded(hub: Hub, codec: str) -> None:
    with gstreamer(codec=codec, width=640, height=360) as url:
        source = SourceConfig("rtsp", url, allow_loopback=True)
        process = hub.start(source, orders=orders(hub, 1, mode="always"))
        hub.wait(lambda: hub.state().recording, 15, "it to record")
        (opened,) = hub.reported("recording_opened")
        part = hub.folder / "footage" / (opened["file"] + ".part")
        began = time.monotonic()
        hub.wait(lambda: time.monotonic() - began > 3 and part.stat().st_size > 10_000, 10, "some seconds")
        process.send_signal(signal.SIGTERM)
        hub.wait(lambda: process.poll() is not None, 7, "the end")
    (closed,) = hub.reported("recording_closed")
    assert (opened["codec"], opened["width"]) == ({"h265": "hevc"}.get(codec, codec), 640)
    stamps = played(hub.folder / "footage" / opened["file"])
    steps = {later - earlier for earlier, later in itertools.pairwise(stamps[2:])}
    assert len(stamps) > 30 and max(steps) < 90000 / 5 and closed["seconds"] > 2.5


def test_orders_that_make_no_sense_change_nothing(hub: Hub) -> None:
    hub.start(SourceConfig("pattern"), orders=orders(hub, 5))
    hub.wait_state("online")
    for peer in hub.peers:
        hub.router.send(peer, {"type": "command", "id": "x", "name": "orders", "body": {"mode": "sometimes"}})
        hub.router.send(peer, {"type": "command", "id": "y", "name": "orders"})
    hub.wait(lambda: len(hub.replies) == 2, 5, "two answers")
    assert all("error" in reply["body"] for reply in hub.replies)
    assert hub.wait_state("online").orders == 5


@pytest.mark.processes
def test_a_folder_that_is_not_there_is_waited_for(hub: Hub) -> None:
    """A disk that is not mounted must not be written beside; nothing else suffers."""
    missing = hub.folder / "footage"
    os.rmdir(missing)
    hub.start(SourceConfig("pattern"), orders=orders(hub, 1, mode="always"))
    hub.wait_state("online")
    assert not hub.state().recording and not missing.exists()
    missing.mkdir()
    hub.wait(lambda: hub.state().recording, 8, "it to record")
