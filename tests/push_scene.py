"""What tests of pushed frames in the engine share: the Scene's engine with a push camera, its process played here."""

import time
from typing import Any

import zmq

from camera import bus
from camera.paths import event_picture
from camera.reports import PushedStill
from tests.engine_house import NOON
from tests.engine_scene import Scene
from tests.house import wait_for

JPEG = b"\xff\xd8" + bytes(100_000) + b"\xff\xd9"


def frame(camera: int, **values: Any) -> dict[str, Any]:
    """The body of the command `frame`."""
    usual: dict[str, Any] = {"captured_at": NOON, "clock": "arrival", "late": False, "kind": "", "sender_id": ""}
    return usual | {"camera": camera, "width": 640, "height": 480} | values


def still(slug: str, uid: str = "000000f1", of: str = "", at: float = NOON, **values: Any) -> PushedStill:
    """A flagged picture's report; the first of its event unless `of` names that."""
    kind = values.pop("kind", "spill")
    usual: dict[str, Any] = {"started_at": NOON, "captured_at": at, "sha256": uid * 8, "bytes": 1000}
    return PushedStill(of or uid, uid, kind, image=event_picture(slug, kind, at, uid), **(usual | values))


class Asker:
    """A web process's end of COMMAND that does not wait for answers."""

    def __init__(self, scene: Scene) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.socket = bus.connect(self.context, zmq.DEALER, scene.ends.commands, 1000, b"asker")
        self.socket.sndtimeo = 5000
        self.answers: dict[str, dict[str, Any]] = {}
        self.came: list[str] = []

    def ask(self, ident: str, body: dict[str, Any], seconds: float = 5.0, payload: bytes = JPEG) -> None:
        header = {"type": "command", "id": ident, "name": "frame", "body": body, "deadline": time.time() + seconds}
        self.socket.send_multipart([bus.encode(header), payload])

    def answer(self, ident: str, seconds: float = 5.0) -> dict[str, Any]:
        wait_for(lambda: self._read() or ident in self.answers, seconds, f"the answer to {ident}")
        return self.answers[ident]

    def _read(self) -> None:
        while self.socket.poll(10):
            header = bus.decode(self.socket.recv_multipart()[0]) or {}
            self.answers[header["id"]] = header["body"]
            self.came.append(header["id"])

    def close(self) -> None:
        self.context.destroy(linger=0)


def told(sender: bus.ReportSender, seconds: float = 5.0) -> tuple[dict[str, Any], bytes]:
    """The next frame that the camera's process is told of."""
    found: list[tuple[dict[str, Any], bytes]] = []

    def look() -> bool:
        found.extend(one for one in sender.commands() if one[0].get("name") == "frame")
        return bool(found)

    wait_for(look, seconds, "the frame")
    assert len(found) == 1
    return found[0]
