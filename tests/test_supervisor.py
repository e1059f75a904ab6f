"""The supervisor with real child processes and a clock of our own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camera import bus
from camera.engine import supervisor as module
from camera.engine.supervisor import Supervisor, Wanted
from camera.packets import CameraState, SourceConfig, StateName
from tests.house import wait_for


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A supervisor whose children are small processes that only wait, or end at once."""

    def __init__(self, ends: bus.Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.code, self.changes = Clock(), "import sys; sys.stdin.read()", list[CameraState]()
        self.supervisor = Supervisor(ends, self.changes.append, self.clock)
        monkeypatch.setattr(module, "spawn", self.spawn)

    def spawn(self, config: dict[str, object]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-S", "-c", self.code], stdin=subprocess.PIPE)

    def want(self, version: int = 1, enabled: bool = True) -> None:
        self.supervisor.want([Wanted(7, version, enabled, SourceConfig("pattern"))])
        self.supervisor.step()

    @property
    def child(self) -> module.Child | None:
        return self.supervisor.slots[7].child

    @property
    def state(self) -> CameraState:
        return self.supervisor.slots[7].state

    def wait_dead(self, child: module.Child) -> None:
        wait_for(lambda: child.process.poll() is not None, 5, "the end of the process")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    scene = Scene(bus.endpoints(tmp_path / "run"), monkeypatch)
    yield scene
    scene.supervisor.stop_all()


def test_an_enabled_camera_gets_a_process_and_a_state(scene: Scene) -> None:
    scene.want()
    assert scene.child is not None and scene.child.process.poll() is None
    assert (scene.state.state, scene.state.reason) == (StateName.CONNECTING, None)


def test_words_of_its_own_process_are_taken_and_of_others_not(scene: Scene) -> None:
    scene.want()
    assert scene.child
    scene.supervisor.heard("somebody-else", {"camera": 7, "state": "online"})
    assert scene.state.state == StateName.CONNECTING
    scene.supervisor.heard(scene.child.token, {"camera": 99, "state": "online", "fps": 15.0})
    assert (scene.state.camera, scene.state.state, scene.state.fps) == (7, "online", 15.0)
    assert scene.changes[-1].state == "online"


def test_a_dead_process_is_started_at_once_then_later_and_later(scene: Scene) -> None:
    scene.code = "pass"
    scene.want()
    starts = []
    for _ in range(4):
        child = scene.child
        assert child
        scene.wait_dead(child)
        scene.supervisor.step()
        starts.append(scene.supervisor.slots[7].next_start - scene.clock.now)
        scene.clock.now += 100 if not scene.child else 0
        scene.supervisor.step()
    assert starts[0] == 0 and starts[1:] == sorted(starts[1:]) and starts[-1] > 0
    assert scene.state.reason == "NO_SIGNAL" and "restarted" in scene.state.detail


def test_a_silent_process_is_killed(scene: Scene) -> None:
    scene.want()
    child = scene.child
    assert child
    scene.supervisor.heard(child.token, {"camera": 7, "state": "online"})
    scene.clock.now += module.SILENCE + 1
    scene.supervisor.step()
    scene.wait_dead(child)
    scene.supervisor.step()
    assert scene.child is not None and scene.child.process.pid != child.process.pid


def test_a_changed_camera_is_restarted_and_an_unchanged_one_left_alone(scene: Scene) -> None:
    scene.want(version=1)
    child = scene.child
    scene.want(version=1)
    assert scene.child is child
    scene.want(version=2)
    assert scene.child is not None and scene.child is not child
    assert child
    scene.wait_dead(child)


def test_a_disabled_or_removed_camera_is_stopped(scene: Scene) -> None:
    scene.want()
    child = scene.child
    assert child
    scene.want(version=2, enabled=False)
    scene.wait_dead(child)
    assert scene.child is None and scene.state.state == StateName.DISABLED
    scene.supervisor.want([])
    assert not scene.supervisor.slots


def test_a_process_that_ignores_the_end_is_killed(scene: Scene) -> None:
    scene.code = "import signal,time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    scene.want()
    child = scene.child
    assert child
    scene.want(version=2, enabled=False)
    scene.clock.now += module.STOP_SECONDS + 1
    scene.supervisor.step()
    scene.wait_dead(child)


def test_a_camera_process_gets_nothing_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "S3CRETpw")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:S3CRETpw@db/x")
    assert "S3CRETpw" not in repr(module.camera_environment())
    assert not {"SECRET_KEY", "DATABASE_URL"} & set(module.camera_environment())


def test_sigkill_of_the_process_is_noticed(scene: Scene) -> None:
    scene.want()
    assert scene.child
    os.kill(scene.child.process.pid, signal.SIGKILL)
    scene.wait_dead(scene.child)
    scene.supervisor.step()
    assert scene.child is not None and scene.child.process.poll() is None


def test_nonsense_from_a_process_becomes_a_named_fault(scene: Scene) -> None:
    scene.want()
    assert scene.child
    for odd in ({"state": "bogus", "reason": ["a"], "since": "x"}, {"state": "online", "width": 1.5}, {"state": None}):
        scene.supervisor.heard(scene.child.token, odd)
        assert (scene.state.camera, scene.state.state, scene.state.reason) == (7, "offline", "BAD_STREAM")
