"""Newest-wins fan-out in the web process: one slot per camera, every viewer takes what is in it when it is ready.

Nothing here queues: whoever is slow misses pictures instead of seeing old ones. All of it belongs to one event loop.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from camera.live.messages import Message
from camera.packets import Frame

BOUNDARY = b"frame"
# What stands before the first part. Every part closes with the boundary, so that a viewer shows it without waiting
# for the next one.
OPENING = b"--" + BOUNDARY + b"\r\n"
CLOSING = b"\r\n--" + BOUNDARY + b"\r\n"
KIND_JPEG = 3


class Picture(Message):
    """A frame, and what it is sent as: each form is built once and shared by all viewers."""

    __slots__ = ("_part", "frame")

    def __init__(self, frame: Frame) -> None:
        super().__init__(KIND_JPEG, frame.captured_at, frame.data)
        self.frame = frame
        self._part: bytes | None = None

    def part(self) -> bytes:
        """The frame as a part of multipart/x-mixed-replace, closed by the boundary."""
        if self._part is None:
            self._part = b"".join((self._head(), self.frame.data, CLOSING))
        return self._part

    def chunk(self) -> bytes:
        """The same as one chunk of a reply in chunked coding (RFC 9112, 7.1). For one who sends it to all."""
        head, data = self._head(), self.frame.data
        return b"".join((b"%x\r\n" % (len(head) + len(data) + len(CLOSING)), head, data, CLOSING, b"\r\n"))

    def _head(self) -> bytes:
        words = (
            f"Content-Type: image/jpeg\r\nContent-Length: {len(self.frame.data)}\r\n"
            f"X-Timestamp: {self.frame.captured_at:.6f}\r\n\r\n"
        )
        return words.encode()


class Bell:
    """Wakes one waiter. A ring while nobody waits is not lost."""

    def __init__(self) -> None:
        self._rung = False
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        self._rung = True
        self._release()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after `seconds`."""
        if not self._rung:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(seconds, self._release)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        self._rung = False

    def _release(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Feed:
    """The newest picture of one camera in one format."""

    def __init__(self, camera: int) -> None:
        self.camera = camera
        self.newest: Picture | None = None
        # Monotonic time since which nobody listens; None while somebody does.
        self.idle_since: float | None = None
        self._bells: set[Bell] = set()

    @property
    def viewers(self) -> int:
        return len(self._bells)

    @contextmanager
    def listening(self, bell: Bell) -> Iterator[None]:
        """`bell` rings at every new picture and whenever the camera's state changes."""
        self.add(bell)
        try:
            yield
        finally:
            self.remove(bell)

    def add(self, bell: Bell) -> None:
        self._bells.add(bell)
        self.idle_since = None

    def remove(self, bell: Bell) -> None:
        self._bells.discard(bell)
        if not self._bells:
            self.idle_since = time.monotonic()

    def put(self, frame: Frame) -> None:
        self.newest = Picture(frame)
        self.ring()

    def clear(self) -> None:
        """Forget the picture: it must not be taken for a live one any more."""
        self.newest = None
        self.ring()

    def ring(self) -> None:
        for bell in self._bells:
            bell.ring()


class Pace:
    """Keeps one viewer below a rate by skipping. A picture a little early still passes, so that a camera just above the
    limit is thinned evenly instead of halved."""

    def __init__(self) -> None:
        self._due = 0.0

    def ready(self, now: float, fps: float) -> bool:
        """Whether a picture may go out at monotonic time `now`; taken as sent when it may."""
        interval = 1.0 / fps
        if now < self._due - 0.3 * interval:
            return False
        self._due = max(self._due + interval, now + 0.5 * interval)
        return True

    def patience(self, now: float, fps: float) -> float:
        """Seconds to wait with a picture that came too early: as long as a newer one may still come in time."""
        return max(0.005, self._due + 0.5 / fps - now)
