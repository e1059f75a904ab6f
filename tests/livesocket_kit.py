"""/ws/live/ without a server: the application itself, in the test's own event loop, on the real bus."""

import asyncio
import json
import struct
import time
from collections.abc import Callable, Coroutine
from typing import Any

from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import connections

from accounts.models import User
from camera import bus
from camera.live import hub
from camera.models import Camera
from camera.packets import StateName
from main import watchers
from main.sockets import websocket_application
from tests.live_house import Voice, cookie_of
from tests.reel_kit import Reel, number_of, publish

PATIENCE = 5.0
FILM = {"camera": "yard", "as": "mp4", "size": "full"}


class LiveSocket:
    """One open socket. What is looked for is waited for; what comes before it is passed over."""

    def __init__(self, communicator: ApplicationCommunicator) -> None:
        self._communicator = communicator

    async def say(self, message: object) -> None:
        await self._communicator.send_input({"type": "websocket.receive", "text": json.dumps(message)})

    async def watch(self, *entries: dict[str, Any]) -> list[dict[str, Any]]:
        """The list of cameras that is the answer."""
        await self.say({"watch": list(entries)})
        return await self.text("cameras")  # type: ignore[no-any-return]

    async def anything(self, seconds: float = PATIENCE) -> str | bytes:
        message = await self._communicator.receive_output(seconds)
        assert message["type"] == "websocket.send", message
        return message["text"] if message.get("text") is not None else message["bytes"]  # type: ignore[no-any-return]

    async def text(self, key: str, check: Callable[[Any], bool] = lambda value: True) -> Any:
        """The value of the next text message with `key` that passes the check."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            message = await self.anything()
            value = json.loads(message).get(key) if isinstance(message, str) else None
            if value is not None and check(value):
                return value
        raise AssertionError(f"no {key} came")

    async def binary(self) -> tuple[int, int, float, bytes]:
        """The next binary message: channel, kind, capture time, payload. No list of cameras may come before it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            message = await self.anything()
            if isinstance(message, bytes):
                return (*struct.unpack(">BBd", message[:10]), message[10:])
            assert "cameras" not in json.loads(message), message
        raise AssertionError("nothing binary came")

    async def data(self, count: int) -> list[bytes]:
        """The payloads of the next binary messages."""
        return [(await self.binary())[3] for _ in range(count)]

    async def quiet(self, seconds: float = 0.3) -> None:
        """Nothing binary comes for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not await self._communicator.receive_nothing(left, interval=0.02):
                message = await self.anything()
                assert isinstance(message, str), message[:10]

    async def close(self) -> None:
        await self._communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._communicator.wait(PATIENCE)


async def open_socket(user: User) -> LiveSocket:
    cookie = await sync_to_async(cookie_of)(user)
    scope = {
        "type": "websocket",
        "path": "/ws/live/",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())],
        "client": ["127.0.0.1", 1],
        "subprotocols": [],
        "extensions": {},
    }
    communicator = ApplicationCommunicator(websocket_application, scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(PATIENCE))["type"] == "websocket.accept"
    return LiveSocket(communicator)


async def wanted(voice: Voice, camera: Camera, kind: str = bus.FILM) -> None:
    await until(lambda: bus.topic(kind, camera.pk) in voice.wanted)


async def let_go(voice: Voice, camera: Camera, kind: str) -> None:
    await until(lambda: bus.topic(kind, camera.pk) not in voice.wanted)


async def first_look(voice: Voice, camera: Camera, user: User, reel: Reel, **wish: Any) -> tuple[LiveSocket, int]:
    """A socket that has got init and one key frame of the film, and the channel."""
    await online(camera.pk)
    socket = await open_socket(user)
    (tile,) = await socket.watch(FILM | wish)
    await wanted(voice, camera)
    publish(voice, camera.pk, reel.key(with_init=True))
    assert [number_of(one) if not one.startswith(b"init") else -1 for one in await socket.data(2)] == [
        -1,
        reel.next - 1,
    ]
    return socket, tile["channel"]


async def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)
    return value


async def online(*cameras: int) -> None:
    """Wait until the hub knows these cameras to be online."""
    await until(lambda: all(hub.current_hub().state(one).state == StateName.ONLINE for one in cameras))


def scene(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `play` with a hub that knows nothing yet, and end both after it."""

    async def run() -> None:
        hub._current = watchers._current = None
        await hub.current_hub().start()
        try:
            await play()
        finally:
            await hub.current_hub().stop()
            await sync_to_async(connections.close_all)()
            hub._current = watchers._current = None

    asyncio.run(run())
