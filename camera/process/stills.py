"""Pictures of events: clean and with boxes, as good as the camera sent them, whole on the disk or not at all."""

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from camera.loading import LOADING
from camera.packets import Packet, StreamInfo
from camera.paths import UnsafePathError, event_picture, inside
from camera.process.happening import Span

logger = logging.getLogger(__name__)

Gop = Callable[[float], tuple[StreamInfo, list[Packet]] | None]
Boxes = tuple[tuple[float, float, float, float], ...]


class Stills:
    """`gop`: what a decoder needs for the picture of a capture time. Not for sharing between threads.

    `seconds`: how long the last picture took; decoding all since a key frame is much work for a small machine.
    """

    def __init__(self, gop: Gop, clock: Callable[[], float] = time.monotonic) -> None:
        self._gop, self._clock = gop, clock
        self.seconds = 0.0
        # The last picture that was kept, without boxes.
        self.newest = b""
        self._told = False

    def keep(self, media: str, slug: str, span: Span, packet: Packet, boxes: Boxes) -> tuple[str, str] | None:
        """Write both pictures, over those the event has. Gives (with boxes, clean) as names under `media`, None when
        there is no picture or no place for it. `packet`: the JPEG, or one without data of the same capture time."""
        if not media or not slug:
            return None
        began = self._clock()
        names = [event_picture(slug, "motion", span.started_at, span.uid, clean=clean) for clean in (False, True)]
        try:
            jpeg = packet.data or decoded(self._gop, packet.captured_at)
            if not jpeg:
                return None
            with LOADING:
                from camera.video.draw import boxed

            for name, data in zip(names, (boxed(jpeg, boxes), jpeg), strict=True):
                put(inside(media, name), data)
        except (OSError, UnsafePathError, ValueError) as error:
            if not self._told:
                logger.error("the picture of an event cannot be kept: %s", error)
            self._told = True
            return None
        self._told, self.seconds, self.newest = False, self._clock() - began, jpeg
        return names[0], names[1]


def decoded(gop: Gop, captured_at: float) -> bytes:
    """The picture of that time in full quality; b"" when its key frame is gone or nothing comes of it."""
    found = gop(captured_at)
    if found is None:
        return b""
    info, packets = found
    if info.codec == "mjpeg":
        return packets[-1].data if packets else b""
    with LOADING:
        from camera.video.decode import Decoder
        from camera.video.encode import JpegEncoder

    decoder, newest = Decoder(info), None
    for packet in packets:
        for frame, _ in decoder.decode(packet):
            newest = frame
    for frame, _ in decoder.flush():
        newest = frame
    return JpegEncoder().encode(newest) if newest is not None else b""


def put(path: Path, data: bytes) -> None:
    """Write a file in one step: readers see the old one or the new one. Raises OSError and leaves nothing half-done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
