"""The binary messages of /ws/live/: each is built once and shared by all viewers that have it on the same channel."""

import struct

_BODY = struct.Struct(">BBd")
# RFC 6455, section 5.2: a whole binary message in one frame, from a server and so without a mask.
_FINAL_BINARY = 0x82
_SHORT, _LONG = 126, 1 << 16


def body_head(channel: int, kind: int, captured_at: float) -> bytes:
    """u8 channel, u8 kind, f64 capture time (big-endian); the payload follows."""
    return _BODY.pack(channel, kind, captured_at)


def frame_head(length: int) -> bytes:
    """What stands before a binary message of `length` bytes on the wire."""
    if length < _SHORT:
        return bytes((_FINAL_BINARY, length))
    if length < _LONG:
        return struct.pack(">BBH", _FINAL_BINARY, 126, length)
    return struct.pack(">BBQ", _FINAL_BINARY, 127, length)


class Message:
    """Something to be sent: a picture or a piece of film. `data` itself is never copied but into what is sent."""

    __slots__ = ("_bodies", "_frames", "_keeps", "captured_at", "data", "kind")

    def __init__(self, kind: int, captured_at: float, data: bytes) -> None:
        self.kind, self.captured_at, self.data = kind, captured_at, data
        self._bodies: dict[int, bytes] = {}
        self._frames: dict[int, bytes] = {}
        self._keeps = True

    def message(self, channel: int) -> bytes:
        """The message as it is handed to a server that frames it."""
        built = self._bodies.get(channel)
        if built is None:
            built = body_head(channel, self.kind, self.captured_at) + self.data
            if self._keeps:
                self._bodies[channel] = built
        return built

    def framed(self, channel: int) -> bytes:
        """The message with the frame around it, as it goes over the wire."""
        built = self._frames.get(channel)
        if built is None:
            head = body_head(channel, self.kind, self.captured_at)
            built = b"".join((frame_head(len(head) + len(self.data)), head, self.data))
            if self._keeps:
                self._frames[channel] = built
        return built

    def settle(self) -> None:
        """The many have it: for those who come later it is built anew, so that memory holds it but once."""
        self._keeps = False
        self._bodies, self._frames = {}, {}
