"""Films as a camera's process publishes them, without pictures in them: who passes them on never looks inside."""

import time
from dataclasses import dataclass, field

from camera import bus
from camera.films import DELTA, INIT, KEY, Batch, Piece, mime, pack
from tests.live_house import Voice

CODECS = "avc1.64001f"


def piece(number: int, kind: int = DELTA, size: int = 40, captured_at: float | None = None) -> Piece:
    """A piece that says its number."""
    return Piece(kind, time.time() if captured_at is None else captured_at, b"%d " % number + bytes(size))


def number_of(data: bytes) -> int:
    return int(data.split(b" ")[0])


@dataclass
class Reel:
    """One film of one camera: pieces one after another, the current group kept for newcomers."""

    epoch: int = 1_800_000_000_000
    codecs: str = CODECS
    width: int = 640
    height: int = 360
    size: int = 40
    next: int = 0
    group: list[Piece] = field(default_factory=list)

    @property
    def init(self) -> Piece:
        return Piece(INIT, time.time(), b"init %d" % self.epoch)

    def batch(self, first: int, *pieces: Piece, replay: bool = False, told: str = "") -> Batch:
        return Batch(self.epoch, first, told or mime(self.codecs), self.width, self.height, pieces, replay)

    def key(self, with_init: bool = False) -> Batch:
        made = piece(self.next, KEY, self.size)
        self.group, self.next = [made], self.next + 1
        return self.batch(self.next - 1, *((self.init, made) if with_init else (made,)))

    def delta(self) -> Batch:
        made = piece(self.next, DELTA, self.size)
        self.group.append(made)
        self.next += 1
        return self.batch(self.next - 1, made)

    def replay(self) -> Batch:
        return self.batch(self.next - len(self.group), self.init, *self.group, replay=True)


def publish(voice: Voice, camera: int, batch: Batch, kind: str = bus.FILM) -> None:
    voice.raw(bus.topic(kind, camera), *pack(batch))
