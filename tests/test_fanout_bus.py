"""The web process's end of MEDIA without asyncio's ZeroMQ: nothing is left lying, and nothing can hold it up."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import zmq

from camera import bus
from camera.live.subscriber import MEDIA_AT_ONCE, MediaSubscriber

PATIENCE = 5.0
JPEG = bus.topic(bus.JPEG, 1)
FILM = bus.topic(bus.FILM, 1)


class Line:
    """One publisher and the subscriber, both in this loop."""

    def __init__(self, folder: Path) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.out = self.context.socket(zmq.XPUB)
        self.out.linger = 0
        self.out.sndhwm = 0
        self.out.bind(f"ipc://{folder}/media")
        self.subscriber = MediaSubscriber(self.context, f"ipc://{folder}/media")

    async def subscribe(self, name: bytes) -> None:
        self.subscriber.subscribe(name)
        while not self.out.poll(0):
            await asyncio.sleep(0.01)
        assert self.out.recv() == b"\x01" + name

    def send(self, name: bytes, number: int) -> None:
        self.out.send_multipart([name, bus.encode({"n": number}), b"x"])

    async def take(self) -> list[tuple[bytes, int]]:
        async with asyncio.timeout(PATIENCE):
            return [(name, header["n"]) for name, header, _ in await self.subscriber.receive()]

    def close(self) -> None:
        self.subscriber.close()
        self.out.close()
        self.context.term()


def alone(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run `test` with a line in an event loop of its own."""

    def run(tmp_path: Path, **more: Any) -> None:
        async def body() -> None:
            line = Line(tmp_path)
            try:
                await test(line, **more)
            finally:
                line.close()

        asyncio.run(body())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@alone
async def test_a_message_wakes_who_waits_for_it(line: Line) -> None:
    await line.subscribe(JPEG)
    for number in range(20):
        waiting = asyncio.create_task(line.take())
        await asyncio.sleep(0)
        line.send(JPEG, number)
        assert await waiting == [(JPEG, number)]


@alone
async def test_neither_a_flood_nor_garbage_holds_up_what_follows(line: Line) -> None:
    await line.subscribe(JPEG)
    others = 0

    async def beat() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    beating = asyncio.create_task(beat())
    for number in range(5 * MEDIA_AT_ONCE):
        line.out.send_multipart([JPEG, (b"no json", b"[]", b"[" * 100_000)[number % 3], b""])
    line.out.send_multipart([JPEG, b'{"n":"' + b"x" * bus.LONGEST_HEADER + b'"}', b""])
    line.send(JPEG, 7)
    assert await line.take() == [(JPEG, 7)]
    assert others > 3
    beating.cancel()


@alone
async def test_of_films_every_message_counts_and_of_pictures_the_newest(line: Line) -> None:
    await line.subscribe(JPEG)
    await line.subscribe(FILM)
    for number in range(5):
        line.send(JPEG, number)
        line.send(FILM, number)
    await asyncio.sleep(0.2)
    assert await line.take() == [*((FILM, number) for number in range(4)), (JPEG, 4), (FILM, 4)]
