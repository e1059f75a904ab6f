"""For the camera pages' tests: an engine's end of the command channel, a camera with a password, a filled-in form."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq
from django.conf import settings
from django.test import Client

from accounts.models import User
from camera import bus
from camera.models import Camera

SECRET = "S3CRETpw"
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
GOOD = {"ok": True, "codec": "h264", "width": 1280, "height": 720, "seconds": 0.81}


@dataclass
class EngineEnd:
    """The engine's end of the command channel: keeps what it is asked and answers what the test says."""

    router: bus.Router
    answer: tuple[dict[str, Any], bytes] = (GOOD, JPEG)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    heard: threading.Condition = field(default_factory=threading.Condition)

    def run(self) -> None:
        while not self.stop.is_set():
            if not self.router.socket.poll(50):
                continue
            for peer, header, _ in self.router.receive():
                with self.heard:
                    self.asked.append((header["name"], header["body"]))
                    self.heard.notify_all()
                if header["name"] == "test":
                    body, picture = self.answer
                    self.router.send(peer, {"type": "reply", "id": header["id"], "body": body}, picture)

    def wait_for(self, name: str, body: dict[str, Any]) -> bool:
        with self.heard:
            return self.heard.wait_for(lambda: (name, body) in self.asked, 5)

    @property
    def sources(self) -> list[dict[str, Any]]:
        return [body["source"] for name, body in self.asked if name == "test"]


@contextmanager
def engine_end(run_dir: Path) -> Iterator[EngineEnd]:
    """An engine's end at `run_dir`, answering in a thread."""
    context: zmq.Context[Any] = zmq.Context()
    end = EngineEnd(bus.Router(context, bus.endpoints(run_dir, settings.ENGINE_NAME).commands))
    thread = threading.Thread(target=end.run)
    thread.start()
    try:
        yield end
    finally:
        end.stop.set()
        thread.join()
        end.router.close()
        context.term()


def make_door(keeper: User) -> Camera:
    """An RTSP camera with a password."""
    camera = Camera(name="Door", slug="door", kind="rtsp", address="rtsp://10.0.0.9/s1", username="cam", keeper=keeper)
    camera.set_password(SECRET)
    camera.save()
    return camera


def form_values(client: Client, path: str) -> dict[str, Any]:
    """What a browser would post from the form at `path`, unchanged."""
    form = client.get(path).context["form"]
    values: dict[str, Any] = {}
    for bound in form:
        value = bound.value()
        if value is True:
            values[bound.html_name] = "on"
        elif value not in (None, False):
            values[bound.html_name] = value
    return values


def password_of(camera: Camera) -> str:
    return Camera.objects.get(pk=camera.pk).source_config().password
