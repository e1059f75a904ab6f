"""Finds motion beside the capture thread: the newest picture, a few looks a second, events as reports."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from camera.loading import LOADING
from camera.orders import Finding, Orders
from camera.packets import AudioPacket, Packet, StreamInfo
from camera.process.happening import Happening, Span
from camera.process.own_word import OwnWord
from camera.process.pace import Pace
from camera.process.stills import Gop, Stills
from camera.reports import EventSeen

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from camera.detectors.motion import Detector
    from camera.video.grey import Grey, GreyMaker

logger = logging.getLogger(__name__)

Report = Callable[[str, dict[str, Any]], None]

# A picture replaces an event's when it is so much better (ratio of scores), not sooner than that (seconds) after the
# last one, and not more often than that.
BETTER, REPLACE_EVERY, MOST_PICTURES = 1.25, 2.0, 5
# When the last picture took longer than this (seconds), an event is told before its picture is made, and gets few.
SLOW, MOST_SLOW_PICTURES = 0.4, 2
# An event's end is looked for so often while no pictures come. Seconds.
PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A picture to look at: a JPEG packet; or one with only a capture time, and `frame` or `small`, a JPEG of another
    stream of the camera."""

    packet: Packet
    frame: "VideoFrame | None" = None
    small: bytes = b""


@dataclass(slots=True)
class _Told:
    """What has been reported of the event that goes on."""

    score: float
    boxes: tuple[tuple[float, float, float, float], ...]
    image: str = ""
    clean: str = ""
    # Score and capture time of the picture it has, and how often one was made.
    shown: float = 0.0
    pictured_at: float = 0.0
    tries: int = 0


class Detection:
    """`opened`, `packet`, `closed` are called by the capture thread, `offer` by the transcoder's, `beside` and
    `look_beside` by that of the smaller stream, `take` by the main one, `step` by its own. None of the first waits.
    OpenCV is loaded with the first look."""

    def __init__(
        self,
        report: Report,
        moved: Callable[[float, float], None],
        gop: Gop,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`moved` gets (first, last) capture time of the motion that goes on, at each confirmed finding; `clock`
        counts the seconds in which no pictures come, `wall` is that of capture times."""
        self._report, self._moved, self._clock, self._wall = report, moved, clock, wall
        # Gets (capture time, JPEG) of each picture of an event that is kept.
        self.pictured: Callable[[float, bytes], None] = lambda _, __: None
        # Called at each confirmed finding.
        self.stirred: Callable[[], None] = lambda: None
        self._changed = threading.Condition()
        self._orders = Orders()
        self._pace = Pace()
        self._codec = ""
        self._pending: _Seen | None = None
        self._stopped = self._has_failed = False
        # Whether the smaller stream is looked at instead of the main one, and whether that has just changed.
        self._is_beside = self._is_other = False
        self._own_word = OwnWord()
        # What follows belongs to the detection's own thread.
        self._stills = Stills(gop)
        self._happening = Happening()
        self._told: _Told | None = None
        self._detector: Detector | None = None
        self._settings: tuple[str, int, float] | None = None
        self._grey: GreyMaker | None = None
        self._looked = clock()

    @property
    def wanted(self) -> bool:
        """Whether the newest orders want motion found."""
        return self._orders.detect != "off"

    def take(self, orders: Orders) -> None:
        with self._changed:
            self._orders = orders
            if not self.wanted:
                self._pending = None
            self._changed.notify()

    def opened(self, info: StreamInfo) -> None:
        with self._changed:
            self._codec, self._pending, self._has_failed = info.codec, None, False

    def packet(self, packet: Packet) -> None:
        if self._codec == "mjpeg" and self.wanted and not self._is_beside:
            self._put(_Seen(packet))

    def audio(self, packet: AudioPacket) -> None:
        """Nobody listens."""

    def closed(self) -> None:
        with self._changed:
            self._codec, self._pending = "", None

    def offer(self, frame: "VideoFrame", captured_at: float) -> None:
        """A decoded picture; looked at when it is time for a look."""
        if self.wanted and not self._is_beside:
            self._put(_Seen(Packet(b"", False, captured_at), frame))

    def beside(self, captured_at: float, frame: "VideoFrame | None" = None, jpeg: bytes = b"") -> None:
        """A picture of the smaller stream, decoded or as a JPEG; counts while `look_beside` says so."""
        if self.wanted and self._is_beside:
            self._put(_Seen(Packet(b"", False, captured_at), frame, jpeg))

    def look_beside(self, on: bool) -> None:
        """Whether the smaller stream is looked at, and the main one not."""
        with self._changed:
            if on != self._is_beside:
                self._is_beside, self._is_other, self._pending = on, True, None

    def hear(self, body: object) -> dict[str, Any]:
        """The camera's own word, {"on", "at"}: something moves since then, or does no longer. From any thread."""
        with self._changed:
            is_sound = self._own_word.say(body)
            self._changed.notify()
        return {"ok": True} if is_sound else {"error": "bad motion"}

    def _put(self, seen: _Seen) -> None:
        with self._changed:
            if self._stopped or not self._codec or not self._pace.due(seen.packet.captured_at):
                return
            self._pending = seen
            self._changed.notify()

    def stop(self) -> None:
        """From any thread; an event that goes on is ended and reported by `run` before it returns."""
        with self._changed:
            self._stopped, self._pending = True, None
            self._changed.notify()

    def run(self) -> None:
        """The detection's thread."""
        while not self._stopped:
            try:
                self.step(PATIENCE)
            except Exception as error:  # one odd picture must not end detection for good
                self._failed(error)
        self._over(self._happening.end())

    def _failed(self, error: Exception) -> None:
        """Start anew; told once for each stream, as every picture of an odd one may fail."""
        self._detector = None
        if not self._has_failed:
            self._has_failed = True
            logger.error("looking for motion failed and starts anew", exc_info=error)

    def step(self, patience: float = 0.0) -> bool:
        """Look at the newest picture; False when there was none within `patience` seconds."""
        with self._changed:
            self._changed.wait_for(self._is_woken, patience)
            seen, self._pending, orders = self._pending, None, self._orders
            is_other, self._is_other = self._is_other, False
        if orders.detect == "off":
            self._rest()
            return False
        if is_other:
            # What it learnt is of pictures of another size.
            self._detector = self._grey = None
        self._hear(orders)
        if seen is None:
            self._over(self._happening.quiet(self._clock() - self._looked))
            return False
        self._look(seen, orders)
        return True

    def _is_woken(self) -> bool:
        if self._own_word.has_news and self.wanted:
            return True
        return self._stopped or self._pending is not None or (self._detector is not None and not self.wanted)

    def _rest(self) -> None:
        self._detector = self._grey = self._settings = None
        self._own_word.clear()
        self._over(self._happening.end())

    def _hear(self, orders: Orders) -> None:
        """What the camera itself says belongs to the same event as what is found here."""
        said = self._own_word.take(self._wall())
        if said is None:
            return
        self._looked = self._clock()
        self._over(self._happening.told(*said).ended)
        self._go_on(Finding(0.0), _Seen(Packet(b"", False, said[1])), orders)

    def _look(self, seen: _Seen, orders: Orders) -> None:
        grey = self._small(seen)
        if grey is None:
            return
        finding = self._detector_for(orders).look(grey, seen.packet.captured_at)
        self._looked = self._clock()
        turn = self._happening.look(seen.packet.captured_at, finding)
        self._over(turn.ended)
        if turn.confirmed:
            self._go_on(finding, seen, orders)

    def _go_on(self, finding: Finding, seen: _Seen, orders: Orders) -> None:
        """The finding belongs to the event that goes on."""
        span = self._happening.current
        if span is not None:
            self.stirred()
            self._moved(span.started_at, span.last_at)
            self._tell(span, finding, seen, orders)

    def _small(self, seen: _Seen) -> "Grey | None":
        with LOADING:
            from camera.video import grey

        if seen.frame is None:
            return grey.from_jpeg(seen.small or seen.packet.data)
        if self._grey is None:
            self._grey = grey.GreyMaker()
        return self._grey(seen.frame)

    def _detector_for(self, orders: Orders) -> "Detector":
        settings = orders.detect, orders.sensitivity, orders.min_area
        if self._detector is None or settings != self._settings:
            with LOADING:
                import cv2

            from camera.detectors.motion import detector

            cv2.setNumThreads(1)
            self._detector, self._settings = detector(*settings), settings
        return self._detector

    def _tell(self, span: Span, finding: Finding, seen: _Seen, orders: Orders) -> None:
        """Report a new event, and again with a better picture."""
        told, at = self._told, seen.packet.captured_at
        if told is None:
            told = self._told = _Told(finding.score, finding.boxes)
            if self._stills.seconds > SLOW:
                self._say(span, told)
        elif not self._is_better(told, finding, at):
            told.score = max(told.score, finding.score)
            return
        told.tries += 1
        told.pictured_at, told.score = at, max(told.score, finding.score)
        names = self._stills.keep(orders.media, orders.slug, span, seen.packet, finding.boxes)
        if names is not None:
            (told.image, told.clean), told.boxes, told.shown = names, finding.boxes, finding.score
            self.pictured(at, self._stills.newest)
        if names is not None or told.tries == 1:
            self._say(span, told)

    def _is_better(self, told: _Told, finding: Finding, at: float) -> bool:
        most = MOST_PICTURES if self._stills.seconds <= SLOW else MOST_SLOW_PICTURES
        if told.tries >= most or at - told.pictured_at < REPLACE_EVERY:
            return False
        return not told.image or finding.score > told.shown * BETTER

    def _over(self, span: Span | None) -> None:
        """Report the end of an event."""
        told, self._told = (self._told, None) if span is not None else (None, self._told)
        if span is not None and told is not None:
            self._say(span, told, span.last_at)

    def _say(self, span: Span, told: _Told, ended_at: float | None = None) -> None:
        body = EventSeen(
            span.uid, "motion", span.started_at, ended_at, told.score, "", told.boxes, told.image, told.clean
        )
        self._report(EventSeen.KIND, asdict(body))
