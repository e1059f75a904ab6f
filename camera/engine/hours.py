"""What lies in the folders of one camera's days, hour by hour, by the names alone; and how an hour of stills goes.

No rows here, and no link is ever followed. What does not have a name that Fairwatch gives is neither counted nor
touched.
"""

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from camera import paths
from camera.engine import files

STILLS, EVENTS = "stills", "events"
# The folder under MEDIA_ROOT in which each kind lies.
TOPS = {STILLS: "snapshots", EVENTS: "events"}
_NAMES = {STILLS: paths.STILL, EVENTS: paths.PICTURE}
_HOUR_OF_PICTURE = re.compile(r"_(\d{8}_\d\d)\d{4}_[0-9a-f]{8}(?:_clean)?\.jpg$")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
# Files looked at between two glances at the clock.
_PIECE = 20


@dataclass(frozen=True, slots=True, order=True)
class Day:
    """One camera's folder of one day, in UTC."""

    kind: str
    slug: str
    day: str

    @property
    def folder(self) -> str:
        return f"{TOPS[self.kind]}/{self.slug}/{self.day}"


@dataclass(slots=True)
class Count:
    files: int = 0
    bytes: int = 0


def day_of(kind: str, slug: str, moment: datetime) -> Day:
    return Day(kind, slug, f"{moment.astimezone(UTC):%Y-%m-%d}")


def hour_of(moment: datetime) -> datetime:
    """The beginning of its hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def days(root: str, kind: str) -> Iterator[Day]:
    """Every day of every camera that has a folder. Raises OSError."""
    for slug in _folders(Path(root, TOPS[kind]), _SLUG):
        for day in _folders(Path(root, TOPS[kind], slug), _DAY):
            if _is_a_day(day):
                yield Day(kind, slug, day)


def slugs(root: str, kind: str) -> list[str]:
    """The cameras that have a folder. Raises OSError."""
    return _folders(Path(root, TOPS[kind]), _SLUG)


def _folders(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            found = [one.name for one in entries if pattern.fullmatch(one.name) and one.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return sorted(found)


def _is_a_day(text: str) -> bool:
    try:
        return bool(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC))
    except ValueError:
        return False


def count(root: str, day: Day, only: frozenset[datetime] | None = None) -> dict[datetime, Count]:
    """Files and bytes of each hour (of `only` these) that has any. Raises OSError and UnsafePathError."""
    found: dict[datetime, Count] = {}
    with _opened(root, day.folder) as folder:
        for entry in _entries(folder):
            hour = hour_in(day.kind, f"{day.folder}/{entry.name}")
            if hour is None or (only is not None and hour not in only):
                continue
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    one = found.setdefault(hour, Count())
                    one.files += 1
                    one.bytes += status.st_size
    return found


def hour_in(kind: str, name: str) -> datetime | None:
    """The hour that a file of this name belongs to; None for a foreign name."""
    match = _NAMES[kind].fullmatch(name)
    if match is None:
        return None
    try:
        if kind == STILLS:
            return datetime.strptime(f"{match.group(2)} {match.group(3)}", "%Y-%m-%d %H").replace(tzinfo=UTC)
        stamp = _HOUR_OF_PICTURE.search(name)
        return datetime.strptime(stamp.group(1), "%Y%m%d_%H").replace(tzinfo=UTC) if stamp else None
    except ValueError:
        return None


def clear(
    root: str, slug: str, hour: datetime, until: float, clock: Callable[[], float] = time.monotonic
) -> tuple[bool, int]:
    """Remove one camera's stills of that hour: whether all are gone by `until` of `clock`, and the bytes that went.

    Raises OSError and UnsafePathError.
    """
    day = day_of(STILLS, slug, hour)
    freed = 0
    with _opened(root, day.folder) as folder:
        ours = [one for one in _entries(folder) if _is_still_of(day, one.name, hour)]
        for number, entry in enumerate(ours):
            if number % _PIECE == 0 and clock() >= until:
                return False, freed
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                # A link or a folder of that name is somebody else's.
                if stat.S_ISREG(status.st_mode):
                    os.unlink(entry.name, dir_fd=folder)
                    freed += status.st_size
        if ours:
            os.fsync(folder)
    files.remove_empty_day(root, f"{day.folder}/x")
    return True, freed


def _is_still_of(day: Day, name: str, hour: datetime) -> bool:
    return hour_in(STILLS, f"{day.folder}/{name.removesuffix(paths.PART)}") == hour


@contextlib.contextmanager
def _opened(root: str, folder: str) -> Iterator[int]:
    """A handle of the folder, reached without following a link; -1 where there is none."""
    handle = -1
    try:
        with files.parent_of(root, f"{folder}/x") as (found, _):
            handle = os.dup(found)
    except FileNotFoundError:
        pass
    try:
        yield handle
    finally:
        if handle >= 0:
            os.close(handle)


def _entries(folder: int) -> "list[os.DirEntry[str]]":
    if folder < 0:
        return []
    with os.scandir(folder) as entries:
        return list(entries)
