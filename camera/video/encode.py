"""A decoded frame into a JPEG. benchmarks/live_jpeg.py tells why through BGR: cheapest, and right in colour."""

from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

QUALITY = 80
_UNSPECIFIED = 2
# Pictures larger than this are BT.709 unless they say otherwise; smaller ones BT.601, as players take it.
_SD_WIDTH, _SD_HEIGHT = 1024, 576


class JpegEncoder:
    """Not for sharing between threads."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._reformatter = VideoReformatter()

    def encode(self, frame: VideoFrame, size: tuple[int, int] | None = None) -> bytes:
        """A JPEG (full range, BT.601, as JPEGs are) of a frame in any range and matrix; `size`: another one, scaled."""
        width, height = size or (frame.width, frame.height)
        full = frame.color_range == ColorRange.JPEG or (frame.format.name or "").startswith("yuvj")
        bgr = self._reformatter.reformat(
            frame,
            width,
            height,
            format="bgr24",
            src_colorspace=_matrix(frame),
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.AREA if size else None,
            threads=1,
        )
        return cv2.imencode(".jpg", _view(bgr), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _matrix(frame: VideoFrame) -> int:
    if frame.colorspace != _UNSPECIFIED:
        return frame.colorspace
    small = frame.width <= _SD_WIDTH and frame.height <= _SD_HEIGHT
    return int(Colorspace.ITU601 if small else Colorspace.ITU709)


def _view(bgr: VideoFrame) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """The frame's pixels without a copy, valid as long as the frame."""
    plane = bgr.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: bgr.height, : bgr.width * 3]
    return np.lib.stride_tricks.as_strided(rows, (bgr.height, bgr.width, 3), (plane.line_size, 3, 1))
