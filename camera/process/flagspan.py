"""Which flagged pictures are one event: same kind and name, one after the other. Pure; times are handed in."""

from dataclasses import dataclass

from camera.paths import new_uid

# An event ends after so many seconds without a further flagged picture, by their capture times or by the clock.
HOLD = 30.0


@dataclass(slots=True, eq=False)
class FlagSpan:
    """One event: capture times of its first and last flagged picture. `uid` is the event's: a fresh one, until the
    engine says that the sender's event has a row under another."""

    uid: str
    kind: str
    sender_id: str
    started_at: float
    last_at: float
    ended_at: float | None = None
    # Pictures that wait for the engine, those that are rows, and of these the ones that were none before.
    waiting: int = 0
    taken: int = 0
    fresh: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """The event a flagged picture belongs to, whether it is the first of it, and the event that is over with it."""

    span: FlagSpan
    is_first: bool
    ended: FlagSpan | None = None


class FlagSpans:
    """The event that goes on, if any, in one run of pictures: the live ones have theirs, the late ones another."""

    def __init__(self) -> None:
        self.current: FlagSpan | None = None
        self._came = 0.0

    def flag(self, captured_at: float, kind: str, sender_id: str, now: float) -> Turn:
        """A flagged picture, come at `now` (monotonic seconds)."""
        span, ended = self.current, None
        if span is not None and not self._goes_on(span, captured_at, kind, sender_id):
            ended, span = self._end(span.last_at), None
        is_first = span is None
        if span is None:
            span = self.current = FlagSpan(new_uid(), kind, sender_id, captured_at, captured_at)
        span.started_at, span.last_at = min(span.started_at, captured_at), max(span.last_at, captured_at)
        self._came = now
        return Turn(span, is_first, ended)

    def plain(self, captured_at: float) -> FlagSpan | None:
        """The event that is over because a picture came that is not flagged."""
        span = self.current
        if span is None:
            return None
        return self._end(captured_at if span.last_at <= captured_at <= span.last_at + HOLD else span.last_at)

    def quiet(self, now: float) -> FlagSpan | None:
        """The event that is over because no flagged picture came for so long."""
        span = self.current
        return self._end(span.last_at) if span is not None and now - self._came > HOLD else None

    def end(self) -> FlagSpan | None:
        """End what goes on, whatever it is."""
        return self._end(self.current.last_at) if self.current is not None else None

    def forget(self, span: FlagSpan) -> None:
        """Nothing of it could be kept: what comes next begins anew."""
        if self.current is span:
            self.current = None

    def _end(self, at: float) -> FlagSpan | None:
        span, self.current = self.current, None
        if span is not None:
            span.ended_at = at
        return span

    @staticmethod
    def _goes_on(span: FlagSpan, captured_at: float, kind: str, sender_id: str) -> bool:
        is_same = (span.kind, span.sender_id) == (kind, sender_id)
        return is_same and span.started_at - HOLD <= captured_at <= span.last_at + HOLD
