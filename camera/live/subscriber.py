"""The web process's end of MEDIA."""

import asyncio
from typing import Any

import zmq

from camera import bus

# Messages taken in at one go; the sockets themselves hold up to RELAY_HWM.
MEDIA_AT_ONCE = 600
_FILMS = (f"{bus.FILM}:".encode(), f"{bus.FILM_SOUND}:".encode())


class MediaSubscriber:
    """The web process's end of MEDIA, for the running event loop."""

    def __init__(self, context: zmq.Context[Any], endpoint: str) -> None:
        # Not by zmq.asyncio: with a few pictures a second its futures and polls cost twice as much as the receiving.
        self.socket = bus.connect(zmq.Context.shadow(context.underlying), zmq.SUB, endpoint, bus.RELAY_HWM)
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None
        self._is_full = self._is_empty = False
        self._bell = int(self.socket.get(zmq.FD))
        self._loop.add_reader(self._bell, self._ring)

    def subscribe(self, name: bytes) -> None:
        self.socket.subscribe(name)
        self._look_again()

    def unsubscribe(self, name: bytes) -> None:
        self.socket.unsubscribe(name)
        self._look_again()

    def _look_again(self) -> None:
        """Whatever is done with the socket may hear the bell that tells of messages."""
        self._is_empty = False
        self._ring()

    def ask_again(self, name: bytes) -> None:
        """Have what is sent to newcomers of a topic that is subscribed to already sent once more."""
        # A second subscription is passed on like the first; taking it back again is not, for one is left.
        self.subscribe(name)
        self.unsubscribe(name)

    def _ring(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def receive(self) -> list[tuple[bytes, dict[str, Any], bytes]]:
        """Wait for messages and take what is there, in order: of films every one, of each other topic the newest."""
        while True:
            if self._is_full:
                # The bell will not ring for the rest, and a flood must not keep everything else here waiting.
                self._loop.call_soon(self._ring)
                await self._rung()
            if self._is_empty:
                # It was asked a moment ago; what has come since rings.
                await self._rung()
            taken = self._take()
            if taken:
                return taken

    async def _rung(self) -> None:
        self._waiting = self._loop.create_future()
        await self._waiting

    def _take(self) -> list[tuple[bytes, dict[str, Any], bytes]]:
        newest: dict[tuple[bytes, int], tuple[dict[str, Any], bytes]] = {}
        number = 0
        # The bell rings once for all that is there: it has to be asked until there is nothing.
        while number < MEDIA_AT_ONCE and bus.waits(self.socket):
            number += 1
            parts = self.socket.recv_multipart(zmq.NOBLOCK)
            fits = len(parts) == 3 and len(parts[1]) <= bus.LONGEST_HEADER
            if fits and (header := bus.decode(parts[1])) is not None:
                which = (parts[0], number if parts[0].startswith(_FILMS) else -1)
                newest.pop(which, None)
                newest[which] = (header, parts[2])
        self._is_full = number == MEDIA_AT_ONCE
        self._is_empty = not self._is_full
        return [(name, header, payload) for (name, _), (header, payload) in newest.items()]

    def close(self) -> None:
        self._loop.remove_reader(self._bell)
        self.socket.close()
