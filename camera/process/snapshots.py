"""A still every so many seconds, from what the camera sends anyway: JPEGs as they came, else one key frame decoded.

Which picture it is: the first one (of H.264 and its like: the first key frame) of each full multiple of the interval
on the wall clock, …:00, …:05, …:10. Its name tells when it was captured.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from camera.loading import LOADING
from camera.orders import Orders
from camera.packets import AudioPacket, Packet, StreamInfo
from camera.paths import UnsafePathError, inside, still_file
from camera.process.stills import put
from camera.video import nal

logger = logging.getLogger(__name__)

# Names tell seconds: more often is one file only.
SHORTEST = 1.0
# A key frame in several packets is whole when the next picture begins, or after so many seconds without one.
WHOLE_AFTER = 0.5
# A clock that leaps about must not make every picture a still: so much of the interval lies between two at least.
_APART = 0.5
_LONGEST_SETS = 64 * 1024
_HELD = "disk_full"
# Whole pictures in one packet, whatever comes after.
_ONE_PACKET = frozenset({"mjpeg", "rawvideo"})


@dataclass(frozen=True, slots=True)
class Due:
    """A still that is to be written: the packets of one picture, which need nothing else to be decoded."""

    info: StreamInfo
    packets: tuple[Packet, ...]
    media: str
    slug: str

    @property
    def name(self) -> str:
        return still_file(self.slug, self.packets[0].captured_at)


class Snapshots:
    """A PacketSink with a thread of its own, `run`. The capture thread never waits for it; at most two pictures are
    held, and only while they are due."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._over = False
        self._orders = Orders()
        self._info: StreamInfo | None = None
        # Parameter sets that came as a packet of their own: they belong to the picture that follows.
        self._sets = b""
        self._slot: tuple[float, int] | None = None
        self._taken_at = float("-inf")
        self._growing: Due | None = None
        self._ready: Due | None = None
        self._told = False

    def take(self, orders: Orders) -> None:
        """The newest orders: `stills_every` (0: none), `media`, `slug` and `hold` count here. Any thread."""
        with self._changed:
            self._orders = orders

    def opened(self, info: StreamInfo) -> None:
        with self._changed:
            self._seal()
            self._info, self._sets = info, b""

    def packet(self, packet: Packet) -> None:
        with self._changed:
            info = self._info
            if info is None or not self._wanted:
                self._growing, self._sets = None, b""
                return
            if info.codec == "mjpeg":
                if self._due(packet.captured_at) and packet.data:
                    self._begin(info, packet)
            elif self._growing is not None and self._goes_on(packet):
                self._growing = replace(self._growing, packets=(*self._growing.packets, packet))
            else:
                self._seal()
                if packet.key:
                    self._key(info, packet)

    def audio(self, packet: AudioPacket) -> None:
        """Stills are silent."""

    def closed(self) -> None:
        with self._changed:
            self._seal()
            self._info, self._sets = None, b""

    def run(self) -> None:
        """The thread that writes. Ends after `stop`."""
        while self._wait():
            self.step()

    def step(self) -> bool:
        """Write the still that is due; False when none is."""
        with self._changed:
            due, self._ready = self._ready, None
        if due is not None:
            self._keep(due)
        return due is not None

    def stop(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()

    @property
    def _wanted(self) -> bool:
        orders = self._orders
        return orders.stills_every > 0 and bool(orders.media and orders.slug) and orders.hold != _HELD

    def _key(self, info: StreamInfo, packet: Packet) -> None:
        if not nal.has_picture(info.codec, packet.data):
            self._sets = (self._sets + packet.data)[-_LONGEST_SETS:]
            return
        sets, self._sets = self._sets, b""
        if self._due(packet.captured_at):
            self._begin(info, replace(packet, data=sets + packet.data) if sets else packet)

    def _goes_on(self, packet: Packet) -> bool:
        """Whether it is a further part of the key frame before; as in camera/process/ring.py."""
        assert self._growing is not None
        return packet.key and self._growing.packets[-1].pts == packet.pts is not None

    def _due(self, captured_at: float) -> bool:
        every = max(SHORTEST, self._orders.stills_every)
        # Another stretch, not a later one: a clock that was set back does not stop the stills.
        return (every, int(captured_at // every)) != self._slot and self._clock() - self._taken_at >= every * _APART

    def _begin(self, info: StreamInfo, packet: Packet) -> None:
        every = max(SHORTEST, self._orders.stills_every)
        self._slot, self._taken_at = (every, int(packet.captured_at // every)), self._clock()
        self._growing = Due(info, (packet,), self._orders.media, self._orders.slug)
        if info.codec in _ONE_PACKET:
            self._seal()
        else:
            self._changed.notify_all()

    def _seal(self) -> None:
        """The picture is whole. One that is still waiting to be written is given up for it: the disk is too slow."""
        if self._growing is not None:
            self._ready, self._growing = self._growing, None
            self._changed.notify_all()

    def _wait(self) -> bool:
        """Until a still is due; False when it is over."""
        with self._changed:
            while not self._over and self._ready is None:
                growing = self._growing
                self._changed.wait(WHOLE_AFTER if growing is not None else None)
                if growing is not None and growing is self._growing:
                    # No further picture has come meanwhile: it is as whole as it gets.
                    self._seal()
            return not self._over

    def _keep(self, due: Due) -> None:
        """Write it unless there is one of that second. A fault is told once; the next still tries again."""
        try:
            path = inside(due.media, due.name)
            if path.exists():
                return
            if (data := picture(due)) and not path.exists():
                put(path, data)
                self._told = False
        except (OSError, UnsafePathError, ValueError) as error:
            self._tell(f"a still cannot be kept: {_words(error)}")
        except Exception as error:  # the thread's top: whatever a hostile stream provokes costs one still
            self._tell(f"a still could not be made ({type(error).__name__})")

    def _tell(self, words: str) -> None:
        if not self._told:
            logger.error("%s; the next one is tried again", words)
        self._told = True


def picture(due: Due) -> bytes:
    """The JPEG of a still that is due; b"" when nothing comes of it."""
    if due.info.codec == "mjpeg":
        return due.packets[0].data
    with LOADING:
        from camera.video.decode import Decoder
        from camera.video.encode import JpegEncoder
    decoder = Decoder(due.info)
    frames = [frame for packet in due.packets for frame, _ in decoder.decode(packet)]
    frames += [frame for frame, _ in decoder.flush()]
    return JpegEncoder().encode(frames[-1]) if frames else b""


def _words(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
