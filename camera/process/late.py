"""Pictures from a time when their sender had no line: filed at their own times, never shown, never looked at."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from camera.orders import Orders
from camera.packets import Packet, StreamInfo
from camera.paths import UnsafePathError
from camera.process.answers import BUSY, DISK, Body, refusal
from camera.process.closeup import Closeup
from camera.process.reasons import hold_words
from camera.process.writer import RecordingFile, Report, words
from camera.sources.push import Push
from camera.video.faults import BadPacketError, MuxError

logger = logging.getLogger(__name__)

# Pictures that wait to be written: so much may come at once. They are promised to be kept.
MOST_WAITING = 32
MOST_BYTES = 48 * 1024 * 1024
# Between two pictures of one file lies so much at most by their capture times; a camera is offline after that. Seconds.
LARGEST_GAP = 10.0
# One file holds so much at most. Seconds.
LONGEST = 300.0
# A file is closed when nothing more comes for so long. Seconds.
PATIENCE = 5.0
# Pictures of one moment, as senders that tell whole seconds have them, are shown so far apart. Seconds.
STEP = 0.04


class Late:
    """`refusal`, `offer`, `add` and `take` are called by any thread and wait for nothing; `run` is its own."""

    def __init__(self, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._report = report
        self._closeup = Closeup(report)
        self._changed = threading.Condition()
        self._orders = Orders()
        self._waiting: deque[Push] = deque()
        self._bytes = 0
        self._stopped = False
        # What follows belongs to its own thread.
        self._file: RecordingFile | None = None
        # As its sender told it.
        self._last: Packet | None = None
        # The capture time that it was filed under.
        self._given = 0.0
        self._wrote_at = self._not_before = 0.0
        self._complaint = ""

    # What others ask and say.

    @property
    def wanted(self) -> bool:
        """Whether late pictures are filed at all: cameras that record by themselves would have recorded them."""
        return self._orders.mode in ("always", "motion")

    def take(self, orders: Orders) -> None:
        with self._changed:
            self._orders = orders
            self._not_before = 0.0
            self._changed.notify()

    def refusal(self) -> Body | None:
        """Why no late picture can be taken now; None when one can, be it only to be let go."""
        if not self.wanted:
            return None
        if self._orders.hold or not self._orders.storage:
            why = hold_words(self._orders.hold) or "there is no place for recordings"
            return refusal(DISK, f"The picture cannot be stored: {why}. Send it again later.")
        with self._changed:
            is_full = len(self._waiting) >= MOST_WAITING or self._bytes >= MOST_BYTES or self._stopped
        return refusal(BUSY) if is_full else None

    def offer(self, push: Push) -> Body | None:
        """Take a picture, or say why not. One that is taken is written, whatever comes."""
        refused = self.refusal()
        if refused is None:
            self.add(push)
        return refused

    def add(self, push: Push) -> None:
        """Take a picture that has been promised a place."""
        if not self.wanted:
            return
        with self._changed:
            self._waiting.append(push)
            self._bytes += len(push.packet.data)
            self._changed.notify()

    def stop(self) -> None:
        """Write what was taken, close the file and end."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    # Its own thread.

    def run(self) -> None:
        while not self._stopped:
            self.step(PATIENCE)
        self._not_before = 0.0
        while self._waiting and self.step():
            pass
        if self._waiting:
            logger.error("%d late pictures could not be written", len(self._waiting))
        self._close()
        self._closeup.stop()
        self._closeup.run()

    def step(self, patience: float = 0.0) -> bool:
        """Write the next picture, or close what has had its time; False when there was nothing to write."""
        with self._changed:
            self._changed.wait_for(self._is_woken, patience)
            push = self._waiting[0] if self._waiting and self._may_write() else None
        if push is None:
            if self._file is not None and self._clock() - self._wrote_at >= PATIENCE:
                self._close()
            self._closeup.step()
            return False
        if not self._written(push):
            return False
        with self._changed:
            self._waiting.popleft()
            self._bytes -= len(push.packet.data)
        return True

    def _is_woken(self) -> bool:
        return self._stopped or (bool(self._waiting) and self._may_write())

    def _may_write(self) -> bool:
        return self._clock() >= self._not_before and not self._orders.hold

    def _written(self, push: Push) -> bool:
        """Write one; False when the disk does not take it: it is tried again later."""
        try:
            self._write(push)
        except (MuxError, BadPacketError) as error:
            self._complain(f"a late picture cannot be recorded: {error}")
        except (OSError, UnsafePathError) as error:
            self._complain(f"late pictures cannot be recorded: {words(error)}")
            if self._file is not None:
                self._file.broken = words(error)
            self._close()
            self._not_before = self._clock() + PATIENCE
            return False
        except Exception:  # one odd picture must not end this thread
            logger.exception("a late picture could not be recorded in an unknown way")
        else:
            self._complaint = ""
        self._wrote_at = self._clock()
        return True

    def _write(self, push: Push) -> None:
        """Raises OSError, UnsafePathError, MuxError or BadPacketError."""
        told = push.packet
        at = self._place(told)
        if at is None:
            return  # its sender did not hear that it was taken
        if self._file is not None and not self._fits(self._file, push, at):
            self._close()
            at = told.captured_at
        packet = replace(told, captured_at=at)
        self._last, self._given = told, at
        if self._file is None:
            orders = self._orders
            info = StreamInfo("mjpeg", push.width, push.height)
            self._file = RecordingFile(orders, info, packet, [orders.mode])
            self._file.say_opened(self._report)
            self._closeup.thumbnail(self._file, [packet])
            self._closeup.step()
        self._file.write(packet)

    def _place(self, packet: Packet) -> float | None:
        """The capture time to file it under; None when the file has just this picture already."""
        last = self._last
        if self._file is None or last is None or not last.captured_at <= packet.captured_at <= self._given:
            return packet.captured_at
        is_same = packet.captured_at == last.captured_at and packet.data == last.data
        return None if is_same else self._given + STEP

    def _fits(self, file: RecordingFile, push: Push, at: float) -> bool:
        orders = self._orders
        if (push.width, push.height) != (file.info.width, file.info.height) or file.uid in orders.cut:
            return False
        if file.seconds >= LONGEST or (orders.most_bytes and file.bytes >= orders.most_bytes):
            return False
        return self._given < at <= self._given + LARGEST_GAP

    def _close(self) -> None:
        if self._file is not None:
            self._closeup.close(self._file)
            self._closeup.step()
        self._file = self._last = None

    def _complain(self, why: str) -> None:
        """Once for each trouble, not for each picture."""
        if why != self._complaint:
            logger.warning("%s", why)
        self._complaint = why
