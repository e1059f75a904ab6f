"""Small pictures for small tiles: reduced once for all, and only while somebody looks.

SMALL has every picture. GLANCE has every picture while something moves and for HOLD seconds after, otherwise one in
GLANCE_EVERY. What moves is told by the detection where that is on; else the pictures are compared here.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from camera import bus
from camera.packets import AudioPacket, Frame, Packet, StreamInfo
from camera.process.live import LiveSlot
from camera.process.reducing import Maker, Seen
from camera.process.transcode import Need, Transcoder

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

logger = logging.getLogger(__name__)

# Seconds from picture to picture while nothing moves, and how much sooner one may come; how long motion is taken to go
# on; from one comparison to the next.
GLANCE_EVERY, EARLY = 3.0, 0.25
HOLD = 3.0
COMPARE_EVERY = 0.5
# Without a key frame for so long (seconds) the packets after the last one are decoded.
NO_KEY_FRAME = GLANCE_EVERY + 1.5
KINDS = (bus.SMALL, bus.GLANCE)


class Small:
    """`opened`, `packet` and `closed` are called by the capture thread, `offer` by the transcoder's, `moved` by the
    detection's, `want`, `newcomer` and `detect` by the main one, `open` by any, `step` by its own. None waits."""

    def __init__(
        self,
        live: LiveSlot,
        transcoder: Transcoder,
        wake: Callable[[], None],
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`live` has the newest whole JPEG of a camera that sends such. `wake`: there is something to send; `changed`:
        something has begun to move."""
        self.slots = {kind: LiveSlot(wake) for kind in KINDS}
        self._live, self._transcoder, self._moves, self._clock = live, transcoder, changed, clock
        self._changed = threading.Condition()
        self._asking = threading.Lock()
        self._kinds: frozenset[str] = frozenset()
        self._codec = ""
        self._detects = self._stopped = self._has_failed = False
        self._pending: Seen | None = None
        # Somebody new is to have the newest picture.
        self._fresh = False
        self._need = Need.NOTHING
        self._moving_until = -math.inf
        self._glance_due = self._compare_due = self._glimpse_due = -math.inf
        # Belongs to the thread of its own.
        self._maker: Maker | None = None

    @property
    def moving(self) -> bool:
        """Whether something moves, or did within the last HOLD seconds, as far as anybody looks."""
        return self._clock() < self._moving_until

    # The source.

    def opened(self, info: StreamInfo) -> None:
        with self._changed:
            self._codec, self._pending, self._has_failed = info.codec, None, False

    def packet(self, packet: Packet) -> None:
        if not self._kinds:
            return
        if self._codec == "mjpeg":
            self._put(Seen(packet.captured_at, self.slots[bus.SMALL].epoch, packet.data))
            return
        now = self._clock()
        if self._need == Need.KEYS and now >= self._glimpse_due:
            self._glimpse_due = now + NO_KEY_FRAME
            self._transcoder.glimpse()

    def audio(self, packet: AudioPacket) -> None:
        """A picture has no sound."""

    def closed(self) -> None:
        with self._changed:
            self._codec, self._pending = "", None

    def offer(self, frame: "VideoFrame", captured_at: float, epoch: int, newest: bool) -> None:
        """A decoded picture. `epoch`: the live slot's, which comes and goes with those here."""
        self._glimpse_due = self._clock() + NO_KEY_FRAME
        self._put(Seen(captured_at, epoch, frame=frame, newest=newest))

    def _put(self, seen: Seen) -> None:
        self._ask()
        with self._changed:
            if self._codec and self._is_due(self._clock(), seen.newest):
                self._pending = seen
                self._changed.notify()

    def _is_due(self, now: float, newest: bool) -> bool:
        """Whether there is anything to be done with a picture that comes now."""
        if not self._kinds or self._stopped:
            return False
        if bus.SMALL in self._kinds or self._may_glance(now, newest):
            return True
        return not self._detects and now >= self._compare_due

    def _may_glance(self, now: float, newest: bool) -> bool:
        return now < self._moving_until or now >= self._glance_due or (self._fresh and newest)

    def open(self, is_open: bool) -> None:
        """The camera came or went: nothing from before is shown."""
        for slot in self.slots.values():
            slot.open(is_open)
        # No lock and no word to the transcoder: whoever calls holds the lock of the camera's state.
        self._moving_until = -math.inf

    # Those who look.

    def want(self, kinds: frozenset[str]) -> None:
        """Of which kinds somebody wants pictures now."""
        with self._changed:
            for kind in KINDS:
                # Whoever comes next must not get what nobody kept up to date.
                if kind not in self._kinds & kinds:
                    self.slots[kind].clear()
            if not self._kinds:
                self._glance_due = self._compare_due = -math.inf
                self._glimpse_due = self._clock() + NO_KEY_FRAME
            self._kinds = kinds
            if not kinds:
                self._pending, self._fresh = None, False
                self._changed.notify()
        self._ask()

    def newcomer(self) -> None:
        """Somebody has just come and is to have the newest picture."""
        with self._changed:
            self._fresh, codec = True, self._codec
        if codec != "mjpeg":
            self._transcoder.glimpse()
        elif (frame := self._live.newest()) is not None:
            self._put(Seen(frame.captured_at, self.slots[bus.SMALL].epoch, frame.data))

    def detect(self, on: bool) -> None:
        """Whether the detection looks for motion."""
        self._detects = on

    def moved(self) -> None:
        """Something moves now."""
        was = self.moving
        self._moving_until = self._clock() + HOLD
        if not was:
            self._ask()
            self._moves()

    def _ask(self) -> None:
        """Have decoded what is needed, and no more."""
        if self._needs() == self._need:
            return
        # A lock of its own, as the transcoder must not be called under the other.
        with self._asking:
            self._need = self._needs()
            self._transcoder.reduce(self._need)

    def _needs(self) -> Need:
        kinds = self._kinds
        if not kinds:
            return Need.NOTHING
        return Need.ALL if bus.SMALL in kinds or self.moving else Need.KEYS

    # The work.

    def stop(self) -> None:
        with self._changed:
            self._stopped, self._pending = True, None
            self._changed.notify()

    def run(self) -> None:
        """The thread of its own."""
        while not self._stopped:
            try:
                self.step(None)
            except Exception as error:  # one odd picture must not end small tiles for good
                if not self._has_failed:
                    self._has_failed = True
                    logger.error("small pictures: making one failed", exc_info=error)

    def step(self, patience: float | None = 0.0) -> bool:
        """Make of the newest picture what is wanted; False when there was none within `patience` seconds."""
        with self._changed:
            self._changed.wait_for(self._is_woken, patience)
            seen, self._pending, now = self._pending, None, self._clock()
            if not self._kinds:
                self._maker = None
            compares = seen is not None and not self._detects and now >= self._compare_due
            if compares:
                self._compare_due = now + COMPARE_EVERY
        if seen is None:
            return False
        if self._maker is None:
            self._maker = Maker()
        if compares and self._maker.changed(seen, now):
            self.moved()
        self._show(seen, self._maker)
        return True

    def _is_woken(self) -> bool:
        return self._stopped or self._pending is not None or (self._maker is not None and not self._kinds)

    def _show(self, seen: Seen, maker: Maker) -> None:
        with self._changed:
            now = self._clock()
            kinds = set(self._kinds)
            if not self._may_glance(now, seen.newest):
                kinds.discard(bus.GLANCE)
            if not kinds:
                return
            self._fresh = self._fresh and not seen.newest
        frame = maker.reduced(seen)
        if frame is None:
            return
        for kind in kinds:
            self.slots[kind].put(frame, seen.epoch)
        if bus.GLANCE in kinds:
            self._glance_due = now + GLANCE_EVERY - EARLY


class SmallOutlet:
    """What of it goes out, on both topics."""

    def __init__(self, camera: int, publisher: bus.MediaPublisher, small: Small) -> None:
        self._kinds = {bus.topic(kind, camera): kind for kind in KINDS}
        self.topics = frozenset(self._kinds)
        self._publisher, self._small = publisher, small
        # Seconds from picture to picture that the camera is asked for; 0 when it sends as it likes.
        self.every = 0.0
        self._wanted: frozenset[bytes] = frozenset()
        self._newcomers: set[bytes] = set()

    def wanted(self, topics: frozenset[bytes]) -> None:
        self._wanted = topics
        self._small.want(frozenset(self._kinds[topic] for topic in topics))

    def newcomer(self, topic: bytes) -> None:
        self._newcomers.add(topic)
        self._small.newcomer()

    def publish(self) -> None:
        for topic, kind in self._kinds.items():
            slot = self._small.slots[kind]
            frame = slot.take()
            if frame is None and topic in self._newcomers:
                frame = slot.newest()
            if frame is not None and topic in self._wanted:
                self._send(topic, kind, frame)
        self._newcomers.clear()

    def _send(self, topic: bytes, kind: str, frame: Frame) -> None:
        every = max(self.every, GLANCE_EVERY) if kind == bus.GLANCE else self.every
        header = {"t": frame.captured_at, "seq": frame.seq, "w": frame.width, "h": frame.height, "every": every}
        self._publisher.send(topic, header, frame.data)
