"""A file that a crash left behind is made whole: no rows here, run in a thread of its own."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from camera import paths
from camera.video.integrity import sha256_of
from camera.video.repair import RepairError, duration_of, repair

# A finished file without a row may have one in a moment. Seconds.
YOUNG = 10.0
# Of something smaller in which nothing can be played nothing is lost. Bytes.
LEAST = 64 * 1024


class Outcome(StrEnum):
    LIVE = "still being written"
    WHOLE = "complete"
    MENDED = "made whole"
    EMPTY = "removed, nothing was in it"
    DAMAGED = "damaged"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Left:
    """A file, or the row of one, that no living process answers for. `pk`: the row's."""

    storage: str
    file: str
    pk: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.storage, self.file

    @property
    def _named(self) -> tuple[str, str]:
        match = paths.RECORDING.fullmatch(self.file)
        return (match.group(1), match.group(2)) if match else ("", "")

    @property
    def slug(self) -> str:
        return self._named[0]

    @property
    def uid(self) -> str:
        return self._named[1]

    @property
    def started_at(self) -> datetime:
        """As its name says it. Raises ValueError for a time that never was."""
        _, _, day, name = self.file.split("/")
        return datetime.strptime(f"{day} {name[:8]}", "%Y-%m-%d %H-%M-%S").replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of it. `seconds` of video; `written_at`: when the file was last written, 0 when unknown."""

    outcome: Outcome
    seconds: float = 0.0
    bytes: int = 0
    sha256: str = ""
    detail: str = ""
    written_at: float = 0.0
    thumbnail: bool = False


def leftovers(storage: str, days: int | None = None) -> Iterator[Left]:
    """The recordings in `storage`, finished or not, by their names alone; those of each camera's last `days`, all for
    None. Foreign names are never given, nor what was written a moment ago. Raises OSError."""
    top = Path(storage) / "recordings"
    if not top.is_dir():
        return
    for camera in _folders(top):
        for day in sorted(_folders(camera))[-days if days else 0 :]:
            with os.scandir(day) as entries:
                for entry in entries:
                    file = f"recordings/{camera.name}/{day.name}/{entry.name.removesuffix(paths.PART)}"
                    if paths.RECORDING.fullmatch(file) and _is_a_time(file) and _is_settled(entry):
                        yield Left(storage, file)


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]


def _is_settled(entry: "os.DirEntry[str]") -> bool:
    old = time.time() - entry.stat(follow_symlinks=False).st_mtime > YOUNG
    return old and entry.is_file(follow_symlinks=False)


def _is_a_time(file: str) -> bool:
    try:
        return Left("", file).started_at is not None
    except ValueError:
        return False


def mend(left: Left) -> Mended:
    """Make the file whole under its final name: repaired, synced, hashed, renamed. Raises OSError, UnsafePathError."""
    final = paths.inside(left.storage, left.file)
    part = paths.inside(left.storage, left.file + paths.PART)
    try:
        handle = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return _finished(final)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return Mended(Outcome.LIVE)
        if not _is_still(part, handle):
            return _finished(final)
        return _unfinished(part, final, handle)
    finally:
        os.close(handle)


def _is_still(part: Path, handle: int) -> bool:
    """Whether it was not renamed by its writer just before the lock was given."""
    try:
        return part.stat(follow_symlinks=False).st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


def _unfinished(part: Path, final: Path, handle: int) -> Mended:
    written_at = os.fstat(handle).st_mtime
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        return Mended(Outcome.DAMAGED, detail="What stands in its place is no ordinary file.")
    if os.path.lexists(final):
        return Mended(Outcome.DAMAGED, detail=f"Both {final.name} and {part.name} are there; neither was touched.")
    detail = ""
    try:
        seconds = repair(part).seconds
    except RepairError as error:
        if os.fstat(handle).st_size < LEAST:
            part.unlink(missing_ok=True)
            final.with_name(paths.thumbnail_of(final.name)).unlink(missing_ok=True)
            return Mended(Outcome.EMPTY)
        seconds, detail = 0.0, f"The file was left by a crash and cannot be made whole ({error})."[:200]
    os.fsync(handle)
    digest = sha256_of(part)
    part.rename(final)
    _sync(final.parent)
    size = os.fstat(handle).st_size
    outcome = Outcome.DAMAGED if detail else Outcome.MENDED
    return Mended(outcome, seconds, size, digest, detail, written_at, _has_thumbnail(final))


def _finished(final: Path) -> Mended:
    """It had its final name already: only its report was lost, or there is nothing."""
    try:
        status = final.stat(follow_symlinks=False)
    except FileNotFoundError:
        return Mended(Outcome.MISSING)
    if not stat.S_ISREG(status.st_mode):
        return Mended(Outcome.DAMAGED, detail="What stands in its place is no ordinary file.")
    outcome, seconds, detail = Outcome.WHOLE, 0.0, ""
    try:
        seconds = duration_of(final)
    except RepairError as error:
        outcome, detail = Outcome.DAMAGED, f"The file cannot be read as a recording ({error})."[:200]
    return Mended(outcome, seconds, status.st_size, sha256_of(final), detail, status.st_mtime, _has_thumbnail(final))


def _has_thumbnail(final: Path) -> bool:
    return final.with_name(paths.thumbnail_of(final.name)).is_file()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
