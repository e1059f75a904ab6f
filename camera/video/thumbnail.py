"""The small picture that stands for a recording."""

from pathlib import Path

import cv2
import numpy as np

from camera.packets import Packet, StreamInfo
from camera.video.decode import Decoder
from camera.video.encode import JpegEncoder

WIDTH = 320
QUALITY = 75


def thumbnail(info: StreamInfo, packets: list[Packet]) -> bytes | None:
    """A JPEG of the first picture, at most 320 px wide; None when none can be decoded."""
    if not packets:
        return None
    jpeg = packets[0].data if info.codec == "mjpeg" else _first_picture(info, packets)
    return None if jpeg is None else small(jpeg)


def small(jpeg: bytes) -> bytes | None:
    """The same picture, at most 320 px wide; None when it cannot be decoded."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    if width > WIDTH:
        size = (WIDTH, max(1, round(height * WIDTH / width)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _first_picture(info: StreamInfo, packets: list[Packet]) -> bytes | None:
    decoder = Decoder(info)
    for packet in packets:
        for frame, _ in decoder.decode(packet):
            return JpegEncoder().encode(frame)
    for frame, _ in decoder.flush():
        return JpegEncoder().encode(frame)
    return None


def write_atomically(path: Path, data: bytes) -> None:
    """The whole file or none, under a name that nobody sees half written. Raises OSError."""
    half = path.with_name(path.name + ".part")
    try:
        half.write_bytes(data)
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
