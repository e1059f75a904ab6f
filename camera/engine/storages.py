"""The marker file by which a storage is known from an empty mount point, and the state a storage is in."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from django.conf import settings

from camera import paths
from camera.engine import files
from camera.models import Event, Recording

MARKER = ".fairwatch-storage"
MISSING, READ_ONLY = "storage_missing", "storage_readonly"
_TEXT = "Fairwatch keeps recordings in this folder. Without this file it takes the folder for an empty mount point.\n"
_OLDEST = 5
# The device of each storage when its marker was last seen: another one now means that its disk was unmounted.
_devices: dict[str, int] = {}


def home() -> str:
    """MEDIA_ROOT as storages are written: absolute, without links."""
    return str(Path(settings.MEDIA_ROOT).resolve())


def marked(root: str) -> bool:
    """Whether the marker is in `root`: what is not found there then is truly gone."""
    try:
        found = os.lstat(Path(root, MARKER))
    except OSError:
        return False
    if stat.S_ISREG(found.st_mode):
        _devices[root] = found.st_dev
        return True
    return False


def last_alive() -> float | None:
    """When the house last worked (seconds since the epoch), by the time of MEDIA_ROOT's marker; None when unknown."""
    try:
        return os.lstat(Path(home(), MARKER)).st_mtime
    except OSError:
        return None


def alive(at: float) -> None:
    """Remember that the house works at `at`."""
    with contextlib.suppress(OSError):
        os.utime(Path(home(), MARKER), (at, at), follow_symlinks=False)


def fault(root: str, storage: int | None) -> str:
    """Why nothing may be written to `root` ("" when all is well). Marks a storage that is used for the first time.

    `storage` is its row's id, None when it has no row yet.
    """
    if not marked(root):
        if is_missing(root, storage):
            return MISSING
        if not _mark(root):
            return READ_ONLY if Path(root).is_dir() else MISSING
    return "" if _writable(root) else READ_ONLY


def is_missing(root: str, storage: int | None) -> bool:
    """There should be footage, but neither the marker nor the oldest of it is: an empty mount point."""
    if marked(root):
        return False
    return _is_unmounted(root) or (_has_footage(root, storage) and not _shows_footage(root, storage))


def _is_unmounted(root: str) -> bool:
    try:
        return root in _devices and Path(root).stat().st_dev != _devices[root]
    except OSError:
        return True


def _writable(root: str) -> bool:
    try:
        return not os.statvfs(root).f_flag & os.ST_RDONLY and os.access(root, os.W_OK) and _opens(root)
    except OSError:
        return False


def _opens(root: str) -> bool:
    """A file system that has given up writing after a fault may tell of it here alone. Nothing is written."""
    try:
        os.close(os.open(Path(root, MARKER), os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno not in (errno.EROFS, errno.EIO)
    return True


def _mark(root: str) -> bool:
    try:
        Path(root).mkdir(parents=True, exist_ok=True)
        handle = os.open(Path(root, MARKER), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    except OSError:
        return False
    with os.fdopen(handle, "w") as file:
        file.write(_TEXT)
    return marked(root)


def _has_footage(root: str, storage: int | None) -> bool:
    rows = Recording.objects.filter(storage=storage).exclude(state=Recording.State.MISSING)
    if storage is not None and rows.exists():
        return True
    return root == home() and Event.objects.exclude(image="").exists()


def _shows_footage(root: str, storage: int | None) -> bool:
    """The marker alone has gone (or the folder was used before it was marked): some of the oldest files are there.

    Not the newest: those may have been written into the empty mount point a moment ago.
    """
    rows = Recording.objects.filter(storage=storage).exclude(state=Recording.State.MISSING).order_by("started_at", "pk")
    names = [name + end for name in rows.values_list("file", flat=True)[:_OLDEST] for end in ("", paths.PART)]
    if root == home() and not names:
        events = Event.objects.exclude(image="").order_by("started_at", "pk")
        names += events.values_list("image", flat=True)[:_OLDEST]
    for name in names:
        with contextlib.suppress(OSError, paths.UnsafePathError):
            if files.exists(root, name):
                return True
    return False
