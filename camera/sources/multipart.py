"""multipart/x-mixed-replace as cameras really send it, cut into its parts byte by byte as sent."""

import re
from collections.abc import Iterator
from email.message import Message

from camera.packets import Reason, SourceError
from camera.video.jpeg import MAX_BYTES, end_of_picture

_HEAD_LIMIT = 16 * 1024
_LINE_LIMIT = 1024
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length[ \t]*:[ \t]*(\d{1,9})\s*$")
_END_MARK = b"\xff\xd9"


def boundary_of(headers: Message) -> str:
    """The declared boundary without quotes and leading dashes: cameras disagree whether these belong to it."""
    value = headers.get_param("boundary", "")
    return (value if isinstance(value, str) else "").strip().strip('"').lstrip("-")


class Multipart:
    """Feed it bytes as they come; it gives the parts that are complete.

    With a Content-Length a part ends there. Without, it ends where its JPEG ends, so that nobody waits for the
    boundary, which many cameras send only with the next picture; what is no JPEG ends at the next boundary.
    """

    def __init__(self, boundary: str) -> None:
        self._token = boundary.encode("latin-1", "replace")
        self._delimiter = b""
        self._buffer = bytearray()
        self._length: int | None = None
        self._in_body = False
        self._searched = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Complete bodies. Raises SourceError (BAD_STREAM) for what is no multipart stream."""
        self._buffer += data
        while True:
            if not self._in_body and not self._read_head():
                return
            body = self._read_body()
            if body is None:
                return
            yield body

    def _read_head(self) -> bool:
        """Skip to the next boundary line and read the headers after it."""
        start = self._after_boundary_line()
        if start is None:
            if len(self._buffer) > MAX_BYTES:
                raise SourceError(Reason.BAD_STREAM, "the camera's stream has no boundaries")
            return False
        match = _HEAD_ENDS.search(self._buffer, max(0, start - 2))
        if match is None:
            if len(self._buffer) - start > _HEAD_LIMIT:
                raise SourceError(Reason.BAD_STREAM, "the camera's stream has endless headers")
            return False
        length = _LENGTH.search(self._buffer[start : match.start()])
        self._length = int(length[1]) if length else None
        if self._length is not None and self._length > MAX_BYTES:
            raise SourceError(Reason.BAD_STREAM, f"a picture of more than {MAX_BYTES // 1024 // 1024} MiB")
        del self._buffer[: match.end()]
        self._in_body, self._searched = True, 0
        return True

    def _after_boundary_line(self) -> int | None:
        at = 0
        while (end := self._buffer.find(b"\n", at)) >= 0:
            line = bytes(self._buffer[at : min(end, at + _LINE_LIMIT)]).rstrip(b"\r")
            if self._is_boundary(line):
                self._delimiter = line.removesuffix(b"--") if line.lstrip(b"-") != self._token else line
                return end + 1
            at = end + 1
        # Lines that are no boundary need not be looked at again.
        del self._buffer[:at]
        return None

    def _is_boundary(self, line: bytes) -> bool:
        bare = line.lstrip(b"-")
        if not self._token:
            return line.startswith(b"--") and len(line) > 2
        return bare in (self._token, self._token + b"--")

    def _read_body(self) -> bytes | None:
        buffer = self._buffer
        if self._length is not None:
            if len(buffer) < self._length:
                return None
            return self._take(self._length, self._length)
        end = self._end_without_length()
        if end is None and len(buffer) > MAX_BYTES:
            raise SourceError(Reason.BAD_STREAM, f"a picture of more than {MAX_BYTES // 1024 // 1024} MiB")
        return None if end is None else self._take(*end)

    def _end_without_length(self) -> tuple[int, int] | None:
        buffer = self._buffer
        # An end mark is two bytes and may lie across two reads.
        if buffer.startswith(b"\xff\xd8") and buffer.find(_END_MARK, max(0, self._searched - 1)) >= 0:
            end = end_of_picture(buffer)
            if end is not None:
                return end, end
        margin = len(self._delimiter) + 2
        found = buffer.find(b"\n" + self._delimiter, max(0, self._searched - margin))
        self._searched = len(buffer)
        if found < 0:
            return None
        return found - (buffer[found - 1 : found] == b"\r"), found + 1

    def _take(self, end: int, after: int) -> bytes:
        with memoryview(self._buffer) as seen:
            body = bytes(seen[:end])
        del self._buffer[:after]
        self._in_body = False
        return body
