"""Key frames that come in pieces become whole again; nothing else is held back or changed."""

import itertools
import threading

import pytest

from camera.packets import AudioPacket, Packet, SourceConfig
from camera.sources import Timeouts, open_source
from camera.sources.joiner import joined
from camera.video.nal import starts_picture
from tests.peers.rtsp import gstreamer

START = b"\0\0\0\1"
SPS, PPS = START + b"\x67abc", START + b"\x68ab"
FIRST, SECOND = START + b"\x65\x88xyz", START + b"\x65\x08xyz"
DELTA = START + b"\x41\x9axyz" + START + b"\x41\x1axyz"


def key(data: bytes, pts: int | None) -> Packet:
    return Packet(data, True, 1.0, pts=pts, dts=pts)


def delta(pts: int) -> Packet:
    return Packet(DELTA, False, 1.0, pts=pts, dts=pts)


def test_a_key_frame_in_two_packets_becomes_one() -> None:
    sent = [key(SPS + PPS + FIRST, None), key(SPS + PPS + SECOND, 0), delta(10), key(SPS + FIRST, 20), key(SECOND, 20)]
    got = list(joined([*sent, delta(30)], "h264"))
    assert [packet.pts for packet in got if isinstance(packet, Packet)] == [0, 10, 20, 30]
    assert got[0].data == SPS + PPS + FIRST + SPS + PPS + SECOND
    assert got[2].data == SPS + FIRST + SECOND


def test_parameter_sets_that_come_apart_belong_to_the_picture_behind() -> None:
    got = list(joined([key(SPS + PPS, 0), key(FIRST, 0), delta(10)], "h264"))
    assert [packet.data for packet in got] == [SPS + PPS + FIRST, DELTA]


def test_whole_key_frames_are_held_back_only_at_the_beginning() -> None:
    asked = 0

    def camera() -> "itertools.chain[Packet]":
        nonlocal asked
        for number in range(10):
            asked += 1
            yield key(SPS + FIRST, number)

    got = joined(camera(), "h264")
    late = [(asked - 1 - packet.pts) for packet in got]  # type: ignore[operator]
    assert late[:3] == [1, 1, 1] and late[3:] == [0] * 7


def test_sound_and_other_codecs_pass_at_once() -> None:
    sound = AudioPacket(b"s", 1.0)
    assert next(joined([sound, key(FIRST, 0)], "h264")) is sound
    picture = key(b"\xff\xd8", 0)
    assert next(joined(iter([picture]), "mjpeg")) is picture


@pytest.mark.parametrize(
    ("codec", "data", "starts"),
    [
        ("h264", SPS + FIRST, True),
        ("h264", SPS + SECOND, False),
        ("h264", SPS + PPS, None),
        ("h264", b"", None),
        ("hevc", START + b"\x40\x01v" + START + b"\x26\x01\xaf", True),
        ("hevc", START + b"\x26\x01\x2f", False),
        ("hevc", START + b"\x40\x01v", None),
    ],
)
def test_where_a_picture_starts(codec: str, data: bytes, starts: bool | None) -> None:
    assert starts_picture(codec, data) is starts


@pytest.mark.peers
def test_every_packet_of_a_camera_that_cuts_its_key_frames_is_a_picture_of_its_own() -> None:
    """GStreamer's payloader repeats the parameter sets before each slice of a key frame."""
    with gstreamer(codec="h264", width=640, height=360, pattern="ball") as url:
        source = open_source(SourceConfig("rtsp", url, allow_loopback=True), threading.Event(), Timeouts())
        packets = [packet for packet in itertools.islice(source, 60) if isinstance(packet, Packet)]
        source.close()
    stamps = [packet.pts for packet in packets]
    assert len(set(stamps)) == len(stamps) == 60
    assert sum(packet.key for packet in packets) in (4, 5)
