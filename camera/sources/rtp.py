"""H.264 and H.265 out of RTP, each picture at once: RFC 3550, RFC 6184 (single units, STAP-A, FU-A), RFC 7798 (the
same, AP, FU).

FFmpeg knows that a picture is whole only when the next one begins, and gives every one of them a picture late. The
camera itself says which RTP packet is a picture's last.
"""

from collections.abc import Iterator

from camera.packets import Packet
from camera.video.nal import unit_type

CODECS = frozenset({"h264", "hevc"})
CLOCK = 90_000
_START = b"\0\0\0\1"
_HEAD = 12
# A picture of more bytes is none.
_MOST = 16 * 1024 * 1024


class UnfitError(Exception):
    """The camera sends in a way that is not read here."""


class Depacketizer:
    """One stream of RTP in its order, as it comes over TCP. Pictures come out as packets with 90 kHz time stamps that
    begin with 0; `at` of a picture is when its first RTP packet came."""

    def __init__(self, codec: str) -> None:
        """`codec`: h264 or hevc."""
        self._h264, self._codec = codec == "h264", codec
        self._parts: list[bytes] = []
        self._size, self._at = 0, 0.0
        self._has_slice = self._key = self._in_unit = self._broken = False
        self._sequence: int | None = None
        self._stamp: int | None = None
        # Ticks since the first picture, and the time stamp of the last one given out.
        self._ticks = 0
        self._given: int | None = None
        # This camera says «the last» before it is: the next time stamp alone tells.
        self._lies = False

    def feed(self, rtp: bytes, at: float) -> Iterator[Packet]:
        """Take one RTP packet; the pictures that are whole now, seldom more than one. Raises UnfitError."""
        if len(rtp) < _HEAD or rtp[0] >> 6 != 2:
            raise UnfitError("no RTP")
        sequence, stamp = int.from_bytes(rtp[2:4]), int.from_bytes(rtp[4:8])
        if self._sequence is not None and sequence != (self._sequence + 1) & 0xFFFF:
            self._broken, self._in_unit = True, False
        self._sequence = sequence
        if stamp != self._stamp:
            # Parameter sets may come ahead, with a time stamp of their own.
            if (self._has_slice or self._broken) and (whole := self._whole()) is not None:
                yield whole
            self._advance(stamp)
        if not self._parts:
            self._at = at
        self._payload(_payload(rtp))
        if self._has_slice and self._given == stamp:
            self._lies = True
        if rtp[1] & 0x80 and self._has_slice and not self._lies and (whole := self._whole()) is not None:
            yield whole

    def _advance(self, stamp: int) -> None:
        if self._stamp is not None:
            step = (stamp - self._stamp + (1 << 31)) % (1 << 32) - (1 << 31)
            if step < 0:
                raise UnfitError("pictures in another order than they are shown in")
            self._ticks += step
        self._stamp = stamp

    def _whole(self) -> Packet | None:
        """What has been put together, which begins anew; None where a piece of it is missing."""
        data, key, broken = b"".join(self._parts), self._key, self._broken
        self._parts, self._size = [], 0
        self._has_slice = self._key = self._in_unit = self._broken = False
        self._given = self._stamp
        return None if broken else Packet(data, key, self._at, pts=self._ticks, dts=self._ticks)

    def _payload(self, payload: bytes) -> None:
        if not payload:
            return
        kind = unit_type(self._codec, payload)
        if kind == (28 if self._h264 else 49):
            self._fragment(payload)
        elif kind == (24 if self._h264 else 48):
            self._aggregate(payload[1 if self._h264 else 2 :])
        elif 0 < kind < 24 if self._h264 else kind < 48:
            self._unit(payload)
        else:
            raise UnfitError(f"units of kind {kind}")

    def _aggregate(self, rest: bytes) -> None:
        at = 0
        while at + 2 < len(rest):
            size = int.from_bytes(rest[at : at + 2])
            if size:
                self._unit(rest[at + 2 : at + 2 + size])
            at += 2 + size

    def _unit(self, unit: bytes) -> None:
        self._in_unit = False
        self._note(unit_type(self._codec, unit))
        self._add(_START)
        self._add(unit)

    def _fragment(self, payload: bytes) -> None:
        """A piece of a unit: its head is in the first bytes of each piece, its kind in the byte after them."""
        own = 1 if self._h264 else 2
        if len(payload) < own + 2:
            return
        told = payload[own]
        if told & 0x80:
            self._in_unit = True
            head = bytes([payload[0] & 0xE0 | told & 0x1F])
            if not self._h264:
                head = bytes([payload[0] & 0x81 | (told & 0x3F) << 1, payload[1]])
            self._note(unit_type(self._codec, head))
            self._add(_START + head)
        elif not self._in_unit:
            self._broken = True
            return
        self._add(payload[own + 1 :])

    def _note(self, kind: int) -> None:
        if 1 <= kind <= 5 if self._h264 else kind < 32:
            self._has_slice = True
            self._key = self._key or (kind == 5 if self._h264 else 16 <= kind <= 23)

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > _MOST:
            raise UnfitError("a picture without an end")
        self._parts.append(data)


def _payload(rtp: bytes) -> bytes:
    """Without head, contributing sources, extension and padding (RFC 3550, 5.1 and 5.3.1)."""
    begin, end = _HEAD + 4 * (rtp[0] & 0x0F), len(rtp)
    if rtp[0] & 0x10:
        begin += 4 + 4 * int.from_bytes(rtp[begin + 2 : begin + 4])
    if rtp[0] & 0x20:
        end -= rtp[-1]
    return rtp[begin:end]
