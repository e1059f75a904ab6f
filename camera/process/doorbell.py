"""The picture of a ring: what the camera saw when somebody pressed the button, kept on a thread of its own."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

from camera.orders import Orders
from camera.packets import AudioPacket, Packet, StreamInfo
from camera.paths import UnsafePathError, event_picture, inside
from camera.process.stills import Gop, decoded, put
from camera.process.writer import words
from camera.reports import RingPictured

logger = logging.getLogger(__name__)

# The first picture after the press shows who stands there; when none comes for so long the last one before it counts.
# Seconds.
AFTER = 1.0
# Nothing comes of the picture, or there is none: look again so often while the ring goes on. Seconds.
AGAIN = 0.5

Then = Callable[[dict[str, Any]], None]


class Report(Protocol):
    def __call__(self, kind: str, body: dict[str, Any], then: Then | None = None) -> None: ...


class RingPictures:
    """A PacketSink with a thread of its own, `run`. `gop`: what a decoder needs for the picture of a capture time;
    `shown` gets (capture time, JPEG) of each picture that is kept. The capture thread never waits for it."""

    def __init__(
        self,
        report: Report,
        gop: Gop,
        shown: Callable[[float, bytes], None] = lambda _, __: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report, self._gop, self._shown, self._clock = report, gop, shown, clock
        self._changed = threading.Condition()
        self._orders = Orders()
        self._is_over = False
        # Capture time of the newest picture of the open stream.
        self._newest: float | None = None
        # The ring whose picture is wanted, until when (monotonic) one from after the press is waited for.
        self._until = 0.0
        self._not_before = 0.0
        self._done = ""
        self._complaint = ""

    def take(self, orders: Orders) -> None:
        """The newest orders: `ring`, `rang_at`, `media` and `slug` count here. Any thread."""
        with self._changed:
            if orders.ring and orders.ring != self._orders.ring:
                self._until, self._not_before = self._clock() + AFTER, 0.0
                self._changed.notify()
            self._orders = orders

    def opened(self, info: StreamInfo) -> None:
        """Nothing to see yet."""

    def packet(self, packet: Packet) -> None:
        self._newest = packet.captured_at
        if self._orders.ring and self._orders.ring != self._done:
            with self._changed:
                self._changed.notify()

    def audio(self, packet: AudioPacket) -> None:
        """A picture is silent."""

    def closed(self) -> None:
        self._newest = None

    def stop(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def run(self) -> None:
        """The thread. Ends after `stop`."""
        while not self._is_over:
            with self._changed:
                self._changed.wait_for(self._is_due, self._pause())
            try:
                self.step()
            except Exception as error:  # the thread's top: whatever a hostile stream provokes costs one picture
                self._complain(f"it could not be made ({type(error).__name__})")

    def _pause(self) -> float | None:
        """Seconds until it is to be looked at although nothing comes; None while nobody rings."""
        if not self._is_wanted():
            return None
        return max(0.01, max(self._until, self._not_before) - self._clock(), AGAIN if self._newest is None else 0.0)

    def _is_wanted(self) -> bool:
        return bool(self._orders.ring and self._orders.media) and self._orders.ring != self._done

    def _is_due(self) -> bool:
        """There is a picture to be kept now."""
        if self._is_over:
            return True
        newest, now = self._newest, self._clock()
        if not self._is_wanted() or newest is None or now < self._not_before:
            return False
        return newest >= self._orders.rang_at or now >= self._until

    def step(self) -> bool:
        """Keep the picture that is due; False when none is, or nothing came of it."""
        with self._changed:
            newest, orders = self._newest, self._orders
            if newest is None or self._is_over or not self._is_due():
                return False
        try:
            jpeg = decoded(self._gop, newest)
            if jpeg:
                name = event_picture(orders.slug, "ring", orders.rang_at, orders.ring)
                put(inside(orders.media, name), jpeg)
        except (OSError, UnsafePathError, ValueError) as error:
            self._complain(words(error) if isinstance(error, OSError) else str(error))
            return False
        if not jpeg:
            self._complain("nothing comes of it")
            return False
        self._done, self._complaint = orders.ring, ""
        self._shown(newest, jpeg)
        self._tell(orders, name)
        return True

    def _complain(self, why: str) -> None:
        """Told once; tried again in a moment."""
        if why != self._complaint:
            logger.error("the picture of a ring cannot be kept: %s", why)
        self._complaint, self._not_before = why, self._clock() + AGAIN

    def _tell(self, orders: Orders, name: str) -> None:
        path = inside(orders.media, name)

        def answered(header: dict[str, Any]) -> None:
            if header.get("taken") is not True:
                # Somebody has deleted the ring meanwhile.
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

        self._report(RingPictured.KIND, asdict(RingPictured(orders.ring, name)), answered)
