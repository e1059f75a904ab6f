"""The connection beneath a request: for those who write many pictures to many viewers and know what they write.

uvicorn's protocols put it into the scope as `scope["extensions"]["fairwatch.wire"]`, for http and for websocket. Under
any other server it is not there: whoever uses it needs a way without it.
"""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "fairwatch.wire"
_COUNT = struct.Struct("i")
# What stands before the number in our own pings, unlike the server's, which are four bytes long.
_MARK, _NUMBER = b"fairwatch", struct.Struct(">I")
# RFC 6455, section 5.2: a whole ping in one frame, from a server and so without a mask.
_PING = bytes((0x89, len(_MARK) + _NUMBER.size)) + _MARK


class Wire:
    """One connection. `plain`: what is written goes to the socket as it is, no TLS between. `asks`: it is a WebSocket,
    which can be asked with pings; `answered` is called with the number of each that was answered."""

    __slots__ = ("_fd", "_shut", "_transport", "answered", "asks", "plain")

    def __init__(self, transport: asyncio.Transport, shut: Callable[[], bool] = bool, *, asks: bool = False) -> None:
        """`shut` says whether the protocol has said its last word although the transport is still open."""
        self.asks = asks
        self.answered: Callable[[int], None] | None = None
        self._transport, self._shut = transport, shut
        sock = transport.get_extra_info("socket")
        self._fd: int = sock.fileno() if sock is not None else -1
        tcp = sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6)
        self.plain: bool = tcp and transport.get_extra_info("sslcontext") is None

    @property
    def closing(self) -> bool:
        """Nothing may be written any more."""
        return self._transport.is_closing() or self._shut()

    def write(self, data: bytes) -> None:
        """Straight to the transport, which keeps (without a copy) what the kernel does not take at once; in a WebSocket
        `data` are whole frames with their heads. Nothing is written to a connection that is closing."""
        if not self.closing:
            self._transport.write(data)

    def ask(self, number: int) -> None:
        """Write a ping with that number, of which the lowest 32 bits go out. Only where it `asks`."""
        self.write(_PING + _NUMBER.pack(number & 0xFFFFFFFF))

    def hear(self, payload: bytes) -> bool:
        """A pong's payload. Whether it was one of these pings."""
        if len(payload) != len(_MARK) + _NUMBER.size or not payload.startswith(_MARK):
            return False
        if self.answered is not None:
            self.answered(_NUMBER.unpack_from(payload, len(_MARK))[0])
        return True

    def unsent(self) -> int:
        """Bytes that were written and that the other side has not acknowledged: those of the transport and the
        kernel's (SIOCOUTQ, see tcp(7)). 0 for a connection that is closing."""
        if self._transport.is_closing() or self._fd < 0:
            return 0
        try:
            (kept,) = _COUNT.unpack(fcntl.ioctl(self._fd, termios.TIOCOUTQ, bytes(_COUNT.size)))
        except OSError:
            kept = 0
        return int(kept) + self._transport.get_write_buffer_size()

    def take(self) -> socket.socket | None:
        """A second handle on the connection, not blocking, to be closed by whoever asked; None where there is none to
        be had: with TLS, after the end, or while something that was written before still waits in the transport."""
        if not self.plain or self.closing or self._transport.get_write_buffer_size():
            return None
        try:
            sock = socket.socket(fileno=os.dup(self._fd))
        except OSError:
            return None
        sock.setblocking(False)
        return sock

    def close(self) -> None:
        """End the connection; what was written before is sent first."""
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once, whatever waits."""
        self._transport.abort()


def wire_of(request: HttpRequest) -> Wire | None:
    """The connection of a request whose reply may go past the server: of HTTP/1.1 alone, where a reply of unknown
    length is sent in chunks. None under any other server, and for a request that was not made by one."""
    scope: dict[str, Any] = getattr(request, "scope", None) or {}
    if scope.get("http_version") != "1.1":
        return None
    found = (scope.get("extensions") or {}).get(EXTENSION)
    return found if isinstance(found, Wire) else None


class WiredWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, with its wire in the scope. Nothing may be written to it before it is accepted."""

    # Declared by uvicorn where it is first set, and empty until then.
    scope: Any
    _wire: Wire | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self.transport.is_closing():
            # A head that is too long is refused before anybody is asked; uvicorn would keep that to itself for ever.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        # The task that was made for it just now begins with the next turn of the loop; a refused one has no scope.
        if not self.close_sent:
            self._wire = Wire(self.transport, lambda: self.close_sent or self.disconnected, asks=True)
            self.scope["extensions"][EXTENSION] = self._wire

    def handle_pong(self, event: Any) -> None:
        if self._wire is None or not self._wire.hear(bytes(event.data)):
            super().handle_pong(event)
