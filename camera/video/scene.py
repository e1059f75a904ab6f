"""The demo scene: a front yard in the late afternoon, drawn once, and somebody who walks through it now and then."""

import math
import time
from typing import Any

import cv2
import numpy as np

Picture = np.ndarray[Any, np.dtype[np.uint8]]
Colour = tuple[int, int, int]

WIDTH, HEIGHT = 960, 540
# Everything is drawn twice as large and made smaller once: OpenCV's own smoothing of edges is coarse.
_SCALE = 2
_GROUND = 372
_SKIN: Colour = (150, 178, 222)
_COAT: Colour = (70, 84, 172)
_LEGS: Colour = (92, 62, 48)
_HAIR: Colour = (38, 46, 62)
# Where nothing stands: the lowest 13 rows, but for their grain.
ROAD: Colour = (112, 116, 120)
CLOCK_BOX = (16, 14, 252, 46)
# The walker's shape lies within so many pixels left and right of its middle, and in these rows.
WALKER_HALF, WALKER_TOP, WALKER_BOTTOM = 66, 286, 520


class _Canvas:
    """Shapes in picture coordinates on the enlarged picture."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        corners = [round(value * _SCALE) for value in (left, top, right, bottom)]
        cv2.rectangle(self.picture, corners[:2], (corners[2] - 1, corners[3] - 1), colour, -1)

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        outline = np.array([[round(x * _SCALE), round(y * _SCALE)] for x, y in points], np.int32)
        cv2.fillPoly(self.picture, [outline], colour, cv2.LINE_AA)

    def disc(self, x: float, y: float, radius: float, colour: Colour, tall: float = 1.0) -> None:
        centre, axes = (round(x * _SCALE), round(y * _SCALE)), (round(radius * _SCALE), round(radius * tall * _SCALE))
        cv2.ellipse(self.picture, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)

    def stroke(self, start: tuple[float, float], end: tuple[float, float], colour: Colour, width: float) -> None:
        ends = [(round(x * _SCALE), round(y * _SCALE)) for x, y in (start, end)]
        cv2.line(self.picture, ends[0], ends[1], colour, round(width * _SCALE), cv2.LINE_AA)


def background() -> Picture:
    """The yard without clock and walker, BGR."""
    canvas = _Canvas(np.empty((HEIGHT * _SCALE, WIDTH * _SCALE, 3), np.uint8))
    _sky_and_lawn(canvas.picture)
    _hills(canvas)
    _fence(canvas)
    _tree(canvas, 118, 352, 1.0)
    _tree(canvas, 884, 344, 0.72)
    _house(canvas)
    _path(canvas)
    _garden(canvas)
    small = cv2.resize(canvas.picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    # A little grain, the same for ever: flat colours look drawn, and compress into bands.
    noise = np.random.default_rng(7)
    for row in range(0, HEIGHT, 30):
        band = small[row : row + 30]
        band[:] = np.clip(band + noise.normal(0, 2.2, (30, WIDTH, 1)), 0, 255)
    return np.asarray(small, np.uint8)


def _blend(top: Colour, bottom: Colour, rows: int) -> Picture:
    steps = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    mixed = np.array(top, np.float32) * (1 - steps) + np.array(bottom, np.float32) * steps
    return np.asarray(mixed[:, None, :], np.uint8)


def _sky_and_lawn(picture: Picture) -> None:
    horizon = 312 * _SCALE
    picture[:horizon] = _blend((214, 168, 118), (198, 222, 244), horizon)
    picture[horizon:] = _blend((98, 160, 132), (66, 122, 92), HEIGHT * _SCALE - horizon)


def _hills(canvas: _Canvas) -> None:
    canvas.disc(770, 118, 60, (196, 226, 250))
    canvas.disc(770, 118, 40, (214, 240, 255))
    for x, y, r in ((150, 92, 26), (184, 82, 34), (224, 94, 26), (560, 66, 20), (588, 58, 26), (620, 68, 20)):
        canvas.disc(x, y, r * 1.5, (236, 238, 240), 0.42)
    ridge = [(float(x), 292 + 16 * math.sin(x / 130) + 9 * math.sin(x / 47 + 1)) for x in range(0, WIDTH + 20, 20)]
    canvas.shape([(0.0, 330.0), *ridge, (float(WIDTH), 330.0)], (132, 164, 138))


def _fence(canvas: _Canvas) -> None:
    for y in (318, 340):
        canvas.box(0, y, WIDTH, y + 6, (206, 214, 218))
    for x in range(4, WIDTH, 26):
        canvas.shape([(x, 362), (x, 306), (x + 7, 298), (x + 14, 306), (x + 14, 362)], (224, 230, 234))
        canvas.box(x + 11, 308, x + 14, 362, (196, 204, 208))


def _tree(canvas: _Canvas, x: float, foot: float, size: float) -> None:
    canvas.disc(x + 14 * size, foot + 6, 74 * size, (70, 124, 98), 0.14)
    canvas.shape([(x - 11 * size, foot + 4), (x - 7 * size, foot - 120 * size), (x + 7 * size, foot - 120 * size),
                  (x + 13 * size, foot + 4)], (58, 84, 112))  # fmt: skip
    rng = np.random.default_rng(3)
    for shade, shift in (((62, 112, 74), 8.0), ((74, 134, 88), 0.0), ((96, 160, 112), -10.0)):
        for _ in range(16):
            angle, away = rng.uniform(0, 2 * math.pi), rng.uniform(0, 56) * size
            cx, cy = x + shift * size + away * math.cos(angle), foot - 168 * size + shift * 1.6 * size
            canvas.disc(cx, cy + away * 0.8 * math.sin(angle), rng.uniform(18, 32) * size, shade)


def _house(canvas: _Canvas) -> None:
    canvas.box(318, 152, 706, _GROUND, (206, 222, 234))
    for y in range(166, _GROUND, 14):
        canvas.box(318, y, 706, y + 1, (190, 207, 220))
    canvas.box(318, 152, 706, 164, (168, 184, 198))
    canvas.box(318, 352, 706, _GROUND, (148, 156, 164))
    canvas.shape([(288, 158), (352, 66), (672, 66), (736, 158)], (74, 76, 118))
    for i in range(1, 6):
        tile = 66 + i * 15.3
        canvas.stroke((352 - 64 * i / 6, tile), (672 + 64 * i / 6, tile), (64, 65, 102), 1.2)
    canvas.box(610, 42, 640, 100, (84, 94, 138))
    canvas.box(605, 38, 645, 48, (70, 78, 118))
    for left in (352.0, 592.0):
        _window(canvas, left, 208)
    _door(canvas)


def _window(canvas: _Canvas, left: float, top: float) -> None:
    canvas.box(left - 7, top - 7, left + 91, top + 91, (244, 247, 249))
    canvas.box(left, top, left + 84, top + 84, (146, 118, 84))
    canvas.shape([(left, top + 62), (left + 62, top), (left + 84, top), (left, top + 84)], (172, 146, 112))
    canvas.box(left, top, left + 14, top + 84, (128, 176, 216))
    canvas.box(left + 70, top, left + 84, top + 84, (128, 176, 216))
    canvas.box(left + 40, top, left + 44, top + 84, (244, 247, 249))
    canvas.box(left, top + 39, left + 84, top + 43, (244, 247, 249))
    canvas.box(left - 10, top + 89, left + 94, top + 97, (212, 220, 226))
    for i in range(9):
        canvas.disc(left + 4 + i * 9.5, top + 86, 7, (70, 140, 88))
        canvas.disc(left + 6 + i * 9.5, top + 82, 3.4, ((98, 92, 226), (120, 206, 246), (206, 144, 196))[i % 3])


def _door(canvas: _Canvas) -> None:
    canvas.box(468, 196, 552, _GROUND, (244, 247, 249))
    canvas.box(476, 204, 544, _GROUND, (112, 92, 44))
    for top, bottom in ((214, 250), (264, 304), (314, 360)):
        canvas.box(486, top, 534, bottom, (92, 74, 32))
        canvas.box(488, top + 2, 532, bottom, (124, 104, 54))
    canvas.box(488, 216, 532, 249, (158, 200, 226))
    canvas.disc(536, 296, 4, (110, 200, 236))
    canvas.shape([(456, 196), (510, 168), (564, 196)], (84, 86, 130))
    canvas.box(456, 193, 564, 199, (236, 240, 243))
    canvas.disc(580, 222, 18, (196, 228, 244))
    canvas.disc(580, 222, 8, (176, 236, 255))
    canvas.box(576, 204, 584, 212, (58, 56, 60))
    canvas.box(456, 362, 564, 374, (172, 180, 186))
    canvas.box(448, 374, 572, 386, (158, 166, 172))


def _path(canvas: _Canvas) -> None:
    canvas.shape([(462, 386), (558, 386), (690, 540), (330, 540)], (168, 184, 194))
    for i in range(1, 7):
        y = 386 + 154 * (i / 7) ** 1.35
        reach = (y - 386) / 154
        canvas.stroke((462 - 132 * reach, y), (558 + 132 * reach, y), (146, 162, 172), 1.4)
    # The pavement on which people walk by.
    canvas.box(0, 476, WIDTH, 524, (176, 188, 196))
    canvas.box(0, 474, WIDTH, 478, (150, 162, 170))
    canvas.box(0, 522, WIDTH, 527, (138, 148, 156))
    for x in range(40, WIDTH, 96):
        canvas.stroke((x, 478), (x - 8, 522), (156, 168, 176), 1.2)
    canvas.box(0, 527, WIDTH, HEIGHT, ROAD)


def _garden(canvas: _Canvas) -> None:
    rng = np.random.default_rng(11)
    for x in (*range(330, 452, 17), *range(578, 700, 17)):
        canvas.disc(x, 372, 14, (64, 118, 78), 0.95)
        canvas.disc(x - 3, 367, 8, (90, 150, 104))
    for _ in range(420):
        x, y = rng.uniform(0, WIDTH), rng.uniform(388, 470)
        reach = (y - 386) / 154 * 132 + 10
        if 462 - reach < x < 558 + reach:
            continue
        tall = 3 + (y - 380) / 22
        canvas.stroke((x, y), (x + rng.uniform(-2, 2), y - tall), (78, 142, 104), 1)
    canvas.box(248, 400, 256, 458, (70, 92, 116))
    canvas.box(232, 372, 274, 404, (86, 74, 168))
    canvas.disc(253, 374, 21, (86, 74, 168), 0.6)
    canvas.box(238, 382, 268, 388, (60, 50, 120))
    canvas.box(272, 378, 277, 392, (92, 200, 236))


def walker(picture: Picture, x: float, phase: float) -> None:
    """Draw somebody who walks to the right, the middle of the body at `x`; `phase`: of the steps, in radians."""
    left, right = max(0, round(x) - WALKER_HALF), min(WIDTH, round(x) + WALKER_HALF)
    if right - left < 4:
        return
    region = picture[WALKER_TOP:WALKER_BOTTOM, left:right]
    large = cv2.resize(region, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_LINEAR)
    _figure(_Canvas(np.asarray(large, np.uint8)), x - left, phase)
    region[:] = cv2.resize(large, (right - left, WALKER_BOTTOM - WALKER_TOP), interpolation=cv2.INTER_AREA)


def _figure(canvas: _Canvas, x: float, phase: float) -> None:
    swing, bob = math.sin(phase), abs(math.cos(phase)) * 3
    hip, neck = (x, 130.0 - bob), (x + 3, 62.0 - bob)
    canvas.disc(x, 216, 42, (140, 152, 160), 0.16)
    for side, shade in ((-swing, 0.78), (swing, 1.0)):
        colour = (int(_LEGS[0] * shade), int(_LEGS[1] * shade), int(_LEGS[2] * shade))
        knee = (hip[0] + 17 * side + 4, 172 - bob + 2 * side)
        foot = (hip[0] + 33 * side, 211 - 8 * max(0.0, -side) * abs(math.cos(phase)))
        canvas.stroke(hip, knee, colour, 15)
        canvas.stroke(knee, foot, colour, 12)
        canvas.shape([(foot[0] - 7, foot[1] - 4), (foot[0] + 13, foot[1] + 1), (foot[0] + 13, foot[1] + 6),
                      (foot[0] - 8, foot[1] + 6)], (44, 40, 38))  # fmt: skip
    _arm(canvas, neck, -swing, 0.72)
    body = [(x - 17, 66 - bob), (x + 19, 66 - bob), (x + 20, 136 - bob), (x - 19, 136 - bob)]
    canvas.shape(body, _COAT)
    canvas.disc(x + 1, 68 - bob, 18, _COAT, 0.6)
    canvas.stroke((x + 3, 60 - bob), (x + 3, 48 - bob), _SKIN, 11)
    canvas.disc(x + 5, 34 - bob, 17, _SKIN, 1.18)
    canvas.shape([(x + 20, 32 - bob), (x + 26, 39 - bob), (x + 20, 41 - bob)], _SKIN)
    canvas.disc(x + 1, 25 - bob, 18, _HAIR, 0.78)
    canvas.disc(x - 7, 34 - bob, 10, _HAIR, 1.2)
    _arm(canvas, neck, swing, 1.12)
    canvas.box(x - 14, 84 - bob, x - 10, 128 - bob, (52, 62, 134))


def _arm(canvas: _Canvas, neck: tuple[float, float], swing: float, shade: float) -> None:
    colour = (int(_COAT[0] * shade), int(_COAT[1] * shade), int(_COAT[2] * shade))
    elbow = (neck[0] - 22 * swing, neck[1] + 40)
    hand = (elbow[0] - 10 * swing + 10, elbow[1] + 30)
    canvas.stroke((neck[0], neck[1] + 10), elbow, colour, 12)
    canvas.stroke(elbow, hand, colour, 10)
    canvas.disc(hand[0], hand[1], 6, _SKIN)


def clock(picture: Picture, now: float) -> None:
    """Write date and time of day (local) at the top left."""
    left, top, right, bottom = CLOCK_BOX
    region = picture[top:bottom, left:right]
    region[:] = cv2.addWeighted(region, 0.35, np.zeros_like(region), 0.65, 0)
    words = time.strftime("%a %d %b %Y  %H:%M:%S", time.localtime(now))
    cv2.putText(
        picture, words, (left + 10, bottom - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.58, (245, 248, 250), 1, cv2.LINE_AA
    )
