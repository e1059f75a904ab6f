"""Where footage lies. The only place that makes and reads names of files; no name ever comes from a request."""

import re
import secrets
from datetime import UTC, date, datetime
from pathlib import Path

PART = ".part"
UID = re.compile(r"[0-9a-f]{8}")
_SLUG = r"[a-z0-9][a-z0-9-]{0,59}"
_DAY = r"\d{4}-\d\d-\d\d"
RECORDING = re.compile(rf"recordings/({_SLUG})/{_DAY}/\d\d-\d\d-\d\d_([0-9a-f]{{8}})\.mp4")
PICTURE = re.compile(rf"events/({_SLUG})/{_DAY}/[a-z_]{{1,20}}_\d{{8}}_\d{{6}}_([0-9a-f]{{8}})(?:_clean)?\.jpg")

STILL = re.compile(rf"snapshots/({_SLUG})/({_DAY})/([0-2]\d)_[0-5]\d_[0-6]\d\.jpg")
TIMELAPSE = re.compile(rf"timelapse/({_SLUG})/({_DAY})_([0-9a-f]{{8}})\.mp4")


class UnsafePathError(ValueError):
    """A stored name leads out of its folder, or to something that is no ordinary file."""


def new_uid() -> str:
    return secrets.token_hex(4)


def recording_file(slug: str, started_at: float, uid: str) -> str:
    """recordings/<slug>/<YYYY-MM-DD>/<HH-MM-SS>_<uid>.mp4, in UTC; while it is written with `.part` behind it."""
    at = datetime.fromtimestamp(started_at, UTC)
    return f"recordings/{slug}/{at:%Y-%m-%d}/{at:%H-%M-%S}_{uid}.mp4"


def thumbnail_of(recording: str) -> str:
    """The small picture beside a recording."""
    return recording.removesuffix(".mp4") + ".jpg"


def playable_of(recording: str) -> str:
    """The H.264 copy beside a recording that browsers cannot play."""
    return recording.removesuffix(".mp4") + ".h264.mp4"


def still_file(slug: str, captured_at: float) -> str:
    """snapshots/<slug>/<YYYY-MM-DD>/<HH_MM_SS>.jpg, in UTC."""
    at = datetime.fromtimestamp(captured_at, UTC)
    return f"snapshots/{slug}/{at:%Y-%m-%d}/{at:%H_%M_%S}.jpg"


def timelapse_file(slug: str, day: date, uid: str) -> str:
    """timelapse/<slug>/<YYYY-MM-DD>_<uid>.mp4; the day is the house's own."""
    return f"timelapse/{slug}/{day:%Y-%m-%d}_{uid}.mp4"


def event_picture(slug: str, kind: str, started_at: float, uid: str, *, clean: bool = False) -> str:
    """events/<slug>/<YYYY-MM-DD>/<kind>_<YYYYMMDD_HHMMSS>_<uid>.jpg, in UTC; a spill's is called oil_spill_…."""
    at = datetime.fromtimestamp(started_at, UTC)
    kind = "oil_spill" if kind == "spill" else kind
    return f"events/{slug}/{at:%Y-%m-%d}/{kind}_{at:%Y%m%d_%H%M%S}_{uid}{'_clean' if clean else ''}.jpg"


def inside(root: Path | str, name: str) -> Path:
    """`root`/`name` where no part of `name` leads elsewhere. Does not open it. Raises UnsafePathError."""
    parts = name.split("/")
    if not name or "\0" in name or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise UnsafePathError("the stored name is not a plain relative one")
    base = Path(root).resolve()
    path = base.joinpath(*parts)
    if not path.parent.resolve().is_relative_to(base) or path.is_symlink():
        raise UnsafePathError("the stored name leads out of its folder")
    return path
