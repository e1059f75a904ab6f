"""Motion looked for in a smaller stream of the camera: only while that is wanted, and in the main one when it fails."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from camera.orders import Orders
from camera.packets import Packet, Reason, SourceConfig, SourceError, StreamInfo
from camera.process import aside as module
from camera.process.aside import Aside
from camera.process.clock import RealClock
from camera.process.configuration import Configuration
from camera.process.detection import Detection
from camera.process.ring import PacketRing
from camera.sources import Timeouts
from tests.house import wait_for
from tests.motion_scenes import Yard, coloured
from tests.peers import clips

MAIN = StreamInfo("h264", 1920, 1080)
CONFIG = SourceConfig("rtsp", "rtsp://10.0.0.9/1", "cam", "S3CRETpw", detect_address="rtsp://10.0.0.9/2", audio=True)


class Stream:
    """An open source whose packets the test puts in; ends with the error it is told."""

    def __init__(self, info: StreamInfo, leave: threading.Event) -> None:
        self.info, self.leave = info, leave
        self._news = threading.Condition()
        self._packets: list[Packet] = []
        self._error: SourceError | None = None
        self.is_closed = False

    def put(self, *packets: Packet) -> None:
        with self._news:
            self._packets += packets
            self._news.notify()

    def fail(self, error: SourceError) -> None:
        with self._news:
            self._error = error
            self._news.notify()

    def __iter__(self) -> Iterator[Packet]:
        while not self.leave.is_set():
            with self._news:
                self._news.wait_for(lambda: self._packets or self._error, 0.02)
                packets, self._packets = self._packets, []
            yield from packets
            if self._error is not None:
                raise self._error

    def close(self) -> None:
        self.is_closed = True


class Scene:
    """The smaller stream with a real detection; sources and the transcoder are the test's."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.configs: list[SourceConfig] = []
        self.fault: SourceError | None = None
        self.decoded: list[bool] = []
        self.looked: list[tuple[float, bool]] = []
        ring = PacketRing()
        self.detection = Detection(lambda kind, body: None, lambda first, last: None, ring.gop_until)
        self.opening = threading.Lock()
        told = Configuration(7, "t", CONFIG, None, Timeouts())
        self.aside = Aside(told, self.detection, self.opening, self.decoded.append, RealClock(), self.open)
        self.thread = threading.Thread(target=self.aside.run)
        self.thread.start()

    def open(self, config: SourceConfig, stop: threading.Event, timeouts: Timeouts | None) -> Any:
        self.configs.append(config)
        assert self.opening.locked(), "both streams at once would take each other's connections for strangers"
        if self.fault is not None:
            raise self.fault
        self.streams.append(Stream(StreamInfo("mjpeg", 320, 240), stop))
        return self.streams[-1]

    def want(self, on: bool) -> None:
        self.detection.take(Orders(detect="background" if on else "off"))
        self.aside.want(on)

    def begin(self) -> Stream:
        """The main stream is open, motion is looked for, and pictures of the smaller one come."""
        before = len(self.streams)
        self.detection.opened(MAIN)
        self.want(True)
        self.aside.opened(MAIN)
        wait_for(lambda: len(self.streams) > before, 5, "the smaller stream")
        self.streams[-1].put(Packet(clips.jpeg(), True, 1.0))
        wait_for(lambda: self.aside.feeds, 5, "its pictures")
        return self.streams[-1]

    def end(self) -> None:
        self.aside.stop()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.end()


def test_it_is_opened_as_the_main_one_but_without_sound(scene: Scene) -> None:
    scene.begin()
    (config,) = scene.configs
    assert (config.kind, config.address, config.detect_address) == ("rtsp", "rtsp://10.0.0.9/2", "")
    assert (config.username, config.password, config.audio) == ("cam", "S3CRETpw", False)


def test_the_main_stream_is_decoded_for_motion_only_until_its_pictures_come(scene: Scene) -> None:
    scene.begin()
    assert scene.decoded == [True, False]


def test_the_main_stream_is_not_looked_at_meanwhile(scene: Scene) -> None:
    stream = scene.begin()
    assert scene.detection.step()
    scene.detection.offer(None, 5.0)  # type: ignore[arg-type]
    assert scene.detection._pending is None
    stream.put(Packet(clips.jpeg(), True, 6.0))
    wait_for(lambda: scene.detection._pending, 5, "a picture of the smaller one")
    assert scene.detection._pending is not None and scene.detection._pending.small


def test_it_is_open_only_while_motion_is_looked_for_and_the_camera_is_there(scene: Scene) -> None:
    scene.aside.opened(MAIN)
    scene.want(False)
    assert not scene.configs
    stream = scene.begin()
    scene.want(False)
    wait_for(lambda: stream.is_closed, 5, "its end")
    wait_for(lambda: not scene.aside.feeds, 5, "the main one's turn")
    assert scene.decoded[-1] is False
    again = scene.begin()
    scene.aside.closed()
    wait_for(lambda: again.is_closed, 5, "its end")
    assert len(scene.configs) == 2


def test_when_it_breaks_the_main_one_is_looked_at_and_it_is_opened_again(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    stream = scene.begin()
    stream.fail(SourceError(Reason.STALLED, "no picture came in time"))
    wait_for(lambda: len(scene.streams) == 2, 5, "the next try")
    assert stream.is_closed and scene.decoded == [True, False, True] and not scene.aside.feeds
    assert "motion is looked for in the main one meanwhile" in caplog.text and "S3CRETpw" not in caplog.text
    scene.streams[-1].put(Packet(clips.jpeg(), True, 9.0))
    wait_for(lambda: scene.aside.feeds, 5, "its pictures")
    assert scene.decoded[-1] is False


def test_one_that_does_not_open_is_told_of_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.fault = SourceError(Reason.NOT_FOUND, "404 Not Found")
    scene.detection.opened(MAIN)
    scene.want(True)
    scene.aside.opened(MAIN)
    wait_for(lambda: len(scene.configs) >= 3, 10, "three tries")
    assert scene.decoded == [True] and caplog.text.count("404 Not Found") == 1


def test_pictures_that_cannot_be_decoded_are_a_fault(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLIND_AFTER", 0.2)
    stream = scene.begin()
    stream.info = StreamInfo("h264", 320, 240)

    def fed() -> bool:
        stream.put(Packet(b"\0\0\0\1\x65nonsense", True, 9.0))
        return len(scene.streams) == 2

    wait_for(fed, 5, "another try")
    assert True in scene.decoded[1:]


def test_what_a_picture_of_another_size_shows_is_no_motion(scene: Scene) -> None:
    """From the small stream to the large one and back: the detector learns anew."""
    yard = Yard()
    small, large = (
        cv2.imencode(".jpg", coloured(yard.picture(), *size))[1].tobytes() for size in ((320, 240), (640, 360))
    )
    found: list[Any] = []
    scene.detection.stirred = lambda: found.append(1)
    scene.detection.opened(StreamInfo("mjpeg", 640, 360))
    scene.want(True)
    at = 1000.0
    for beside in (False, True, False, True):
        scene.detection.look_beside(beside)
        for _ in range(15):
            at += 0.25
            if beside:
                scene.detection.beside(at, jpeg=small)
            else:
                scene.detection.packet(Packet(large, True, at))
            assert scene.detection.step()
    assert not found


def test_addresses_that_are_none_are_refused(tmp_path: Path) -> None:
    for address in ("exec:/bin/sh", "gopher://10.0.0.9/", "rtsp://"):
        with pytest.raises(SourceError) as fault:
            module._small(SourceConfig("rtsp", "rtsp://10.0.0.9/1", detect_address=address))
        assert fault.value.reason == Reason.REFUSED
