"""The last packets of a camera, kept for the pre-roll, for stills and for a disk that takes its time."""

import threading
from collections import deque
from dataclasses import dataclass, replace

from camera.packets import AudioPacket, Packet, StreamInfo
from camera.video import nal

MAX_BYTES = 64 * 1024 * 1024
# Of one batch that a reader takes: small enough that the ring is not held up.
_BATCH = 500
_LONGEST_SETS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that came: a picture, sound, or the end of a stream (`piece` None).

    `stream` changes with each opening, size or codec; `starts`: a file may begin with this one.
    """

    piece: Packet | AudioPacket | None
    info: StreamInfo
    stream: int
    starts: bool = False


class PacketRing:
    """Entries by running number, trimmed at key frames only. Any thread may call anything; nothing waits for a disk.

    What a reader has not taken yet stays, unless that would be more than `max_bytes`.
    """

    def __init__(self, seconds: float = 5.0, max_bytes: int = MAX_BYTES) -> None:
        self._lock = threading.Lock()
        self._seconds, self._max_bytes = seconds, max_bytes
        self._entries: deque[Entry] = deque()
        self._first = 0
        self._bytes = 0
        # (number, capture time, stream) of every entry that a file may begin with.
        self._keys: deque[tuple[int, float, int]] = deque()
        self._info: StreamInfo | None = None
        self._stream = 0
        self._last: Packet | None = None
        # Parameter sets that came as a packet of their own: they belong to the picture that follows.
        self._sets = b""
        self._readers: list[Reader] = []

    @property
    def end(self) -> int:
        """The number of the entry to come next."""
        return self._first + len(self._entries)

    @property
    def newest(self) -> float | None:
        """Capture time of the newest picture of the open stream."""
        last = self._last
        return last.captured_at if last is not None else None

    @property
    def first(self) -> int:
        return self._first

    @property
    def bytes(self) -> int:
        return self._bytes

    def keep(self, seconds: float) -> None:
        """How far back packets are kept from now on."""
        with self._lock:
            self._seconds = seconds

    def opened(self, info: StreamInfo) -> None:
        """A stream begins, or goes on with another size or codec. The same once more changes nothing."""
        with self._lock:
            if self._info is None or not _same(self._info, info):
                self._end_stream()
                self._stream += 1
            self._info = info

    def closed(self) -> None:
        with self._lock:
            self._end_stream()
            self._info = None

    def _end_stream(self) -> None:
        if self._info is not None:
            self._append(Entry(None, self._info, self._stream))
        self._last = None
        self._sets = b""

    def packet(self, packet: Packet) -> None:
        with self._lock:
            if self._info is None:
                return
            if packet.key and not nal.has_picture(self._info.codec, packet.data):
                self._sets = (self._sets + packet.data)[-_LONGEST_SETS:]
                return
            if self._sets:
                packet, self._sets = replace(packet, data=self._sets + packet.data, key=True), b""
            starts = packet.key and not self._goes_on(packet)
            if starts:
                self._keys.append((self.end, packet.captured_at, self._stream))
            self._last = packet
            self._append(Entry(packet, self._info, self._stream, starts), len(packet.data))
            if starts:
                self._trim(packet.captured_at)

    def audio(self, packet: AudioPacket) -> None:
        with self._lock:
            if self._info is not None:
                self._append(Entry(packet, self._info, self._stream), len(packet.data))

    def _goes_on(self, packet: Packet) -> bool:
        """Whether it is a further part of the picture before: two packets of one time, both marked as key."""
        last = self._last
        return last is not None and last.key and last.pts == packet.pts is not None

    def _append(self, entry: Entry, size: int = 0) -> None:
        self._entries.append(entry)
        self._bytes += size
        while self._bytes > self._max_bytes:
            # Whole stretches go, the oldest first; the last one only when it alone is too much.
            self._drop(self._keys[1][0] if len(self._keys) > 1 else self.end)

    def _trim(self, now: float) -> None:
        """Drop what is older than wanted and read by all."""
        unread = min((reader.cursor for reader in self._readers), default=self.end)
        while len(self._keys) > 1 and self._keys[1][1] <= now - self._seconds and self._keys[1][0] <= unread:
            self._drop(self._keys[1][0])

    def _drop(self, until: int) -> None:
        while self._entries and self._first < until:
            piece = self._entries.popleft().piece
            self._bytes -= len(piece.data) if piece is not None else 0
            self._first += 1
        while self._keys and self._keys[0][0] < self._first:
            self._keys.popleft()

    def key_before(self, captured_at: float, least: int = 0) -> int | None:
        """The number of the newest start of the open stream at or before that time; the oldest one when all are
        later. `least`: nothing before the start of the stretch with that number. None when there is none."""
        with self._lock:
            starts = [key for key in self._keys if key[2] == self._stream]
            if not starts or self._info is None:
                return None
            found = next((number for number, at, _ in reversed(starts) if at <= captured_at), starts[0][0])
            floor = next((number for number, _, _ in reversed(starts) if number <= least), starts[0][0])
            return max(found, floor)

    def last_key(self) -> int | None:
        """The number of the newest start of the open stream."""
        with self._lock:
            if self._info is None or not self._keys or self._keys[-1][2] != self._stream:
                return None
            return self._keys[-1][0]

    def gop_until(self, captured_at: float) -> tuple[StreamInfo, list[Packet]] | None:
        """What a decoder needs for the picture captured then: from the key frame before it up to it."""
        with self._lock:
            for number, at, _ in reversed(self._keys):
                if at <= captured_at:
                    return self._until(number, captured_at)
        return None

    def _until(self, number: int, captured_at: float) -> tuple[StreamInfo, list[Packet]]:
        first = self._entries[number - self._first]
        packets: list[Packet] = []
        for at in range(number - self._first, len(self._entries)):
            entry = self._entries[at]
            if entry.stream != first.stream or (packets and entry.starts):
                break
            if isinstance(entry.piece, Packet):
                if entry.piece.captured_at > captured_at:
                    break
                packets.append(entry.piece)
        return first.info, packets

    def reader(self, number: int) -> "Reader":
        """Somebody who wants everything from that number on. Close it when done."""
        with self._lock:
            made = Reader(self, number)
            self._readers.append(made)
            return made

    def _take(self, reader: "Reader") -> list[Entry]:
        with self._lock:
            if reader.cursor < self._first:
                reader.lost += self._first - reader.cursor
                reader.cursor = self._keys[0][0] if self._keys else self.end
                reader.holes += 1
            start = reader.cursor - self._first
            stop = min(len(self._entries), start + _BATCH)
            taken = [self._entries[at] for at in range(start, stop)]
            reader.cursor += len(taken)
            return taken

    def _leave(self, reader: "Reader") -> None:
        with self._lock:
            self._readers = [one for one in self._readers if one is not reader]


class Reader:
    """Where somebody stands. `lost`: entries that had to go unread, in `holes` pieces; after a hole comes a start."""

    def __init__(self, ring: PacketRing, cursor: int) -> None:
        self._ring = ring
        self.cursor = cursor
        self.lost = 0
        self.holes = 0

    def take(self) -> list[Entry]:
        """What has come since, a batch at a time; [] when there is nothing new."""
        return self._ring._take(self)

    def close(self) -> None:
        self._ring._leave(self)


def _same(one: StreamInfo, other: StreamInfo) -> bool:
    """Whether one file can hold both. A source may come to know its parameter sets only with the first key frame."""
    if one.extradata and other.extradata and one.extradata != other.extradata:
        return False
    kinds = [(info.codec, info.width, info.height, info.pix_fmt, info.time_base, info.audio) for info in (one, other)]
    return kinds[0] == kinds[1]
