"""Why is recorded just now: standing orders, requests from outside, and motion with what goes before and after it."""

import threading
from dataclasses import dataclass, replace

from camera.orders import Orders

# Motion that goes on is told again within this; a shorter post-roll would cut the recording in between. Seconds.
LEAST_POST_ROLL = 2.0
# A clock that goes back by more was set. Seconds.
_CLOCK_SET = 60.0
_HOLD_WORDS = {
    "disk_full": "recording stopped because the disk is full",
    "storage_missing": "recording stopped because the disk for recordings is not there",
    "storage_readonly": "recording stopped because the disk for recordings cannot be written to",
}


@dataclass(frozen=True, slots=True)
class Motion:
    """What is to be recorded because something moves: since when, and when last; capture times."""

    begin: float
    last: float


@dataclass(frozen=True, slots=True)
class Why:
    """All of it at one moment. `reasons` are those that recording goes on for, the standing one first."""

    orders: Orders
    motion: Motion | None
    reasons: tuple[str, ...]

    @property
    def only_motion(self) -> bool:
        return self.reasons == ("motion",)

    @property
    def since(self) -> float | None:
        """The capture time from which it is to be recorded; None where no reason lies back."""
        found = [self.motion.begin - self.orders.pre_roll] if self.motion is not None else []
        if "ring" in self.reasons and self.orders.rang_at:
            found.append(self.orders.rang_at - self.orders.ring_roll)
        return min(found, default=None)


class Reasons:
    """Kept for the recorder; any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders = Orders()
        self._motion: Motion | None = None
        # When something was last known to move, whether it is recorded or not.
        self._known = 0.0

    def take(self, orders: Orders) -> None:
        with self._lock:
            self._orders = orders
            if orders.mode != "motion":
                self._motion = None

    def moved(self, started_at: float, last_at: float) -> None:
        with self._lock:
            if self._orders.mode != "motion":
                return
            known, self._known = self._known, last_at
            if self._motion is not None:
                self._motion = replace(self._motion, last=max(self._motion.last, last_at))
            else:
                # An event may go on after a rest in which its recording has ended: what was then is past.
                is_new = started_at > known or last_at < known
                self._motion = Motion(started_at if is_new else last_at, last_at)

    def now(self) -> Why:
        with self._lock:
            orders, motion = self._orders, self._motion
        own = [name for name, holds in (("always", orders.mode == "always"), ("motion", motion is not None)) if holds]
        return Why(orders, motion, tuple(dict.fromkeys([*own, *orders.reasons])))

    def motion_over(self, captured_at: float) -> bool:
        """Whether the post-roll has passed as well; the motion is forgotten then."""
        with self._lock:
            if self._motion is None:
                return False
            end = self._motion.last + max(self._orders.post_roll, LEAST_POST_ROLL)
            # Long before it all: the clock was set back, and would have to come round again.
            if self._motion.begin - self._orders.pre_roll - _CLOCK_SET < captured_at <= end:
                return False
            self._motion = None
            return True


def hold_words(hold: str) -> str:
    """Why the engine forbids recording, for people."""
    return _HOLD_WORDS.get(hold, f"recording was stopped: {hold}") if hold else ""
