"""What a sender says beside its picture, and what a picture's first look tells. Nothing is decoded here."""

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from camera.reports import EVENT_KINDS
from camera.video import jpeg
from main.pushing.picture import Answer, BadPictureError

LATE_SECONDS = 10.0
FUTURE_SECONDS = 5.0
OLDEST_SECONDS = 365 * 86400.0
SMALLEST, LARGEST = 16, 16384
# What clients send that were told nothing about the type, and what JPEG is called here and there.
TAKEN_TYPES = frozenset(
    {
        "", "image/jpeg", "image/jpg", "image/pjpeg", "application/octet-stream", "binary/octet-stream",
        "application/x-www-form-urlencoded",
    }
)  # fmt: skip
_EPOCH = re.compile(r"\d{1,12}(\.\d{0,9})?")
_OTHER_PICTURES = (
    b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cJXL ", b"\xff\x0a", b"\0\0\0\x0cjP", b"%PDF",
    b"<svg", b"<?xml", b"<!DOC", b"<html", b"PK\x03\x04", b"\x1aE\xdf\xa3",
)  # fmt: skip
TIME_HELP = (
    "X-Captured-At cannot be read: write seconds since 1970 (1767225600.25) or a time with its zone "
    "(2026-01-01T00:00:00.25+00:00), at most a year ago."
)
TYPE_HELP = "Only JPEG pictures are taken: send the picture itself as the body, as Content-Type: image/jpeg."
DAMAGED = "The body is not a whole JPEG picture."


@dataclass(frozen=True, slots=True)
class Said:
    """The sender's headers, checked. `captured_at` None: when it arrives; `late`: older than is shown as live."""

    captured_at: float | None = None
    late: bool = False
    kind: str = ""
    sender_id: str = ""

    @property
    def clock(self) -> str:
        return "arrival" if self.captured_at is None else "source"


def refuse(status: int, code: str, message: str) -> BadPictureError:
    return BadPictureError(Answer(status, code, message, float(settings.PUSH_FPS)))


def read(captured: Sequence[str], kinds: Sequence[str], ids: Sequence[str], now: float | None = None) -> Said:
    """The values of X-Captured-At, X-Event-Kind and X-Event-Id, each as often as it came. Raises BadPictureError."""
    if max(len(captured), len(kinds), len(ids)) > 1:
        raise refuse(400, "bad_header", "Each header about the picture may come once only.")
    kind, sender_id = (values[0].strip() if values else "" for values in (kinds, ids))
    if kind and kind not in EVENT_KINDS:
        raise refuse(400, "bad_event_kind", f"X-Event-Kind is one of {', '.join(EVENT_KINDS)}.")
    if len(sender_id) > 100 or not sender_id.isprintable():
        raise refuse(400, "bad_event_id", "X-Event-Id has at most 100 printable characters.")
    if sender_id and not kind:
        raise refuse(400, "bad_event_id", "X-Event-Id belongs to a picture with an X-Event-Kind.")
    taken = captured[0].strip() if captured else ""
    if not taken:
        return Said(kind=kind, sender_id=sender_id)
    at, late = captured_at(taken, time.time() if now is None else now)
    return Said(at, late, kind, sender_id)


def captured_at(text: str, now: float) -> tuple[float | None, bool]:
    """(the capture time, whether it is late); None where it lies so far ahead that the sender's clock must be wrong.

    Raises BadPictureError.
    """
    moment = _moment(text)
    if moment is None or moment < now - OLDEST_SECONDS:
        raise refuse(400, "bad_time", TIME_HELP)
    if moment > now + FUTURE_SECONDS:
        return None, False
    return moment, moment < now - LATE_SECONDS


def _moment(text: str) -> float | None:
    if len(text) > 40 or not text.isascii():
        return None
    if _EPOCH.fullmatch(text):
        return float(text)
    try:
        found = datetime.fromisoformat(text)
        seconds = found.timestamp() if found.tzinfo is not None else math.nan
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None


def check_type(values: Sequence[str]) -> None:
    """Refuse what says of itself that it is no JPEG. Raises BadPictureError."""
    said = {value.partition(";")[0].strip().lower() for value in values}
    if said - TAKEN_TYPES:
        raise refuse(415, "unsupported_media_type", TYPE_HELP)


def look(data: bytes) -> tuple[bytes, int, int]:
    """(the picture without what may hang on behind its end, width, height). Raises BadPictureError."""
    if len(data) > settings.PUSH_MAX_BYTES:
        raise refuse(413, "too_large", f"A picture may have at most {settings.PUSH_MAX_BYTES} bytes.")
    if any(data.startswith(magic) for magic in _OTHER_PICTURES) or data[4:8] == b"ftyp":
        raise refuse(415, "unsupported_media_type", TYPE_HELP)
    try:
        found = jpeg.marks(data)
    except jpeg.BadJpegError:
        raise refuse(400, "bad_image", DAMAGED if data else "The body is empty.") from None
    _check_size(found.width, found.height)
    if not found.usual:
        raise refuse(400, "bad_image", "Only ordinary JPEGs are taken: grey or colour, not CMYK, lossless or 12 bit.")
    end = jpeg.end_of_picture(data)
    if end is None:
        raise refuse(400, "bad_image", DAMAGED)
    return (data if end == len(data) else data[:end]), found.width, found.height


def _check_size(width: int, height: int) -> None:
    if max(width, height) > LARGEST or width * height > settings.PUSH_MAX_PIXELS:
        most = f"{settings.PUSH_MAX_PIXELS} pixels and {LARGEST} a side"
        raise refuse(413, "too_large", f"A picture of {width}x{height} is too large; at most {most} are taken.")
    if min(width, height) < SMALLEST:
        raise refuse(400, "bad_image", f"A picture of {width}x{height} is too small; at least {SMALLEST} a side.")
