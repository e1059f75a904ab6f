"""Small pictures of H.264 cameras: one decoder for all, and only key frames while nothing moves."""

from collections.abc import Iterator
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from camera.packets import Packet, StreamInfo
from camera.process.small import HOLD
from camera.process.transcode import BLIND_AFTER, Need, Transcoder
from camera.video.decode import Decoder
from camera.video.encode import JpegEncoder
from tests.motion_scenes import Yard, coloured
from tests.peers import clips
from tests.small_kit import FPS, GLANCE, SMALL, START, Count, Process, Sent, done, times
from tests.test_small_process import work

pytestmark = pytest.mark.slow

__all__ = ["work"]
SIZE = (960, 540)


def coded(pictures: list[clips.Picture], gop: int = 2 * FPS, encoder: str = "libx264") -> list[tuple[bytes, bool, int]]:
    return [(bytes(p), p.is_keyframe, p.pts or 0) for p in clips.encode(pictures, encoder, gop, FPS)]


def yard(*parts: tuple[float, bool]) -> list[clips.Picture]:
    """(seconds, whether somebody walks) one after the other."""
    made, step = [], 0
    ground = Yard()
    for seconds, walks in parts:
        for _ in range(round(seconds * FPS)):
            step += walks
            made.append(coloured(ground.picture(20 + 5 * (step % 50) if walks else None), *SIZE))
    return made


CALM: list[tuple[bytes, bool, int]] = []


@pytest.fixture(scope="module", autouse=True)
def _calm() -> None:
    """Made by the worker that needs it, and not by each that only looks what tests there are."""
    CALM[:] = coded(yard((8, False)))


@pytest.fixture
def process() -> Process:
    made = Process()
    made.opened("h264", SIZE)
    made.online()
    return made


def feed(process: Process, pieces: list[tuple[bytes, bool, int]]) -> list[Sent]:
    before = len(process.sent)
    for data, key, pts in pieces:
        process.packet(data, key, pts)
    return process.sent[before:]


def test_while_nothing_moves_only_key_frames_are_decoded(process: Process, work: dict[str, Count]) -> None:
    process.watch(GLANCE)
    sent = feed(process, CALM)
    assert work["decoded"].calls == 4 == sum(key for _, key, _ in CALM)
    at = times(sent, GLANCE)
    assert at == [0, 4.0], "of key frames two seconds apart every second one"
    assert all((header["w"], header["h"], header["every"]) == (640, 360, 3) for _, header, _ in sent)
    assert work["compared"].calls == 4 and work["reduced"].calls == 2 and process.told == 0


def test_motion_brings_every_picture_and_calm_the_key_frames_back(process: Process, work: dict[str, Count]) -> None:
    pieces = coded(yard((4.1, False), (3, True), (9, False)))
    process.watch(GLANCE)
    at = times(feed(process, pieces), GLANCE)
    assert process.told == 1
    assert [one for one in at if one < 6] == [0, 4.0]
    # Seen with the key frame at 6; the walk ends at 7.1 and is last seen within half a second of that.
    full = [one for one in at if 6 <= one < 10]
    assert np.allclose(np.diff(full), 0.1) and len(full) == 40
    calm = [one for one in at if one > 7.1 + HOLD + 0.6]
    assert len(calm) <= 3 and all(round(one * 10) % 20 == 0 for one in calm), "key frames"
    assert at == sorted(at), "never back in time"
    assert process.transcoder._need == Need.KEYS


def test_who_wants_each_picture_gets_each_one_from_one_decode(process: Process, work: dict[str, Count]) -> None:
    process.watch(SMALL, GLANCE)
    tapped: list[float] = []
    process.transcoder.tap = lambda frame, at: tapped.append(at)
    process.transcoder.detect(True)
    process.transcoder.watch(True)
    pieces = coded(yard((3, True)))
    shown = []
    for piece in pieces:
        sent = feed(process, [piece])
        assert len(times(sent, SMALL)) == 1
        frame = process.live.take()
        assert frame is not None
        shown.append((frame.width, frame.height))
    assert shown == [SIZE] * 30 and len(tapped) == 30 and work["decoded"].calls == 30


@pytest.mark.parametrize("topic", [SMALL, GLANCE])
def test_who_comes_sees_the_newest_picture_at_once(process: Process, topic: bytes) -> None:
    pictures = yard((5, True))
    pieces = coded(pictures)
    feed(process, pieces[:38])
    process.watch(topic)
    assert times(process.sent, topic) == [3.7], "not that of the last key frame"
    shown = clips.decoded(process.sent[-1][2]).astype(int)
    errors = [np.abs(cv2.resize(one, (640, 360)).astype(int) - shown).mean() for one in pictures]
    assert int(np.argmin(errors)) == 37 and errors[37] < 8


def test_who_comes_at_a_key_frame_sees_that_one(process: Process, work: dict[str, Count]) -> None:
    feed(process, CALM[:21])
    process.watch(GLANCE)
    assert times(process.sent, GLANCE) == [2.0] and work["decoded"].calls == 1


def test_another_newcomer_gets_the_newest_again_and_no_picture_goes_back_in_time(
    process: Process, work: dict[str, Count]
) -> None:
    process.watch(GLANCE)
    feed(process, CALM[:55])
    process.outlet.newcomer(GLANCE)
    process.turn()
    assert times(process.sent, GLANCE)[-1] == 5.4
    feed(process, CALM[55:])
    at = times(process.sent, GLANCE)
    assert at == sorted(at) and work["decoded"].calls < 25


def test_key_frames_that_are_far_apart_do_not_leave_a_tile_without_pictures(process: Process) -> None:
    process.watch(GLANCE)
    at = times(feed(process, coded(yard((14, False)), gop=1000)), GLANCE)
    assert len(at) >= 3 and max(np.diff([*at, 14.0])) < 5


def test_of_a_camera_that_sends_only_key_frames_not_all_are_decoded(process: Process, work: dict[str, Count]) -> None:
    process.watch(GLANCE)
    feed(process, coded(yard((4, False)), gop=1))
    assert 7 <= work["decoded"].calls <= 10


def test_key_frames_of_a_camera_with_pictures_out_of_order_need_not_wait_for_them(process: Process) -> None:
    """Its decoder holds each picture back until others have come."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
    context.time_base, context.gop_size, context.max_b_frames = Fraction(1, FPS), 3 * FPS, 2
    context.options = {"preset": "veryfast", "bf": "2", "x264-params": "scenecut=0"}
    pieces: list[tuple[bytes, bool, int]] = []
    for number, picture in enumerate(yard((9, False))):
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        frame.pts = number
        pieces += [(bytes(p), p.is_keyframe, p.pts or 0) for p in context.encode(frame)]
    feed(process, pieces[:1])
    process.watch(GLANCE)
    keys = [number / FPS for number, (_, key, _) in enumerate(pieces) if key]
    feed(process, pieces[1:])
    assert len(keys) >= 3 and times(process.sent, GLANCE) == keys


def test_parameter_sets_in_a_packet_of_their_own_are_waited_for(process: Process) -> None:
    data, _, _ = CALM[0]
    cut = data.index(b"\0\0\1\x65")
    process.watch(GLANCE)
    assert feed(process, [(data[:cut], True, 0)]) == []
    assert times(feed(process, [(data[cut:], True, 0)]), GLANCE) == [0.1]


@pytest.mark.parametrize(("encoder", "codec"), [("libx265", "hevc"), ("libsvtav1", "av1"), ("mpeg4", "mpeg4")])
def test_key_frames_of_every_codec(encoder: str, codec: str, process: Process, work: dict[str, Count]) -> None:
    process.opened(codec, SIZE)
    process.watch(GLANCE)
    pieces = coded(yard((5, False)), encoder=encoder)
    # The encoder may hand out its packets late; each has its place by its order.
    sent = feed(process, [(data, key, number) for number, (data, key, _) in enumerate(pieces)])
    assert times(sent, GLANCE) == [0, 4.0] and work["decoded"].calls == 3


def test_with_the_detection_on_pictures_are_taken_from_its_decoder(process: Process, work: dict[str, Count]) -> None:
    process.transcoder.tap = lambda frame, at: None
    process.transcoder.detect(True)
    process.small.detect(True)
    process.watch(GLANCE)
    sent = feed(process, CALM[:60])
    assert len(times(sent, GLANCE)) == 3 and work["decoded"].calls == 60 and work["compared"].calls == 0
    process.small.moved()
    assert len(feed(process, CALM[60:75])) == 15


@pytest.fixture
def lean(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    made: list[bool] = []
    original = Decoder.__init__

    def remember(self: Decoder, info: StreamInfo, lean: bool = False) -> None:
        made.append(lean)
        original(self, info, lean)

    monkeypatch.setattr(Decoder, "__init__", remember)
    yield made


def test_pictures_that_are_seen_have_the_loop_filter(process: Process, lean: list[bool]) -> None:
    process.transcoder.tap = lambda frame, at: None
    process.transcoder.detect(True)
    process.small.detect(True)
    feed(process, CALM[:25])
    process.watch(GLANCE)
    feed(process, CALM[25:35])
    process.watch()
    feed(process, CALM[35:45])
    assert lean == [True, False, True]
    process.transcoder.detect(False)
    process.watch(GLANCE)
    feed(process, CALM[45:65])
    assert not any(lean[3:])


def test_nothing_is_decoded_any_more_when_the_last_has_gone(process: Process, work: dict[str, Count]) -> None:
    process.watch(GLANCE)
    feed(process, CALM[:30])
    process.watch()
    before = done(work)
    assert feed(process, CALM[30:]) == [] and done(work) == before


def test_whole_pictures_are_not_encoded_for_small_tiles(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Count().on(monkeypatch, JpegEncoder, "encode")
    process.watch(SMALL)
    feed(process, CALM[:20])
    assert whole.calls == 20 and process.live.newest() is None
    monkeypatch.setattr(Transcoder, "_encode", lambda *_: pytest.fail("a whole picture for nobody"))
    feed(process, CALM[20:30])


def test_nothing_is_shown_from_before_the_camera_went(process: Process) -> None:
    process.watch(GLANCE)
    feed(process, CALM[:5])
    for data, key, pts in CALM[20:25]:
        process.transcoder.packet(Packet(data, key, START + process.now, pts=pts))
    process.transcoder.step()
    process.online(False)
    process.online()
    before = len(process.sent)
    process.small.step()
    process.outlet.newcomer(GLANCE)
    process.outlet.publish()
    assert len(process.sent) == before


def test_key_frames_that_cannot_be_decoded_are_told_after_a_while() -> None:
    told: list[bool] = []
    process = Process()
    process.transcoder._blind = told.append
    process.opened("h264", SIZE)
    process.online()
    process.watch(GLANCE)
    for second in range(int(BLIND_AFTER) + 5):
        process.now = float(second)
        feed(process, [(b"\0\0\0\1\x65garbage" * 9, True, second)])
    assert told[0] is False and told[-1] is True
    feed(process, CALM[:21])
    assert told[-1] is False and process.sent
