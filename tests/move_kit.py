"""For tests of what people meet of cameras that move: an engine's end of COMMAND, and a camera with a motor."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import zmq
from django.conf import settings

from accounts.models import User
from camera import bus
from camera.models import Camera, Grant, Right

ABILITIES = ["pan_tilt", "zoom", "presets", "home", "privacy", "led", "alarm", "night"]
INFO = {
    "ok": True,
    "abilities": ABILITIES,
    "model": "Turner 5",
    "presets": [{"token": "1", "name": "Gate"}, {"token": "2", "name": "<b>Tree</b>"}],
    "switches": {"privacy": False, "led": True, "alarm": None, "night": "auto"},
    "moving_by": None,
}
PICTURE = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
Answer = dict[str, Any] | None


class PtzEngine(threading.Thread):
    """Keeps what it is asked, with the moment it came, and answers what the test says; None for no answer at all."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: list[tuple[float, str, dict[str, Any]]] = []
        self.answers: dict[str, Answer | Callable[[dict[str, Any]], Answer]] = {
            "ptz": lambda body: INFO if body["do"] == "info" else {"ok": True},
            "test": {"ok": True, "codec": "h264", "width": 1920, "height": 1080, "seconds": 0.4},
        }
        self._news, self._over = threading.Condition(), threading.Event()
        self._context: zmq.Context[Any] = zmq.Context()
        self._router = bus.Router(self._context, bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands)

    def run(self) -> None:
        while not self._over.is_set():
            if not self._router.socket.poll(20):
                continue
            for peer, header, _ in self._router.receive():
                name, body = header["name"], header["body"]
                with self._news:
                    self.asked.append((time.monotonic(), name, body))
                    self._news.notify_all()
                answer = self.answers.get(name)
                told = answer(body) if callable(answer) else answer
                if told is not None:
                    reply = {"type": "reply", "id": header["id"], "body": told}
                    self._router.send(peer, reply, PICTURE if name == "test" else b"")
        self._router.close()
        self._context.term()

    def stop(self) -> None:
        self._over.set()
        self.join(5)

    def bodies(self, name: str = "ptz", do: str = "") -> list[dict[str, Any]]:
        return [body for _, asked, body in self.asked if asked == name and do in ("", body.get("do"))]

    def moves(self) -> list[tuple[float, float, float]]:
        return [(body["pan"], body["tilt"], body["zoom"]) for body in self.bodies(do="move")]

    def wait(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        with self._news:
            assert self._news.wait_for(lambda: bool(condition()), seconds), self.asked


@contextmanager
def ptz_engine() -> Iterator[PtzEngine]:
    engine = PtzEngine()
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def make_turner(keeper: User | None, **values: Any) -> Camera:
    """A camera with a motor and all switches, which nobody else may see."""
    usual = {
        "name": "Gate", "slug": "gate", "kind": "onvif", "address": "onvif://10.0.0.9:8000", "abilities": ABILITIES,
        "stream_address": "rtsp://10.0.0.9/main", "model": "Turner 5", "keeper": keeper,
    }  # fmt: skip
    return Camera.objects.create(**usual | values)


def may(user: User, camera: Camera, *rights: Right) -> None:
    for right in rights:
        Grant.objects.create(camera=camera, user=user, right=right)
