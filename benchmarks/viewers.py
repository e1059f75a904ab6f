"""Viewers of MJPEG over HTTP: pictures a second for each, and how old a picture is when its last byte has come.

    .venv/bin/python -m benchmarks.viewers --url http://127.0.0.1:8000/live/yard/stream.mjpg \\
        --header "Authorization: Bearer fw_…" -n 200 --deaf 50

Ages come from the stamp in the picture's comment (benchmarks/camera.py). Of servers that encode anew the first viewer
keeps whole pictures and reads the number drawn in them when the window is over; `--camera` is then the address at
which the camera tells its schedule. Parts need a Content-Length, as every server here sends it.
"""

import json
import re
import socket
import time
import urllib.request
from typing import Any
from urllib.parse import SplitResult, urlsplit

from benchmarks import crowd
from benchmarks.crowd import BrokenError, Crowd, Tally, Viewer
from benchmarks.scene import read_number, read_stamp

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding:\s*chunked", re.IGNORECASE | re.MULTILINE)
_LONGEST_HEAD = 65_536
# Of a picture this many bytes are looked at.
_START = 128
_MOST_KEPT = 2000


class MjpegViewer(Viewer):
    """Reads a multipart answer, chunked or not."""

    def __init__(self, sock: socket.socket, tally: Tally, *, keeps: bool = False) -> None:
        super().__init__(sock, tally)
        self._keeps = keeps
        self.kept: list[tuple[float, bytes]] = []
        self._raw = bytearray()  # as it came
        self._body = bytearray()  # without the marks of chunks
        self._chunked = False
        self._begun = False
        self._chunk = 0  # bytes left of the chunk
        self._part = 0  # bytes left of the picture; 0 between pictures
        self._start = b""
        self._passing = 0
        self._number = -1

    def wants_all(self) -> bool:
        return self._keeps

    def take(self, data: bytes) -> None:
        self._raw += data
        while self._step():
            pass
        if len(self._raw) > _LONGEST_HEAD or (not self._part and len(self._body) > _LONGEST_HEAD):
            raise BrokenError("a head without an end")
        self._pass_over()

    def _step(self) -> bool:
        """Whether it got any further with what is here."""
        if not self._begun:
            return self._take_answer()
        if self._chunked:
            if not self._chunk and not self._take_chunk_head():
                return self._take_part()
            piece = self._raw[: self._chunk]
            del self._raw[: self._chunk]
            self._chunk -= len(piece)
        else:
            piece, self._raw = self._raw, bytearray()
        self._body += piece
        return self._take_part() or bool(piece)

    def _take_answer(self) -> bool:
        head, found, rest = self._raw.partition(_HEAD_END)
        if not found:
            return False
        status = bytes(head.split(b"\r\n", 1)[0])
        if b" 200" not in status[8:13]:
            raise BrokenError(status.decode("latin-1"))
        self._chunked, self._raw, self._begun = bool(_CHUNKED.search(head)), rest, True
        return True

    def _take_chunk_head(self) -> bool:
        # The end of the chunk before stands in front of the next one's length.
        line, found, rest = self._raw.removeprefix(b"\r\n").partition(b"\r\n")
        if not found:
            return False
        try:
            self._chunk = int(line.split(b";")[0], 16)
        except ValueError:
            raise BrokenError("a chunk without a length") from None
        if not self._chunk:
            raise BrokenError("ended by the server")
        self._raw = rest
        return True

    def _take_part(self) -> bool:
        if not self._part:
            head, found, rest = self._body.partition(_HEAD_END)
            if not found:
                return False
            length = _LENGTH.search(head)
            if not length:
                raise BrokenError("a part without a Content-Length")
            self._part, self._body, self._start = int(length[1]), rest, b""
        wanted = self._part if self._keeps else min(self._part, _START)
        if not self._start:
            if len(self._body) < wanted:
                return False
            self._start = bytes(self._body[:wanted])
        here = min(len(self._body), self._part)
        del self._body[:here]
        self._part -= here
        if not self._part:
            self._whole()
        return here > 0

    def _pass_over(self) -> None:
        """Nothing of the picture's rest is of interest, as far as it lies in this chunk."""
        if self._start and self._part and not self._raw and not self._body:
            self.skip = self._passing = min(self._part, self._chunk) if self._chunked else self._part

    def skipped(self) -> None:
        self._part -= self._passing
        if self._chunked:
            self._chunk -= self._passing
        if not self._part:
            self._whole()

    def _whole(self) -> None:
        start, self._start = self._start, b""
        found = read_stamp(start[:_START])
        if found is None:
            self.count(None)
            if self._keeps and self.tally.counting and len(self.kept) < _MOST_KEPT:
                self.kept.append((time.monotonic(), start))
            return
        number, at_ns = found
        if self.tally.counting and self._number >= 0:
            self.missed += max(0, number - self._number - 1)
        self._number = number
        self.count(time.monotonic() - at_ns / 1e9)


def ages_by_number(kept: list[tuple[float, bytes]], schedule: dict[str, float]) -> list[float]:
    """Ages in seconds of pictures whose number is drawn in them, by the camera's schedule; each number once."""
    ages, last = [], -1
    for at, jpeg in kept:
        drawn = read_number(jpeg)
        if drawn is None or drawn >= schedule["loop"]:
            continue
        newest = int((at - schedule["start"]) * schedule["fps"])
        number = newest - (newest - drawn) % int(schedule["loop"])
        if number != last:
            ages.append(at - schedule["start"] - number / schedule["fps"])
            last = number
    return ages


def connect(url: SplitResult, headers: list[str]) -> socket.socket:
    """A connection on which the question has been asked. Raises OSError."""
    sock = socket.create_connection((url.hostname or "127.0.0.1", url.port or 80), timeout=10)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"GET {target} HTTP/1.1", f"Host: {url.netloc}", "Accept: */*", *headers, "", ""]
    sock.sendall("\r\n".join(lines).encode())
    return sock


def schedule_of(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return dict(json.load(reply))


def main() -> None:
    parser = crowd.parser(__doc__)
    parser.add_argument("--camera", help="where the camera tells its schedule; for servers that encode anew")
    options = parser.parse_args()
    urls = [urlsplit(url) for url in options.url]
    tally = Tally()

    def open_one(index: int) -> Viewer:
        sock = connect(urls[index % len(urls)], options.header)
        return MjpegViewer(sock, tally, keeps=bool(options.camera) and index == 0)

    gathered = Crowd(open_one, tally)
    told = crowd.run(gathered, options) | {"age_by": "stamp"}
    probe = gathered.viewers[0] if gathered.viewers else None
    if options.camera and not tally.ages and isinstance(probe, MjpegViewer):
        ages = ages_by_number(probe.kept, schedule_of(options.camera))
        told |= {"age_ms": crowd.percentiles(ages), "age_by": "number in the picture"}
    crowd.tell(told)


if __name__ == "__main__":
    main()
