"""The ring: what it keeps, what it drops, and what a reader may rely on."""

from dataclasses import replace

import pytest

from camera.packets import AudioPacket, Packet
from camera.process.ring import Entry, PacketRing
from camera.video import nal
from tests.recording_kit import START, camera, info


def packet(at: float, key: bool = False, pts: int | None = None) -> Packet:
    return Packet((b"\0\0\1\x65" if key else b"\0\0\1\x41") + b"x" * 6, key, START + at, pts=pts)


def filled(seconds: float = 3.0, count: int = 100, gop: int = 10, **more: int) -> PacketRing:
    """A packet every tenth of a second, a key frame each second."""
    ring = PacketRing(seconds, **more)
    ring.opened(info())
    for number in range(count):
        ring.packet(packet(number / 10, number % gop == 0, number))
    return ring


def pts(entries: list[Entry]) -> list[int | None]:
    return [entry.piece.pts for entry in entries if isinstance(entry.piece, Packet)]


def test_it_keeps_so_many_seconds_and_begins_with_a_key_frame() -> None:
    ring = filled(3.0)
    held = ring.reader(ring.first).take()
    assert pts(held) == list(range(60, 100)), "three seconds before the newest key frame"
    assert held[0].starts and sum(entry.starts for entry in held) == 4


def test_at_least_the_current_stretch_is_kept() -> None:
    ring = filled(0.0, count=98, gop=40)
    assert pts(ring.reader(ring.first).take()) == list(range(80, 98))


def test_a_reader_loses_nothing_that_it_has_not_read() -> None:
    ring = PacketRing(1.0)
    ring.opened(info())
    reader = ring.reader(0)
    for number in range(1000):
        ring.packet(packet(number / 10, number % 10 == 0, number))
    got: list[int | None] = []
    while batch := reader.take():
        got += pts(batch)
    assert got == list(range(1000)) and reader.lost == 0
    ring.packet(packet(100.0, True, 1000))
    assert ring.first >= 980, "what it has read goes with the next key frame"


def test_a_reader_that_is_closed_holds_nothing_up() -> None:
    ring = PacketRing(1.0)
    ring.opened(info())
    reader = ring.reader(0)
    for number in range(500):
        ring.packet(packet(number / 10, number % 10 == 0))
    assert ring.first == 0
    reader.close()
    ring.packet(packet(50.0, True))
    assert ring.first >= 480


def test_beyond_the_bytes_a_hole_is_told_and_reading_goes_on_with_a_key_frame() -> None:
    ring = PacketRing(1.0, max_bytes=35 * 10)
    ring.opened(info())
    reader = ring.reader(0)
    for number in range(100):
        ring.packet(packet(number / 10, number % 10 == 0, number))
        assert ring.bytes <= 350
    got = reader.take()
    assert got[0].starts and pts(got) == list(range(70, 100))
    assert (reader.lost, reader.holes) == (70, 1)


def test_one_stretch_that_is_too_large_is_not_kept_at_all() -> None:
    ring = filled(1.0, count=60, gop=100, max_bytes=300)
    assert ring.last_key() is None
    ring.packet(packet(9.0, True, 900))
    assert ring.last_key() is not None
    assert ring.reader(ring.last_key() or 0).take()[0].starts


def test_two_key_packets_of_one_time_are_one_start() -> None:
    ring = PacketRing()
    ring.opened(info("av1"))
    for number in range(3):
        ring.packet(packet(number, True, number * 100))
        ring.packet(packet(number + 0.01, True, number * 100))
        ring.packet(packet(number + 0.5, False, number * 100 + 50))
    entries = ring.reader(0).take()
    assert [entry.starts for entry in entries] == [True, False, False] * 3


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_parameter_sets_sent_apart_join_their_picture(codec: str) -> None:
    """Whether the camera marks the picture as key or only the sets, with one time or two."""
    ring = PacketRing(60.0)
    ring.opened(info(codec))
    whole = camera(codec, 30)
    for number, one in enumerate(whole):
        sets = nal.parameter_sets(codec, one.data) if one.key else b""
        if sets:
            rest = [unit for unit in nal.units(one.data) if b"\0\0\0\1" + unit not in sets]
            ring.packet(replace(one, data=sets, pts=None if number else one.pts))
            ring.packet(replace(one, data=b"".join(b"\0\0\0\1" + unit for unit in rest), key=number != 10))
        else:
            ring.packet(one)
    entries = ring.reader(0).take()
    assert [number for number, entry in enumerate(entries) if entry.starts] == [0, 10, 20] and len(entries) == 30
    for entry, one in zip(entries, whole, strict=True):
        assert isinstance(entry.piece, Packet)
        assert sorted(nal.units(entry.piece.data)) == sorted(nal.units(one.data))


def test_jpegs_are_all_starts_even_without_time_stamps() -> None:
    ring = PacketRing()
    ring.opened(info("mjpeg"))
    for one in camera("mjpeg", 5):
        ring.packet(one)
    assert all(entry.starts for entry in ring.reader(0).take())


def test_a_stretch_up_to_a_picture() -> None:
    ring = filled(5.0)
    found = ring.gop_until(START + 7.35)
    assert found is not None
    assert found[0] == info() and [one.pts for one in found[1]] == [70, 71, 72, 73]
    assert ring.gop_until(START + 1.0) is None, "long gone"
    late = ring.gop_until(START + 99)
    assert late is not None and [one.pts for one in late[1]] == list(range(90, 100))


def test_streams_are_told_apart() -> None:
    ring = PacketRing(60.0)
    ring.opened(info())
    for number in range(20):
        ring.packet(packet(number / 10, number % 10 == 0, number))
    ring.closed()
    ring.packet(packet(5.0, True))
    assert ring.last_key() is None and ring.key_before(START + 99) is None, "nothing is open"
    ring.opened(info(size=(640, 480)))
    assert ring.last_key() is None, "the key frames of before do not begin this one"
    ring.packet(packet(6.0, True, 1))
    entries = ring.reader(0).take()
    assert [entry.piece is None for entry in entries] == [False] * 20 + [True, False]
    assert entries[0].stream != entries[-1].stream and entries[-1].info.width == 640
    before = ring.gop_until(START + 1.95)
    assert before is not None and before[0].width == 320 and len(before[1]) == 10


def test_the_same_stream_told_again_goes_on() -> None:
    """A film in a loop, and a source that learns its parameter sets with the first key frame."""
    ring = PacketRing(60.0)
    ring.opened(info())
    ring.packet(packet(0, True))
    ring.opened(info(extradata=b"sets"))
    ring.packet(packet(1, True))
    ring.opened(info(extradata=b"sets"))
    ring.packet(packet(2, True))
    ring.opened(info(extradata=b"others"))
    ring.packet(packet(3, True))
    assert [entry.stream for entry in ring.reader(0).take() if entry.piece] == [1, 1, 1, 2]


def test_where_a_recording_begins() -> None:
    ring = filled(100.0)
    assert ring.last_key() == 90
    assert ring.key_before(START + 4.55) == 40
    assert ring.key_before(START + 4.55, least=67) == 60, "not again what is in the file before"
    assert ring.key_before(START - 50) == 0
    assert ring.key_before(START + 500) == 90


def test_sound_lies_between_the_pictures() -> None:
    ring = PacketRing()
    ring.audio(AudioPacket(b"early", START))
    ring.opened(info())
    ring.packet(packet(0, True))
    ring.audio(AudioPacket(b"beep", START + 0.01))
    ring.packet(packet(0.1))
    kinds = [type(entry.piece) for entry in ring.reader(0).take()]
    assert kinds == [Packet, AudioPacket, Packet]
