"""Pictures of a camera that sends anything but JPEGs: decoded once for all, and only while somebody needs them.

Viewers get JPEGs; the detection gets the frames themselves through `tap`.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from camera.loading import LOADING
from camera.packets import Frame, Packet, StreamInfo
from camera.process.gop import GopBuffer
from camera.process.live import LiveSlot

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from camera.video.decode import Decoder
    from camera.video.encode import JpegEncoder

logger = logging.getLogger(__name__)

# While it catches up, a picture is shown this often, in seconds.
AT_LEAST = 0.5
# A decoder that nobody needs is kept so long: viewers come back. Seconds.
KEEP_DECODER = 10.0
# Packets but no picture for so long: the stream is bad. Seconds.
BLIND_AFTER = 10.0


class Transcoder:
    """`opened`, `packet` and `closed` are called by the capture thread, `watch` and `detect` by the main one, `step` by
    its own.

    PyAV and OpenCV are loaded when the first picture is needed: most cameras are watched by nobody most of the time.
    While only the detection looks, the decoder leaves out the loop filter and nothing is encoded.
    """

    def __init__(
        self, slot: LiveSlot, blind: Callable[[bool], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`blind` is told after each packet whether the stream has been undecodable for BLIND_AFTER seconds."""
        self._slot, self._blind, self._clock = slot, blind, clock
        self._changed = threading.Condition()
        self._gop = GopBuffer()
        self._info: StreamInfo | None = None
        self._session = 0
        self._watched = False
        self._detects = False
        self._stopped = False
        # Gets every decoded picture, in the transcoder's thread: (frame, captured_at). Must return at once.
        self.tap: Callable[[VideoFrame, float], None] | None = None
        # What follows belongs to the transcoder's own thread, `_cursor` and `_lean` under the lock.
        self._cursor: int | None = None
        self._lean = False
        # The first packet whose picture the tap has not had yet.
        self._untapped = 0
        self._decoder: Decoder | None = None
        self._decoder_session = 0
        self._encoder: JpegEncoder | None = None
        self._newest: tuple[VideoFrame, float] | None = None
        self._encoded_at = self._seen_at = 0.0

    def opened(self, info: StreamInfo) -> None:
        """A stream begins, or goes on with another size or codec."""
        with self._changed:
            self._info = info
            self._session += 1
            self._gop.clear()
            self._cursor = None
            self._changed.notify()

    def packet(self, packet: Packet) -> None:
        with self._changed:
            self._gop.add(packet, self._cursor if self._needed() else None)
            if self._needed():
                self._changed.notify()

    def closed(self) -> None:
        with self._changed:
            self._info = None
            self._session += 1
            self._gop.clear()
            self._cursor = None
            self._changed.notify()

    def watch(self, on: bool) -> None:
        """Whether anybody looks."""
        with self._changed:
            self._watched = on
            self._changed.notify()

    def detect(self, on: bool) -> None:
        """Whether `tap` wants decoded pictures although nobody may look."""
        with self._changed:
            self._detects = on
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def run(self) -> None:
        """The transcoder's thread."""
        while not self._stopped:
            try:
                self.step(KEEP_DECODER)
            except Exception:  # one odd stream must not end live view for good
                logger.exception("live pictures: the decoder failed and starts anew")
                with self._changed:
                    self._forget()

    def _needed(self) -> bool:
        return self._watched or self._detects

    def _forget(self) -> None:
        """The next picture starts at a key frame, with a new decoder."""
        self._decoder = self._newest = self._cursor = None
        self._blind(False)

    def step(self, patience: float = 0.0) -> bool:
        """Decode the next packet; False when there was none within `patience` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._next() is not None, patience)
            number, info, session, epoch = self._next(), self._info, self._session, self._slot.epoch
            if number is None or info is None or self._stopped:
                if not self._needed():
                    self._forget()
                return False
            packet = self._gop.get(number)
            starts = number == self._gop.key and (number != self._cursor or self._lean == self._watched)
            if starts:
                self._lean = not self._watched
            self._cursor = number + 1
        if packet is not None:
            frames = self._decode(packet, info, session, starts)
            self._give(number, frames)
            self._show(epoch, session)
        return True

    def _next(self) -> int | None:
        """The number of the packet to decode now: the one after the last, or the key frame when that one is gone."""
        if not self._needed() or self._info is None:
            return None
        cursor, key = self._cursor, self._gop.key
        # Who comes to look gets good pictures: decode once more from the key frame on.
        is_poor = self._watched and self._lean and key is not None
        if cursor is None or is_poor or (cursor != self._gop.end and self._gop.get(cursor) is None):
            cursor = key
        return cursor if cursor is not None and cursor < self._gop.end else None

    def _decode(self, packet: Packet, info: StreamInfo, session: int, starts: bool) -> "list[tuple[VideoFrame, float]]":
        with LOADING:
            from camera.video.decode import Decoder

        if self._decoder is None or session != self._decoder_session or starts:
            self._decoder, self._decoder_session, self._newest = Decoder(info, self._lean), session, None
            self._encoded_at = self._seen_at = self._clock()
        frames = self._decoder.decode(packet)
        if frames:
            self._newest, self._seen_at = frames[-1], self._clock()
        self._blind(self._clock() - self._seen_at > BLIND_AFTER)
        return frames

    def _give(self, number: int, frames: "list[tuple[VideoFrame, float]]") -> None:
        """Let the detection have what it has not had before."""
        if number < self._untapped:
            return
        self._untapped = number + 1
        if self._detects and self.tap is not None:
            for frame, captured_at in frames:
                self.tap(frame, captured_at)

    def _show(self, epoch: int, session: int) -> None:
        """Encode the newest frame, unless a newer one is about to come."""
        if self._newest is None:
            return
        now = self._clock()
        with self._changed:
            behind = self._next() is not None
            if session != self._session or not self._watched:
                self._newest = None
                return
        if behind and now - self._encoded_at < AT_LEAST:
            return
        frame, captured_at = self._newest
        self._newest, self._encoded_at = None, now
        if self._encoder is None:
            with LOADING:
                from camera.video.encode import JpegEncoder

            self._encoder = JpegEncoder()
        data = self._encoder.encode(frame)
        self._slot.put(Frame(data, captured_at, frame.width, frame.height), epoch)
