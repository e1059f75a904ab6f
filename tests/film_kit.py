"""What the tests of live film share: a camera process's film without sockets and threads, and films read back."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import av
import numpy as np

from camera import bus, films
from camera.films import INIT, Batch, Piece
from camera.packets import AudioInfo, AudioPacket, Packet, StreamInfo
from camera.process.film import FilmOutlet
from camera.process.filmstore import FilmStore

CAMERA = 7
TOPICS = {kind: bus.topic(kind, CAMERA) for kind in (bus.FILM, bus.FILM_SOUND)}


@dataclass
class Scene:
    """A store and its outlet, turned by hand after each packet. `full`: the bus takes nothing."""

    wakes: int = 0
    full: bool = False
    clock: float = 0.0
    told: list[tuple[str, str]] = field(default_factory=list)
    sent: list[tuple[bytes, Batch]] = field(default_factory=list)
    bounds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = FilmStore(self._wake, **self.bounds)  # type: ignore[arg-type]
        self.outlet = FilmOutlet(CAMERA, self, self.store, lambda *it: self.told.append(it), lambda: self.clock)  # type: ignore[arg-type]
        self.topics: frozenset[bytes] = frozenset()

    def _wake(self) -> None:
        self.wakes += 1

    def send(self, name: bytes, header: dict[str, Any], payload: bytes = b"") -> bool:
        """In place of the bus's publisher."""
        if not self.full:
            self.sent.append((name, films.unpack(header, payload)))
        return not self.full

    def watch(self, *kinds: str) -> None:
        """These topics are wanted from now on; each has a newcomer."""
        self.topics = frozenset(TOPICS[kind] for kind in kinds)
        self.outlet.wanted(self.topics)
        for topic in self.topics:
            self.outlet.newcomer(topic)
        self.outlet.publish()

    def come(self, kind: str = bus.FILM) -> None:
        """One more of those who watch already."""
        self.clock += 1
        self.outlet.newcomer(TOPICS[kind])
        self.outlet.publish()

    def feed(self, packets: Sequence[Packet | AudioPacket]) -> None:
        for packet in packets:
            if isinstance(packet, AudioPacket):
                self.store.audio(packet)
            else:
                self.store.packet(packet)
            self.outlet.publish()

    def taken(self, kind: str = bus.FILM) -> list[Batch]:
        """What has gone out since the last question."""
        found = [batch for topic, batch in self.sent if topic == TOPICS[kind]]
        self.sent = [one for one in self.sent if one[0] != TOPICS[kind]]
        return found


def watched(info: StreamInfo, packets: Sequence[Packet | AudioPacket], kind: str = bus.FILM) -> list[Batch]:
    """What goes out of a camera that is watched from the beginning."""
    scene = Scene()
    scene.store.opened(info)
    scene.watch(kind)
    scene.feed(packets)
    return scene.taken(kind)


def pieces(batches: Sequence[Batch]) -> list[Piece]:
    return [piece for batch in batches for piece in batch.pieces]


def film(batches: Sequence[Batch]) -> bytes:
    """One film of them, as a browser is given it."""
    return b"".join(piece.data for piece in pieces(batches))


def media(batches: Sequence[Batch]) -> list[Piece]:
    return [piece for piece in pieces(batches) if piece.kind != INIT]


@dataclass(frozen=True)
class Read:
    """A film as FFmpeg reads it. Stamps in ticks of the track; `shown`: decoded pictures in their order."""

    stamps: list[tuple[int, int]]
    keys: list[bool]
    sound: list[int]
    shown: list[tuple[int, int, int]]


def read(data: bytes) -> Read:
    with av.open(io.BytesIO(data)) as container:
        found = [
            (one.stream.type, one.pts or 0, one.dts or 0, one.is_keyframe) for one in container.demux() if one.size
        ]
    with av.open(io.BytesIO(data)) as container:
        shown = [(frame.pts or 0, frame.width, frame.height) for frame in container.decode(video=0)]
    video = [one for one in found if one[0] == "video"]
    return Read(
        [(pts, dts) for _, pts, dts, _ in video],
        [is_key for *_, is_key in video],
        [pts for kind, pts, _, _ in found if kind == "audio"],
        shown,
    )


def times(piece: Piece) -> tuple[int, int, int, int]:
    """(track, dts, duration, pts) of a fragment, from its bytes: ISO/IEC 14496-12, 8.8."""
    data = piece.data
    (track,) = struct.unpack_from(">I", data, data.index(b"tfhd") + 8)
    (dts,) = struct.unpack_from(">Q", data, data.index(b"tfdt") + 8)
    lasts, _, _, ahead = struct.unpack_from(">IIIi", data, data.index(b"trun") + 16)
    return track, dts, lasts, dts + ahead


@lru_cache
def tone(frames: int, rate: int = 16000) -> tuple[AudioInfo, tuple[bytes, ...]]:
    """AAC of a tone: what it is, and `frames` pieces of 1024 samples."""
    context = av.CodecContext.create("aac", "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = rate, "mono", "fltp"
    made: list[bytes] = []
    for number in range(frames + 4):
        wave = np.sin((np.arange(1024) + 1024 * number) * 0.1).astype(np.float32)[None] * 0.3
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, number * 1024
        made += [bytes(packet) for packet in context.encode(frame)]
    return AudioInfo("aac", rate, 1, bytes(context.extradata or b""), 1 / rate), tuple(made[:frames])


def with_sound(video: Sequence[Packet], rate: int = 16000) -> tuple[AudioInfo, list[Packet | AudioPacket]]:
    """The pictures, and a tone that is captured along with them."""
    begin, end = video[0].captured_at, video[-1].captured_at
    audio, frames = tone(round((end - begin) * rate / 1024) + 1, rate)
    sound = [AudioPacket(data, begin + 0.001 + n * 1024 / rate, n * 1024) for n, data in enumerate(frames)]
    return audio, sorted([*video, *sound], key=lambda one: one.captured_at)
