"""Fragmented MP4 for browsers (ISO/IEC 14496-12 and -15): one initialisation segment, then a fragment for each picture.

The fragments are written here: PyAV's muxer gives each one only when the next picture comes, a frame late.
"""

import io
import re
import struct
from dataclasses import dataclass
from typing import Any

from camera.loading import LOADING
from camera.packets import AudioInfo, StreamInfo
from camera.video import nal, obu
from camera.video.aac import object_type
from camera.video.faults import BadPacketError, MuxError
from camera.video.filmtime import Times
from camera.video.timeline import TICKS

CODECS = frozenset({"h264", "hevc", "av1"})
VIDEO_TRACK, SOUND_TRACK = 1, 2
# No picture of a camera is larger; it bounds what waits to be sent. Bytes.
LARGEST = 8 * 1024 * 1024

_OPTIONS = {
    "movflags": "empty_moov+default_base_moof+frag_every_frame+skip_trailer",
    "video_track_timescale": str(TICKS),
}
# A first look without decoding anything: at its size, before a decoder is let near it.
_LOOK_ONLY = {"codec_whitelist": "none"}
# Access unit delimiters and filler data: a file has no need of them.
_IDLE = {"h264": frozenset({9, 12}), "hevc": frozenset({35, 38})}
_SETS = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}

# moof: mfhd, traf: tfhd (default-base-is-moof), tfdt (64 bit), trun of one sample (offset, duration, size, flags,
# composition time offset); then the head of mdat. In `s` stand the parts that never change.
_FRAGMENT = struct.Struct(">20sI20sI12sQ20sIIIiI4s")
_MOOF = _FRAGMENT.size - 8
_START = struct.pack(">I4sI4sI", _MOOF, b"moof", 16, b"mfhd", 0)
_TRAF = struct.pack(">I4sI4sI", _MOOF - 24, b"traf", 16, b"tfhd", 0x020000)
_TFDT = struct.pack(">I4sI", 20, b"tfdt", 0x01000000)
_TRUN = struct.pack(">I4sIII", 36, b"trun", 0x01000F01, 1, _MOOF + 8)
# Depends on no other sample; depends on others and is no key frame.
_KEY_FLAGS, _DELTA_FLAGS = 0x02000000, 0x01010000


@dataclass(frozen=True, slots=True)
class Opening:
    """An initialisation segment. `codecs`: by RFC 6381; `sound_rate`: ticks a second of its sound, 0 without."""

    data: bytes
    codecs: str
    width: int
    height: int
    sound_rate: int = 0


def openings(info: StreamInfo, first: bytes, audio: AudioInfo | None = None) -> tuple[Opening, Opening | None]:
    """Of a film that begins with this key frame: without its sound and with it, None where that cannot be.

    Raises MuxError for pictures that cannot be shown as film."""
    with LOADING:
        import av
        import av.error

        from camera.video.mux import as_read
    faults = (av.error.FFmpegError, OSError, ValueError, struct.error, IndexError)
    try:
        with as_read(info, first, _LOOK_ONLY):
            pass
        # Now with its first picture: only then FFmpeg knows the shape of the pixels.
        with as_read(info, first) as read:
            silent = _opening(info.codec, read, None)
            try:
                return silent, _opening(info.codec, read, audio) if audio is not None else None
            except faults:
                return silent, None
    except faults:
        raise MuxError(f"pictures of this kind ({info.codec}) cannot be shown as film") from None


def _opening(codec: str, read: Any, audio: AudioInfo | None) -> Opening:
    data = _header(codec, read, audio)
    codecs = _codecs(codec, data)
    if audio is None:
        return Opening(data, codecs, read.width, read.height)
    rates = [int.from_bytes(data[at.end() + 12 : at.end() + 16], "big") for at in re.finditer(b"mdhd", data)]
    codecs += f",mp4a.40.{object_type(audio.extradata)}"
    return Opening(data, codecs, read.width, read.height, rates[1])


def _header(codec: str, read: Any, audio: AudioInfo | None) -> bytes:
    import av

    sink = io.BytesIO()
    container = av.open(sink, "w", format="mp4", options=_OPTIONS)
    try:
        stream = container.add_stream_from_template(read, opaque=True)
        if codec == "hevc":
            # The other name for it, hev1, Apple's players do not know.
            stream.codec_tag = "hvc1"
        if audio is not None:
            from camera.video.sound import aac_template

            template = aac_template(audio)
            try:
                container.add_stream_from_template(template.streams.audio[0])
            finally:
                template.close()
        container.start_encoding()
        return sink.getvalue()
    finally:
        container.close()


def _codecs(codec: str, data: bytes) -> str:
    """From the configuration in the segment: ISO/IEC 14496-15 annex E, AV1 in ISOBMFF section 5."""
    if codec == "h264":
        return "avc1." + data[data.index(b"avcC") + 5 :][:3].hex()
    if codec == "av1":
        profile, bits = data[data.index(b"av1C") + 5 :][:2]
        depth = (12 if bits & 0x20 else 10) if bits & 0x40 else 8
        return f"av01.{profile >> 5}.{profile & 31:02d}{'H' if bits & 0x80 else 'M'}.{depth:02d}"
    first, flags, limits, level = struct.unpack_from(">BI6sB", data, data.index(b"hvcC") + 5)
    words = ["hvc1", ("", "A", "B", "C")[first >> 6] + str(first & 31), f"{int(f'{flags:032b}'[::-1], 2):x}"]
    words.append(f"{'H' if first & 0x20 else 'L'}{level}")
    return ".".join(words + [f"{limit:x}" for limit in limits.rstrip(b"\0")])


def sample(codec: str, data: bytes, known: frozenset[bytes]) -> list[bytes | memoryview]:
    """A picture as it stands in a file, in parts to be joined. `known`: parameter sets of the initialisation segment,
    left out here. Raises BadPacketError for what holds no picture."""
    if codec == "av1":
        return _av1(data)
    try:
        parts = _prefixed(codec, data, known)
    except ValueError:
        parts = []
    if not parts:
        raise BadPacketError("no picture")
    return parts


def _prefixed(codec: str, data: bytes, known: frozenset[bytes]) -> list[bytes | memoryview]:
    """The units, each with its length before it instead of a start code."""
    view = memoryview(data)
    parts: list[bytes | memoryview] = []
    for begin, found_end in nal.places(data):
        # A zero at the end is the first of the next start code.
        end = found_end if data[found_end - 1] else found_end - 1
        kind = nal.unit_type(codec, data[begin : begin + 1] or b"\x7f")
        if end - begin < 2 or kind in _IDLE[codec]:
            continue
        unit: bytes | memoryview = view[begin:end]
        if not data[end - 1] or kind in _SETS[codec]:
            unit = bytes(unit).rstrip(b"\0")
            if len(unit) < 2 or unit in known:
                continue
        parts += (len(unit).to_bytes(4, "big"), unit)
    return parts


def _av1(data: bytes) -> list[bytes | memoryview]:
    view = memoryview(data)
    try:
        units = list(obu.units(data))
    except ValueError:
        raise BadPacketError("no picture") from None
    if not obu.PICTURES & {kind for kind, _, _ in units}:
        raise BadPacketError("no picture")
    return [view[begin:end] for kind, begin, end in units if kind not in obu.IDLE]


def fragment(track: int, number: int, times: Times, is_key: bool, parts: list[bytes | memoryview]) -> bytes:
    """One moof and its mdat with one sample. `number` counts from 0."""
    size = sum(map(len, parts))
    flags = _KEY_FLAGS if is_key else _DELTA_FLAGS
    head = _FRAGMENT.pack(
        _START, (number + 1) & 0xFFFFFFFF, _TRAF, track, _TFDT, times.dts, _TRUN, times.lasts, size, flags, times.ahead,
        size + 8, b"mdat",
    )  # fmt: skip
    return b"".join((head, *parts))
