"""What tests of the engine's rows share: a camera process that is none, and reports as it would make them."""

import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import numpy as np

from camera.engine.supervisor import Child, Wanted
from camera.models import Camera
from camera.orders import Orders
from camera.packets import SourceConfig
from camera.paths import event_picture, recording_file
from camera.reports import EventSeen, RecordingChanged, RecordingClosed, RecordingOpened
from camera.video.mux import OPTIONS, X264

# 2026-03-01 12:00:00 UTC
NOON = 1772366400.0


def child_of(camera: Camera, storage: Path | str, token: str = "t0ken") -> Child:
    """What the supervisor knows of a camera's process that has been told to write to `storage`."""
    orders = Orders(slug=camera.slug, storage=str(storage), media=str(storage))
    wanted = Wanted(camera.pk, True, SourceConfig("pattern"), orders, camera.name)
    process: Any = subprocess.Popen.__new__(subprocess.Popen)
    process._child_created = False
    return Child(wanted, token, process, 0.0, places={(camera.slug, str(storage))})


def opened(child: Child, uid: str = "0000000a", at: float = NOON, **values: Any) -> RecordingOpened:
    orders = child.wanted.orders
    file = recording_file(orders.slug, at, uid)
    usual: dict[str, Any] = {"trigger": "always", "reasons": ["always"], "codec": "h264", "width": 640, "height": 360}
    return RecordingOpened(uid, orders.storage, file, at, **(usual | values))


def changed(uid: str = "0000000a", **values: Any) -> RecordingChanged:
    return RecordingChanged(uid, **({"reasons": ["always", "motion"]} | values))


def closed(uid: str = "0000000a", at: float = NOON, seconds: float = 60.0, **values: Any) -> RecordingClosed:
    usual: dict[str, Any] = {"bytes": 1000, "sha256": "ab" * 32, "reasons": ["always"]}
    return RecordingClosed(uid, at + seconds, seconds, **(usual | values))


def seen(child: Child, uid: str = "0000000e", at: float = NOON, **values: Any) -> EventSeen:
    image = event_picture(child.wanted.orders.slug, "motion", at, uid)
    return EventSeen(uid, **({"kind": "motion", "started_at": at, "score": 0.5, "image": image} | values))


def message(seq: int, report: Any) -> dict[str, Any]:
    """As it goes over REPORT."""
    return {"type": "report", "seq": seq, "kind": report.KIND, "body": asdict(report)}


def film(path: Path, seconds: float = 3.0, torn: bool = False) -> None:
    """A recording of noise at 10 pictures a second, made as recordings are; `torn`: as a kill -9 leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    work = path.with_name("work")
    noise = np.random.default_rng(1)
    with av.open(str(work), "w", format="mp4", options=OPTIONS) as container:
        stream = container.add_stream("libx264", rate=10, options=X264)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(round(seconds * 10)):
            frame = av.VideoFrame.from_ndarray(noise.integers(0, 255, (120, 160, 3), np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        if torn:
            path.write_bytes(work.read_bytes() + b"\0\0\x10\0moof torn")
        else:
            container.mux(stream.encode(None))
    if not torn:
        work.rename(path)
    work.unlink(missing_ok=True)


def plays(path: Path) -> float:
    """Seconds of pictures that can be decoded."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [float(frame.pts * stream.time_base) for frame in container.decode(stream) if frame.pts is not None]
    return (times[-1] - times[0]) * len(times) / (len(times) - 1)
