"""When findings are an event: confirmed, held over pauses, never without an end. Pure; times are handed in."""

from collections import deque
from dataclasses import dataclass

from camera.orders import Finding
from camera.paths import new_uid

# An event ends after so many seconds without a confirmed finding.
HOLD = 25.0
# A longer one (seconds) is ended and a new one begun, so that something is told of it.
LONGEST = 600.0
# One finding alone is noise: a second one within so many looks, near enough (share of the picture), confirms it.
OF_LOOKS = 3
NEAR = 0.25
# Capture times that go back by more than this (seconds) tell of a clock that was set.
STEP_BACK = 2.0


class Confirmation:
    """Whether a finding is more than noise. Two insects in two corners do not confirm each other."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Finding]] = deque(maxlen=OF_LOOKS - 1)

    def add(self, captured_at: float, finding: Finding) -> float | None:
        """Capture time of the earliest finding that confirms this one, None while it stands alone."""
        first = next((at for at, earlier in self._looks if _near(earlier, finding)), None)
        self._looks.append((captured_at, finding))
        return first

    def clear(self) -> None:
        self._looks.clear()


def _near(one: Finding, two: Finding) -> bool:
    return any(
        max(a[0] - b[0] - b[2], b[0] - a[0] - a[2], a[1] - b[1] - b[3], b[1] - a[1] - a[3]) <= NEAR
        for a in one.boxes
        for b in two.boxes
    )


@dataclass(slots=True)
class Span:
    """One event: capture times of its first and last confirmed finding."""

    uid: str
    started_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What a look has changed: an event that is over, and whether the finding belongs to one that goes on."""

    ended: Span | None = None
    confirmed: bool = False


class Happening:
    """The event that goes on, if any."""

    def __init__(self) -> None:
        self.current: Span | None = None
        self._confirmation = Confirmation()
        self._looked_at: float | None = None

    def look(self, captured_at: float, finding: Finding) -> Turn:
        """One look's finding; one without boxes says that nothing moves."""
        ended = self._over(captured_at)
        self._looked_at = captured_at
        first = self._confirmation.add(captured_at, finding)
        if first is None:
            return Turn(ended)
        if self.current is not None and captured_at - self.current.started_at > LONGEST:
            ended, first = self.end(), captured_at
        if self.current is None:
            self.current = Span(new_uid(), min(first, captured_at), captured_at)
        self.current.last_at = max(self.current.last_at, captured_at)
        return Turn(ended, True)

    def told(self, first: float, last: float) -> Turn:
        """The camera itself says that something moved from `first` to `last`: that needs no confirmation."""
        ended, current = None, self.current
        if current is not None and not -STEP_BACK <= last - current.last_at <= HOLD:
            ended = self.end()
        elif current is not None and last - current.started_at > LONGEST:
            ended, first = self.end(), last
        if self.current is None:
            self.current = Span(new_uid(), first, last)
        self.current.last_at = max(self.current.last_at, last)
        # Less than now: pictures that are looked at late must not seem to come from before.
        self._looked_at = max(self._looked_at or 0.0, last - STEP_BACK)
        return Turn(ended, True)

    def quiet(self, seconds: float) -> Span | None:
        """The event that is over because nothing could be looked at for so long."""
        if self.current is None or self._looked_at is None:
            return None
        return self.end() if self._looked_at - self.current.last_at + seconds > HOLD else None

    def end(self) -> Span | None:
        """End what goes on, whatever it is."""
        ended, self.current = self.current, None
        return ended

    def _over(self, captured_at: float) -> Span | None:
        looked_at = self._looked_at
        if looked_at is None:
            return None
        if captured_at < looked_at - STEP_BACK or captured_at - looked_at > HOLD:
            self._confirmation.clear()
            return self.end()
        if self.current is not None and captured_at - self.current.last_at > HOLD:
            return self.end()
        return None
