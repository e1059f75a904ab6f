"""A live house without cameras: a real MEDIA proxy with an engine's voice on it, and the web process's application."""

import http.client
import queue
import threading
import time
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any

import uvicorn
import zmq
from django.conf import settings
from django.test import Client
from websockets.sync.client import ClientConnection, connect

from accounts.models import User
from camera import bus
from camera.live import hub
from camera.packets import CameraState
from main import watchers
from main.management.commands.web import uvicorn_config
from main.serving.listen import listen
from tests.house import free_port, wait_for

# A complete JPEG of one grey dot.
DOT = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f1e1d1a"
    "1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc0000b080001000101011100ffc4001f000001050101010101"
    "0100000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d01020300041105122131410613516107"
    "227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a"
    "636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7"
    "c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda0008010100003f00fbd2800affd9"
)


class Voice(threading.Thread):
    """What an engine and its camera processes say on MEDIA: a heartbeat and states every 0.2 s, frames when told."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.states: dict[int, CameraState] = {}
        self.wanted: set[bytes] = set()
        self._frames: queue.SimpleQueue[tuple[bytes, dict[str, Any], bytes] | None] = queue.SimpleQueue()
        self._context: zmq.Context[Any] = zmq.Context()

    def __enter__(self) -> "Voice":
        ends = bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME)
        bus.MediaProxy(self._context, ends).start()
        self._socket = bus.connect(self._context, zmq.XPUB, ends.media_in, 1000)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.put(None)
        self.join(5)
        self._context.term()

    def online(self, camera: int, **values: Any) -> None:
        usual = CameraState(camera, "online", since=time.time() - 60, fps=10.0, width=1, height=1)
        self.say(replace(usual, **values))

    def offline(self, camera: int, reason: str = "NO_SIGNAL") -> None:
        self.say(CameraState(camera, "offline", reason, since=time.time()))

    def say(self, state: CameraState) -> None:
        self.states[state.camera] = state

    def frame(self, camera: int, data: bytes = DOT, captured_at: float | None = None, **header: Any) -> float:
        """Send a picture; its capture time."""
        at = time.time() if captured_at is None else captured_at
        self._frames.put((bus.topic(bus.JPEG, camera), {"t": at, "seq": 1, "w": 1, "h": 1} | header, data))
        return at

    def raw(self, name: bytes, header: dict[str, Any], payload: bytes = b"") -> None:
        self._frames.put((name, header, payload))

    def watched(self, camera: int) -> bool:
        return bus.topic(bus.JPEG, camera) in self.wanted

    def run(self) -> None:
        said = 0.0
        while True:
            try:
                message = self._frames.get(timeout=0.005)
            except queue.Empty:
                message = (b"", {}, b"")
            if message is None:
                break
            if message[0]:
                self._socket.send_multipart([message[0], bus.encode(message[1]), message[2]])
            asked = self._hear()
            if asked or time.monotonic() - said > 0.2:
                said = time.monotonic()
                self._speak()
        self._socket.close()

    def _hear(self) -> bool:
        asked = False
        while self._socket.poll(0):
            message = self._socket.recv()
            asked = asked or message[:1] == b"\x01"
            (self.wanted.add if message[:1] == b"\x01" else self.wanted.discard)(message[1:])
        return asked

    def _speak(self) -> None:
        self._socket.send_multipart([bus.topic(bus.ENGINE), bus.encode({"at": time.time()}), b""])
        for camera, state in list(self.states.items()):
            self._socket.send_multipart([bus.topic(bus.STATE, camera), bus.encode(asdict(state)), b""])


class Web:
    """The application in a real server, in a thread of the test's process, with a hub that knows nothing yet."""

    def __enter__(self) -> "Web":
        hub._current = watchers._current = None
        self.port = free_port()
        options = uvicorn_config()
        options.timeout_graceful_shutdown = 1
        self._server = uvicorn.Server(options)
        self._thread = threading.Thread(target=self._server.run, args=([listen("127.0.0.1", self.port)],), daemon=True)
        self._thread.start()
        wait_for(lambda: self._server.started, 20, "the server")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        hub._current = watchers._current = None

    def get(self, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        """The reply, its body not read yet; close it in the end."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=12)
        client.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return client.getresponse()

    def socket(self, path: str = "/ws/live/", **headers: str) -> ClientConnection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"ws://127.0.0.1:{self.port}{path}"
        return connect(url, additional_headers=named, open_timeout=10, max_size=None, legacy=True)


def cookie_of(user: User) -> str:
    """A browser's log-in as a Cookie header."""
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def read_part(reply: http.client.HTTPResponse) -> tuple[dict[str, str], bytes]:
    """The next part of an MJPEG stream: its headers and body."""
    line = b""
    while line.strip() in (b"", b"--frame"):
        line = reply.readline()
        assert line, "the stream has ended"
    headers: dict[str, str] = {}
    while line.strip():
        name, _, value = line.decode().partition(":")
        headers[name] = value.strip()
        line = reply.readline()
    return headers, reply.read(int(headers["Content-Length"]))
