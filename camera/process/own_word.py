"""What a camera itself says of motion, kept until the detection asks: from when to when something moved."""

import math
import threading

# A camera that says that something moves, and then nothing for so long, is believed no longer. Seconds.
BELIEVED = 300.0


class OwnWord:
    """`say` from any thread, the others by the detection's. Times are seconds since the epoch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Since when it moves, as the camera says, and when it said so last.
        self._since: float | None = None
        self._said_at = 0.0
        # What nobody has asked for yet.
        self._news: tuple[float, float] | None = None
        # Something was said since the last question.
        self.has_news = False

    def say(self, body: object) -> bool:
        """{"on", "at"}; False where that makes no sense."""
        on, at = (body.get("on"), body.get("at")) if isinstance(body, dict) else (None, None)
        if not isinstance(on, bool) or not isinstance(at, float) or not math.isfinite(at):
            return False
        with self._lock:
            self.has_news = True
            if on:
                self._since, self._said_at = at if self._since is None else self._since, at
            elif self._since is not None:
                self._news = self._joined(self._since, at)
                self._since = None
        return True

    def take(self, now: float) -> tuple[float, float] | None:
        """From when to when something moved since the last question; None where nothing did."""
        with self._lock:
            self.has_news = False
            if self._since is not None:
                if now - self._said_at > BELIEVED:
                    self._since = None
                else:
                    self._news = self._joined(self._since, max(now, self._said_at))
                    self._since = self._news[1]
            news, self._news = self._news, None
            return news

    def _joined(self, first: float, last: float) -> tuple[float, float]:
        before = self._news[0] if self._news is not None else first
        return min(before, first), max(first, last)

    def clear(self) -> None:
        """Nothing that was said counts."""
        with self._lock:
            self._since = self._news = None
