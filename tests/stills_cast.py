"""Stills and time-lapses with real files for tests: generated JPEGs, or bytes that only have to be sent."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from camera import paths
from camera.models import Camera, HourUsage, TimeLapse
from main.still_lists import bounds

JPEG = b"\xff\xd8\xff\xe0 a still \xff\xd9"


def kept(camera: Camera, at: datetime, body: bytes = JPEG) -> Path:
    """A still of that camera."""
    path = Path(settings.MEDIA_ROOT) / paths.still_file(camera.slug, at.timestamp())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def kept_many(camera: Camera, begin: datetime, count: int, every: float = 5, body: bytes = JPEG) -> list[Path]:
    return [kept(camera, begin + timedelta(seconds=number * every), body) for number in range(count)]


def counted(camera: Camera, hour: datetime, files: int, volume: int, **values: Any) -> HourUsage:
    """What the engine says of an hour of stills."""
    return HourUsage.objects.create(
        camera=camera, camera_slug=camera.slug, hour=hour, kind="stills", files=files, bytes=volume, **values
    )


def filmed(camera: Camera, day: date, body: bytes = b"a film" * 100, **values: Any) -> TimeLapse:
    """A time-lapse that is ready, of a day that was over."""
    begin, end = bounds(day)
    uid = paths.new_uid()
    name = paths.timelapse_file(camera.slug, day, uid)
    usual: dict[str, Any] = {
        "camera": camera, "camera_name": camera.name, "camera_slug": camera.slug, "day": day, "begin": begin,
        "end": end, "state": "ready", "percent": 100, "file": name, "uid": uid, "bytes": len(body), "pictures": 7,
        "wanted_by": "alice",
    }  # fmt: skip
    path = Path(settings.MEDIA_ROOT) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    row = TimeLapse.objects.create(**(usual | values))
    TimeLapse.objects.filter(pk=row.pk).update(wanted_at=values.get("wanted_at", end + timedelta(minutes=1)))
    row.refresh_from_db()
    return row


def jpeg(number: int = 0, size: tuple[int, int] = (320, 180)) -> bytes:
    """A picture whose grey tells its number."""
    import cv2
    import numpy as np

    grey = np.full((size[1], size[0], 3), 30 + number * 10 % 200, np.uint8)
    return cv2.imencode(".jpg", grey)[1].tobytes()
