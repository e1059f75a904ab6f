"""The folder that new recordings go to: checked by really writing there, before anybody relies on it."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError

from camera.engine.disk import RESUME, floor_of
from camera.footage import Storage
from camera.words import size

# Characters, as the column has room for.
LONGEST = 500
# What lies in these is gone after a restart, or is no file at all.
NO_DISKS = frozenset(
    {"tmpfs", "ramfs", "proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "mqueue", "debugfs"}
)
# Folders of Fairwatch's own beneath a storage.
OWN = ("recordings", "events", "snapshots")


def check_folder(text: str) -> str:
    """The folder, resolved, ready to be recorded to; "" stands for MEDIA_ROOT. It is made where it is missing.

    Raises ValidationError in words for the owner. Earlier recordings stay where they are and can be played.
    """
    if not text.strip():
        return ""
    path = _allowed(text.strip())
    is_new = not os.path.lexists(path)
    _make(path)
    try:
        _try_writing(path)
        _check_disk(path)
    except ValidationError:
        if is_new:
            path.rmdir()
        raise
    return str(path)


def roots() -> list[Path]:
    """The folders a storage may lie in."""
    return list(dict.fromkeys([*settings.STORAGE_ROOTS, settings.MEDIA_ROOT]))


def _allowed(text: str) -> Path:
    if "\0" in text or any(ord(letter) < 32 for letter in text):
        raise ValidationError("A folder's name has no control characters in it.")
    if not text.startswith("/"):
        raise ValidationError("Write the whole path, starting with /, for instance /mnt/disk/recordings.")
    try:
        path = Path(text).resolve()
        inside = [root for root in roots() if path.is_relative_to(root.resolve())]
    except (OSError, RuntimeError) as error:
        raise ValidationError(f"{text} cannot be followed: {_why(error)}.") from None
    if not inside:
        listed = ", ".join(str(root) for root in roots())
        raise ValidationError(f"{text} is not inside one of the folders that STORAGE_ROOTS allows: {listed}")
    if len(str(path)) > LONGEST:
        raise ValidationError(f"The path is too long (at most {LONGEST} characters).")
    if not any(root == settings.MEDIA_ROOT or root.is_dir() for root in inside):
        raise ValidationError(f"{inside[0]} does not exist. Is the disk connected and mounted?")
    _not_in_our_own(path, text)
    return path


def _not_in_our_own(path: Path, text: str) -> None:
    """A storage inside another's footage would make each look like the other's litter."""
    known = {*Storage.objects.values_list("path", flat=True), str(settings.MEDIA_ROOT)} - {str(path)}
    for storage in known:
        for name in OWN:
            if path.is_relative_to(Path(storage).resolve() / name):
                raise ValidationError(f"{text} lies inside {storage}/{name}, where footage is kept. Choose another.")


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValidationError(f"{path} is not a folder.") from None
    except OSError as error:
        raise ValidationError(f"{path} cannot be made: {_why(error)}.") from None


def _try_writing(path: Path) -> None:
    """Write, lock, sync to the disk and remove a file, as recording does."""
    try:
        with tempfile.NamedTemporaryFile(dir=path, prefix=".fairwatch-try-") as file:
            file.write(b"\0" * 65536)
            file.flush()
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fsync(file.fileno())
    except OSError as error:
        raise ValidationError(f"Fairwatch cannot write in {path}: {_why(error)}.") from None


def _check_disk(path: Path) -> None:
    kind = filesystem(path)
    if kind in NO_DISKS:
        raise ValidationError(f"{path} is not on a disk but on {kind}: what is there is gone after a restart.")
    usage = shutil.disk_usage(path)
    # With less the engine would hold recording there at once.
    least = RESUME * floor_of(usage.total, 0)
    if usage.free < least:
        told = f"{size(usage.free)} of {size(usage.total)}"
        raise ValidationError(f"The disk of {path} is full: {told} are free. Recording needs at least {size(least)}.")


def filesystem(path: Path) -> str:
    """The kind of file system `path` lies on («ext4»), or "" where the system does not tell."""
    try:
        device = path.stat().st_dev
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return ""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    return next((line.partition(" - ")[2].split()[0] for line in lines if line.split()[2] == wanted), "")


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
