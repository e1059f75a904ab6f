"""An engine with a camera that can be moved, over real channels and with real rows; its control is the test's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from camera import bus, ports
from camera.commands import ask_engine
from camera.engine import supervisor
from camera.models import Camera
from camera.ptz import KINDS
from main.wiring import write_audit
from tests.engine_scene import Scene
from tests.house import wait_for
from tests.moving_kit import ScriptedDriver

HERE, THERE = "tapo://10.9.9.9", "onvif://10.9.9.8:8000"


def turn_into(camera: Camera, address: str, **values: Any) -> Camera:
    """A camera that can be moved, with its pictures known."""
    usual = {"stream_address": "rtsp://10.9.9.9/stream1", "username": "cam", "move_speed": 1.0}
    for name, value in (usual | values).items():
        setattr(camera, name, value)
    camera.kind, camera.address = address.partition(":")[0], address
    camera.set_password("S3CRETpw")
    camera.set_cloud_password("C10UDpw")
    camera.save()
    return camera


class Stage(Scene):
    def ask(self, do: str, camera: Camera | None = None, by: str = "bob", seconds: float = 5, **values: Any) -> Any:
        body = {"camera": (camera or self.yard).pk, "do": do, "by": by, "user": 1, "holder": f"{by}-page", **values}
        return ask_engine(self.ends.commands, "ptz", body, seconds=seconds)[0]

    def command(self, name: str, body: dict[str, Any], seconds: float = 10) -> Any:
        return ask_engine(self.ends.commands, name, body, seconds=seconds)[0]

    def driver(self, address: str = HERE) -> ScriptedDriver:
        wait_for(lambda: ScriptedDriver.made[address], 5, "a control")
        return ScriptedDriver.made[address][-1]

    def state(self, **wanted: Any) -> dict[str, Any]:
        """The next state that is told with these values."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            told = self.heard(bus.topic(bus.STATE, self.yard.pk))
            if all(told[name] == value for name, value in wanted.items()):
                return told
        raise AssertionError(f"no state with {wanted}")

    def says(self, **values: Any) -> None:
        self.sender.state({"state": "online", "orders": 1} | values)


@contextmanager
def staged(folder: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, yard: Camera) -> Iterator[Stage]:
    """`yard` becomes a Tapo camera whose pictures are known."""
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = folder / "media", [folder / "media"]
    (folder / "media").mkdir()
    for kind in ("tapo", "onvif"):
        monkeypatch.setitem(KINDS, kind, "tests.moving_kit:ScriptedDriver")
    monkeypatch.setattr(ScriptedDriver, "made", type(ScriptedDriver.made)(list))
    monkeypatch.setattr(ScriptedDriver, "told", {})
    monkeypatch.setattr(ports, "on_change", write_audit)
    stage = Stage(bus.endpoints(folder / "run"), folder / "media", turn_into(yard, HERE))
    monkeypatch.setattr(supervisor, "spawn", stage.spawn)
    stage.begin([])
    yield stage
    if stage.thread.is_alive():
        stage.end()
