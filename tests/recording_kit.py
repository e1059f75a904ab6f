"""What the tests of recording share: packets as cameras send them, a recorder without threads, files read back."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import av

from camera import reports
from camera.orders import Orders
from camera.packets import Packet, StreamInfo
from camera.process.recorder import Recorder
from tests.peers import clips

START = 1_750_000_000.0
ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
SIZE = (320, 240)


@lru_cache
def pieces(codec: str, frames: int, gop: int, size: tuple[int, int] = SIZE) -> tuple[tuple[bytes, bool], ...]:
    """(data, key) of encoded pictures."""
    if codec == "mjpeg":
        return tuple((clips.jpeg(number, *size), True) for number in range(frames))
    made = clips.encode([clips.drawn(number, *size) for number in range(frames)], ENCODERS[codec], gop)
    return tuple((bytes(packet), bool(packet.is_keyframe)) for packet in made)


def camera(
    codec: str = "h264", frames: int = 30, gop: int = 10, every: float = 1 / 15, size: tuple[int, int] = SIZE,
    start: float = START,
) -> list[Packet]:  # fmt: skip
    """`frames` packets of a camera that sends the same few pictures again and again."""
    loop = itertools.cycle(pieces(codec, min(frames, 30), gop, size))
    stamps = codec != "mjpeg"
    return [
        Packet(data, key, start + number * every, "arrival", *([round(number * every * 90000)] * 2 if stamps else []))
        for number, (data, key) in zip(range(frames), loop, strict=False)
    ]


def info(codec: str = "h264", size: tuple[int, int] = SIZE, **more: Any) -> StreamInfo:
    return StreamInfo(codec, *size, **more)


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return START + self.now

    def wait(self, event: object, seconds: float) -> bool:
        raise AssertionError("nobody waits in these tests")


@dataclass
class Desk:
    """A recorder whose threads are turned by hand, and what it reported."""

    folder: Path
    said: list[reports.Report] = field(default_factory=list)
    clock: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.recorder = Recorder(self._hear, clock=self.clock)
        self._numbers = itertools.count(1)

    def _hear(self, kind: str, body: dict[str, Any]) -> None:
        self.said.append(reports.parse(kind, body))

    def order(self, **more: Any) -> None:
        self.recorder.take(Orders(next(self._numbers), "yard", str(self.folder), **more))
        self.turn()

    def turn(self) -> None:
        """Let the recorder and its close-ups do all there is to do."""
        while self.recorder.step():
            pass
        closeup = self.recorder.closeup
        while not closeup._jobs.empty():
            closeup.step()

    def send(self, packets: list[Packet], turn_every: int = 1) -> None:
        for number, packet in enumerate(packets, 1):
            self.recorder.packet(packet)
            if number % turn_every == 0:
                self.turn()
        self.turn()

    def heard(self, kind: type[reports.Report]) -> Iterator[Any]:
        return (one for one in self.said if isinstance(one, kind))

    @property
    def opened(self) -> list[reports.RecordingOpened]:
        return list(self.heard(reports.RecordingOpened))

    @property
    def changed(self) -> list[reports.RecordingChanged]:
        return list(self.heard(reports.RecordingChanged))

    @property
    def closed(self) -> list[reports.RecordingClosed]:
        return list(self.heard(reports.RecordingClosed))

    def files(self) -> list[Path]:
        """The finished files, in the order they were begun."""
        return [self.folder / one.file for one in self.opened if (self.folder / one.file).exists()]


def stamps(path: Path) -> list[tuple[int, int]]:
    """(pts, dts) of every packet of a file."""
    with av.open(str(path)) as container:
        return [(packet.pts or 0, packet.dts or 0) for packet in container.demux(video=0) if packet.size]


def pictures(path: Path) -> int:
    """How many pictures can be decoded."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
