"""Whether anything moves between two small grey pictures: quick to say so, and nothing is learnt before."""

import cv2
import numpy as np

from camera.detectors.motion import LIGHT_RATIO, LIGHT_SHARE, evened_to
from camera.detectors.shapes import Grey, Shapes

# Grey levels that a sensor's noise, smoothed, does not reach. Percent of the picture that must change in one piece.
THRESHOLD, MIN_AREA = 14, 0.15
# Of a scene that was seen longer ago than this (seconds) nothing is known.
FORGET_AFTER = 60.0


class Change:
    """Each picture against the one before it, half a second or a few seconds older."""

    def __init__(self) -> None:
        self._shapes = Shapes(MIN_AREA)
        self._before: Grey | None = None
        self._seconds = 0.0

    def look(self, grey: Grey, seconds: float) -> bool:
        """`seconds`: when, by any clock that goes on. The first picture never shows a change."""
        now = np.asarray(cv2.GaussianBlur(grey, (5, 5), 0), np.uint8)
        before, age = self._before, seconds - self._seconds
        self._before, self._seconds = now, seconds
        if before is None or before.shape != now.shape or not 0 <= age <= FORGET_AFTER:
            return False
        evened, gain = evened_to(before, now)
        changed = cv2.absdiff(evened, before)
        mask = np.asarray((changed > THRESHOLD) * np.uint8(255), np.uint8)
        # So much at once is the light or the camera, not somebody.
        if not 1 / LIGHT_RATIO < gain < LIGHT_RATIO or cv2.countNonZero(mask) > LIGHT_SHARE * mask.size:
            return False
        return bool(self._shapes.find(mask, evened, before))
