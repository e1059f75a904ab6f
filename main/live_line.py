"""What the other side of a live socket takes: how much of what was written waits, and how much more may be written.

The limit is one of time. What waits is measured against the rate at which it went lately, so that a slow line gets
little at once and none of it late, and a fast one is never held up.
"""

import time

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


class Line:
    """One socket. Without a wire nothing is known of it, and whoever sends waits for the server instead."""

    def __init__(self, wire: Wire | None) -> None:
        self._wire = wire
        # Bytes that wait, as far as was looked.
        self.waiting = 0
        # Bytes a second that it took lately, while something waited.
        self.rate = FIRST_RATE
        self._written = 0
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
        self._wire.write(frame)
        self._written += len(frame)
        self.waiting += len(frame)

    def look(self, now: float) -> None:
        """See what waits; before anything is decided by it. `now`: monotonic seconds."""
        if self._wire is None:
            return
        self.waiting = self._wire.unsent()
        seconds = now - self._began
        if seconds >= _SAMPLE:
            taken = self._written - self.waiting
            if self._waited:
                self._learn(max(0, taken - self._taken), seconds)
            self._began, self._taken, self._waited = now, taken, self.waiting

    def pictures_limit(self) -> float:
        """Bytes that may wait when another picture is written."""
        return min(PICTURES_MOST, max(PICTURES_LEAST, self.rate * PICTURES_SECONDS))

    def film_limit(self) -> float:
        """Bytes that may wait when another piece of film is written."""
        return min(FILM_MOST, max(FILM_LEAST, self.rate * FILM_SECONDS))

    def _learn(self, size: int, seconds: float) -> None:
        rate = size / seconds
        if rate > self.rate:
            self.rate = min(rate, self.rate * _RISES)
        elif size < self._waited:
            # It had enough to take all the time; else the figure says only what there was to be taken.
            self.rate += _SINKS * (rate - self.rate)


def line_of(scope: dict[str, object]) -> Line:
    """The line of a socket's scope."""
    extensions = scope.get("extensions")
    wire = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return Line(wire if isinstance(wire, Wire) else None)
