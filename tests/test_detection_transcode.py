"""One decoder for viewers and detection: what each gets, and what is saved while only the detection looks."""

from typing import Any

import av
import numpy as np
import pytest

from camera.packets import Packet, StreamInfo
from camera.process.transcode import BLIND_AFTER
from camera.video.decode import Decoder
from camera.video.grey import LONG_SIDE, GreyMaker, from_jpeg
from tests.peers import clips
from tests.test_process_transcode import START, Bench, number_of, stream

Tapped = list[tuple[av.VideoFrame, float]]


class Tap:
    """A transcoder whose detection is this list."""

    def __init__(self) -> None:
        self.bench, self.tapped = Bench(), Tapped()
        self.bench.transcoder.tap = lambda frame, at: self.tapped.append((frame, at))
        self.bench.transcoder.detect(True)
        self.bench.begin()

    def times(self) -> list[int]:
        return [round(at - START) for _, at in self.tapped]

    def pixels(self, number: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
        return self.tapped[number][0].to_ndarray(format="gray").astype(np.int64)


@pytest.fixture
def tap() -> Tap:
    return Tap()


def whole(packets: list[Packet], lean: bool = False) -> "list[np.ndarray[Any, np.dtype[np.int64]]]":
    decoder = Decoder(StreamInfo("h264"), lean)
    return [
        frame.to_ndarray(format="gray").astype(np.int64) for packet in packets for frame, _ in decoder.decode(packet)
    ]


def test_the_detection_gets_every_picture_and_nothing_is_encoded(tap: Tap) -> None:
    tap.bench.feed(stream(15))
    assert tap.bench.work() == [] and tap.bench.wakes == 0
    assert tap.times() == list(range(10, 15)), "from the newest key frame on"
    for packet in stream(30)[15:]:
        tap.bench.feed([packet])
        assert tap.bench.work() == []
    assert tap.times() == list(range(10, 30))


def test_without_detection_and_viewers_nothing_is_decoded(tap: Tap) -> None:
    tap.bench.transcoder.detect(False)
    tap.bench.feed(stream(15))
    tap.bench.work()
    assert tap.tapped == []
    tap.bench.transcoder.detect(True)
    tap.bench.work()
    assert tap.times() == list(range(10, 15))


def test_who_comes_sees_the_newest_picture_at_once_and_detection_gets_none_twice(tap: Tap) -> None:
    packets = stream(40, gop=20)
    tap.bench.feed(packets[:28])
    tap.bench.work()
    tap.bench.transcoder.watch(True)
    shown = tap.bench.work()
    assert [number_of(frame) for frame in shown] == [27]
    for packet in packets[28:35]:
        tap.bench.feed([packet])
        shown += tap.bench.work()
    assert [round(frame.captured_at - START) for frame in shown] == list(range(27, 35))
    assert tap.times() == list(range(20, 35))


def made_of(tap: Tap, packets: list[Packet]) -> None:
    for packet in packets:
        tap.bench.feed([packet])
        tap.bench.work()


def test_only_while_nobody_watches_the_decoder_saves_work(tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, bool]] = []
    original = Decoder.__init__

    def remember(self: Decoder, info: StreamInfo, lean: bool = False) -> None:
        made.append((len(tap.tapped), lean))
        original(self, info, lean)

    monkeypatch.setattr(Decoder, "__init__", remember)
    packets = stream(60)
    made_of(tap, packets[:15])
    tap.bench.transcoder.watch(True)
    made_of(tap, packets[15:33])
    tap.bench.transcoder.watch(False)
    made_of(tap, packets[33:60])
    # At the first key frame; at once for the viewer; at the first key frame after the viewer has left.
    assert made == [(0, True), (15, False), (40, True)]
    assert tap.times() == list(range(60))


def test_a_lean_picture_is_good_enough_to_look_at() -> None:
    packets = stream(30, gop=30)
    good, lean = whole(packets), whole(packets, lean=True)
    assert max(float(np.abs(one - other).mean()) for one, other in zip(good, lean, strict=True)) < 4


def test_an_undecodable_stream_is_told_though_nobody_watches(tap: Tap) -> None:
    for second in range(int(BLIND_AFTER) + 3):
        tap.bench.now = float(second)
        tap.bench.feed([Packet(b"\0\0\0\1\x65garbage" * 9, True, START)])
        tap.bench.work()
    assert tap.bench.blind[0] is False and tap.bench.blind[-1] is True
    tap.bench.feed(stream(2))
    tap.bench.work()
    assert tap.bench.blind[-1] is False


def test_after_a_break_detection_goes_on(tap: Tap) -> None:
    tap.bench.feed(stream(5))
    tap.bench.work()
    tap.bench.transcoder.closed()
    assert tap.bench.work() == []
    tap.bench.begin("hevc")
    tap.bench.feed(stream(4, encoder="libx265"))
    tap.bench.work()
    assert tap.times() == [0, 1, 2, 3, 4, 0, 1, 2, 3]


FORMATS = ["yuv420p", "yuvj420p", "yuv422p", "yuvj444p", "nv12", "gray", "yuyv422", "yuv420p10le", "p010le", "bgr24"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(1280, 720), (642, 362), (360, 640), (320, 240)])
def test_a_frame_of_any_kind_becomes_the_same_small_grey_picture(name: str, size: tuple[int, int]) -> None:
    picture = clips.drawn(4, *size)
    grey = GreyMaker()(av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=name))
    assert max(grey.shape) <= LONG_SIDE and abs(grey.shape[1] / grey.shape[0] - size[0] / size[1]) < 0.02
    plain = GreyMaker()(av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="gray"))
    # Limited range and full range differ by a straight line.
    likeness = np.corrcoef(grey.reshape(-1), plain.reshape(-1))[0, 1]
    assert likeness > 0.99, likeness


@pytest.mark.parametrize("size", [(320, 240), (640, 480), (960, 540), (1280, 720), (1920, 1080), (1080, 1920)])
def test_a_jpeg_of_any_size_becomes_a_small_grey_picture(size: tuple[int, int]) -> None:
    grey = from_jpeg(clips.jpeg(4, *size))
    assert grey is not None and 280 <= max(grey.shape) <= LONG_SIDE * 1.25
    assert abs(grey.shape[1] / grey.shape[0] - size[0] / size[1]) < 0.02


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff", clips.jpeg()[:200]])
def test_what_is_no_jpeg_gives_no_picture(data: bytes) -> None:
    assert from_jpeg(data) is None
