"""Who is connected to this web process: plain values, without loops or threads (main/watchers.py has those)."""

from dataclasses import dataclass, field

from camera.live.feed import Bell
from main.actors import Login
from main.live_delays import Delays
from main.viewings import Seen

LOGGED_OUT, GONE = "logged_out", "gone"


@dataclass(slots=True, eq=False)
class Row:
    """An open session and the connections of this process that keep it open."""

    pk: int
    watches: set["Watch"] = field(default_factory=set)
    bytes: int = 0
    # Of the whole session, while it has not been written; and what it comes from. Seconds.
    delay: tuple[float, float] | None = None
    delays: Delays = field(default_factory=Delays)

    def delayed(self, median: float, longest: float) -> None:
        """A browser has reported how late its pictures were on the screen."""
        self.delays.add(median, longest)
        self.delay = self.delays.summary()

    def take(self) -> Seen:
        """What is to be written; counted from zero again."""
        seen = Seen(self.pk, self.bytes, self.delay)
        self.bytes, self.delay = 0, None
        return seen

    def give_back(self, seen: Seen) -> None:
        self.bytes += seen.bytes
        self.delay = self.delay or seen.delay


@dataclass(slots=True, eq=False)
class Watch:
    """One connection looking at one camera: a stream or a tile. Without a camera: an open socket.

    `ended` says why it must end: LOGGED_OUT or GONE; empty while it may go on. `bell` is rung when that changes.
    """

    login: Login
    bell: Bell
    camera: int | None = None
    # Whether it shows who else is watching.
    names: bool = False
    ended: str = ""
    row: Row | None = None

    @property
    def gone(self) -> bool:
        return bool(self.ended)

    def sent(self, size: int) -> None:
        if self.row is not None:
            self.row.bytes += size

    def end(self, why: str) -> None:
        self.ended = self.ended or why
        self.bell.ring()


@dataclass(slots=True, eq=False)
class FrameRow:
    """The session of a program that asks for single pictures. `asked_at`: monotonic seconds of the newest request."""

    pk: int
    asked_at: float
    bytes: int = 0
    touched: bool = True

    def take(self) -> Seen:
        seen = Seen(self.pk, self.bytes)
        self.bytes, self.touched = 0, False
        return seen

    def give_back(self, seen: Seen) -> None:
        self.bytes += seen.bytes
        self.touched = True
