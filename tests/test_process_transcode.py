"""Live JPEGs of H.264 and the like: at once for who comes, newest first, right in colour, and only while watched."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from camera.packets import Frame, Packet, StreamInfo
from camera.process.gop import LATE, GopBuffer
from camera.process.live import LiveSlot
from camera.process.transcode import BLIND_AFTER, Transcoder
from camera.video.decode import Decoder
from camera.video.encode import JpegEncoder
from tests.peers import clips

START = 1_700_000_000.0


def stream(count: int, gop: int = 10, encoder: str = "libx264", size: tuple[int, int] = (320, 240)) -> list[Packet]:
    packets = clips.encode([clips.drawn(n, *size) for n in range(count)], encoder, gop)
    return [Packet(bytes(p), p.is_keyframe, START + n, pts=p.pts, dts=p.dts) for n, p in enumerate(packets)]


@dataclass
class Bench:
    """A transcoder whose thread is the test itself."""

    now: float = 0.0
    wakes: int = 0
    blind: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.slot = LiveSlot(self.wake)
        self.slot.open(True)
        self.transcoder = Transcoder(self.slot, self.blind.append, lambda: self.now)

    def wake(self) -> None:
        self.wakes += 1

    def begin(self, codec: str = "h264", size: tuple[int, int] = (320, 240)) -> None:
        self.transcoder.opened(StreamInfo(codec, *size))

    def feed(self, packets: list[Packet]) -> None:
        for packet in packets:
            self.transcoder.packet(packet)

    def work(self) -> list[Frame]:
        """Everything that is shown while there is something to do."""
        shown: list[Frame] = []
        while self.transcoder.step():
            frame = self.slot.take()
            if frame is not None:
                shown.append(frame)
        return shown


@pytest.fixture
def bench() -> Bench:
    return Bench()


def number_of(frame: Frame) -> int:
    """Which of the drawn pictures a JPEG shows."""
    picture = clips.decoded(frame.data).astype(int)
    size = (frame.width, frame.height)
    return min(range(60), key=lambda n: np.abs(clips.drawn(n, *size).astype(int) - picture).mean())


def test_nothing_is_decoded_while_nobody_looks(bench: Bench) -> None:
    bench.begin()
    bench.feed(stream(20))
    assert bench.work() == [] and bench.wakes == 0


def test_who_comes_sees_the_newest_picture_at_once(bench: Bench) -> None:
    bench.begin()
    bench.feed(stream(17))
    bench.transcoder.watch(True)
    shown = bench.work()
    # One picture, the newest, although seven had to be decoded for it.
    assert [number_of(frame) for frame in shown] == [16]
    assert shown[0].captured_at == START + 16 and (shown[0].width, shown[0].height) == (320, 240)


def test_then_every_picture_is_shown_once(bench: Bench) -> None:
    packets = stream(30)
    bench.begin()
    bench.feed(packets[:5])
    bench.transcoder.watch(True)
    bench.work()
    shown = []
    for packet in packets[5:]:
        bench.feed([packet])
        shown += bench.work()
    assert [frame.captured_at - START for frame in shown] == list(range(5, 30))
    assert number_of(shown[0]) == 5 and number_of(shown[-1]) == 29


def test_who_is_late_sees_the_newest_and_at_least_two_pictures_a_second(bench: Bench) -> None:
    packets = stream(30, gop=30)
    bench.begin()
    bench.feed(packets[:1])
    bench.transcoder.watch(True)
    bench.work()
    bench.feed(packets[1:])
    shown: list[Frame] = []
    while bench.transcoder.step():
        bench.now += 0.1
        frame = bench.slot.take()
        if frame is not None:
            shown.append(frame)
    assert 5 <= len(shown) <= 8 and number_of(shown[-1]) == 29


def test_who_comes_back_soon_goes_on_where_the_decoder_was(bench: Bench) -> None:
    packets = stream(30, gop=30)
    bench.begin()
    bench.feed(packets[:10])
    bench.transcoder.watch(True)
    bench.work()
    bench.transcoder.watch(False)
    bench.feed(packets[10:20])
    bench.transcoder.watch(True)
    assert [number_of(frame) for frame in bench.work()] == [19]


def test_who_comes_back_late_starts_at_a_key_frame(bench: Bench) -> None:
    packets = stream(40, gop=10)
    bench.begin()
    bench.feed(packets[:4])
    bench.transcoder.watch(True)
    bench.work()
    bench.transcoder.watch(False)
    bench.work()
    bench.feed(packets[4:37])
    bench.transcoder.watch(True)
    assert [number_of(frame) for frame in bench.work()] == [36]


def test_a_new_size_and_codec_in_the_middle(bench: Bench) -> None:
    bench.transcoder.watch(True)
    bench.begin()
    bench.feed(stream(5))
    bench.work()
    bench.begin("hevc", (640, 360))
    bench.feed(stream(5, encoder="libx265", size=(640, 360)))
    shown = bench.work()
    assert (shown[-1].width, shown[-1].height) == (640, 360) and number_of(shown[-1]) == 4


def test_nothing_from_before_the_break_is_shown_after_it(bench: Bench) -> None:
    bench.transcoder.watch(True)
    bench.begin()
    bench.feed(stream(5))
    bench.transcoder.closed()
    assert bench.work() == []
    bench.slot.open(False)
    bench.begin()
    bench.feed(stream(5))
    assert bench.work() == [], "the camera is not online yet"
    bench.slot.open(True)
    bench.feed(stream(3))
    assert len(bench.work()) == 1


def test_garbage_between_pictures_is_survived(bench: Bench) -> None:
    packets = stream(30, gop=10)
    broken = [Packet(bytes(b ^ 0x55 for b in p.data), p.key, p.captured_at) for p in packets[3:9]]
    bench.begin()
    bench.transcoder.watch(True)
    bench.feed(packets[:3] + broken)
    bench.work()
    bench.feed(packets[10:14])
    assert number_of(bench.work()[-1]) == 13


def test_garbage_alone_is_told_after_a_while(bench: Bench) -> None:
    bench.begin()
    bench.transcoder.watch(True)
    for second in range(int(BLIND_AFTER) + 3):
        bench.now = float(second)
        bench.feed([Packet(b"\0\0\0\1\x65garbage" * 9, True, START)])
        bench.work()
    assert bench.blind[0] is False and bench.blind[-1] is True
    bench.feed(stream(2))
    bench.work()
    assert bench.blind[-1] is False


def test_the_thread_ends_when_told(bench: Bench) -> None:
    bench.begin()
    bench.transcoder.watch(True)
    thread = threading.Thread(target=bench.transcoder.run)
    thread.start()
    bench.feed(stream(5))
    bench.transcoder.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_the_kept_packets_are_bounded() -> None:
    gop = GopBuffer(max_bytes=1000, max_count=50)
    gop.add(Packet(b"k" * 100, True, 0.0))
    for _ in range(9):
        gop.add(Packet(b"d" * 100, False, 0.0))
    assert gop.key == 0 and gop.end == 10
    gop.add(Packet(b"d" * 100, False, 0.0))
    assert gop.key is None and gop.get(10) is None and gop.end == 11
    gop.add(Packet(b"k", True, 0.0))
    assert gop.key == 11 and gop.get(11) is not None
    for _ in range(60):
        gop.add(Packet(b"d", False, 0.0))
    assert gop.key is None


def test_a_reader_a_little_behind_is_not_cut_off_by_a_key_frame() -> None:
    gop = GopBuffer()
    for number in range(20):
        gop.add(Packet(b"x", number % 10 == 0, 0.0), reader=8)
    assert gop.get(8) is not None and gop.key == 10
    for number in range(20, 20 + LATE + 1):
        gop.add(Packet(b"x", number % 10 == 0, 0.0), reader=8)
    assert gop.get(8) is None and gop.get(gop.key or 0) is not None


def test_parameter_sets_and_key_frame_in_two_packets_belong_together() -> None:
    gop = GopBuffer()
    gop.add(Packet(b"sps", True, 0.0, pts=5))
    gop.add(Packet(b"idr", True, 0.0, pts=5))
    gop.add(Packet(b"p", False, 0.0, pts=6))
    assert gop.key == 0


def test_the_slot_shows_nothing_while_the_camera_is_away() -> None:
    slot = LiveSlot(lambda: None)
    slot.put(Frame(b"1", 1.0))
    assert slot.newest() is None
    slot.open(True)
    epoch = slot.epoch
    slot.put(Frame(b"2", 2.0))
    first = slot.take()
    assert first is not None and (first.data, first.seq) == (b"2", 1) and slot.take() is None
    assert slot.newest() is not None
    slot.open(False)
    assert slot.newest() is None
    slot.open(True)
    slot.put(Frame(b"old", 2.5), epoch)
    assert slot.newest() is None
    slot.put(Frame(b"3", 3.0), slot.epoch)
    newest = slot.newest()
    assert newest is not None and newest.data == b"3" and newest.seq == 2


COLOURS = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255), (0, 0, 0), (40, 120, 200), (128, 128, 128)]
SHAPES = [
    ((320, 240), 5, False),
    ((1280, 720), 1, False),
    ((320, 240), 5, True),
    ((320, 240), 1, True),
    ((1280, 720), 2, False),
]


@pytest.mark.parametrize(("size", "matrix", "full"), SHAPES)
@pytest.mark.parametrize("bgr", COLOURS)
def test_colours_are_right(size: tuple[int, int], matrix: int, full: bool, bgr: tuple[int, int, int]) -> None:
    """Limited or full range, BT.601 or BT.709, told or (matrix 2) guessed by the size: the colour is the same."""
    used = 1 if matrix == 1 or (matrix == 2 and size[1] > 576) else 5
    colour_range = 2 if full else 1
    frame = av.VideoFrame.from_ndarray(clips.flat(bgr, *size), format="bgr24").reformat(
        format="yuv420p", dst_colorspace=used, dst_color_range=colour_range
    )
    frame.colorspace, frame.color_range = matrix, colour_range
    shown = clips.decoded(JpegEncoder().encode(frame)).reshape(-1, 3).mean(axis=0)
    assert np.abs(shown - np.array(bgr)).max() < 6, shown


@pytest.mark.parametrize("width", [320, 322, 1366])
def test_any_width_is_encoded_whole(width: int) -> None:
    packets = stream(1, size=(width, 242))
    ((frame, captured_at),) = Decoder(StreamInfo("h264")).decode(packets[0])
    data = JpegEncoder().encode(frame)
    assert captured_at == START and clips.decoded(data).shape == (242, width, 3)
    assert cv2.PSNR(clips.decoded(data), clips.drawn(0, width, 242)) > 28


def codecs() -> Iterator[tuple[str, str]]:
    yield from [("libx264", "h264"), ("libx265", "hevc"), ("libsvtav1", "av1"), ("mpeg4", "mpeg4")]


@pytest.mark.parametrize(("encoder", "codec"), list(codecs()))
def test_every_codec_is_decoded_without_delay(encoder: str, codec: str, bench: Bench) -> None:
    bench.begin(codec)
    bench.transcoder.watch(True)
    shown: list[Frame] = []
    for packet in stream(6, gop=3, encoder=encoder):
        bench.feed([packet])
        shown += bench.work()
    assert [frame.captured_at - START for frame in shown][:5] == [0, 1, 2, 3, 4]


def test_raw_pictures_of_a_webcam_are_encoded() -> None:
    frame = av.VideoFrame.from_ndarray(clips.drawn(3), format="bgr24").reformat(format="yuyv422")
    raw = bytes(frame.planes[0])
    info = StreamInfo("rawvideo", 320, 240, pix_fmt="yuyv422")
    ((decoded, _),) = Decoder(info).decode(Packet(raw, True, START))
    assert cv2.PSNR(clips.decoded(JpegEncoder().encode(decoded)), clips.drawn(3)) > 28


@pytest.mark.slow
def test_pictures_of_a_giant_size_are_not_decoded() -> None:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = 12000, 8000, "yuv420p", Fraction(1, 1)
    context.options = {"preset": "ultrafast", "tune": "zerolatency"}
    packets = [Packet(bytes(p), True, START) for p in context.encode(av.VideoFrame(12000, 8000, "yuv420p"))]
    decoder = Decoder(StreamInfo("h264"))
    assert packets and [decoder.decode(packet) for packet in packets] == [[]] * len(packets)
