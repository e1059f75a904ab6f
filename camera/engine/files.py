"""Opens, hashes and removes files below a root without ever following a link. Only regular files are touched."""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from camera import paths

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO must not wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE = 1024 * 1024


@contextlib.contextmanager
def parent_of(root: Path | str, name: str) -> Iterator[tuple[int, str]]:
    """A handle of the folder that `root`/`name` lies in, reached without following a link, and the last part of `name`.

    Raises UnsafePathError, and FileNotFoundError when a folder is not there.
    """
    paths.inside(root, name)
    *folders, last = name.split("/")
    handle = os.open(root, _FOLDER)
    try:
        for part in folders:
            below = _open(part, _FOLDER | os.O_NOFOLLOW, handle)
            os.close(handle)
            handle = below
        yield handle, last
    finally:
        os.close(handle)


def _open(name: str, flags: int, folder: int) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
            raise paths.UnsafePathError("a link or something else than a file stands in the way") from None
        raise


def status(folder: int, last: str) -> os.stat_result | None:
    """The status of an ordinary file, None when nothing is there. Raises UnsafePathError for anything else."""
    try:
        found = os.stat(last, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise paths.UnsafePathError("what lies there is no ordinary file")
    return found


def exists(root: Path | str, name: str) -> bool:
    """Whether an ordinary file lies there. Raises UnsafePathError."""
    try:
        with parent_of(root, name) as (folder, last):
            return status(folder, last) is not None
    except FileNotFoundError:
        return False


def open_file(root: Path | str, name: str) -> int:
    """A handle for reading an ordinary file. Raises UnsafePathError, FileNotFoundError or another OSError."""
    with parent_of(root, name) as (folder, last):
        if status(folder, last) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        handle = _open(last, _FILE, folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise paths.UnsafePathError("what lies there is no ordinary file")
    return handle


def take(root: Path | str, name: str) -> int | None:
    """A handle with the lock of a `.part` file that nobody writes any more; None while a living process writes it.

    Raises FileNotFoundError, UnsafePathError, or another OSError where the file system knows no locks.
    """
    handle = open_file(root, name)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return handle


def fingerprint(root: Path | str, name: str) -> tuple[int, str]:
    """Bytes and SHA-256 of a file, read piece by piece. Raises as `open_file`."""
    digest, size = hashlib.sha256(), 0
    with os.fdopen(open_file(root, name), "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def remove(root: Path | str, names: Sequence[str]) -> int:
    """Remove those of `names` that are there, all in one folder; how many were.

    Looks at all of them first: when one is no ordinary file none is removed and UnsafePathError is raised. What is gone
    is on the disk when this returns.
    """
    try:
        with parent_of(root, names[0]) as (folder, _):
            lasts = [_last(root, name, names[0]) for name in names]
            there = [last for last in lasts if status(folder, last) is not None]
            for last in there:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(last, dir_fd=folder)
            if there:
                os.fsync(folder)
    except FileNotFoundError:
        return 0
    return len(there)


def _last(root: Path | str, name: str, beside: str) -> str:
    paths.inside(root, name)
    folder, _, last = name.rpartition("/")
    if folder != beside.rpartition("/")[0]:
        raise paths.UnsafePathError("the files of one row lie in different folders")
    return last


def remove_empty_day(root: Path | str, name: str) -> None:
    """Remove the day's folder that `name` lay in when it is empty; not today's, which may be needed at once."""
    day = name.rpartition("/")[0]
    if day.rpartition("/")[2] == f"{datetime.now(UTC):%Y-%m-%d}":
        return
    # Not empty, not there, or not ours: it stays.
    with contextlib.suppress(OSError, paths.UnsafePathError), parent_of(root, day) as (folder, last):
        os.rmdir(last, dir_fd=folder)
