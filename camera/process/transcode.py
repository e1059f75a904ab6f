"""Pictures of a camera that sends anything but JPEGs: decoded once for all, and only while somebody needs them.

Viewers get JPEGs; the detection gets the frames themselves through `tap`, the small tiles through `small`.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from camera.loading import LOADING
from camera.packets import Frame, Packet, StreamInfo
from camera.process.gop import GopBuffer
from camera.process.live import LiveSlot
from camera.video.nal import has_picture

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
# Of a camera that sends little else than key frames not every one is looked at while nothing moves. Seconds.
KEY_EVERY = 0.45


class Need(IntEnum):
    """What small tiles need decoded."""

    NOTHING = 0
    KEYS = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class _Work:
    """The packets to decode now, the first of them by its number. `alone`: a key frame, and nothing that follows."""

    number: int
    packets: "list[Packet]"
    info: StreamInfo
    session: int
    epoch: int
    starts: bool = False
    alone: bool = False


class Transcoder:
    """`opened`, `packet` and `closed` are called by the capture thread, `watch` and `detect` by the main one, `reduce`
    and `glimpse` by any, `step` by its own.

    PyAV and OpenCV are loaded when the first picture is needed: most cameras are watched by nobody most of the time.
    While only the detection looks, the decoder leaves out the loop filter and nothing is encoded. While nothing moves
    and only small tiles look, key frames are decoded and nothing else.
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
        self._need = Need.NOTHING
        # The packets before this one are to be decoded in any case, once.
        self._glimpse = 0
        self._stopped = False
        # Gets every decoded picture, in the transcoder's thread: (frame, captured_at). Must return at once.
        self.tap: Callable[[VideoFrame, float], None] | None = None
        # Gets, in the same way, what small tiles may show: (frame, captured_at, the slot's epoch, whether it is the
        # newest there is).
        self.small: Callable[[VideoFrame, float, int, bool], None] | None = None
        # What follows belongs to the transcoder's own thread, the first four under the lock.
        self._cursor: int | None = None
        self._lean = False
        self._keyed: int | None = None
        self._key_due = 0.0
        # The first packet whose picture the tap has not had yet.
        self._untapped = 0
        self._decoder: Decoder | None = None
        self._decoder_session = self._seen_session = 0
        self._encoder: JpegEncoder | None = None
        self._newest: tuple[VideoFrame, float] | None = None
        self._encoded_at = self._seen_at = 0.0

    def opened(self, info: StreamInfo) -> None:
        """A stream begins, or goes on with another size or codec."""
        with self._changed:
            self._begin(info)

    def packet(self, packet: Packet) -> None:
        with self._changed:
            self._gop.add(packet, self._cursor if self._in_order() else None)
            if self._next() is not None:
                self._changed.notify()

    def closed(self) -> None:
        with self._changed:
            self._begin(None)

    def _begin(self, info: StreamInfo | None) -> None:
        self._info = info
        self._session += 1
        self._gop.clear()
        self._cursor = self._keyed = None
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

    def reduce(self, need: Need) -> None:
        """What `small` is to get from now on."""
        with self._changed:
            self._need = need
            self._changed.notify()

    def glimpse(self) -> None:
        """Let `small` have the newest picture there is, whatever it needs else."""
        with self._changed:
            self._glimpse = self._gop.end
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

    def _shown(self) -> bool:
        """Whether anybody sees what is decoded."""
        return self._watched or self._need != Need.NOTHING

    def _needed(self) -> bool:
        return self._shown() or self._detects

    def _in_order(self) -> bool:
        """Whether every packet is to be decoded, one after the other."""
        if self._watched or self._detects or self._need == Need.ALL:
            return True
        return self._need == Need.KEYS and (self._cursor or 0) < self._glimpse

    def _forget(self) -> None:
        """The next picture starts at a key frame, with a new decoder."""
        self._decoder = self._newest = self._cursor = self._keyed = None
        self._seen_session = 0
        self._blind(False)

    def step(self, patience: float = 0.0) -> bool:
        """Decode the next packet; False when there was none within `patience` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._next() is not None, patience)
            work = self._work()
            if work is None:
                if not self._needed():
                    self._forget()
                return False
        if work.alone:
            self._decode_alone(work)
        elif work.packets:
            self._give(work.number, self._decode(work))
        self._show(work)
        return True

    def _work(self) -> _Work | None:
        number, info = self._next(), self._info
        if number is None or info is None or self._stopped:
            return None
        if not self._in_order():
            self._keyed, self._key_due = number, self._clock() + KEY_EVERY
            return _Work(number, self._key_picture(number), info, self._session, self._slot.epoch, alone=True)
        starts = number == self._gop.key and (number != self._cursor or self._lean == self._shown())
        if starts:
            self._lean = not self._shown()
        self._cursor = number + 1
        packet = self._gop.get(number)
        return _Work(number, [packet] if packet else [], info, self._session, self._slot.epoch, starts)

    def _next(self) -> int | None:
        """The number of the packet to decode now: the one after the last, or the key frame when that one is gone."""
        if not self._needed() or self._info is None:
            return None
        cursor, key = self._cursor, self._gop.key
        if not self._in_order():
            is_due = key is not None and key != self._keyed and self._clock() >= self._key_due
            return key if is_due and key is not None and self._key_picture(key) else None
        # Who comes to look gets good pictures: decode once more from the key frame on.
        is_poor = self._shown() and self._lean and key is not None
        if cursor is None or is_poor or (cursor != self._gop.end and self._gop.get(cursor) is None):
            cursor = key
        return cursor if cursor is not None and cursor < self._gop.end else None

    def _key_picture(self, key: int) -> list[Packet]:
        """The packets of a key frame, of which there may be two; none while the picture has not come."""
        packets: list[Packet] = []
        number, codec = key, self._info.codec if self._info is not None else ""
        while (packet := self._gop.get(number)) is not None:
            packets.append(packet)
            if has_picture(codec, packet.data):
                return packets
            number += 1
        return []

    def _decode(self, work: _Work) -> "list[tuple[VideoFrame, float]]":
        with LOADING:
            from camera.video.decode import Decoder

        if self._decoder is None or work.session != self._decoder_session or work.starts:
            self._decoder, self._decoder_session, self._newest = Decoder(work.info, self._lean), work.session, None
            self._encoded_at = self._clock()
        frames = [frame for packet in work.packets for frame in self._decoder.decode(packet)]
        self._saw(frames, work.session)
        return frames

    def _decode_alone(self, work: _Work) -> None:
        """One key frame, by a decoder of its own: it need not wait for the pictures after it."""
        with LOADING:
            from camera.video.decode import Decoder

        decoder = Decoder(work.info)
        frames = [frame for packet in work.packets for frame in decoder.decode(packet)]
        self._saw(frames + decoder.flush(), work.session)

    def _saw(self, frames: "list[tuple[VideoFrame, float]]", session: int) -> None:
        if session != self._seen_session:
            self._seen_session, self._seen_at = session, self._clock()
        if frames:
            self._newest, self._seen_at = frames[-1], self._clock()
        self._blind(self._clock() - self._seen_at > BLIND_AFTER)

    def _give(self, number: int, frames: "list[tuple[VideoFrame, float]]") -> None:
        """Let the detection have what it has not had before."""
        if number < self._untapped:
            return
        self._untapped = number + 1
        if self._detects and self.tap is not None:
            for frame, captured_at in frames:
                self.tap(frame, captured_at)

    def _show(self, work: _Work) -> None:
        """Hand on the newest frame, unless a newer one is about to come."""
        if self._newest is None:
            return
        now = self._clock()
        with self._changed:
            if self._gop.key is not None and work.number >= self._gop.key:
                # A key frame that was seen in its turn is not news afterwards.
                self._keyed = self._gop.key
            behind = self._next() is not None
            watched, reduced = self._watched, self._need != Need.NOTHING
            if work.session != self._session or not self._shown():
                self._newest = None
                return
        if behind and now - self._encoded_at < AT_LEAST:
            return
        (frame, captured_at), self._newest, self._encoded_at = self._newest, None, now
        if reduced and self.small is not None:
            self.small(frame, captured_at, work.epoch, not behind)
        if watched:
            self._slot.put(Frame(self._encode(frame), captured_at, frame.width, frame.height), work.epoch)

    def _encode(self, frame: "VideoFrame") -> bytes:
        if self._encoder is None:
            with LOADING:
                from camera.video.encode import JpegEncoder

            self._encoder = JpegEncoder()
        return self._encoder.encode(frame)
