"""Motion in small grey pictures. Pure: one picture after another in, what moves in it out."""

from typing import Any, Protocol

import cv2
import numpy as np

from camera.detectors.shapes import Grey, Shapes
from camera.orders import Finding

NOTHING = Finding(0.0)
# So many looks, but no longer than so many seconds and no fewer than so few looks, only teach the background.
LEARN_LOOKS, LEARN_SECONDS, LEARN_AT_LEAST = 15, 3.0, 5
# After such a hole (seconds) nothing is known of the scene any more.
FORGET_AFTER = 60.0
# When more than this share of the picture differs, so much more of it than at the last look, or the brightness by such
# a ratio, it is the light or the camera, not somebody.
LIGHT_SHARE, LIGHT_JUMP, LIGHT_RATIO = 0.6, 0.35, 1.3
# How many looks the background then has to become the new one.
RELEARN_LOOKS = 6


# Added to both sides of a ratio of brightnesses, so that black says little. Grey levels.
_DARK = 4


class Detector(Protocol):
    """What finds motion; `seconds` is the picture's capture time. One whose boxes are none has found nothing."""

    def look(self, grey: Grey, seconds: float) -> Finding: ...


def detector(method: str, sensitivity: int = 50, min_area: float = 0.15) -> Detector:
    """The detector of that name (camera.orders.METHODS without "off"); `min_area` in percent of the picture."""
    made = Difference if method == "difference" else Background
    return made(min(max(sensitivity, 1), 100), min(max(min_area, 0.01), 50.0))


def evened_to(usual: Grey, now: Grey) -> tuple[Grey, float]:
    """`now` made as bright as `usual` is, and by what ratio it was not: most of a picture shows no motion."""
    few, before = now[::4, ::4].astype(np.float32), usual[::4, ::4].astype(np.float32)
    gain = float(np.median((few + _DARK) / (before + _DARK)))
    return np.asarray(cv2.convertScaleAbs(now, alpha=1 / gain, beta=_DARK * (1 / gain - 1)), np.uint8), gain


class _Learning:
    """Whether a scene has been seen long enough; starts anew with another size and after a long hole."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()
        self._looks = 0
        self._began = self._last = 0.0

    def starts(self, grey: Grey, seconds: float) -> bool:
        """Whether what was known is of no use for this picture."""
        new = grey.shape != self._shape or abs(seconds - self._last) > FORGET_AFTER
        if new:
            self._shape, self._looks, self._began = grey.shape, 0, seconds
        self._last = seconds
        self._looks += 1
        return new

    def done(self) -> bool:
        seen = self._last - self._began
        return self._looks > LEARN_LOOKS or (seen >= LEARN_SECONDS and self._looks > LEARN_AT_LEAST)


class Background:
    """What differs from how the scene usually is: finds slow and standing people too. The usual choice.

    Looks are freed of the camera's changes of exposure by comparing their brightness with the background's.
    """

    # In looks, five a second: the background follows within about a minute and a half.
    HISTORY = 500
    # A background this much (ratio) brighter or darker than the scene now is taken along to the new light.
    FAR_OFF = 1.2

    def __init__(self, sensitivity: int, min_area: float) -> None:
        self._threshold = 16 * 2 ** ((50 - sensitivity) / 25)
        self._shapes = Shapes(min_area)
        self._learning = _Learning()
        self._model: Any = None
        self._usual: Grey | None = None
        self._gain, self._share = 1.0, 0.0
        self._relearn = self._quiet = 0

    def look(self, grey: Grey, seconds: float) -> Finding:
        small = np.asarray(cv2.GaussianBlur(grey, (5, 5), 0), np.uint8)
        if self._learning.starts(small, seconds):
            self._start()
        evened, gain = (small, 1.0) if self._usual is None else evened_to(self._usual, small)
        mask = self._model.apply(evened)
        self._usual = usual = self._model.getBackgroundImage()
        if self._is_other_light(cv2.countNonZero(mask) / mask.size, gain):
            self._start(RELEARN_LOOKS)
            self._model.apply(small)
            return NOTHING
        if self._relearn or not self._learning.done():
            self._relearn = max(0, self._relearn - 1)
            return NOTHING
        boxes = self._shapes.find(mask, evened, usual)
        self._follow_light(gain, bool(boxes))
        return self._shapes.finding(boxes)

    def _start(self, relearn: int = 0) -> None:
        self._model, self._usual = self._new_model(), None
        self._gain, self._share, self._relearn, self._quiet = 1.0, 0.0, relearn, 0

    def _is_other_light(self, share: float, gain: float) -> bool:
        """Whether so much has changed at once that the background of before says nothing any more."""
        jump, self._share = share - self._share, share
        leap, self._gain = max(gain / self._gain, self._gain / gain), gain
        if self._relearn or not self._learning.done():
            return False
        return share > LIGHT_SHARE or jump > LIGHT_JUMP or leap > LIGHT_RATIO

    def _new_model(self) -> Any:
        return cv2.createBackgroundSubtractorMOG2(self.HISTORY, self._threshold, False)

    def _follow_light(self, gain: float, found: bool) -> None:
        """Far from its own brightness a background says little: in a quiet moment take it along to the new light."""
        self._quiet = 0 if found else self._quiet + 1
        if self._quiet < LEARN_LOOKS or 1 / self.FAR_OFF < gain < self.FAR_OFF or self._usual is None:
            return
        lit = cv2.convertScaleAbs(self._usual, alpha=gain, beta=_DARK * (gain - 1))
        self._model, self._quiet, self._gain = self._new_model(), 0, 1.0
        for _ in range(LEARN_LOOKS):
            self._model.apply(lit)
        self._usual = self._model.getBackgroundImage()


class Difference:
    """What differs from the looks just before: cheaper, forgets at once, blind to who stands still."""

    def __init__(self, sensitivity: int, min_area: float) -> None:
        self._threshold = 14 * 2 ** ((50 - sensitivity) / 35)
        self._shapes = Shapes(min_area)
        self._learning = _Learning()
        self._before: list[Grey] = []

    def look(self, grey: Grey, seconds: float) -> Finding:
        small = np.asarray(cv2.GaussianBlur(grey, (5, 5), 0), np.uint8)
        if self._learning.starts(small, seconds):
            self._before = []
        before, self._before = self._before, [*self._before[-1:], small]
        if not self._learning.done() or not before:
            return NOTHING
        evened, gain = evened_to(before[0], small)
        changed = cv2.absdiff(evened, before[0])
        mask = np.asarray((changed > self._threshold) * np.uint8(255), np.uint8)
        is_light = not 1 / LIGHT_RATIO < gain < LIGHT_RATIO
        if is_light or cv2.countNonZero(mask) > LIGHT_SHARE * mask.size:
            return NOTHING
        return self._shapes.finding(self._shapes.find(mask, evened, before[0]))
