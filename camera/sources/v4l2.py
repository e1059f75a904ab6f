"""USB and built-in cameras of this machine (Video4Linux). MJPEG is asked for first: it passes through untouched."""

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import av.bitstream
import av.error

from camera.packets import Packet, Reason, SourceError
from camera.sources import Request, Source
from camera.sources.av_source import CODECS, DECODERS, AvSource, Opening
from camera.video.jpeg import has_huffman_tables

DEVICE = re.compile(r"/dev/video\d{1,3}")
# How far a device's own time stamp may lie from the clock before it is not believed. Seconds.
TRUSTED = 2.0
# (what to ask the driver for, options). A driver that cannot do the size or rate takes the nearest it can.
WISHES: list[tuple[str, dict[str, str]]] = [
    ("mjpeg", {"input_format": "mjpeg", "video_size": "1280x720", "framerate": "15"}),
    ("h264", {"input_format": "h264", "video_size": "1280x720", "framerate": "15"}),
    # Raw pictures have to be encoded for every viewer's sake and fill the USB bus: small ones.
    ("raw", {"video_size": "640x480", "framerate": "10"}),
]


def openings(device: str) -> list[Opening]:
    """What to try, in order."""
    always = {"timestamps": "abs", "protocol_whitelist": "file", "codec_whitelist": DECODERS + ",rawvideo"}
    codecs = CODECS | {"rawvideo"}
    return [Opening(device, "video4linux2", wish | always, codecs) for _, wish in WISHES]


def open_device(request: Request) -> Source:
    """A Video4Linux camera. Raises SourceError."""
    device = request.config.address
    if not DEVICE.fullmatch(device):
        raise SourceError(Reason.REFUSED, "a device is named /dev/video0 to /dev/video999")
    if not Path(device).is_char_device():
        raise SourceError(Reason.NOT_FOUND, f"there is no {device}")
    failed: SourceError | None = None
    for opening in openings(device):
        try:
            return DeviceSource(request, opening)
        except SourceError as error:
            # A device that is busy or forbidden is so in every format.
            if error.reason == Reason.REFUSED:
                raise
            failed = failed or error
    raise failed or SourceError(Reason.NOT_FOUND, f"{device} cannot be opened")


def capture_time(pts: int | None, time_base: float, now: float) -> tuple[float, str]:
    """(seconds since the epoch, "source" or "arrival"): the driver's stamp when it is believable."""
    if pts is not None and -TRUSTED < (stamp := pts * time_base) - now <= 0.1:
        return min(stamp, now), "source"
    return now, "arrival"


class DeviceSource(AvSource):
    """A device's packets, with the Huffman tables that many webcams leave out of their JPEGs."""

    def _packet(self, packet: Any) -> Packet:
        captured_at, clock = capture_time(packet.pts, self.info.time_base, time.time())
        made = replace(super()._packet(packet), captured_at=captured_at, clock=clock)
        if self.info.codec == "mjpeg" and not has_huffman_tables(made.data):
            return replace(made, data=with_huffman_tables(packet, made.data))
        return made


def with_huffman_tables(packet: Any, data: bytes) -> bytes:
    """The same picture as an ordinary JPEG; as it is when that cannot be done."""
    try:
        made = av.bitstream.BitStreamFilterContext("mjpeg2jpeg", "mjpeg").filter(packet)
    except av.error.FFmpegError:
        return data
    return bytes(made[0]) if made else data
