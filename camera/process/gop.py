"""The packets since the last key frame, kept so that a viewer who comes sees a picture at once."""

from collections import deque

from camera.packets import Packet

MAX_BYTES = 32 * 1024 * 1024
MAX_COUNT = 1500
# A decoder that is this many packets behind at a key frame goes on from there instead of catching up.
LATE = 30


class GopBuffer:
    """Packets by running number. One reader at most, who says where it stands. Not for sharing between threads."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_count: int = MAX_COUNT) -> None:
        self._max_bytes, self._max_count = max_bytes, max_count
        self._packets: deque[Packet] = deque()
        self._bytes = 0
        self._first = 0
        self.key: int | None = None

    @property
    def end(self) -> int:
        """The number of the packet to come next."""
        return self._first + len(self._packets)

    def add(self, packet: Packet, reader: int | None = None) -> None:
        """`reader`: the number of the packet the reader wants next, None without a reader."""
        if packet.key and not self._goes_on(packet):
            self.key = self.end
            behind = reader is not None and self._first <= reader and self.key - reader <= LATE
            self._drop(min(self.key, reader) if behind and reader is not None else self.key)
        self._packets.append(packet)
        self._bytes += len(packet.data)
        if self._bytes > self._max_bytes or len(self._packets) > self._max_count:
            # Too much between two key frames: who comes now waits for the next one.
            self._drop(self.end)
            self.key = None

    def _goes_on(self, packet: Packet) -> bool:
        """Some cameras send parameter sets and key frame apart: two packets of one time, both marked as key."""
        last = self._packets[-1] if self._packets else None
        return self.key is not None and last is not None and last.key and last.pts == packet.pts is not None

    def _drop(self, until: int) -> None:
        while self._packets and self._first < until:
            self._bytes -= len(self._packets.popleft().data)
            self._first += 1

    def get(self, number: int) -> Packet | None:
        """The packet of that number, None when it is gone or not here yet."""
        if self._first <= number < self.end:
            return self._packets[number - self._first]
        return None

    def clear(self) -> None:
        self._drop(self.end)
        self.key = None
