"""What has arrived at the other end of a live socket: pings between the pictures (RFC 6455, 5.5.2), and their answers.

A proxy on the way takes all it is given, so the kernel knows nothing of a slow line behind it. A ping is read in its
turn, after all that was written before it, and so its answer says that this has arrived.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from main.serving.wire import Wire

# Another ping after so many bytes, after what the line takes in so many seconds, or with what is written so long after
# the last one.
EVERY_BYTES, EVERY_RATE, EVERY_SECONDS = 64 * 1024, 0.1, 0.25
# So long after the last one a ping goes ahead of what is written, so that the shortest way there and back is known.
AHEAD_SECONDS = 1.0
# That way is taken for no shorter and no longer. Seconds.
SHORTEST, LONGEST = 0.05, 0.5
# One who has never answered by then never will. Seconds.
PATIENCE = 3.0


class _Asked(NamedTuple):
    number: int
    # Bytes that had been written, and when.
    written: int
    at: float
    # Bytes that had arrived by then, and since when the line was busy with what follows them.
    arrived: int
    since: float
    is_full: bool


class Pings:
    """Of one line. `learn` is called with bytes that arrived, the seconds they took, and whether the line had enough to
    take all the time."""

    def __init__(self, wire: Wire, clock: Callable[[], float], learn: Callable[[int, float, bool], None]) -> None:
        self._wire, self._clock, self._learn = wire, clock, learn
        self._out: deque[_Asked] = deque()
        self._number = 0
        self._first = self._last = -PATIENCE
        # The shortest way there and back, in seconds; None until there was an answer. It is never forgotten: under
        # steady load there is always something on the way that would be taken for distance.
        self._way: float | None = None
        self._pinged = self._arrived = 0
        self._since = 0.0
        # Never answered: nothing is asked any more, nothing is known.
        self._is_deaf = False
        wire.answered = self._answered

    @property
    def knows(self) -> bool:
        return self._way is not None

    def before(self, written: int, now: float, rate: float) -> None:
        """Something is about to be written after so many bytes."""
        if self._is_deaf or self._out:
            return
        if written == self._arrived or now - self._last >= EVERY_SECONDS:
            self._since = now
        if now - self._last >= AHEAD_SECONDS:
            self._ask(written, now, rate)

    def after(self, written: int, now: float, rate: float) -> None:
        """Something was written, now so many bytes in all."""
        size = written - self._pinged
        due = size >= min(EVERY_BYTES, rate * EVERY_RATE) or now - self._last >= EVERY_SECONDS
        if due and not self._is_deaf:
            self._ask(written, now, rate)

    def waiting(self, now: float, rate: float) -> int:
        """Bytes that have not arrived, but for those that are on the way at that rate anyhow."""
        if self._way is None and self._out and now - self._first >= PATIENCE:
            self._is_deaf = True
            self._out.clear()
        if self._is_deaf:
            return 0
        way = min(LONGEST, max(SHORTEST, self._way or 0.0))
        return max(0, self._pinged - self._arrived - int(rate * way))

    def _ask(self, written: int, now: float, rate: float) -> None:
        if not self._number:
            self._first = now
        self._number += 1
        self._pinged, self._last = written, now
        is_full = self.waiting(now, rate) > 0
        self._out.append(_Asked(self._number, written, now, self._arrived, self._since, is_full))
        self._wire.ask(self._number)

    def _answered(self, number: int) -> None:
        """That one and all before it: of several pings the newest alone may be answered (RFC 6455, 5.5.3)."""
        if not self._out or not self._out[0].number <= number <= self._out[-1].number:
            return
        while (found := self._out.popleft()).number < number:
            pass
        now = self._clock()
        self._way = min(now - found.at, self._way if self._way is not None else LONGEST)
        if found.written > found.arrived:
            self._learn(found.written - found.arrived, max(0.001, now - found.since), found.is_full)
        self._arrived, self._since = found.written, now
