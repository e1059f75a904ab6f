"""HTTP for those who send their requests in reasonable time, and with heads of reasonable length."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from main.serving.wire import EXTENSION, Wire

HEAD_SECONDS = 20.0
# Of a head that is not complete; the parser keeps all of it in memory.
HEAD_BYTES = 64 * 1024
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def _without_chunks(cycle: RequestResponseCycle) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """What takes the place of its `send`, which would cut a reply of unknown length into chunks. Who speaks HTTP/1.0
    knows nothing of these (RFC 9112, 6.1): the end of the connection is the end of the reply."""
    usual, is_sized = cycle.send, False

    async def send(message: Any) -> None:
        nonlocal is_sized
        if message["type"] == "http.response.start":
            is_sized = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            cycle.chunked_encoding = None if is_sized else False
        elif not is_sized:
            # As long as it turns out to be.
            cycle.expected_content_length = len(message.get("body", b""))
        await usual(message)

    return send


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which waits for ever for the rest of a request's head, however long; this one gives up.

    Connections that are opened and left half-said would otherwise take the places of those who have something to say.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._extensions: Any = {EXTENSION: Wire(transport)}
        self._await_head()

    def data_received(self, data: bytes) -> None:
        # What follows a head in the same piece is set to nothing again by its end.
        self._head_bytes += len(data) if self._head_timer is not None else 0
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LONG)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._await_head()
        super().on_message_begin()
        self.scope["extensions"] = self._extensions

    def on_headers_complete(self) -> None:
        self._head_came()
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0" and self.cycle is not None and self.cycle.scope is self.scope:
            self.cycle.send = _without_chunks(self.cycle)  # type: ignore[assignment, method-assign]

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _head_came(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
