"""What tests of webcams share: an engine that takes every picture, and words of the socket."""

import json
import struct
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from main.pushing.picture import Answer, Pushed


def jpeg(width: int = 64, height: int = 48, shade: int = 90) -> bytes:
    _, data = cv2.imencode(".jpg", np.full((height, width, 3), shade, np.uint8))
    return bytes(data)


JPEG = jpeg()


class PlayedLane:
    """Stands in for lanes.send: notes what comes, answers what the test wants."""

    def __init__(self) -> None:
        self.got: list[tuple[int, Pushed]] = []
        self.answer = Answer(202, rate=30.0)

    async def send(self, camera: int, picture: Pushed) -> Answer:
        self.got.append((camera, picture))
        return self.answer

    @property
    def pictures(self) -> list[Pushed]:
        return [picture for _, picture in self.got]


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch) -> PlayedLane:
    played = PlayedLane()
    monkeypatch.setattr("main.pushing.lanes.send", played.send)
    return played


def say(socket: ClientConnection, **message: object) -> None:
    socket.send(json.dumps(message))


def send(socket: ClientConnection, data: bytes = JPEG, at: float | None = None) -> float:
    """A picture taken at `at`, by default now; that time."""
    at = time.time() if at is None else at
    socket.send(struct.pack(">d", at) + data)
    return at


def heard(socket: ClientConnection, key: str, check: Callable[[Any], bool] = lambda value: True) -> dict[str, Any]:
    """The next message with `key` whose value passes the check, whole."""
    deadline = time.monotonic() + 8
    while True:
        message: dict[str, Any] = json.loads(socket.recv(timeout=max(0.01, deadline - time.monotonic())))
        if key in message and check(message[key]):
            return message


def error(socket: ClientConnection) -> str:
    """The code of the next error."""
    return str(heard(socket, "error")["error"]["code"])


def closing(socket: ClientConnection) -> int:
    """The code the server closes with."""
    with pytest.raises(ConnectionClosed):
        while True:
            socket.recv(timeout=11)
    assert socket.close_code is not None
    return socket.close_code
