"""AV1: the few things about its units (OBUs, AV1 specification 5.3) that a file of them needs."""

from collections.abc import Iterator

SEQUENCE_HEADER = 1
# Frame headers, and frames with theirs.
PICTURES = frozenset({3, 6})
# What a file has no need of: reserved, temporal delimiters, tile lists, padding.
IDLE = frozenset({0, 2, 8, 15})
# A picture of more units than this is none.
MOST_UNITS = 1000


def units(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(type, begin, end) of each unit, header included. Raises ValueError for what holds none, or too many."""
    at = 0
    for _ in range(MOST_UNITS):
        if at >= len(data):
            return
        begin, head = at, data[at]
        at += 2 if head & 0x04 else 1
        if head & 0x02:
            size, at = _leb128(data, at)
            at += size
        else:
            at = len(data)
        if head & 0x80 or at > len(data):
            raise ValueError("not AV1")
        yield head >> 3 & 0x0F, begin, at
    raise ValueError("too many parts")


def has_picture(data: bytes) -> bool:
    """False for what holds no frame, a sequence header alone for instance."""
    try:
        return any(kind in PICTURES for kind, _, _ in units(data))
    except ValueError:
        return False


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """(number, where it ends): seven bits a byte, the lowest first (4.10.5)."""
    number = 0
    for place in range(8):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return number, at
    raise ValueError("not AV1")
