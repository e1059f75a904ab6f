"""The supervisor with real child processes and a clock of our own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camera import bus
from camera.engine import supervisor as module
from camera.engine.supervisor import Supervisor, Wanted
from camera.orders import Orders
from camera.packets import CameraState, SourceConfig, StateName
from tests.house import wait_for

PLAIN = Orders(slug="yard", storage="/media", media="/media")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A supervisor whose children are small processes that only wait, or end at once."""

    def __init__(self, ends: bus.Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.code, self.changes = Clock(), "import sys; sys.stdin.read()", list[CameraState]()
        self.sent = list[tuple[str, dict[str, Any]]]()
        self.ended = list[module.Child]()
        self.configs = list[dict[str, Any]]()
        self.supervisor = Supervisor(
            ends, self.changes.append, lambda *told: self.sent.append(told), self.ended.append, self.clock
        )
        monkeypatch.setattr(module, "spawn", self.spawn)

    def spawn(self, config: dict[str, object]) -> "subprocess.Popen[bytes]":
        self.configs.append(config)
        return subprocess.Popen([sys.executable, "-S", "-c", self.code], stdin=subprocess.PIPE)

    def want(self, source: str = "pattern", enabled: bool = True, **orders: Any) -> None:
        self.supervisor.want([Wanted(7, enabled, SourceConfig(source), replace(PLAIN, **orders))])
        self.supervisor.step()

    def says(self, **values: Any) -> None:
        assert self.child is not None
        self.supervisor.heard(self.child.token, {"state": "online"} | values)

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
        # One that was started at once may have ended already: it is counted in the next round.
        if not scene.child:
            scene.clock.now += 100
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
    scene.want("pattern")
    child = scene.child
    scene.want("pattern")
    assert scene.child is child
    scene.want("file")
    assert scene.child is not None and scene.child is not child
    assert child
    scene.wait_dead(child)


def test_a_disabled_or_removed_camera_is_stopped(scene: Scene) -> None:
    scene.want()
    child = scene.child
    assert child
    scene.want(enabled=False)
    scene.wait_dead(child)
    assert scene.child is None and scene.state.state == StateName.DISABLED
    scene.supervisor.want([])
    assert not scene.supervisor.slots


def test_a_process_that_ignores_the_end_is_killed(scene: Scene) -> None:
    scene.code = "import signal,time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    scene.want()
    child = scene.child
    assert child
    scene.want(enabled=False)
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


def test_a_process_starts_with_its_orders(scene: Scene) -> None:
    scene.want(mode="always")
    orders = Orders.from_dict(scene.configs[0]["orders"])
    assert (orders.number, orders.mode, orders.slug) == (1, "always", "yard")
    scene.says(orders=1)
    assert scene.sent == []


def test_new_orders_are_sent_at_once_and_restart_nothing(scene: Scene) -> None:
    scene.want()
    child = scene.child
    scene.want(reasons=("manual:bob",))
    assert child is not None and scene.child is child
    [(token, told)] = scene.sent
    assert (token, told["type"], told["name"]) == (child.token, "command", "orders")
    assert told["body"]["reasons"] == ("manual:bob",) and told["body"]["number"] == 2
    scene.want(reasons=("manual:bob",))
    assert len(scene.sent) == 1


def test_orders_are_sent_again_until_the_process_has_them(scene: Scene) -> None:
    scene.want()
    scene.want(mode="always")
    for _ in range(2):
        scene.says(orders=1)
    assert [told["body"]["number"] for _, told in scene.sent] == [2, 2, 2]
    scene.says(orders=2)
    assert len(scene.sent) == 3


def test_a_restarted_process_starts_with_the_newest_orders(scene: Scene) -> None:
    scene.want()
    scene.want(mode="motion")
    assert scene.child
    scene.child.process.kill()
    scene.wait_dead(scene.child)
    scene.supervisor.step()
    assert scene.configs[-1]["orders"]["mode"] == "motion" and scene.configs[-1]["orders"]["number"] == 2


def test_a_process_is_live_until_it_has_ended_and_known_a_while_longer(scene: Scene) -> None:
    scene.want()
    child = scene.child
    assert child is not None
    scene.want(enabled=False)
    scene.wait_dead(child)
    scene.supervisor.step()
    assert scene.ended == [child] and scene.supervisor.live_tokens() == frozenset()
    assert scene.supervisor.child_of(child.token) is child
    scene.clock.now += module.REMEMBERED + 1
    scene.supervisor.step()
    assert scene.supervisor.child_of(child.token) is None


def ignores(pid: int, number: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith("SigIgn:"))
    return bool(int(mask, 16) & 1 << number - 1)


def test_one_that_is_ending_is_live(scene: Scene) -> None:
    scene.code = "import signal,time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    scene.want()
    child = scene.child
    assert child is not None
    # From then on it does not hear that it is to end.
    wait_for(lambda: ignores(child.process.pid, signal.SIGTERM), 20, "the child to be deaf")
    scene.want(enabled=False)
    assert scene.supervisor.leaving == [child] and child.token in scene.supervisor.live_tokens()
    child.process.kill()


def test_the_places_it_was_ever_told_to_write_to_are_remembered(scene: Scene) -> None:
    scene.want()
    scene.want(slug="garden")
    assert scene.child is not None and scene.child.places == {("yard", "/media"), ("garden", "/media")}


def test_what_ending_processes_say_is_heard_while_all_are_stopped(scene: Scene) -> None:
    scene.want()
    heard: list[int] = []
    scene.supervisor.stop_all(lambda: heard.append(1))
    assert heard and len(scene.ended) == 1 and scene.supervisor.live_tokens() == frozenset()
