"""Pictures out of RTP as soon as they are whole: units cut and packed in every way, and connections that are odd."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from camera.packets import Packet, Reason, SourceConfig, SourceError
from camera.sources import Source, Timeouts, open_source
from camera.sources.rtp import Depacketizer, UnfitError
from camera.sources.rtsp import RtspSource
from camera.sources.tap import Tap, pictures_of
from camera.video import clockbar, nal
from camera.video.decode import Decoder
from tests.peers.pattern_rtsp import RATE, pattern_camera
from tests.peers.rtsp import gstreamer

START = b"\0\0\0\1"
SPS, PPS, IDR, SLICE = b"\x67sps", b"\x68pps", b"\x65" + b"\x88" * 4000, b"\x41" + b"\x9a" * 3000
VPS_5, SPS_5, IDR_5, SLICE_5 = b"\x40\x01v", b"\x42\x01s", b"\x26\x01" + b"\xaf" * 4000, b"\x02\x01" + b"\xd0" * 3000


class Sender:
    """Packs units into RTP as cameras do."""

    def __init__(self, codec: str = "h264", sequence: int = 65_533, stamp: int = 2**32 - 9000) -> None:
        self.codec, self.sequence, self.stamp = codec, sequence, stamp

    def packet(self, payload: bytes, last: bool, head: int = 0x80, before: bytes = b"", after: bytes = b"") -> bytes:
        made = bytes([head, 96 | 0x80 * last]) + self.sequence.to_bytes(2) + self.stamp.to_bytes(4) + b"ssrc"
        self.sequence = (self.sequence + 1) & 0xFFFF
        return made + before + payload + after

    def picture(self, *units: bytes, most: int = 1400, step: int = 6000) -> list[bytes]:
        payloads = [payload for unit in units for payload in self._payloads(unit, most)]
        made = [self.packet(payload, number == len(payloads)) for number, payload in enumerate(payloads, 1)]
        self.stamp = (self.stamp + step) & 0xFFFFFFFF
        return made

    def _payloads(self, unit: bytes, most: int) -> list[bytes]:
        if len(unit) <= most:
            return [unit]
        own = 1 if self.codec == "h264" else 2
        kind = nal.unit_type(self.codec, unit)
        head = bytes([unit[0] & 0xE0 | 28]) if own == 1 else bytes([unit[0] & 0x81 | 49 << 1, unit[1]])
        pieces = [unit[at : at + most] for at in range(own, len(unit), most)]
        flags = [0x80 * (n == 0) | 0x40 * (n == len(pieces) - 1) for n in range(len(pieces))]
        return [head + bytes([flag | kind]) + piece for flag, piece in zip(flags, pieces, strict=True)]


def taken(pictures: Depacketizer, packets: list[bytes], at: float = 1.0) -> list[Packet]:
    return [whole for rtp in packets for whole in pictures.feed(rtp, at)]


def joined(*units: bytes) -> bytes:
    return b"".join(START + unit for unit in units)


@pytest.mark.parametrize(("codec", "key", "other"), [
    ("h264", (SPS, PPS, IDR), (SLICE,)), ("hevc", (VPS_5, SPS_5, IDR_5), (SLICE_5,)),
])  # fmt: skip
@pytest.mark.parametrize("most", [1, 1400, 10_000])
def test_a_picture_is_there_with_its_last_packet(
    codec: str, key: tuple[bytes, ...], other: tuple[bytes, ...], most: int
) -> None:
    sender, pictures = Sender(codec), Depacketizer(codec)
    (first,) = taken(pictures, sender.picture(*key, most=most), at=10.0)
    (second,) = taken(pictures, sender.picture(*other, most=most), at=11.0)
    assert (first.data, first.key, first.captured_at, first.pts, first.dts) == (joined(*key), True, 10.0, 0, 0)
    assert (second.data, second.key, second.captured_at) == (joined(*other), False, 11.0)
    assert second.pts == 6000  # over the end of what 32 bits hold
    third = taken(pictures, sender.picture(*other, *other, most=most))
    assert [one.data for one in third] == [joined(*other, *other)]


def test_units_that_share_a_packet_are_taken_apart() -> None:
    sender, pictures = Sender(), Depacketizer("h264")
    shared = b"\x78" + b"".join(len(unit).to_bytes(2) + unit for unit in (SPS, PPS, IDR[:100]))
    (whole,) = taken(pictures, [sender.packet(shared, True)])
    assert whole.key and whole.data == joined(SPS, PPS, IDR[:100])
    five, shared_5 = (
        Depacketizer("hevc"),
        b"\x60\x01" + b"".join(len(unit).to_bytes(2) + unit for unit in (VPS_5, IDR_5[:99])),
    )
    (whole,) = taken(five, [Sender("hevc").packet(shared_5, True)])
    assert whole.key and whole.data == joined(VPS_5, IDR_5[:99])


def test_extensions_padding_and_sources_are_no_part_of_the_picture() -> None:
    sender, pictures = Sender(), Depacketizer("h264")
    extension = b"\xbe\xde\0\2" + b"e" * 8
    odd = sender.packet(SLICE[:50], True, 0x80 | 0x20 | 0x10 | 2, b"srcAsrcB" + extension, b"\0\0\3")
    (whole,) = taken(pictures, [odd])
    assert whole.data == joined(SLICE[:50])


def test_parameter_sets_with_a_mark_of_their_own_belong_to_the_next_picture() -> None:
    sender, pictures = Sender(), Depacketizer("h264")
    assert taken(pictures, sender.picture(SPS, PPS, step=0)) == []
    (whole,) = taken(pictures, sender.picture(IDR))
    assert whole.key and whole.data == joined(SPS, PPS, IDR)


def test_a_camera_that_marks_every_unit_is_not_believed_twice() -> None:
    sender, pictures = Sender(), Depacketizer("h264")

    def marked() -> list[bytes]:
        made = [sender.packet(unit, True) for unit in (SLICE[:60], SLICE[:70])]
        sender.stamp = (sender.stamp + 6000) & 0xFFFFFFFF
        return made

    assert len(taken(pictures, marked())) == 1
    found = taken(pictures, [*marked(), *marked()])
    assert [one.data for one in found] == [joined(SLICE[:70]), joined(SLICE[:60], SLICE[:70])]


def test_pictures_without_a_mark_end_with_the_next_one() -> None:
    sender, pictures = Sender(), Depacketizer("h264")
    first, second = sender.picture(SLICE), sender.picture(SLICE)
    unmarked = [one[:1] + bytes([one[1] & 0x7F]) + one[2:] for one in first]
    assert taken(pictures, unmarked) == []
    assert [one.pts for one in taken(pictures, second)] == [0, 6000]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_picture_with_a_hole_is_left_out(lost: int) -> None:
    sender, pictures = Sender(), Depacketizer("h264")
    assert len(taken(pictures, sender.picture(SPS, IDR))) == 1
    packets = sender.picture(SLICE)
    del packets[lost]
    after = taken(pictures, [*packets, *sender.picture(SLICE)])
    assert [one.pts for one in after] == [12_000]


@pytest.mark.parametrize("payload", [b"\x7d" + b"x" * 9, b"\x7f" + b"x" * 9])
def test_what_is_not_read_here_is_said(payload: bytes) -> None:
    with pytest.raises(UnfitError):
        taken(Depacketizer("h264"), [Sender().packet(payload, True)])


def test_pictures_out_of_order_and_without_an_end_are_not_read_here() -> None:
    sender, pictures = Sender(), Depacketizer("h264")
    taken(pictures, sender.picture(IDR, step=-3000))
    with pytest.raises(UnfitError):
        taken(pictures, sender.picture(SLICE))
    endless, pictures = Sender(), Depacketizer("h264")
    with pytest.raises(UnfitError):
        for _ in range(400):
            taken(pictures, [endless.packet(b"\x41" + bytes(60_000), False)])


# The connection


def interleaved(packets: list[bytes], channel: int = 0) -> bytes:
    return b"".join(b"$" + bytes([channel]) + len(rtp).to_bytes(2) + rtp for rtp in packets)


def waiting(tap: Tap) -> list[Packet]:
    return [one for one in iter(lambda: tap.next(0), None) if isinstance(one, Packet)]


@pytest.mark.parametrize("cut", [1, 7, 1000, 100_000])
def test_pictures_are_found_between_answers_and_other_channels(cut: int) -> None:
    sender, tap = Sender(), Tap("h264")
    tap.play([2])
    answer = b"RTSP/1.0 200 OK\r\nCSeq: 5\r\nContent-Length: 7\r\n\r\n$\0\0\4abc"
    stream = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n" + interleaved(sender.picture(SPS, IDR), 2)
    stream += interleaved([b"\x80\xc8report"], 3) + answer + interleaved(sender.picture(SLICE), 2)
    for at in range(0, len(stream), cut):
        tap.feed(stream[at : at + cut])
    assert [one.data for one in waiting(tap)] == [joined(SPS, IDR), joined(SLICE)]


def test_ffmpegs_pictures_come_from_the_next_key_frame_where_the_camera_is_odd() -> None:
    sender, tap = Sender(), Tap("h264")
    tap.feed(interleaved([*sender.picture(IDR), sender.packet(b"\x7d" + b"x" * 9, True)]))
    for key in (False, True, False):
        tap.other(Packet(b"from FFmpeg", key, 2.0))
    assert [(one.data[:4], one.key) for one in waiting(tap)] == [(START, True), (b"from", True), (b"from", False)]


def test_ffmpegs_pictures_come_where_no_key_frame_is_seen() -> None:
    sender, tap = Sender(), Tap("h264")
    for _ in range(4):
        tap.feed(interleaved(sender.picture(SLICE)))
        tap.other(Packet(b"from FFmpeg", True, 2.0))
    assert b"from FFmpeg" in [one.data for one in waiting(tap)]


def test_nobody_who_takes_nothing_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camera.sources.tap._MOST_WAITING", 10_000)
    sender, tap = Sender(), Tap("h264")
    for _ in range(10):
        tap.feed(interleaved(sender.picture(IDR)))
        tap.feed(interleaved(sender.picture(SLICE)))
    got = waiting(tap)
    assert 2 <= len(got) <= 6
    tap.feed(interleaved(sender.picture(SLICE)))
    assert waiting(tap) == []  # the pictures it refers to are missing
    tap.feed(interleaved(sender.picture(IDR)))
    assert [one.key for one in waiting(tap)] == [True]


def test_the_end_is_told_after_the_last_picture() -> None:
    sender, tap = Sender(), Tap("h264")
    tap.feed(interleaved(sender.picture(IDR)))
    tap.end(SourceError(Reason.NO_SIGNAL, "gone"))
    assert tap.next(1) is not None and tap.next(1) is None
    assert tap.over and tap.error is not None


VIDEO, SOUND = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"


@pytest.mark.parametrize(("sdp", "audio", "found"), [
    ("v=0\r\n" + VIDEO + SOUND, True, ("h264", 0)),
    ("v=0\r\n" + SOUND + VIDEO, True, ("h264", 1)),
    ("v=0\r\n" + SOUND + VIDEO, False, ("h264", 0)),
    ("v=0\r\nm=application 0 RTP/AVP 107\r\n" + VIDEO, True, ("h264", 0)),
    ("v=0\nm=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\n", False, ("hevc", 0)),
    ("v=0\n" + VIDEO + "a=fmtp:96 packetization-mode=2\n", False, ("", 0)),
    ("v=0\n" + VIDEO.replace("90000", "1000"), False, ("", 0)),
    ("v=0\nm=video 0 RTP/AVP 26\n", False, ("", 0)),
    (SOUND, True, ("", 0)),
    ("", False, ("", 0)),
])  # fmt: skip
def test_what_a_description_says_of_the_pictures(sdp: str, audio: bool, found: tuple[str, int]) -> None:
    assert pictures_of(sdp, audio) == found


# Real cameras


@contextmanager
def opened(url: str, **more: object) -> Iterator[Source]:
    config = SourceConfig("rtsp", url, allow_loopback=True, **more)  # type: ignore[arg-type]
    source = open_source(config, threading.Event(), Timeouts(resolve=2, connect=2, open=6, silence=5))
    try:
        yield source
    finally:
        source.close()


@pytest.mark.peers
@pytest.mark.alone
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_picture_is_dated_when_it_came_and_by_tcp_is_there_at_once(transport: str) -> None:
    found = []
    with pattern_camera() as url, opened(url, transport=transport) as source:
        decoder = Decoder(source.info)
        for packet in itertools.islice(source, 45):
            came = time.time()
            for frame, _ in decoder.decode(packet):
                drawn = clockbar.read(frame.to_ndarray(format="gray"))
                if drawn is not None:
                    found.append((packet.captured_at - drawn, came - drawn))
    dated, there = ([pair[n] for pair in found[15:]] for n in (0, 1))
    assert len(dated) >= 20
    assert sorted(dated)[len(dated) // 2] < 0.5 / RATE
    if transport == "tcp":
        assert sorted(there)[len(there) // 2] < 0.5 / RATE


@pytest.mark.peers
@pytest.mark.parametrize("codec", ["h264", "h265", "h264-slices", "h264-b"])
def test_the_pictures_are_those_that_ffmpeg_gives(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with gstreamer(codec=codec, pattern="ball") as url:
        with opened(url) as source:
            ours = list(itertools.islice(source, 60))
            assert isinstance(source, RtspSource) and source._tap is not None
            assert bool(source._reader) == (codec != "h264-b")  # these are put in time by FFmpeg
            decoder = Decoder(source.info)
            assert sum(len(decoder.decode(packet)) for packet in ours) >= 55
        monkeypatch.setattr(RtspSource, "_is_fit", lambda self, tap: False)
        with opened(url) as source:
            theirs = list(itertools.islice(source, 60))
    for packets in (ours, theirs):
        name = "hevc" if codec == "h265" else "h264"
        assert all(nal.is_key(name, packet.data) == packet.key for packet in packets)
    steps = [(b.pts or 0) - (a.pts or 0) for a, b in itertools.pairwise(ours[5:])]
    assert codec == "h264-b" or all(3000 < step < 9000 for step in steps)
    # The scene does not repeat itself, but keys are as often, and units of the same kinds in the same order.
    kinds = [
        {tuple(nal.unit_type(name, unit) for unit in nal.units(packet.data)) for packet in packets[20:]}
        for packets in (ours, theirs)
    ]
    assert kinds[0] == kinds[1]
