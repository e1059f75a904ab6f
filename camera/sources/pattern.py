"""The built-in demo camera: a front yard with a clock, and every 45 seconds somebody walks through it.

The lowest rows tell the capture time to programs (camera/video/clockbar.py has the format), so that the delay of
whatever shows these pictures can be measured.
"""

import math
import time
from collections.abc import Callable, Iterator

import cv2

from camera.packets import Packet, StreamInfo
from camera.sources import Request, Source
from camera.video import clockbar, scene

FPS = 10
QUALITY = 80
_BLOCKS = scene.WIDTH // 16
_OPTIONS = (cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)
# Seconds to the first walk (motion detection has learnt the scene by then), from one walk to the next (long enough for
# an event to end in between), and how long a walk takes.
FIRST, EVERY, WALK = 9.0, 45.0, 6.0
_STEPS_PER_SECOND = 1.7


def open_pattern(request: Request) -> Source:
    """The demo scene. Never fails."""
    return PatternSource(request)


def walker_at(seconds: float) -> float | None:
    """Where the walker is (pixels from the left) so long after the start of the scene, None while nobody is there."""
    into = (seconds - FIRST) % EVERY
    if into >= WALK:
        return None
    return -scene.WALKER_HALF + into / WALK * (scene.WIDTH + 2 * scene.WALKER_HALF)


class PatternSource:
    """Draws and encodes the scene only when something in it changed (its clock moves once a second), the bar of the
    capture time for each picture: about 0.1 ms."""

    info = StreamInfo("mjpeg", scene.WIDTH, scene.HEIGHT)

    def __init__(
        self, request: Request, clock: Callable[[], float] = time.time, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._request, self._clock, self._now = request, clock, now
        self._yard = scene.background()
        self._second = -1
        self._walking: float | None = None
        # The scene, up to the row of the bar.
        self._jpeg = b""

    def __iter__(self) -> Iterator[Packet]:
        start = due = self._now()
        while True:
            captured_at = self._clock()
            yield Packet(self.picture(captured_at, due - start), True, captured_at)
            # After a pause (a sleeping machine) go on from now instead of catching up.
            due = max(due + 1 / FPS, self._now() - 1)
            if self._request.wait(due - self._now()):
                return

    def picture(self, wall: float, seconds: float) -> bytes:
        """The JPEG at time of day `wall` and `seconds` after the start."""
        x = walker_at(seconds)
        if int(wall) != self._second or x is not None or self._walking is not None:
            self._second, self._walking = int(wall), x
            self._jpeg = self._encoded(wall, seconds, x)
        bar = clockbar.draw(wall, scene.ROAD)
        return clockbar.splice(self._jpeg, cv2.imencode(".jpg", bar, _OPTIONS)[1].tobytes())

    def _encoded(self, wall: float, seconds: float, x: float | None) -> bytes:
        """The scene with a restart marker before each row of blocks; without the bar."""
        picture = self._yard.copy()
        if x is not None:
            scene.walker(picture, x, seconds * _STEPS_PER_SECOND * math.pi)
        scene.clock(picture, wall)
        return cv2.imencode(".jpg", picture, (*_OPTIONS, cv2.IMWRITE_JPEG_RST_INTERVAL, _BLOCKS))[1].tobytes()

    def close(self) -> None:
        """Nothing is held open."""
