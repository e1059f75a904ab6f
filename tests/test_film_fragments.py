"""Fragments for browsers: each picture one moof and mdat, as FFmpeg reads it and as the camera meant it."""

import contextlib
import io
import itertools
import struct
import time
from dataclasses import replace

import av
import pytest

from camera.films import DELTA, INIT, KEY
from camera.packets import AudioInfo, Packet, StreamInfo
from camera.video import fragments, nal
from camera.video.aac import config_of, frame_of_aac, raw_aac
from camera.video.faults import BadPacketError, MuxError
from camera.video.filmtime import Times
from tests.film_kit import film, media, read, times, watched
from tests.peers import clips
from tests.recording_kit import SIZE, START, camera, info
from tests.recording_kit import pieces as encoded

START_CODE = b"\0\0\0\1"
CODECS = ["h264", "hevc", "av1"]


@pytest.mark.parametrize("codec", CODECS)
def test_a_film_is_what_the_camera_sent(codec: str) -> None:
    packets = camera(codec, frames=25, gop=10)
    batches = watched(info(codec), packets)
    found = read(film(batches))
    assert len(found.stamps) == len(packets) and len(found.shown) == len(packets)
    assert found.keys == [packet.key for packet in packets]
    # A fifteenth of a second each: 6000 ticks.
    assert [dts for _, dts in found.stamps] == [number * 6000 for number in range(25)]
    assert all(pts == dts for pts, dts in found.stamps) and {shape[1:] for shape in found.shown} == {SIZE}
    assert [piece.kind for piece in media(batches)] == [KEY if packet.key else DELTA for packet in packets]
    assert [piece.captured_at for piece in media(batches)] == [packet.captured_at for packet in packets]
    assert [batch.first for batch in batches] == list(range(25))
    assert (batches[0].width, batches[0].height) == SIZE and batches[0].pieces[0].kind == INIT


@pytest.mark.parametrize(
    ("codec", "told"), [("h264", "avc1.42c00c"), ("hevc", "hvc1.1.6.L60.90"), ("av1", "av01.0.00M.08")]
)
def test_browsers_are_told_what_it_is(codec: str, told: str) -> None:
    first = camera(codec, 1)[0]
    silent, loud = fragments.openings(info(codec), first.data)
    assert silent.codecs == told and loud is None
    assert watched(info(codec), [first])[0].mime == f'video/mp4; codecs="{told}"'
    assert (b"hvc1" in silent.data) == (codec == "hevc") and b"hev1" not in silent.data


def test_the_pictures_are_those_of_the_makers_own_muxer() -> None:
    """Bit for bit what FFmpeg decodes from the stream itself."""
    packets = camera("h264", 12, gop=6)
    context = av.CodecContext.create("h264", "r")
    assert isinstance(context, av.VideoCodecContext)
    frames = [frame for one in packets for frame in context.decode(av.Packet(one.data))] + context.decode(None)
    with av.open(io.BytesIO(film(watched(info(), packets)))) as container:
        ours = [frame.to_ndarray() for frame in container.decode(video=0)]
    assert len(ours) == 12 and all((a.to_ndarray() == b).all() for a, b in zip(frames, ours, strict=True))


def test_pictures_in_another_order_than_they_are_sent(tmp_path: object) -> None:
    made = clips.movie(tmp_path / "b.mkv", frames=24, gop=12)  # type: ignore[operator]
    with av.open(str(made)) as container:
        stream = container.streams.video[0]
        convert = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        told = [one for packet in container.demux(stream) for one in convert.filter(packet) if one.size]
    base = told[0].dts or 0
    packets = [
        Packet(
            bytes(one),
            one.is_keyframe,
            START + number / 15,
            pts=((one.pts or 0) - base) * 90,
            dts=((one.dts or 0) - base) * 90,
        )
        for number, one in enumerate(told)
    ]
    assert any(packet.pts != packet.dts for packet in packets)
    found = read(film(watched(info(), packets)))
    steps = [later - earlier for (_, earlier), (_, later) in itertools.pairwise(found.stamps)]
    assert all(step > 0 for step in steps)
    ahead = [((one.pts or 0) - (one.dts or 0)) for one in packets]
    assert [pts - dts for pts, dts in found.stamps] == ahead
    shown = [pts for pts, _, _ in found.shown]
    assert len(shown) == 24 and shown == sorted(set(shown))


def test_a_key_frame_without_parameter_sets_takes_those_of_the_connection() -> None:
    packets = camera("h264", 10, gop=5)
    sets = nal.parameter_sets("h264", packets[0].data)
    units = [[unit for unit in nal.units(one.data) if nal.unit_type("h264", unit) not in (7, 8)] for one in packets]
    bare = [
        replace(one, data=b"".join(START_CODE + unit for unit in rest))
        for one, rest in zip(packets, units, strict=True)
    ]
    assert all(not nal.parameter_sets("h264", one.data) for one in bare)
    found = read(film(watched(info(extradata=sets), bare)))
    assert len(found.shown) == 10
    with pytest.raises(MuxError):
        fragments.openings(info(), bare[0].data)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_what_the_beginning_says_is_not_said_again(codec: str) -> None:
    key = camera(codec, 1)[0].data
    known = frozenset(nal.head(codec, key))
    idle = bytes([9, 0xF0]) if codec == "h264" else bytes([35 << 1, 1, 0x50])
    parts = fragments.sample(codec, START_CODE + idle + b"\0" + key, known)
    units = [bytes(part) for part in parts[1::2]]
    assert known and not known & set(units) and idle not in units
    assert [int.from_bytes(part, "big") for part in parts[::2]] == [len(unit) for unit in units]
    # A parameter set that the beginning does not hold goes along.
    other = bytes([0x68, 0xEE, 0x3C, 0x80]) if codec == "h264" else bytes([34 << 1, 1, 0xC1, 0x73])
    assert other in fragments.sample(codec, START_CODE + other + key, known)


def test_start_codes_of_three_and_of_four_bytes_and_zeros_at_the_end() -> None:
    data = b"\0\0\1\x41abc\0\0\0\1\x41de\0\0\0\0\0\1\x41f\x80\0\0\0"
    assert [bytes(part) for part in fragments.sample("h264", data, frozenset())[1::2]] == [
        b"\x41abc", b"\x41de", b"\x41f\x80",
    ]  # fmt: skip


def test_slices_of_one_picture_are_one_sample() -> None:
    slices = [b"\x65\x88" + b"a" * 50, b"\x65\x28" + b"b" * 60]
    parts = fragments.sample("h264", b"".join(START_CODE + one for one in slices), frozenset())
    made = fragments.fragment(1, 4, Times(123456789012, 3000, 6000), True, parts)
    assert made.count(b"moof") == 1 and made.endswith(slices[1])
    assert struct.unpack_from(">I", made)[0] + 8 + sum(len(one) + 4 for one in slices) == len(made)
    assert struct.unpack_from(">I", made, made.index(b"mfhd") + 8)[0] == 5


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\0\0\0\1", b"\0\0\1" * 3, b"no start code at all", b"\xff" * 5000, b"\0" * 100_000, b"\x12\0"],
)
def test_garbage_is_no_picture(codec: str, data: bytes) -> None:
    with pytest.raises(BadPacketError):
        fragments.sample(codec, data, frozenset())
    with pytest.raises(MuxError):
        fragments.openings(StreamInfo(codec), data)


@pytest.mark.parametrize(
    ("codec", "data"),
    [("h264", b"\0\0\1\x41\x9a" * 400_000), ("h264", b"\0\0\1\x09\xf0" * 400_000), ("av1", b"\x32\x01\x00" * 700_000),
     ("hevc", b"\0\0\1" + b"\0" * 2_000_000), ("h264", b"\0\0\1\x41" + b"\0" * 2_000_000 + b"\1")],
)  # fmt: skip
def test_hostile_pictures_take_no_time(codec: str, data: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(BadPacketError):
        fragments.fragment(1, 0, Times(0, 0, 1), False, fragments.sample(codec, data, frozenset()))
    if codec != "av1":
        nal.starts_picture(codec, data), nal.has_picture(codec, data), nal.head(codec, data), nal.is_key(codec, data)
    assert time.process_time() - began < 0.2


def test_a_picture_with_a_shape_of_its_own_keeps_it() -> None:
    """Old cameras send pixels that are not square."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.framerate = 352, 288, "yuv420p", 15
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "sar=16/11:repeat-headers=1"}
    frame = av.VideoFrame.from_ndarray(clips.drawn(0, 352, 288), format="bgr24").reformat(format="yuv420p")
    data = bytes(context.encode(frame)[0])
    silent, _ = fragments.openings(StreamInfo("h264", 352, 288), data)
    assert struct.unpack_from(">II", silent.data, silent.data.index(b"pasp") + 4) == (16, 11)


def test_pictures_too_large_to_be_decoded_are_no_film() -> None:
    """The size is looked at before anything is decoded."""
    # An SPS of 16384 x 16384, 4:2:0, baseline, and one slice that is none.
    sps = bytes.fromhex("6742c0338d680010001000408040 4a".replace(" ", ""))
    with pytest.raises(MuxError):
        fragments.openings(
            StreamInfo("h264"), START_CODE + sps + START_CODE + b"\x68\xce\x3c\x80" + START_CODE + b"\x65\x88\x80"
        )


def test_sound_is_a_track_of_its_own_where_it_can_be() -> None:
    first = encoded("h264", 1, 1)[0][0]
    config = config_of(16000, 1)
    _, loud = fragments.openings(info(), first, AudioInfo("aac", 16000, 1, config))
    assert loud is not None and loud.codecs == "avc1.42c00c,mp4a.40.2" and loud.sound_rate == 16000
    silent, none = fragments.openings(info(), first, AudioInfo("aac", 16000, 1, b"\xff"))
    assert none is None and silent.codecs == "avc1.42c00c"


def test_what_a_frame_of_sound_measures() -> None:
    assert frame_of_aac(config_of(44100, 2)) == (44100, 1024)
    # HE-AAC: coded at 24 kHz, played at 48 kHz.
    assert frame_of_aac(bytes.fromhex("2b118800")) == (48000, 2048)
    for odd in (b"", b"\x12", b"\x17\x80", b"\xf8\x00\x00"):
        with pytest.raises(ValueError, match="n"):
            frame_of_aac(odd)
    assert config_of(44000, 1) == b""


def test_frames_with_headers_lose_them() -> None:
    frame = bytes(range(40))
    head = bytes([0xFF, 0xF1, 0x60, 0x40 | (47 >> 11), 47 >> 3 & 0xFF, (47 & 7) << 5 | 0x1F, 0xFC])
    assert raw_aac(head + frame) == frame and raw_aac(frame) == frame
    assert raw_aac(head + frame + b"more") == head + frame + b"more", "not one whole frame"
    assert raw_aac(b"\xff\xf1") == b"\xff\xf1"


def test_the_bytes_of_a_fragment() -> None:
    made = fragments.fragment(2, 0, Times(1 << 40, 7, 1024), True, [b"xyz"])
    (piece,) = media(watched(info(), camera("h264", 1)))
    assert times(piece) == (1, 0, times(piece)[2], 0)
    assert made[:8] == struct.pack(">I", 104) + b"moof" and made[104:] == struct.pack(">I", 11) + b"mdat" + b"xyz"
