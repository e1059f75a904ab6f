"""An engine in the test's process, with real sockets and the real rows thread; the test plays its camera's process."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import zmq
from django.db import connections

from camera import bus
from camera.engine.loop import Engine
from camera.models import Camera
from tests.engine_house import child_of
from tests.house import wait_for


class Scene:
    """An engine with the camera Yard, whose process is played by the test."""

    def __init__(self, ends: bus.Endpoints, media: Path, yard: Camera) -> None:
        self.ends, self.media, self.yard = ends, media, yard
        self.configs: list[dict[str, Any]] = []
        self.context: zmq.Context[Any] = zmq.Context()
        self.commands: list[dict[str, Any]] = []

    def spawn(self, config: dict[str, Any]) -> "subprocess.Popen[bytes]":
        self.configs.append(config)
        return subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)

    def begin(self, jobs: list[Callable[[], object]]) -> None:
        self.engine = Engine(self.ends, jobs)
        self.thread = threading.Thread(target=self.engine.run)
        self.thread.start()
        wait_for(lambda: self.configs, 10, "the camera process")
        self.child = child_of(self.yard, self.media, self.configs[0]["token"])
        self.sender = bus.ReportSender(self.context, self.ends.reports, self.child.token)
        wait_for(self._connected, 5, "the connection")
        self.listener = bus.connect(self.context, zmq.SUB, self.ends.media_out, 100)
        self.listener.subscribe(b"event:")
        self.listener.subscribe(b"state:")

    def _connected(self) -> bool:
        self.sender.state({"state": "connecting", "orders": 1})
        child = self.engine._supervisor.slots[self.yard.pk].child
        return child is not None and child.heard is not None

    def end(self) -> None:
        self.engine.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.sender.close()
        self.listener.close()
        self.context.destroy(linger=0)
        connections.close_all()

    def report(self, *reports: Any) -> None:
        for one in reports:
            self.sender.report(one.KIND, asdict(one))

    def acknowledged(self) -> bool:
        self.commands += [header for header, _ in self.sender.commands()]
        self.sender.resend()
        return not self.sender.kept

    def heard(self, topic: bytes, seconds: float = 5.0) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.listener.poll(200):
                name, header, _ = self.listener.recv_multipart()
                if name == topic:
                    return bus.decode(header) or {}
        raise AssertionError(f"nothing of {topic!r}")
