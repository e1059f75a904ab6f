"""The newest still of each camera, small enough for a broker."""

import io
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone
from PIL import Image

from camera.paths import UnsafePathError, inside
from camera.still_files import Still, still_at
from camera.stills import deleted_hours, stills_of

logger = logging.getLogger(__name__)

# What goes to the broker at most, in bytes; larger pictures are made smaller until they fit, by their longest side.
MOST_BYTES = 256 * 1024
SIDES = (1280, 960, 640, 320)
QUALITY = 80
# What is not even opened: bytes and pixels.
MOST_READ, MOST_PIXELS = 16 * 1024 * 1024, 64_000_000
# A camera's picture goes out this often at most, in seconds.
EVERY = 10.0
# A still is written up to so many seconds after its capture; how far back is looked at the first time, and later.
_LATE, _FIRST, _LONGEST = 15, timedelta(hours=1), 120
_SECOND = timedelta(seconds=1)


def bounded(data: bytes) -> bytes | None:
    """A JPEG of at most MOST_BYTES that shows the same; None when there is none to be had."""
    if len(data) <= MOST_BYTES:
        return data if data[:2] == b"\xff\xd8" and data.rstrip(b"\0")[-2:] == b"\xff\xd9" else None
    for side in SIDES:
        try:
            smaller = _reduced(data, side)
        except (OSError, ValueError, Image.DecompressionBombError):
            return None
        if len(smaller) <= MOST_BYTES:
            return smaller
    return None


def _reduced(data: bytes, side: int) -> bytes:
    """Raises OSError or ValueError for what is no picture, or one that is too large."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        # Within the decoding, which costs a fraction of scaling afterwards.
        image.draft("RGB", (side, side))
        image.thumbnail((side, side))
        out = io.BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


@dataclass(slots=True)
class _Shown:
    """Of one camera. `looked`: up to where its folder was looked through."""

    looked: datetime | None = None
    due: float = 0.0
    still: Still | None = None
    data: bytes = b""


@dataclass(slots=True)
class Stills:
    """The newest still of each camera by its slug, looked for at most every EVERY seconds."""

    _shown: dict[str, _Shown] = field(default_factory=dict)

    def look(self, slugs: list[str], clock: float) -> None:
        """`clock`: monotonic seconds. Raises DatabaseError."""
        self._shown = {slug: self._shown.get(slug) or _Shown() for slug in slugs}
        for slug, shown in self._shown.items():
            if clock >= shown.due:
                shown.due = clock + EVERY
                self._refresh(slug, shown)

    def of(self, slug: str) -> bytes:
        """The JPEG; empty when there is none, or none any more."""
        shown = self._shown.get(slug)
        return shown.data if shown is not None else b""

    def _refresh(self, slug: str, shown: _Shown) -> None:
        found = _newest(slug, shown)
        if found is not None and found != shown.still:
            data = _read(found)
            if data:
                shown.still, shown.data = found, data
        if shown.still is not None and _is_gone(slug, shown.still):
            shown.still, shown.data = None, b""


def _newest(slug: str, shown: _Shown) -> Still | None:
    """Folders hold thousands of names: they are read once, from then on each second is asked for by its name."""
    now = timezone.now().astimezone(UTC).replace(microsecond=0)
    before, shown.looked = shown.looked, now
    if before is None:
        return next(reversed(stills_of(slug, now - _FIRST, now + _SECOND)), None)
    seconds = min(_LONGEST, max(0, int((now - before).total_seconds())) + _LATE)
    for back in range(seconds + 1):
        at = now - back * _SECOND
        if shown.still is not None and at <= shown.still.at <= now:
            break
        found = still_at(slug, f"{at:%Y-%m-%d}", f"{at:%H_%M_%S}")
        if found is not None and _is_there(found):
            return found
    return None


def _is_there(still: Still) -> bool:
    try:
        return inside(settings.MEDIA_ROOT, still.name).is_file()
    except (OSError, UnsafePathError):
        return False


def _is_gone(slug: str, still: Still) -> bool:
    """Deleted, or about to be."""
    return not _is_there(still) or bool(deleted_hours(slug, still.at, still.at + _SECOND))


def _read(still: Still) -> bytes | None:
    try:
        path = inside(settings.MEDIA_ROOT, still.name)
        if path.stat().st_size > MOST_READ:
            return None
        data = bounded(path.read_bytes())
    except (OSError, UnsafePathError) as error:
        logger.debug("the still %s cannot be read: %s", still.name, error)
        return None
    if data is None:
        logger.debug("the still %s cannot be made small enough", still.name)
    return data
