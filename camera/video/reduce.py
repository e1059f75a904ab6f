"""Pictures for small tiles: JPEGs of at most LONG_SIDE pixels along the longer side, as cheaply as each kind allows.

A JPEG is scaled by powers of two within its decoding, which spares most of the inverse transform, and resized only for
the rest: a third of the work of decoding it whole.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from av.video.frame import VideoFrame

from camera.video.encode import JpegEncoder
from camera.video.jpeg import BadJpegError, check

LONG_SIDE = 640
QUALITY = 80
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


@dataclass(frozen=True, slots=True)
class Reduced:
    """A JPEG and its size in pixels."""

    data: bytes
    width: int
    height: int


def fitted(width: int, height: int) -> tuple[int, int]:
    """The size of a picture reduced to LONG_SIDE, shape kept; never a larger one."""
    by = min(1.0, LONG_SIDE / max(width, height))
    return max(1, round(width * by)), max(1, round(height * by))


def of_jpeg(data: bytes) -> Reduced | None:
    """The same bytes when it is small enough; None when it is no JPEG that can be decoded.

    A reduced one is turned as its EXIF says and carries none, so that browsers show both alike.
    """
    try:
        width, height = check(data)
    except BadJpegError:
        return None
    if max(width, height) <= LONG_SIDE:
        return Reduced(data, width, height)
    flag = next((flag for by, flag in _REDUCED if max(width, height) // by >= LONG_SIDE), cv2.IMREAD_COLOR)
    cv2.setNumThreads(1)
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        return None
    return None if decoded is None else _encoded(np.asarray(decoded, np.uint8))


def _encoded(picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> Reduced:
    height, width = picture.shape[:2]
    size = fitted(width, height)
    if size != (width, height):
        # Below half the averaging of whole pixels is needed; above, between four neighbours costs a quarter of it.
        way = cv2.INTER_AREA if width > 2 * size[0] else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    return Reduced(data, *size)


class FrameReducer:
    """Of decoded frames. Not for sharing between threads."""

    def __init__(self) -> None:
        self._encoder = JpegEncoder()

    def __call__(self, frame: VideoFrame) -> Reduced:
        """A JPEG of the frame's own size where that is small enough."""
        own = frame.width, frame.height
        size = fitted(*own)
        return Reduced(self._encoder.encode(frame, None if size == own else size), *size)
