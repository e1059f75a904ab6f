"""Reads a camera's RTSP answers the way FFmpeg does, and stops what would lead it to another address.

FFmpeg follows a redirect only before it has sent PLAY. Until then every answer is taken apart, and what FFmpeg could
read differently from us ends the connection; afterwards the stream is looked through for a redirect and no more.
"""

import re

from camera.packets import Reason, SourceError

MOVED = "the camera points to another address; enter that one instead"
_HEAD_LIMIT = 32 * 1024
_LINE_LIMIT = 1000
# FFmpeg ignores every carriage return.
_END_OF_HEAD = re.compile(rb"(?:\A|\n)\r*\n")
_STATUS = re.compile(rb"RTSP/1\.\d[ \t]{1,4}([1-9]\d\d)(?:[ \t].*)?")
_REQUEST = re.compile(rb"[A-Z_]{3,20} \S{1,500} RTSP/1\.\d[ \t]*")
_LENGTH = re.compile(rb"(?i:content-length):[ \t]{0,8}(\d{1,7})[ \t]*")
# More streams than that no camera has.
MOST_STREAMS = 20
_CHANNEL = re.compile(rb"(?i)interleaved=(\d{1,3})")
_REDIRECT = re.compile(rb"RTSP/1\.\d[ \t]{1,4}3\d\d")
# As long as the longest beginning of what _REDIRECT finds.
_BORDER = 14


class Replies:
    """What comes from the camera on one connection. `udp_host`: the only place to which FFmpeg may send RTP, "" for
    pictures that come on the same connection."""

    def __init__(self, udp_host: str = "") -> None:
        self._udp_host = udp_host.encode()
        self.is_playing = False
        # On which interleaved channels its streams come, in the order in which they were asked for (RFC 2326, 10.12).
        self.channels: list[int] = []
        self._held = bytearray()
        self._skip = 0
        self._border = b""

    def playing(self) -> None:
        """PLAY has been asked for: no redirect is followed any longer, and pictures come."""
        self.is_playing = True

    def feed(self, data: bytes) -> bytes:
        """What of it may be passed on now. Raises SourceError: REFUSED for a redirect, BAD_STREAM for odd answers."""
        if self.is_playing:
            return self._stream(data)
        self._held += data
        out = bytearray()
        while self._held:
            if self._skip:
                whole = self._take(min(self._skip, len(self._held)))
                self._skip -= len(whole)
            elif self._held[0] == ord("$"):
                # Pictures between the answers: "$", the channel, the length in two bytes.
                if len(self._held) < 4:
                    break
                self._skip = int.from_bytes(self._held[2:4])
                whole = self._take(4)
            elif (end := _END_OF_HEAD.search(self._held)) is not None:
                whole = self._judged(self._take(end.end()))
            elif len(self._held) > _HEAD_LIMIT:
                raise _odd()
            else:
                break
            out += whole
        return bytes(out)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def _judged(self, head: bytes) -> bytes:
        """The head as it was understood, without anything that could be understood in another way."""
        lines = head.replace(b"\r", b"").split(b"\n")
        if not lines[0]:
            return b"\r\n"
        status = _STATUS.fullmatch(lines[0])
        if status and status[1].startswith(b"3"):
            raise SourceError(Reason.REFUSED, MOVED)
        # FFmpeg ends a head at a NUL and takes "$" at the start of any line for a picture.
        if b"\0" in head or any(line.startswith(b"$") for line in lines):
            raise _odd()
        if not status and not _REQUEST.fullmatch(lines[0]):
            raise _odd()
        self._learn(lines)
        lengths = {_length(line) for line in lines if line.lower().startswith(b"content-length:")}
        if len(lengths) > 1:
            raise _odd()
        self._skip = max(lengths, default=0)
        return b"\r\n".join(map(self._with_source, lines))

    def _learn(self, lines: list[bytes]) -> None:
        found = [_CHANNEL.search(line) for line in lines if line.lower().startswith(b"transport:")]
        self.channels += [int(one[1]) for one in found if one is not None][: MOST_STREAMS - len(self.channels)]

    def _with_source(self, line: bytes) -> bytes:
        """FFmpeg sends a few UDP packets to open the way, to `source` when the answer names one: always the camera."""
        if not self._udp_host or not line.lower().startswith(b"transport:"):
            return line
        if len(line) > _LINE_LIMIT:
            raise _odd()
        return b",".join(one.rstrip(b"; \t") + b";source=" + self._udp_host for one in line.split(b","))

    def _stream(self, data: bytes) -> bytes:
        window = self._border + data
        self._border = window[-_BORDER:]
        at = window.find(b"RTSP/1.")
        while at >= 0:
            if _REDIRECT.match(window, at):
                raise SourceError(Reason.REFUSED, MOVED)
            at = window.find(b"RTSP/1.", at + 7)
        if self._held:
            data = self._take(len(self._held)) + data
        return data


def _length(line: bytes) -> int:
    match = _LENGTH.fullmatch(line)
    if match is None:
        raise _odd()
    return int(match[1])


def _odd() -> SourceError:
    return SourceError(Reason.BAD_STREAM, "the camera's answers are not proper RTSP")
