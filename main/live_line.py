"""What the other side of a live socket takes: how much of what was written waits, and how much more may be written.

The limit is one of time. What waits is measured against the rate at which it went lately, so that a slow line gets
little at once and none of it late, and a fast one is never held up. Where the other side answers pings it counts what
has arrived there, whoever took it on the way.
"""

import time

from main.live_pings import Pings
from main.serving.wire import EXTENSION, Wire

# Bytes a second that a line is taken to have before it has shown what it has.
FIRST_RATE = 170_000.0
PICTURES_SECONDS, FILM_SECONDS = 0.15, 1.5
PICTURES_LEAST, FILM_LEAST = 16 * 1024, 64 * 1024
PICTURES_MOST, FILM_MOST = 1024 * 1024, 4 * 1024 * 1024
_SAMPLE = 0.1
# A figure below the ones before it counts so much; and one above them no more than so many times these: what the
# buffers on the way swallow at first is not what the line takes.
_SINKS, _RISES = 0.3, 1.25
# What has arrived at the other end is no buffer's: it may rise faster.
_RISES_ASKED = 2.0


class Line:
    """One socket. Without a wire nothing is known of it, and whoever sends waits for the server instead."""

    def __init__(self, wire: Wire | None) -> None:
        self._wire = wire
        # Bytes that wait, as far as was looked.
        self.waiting = 0
        # Bytes a second that it took lately, while something waited.
        self.rate = FIRST_RATE
        self._written = 0
        self._pings = Pings(wire, time.monotonic, self._answered) if wire is not None and wire.asks else None
        # The sample that is being taken: when it began, what had been taken by then, and what waited.
        self._began, self._taken, self._waited = time.monotonic(), 0, 0

    @property
    def direct(self) -> bool:
        """Whether frames may be written straight to it."""
        return self._wire is not None

    @property
    def over(self) -> bool:
        return self._wire is not None and self._wire.closing

    def write(self, frame: bytes) -> None:
        """A whole WebSocket frame. Only where it is `direct`."""
        assert self._wire is not None
        pings, now = self._pings, time.monotonic()
        if pings is not None:
            pings.before(self._written, now, self.rate)
        self._wire.write(frame)
        self._written += len(frame)
        self.waiting += len(frame)
        if pings is not None:
            pings.after(self._written, now, self.rate)

    def look(self, now: float) -> None:
        """See what waits; before anything is decided by it. `now`: monotonic seconds."""
        if self._wire is None:
            return
        self.waiting = self._wire.unsent()
        if self._pings is not None:
            self.waiting = max(self.waiting, self._pings.waiting(now, self.rate))
            if self._pings.knows:
                return
        seconds = now - self._began
        if seconds >= _SAMPLE:
            taken = self._written - self.waiting
            if self._waited:
                size = max(0, taken - self._taken)
                # Where it had enough to take all the time; else the figure says only what there was to be taken.
                self._learn(size / seconds, _RISES, is_full=size < self._waited)
            self._began, self._taken, self._waited = now, taken, self.waiting

    def pictures_limit(self) -> float:
        """Bytes that may wait when another picture is written."""
        return min(PICTURES_MOST, max(PICTURES_LEAST, self.rate * PICTURES_SECONDS))

    def film_limit(self) -> float:
        """Bytes that may wait when another piece of film is written."""
        return min(FILM_MOST, max(FILM_LEAST, self.rate * FILM_SECONDS))

    def _answered(self, size: int, seconds: float, is_full: bool) -> None:
        self._learn(size / seconds, _RISES_ASKED, is_full=is_full)

    def _learn(self, rate: float, rises: float, *, is_full: bool) -> None:
        if rate > self.rate:
            self.rate = min(rate, self.rate * rises)
        elif is_full:
            self.rate += _SINKS * (rate - self.rate)


def line_of(scope: dict[str, object]) -> Line:
    """The line of a socket's scope."""
    extensions = scope.get("extensions")
    wire = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return Line(wire if isinstance(wire, Wire) else None)
