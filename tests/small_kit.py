"""What the tests of small pictures share: the camera process round them, without threads, and a count of the work."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import pytest

from camera import bus
from camera.packets import Packet, StreamInfo
from camera.process.capture import LiveOutput
from camera.process.live import LiveSlot
from camera.process.small import Small, SmallOutlet
from camera.process.transcode import Transcoder
from tests.peers import clips

START = 1_800_000_000.0
FPS = 10
SMALL, GLANCE = bus.topic(bus.SMALL, 7), bus.topic(bus.GLANCE, 7)
Sent = tuple[bytes, dict[str, Any], bytes]


@dataclass
class Process:
    """What stands round it in a camera process; the threads are the test itself. `sent`: what went out."""

    now: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    told: int = 0

    def __post_init__(self) -> None:
        self.live = LiveSlot(lambda: None)
        self.transcoder = Transcoder(self.live, lambda blind: None, lambda: self.now)
        self.small = Small(self.live, self.transcoder, lambda: None, self.moves, lambda: self.now)
        self.transcoder.small = self.small.offer
        self.outlet = SmallOutlet(7, self, self.small)  # type: ignore[arg-type]
        self.output = LiveOutput(self.live, self.transcoder)
        self.wanted: frozenset[bytes] = frozenset()

    def moves(self) -> None:
        self.told += 1

    def send(self, name: bytes, header: dict[str, Any], payload: bytes) -> bool:
        self.sent.append((name, header, payload))
        return True

    def opened(self, codec: str = "mjpeg", size: tuple[int, int] = (1280, 720)) -> None:
        for sink in (self.output, self.small):
            sink.opened(StreamInfo(codec, *size))

    def online(self, is_online: bool = True) -> None:
        self.live.open(is_online)
        self.small.open(is_online)

    def turn(self) -> None:
        while self.transcoder.step() | self.small.step():
            pass
        self.outlet.publish()

    def watch(self, *topics: bytes) -> None:
        """Who looks from now on, as `Outlets` tells it."""
        news, self.wanted = [one for one in topics if one not in self.wanted], frozenset(topics)
        self.outlet.wanted(self.wanted)
        for one in news:
            self.outlet.newcomer(one)
        self.turn()

    def packet(self, data: bytes, key: bool = True, pts: int | None = None) -> None:
        packet = Packet(data, key, START + self.now, pts=pts)
        self.output.packet(packet)
        self.small.packet(packet)
        self.turn()
        self.now = round(self.now + 1 / FPS, 6)

    def jpegs(self, pictures: list[clips.Picture]) -> list[Sent]:
        """Send them; what went out meanwhile."""
        before = len(self.sent)
        for picture in pictures:
            self.packet(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
        return self.sent[before:]


def times(sent: list[Sent], name: bytes) -> list[float]:
    return [round(header["t"] - START, 3) for topic, header, _ in sent if topic == name]


@dataclass
class Count:
    """How often something is done."""

    calls: int = 0

    def on(self, monkeypatch: pytest.MonkeyPatch, holder: Any, name: str) -> "Count":
        original: Callable[..., Any] = getattr(holder, name)

        def counted(*args: Any, **more: Any) -> Any:
            self.calls += 1
            return original(*args, **more)

        monkeypatch.setattr(holder, name, counted)
        return self


def done(work: dict[str, Count]) -> tuple[int, int, int]:
    return work["decoded"].calls, work["reduced"].calls, work["compared"].calls
