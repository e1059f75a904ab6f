"""The floor: what handing pictures on must cost in Python. One asyncio loop, bare sockets, nothing else.

It behaves as a live server should: passes the camera's JPEGs on untouched, each viewer is handed the same bytes, and
one that has not taken the last picture yet is passed over until it has.
"""

import argparse
import asyncio
import socket

from benchmarks.peers.parts import CONTENT_TYPE, part, pictures

_GREETING = f"HTTP/1.0 200 OK\r\nCache-Control: no-store\r\nContent-Type: {CONTENT_TYPE}\r\n\r\n".encode()


class Floor:
    def __init__(self) -> None:
        # For each viewer what it has not taken yet of its picture.
        self._rest: dict[socket.socket, memoryview] = {}

    async def run(self, camera: str, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        door = socket.create_server(("127.0.0.1", port), backlog=1024)
        door.setblocking(False)
        accepting = asyncio.create_task(self._accept(door))
        async for jpeg in pictures(camera):
            ready = memoryview(part(jpeg))
            for viewer in [one for one, rest in self._rest.items() if not rest]:
                self._send(viewer, ready)
        accepting.cancel()

    async def _accept(self, door: socket.socket) -> None:
        while True:
            viewer, _ = await self._loop.sock_accept(door)
            viewer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._loop.add_reader(viewer, self._heard, viewer)

    def _heard(self, viewer: socket.socket) -> None:
        """The question, which is taken to be for the stream, or the end."""
        try:
            said = viewer.recv(65_536)
            if said and viewer not in self._rest:
                viewer.send(_GREETING)
                self._rest[viewer] = memoryview(b"")
        except OSError:
            said = b""
        if not said:
            self._forget(viewer)

    def _send(self, viewer: socket.socket, data: memoryview) -> None:
        try:
            rest = data[viewer.send(data) :]
        except BlockingIOError:
            rest = data
        except OSError:
            self._forget(viewer)
            return
        waited = bool(self._rest[viewer])
        self._rest[viewer] = rest
        if rest and not waited:
            self._loop.add_writer(viewer, self._go_on, viewer)
        elif waited and not rest:
            self._loop.remove_writer(viewer)

    def _go_on(self, viewer: socket.socket) -> None:
        self._send(viewer, self._rest[viewer])

    def _forget(self, viewer: socket.socket) -> None:
        self._rest.pop(viewer, None)
        self._loop.remove_reader(viewer)
        self._loop.remove_writer(viewer)
        viewer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(Floor().run(options.camera, options.port))
