"""H.264 and H.265 in Annex B form: start codes and the few NAL unit types that Fairwatch needs to know."""

import re
from collections.abc import Iterator
from itertools import islice

_START = re.compile(rb"\x00\x00\x01")
# A picture of more units than this is none.
MOST_UNITS = 1000
# SPS and PPS; VPS, SPS and PPS.
_PARAMETER_SETS = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}


def units(data: bytes) -> list[bytes]:
    """The NAL units of an access unit, without their start codes."""
    starts = [match.end() for match in _START.finditer(data)]
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    return [unit for start, end in zip(starts, ends, strict=False) if (unit := data[start:end].rstrip(b"\0"))]


def unit_type(codec: str, unit: bytes) -> int:
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def parameter_sets(codec: str, data: bytes) -> bytes:
    """What a decoder needs before the first picture, found in a key frame; b"" when it carries none."""
    wanted = _PARAMETER_SETS.get(codec, frozenset())
    return b"".join(b"\0\0\0\1" + unit for unit in units(data) if unit_type(codec, unit) in wanted)


def has_picture(codec: str, data: bytes) -> bool:
    """False for parameter sets alone, which some cameras send as a packet of their own."""
    if codec not in _PARAMETER_SETS:
        return True
    for match in islice(_START.finditer(data), MOST_UNITS):
        kind = unit_type(codec, data[match.end() : match.end() + 1] or b"\x7f")
        if 1 <= kind <= 5 if codec == "h264" else kind < 32:
            return True
    return False


def starts_picture(codec: str, data: bytes) -> bool | None:
    """Whether the access unit begins with the first slice of a picture; None when it holds no slice at all.

    H.264 7.3.3: first_mb_in_slice comes first, and 0 is written as a single 1 bit. H.265 7.3.6.1: the first bit is
    first_slice_segment_in_pic_flag.
    """
    for match in islice(_START.finditer(data), MOST_UNITS):
        head = data[match.end() : match.end() + 3]
        if len(head) == 3 and (1 <= head[0] & 0x1F <= 5 if codec == "h264" else head[0] >> 1 & 0x3F <= 31):
            return bool((head[1] if codec == "h264" else head[2]) & 0x80)
    return None


def places(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each NAL unit begins and ends, without start codes; a unit may have zeros at its end that are not its own.
    Raises ValueError where there are too many."""
    begin, count = -1, 0
    for match in _START.finditer(data):
        if begin >= 0:
            yield begin, match.start()
        begin, count = match.end(), count + 1
        if count > MOST_UNITS:
            raise ValueError("too many units")
    if begin >= 0:
        yield begin, len(data)


def head(codec: str, data: bytes) -> tuple[bytes, ...]:
    """The parameter sets that stand before the first slice of a picture."""
    wanted, found = _PARAMETER_SETS.get(codec, frozenset()), []
    for match in islice(_START.finditer(data), MOST_UNITS):
        begin = match.end()
        kind = unit_type(codec, data[begin : begin + 1] or b"\x7f")
        if kind in wanted:
            after = _START.search(data, begin)
            found.append(data[begin : after.start() if after else len(data)].rstrip(b"\0"))
        elif 1 <= kind <= 5 if codec == "h264" else kind < 32:
            break
    return tuple(found)


def is_key(codec: str, data: bytes) -> bool:
    """Whether the first slice is of a picture that a decoder can begin with: IDR, with H.265 any IRAP."""
    for match in islice(_START.finditer(data), MOST_UNITS):
        kind = unit_type(codec, data[match.end() : match.end() + 1] or b"\x7f")
        if 1 <= kind <= 5 if codec == "h264" else kind < 32:
            return kind == 5 if codec == "h264" else 16 <= kind <= 23
    return False
