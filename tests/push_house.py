"""For the tests of pushed pictures: a played engine, the web process's application in a real server, and senders."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import zmq
from django.conf import settings
from PIL import Image

from camera import bus, keys
from camera.models import Camera
from main.pushing import keyring, reception, ringing
from tests.live_house import Voice, Web

TAKEN: dict[str, Any] = {"ok": True, "event": "", "known": False}


def jpeg(width: int = 64, height: int = 48, mode: str = "RGB", grey: int = 90, **options: Any) -> bytes:
    """A picture of one colour."""
    out = BytesIO()
    Image.new(mode, (width, height), grey if mode == "L" else (grey,) * len(mode)).save(out, "JPEG", **options)
    return out.getvalue()


JPEG = jpeg()


@dataclass
class PlayedEngine:
    """The engine's end of COMMAND: keeps the pictures it is given and answers what the test says, when it says so."""

    router: bus.Router
    answer: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda body: TAKEN
    # Set: answers at once. Cleared: keeps everybody waiting.
    open: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    frames: list[tuple[dict[str, Any], bytes, float]] = field(default_factory=list)

    def run(self) -> None:
        waiting: list[tuple[bytes, dict[str, Any]]] = []
        while not self.stopped.is_set():
            if self.router.socket.poll(5):
                for peer, header, payload in self.router.receive():
                    if header["name"] in ("frame", "ring"):
                        self.frames.append((header["body"], payload, time.monotonic()))
                        waiting.append((peer, header))
            if self.open.is_set():
                for peer, header in waiting:
                    answer = self.answer(header["body"])
                    if answer is not None:
                        self.router.send(peer, {"type": "reply", "id": header["id"], "body": answer}, b"")
                waiting.clear()

    def bodies(self) -> list[dict[str, Any]]:
        return [body for body, _, _ in self.frames]


@contextmanager
def played_engine() -> Iterator[PlayedEngine]:
    context: zmq.Context[Any] = zmq.Context()
    engine = PlayedEngine(bus.Router(context, bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands))
    engine.open.set()
    thread = threading.Thread(target=engine.run)
    thread.start()
    try:
        yield engine
    finally:
        engine.stopped.set()
        thread.join()
        engine.router.close()
        context.term()


@dataclass
class PushHouse:
    """A house with one camera that is sent to, `pier`, and its key."""

    web: Web
    voice: Voice
    engine: PlayedEngine
    camera: Camera
    key: str

    def post(
        self, data: bytes = JPEG, path: str = "/api/v1/cameras/pier/frames", key: str | None = "", **headers: str
    ) -> "Told":
        """Send a picture on a connection of its own; `key` None: none, "": the right one."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            given["X-Camera-Auth"] = key or self.key
        return posted(self.web.port, data, path, given)


@dataclass(frozen=True)
class Told:
    status: int
    body: bytes
    headers: http.client.HTTPMessage

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


def posted(port: int, data: Any, path: str, headers: dict[str, str]) -> Told:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        client.request("POST", path, body=data, headers=headers)
        reply = client.getresponse()
        return Told(reply.status, reply.read(), reply.headers)
    finally:
        client.close()


@contextmanager
def push_house() -> Iterator[PushHouse]:
    """All of it running; keys and wrong keys are forgotten first."""
    camera = Camera.objects.create(name="Pier", slug="pier", kind="push")
    key = keys.issue(camera)
    reception.current_keyring = keyring.Keyring()
    reception.current_wrong_keys = keyring.WrongKeys()
    ringing.current_bell = ringing.Bell()
    with Voice() as voice, played_engine() as engine, Web() as web:
        voice.online(camera.pk)
        yield PushHouse(web, voice, engine, camera, key)
