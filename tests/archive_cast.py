"""Recordings with real files for tests: generated video, or bytes that only have to be sent."""

import hashlib
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from django.conf import settings

from camera import paths
from camera.models import Camera, Recording, Storage
from tests.footage_cast import recorded

AT = datetime(2026, 11, 20, 14, 2, 5, tzinfo=UTC)
BODY = bytes(range(256)) * 40


def filed(camera: Camera, body: bytes = BODY, at: datetime = AT, **values: Any) -> Recording:
    """A closed recording of that camera whose file holds `body`."""
    root = Path(settings.MEDIA_ROOT)
    uid = values.pop("uid", None) or paths.new_uid()
    file = paths.recording_file(camera.slug, at.timestamp(), uid)
    part = paths.PART if values.get("state") == "open" else ""
    path = root / (file + part)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    usual = {
        "uid": uid, "file": file, "storage": Storage.objects.get_or_create(path=str(root))[0], "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(), "codec": "h264", "width": 320, "height": 180,
    }  # fmt: skip
    return recorded(camera, at, **(usual | values))


def picture(recording: Recording, body: bytes = b"\xff\xd8picture\xff\xd9") -> None:
    """Give it its small picture."""
    recording.thumbnail_path.write_bytes(body)
    recording.thumbnail = True
    recording.save(update_fields=["thumbnail"])


def video(
    path: Path, seconds: float = 8, fps: int = 20, size: tuple[int, int] = (320, 180), *, close: bool = True
) -> bytes:
    """An MP4 as the recorder writes it: the brightness of each picture tells its number. Its bytes.

    Not closed: what is there while it is being written.
    """
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"movflags": "hybrid_fragmented", "frag_duration": "500000", "flush_packets": "1"}
    container = av.open(str(path), "w", format="mp4", options=options)
    stream: Any = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "g": str(fps)})
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    stream.time_base = Fraction(1, 90000)
    for number in range(int(seconds * fps)):
        grey = np.full((size[1], size[0], 3), 16 + number % 220, np.uint8)
        grey[40:80, (number * 3) % (size[0] - 40) : (number * 3) % (size[0] - 40) + 40] = (220, 60, 60)
        frame = av.VideoFrame.from_ndarray(grey, "rgb24")
        frame.pts, frame.time_base = number * 90000 // fps, Fraction(1, 90000)
        for packet in stream.encode(frame):
            container.mux(packet)
    if not close:
        body = path.read_bytes()
        container.close()
        return body
    for packet in stream.encode():
        container.mux(packet)
    container.close()
    return path.read_bytes()
