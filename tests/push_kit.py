"""What the tests of pushed pictures share: pictures as they arrive, and the desk that takes them without threads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from camera import reports
from camera.orders import Orders
from camera.packets import Packet
from camera.process.flagged import Flagged
from camera.process.late import Late
from camera.process.pushes import Pushes
from camera.sources.push import Inbox, Push
from tests.peers import clips
from tests.recording_kit import START, Watch

SIZE = (320, 240)
FAR = 1e12


def push(number: int = 0, at: float = START, size: tuple[int, int] = SIZE, **more: Any) -> Push:
    """A picture that tells its number, captured `at`."""
    return Push(Packet(clips.jpeg(number, *size), True, at, "source"), *size, **more)


def told(at: float, **more: Any) -> dict[str, Any]:
    """The body of a command."""
    return {"camera": 7, "captured_at": at, "clock": "source", "late": False, "kind": "", "sender_id": ""} | more


@dataclass
class Recorded:
    """Stands where the recorder is asked by who keeps flagged pictures."""

    moves: list[tuple[float, float]] = field(default_factory=list)
    pictures: list[tuple[float, bytes]] = field(default_factory=list)

    def moved(self, started_at: float, last_at: float) -> None:
        self.moves.append((started_at, last_at))

    def pictured(self, captured_at: float, jpeg: bytes) -> None:
        self.pictures.append((captured_at, jpeg))


@dataclass
class Desk:
    """Everything between the main loop and the disk; its threads are turned by hand, the engine's part is played."""

    folder: Path
    clock: Watch = field(default_factory=Watch)
    said: list[tuple[reports.Report, Callable[[dict[str, Any]], None] | None]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "footage").mkdir()
        self.media = self.folder / "media"
        self.inbox, self.recorded = Inbox(), Recorded()
        self.late = Late(self.hear, self.clock.monotonic)
        self.flagged = Flagged(self.hear, self.inbox, self.late, self.recorded, self.clock.monotonic, self.clock.time)
        self.pushes = Pushes(self.inbox, self.flagged, self.late, self.clock.monotonic)
        self.order()

    def order(self, **more: Any) -> None:
        values = {"number": 1, "slug": "pier", "storage": str(self.folder / "footage"), "media": str(self.media)}
        orders = Orders(**values | {"mode": "always"} | more)
        self.late.take(orders)
        self.flagged.take(orders)

    def hear(self, kind: str, body: dict[str, Any], then: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.said.append((reports.parse(kind, body), then))

    def send(self, jpeg: bytes, deadline: float = FAR, **more: Any) -> None:
        """A picture arrives from the web."""
        self.pushes.take(told(**{"at": START} | more), jpeg, deadline, self.answers.append)

    def turn(self) -> None:
        """Let both threads do all there is to do."""
        while self.flagged.step() or self.late.step():
            pass

    def acknowledge(self, still: reports.PushedStill, **more: Any) -> None:
        """What the engine says of a still."""
        (then,) = [then for one, then in self.said if one is still]
        assert then is not None
        then({"type": "ack", "seq": 1, "taken": True, "known": False, "event": still.uid} | more)
        self.turn()

    def flag(self, number: int, at: float, kind: str = "spill", **more: Any) -> reports.PushedStill:
        """A flagged picture all the way to its row."""
        self.send(clips.jpeg(number), at=at, kind=kind, **more)
        self.turn()
        still = self.stills[-1]
        self.acknowledge(still)
        return still

    @property
    def stills(self) -> list[reports.PushedStill]:
        return [one for one, _ in self.said if isinstance(one, reports.PushedStill)]

    @property
    def ends(self) -> list[reports.EventSeen]:
        return [one for one, _ in self.said if isinstance(one, reports.EventSeen)]

    def heard(self, kind: type[reports.Report]) -> list[Any]:
        return [one for one, _ in self.said if isinstance(one, kind)]

    def live(self) -> list[Push]:
        """What has reached the inbox since the last look."""
        found = []
        while (one := self.inbox.take(0)) is not None:
            found.append(one)
        return found

    def pictures(self) -> list[Path]:
        """The pictures of events on the disk, by name."""
        return sorted(path for path in self.media.rglob("*") if path.is_file())
