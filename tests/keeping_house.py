"""Recordings and events with real files, for tests of what keeps and removes them."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from camera import paths
from camera.engine import storages
from camera.models import Camera, Event, HourUsage, Recording, Storage


class Clock:
    """Monotonic and wall time that stand until they are moved."""

    def __init__(self) -> None:
        self.now, self.wall = 1000.0, time.time()

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds


def storage_at(folder: Path, *, marked: bool = True) -> Storage:
    folder.mkdir(parents=True, exist_ok=True)
    if marked:
        (folder / storages.MARKER).touch()
    return Storage.objects.get_or_create(path=str(folder.resolve()))[0]


def recording(
    storage: Storage, camera: Camera | None = None, *, size: int = 1000, age: float = 0.0, **values: Any
) -> Recording:
    """A recording that began `age` days ago, with its file, thumbnail and (where `ready`) copy; old enough to check."""
    at = datetime.now(UTC) - timedelta(days=age)
    uid = paths.new_uid()
    slug = camera.slug if camera is not None else "gone"
    data = (uid.encode() * (size // 8 + 1))[:size]
    row = Recording(
        camera=camera, camera_name=slug, camera_slug=slug, storage=storage, uid=uid,
        file=paths.recording_file(slug, at.timestamp(), uid), state="closed", trigger="always", reasons=["always"],
        started_at=at, ended_at=at + timedelta(seconds=60), seconds=60, bytes=size,
        sha256=hashlib.sha256(data).hexdigest(), thumbnail=True,
    )  # fmt: skip
    for name, value in values.items():
        setattr(row, name, value)
    write(row.path, data)
    write(row.thumbnail_path, b"jpeg")
    if row.playable == Recording.Playable.READY:
        write(row.playable_path, b"copy")
    row.save()
    return row


def event(camera: Camera | None, media: Path, *, age: float = 0.0, **values: Any) -> Event:
    """An event that began `age` days ago, with both its pictures."""
    at = datetime.now(UTC) - timedelta(days=age)
    uid = paths.new_uid()
    names = [paths.event_picture("yard", "motion", at.timestamp(), uid, clean=clean) for clean in (False, True)]
    row = Event(
        camera=camera, camera_name="Yard", camera_slug="yard", uid=uid, kind="motion", started_at=at,
        ended_at=at + timedelta(seconds=5), image=names[0], clean_image=names[1], changed_at=at,
    )  # fmt: skip
    for name, value in values.items():
        setattr(row, name, value)
    for name in names:
        write(media / name, b"jpeg")
    row.save()
    return row


def still(media: Path, slug: str, at: datetime, size: int = 100) -> Path:
    """The still of that second."""
    return write(media / paths.still_file(slug, at.timestamp()), b"x" * size)


def hour_of_stills(
    camera: Camera, media: Path, *, age: float = 0.0, size: int = 100, count: int = 3, **values: Any
) -> HourUsage:
    """A row of the hour `age` hours ago with its files, `size` bytes each."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=age)
    for number in range(count):
        still(media, camera.slug, hour + timedelta(seconds=5 * number), size)
    usual: dict[str, Any] = {"camera": camera, "camera_slug": camera.slug, "hour": hour, "kind": "stills"}
    return HourUsage.objects.create(**(usual | {"files": count, "bytes": count * size} | values))


def write(path: Path, data: bytes, age: float = 600.0) -> Path:
    """A file that was written `age` seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    aged(path, age)
    return path


def aged(path: Path, age: float = 600.0) -> Path:
    then = time.time() - age
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def media_files(folder: Path) -> set[str]:
    """Names below `folder`, without the marker."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return found - {storages.MARKER}


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A real file system of that size; the test is skipped where none may be mounted."""
    import subprocess

    import pytest

    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "fairwatch-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no file system may be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
