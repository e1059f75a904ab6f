"""Pure ASGI: refuses large request bodies before Django spools them to disk, even for addresses that do not exist."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
# What is read, and forgotten at once, of a body that is refused: many clients look for an answer only when all is sent,
# and a connection closed before that takes the answer with it.
DRAINED_BYTES = 64 * 1024 * 1024
DRAINED_SECONDS = 5.0


class BodyTooLargeError(Exception):
    """The body has grown past its limit while it was being read."""


async def _refuse(send: Send, status: int, code: str, message: str, receive: Receive | None = None) -> None:
    """Answer with an error; with `receive` the rest of the body is read for a while before the connection ends."""
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"cache-control", b"private, no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": receive is not None})
    if receive is not None:
        await _drain(receive)
        await send({"type": "http.response.body", "body": b""})


async def _drain(receive: Receive) -> None:
    left = DRAINED_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAINED_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return


def _declared(scope: Scope) -> int | None:
    """The Content-Length of the request; None when it cannot be read, 0 when there is none."""
    values = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    if not values:
        return 0
    if len(set(values)) > 1 or not values[0].isdigit() or len(values[0]) > 15:
        return None
    return int(values[0])


def _words(limit: int) -> str:
    return f"The body is larger than the {limit} bytes taken here."


class BodyLimit:
    """Wraps an ASGI application. `limit(path)` gives the most bytes a request to that path may carry."""

    def __init__(self, app: Application, limit: Callable[[str], int]) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limit(scope["path"])
        declared = _declared(scope)
        if declared is None:
            await _refuse(send, 400, "bad_request", "The Content-Length header cannot be read.")
            return
        if declared > limit:
            await _refuse(send, 413, "too_large", _words(limit), receive)
            return
        await self._counted(scope, receive, send, limit)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        taken, started = 0, False

        async def counting_receive() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    raise BodyTooLargeError
            return message

        async def watching_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, counting_receive, watching_send)
        except BodyTooLargeError:
            if not started:
                await _refuse(send, 413, "too_large", _words(limit), receive)
