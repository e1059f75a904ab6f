"""Boxes on pictures, readable on any: a bright line between two dark ones."""

import cv2
import numpy as np

_LINE = (64, 220, 255)
_EDGE = (16, 16, 16)
QUALITY = 85

Boxes = tuple[tuple[float, float, float, float], ...]


def boxed(jpeg: bytes, boxes: Boxes) -> bytes:
    """The JPEG with the boxes (shares of the picture) drawn. Raises ValueError when it cannot be decoded."""
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise ValueError("not a picture that can be decoded")
    height, width = picture.shape[:2]
    line = 3 if max(width, height) >= 1000 else 2
    for x, y, w, h in boxes:
        # A little away from what is in it, but never off the picture.
        left, top = max(line, round(x * width) - line), max(line, round(y * height) - line)
        right = max(left, min(width - 1 - line, round((x + w) * width) + line))
        bottom = max(top, min(height - 1 - line, round((y + h) * height) + line))
        cv2.rectangle(picture, (left, top), (right, bottom), _EDGE, line + 2)
        cv2.rectangle(picture, (left, top), (right, bottom), _LINE, line)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
