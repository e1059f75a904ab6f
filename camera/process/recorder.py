"""Writes what is to be kept: one file at a time, for as long as there is a reason, on a thread of its own."""

import logging
import threading
from collections.abc import Callable

from camera.orders import Orders
from camera.packets import AudioPacket, Packet, StreamInfo
from camera.paths import UnsafePathError
from camera.process.clock import Clock, RealClock
from camera.process.closeup import Closeup
from camera.process.reasons import Reasons, Why, hold_words
from camera.process.ring import Entry, PacketRing, Reader
from camera.process.writer import RecordingFile, Report, words
from camera.video.faults import BadPacketError, MuxError

logger = logging.getLogger(__name__)

# How long a file gets, in seconds: short ones where recording never ends, so that little is lost with one of them.
ALWAYS_SECONDS, LONGEST_SECONDS = 300.0, 3600.0
# After trouble with the disk. Seconds.
RETRY = 5.0
# Motion is found and confirmed so much later than it began. Seconds.
DETECTION_LAG = 5.0
# A ring is told so much later than the button was pressed. Seconds.
RING_LAG = 2.0
# So many packets in a row that cannot be written are the end of a file.
MOST_BAD_PACKETS = 100
# The first packets of a file, for its thumbnail: the parameter sets may come in one of their own.
_FOR_THUMBNAIL = 3


class Recorder:
    """`opened`, `packet`, `audio` and `closed` are called by the capture thread, `moved` by the detection's, `take` by
    the main one; none of them waits for a disk. `run` is the recorder's own thread."""

    def __init__(self, report: Report, changed: Callable[[], None] = lambda: None, clock: Clock | None = None) -> None:
        """`report` takes what becomes rows; `changed` is called when recording begins, ends or has other reasons."""
        self.ring = PacketRing()
        self.closeup = Closeup(report)
        self._report, self._changed, self._clock = report, changed, clock or RealClock()
        self._bell = threading.Event()
        self._reasons = Reasons()
        self._stopped = False
        # Whether each packet is worth waking up for.
        self._busy = False
        self._active: tuple[str, ...] = ()
        # The newest picture of an event and when it was captured, until the file that holds it shows it.
        self._picture: tuple[float, bytes] | None = None
        # What follows belongs to the recorder's own thread.
        self._file: RecordingFile | None = None
        self._first: list[Packet] = []
        self._reader: Reader | None = None
        self._holes = 0
        # Something is missing: wait for the next key frame.
        self._skips = False
        self._stream = 0
        self._complaint = ""
        self._written = 0
        self._not_before = 0.0

    # What others ask and say.

    @property
    def recording(self) -> bool:
        """Whether a file is open."""
        return bool(self._active)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What it is open for now; () while there is none."""
        return self._active

    def opened(self, info: StreamInfo) -> None:
        self.ring.opened(info)
        self._bell.set()

    def packet(self, packet: Packet) -> None:
        self.ring.packet(packet)
        if self._busy:
            self._bell.set()

    def audio(self, packet: AudioPacket) -> None:
        self.ring.audio(packet)

    def closed(self) -> None:
        self.ring.closed()
        self._bell.set()

    def take(self, orders: Orders) -> None:
        """These orders hold from now on."""
        self._reasons.take(orders)
        detects = orders.detect != "off"
        back = orders.pre_roll if orders.mode == "motion" else 0.0
        ring = orders.ring_roll + RING_LAG if orders.ring_roll else 0.0
        self.ring.keep(max(back + (DETECTION_LAG if detects else 0.0), ring))
        self._bell.set()

    def moved(self, started_at: float, last_at: float) -> None:
        """Something has moved since `started_at`, and did so last at `last_at` (capture times)."""
        self._reasons.moved(started_at, last_at)
        self._bell.set()

    def pictured(self, captured_at: float, jpeg: bytes) -> None:
        """There is a picture of what happens; from the detection's thread."""
        self._picture = captured_at, jpeg
        self._bell.set()

    def stop(self) -> None:
        """Write what has come, close the file and end, close-ups included."""
        self._stopped = True
        self._bell.set()

    # The recorder's own thread.

    def run(self) -> None:
        while True:
            self._bell.wait(RETRY)
            self._bell.clear()
            stopping = self._stopped
            try:
                while self.step():
                    pass
            except Exception:  # one odd stream must not end recording for good
                logger.exception("recording failed in an unknown way")
                self._break_off("recording failed")
            if stopping:
                break
        self.closeup.stop()

    def step(self) -> bool:
        """Start, write a batch, or stop, as orders and packets want it. True when there is more to do at once."""
        why = self._reasons.now()
        self._busy = bool(why.reasons) and not why.orders.hold and not self._stopped
        if not self._busy:
            self._finish(why)
        elif self._reader is not None or self._start(why):
            if self._file is not None:
                self._file.say_changed(self._report, why.reasons)
            is_more = self._follow(why)
            self._show_picture()
            self._set_active(why.reasons if self._file is not None else ())
            return is_more
        return False

    def _show_picture(self) -> None:
        """Let the newest picture of an event stand for the file that holds that moment."""
        picture, file = self._picture, self._file
        if picture is None or file is None or picture[0] > file.last_at:
            return
        self._picture = None
        if picture[0] >= file.started_at:
            self.closeup.show(file, picture[1])

    def _start(self, why: Why) -> bool:
        """Find where to begin; False while that is nowhere."""
        if self._clock.monotonic() < self._not_before:
            return False
        found = [] if why.only_motion else [self.ring.last_key()]
        if why.since is not None:
            found.append(self.ring.key_before(why.since, least=self._written))
        numbers = [number for number in found if number is not None]
        if not numbers:
            return False
        self._reader, self._holes, self._skips = self.ring.reader(min(numbers)), 0, False
        return True

    def _follow(self, why: Why, until: int | None = None) -> bool:
        """Write a batch of what has come. True when there may be more. `until`: begin nothing new, end there."""
        reader = self._reader
        if reader is None:
            return False
        entries = reader.take()
        if reader.holes != self._holes:
            self._holes, self._skips = reader.holes, True
            logger.warning("the disk is too slow: %d packets could not be recorded", reader.lost)
        for number, entry in enumerate(entries, reader.cursor - len(entries)):
            if until is not None and (number >= until or self._file is None):
                return False
            try:
                if not self._one(entry, why):
                    return False
            except (OSError, MuxError, UnsafePathError) as error:
                self._break_off(str(error) if isinstance(error, MuxError) else words(error))
                return False
            self._written = number + 1
        return bool(entries)

    def _one(self, entry: Entry, why: Why) -> bool:
        """Write one thing; False when with it the last reason is gone. Raises OSError, MuxError or UnsafePathError."""
        piece, file = entry.piece, self._file
        if piece is None:
            self._close_file()
        elif isinstance(piece, AudioPacket):
            if file is not None and not self._skips:
                self._put(file, piece)
        elif self._reasons.motion_over(piece.captured_at) and why.only_motion:
            self._leave()
            return False
        elif entry.starts or not self._skips:
            self._skips = False
            if file is not None and entry.starts and self._is_full(file, entry, piece, why):
                self._close_file()
                file = None
            if file is None and entry.starts:
                file = self._open_file(entry, piece, why)
            if file is not None:
                self._put(file, piece)
        return True

    def _is_full(self, file: RecordingFile, entry: Entry, packet: Packet, why: Why) -> bool:
        seconds = ALWAYS_SECONDS if "always" in why.reasons else LONGEST_SECONDS
        most = why.orders.most_bytes
        if file.seconds >= seconds or (most and file.bytes >= most) or file.uid in why.orders.cut:
            return True
        return entry.stream != self._stream or not file.fits(packet)

    def _open_file(self, entry: Entry, packet: Packet, why: Why) -> RecordingFile:
        file = RecordingFile(why.orders, entry.info, packet, why.reasons)
        self._file, self._stream, self._first = file, entry.stream, []
        self._complaint = ""
        file.say_opened(self._report)
        return file

    def _put(self, file: RecordingFile, piece: Packet | AudioPacket) -> None:
        """Raises OSError when the disk does not take it, MuxError when nothing of what comes can be written."""
        try:
            if isinstance(piece, AudioPacket):
                file.audio(piece)
                return
            file.write(piece)
            file.bad_packets = 0
        except BadPacketError:
            file.bad_packets += 1
            if file.bad_packets >= MOST_BAD_PACKETS:
                raise MuxError("what the camera sends cannot be written to a file") from None
        if len(self._first) < _FOR_THUMBNAIL and isinstance(piece, Packet):
            self._first.append(piece)
            if len(self._first) == (1 if file.info.codec == "mjpeg" else _FOR_THUMBNAIL):
                self.closeup.thumbnail(file, self._first)

    def _close_file(self) -> None:
        """Hand it over to the close-up."""
        if self._file is not None:
            if len(self._first) < _FOR_THUMBNAIL and self._file.info.codec != "mjpeg":
                self.closeup.thumbnail(self._file, self._first)
            self.closeup.close(self._file)
        self._file = None

    def _leave(self) -> None:
        """Close the file and read no further."""
        self._close_file()
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def _finish(self, why: Why) -> None:
        """Write what has come so far and close: there is no reason any more, or there may be no recording."""
        if self._reader is not None:
            until = self.ring.end
            while self._follow(why, until):
                pass
        if self._file is not None:
            self._file.detail = hold_words(why.orders.hold)
        self._leave()
        self._set_active(())

    def _break_off(self, why: str) -> None:
        """The disk, or the stream, does not allow to go on: keep what can be kept and try again in a while."""
        if why != self._complaint:
            logger.warning("recording is not possible: %s", why)
        self._complaint = why
        self._not_before = self._clock.monotonic() + RETRY
        if self._file is not None:
            self._file.broken = why
        self._leave()
        self._set_active(())

    def _set_active(self, reasons: tuple[str, ...]) -> None:
        if reasons != self._active:
            self._active = reasons
            self._changed()
