"""One picture of a browser on its way to the engine: its capture time, its marks, and how fast they are taken."""

import math
import struct
import time
from http import HTTPStatus

from main.pushing import headers, lanes
from main.pushing.picture import Answer, BadPictureError, Pushed

MOST_FPS = 10.0
LEAST_FPS = 0.5
# A browser's clock that differs more than this from ours is not believed, and no picture of a webcam is late.
CLOCK_LIMIT = 10.0
STAMP = struct.Struct(">d")


class Pace:
    """How many pictures a second are taken: fewer when the house was busy, then slowly more again."""

    def __init__(self) -> None:
        self.rate = MOST_FPS
        self._next = 0.0

    def patience(self) -> float:
        """Seconds until the next picture is taken."""
        return max(0.0, self._next - time.monotonic())

    def begin(self) -> None:
        self._next = time.monotonic() + 1 / MOST_FPS

    def learn(self, answer: Answer) -> None:
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.rate = max(LEAST_FPS, round(self.rate / 2, 1))
        elif answer.taken:
            self.rate = min(MOST_FPS, round(self.rate + 0.2, 1))


def pushed(jpeg: bytes, captured_at: float | None) -> Pushed:
    """`jpeg` with its capture time, by the browser's clock where that is to be believed. Raises BadPictureError."""
    data, width, height = headers.look(jpeg)
    now = time.time()
    if captured_at is None or not math.isfinite(captured_at) or abs(captured_at - now) > CLOCK_LIMIT:
        return Pushed(data, width, height, now)
    return Pushed(data, width, height, captured_at, clock="source")


def unpacked(message: bytes) -> Pushed:
    """A message of the socket: f64 capture time (big-endian), JPEG. Raises BadPictureError."""
    if len(message) <= STAMP.size:
        raise BadPictureError(Answer(HTTPStatus.BAD_REQUEST, "bad_image", "A capture time and a JPEG were expected."))
    return pushed(message[STAMP.size :], STAMP.unpack_from(message)[0])


async def send_frame(camera: int, message: bytes, pace: Pace) -> Answer:
    """Check a message of the socket and send it on; the answer of whoever refused or took it."""
    pace.begin()
    try:
        answer = await lanes.send(camera, unpacked(message))
    except BadPictureError as error:
        return error.answer
    pace.learn(answer)
    return answer


_posts: dict[int, Pace] = {}


def post_may_begin(camera: int) -> bool:
    """Whether a picture of `camera` that comes by itself, not by a socket, is taken now; counted in this process."""
    pace = _posts.setdefault(camera, Pace())
    if pace.patience() > 0:
        return False
    pace.begin()
    return True
