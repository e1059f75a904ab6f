"""A real bus for tests of real camera processes: the engine's ends, and a viewer's, without an engine."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import zmq

from camera import bus
from camera.engine import supervisor
from camera.orders import Orders
from camera.packets import CameraState, SourceConfig
from camera.sources import Timeouts
from tests.house import wait_for


@dataclass(frozen=True)
class Picture:
    header: dict[str, Any]
    data: bytes
    came_at: float


@dataclass
class Hub:
    """`pump` takes everything that has come in; `states` and `pictures` hold it, by camera."""

    folder: Path
    states: dict[int, list[CameraState]] = field(default_factory=dict)
    replies: list[dict[str, Any]] = field(default_factory=list)
    # (kind, body) of what became rows if this were an engine; acknowledged at once, with the values of `verdict`.
    reports: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    verdict: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: {"taken": True, "known": False}
    peers: dict[bytes, int] = field(default_factory=dict)
    pictures: dict[int, list[Picture]] = field(default_factory=dict)
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ends = bus.endpoints(self.folder / "run")
        self.context: zmq.Context[Any] = zmq.Context()
        self.proxy = bus.MediaProxy(self.context, self.ends)
        self.proxy.start()
        self.router = bus.Router(self.context, self.ends.reports)
        self.viewers: dict[int, zmq.Socket[bytes]] = {}

    def start(
        self,
        source: SourceConfig,
        camera: int = 7,
        timeouts: Timeouts | None = None,
        orders: Orders | None = None,
        **pipes: int,
    ) -> "subprocess.Popen[bytes]":
        """The real process, started as the engine does it."""
        told: dict[str, object] = {
            "camera": camera,
            "token": f"token-{camera}-{len(self.processes)}",
            "source": asdict(source),
            "endpoints": self.ends.as_dict(),
            "timeouts": asdict(timeouts or Timeouts()),
            "orders": (orders or Orders()).as_dict(),
        }
        process = supervisor.spawn(told, **pipes)
        self.processes.append(process)
        return process

    def watch(self, camera: int = 7) -> None:
        socket = bus.connect(self.context, zmq.SUB, self.ends.media_out, 100)
        socket.subscribe(bus.topic(bus.JPEG, camera))
        self.unwatch(camera)
        self.viewers[camera] = socket
        self.pictures.setdefault(camera, [])

    def unwatch(self, camera: int = 7) -> None:
        if camera in self.viewers:
            self.viewers.pop(camera).close()

    def pump(self) -> None:
        for peer, header, _ in self.router.receive():
            self.peers[peer] = len(self.peers)
            if header.get("type") == "state":
                state = CameraState.from_dict(header["state"])
                self.states.setdefault(state.camera, []).append(state)
            elif header.get("type") == "reply":
                self.replies.append(header)
            elif header.get("type") == "report":
                self.reports.append((header["kind"], header["body"]))
                self.router.send(peer, {"type": "ack", "seq": header["seq"]} | self.verdict(header["body"]))
        for camera, socket in self.viewers.items():
            while True:
                try:
                    _, header, data = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                self.pictures[camera].append(Picture(json.loads(header), data, time.time()))

    def order(self, orders: Orders) -> None:
        """Tell every camera process that has been heard of."""
        for peer in self.peers:
            command = {"type": "command", "id": str(orders.number), "name": "orders", "body": orders.as_dict()}
            self.router.send(peer, command)

    def reported(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of all reports of that kind."""
        self.pump()
        return [body for said, body in self.reports if said == kind]

    def wait(self, condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> object:
        def pumped() -> object:
            self.pump()
            return condition()

        return wait_for(pumped, seconds, what)

    def state(self, camera: int = 7) -> CameraState:
        self.pump()
        heard = self.states.get(camera)
        return heard[-1] if heard else CameraState(camera, "")

    def wait_state(self, state: str, reason: str | None = None, camera: int = 7, seconds: float = 10.0) -> CameraState:
        def there() -> bool:
            now = self.state(camera)
            return now.state == state and (reason is None or now.reason == reason)

        self.wait(there, seconds, f"camera {camera} to be {state} {reason or ''} (is {self.state(camera)})")
        return self.state(camera)

    def wait_pictures(self, count: int = 1, camera: int = 7, seconds: float = 10.0) -> list[Picture]:
        """The next `count` pictures from now on."""
        before = len(self.pictures[camera])
        self.wait(lambda: len(self.pictures[camera]) >= before + count, seconds, f"{count} pictures")
        return self.pictures[camera][before:]

    def close(self) -> None:
        for process in self.processes:
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
            if process.poll() is None:
                process.kill()
            process.wait()
        for camera in list(self.viewers):
            self.unwatch(camera)
        self.router.close()
        self.context.term()
        self.proxy.join(2)


def probe(source: SourceConfig, timeouts: Timeouts | None = None) -> tuple[dict[str, Any], bytes]:
    """What the real `--probe` says."""
    told: dict[str, object] = {"camera": 0, "token": "", "source": asdict(source)}
    if timeouts is not None:
        told["timeouts"] = asdict(timeouts)
    process = supervisor.spawn(told, "--probe", stdout=subprocess.PIPE)
    assert process.stdout and process.stdin
    output = process.stdout.read()
    process.stdout.close()
    process.stdin.close()
    assert process.wait(5) == 0
    line, _, picture = output.partition(b"\n")
    return json.loads(line), picture
