"""Viewers of /ws/live/: WebSockets that ask for cameras as MP4 or JPEG and count what comes, by its capture time.

    .venv/bin/python -m benchmarks.film_viewers --url ws://127.0.0.1:8000/ws/live/ --camera yard --as mp4 \\
        --header "Authorization: Bearer fw_…" -n 200

A picture is one piece of film (key or delta) or one JPEG; its age is from its capture time to its last byte, both by
the wall clock of one machine. The client speaks RFC 6455 itself, so that what it costs here is little.
"""

import base64
import hashlib
import json
import os
import socket
import struct
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

from benchmarks import crowd
from benchmarks.crowd import BrokenError, Crowd, Tally, Viewer

# RFC 6455: what is added to the key before it is hashed, and the kinds of frame.
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MORE, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
# What stands before each payload of /ws/live/: channel, kind, capture time.
_HEAD = struct.Struct(">BBd")
_INIT = 0
_LONGEST_TEXT = 1 << 20


def frame(kind: int, payload: bytes, mask: bytes | None = None) -> bytes:
    """One whole frame as a client sends it: masked."""
    mask = os.urandom(4) if mask is None else mask
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65_536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    masked = bytes(one ^ mask[number % 4] for number, one in enumerate(payload))
    return bytes([0x80 | kind]) + length + mask + masked


class SocketViewer(Viewer):
    """Reads the answer to the handshake, then frames."""

    def __init__(self, sock: socket.socket, tally: Tally, key: bytes, wish: bytes) -> None:
        super().__init__(sock, tally)
        self._accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())
        self._wish = wish
        self._raw = bytearray()
        self._begun = False
        self._kind = 0  # of the frame that is being read; what a further frame goes on with stays in _message
        self._message = 0
        self._last = False
        self._left = -1  # bytes of the frame's payload that are still to come; -1 between frames
        self._text = bytearray()
        self._head = bytearray()
        self._control = bytearray()  # a ping may stand between the frames of one message
        self._passing = 0
        # How the house says the pictures come: by channel, mp4 or jpeg.
        self.forms: dict[int, str] = {}
        self.inits = 0
        self.errors: list[str] = []

    def take(self, data: bytes) -> None:
        self._raw += data
        if not self._begun and not self._greeted():
            return
        while self._step():
            pass
        if self._left > 0 and not self._raw and self._is_seen():
            self.skip = self._passing = self._left

    def _greeted(self) -> bool:
        head, found, rest = self._raw.partition(b"\r\n\r\n")
        if not found:
            return False
        if b" 101" not in head[8:13]:
            raise BrokenError(bytes(head.split(b"\r\n", 1)[0]).decode("latin-1"))
        if self._accept not in head:
            raise BrokenError("a handshake for somebody else")
        self._raw, self._begun = rest, True
        self.sock.sendall(frame(_TEXT, self._wish))
        return True

    def _step(self) -> bool:
        """Whether it got any further with what is here."""
        if self._left < 0 and not self._take_head():
            return False
        piece = self._raw[: self._left]
        del self._raw[: self._left]
        self._left -= len(piece)
        if self._kind >= _CLOSE:
            self._control += piece
        elif self._kind == _BINARY:
            self._head += piece[: max(0, _HEAD.size - len(self._head))]
        else:
            self._text += piece
        if self._left:
            return False
        self._frame_over()
        return True

    def _take_head(self) -> bool:
        raw = self._raw
        if len(raw) < 2:
            return False
        if raw[1] & 0x80:
            raise BrokenError("a masked frame from a server")
        size, more = raw[1] & 0x7F, {126: 2, 127: 8}.get(raw[1] & 0x7F, 0)
        if len(raw) < 2 + more:
            return False
        self._left = int.from_bytes(raw[2 : 2 + more], "big") if more else size
        kind, self._last = raw[0] & 0x0F, bool(raw[0] & 0x80)
        if kind in (_TEXT, _BINARY):
            self._message = kind
        self._kind = self._message if kind == _MORE else kind
        if self._kind != _BINARY and self._left > _LONGEST_TEXT:
            raise BrokenError("a very long text")
        del raw[: 2 + more]
        return True

    def _is_seen(self) -> bool:
        return self._kind == _BINARY and len(self._head) == _HEAD.size

    def skipped(self) -> None:
        self._left -= self._passing
        self._frame_over()

    def _frame_over(self) -> None:
        self._left = -1
        if self._kind >= _CLOSE:
            control = bytes(self._control)
            self._control.clear()
            self._controlled(control)
        elif self._last:
            text, head = bytes(self._text), bytes(self._head)
            self._text.clear()
            self._head.clear()
            if self._kind == _TEXT:
                self._told(json.loads(text))
            elif len(head) == _HEAD.size:
                self._piece(*_HEAD.unpack(head))

    def _controlled(self, payload: bytes) -> None:
        if self._kind == _CLOSE:
            raise BrokenError(f"closed with {int.from_bytes(payload[:2], 'big')}")
        if self._kind == _PING:
            self.sock.sendall(frame(_PONG, payload))

    def _piece(self, channel: int, kind: int, captured_at: float) -> None:
        if kind == _INIT:
            self.inits += 1
        else:
            self.count(time.time() - captured_at)

    def _told(self, message: dict[str, Any]) -> None:
        for one in message.get("cameras", []):
            self.forms[one["channel"]] = one["as"]
        if "error" in message:
            self.errors.append(str(message["error"].get("message")))


def connect(url: SplitResult, headers: list[str], key: bytes) -> socket.socket:
    """A connection on which the handshake has been asked for. Raises OSError."""
    sock = socket.create_connection((url.hostname or "127.0.0.1", url.port or 80), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = [
        f"GET {url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1",
        f"Host: {url.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key.decode()}",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    return sock


def main() -> None:
    parser = crowd.parser(__doc__)
    parser.add_argument("--camera", action="append", required=True, help="its slug; all of them on each socket")
    parser.add_argument("--as", dest="form", choices=("mp4", "jpeg"), default="mp4")
    parser.add_argument("--size", choices=("full", "small"), default="full")
    parser.add_argument("--rate", type=float, help="pictures a second at most, for JPEG")
    options = parser.parse_args()
    urls = [urlsplit(url) for url in options.url]
    more = {"rate": options.rate} if options.rate else {}
    tiles = [{"camera": slug, "as": options.form, "size": options.size, **more} for slug in options.camera]
    wish = json.dumps({"watch": tiles}).encode()
    tally = Tally()
    viewers: list[SocketViewer] = []

    def open_one(index: int) -> Viewer:
        key = base64.b64encode(os.urandom(16))
        sock = connect(urls[index % len(urls)], options.header, key)
        viewers.append(SocketViewer(sock, tally, key, wish))
        return viewers[-1]

    told = crowd.run(Crowd(open_one, tally), options)
    forms = [form for viewer in viewers for form in viewer.forms.values()]
    told["came_as"] = {form: forms.count(form) for form in sorted(set(forms))}
    told["errors"] = sorted({error for viewer in viewers for error in viewer.errors})
    crowd.tell(told | {"age_by": "capture time"})


if __name__ == "__main__":
    main()
