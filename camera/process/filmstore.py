"""The pictures since the last key frame, as a live film needs them: whole, numbered, each with its times.

Nothing is muxed here: packets are kept as they came, and most of the time nobody wants them.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from camera.films import DELTA, KEY, Piece
from camera.packets import AudioInfo, AudioPacket, Packet, StreamInfo
from camera.video import nal, obu
from camera.video.aac import frame_of_aac, raw_aac
from camera.video.filmtime import FilmTimes, SoundTimes, Times
from camera.video.fragments import CODECS, LARGEST

# Enough for ten seconds of 4K between two key frames. A longer one is not kept: who comes then waits for the next.
MAX_BYTES = 64 * 1024 * 1024
MAX_COUNT = 1500
# Of a film whose beginning is not kept: what has still to be sent.
_WAITING_BYTES = 16 * 1024 * 1024
_WAITING_COUNT = 150
# Of what may stand before a picture.
_LONGEST_SETS = 64 * 1024


@dataclass(slots=True)
class Epoch:
    """One film: a stream from a key frame on, until size, codec or connection change. `failed`: it cannot be shown."""

    number: int
    info: StreamInfo
    first: bytes
    sets: frozenset[bytes]
    times: FilmTimes
    sound: SoundTimes | None = None
    failed: bool = False
    next_number: int = 0
    next_sound: int = 0


@dataclass(slots=True)
class Entry:
    """A picture or a piece of sound. `number` counts the pictures, `sound_number` both. `piece`: once it is muxed,
    in place of `data`."""

    epoch: Epoch
    kind: int
    number: int
    sound_number: int
    captured_at: float
    times: Times
    is_sound: bool
    data: bytes
    size: int
    piece: Piece | None = field(default=None)


class FilmStore:
    """A sink for the capture thread's packets; what is kept is read by the main thread. `wake` is called from the
    capture thread when the main one has something to do."""

    def __init__(
        self,
        wake: Callable[[], None],
        now: Callable[[], float] = time.time,
        max_bytes: int = MAX_BYTES,
        max_count: int = MAX_COUNT,
    ) -> None:
        self._wake, self._now, self._max_bytes, self._max_count = wake, now, max_bytes, max_count
        self._lock = threading.Lock()
        self._info: StreamInfo | None = None
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        # The numbers of the first entry and of the last key frame's, None when that one is not kept.
        self._first = 0
        self._key: int | None = None
        self._last_epoch = 0
        # Somebody wants what comes.
        self.is_wanted = False
        # The open stream's film; None before its first key frame, and of a stream that is none.
        self.epoch: Epoch | None = None
        # What follows belongs to the capture thread: parameter sets that came before their picture, whether they were
        # marked as key; whether pictures come in several packets, and then the one that is not whole yet.
        self._before, self._before_key = b"", False
        self._in_parts = False
        self._held: Packet | None = None
        self._last: Packet | None = None
        # Something is missing: wait for the next key frame.
        self._skips = True

    # The sink.

    def opened(self, info: StreamInfo) -> None:
        """A stream begins, or goes on with another size or codec."""
        with self._lock:
            self._info = info if info.codec in CODECS else None
            self.epoch = None
            self._in_parts = False
            self._forget()
        self._wake()

    def closed(self) -> None:
        """The stream has ended: what was kept of it is shown to nobody any more."""
        with self._lock:
            self._info = None
            self.epoch = None
            self._forget()

    def _forget(self) -> None:
        self._drop(self.end)
        self._key = None
        self._before, self._before_key, self._held, self._last, self._skips = b"", False, None, None, True

    def packet(self, packet: Packet) -> None:
        info = self._info
        if info is None:
            return
        whole = self._assembled(info.codec, packet)
        if whole is not None and self._picture(info, whole):
            self._wake()

    def audio(self, packet: AudioPacket) -> None:
        epoch = self.epoch
        data = raw_aac(packet.data)
        if epoch is None or epoch.sound is None or self._skips or not 0 < len(data) <= LARGEST:
            return
        wanted = epoch.times.at(packet.captured_at)
        times = epoch.sound.place(wanted) if wanted is not None else None
        if times is None:
            return
        number, epoch.next_sound = epoch.next_sound, epoch.next_sound + 1
        self._keep(Entry(epoch, DELTA, -1, number, packet.captured_at, times, True, data, len(data)))
        if self.is_wanted:
            self._wake()

    # Whole pictures.

    def _assembled(self, codec: str, packet: Packet) -> Packet | None:
        """The picture that is whole with this packet: this one, or of a camera that cuts them the one before."""
        starts = (obu.has_picture(packet.data) or None) if codec == "av1" else nal.starts_picture(codec, packet.data)
        if starts is None:
            self._before = (self._before + packet.data)[-_LONGEST_SETS:]
            self._before_key = self._before_key or packet.key
            return None
        if starts is False and self._goes_on(packet):
            self._take_part(packet)
            return None
        if self._before or packet.key:
            # Browsers begin at these only, whatever else FFmpeg calls a key frame.
            is_key = (packet.key or self._before_key) and (codec == "av1" or nal.is_key(codec, packet.data))
            packet = replace(packet, data=self._before + packet.data, key=is_key)
            self._before, self._before_key = b"", False
        self._last = packet
        if not self._in_parts:
            return packet
        packet, self._held = self._held or packet, packet
        return packet if packet is not self._held else None

    def _goes_on(self, packet: Packet) -> bool:
        """Whether it is a further part of the picture before, and not one whose beginning was lost."""
        last = self._last
        return last is not None and (packet.pts is None or packet.pts == last.pts)

    def _take_part(self, packet: Packet) -> None:
        if self._held is not None and len(self._held.data) + len(packet.data) <= LARGEST:
            self._held = replace(self._held, data=self._held.data + self._before + packet.data)
        elif self._held is None:
            # The first of it has gone out already: from the next key frame on they are put together.
            self._in_parts = self._skips = True
        self._before, self._before_key = b"", False

    # Numbers, times and bounds.

    def _picture(self, info: StreamInfo, packet: Packet) -> bool:
        """Keep a whole picture; True when the main thread should know at once."""
        is_new = packet.key and self._begins_epoch(info, packet)
        epoch = self.epoch
        if epoch is None:
            return False
        times = epoch.times.place(packet)
        number, epoch.next_number = epoch.next_number, epoch.next_number + 1
        sound_number, epoch.next_sound = epoch.next_sound, epoch.next_sound + 1
        self._skips = (self._skips and not packet.key) or len(packet.data) > LARGEST
        if self._skips:
            return False
        kind, size = KEY if packet.key else DELTA, len(packet.data)
        self._keep(Entry(epoch, kind, number, sound_number, packet.captured_at, times, False, packet.data, size))
        return is_new or self.is_wanted

    def _begins_epoch(self, info: StreamInfo, packet: Packet) -> bool:
        """Begin a new film where a decoder must be told anew what comes."""
        sets, epoch = _sets(info.codec, packet.data), self.epoch
        if epoch is not None and not epoch.failed and not _differs(info.codec, epoch.sets, sets):
            return False
        self._last_epoch = max(self._last_epoch + 1, round(self._now() * 1000))
        known = sets or frozenset(_sets(info.codec, info.extradata))
        sound = _sound_times(info.audio)
        with self._lock:
            self.epoch = Epoch(self._last_epoch, info, packet.data, frozenset(known), FilmTimes(info), sound)
        return True

    def _keep(self, entry: Entry) -> None:
        with self._lock:
            if self.epoch is not entry.epoch:
                return
            if entry.kind == KEY:
                if not self.is_wanted:
                    self._drop(self.end)
                self._key = self.end
            self._entries.append(entry)
            self._bytes += entry.size
            self._trim()

    def _trim(self) -> None:
        """Keep to the bounds. What a key frame ended stays only until the main thread has been there."""
        if self._key is not None:
            if self._is_too_much():
                self._drop(self._key)
            if not self._is_too_much():
                return
            self._key = None
        if not self.is_wanted:
            self._drop(self.end)
        while len(self._entries) > _WAITING_COUNT or self._bytes > _WAITING_BYTES:
            self._drop(self._first + 1)

    def _is_too_much(self) -> bool:
        return len(self._entries) > self._max_count or self._bytes > self._max_bytes

    def _drop(self, until: int) -> None:
        while self._entries and self._first < until:
            self._bytes -= self._entries.popleft().size
            self._first += 1

    # For the main thread.

    @property
    def end(self) -> int:
        """The number of the entry to come next."""
        return self._first + len(self._entries)

    def since(self, cursor: int) -> tuple[list[Entry], int]:
        """The entries from that number on, and the number after the last of them."""
        with self._lock:
            skip = max(0, cursor - self._first)
            return [self._entries[at] for at in range(skip, len(self._entries))], self.end

    def gop(self, until: int) -> list[Entry]:
        """Everything from the last key frame up to that number; [] where its beginning is not kept."""
        with self._lock:
            if self._key is None:
                return []
            stop = min(until - self._first, len(self._entries))
            return [self._entries[at] for at in range(self._key - self._first, stop)]

    def sent(self, cursor: int) -> None:
        """What comes before that number has been seen by everybody who wants it."""
        with self._lock:
            self._drop(min(cursor, self._key if self._key is not None else self.end))


def _sets(codec: str, data: bytes) -> frozenset[bytes]:
    """What a decoder must know before the first picture, as far as this one says it."""
    if codec != "av1":
        return frozenset(nal.head(codec, data))
    try:
        return frozenset(data[begin:end] for kind, begin, end in obu.units(data) if kind == obu.SEQUENCE_HEADER)
    except ValueError:
        return frozenset()


def _differs(codec: str, known: frozenset[bytes], sets: frozenset[bytes]) -> bool:
    """Whether they say something else of the pictures. Sets that change from picture to picture (PPS) go along."""
    if codec == "av1":
        return bool(sets) and not sets <= known
    kinds = {7} if codec == "h264" else {32, 33}
    return any(nal.unit_type(codec, one) in kinds for one in sets - known)


def _sound_times(audio: AudioInfo | None) -> SoundTimes | None:
    if audio is None or audio.codec != "aac":
        return None
    try:
        return SoundTimes(*frame_of_aac(audio.extradata))
    except ValueError:
        return None
