"""COMMAND from web or a command line to the engine: an id, a deadline and exactly one reply."""

import asyncio
import os
import time
import uuid
from typing import Any

import zmq
import zmq.asyncio

from camera import bus


class EngineDownError(Exception):
    """The engine did not answer before the deadline."""


def _request(name: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {"type": "command", "id": uuid.uuid4().hex, "name": name, "body": body, "deadline": time.time() + seconds}


class AsyncCommands:
    """Asks the engine from asyncio; one socket for the whole process."""

    def __init__(self, context: zmq.asyncio.Context, endpoint: str) -> None:
        identity = f"web-{os.getpid()}-{uuid.uuid4().hex[:8]}".encode()
        self._socket = bus.connect(context, zmq.DEALER, endpoint, 1000, identity)
        self._waiting: dict[str, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def ask(
        self, name: str, body: dict[str, Any], payload: bytes = b"", seconds: float = 5.0
    ) -> tuple[dict[str, Any], bytes]:
        """The engine's reply: (body, payload). Raises EngineDownError when none comes in `seconds`."""
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read(), name="command-replies")
        message = _request(name, body, seconds)
        future: asyncio.Future[tuple[dict[str, Any], bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[message["id"]] = future
        try:
            async with asyncio.timeout(seconds):
                # While the engine is away this waits, and takes the message back when the time is up.
                is_small = len(payload) < bus.LARGE
                await self._socket.send_multipart([bus.encode(message), payload], copy=is_small)  # type: ignore[misc]
                return await future
        except TimeoutError:
            raise EngineDownError(f"no answer to {name} in {seconds} s") from None
        finally:
            del self._waiting[message["id"]]

    async def _read(self) -> None:
        while True:
            parts: list[bytes] = await self._socket.recv_multipart()  # type: ignore[misc]
            header = bus.decode(parts[0]) or {}
            # The answer to a question whose time is up is nobody's any more.
            future = self._waiting.get(str(header.get("id")))
            if future is not None and not future.done():
                future.set_result((header.get("body", {}), parts[1] if len(parts) > 1 else b""))

    def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        self._socket.close()


def ask_engine(
    endpoint: str, name: str, body: dict[str, Any], payload: bytes = b"", seconds: float = 5.0
) -> tuple[dict[str, Any], bytes]:
    """Ask from a thread or a command line. Raises EngineDownError when no reply comes in `seconds`."""
    context: zmq.Context[Any] = zmq.Context()
    identity = f"cli-{os.getpid()}-{uuid.uuid4().hex[:8]}".encode()
    socket = bus.connect(context, zmq.DEALER, endpoint, 10, identity)
    message = _request(name, body, seconds)
    try:
        socket.sndtimeo = socket.rcvtimeo = max(1, int(seconds * 1000))
        socket.send_multipart([bus.encode(message), payload])
        parts = socket.recv_multipart()
        header = bus.decode(parts[0]) or {}
        return header.get("body", {}), parts[1] if len(parts) > 1 else b""
    except zmq.Again:
        raise EngineDownError(f"no answer to {name} in {seconds} s") from None
    finally:
        socket.close()
        context.term()


def poke(endpoint: str, camera: int) -> None:
    """Tell the engine that a camera changed, so that it need not wait for its own look every 2 s. Never waits."""
    context: zmq.Context[Any] = zmq.Context()
    socket = bus.connect(context, zmq.DEALER, endpoint, 10, f"poke-{uuid.uuid4().hex}".encode())
    try:
        socket.linger = 200
        socket.sndtimeo = 200
        socket.send_multipart([bus.encode(_request("poke", {"camera": camera}, 1.0)), b""])
    except zmq.Again:
        return  # the engine is down; it reads everything afresh when it starts
    finally:
        socket.close()
        context.term()
