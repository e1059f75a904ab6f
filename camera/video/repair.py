"""Cuts the torn tail off a recording. Reads boxes (ISO 14496-12) and nothing else: the engine runs this on files that
hostile cameras had a hand in."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# Of one moov or moof: an hour of recording stays far below. Larger ones are not read.
_LARGEST_TABLE = 64 * 1024 * 1024
_MOST_BOXES = 200_000
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"moof", b"traf"})
_DEEPEST = 6
# FFmpeg's default; what the file says counts.
_USUAL_SCALE = 90000
_LONGEST = 7 * 24 * 3600.0

# In tfhd and trun: which fields are there.
_BASE, _DESCRIPTION, _DURATION, _SIZE = 0x1, 0x2, 0x8, 0x10
_RUN_OFFSET, _RUN_FLAGS, _RUN_DURATION = 0x1, 0x4, 0x100
_RUN_FIELDS = (0x100, 0x200, 0x400, 0x800)


class RepairError(ValueError):
    """There is nothing in the file that could be played."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What is left: how long it plays, its size in bytes, and how many bytes were cut off."""

    seconds: float
    bytes: int
    cut: int


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    body: int
    end: int


class _Tables:
    """What the tables told so far: per track its ticks a second and its length."""

    def __init__(self) -> None:
        self.scales: dict[int, int] = {}
        self.seconds = 0.0

    def reach(self, ticks: int, scale: int) -> None:
        seconds = ticks / max(scale, 1)
        if 0 <= seconds <= _LONGEST:
            self.seconds = max(self.seconds, seconds)


def repair(path: Path | str) -> Repaired:
    """Cut the file back to its last whole piece, in place. Raises RepairError, the file untouched, and OSError."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with os.fdopen(os.open(path, flags), "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        seconds, end = _measure(file, size)
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())
    return Repaired(round(seconds, 3), end, size - end)


def duration_of(path: Path | str) -> float:
    """Seconds that the whole pieces of a file play; nothing is changed. Raises RepairError and OSError."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return _measure(file, os.fstat(file.fileno()).st_size)[0]


def _measure(file: BinaryIO, size: int) -> tuple[float, int]:
    """(seconds, end of the last whole piece)."""
    tables, end, seconds = _Tables(), 0, 0.0
    has_tables = has_data = has_moov = False
    for box in _boxes(file, 0, size):
        if box.kind in (b"moov", b"moof"):
            _read_table(file, box, tables)
            has_moov |= box.kind == b"moov"
            has_tables = True
        has_data |= box.kind == b"mdat" and box.end > box.body
        # A piece is whole with both of its halves; an ordinary file has its data before its tables.
        if has_moov and has_tables and has_data and box.kind in (b"moov", b"mdat"):
            end, seconds, has_tables, has_data = box.end, tables.seconds, False, False
        elif end == box.start and box.kind in (b"free", b"mfra"):
            end = box.end
    if not end or seconds <= 0:
        raise RepairError("there is no whole piece of film in the file")
    return seconds, end


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """The boxes that lie whole between the two places."""
    at = start
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16) if end - at >= 16 else file.read(max(0, end - at))
        if len(head) < 8:
            return
        length, kind = struct.unpack_from(">I4s", head)
        body = 8
        if length == 1:
            if len(head) < 16:
                return
            length, body = struct.unpack_from(">Q", head, 8)[0], 16
        elif length == 0:
            length = end - at
        if length < body or at + length > end:
            return
        yield _Box(kind, at, at + body, at + length)
        at += length


def _read_table(file: BinaryIO, table: _Box, tables: _Tables) -> None:
    if table.end - table.body > _LARGEST_TABLE:
        raise RepairError("a table of the file is too large")
    file.seek(table.body)
    data = file.read(table.end - table.body)
    try:
        _walk(data, 0, len(data), tables, _Fragment(), 0)
    except (struct.error, IndexError):
        raise RepairError("a table of the file cannot be read") from None


class _Fragment:
    """The track that is being read, and where in it."""

    def __init__(self) -> None:
        self.track = 0
        self.at = 0
        self.default = 0


def _walk(data: bytes, at: int, end: int, tables: _Tables, here: _Fragment, depth: int) -> None:
    while at + 8 <= end and depth < _DEEPEST:
        length, kind = struct.unpack_from(">I4s", data, at)
        if length < 8 or at + length > end:
            return
        if kind in _CONTAINERS:
            _walk(data, at + 8, at + length, tables, here, depth + 1)
        elif kind in _READERS:
            _READERS[kind](data[at + 8 : at + length], tables, here)
        at += length


def _times(body: bytes, track: bool = False) -> tuple[int, int]:
    """(what stands in the place of the scale or track number, duration) of mvhd, mdhd and tkhd."""
    if track:
        return struct.unpack_from(">I", body, 20 if body[0] == 1 else 12)[0], 0
    if body[0] == 1:
        scale, duration = struct.unpack_from(">IQ", body, 20)
    else:
        scale, duration = struct.unpack_from(">II", body, 12)
    return scale, duration


def _mvhd(body: bytes, tables: _Tables, here: _Fragment) -> None:
    scale, duration = _times(body)
    tables.reach(duration, scale)


def _tkhd(body: bytes, tables: _Tables, here: _Fragment) -> None:
    here.track, _ = _times(body, track=True)


def _mdhd(body: bytes, tables: _Tables, here: _Fragment) -> None:
    scale, duration = _times(body)
    tables.scales[here.track] = scale
    tables.reach(duration, scale)


def _tfhd(body: bytes, tables: _Tables, here: _Fragment) -> None:
    flags, here.track = struct.unpack_from(">II", body)
    at = 8 + (8 if flags & _BASE else 0) + (4 if flags & _DESCRIPTION else 0)
    here.at, here.default = 0, 0
    if flags & _DURATION:
        here.default = struct.unpack_from(">I", body, at)[0]


def _tfdt(body: bytes, tables: _Tables, here: _Fragment) -> None:
    here.at = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)[0]


def _trun(body: bytes, tables: _Tables, here: _Fragment) -> None:
    flags, count = struct.unpack_from(">II", body)
    at = 8 + (4 if flags & _RUN_OFFSET else 0) + (4 if flags & _RUN_FLAGS else 0)
    stride = 4 * sum(1 for field in _RUN_FIELDS if flags & field)
    if stride and at + count * stride > len(body):
        raise struct.error
    if flags & _RUN_DURATION:
        here.at += sum(value[0] for value in struct.iter_unpack(f">I{stride - 4}x", body[at : at + count * stride]))
    else:
        here.at += here.default * count
    tables.reach(here.at, tables.scales.get(here.track, _USUAL_SCALE))


_READERS = {b"mvhd": _mvhd, b"tkhd": _tkhd, b"mdhd": _mdhd, b"tfhd": _tfhd, b"tfdt": _tfdt, b"trun": _trun}
