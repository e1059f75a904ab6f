"""Live films between the processes: pieces of fragmented MP4, several of them in one message of the bus.

A film has an `epoch`: it begins anew with each opening of the source. Its media pieces are numbered from 0 in each
epoch, so that a hole is seen; what is sent again for a newcomer keeps its numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# As they stand in the messages of /ws/live/.
INIT, KEY, DELTA = 0, 1, 2
_MOST_PIECES = 2000
_LONGEST_MIME = 100


@dataclass(frozen=True, slots=True)
class Piece:
    """One initialisation segment, or one moof with its mdat. `captured_at`: of the picture in it, seconds since 1970.

    Pieces of sound are DELTA with the time of their own. `data` is shared by every viewer and never copied.
    """

    kind: int
    captured_at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one message carries. `first`: the number of its first media piece; the initialisation segment has none.

    `mime` (with its codecs, as browsers are asked), `width` and `height` belong to the epoch. `replay`: sent again, for
    one who has just come.
    """

    epoch: int
    first: int
    mime: str
    width: int
    height: int
    pieces: tuple[Piece, ...]
    replay: bool = False


def mime(codecs: str) -> str:
    """What a browser is asked whether it plays it. `codecs` by RFC 6381, as in CameraState.film."""
    return f'video/mp4; codecs="{codecs}"'


def pack(batch: Batch) -> tuple[dict[str, Any], bytes]:
    """(header, payload) for the bus. A single piece is not copied."""
    header = {
        "epoch": batch.epoch,
        "first": batch.first,
        "mime": batch.mime,
        "w": batch.width,
        "h": batch.height,
        "replay": batch.replay,
        "pieces": [[piece.kind, piece.captured_at, len(piece.data)] for piece in batch.pieces],
    }
    if len(batch.pieces) == 1:
        return header, batch.pieces[0].data
    return header, b"".join(piece.data for piece in batch.pieces)


def unpack(header: dict[str, Any], payload: bytes) -> Batch:
    """Raises ValueError, TypeError or KeyError for what is no batch."""
    told, at, pieces = header["pieces"], 0, []
    if not isinstance(told, Sequence) or not 0 < len(told) <= _MOST_PIECES:
        raise ValueError("no pieces")
    for kind, captured_at, length in told:
        if kind not in (INIT, KEY, DELTA) or type(length) is not int or not 0 < length <= len(payload) - at:
            raise ValueError("a piece that is none")
        if not math.isfinite(captured_at):
            raise ValueError("no time")
        pieces.append(Piece(kind, float(captured_at), payload if len(told) == 1 else payload[at : at + length]))
        at += length
    if at != len(payload):
        raise ValueError("more than its pieces")
    mime = header["mime"]
    if not isinstance(mime, str) or len(mime) > _LONGEST_MIME:
        raise ValueError("no kind")
    numbers = [header[name] for name in ("epoch", "first", "w", "h")]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("no numbers")
    epoch, first, width, height = numbers
    return Batch(epoch, first, mime, width, height, tuple(pieces), header.get("replay") is True)
