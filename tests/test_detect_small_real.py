"""A real camera process that looks for motion in a smaller stream, with real films and a real RTSP server."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import pytest

from camera.orders import Orders
from camera.packets import SourceConfig
from tests.peers import clips
from tests.peers.hub import Hub
from tests.peers.rtsp import gstreamer

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "footage").mkdir()
    made = Hub(tmp_path)
    yield made
    made.close()


def still_film(path: Path, size: tuple[int, int] = (1280, 720), frames: int = 45) -> None:
    """A film in which nothing moves."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = 15
        picture = clips.drawn(5, *size)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def orders(hub: Hub, number: int = 1, detect: str = "background") -> Orders:
    return Orders(number, "yard", str(hub.folder / "footage"), str(hub.folder / "media"), "motion", detect=detect)


def source(hub: Hub, main: str, small: str) -> SourceConfig:
    return SourceConfig("file", main, files_root=str(hub.folder), detect_address=small)


def test_motion_in_the_smaller_stream_is_an_event_with_a_picture_of_the_main_one(hub: Hub) -> None:
    still_film(hub.folder / "main.mp4")
    clips.movie(hub.folder / "small.mp4", 45, gop=15)
    hub.start(source(hub, "main.mp4", "file:small.mp4"), orders=orders(hub))
    first = hub.wait(lambda: hub.reported("event"), 15, "an event")[0]  # type: ignore[index]
    assert first["boxes"] and all(0 <= one <= 1 for box in first["boxes"] for one in box)
    # What moves there is in the middle of the height.
    assert any(box[1] < 0.75 and box[1] + box[3] > 0.5 for box in first["boxes"])
    for picture in (first["image"], first["clean"]):
        shown = cv2.imread(str(hub.folder / "media" / picture))
        assert shown is not None and shown.shape == (720, 1280, 3)
    opened = hub.wait(lambda: hub.reported("recording_opened"), 5, "the recording")[0]  # type: ignore[index]
    assert (opened["width"], opened["height"]) == (1280, 720)


def test_motion_is_found_in_the_main_one_where_the_smaller_one_cannot_be_opened(hub: Hub) -> None:
    clips.movie(hub.folder / "main.mp4", 45, gop=15)
    process = hub.start(source(hub, "main.mp4", "file:nothing.mp4"), orders=orders(hub), stderr=subprocess.PIPE)
    hub.wait(lambda: hub.reported("event"), 15, "an event")
    process.terminate()
    assert process.stderr is not None
    said = process.stderr.read().decode()
    assert said.count("the smaller stream: NOT_FOUND") == 1 and "looked for in the main one" in said


def test_over_rtsp_it_is_opened_when_it_is_wanted_and_the_main_one_takes_its_place(hub: Hub) -> None:
    said: list[bytes] = []
    with gstreamer(pattern="ball", width=640, height=360) as main:
        with gstreamer(pattern="checkers-8", user="cam", password="S3CRETpw") as small:
            config = SourceConfig("rtsp", main, "cam", "S3CRETpw", detect_address=small, allow_loopback=True)
            process = hub.start(config, orders=orders(hub, detect="off"), stderr=subprocess.PIPE)
            assert process.stderr is not None
            threading.Thread(target=said.extend, args=(process.stderr,), daemon=True).start()
            hub.wait_state("online")
            hub.order(orders(hub, 2))
            hub.wait(lambda: b"motion is looked for in the smaller stream" in b"".join(said), 10, "the smaller stream")
            assert hub.state().state == "online", "to open one does not disturb the other"
        hub.wait(lambda: b"looked for in the main one" in b"".join(said), 15, "the end of the smaller stream")
        hub.wait(lambda: hub.reported("event"), 15, "the ball, in the main one")
        assert b"S3CRETpw" not in b"".join(said) and hub.state().state == "online"
