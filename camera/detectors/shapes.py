"""From changed pixels to boxes: specks and mere light go, pieces of one thing come together."""

from typing import Any

import cv2
import numpy as np

from camera.orders import Finding

Grey = np.ndarray[Any, np.dtype[np.uint8]]
Box = tuple[int, int, int, int]

MOST_BOXES = 10
# More pieces than this are looked at from the largest down.
_MOST_PIECES = 30
# A piece whose pattern is the background's to this degree (correlation) has only been lit otherwise.
SAME_PATTERN = 0.85
# Less variation (grey levels) than this is no pattern.
_FLAT = 3.0
# Where neither shows one, a ratio of brightnesses up to this is light: sun on a pavement, a lens's darker corners.
_FAINT = 1.1
# Boxes closer than this share of the picture's longer side are one.
_NEAR = 0.02
# So much of the picture in motion makes a full score.
_FULL = 0.2
# So much of the least area must be changed pixels, not gaps between them: specks lie apart.
_SOLID = 0.9
_OPEN = np.ones((3, 3), np.uint8)
_CLOSE = np.ones((7, 7), np.uint8)


class Shapes:
    """`min_area`: percent of the picture that must have changed in one piece."""

    def __init__(self, min_area: float) -> None:
        self._min_area = min_area / 100
        self._size = (1, 1)
        self._area = 0

    def find(self, mask: Grey, now: Grey, usual: Grey) -> list[Box]:
        """Boxes in pixels of what changed from `usual` to `now`, largest first."""
        self._size = mask.shape[1], mask.shape[0]
        changed = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _OPEN)
        if cv2.countNonZero(changed) == 0:
            return []
        joined = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, _CLOSE)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
        least = max(4.0, self._min_area * mask.size)
        order = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:_MOST_PIECES] + 1
        solid = np.bincount(labels[changed > 0], minlength=len(stats))
        pieces = [int(one) for one in order if stats[one, cv2.CC_STAT_AREA] >= least and solid[one] >= _SOLID * least]
        kept = [one for one in pieces if not _only_lit(labels, stats[one], one, now, usual)]
        self._area = int(sum(stats[one, cv2.CC_STAT_AREA] for one in kept))
        left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
        width, height = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
        boxes = [(int(left[n]), int(top[n]), int(width[n]), int(height[n])) for n in kept]
        return merged(boxes, round(max(self._size) * _NEAR))[:MOST_BOXES]

    def finding(self, boxes: list[Box]) -> Finding:
        """The boxes of the last `find`, as shares of the picture; scored by how much of it moves, whole in it."""
        if not boxes:
            return Finding(0.0)
        width, height = self._size
        score = min(1.0, (self._area / (width * height) / _FULL) ** 0.5)
        x, y, w, h = boxes[0]
        if x <= 1 or x + w >= width - 1:
            # Somebody coming in or going out: there is a better picture than this.
            score *= 0.7
        made = tuple((x / width, y / height, w / width, h / height) for x, y, w, h in boxes)
        return Finding(round(max(score, 0.01), 3), made)


def _only_lit(labels: Any, stats: Any, number: int, now: Grey, usual: Grey) -> bool:
    """Whether the piece shows what is always there, brighter or darker."""
    x, y, width, height = (int(stats[one]) for one in range(4))
    part = slice(y, y + height), slice(x, x + width)
    inside = labels[part] == number
    new, old = now[part][inside].astype(np.float32), usual[part][inside].astype(np.float32)
    spread = float(new.std()), float(old.std())
    if max(spread) < _FLAT:
        # One is added so that black does not divide.
        return 1 / _FAINT < (float(new.mean()) + 1) / (float(old.mean()) + 1) < _FAINT
    if min(spread) < _FLAT:
        return False
    new, old = new - new.mean(), old - old.mean()
    return float((new * old).mean()) / (spread[0] * spread[1]) > SAME_PATTERN


def merged(boxes: list[Box], near: int) -> list[Box]:
    """Boxes that touch or lie `near` each other made one, largest first."""
    left = list(boxes)
    done: list[Box] = []
    while left:
        box = left.pop()
        other = next((one for one in left if _touch(box, one, near)), None)
        if other is None:
            done.append(box)
        else:
            left.remove(other)
            left = [_both(box, other), *done, *left]
            done = []
    return sorted(done, key=lambda box: -box[2] * box[3])


def _touch(one: Box, two: Box, near: int) -> bool:
    across = one[0] <= two[0] + two[2] + near and two[0] <= one[0] + one[2] + near
    return across and one[1] <= two[1] + two[3] + near and two[1] <= one[1] + one[3] + near


def _both(one: Box, two: Box) -> Box:
    x, y = min(one[0], two[0]), min(one[1], two[1])
    right, bottom = max(one[0] + one[2], two[0] + two[2]), max(one[1] + one[3], two[1] + two[3])
    return x, y, right - x, bottom - y
