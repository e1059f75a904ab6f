"""Small grey pictures for looking at, about 320 pixels along the longer side, as cheaply as each kind allows."""

from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from camera.video.jpeg import BadJpegError, check

Grey = np.ndarray[Any, np.dtype[np.uint8]]

LONG_SIDE = 320
# A picture that came out up to so much larger is left as it is: another resize costs more than it saves.
_NEAR = 1.25
_REDUCED = (
    (8, cv2.IMREAD_REDUCED_GRAYSCALE_8),
    (4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    (2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
)
# Formats whose first plane is the brightness in eight bits.
_PLANAR = frozenset(
    {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv440p", "yuvj440p", "yuv411p",
     "yuvj411p", "nv12", "nv21", "nv16", "gray"}
)  # fmt: skip


def from_jpeg(data: bytes) -> Grey | None:
    """None when it is no JPEG that can be decoded. Turned upright as its EXIF says, as browsers show it."""
    try:
        longer = max(check(data))
    except BadJpegError:
        return None
    flag = next((flag for by, flag in _REDUCED if longer // by >= LONG_SIDE * 0.9), cv2.IMREAD_GRAYSCALE)
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        return None
    return None if decoded is None else _small(np.asarray(decoded, np.uint8), cv2.INTER_AREA)


class GreyMaker:
    """Small grey pictures of decoded frames. Not for sharing between threads."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Grey:
        """Of any format: the Y plane without a copy where there is one of eight bits, else through a conversion."""
        if frame.format.name in _PLANAR:
            return np.ascontiguousarray(_small(_plane(frame), cv2.INTER_AREA))
        width, height = _size(frame.width, frame.height)
        made = self._reformatter.reformat(
            frame, width, height, format="gray", interpolation=Interpolation.AREA, threads=1
        )
        return _plane(made).copy()


def _plane(frame: VideoFrame) -> Grey:
    """The first plane's pixels, valid as long as the frame."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8)
    return rows[: plane.line_size * plane.height].reshape(-1, plane.line_size)[: frame.height, : frame.width]


def _small(picture: Grey, interpolation: int) -> Grey:
    height, width = picture.shape
    if max(height, width) <= LONG_SIDE * _NEAR:
        return picture
    return np.asarray(cv2.resize(picture, _size(width, height), interpolation=interpolation), np.uint8)


def _size(width: int, height: int) -> tuple[int, int]:
    by = min(1.0, LONG_SIDE / max(width, height))
    return max(1, round(width * by)), max(1, round(height * by))
