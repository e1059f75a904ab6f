"""Files over HTTP as RFC 9110 has it: whole or one range, validators, and constant memory however long they are."""

import asyncio
import os
import re
import stat
import struct
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date

PIECE = 256 * 1024
# While it is sent it is asked again this often, in seconds, whether it still may be.
ASK_EVERY = 5.0
# No size has more digits than this; what is longer is no range.
RANGE = re.compile(r"bytes\s?=\s?([0-9]{0,40})\s?-\s?([0-9]{0,40})", re.IGNORECASE)
LONGEST_RANGE = 100
# Two for each half second of a recording: a day.
MOST_BOXES = 350_000


class NoFileError(OSError):
    """There is no ordinary file of that name that could be read, or not any more."""


class UnsatisfiableError(ValueError):
    """The range lies behind the end."""


class OpenedFile:
    """An ordinary file, open for reading from several threads. Closed by `close`, or when nobody holds it any more."""

    def __init__(self, path: Path) -> None:
        """Raises NoFileError; never waits for a FIFO and follows no link."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise NoFileError(str(error)) from None
        self._fd = fd
        self._lock = threading.Lock()
        self._reading = 0
        self._closing = False
        found = os.fstat(fd)
        self.size, self.mtime, self.mtime_ns = found.st_size, int(found.st_mtime), found.st_mtime_ns
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise NoFileError("not an ordinary file")

    def read(self, length: int, offset: int) -> bytes:
        """Bytes from `offset` on, fewer at the end; none when closed meanwhile."""
        with self._lock:
            if self._closing:
                return b""
            self._reading += 1
        try:
            return os.pread(self._fd, length, offset)
        finally:
            with self._lock:
                self._reading -= 1
                self._close_if_idle()

    def close(self) -> None:
        """Close it now, or when the read that another thread is in comes back: its number must not be used again."""
        with self._lock:
            self._closing = True
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._closing and not self._reading and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)


def always() -> bool:
    return True


class Stretch:
    """A stretch of an open file as the body of a reply; the file is closed with it. Breaks off when `still` says no."""

    def __init__(self, opened: OpenedFile, start: int, length: int, still: Callable[[], bool] = always) -> None:
        self._opened, self._start, self._length, self._still = opened, start, length, still

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        at, end, asked = self._start, self._start + self._length, time.monotonic()
        try:
            while at < end:
                if time.monotonic() - asked >= ASK_EVERY:
                    if not await asyncio.to_thread(self._still):
                        raise NoFileError("whoever reads it may not any more")
                    asked = time.monotonic()
                piece = await asyncio.to_thread(self._opened.read, min(PIECE, end - at), at)
                if not piece:
                    # Cut short while it was read. The connection must break: the reply promised more.
                    raise NoFileError("the file became shorter")
                at += len(piece)
                yield piece
        finally:
            self._opened.close()

    def close(self) -> None:
        self._opened.close()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What is sent, and how. `accel`: folder and name for a proxy in front ("3/recordings/…"); `etag` with its quotes.

    `growing`: somebody is still writing it; then it is sent as far as it goes now, and never in ranges. `still`:
    whether it may be sent further; called in a thread, with a slow reader again and again.
    """

    path: Path
    content_type: str
    etag: str = ""
    accel: str = ""
    name: str = ""
    attachment: bool = False
    growing: bool = False
    still: Callable[[], bool] = always


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte asked for. None: no single well-formed range, the whole file is to be sent.

    Several ranges are answered with the whole file, as RFC 9110 14.2 allows. Raises UnsatisfiableError.
    """
    match = RANGE.fullmatch(header.strip()) if len(header) <= LONGEST_RANGE else None
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
        if not int(last):
            raise UnsatisfiableError
    else:
        start, end = int(first), int(last) if last else size - 1
        if last and end < start:
            return None
    if start >= size:
        raise UnsatisfiableError
    return start, min(end, size - 1)


def whole_length(opened: OpenedFile) -> int:
    """How far a fragmented MP4 that is being written goes in whole pieces: a player waits for ever for half of one.

    All of it when it is none.
    """
    at = end = 0
    for _ in range(MOST_BOXES):
        head = opened.read(16, at)
        if len(head) < 16:
            break
        length, kind = struct.unpack_from(">I4s", head)
        length = struct.unpack_from(">Q", head, 8)[0] if length == 1 else length
        if length < 8 or at + length > opened.size:
            break
        at += length
        end = at if kind in (b"moov", b"mdat") else end
    return end or opened.size


def file_reply(request: HttpRequest, stored: StoredFile) -> HttpResponseBase:
    """The reply to a GET or HEAD for `stored`. Raises NoFileError. Opens the file, so call it in a thread."""
    opened = OpenedFile(stored.path)
    try:
        reply = _reply(request, stored, opened)
    except BaseException:
        opened.close()
        raise
    if not isinstance(reply, StreamingHttpResponse):
        opened.close()
    return reply


def _reply(request: HttpRequest, stored: StoredFile, opened: OpenedFile) -> HttpResponseBase:
    headers = _headers(stored, opened)
    if settings.X_ACCEL_REDIRECT and stored.accel and not stored.growing:
        return HttpResponse(headers=_accelerated(stored, headers))
    if stored.growing:
        return _body(request, stored, opened, (0, whole_length(opened)), headers)
    unchanged = get_conditional_response(request, etag=headers["ETag"], last_modified=opened.mtime)
    if unchanged is not None:
        for name in ("ETag", "Last-Modified"):
            unchanged.headers[name] = headers[name]
        return unchanged
    try:
        asked = parse_range(_range_header(request, headers), opened.size)
    except UnsatisfiableError:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{opened.size}", "Accept-Ranges": "bytes"})
    if asked is None:
        return _body(request, stored, opened, (0, opened.size), headers)
    first, last = asked
    headers["Content-Range"] = f"bytes {first}-{last}/{opened.size}"
    return _body(request, stored, opened, (first, last - first + 1), headers)


def _headers(stored: StoredFile, opened: OpenedFile) -> dict[str, str]:
    headers = {
        "Content-Type": stored.content_type,
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "none" if stored.growing else "bytes",
    }
    disposition = content_disposition_header(stored.attachment, stored.name) if stored.name else None
    if disposition:
        headers["Content-Disposition"] = disposition
    if not stored.growing:
        headers["ETag"] = stored.etag or f'"{opened.size:x}-{opened.mtime_ns:x}"'
        headers["Last-Modified"] = http_date(opened.mtime)
    return headers


def _accelerated(stored: StoredFile, headers: dict[str, str]) -> dict[str, str]:
    """For a proxy that sends the file itself, ranges and validators included."""
    kept = {name: headers[name] for name in ("Content-Type", "Content-Disposition") if name in headers}
    prefix = settings.X_ACCEL_REDIRECT.rstrip("/")
    return kept | {"X-Accel-Redirect": f"{prefix}/{quote(stored.accel)}", "X-Content-Type-Options": "nosniff"}


def _range_header(request: HttpRequest, headers: dict[str, str]) -> str:
    """The Range that counts: of a GET, and with If-Range only while the file is the one the asker knows."""
    if request.method != "GET":
        return ""
    condition = request.headers.get("If-Range", "").strip()
    if condition and condition not in (headers["ETag"], headers["Last-Modified"]):
        return ""
    return str(request.headers.get("Range", ""))


def _body(
    request: HttpRequest, stored: StoredFile, opened: OpenedFile, part: tuple[int, int], headers: dict[str, str]
) -> HttpResponseBase:
    """`part`: first byte and length."""
    start, length = part
    status = 206 if "Content-Range" in headers else 200
    headers["Content-Length"] = str(length)
    if request.method == "HEAD" or not length:
        return HttpResponse(status=status, headers=headers)
    return StreamingHttpResponse(Stretch(opened, start, length, stored.still), status=status, headers=headers)
