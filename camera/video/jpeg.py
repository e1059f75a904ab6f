"""JPEG files by their markers alone: magic, size and end, without decoding anything."""

import re
from dataclasses import dataclass

MAX_BYTES = 16 * 1024 * 1024
MAX_PIXELS = 64_000_000
_START = b"\xff\xd8\xff"
# SOF0 … SOF15 without DHT (C4), JPG (C8) and DAC (CC).
_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Baseline, extended and progressive, all by Huffman: what browsers and decoders of cameras know.
_USUAL_MARKERS = frozenset({0xC0, 0xC1, 0xC2})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN, _END, _TABLES = 0xDA, 0xD9, 0xC4
_MOST_SEGMENTS = 2000
# Inside a scan 0xFF is followed by 00 (stuffing), a restart marker or another 0xFF (fill); anything else is a marker.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class BadJpegError(ValueError):
    """Not a JPEG that Fairwatch passes on; the message says why."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a JPEG's frame header says. `usual`: eight bits, coded as browsers know it, grey or three colours."""

    width: int
    height: int
    components: int
    usual: bool


def marks(data: bytes) -> Marks:
    """The frame header of a JPEG, whatever its size. Raises BadJpegError where there is none or it says nothing."""
    if not data.startswith(_START):
        raise BadJpegError("not a JPEG picture")
    for marker, at, length in _segments(data):
        if marker in _SIZE_MARKERS and length >= 8 and at + 8 <= len(data):
            height, width = int.from_bytes(data[at + 3 : at + 5]), int.from_bytes(data[at + 5 : at + 7])
            if not width or not height:
                raise BadJpegError("a picture without a size")
            components = data[at + 7]
            usual = marker in _USUAL_MARKERS and data[at + 2] == 8 and components in (1, 3)
            return Marks(width, height, components, usual and length == 8 + 3 * components)
    raise BadJpegError("a JPEG without a size")


def check(data: bytes) -> tuple[int, int]:
    """(width, height) of a JPEG within the limits, read from its SOF marker. Raises BadJpegError."""
    if not data.startswith(_START):
        raise BadJpegError("not a JPEG picture")
    if len(data) > MAX_BYTES:
        raise BadJpegError(f"a picture of more than {MAX_BYTES // 1024 // 1024} MiB")
    found = marks(data)
    if found.width * found.height > MAX_PIXELS:
        raise BadJpegError(f"a picture of {found.width}x{found.height} pixels is too large")
    return found.width, found.height


def has_huffman_tables(data: bytes) -> bool:
    """False for what many USB cameras send as MJPEG: JPEGs that rely on the standard tables without carrying them."""
    return any(marker == _TABLES for marker, _, _ in _segments(data))


def end_of_picture(data: bytes | bytearray) -> int | None:
    """Length of the JPEG that `data` begins with, None while its end has not come. Thumbnails do not count."""
    at = None
    for marker, begin, length in _segments(data):
        if marker == _SCAN:
            at = begin + length
    for _ in range(_MOST_SEGMENTS if at is not None else 0):
        match = _NEXT_MARKER.search(data, at or 0)
        if match is None:
            break
        if match.group()[1] == _END:
            return match.end()
        # A further table or scan of a progressive picture.
        length = int.from_bytes(data[match.end() : match.end() + 2])
        at = match.end() + max(length, 2)
    return None


def _segments(data: bytes | bytearray) -> "list[tuple[int, int, int]]":
    """(marker, place of its length field, length) of every segment up to and including the first scan."""
    found, at, size = [], 2, len(data)
    for _ in range(_MOST_SEGMENTS):
        if at + 4 > size or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            length = int.from_bytes(data[at + 2 : at + 4])
            if length < 2 or marker == _END:
                break
            found.append((marker, at + 2, length))
            if marker == _SCAN:
                break
            at += 2 + length
    return found
