"""The engine's loop over real sockets: odd commands are dropped and counted, good ones answered once."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from django.db import connections

from camera import bus
from camera.commands import EngineDownError, ask_engine
from camera.engine.loop import AlreadyRunningError, Engine, take_lock
from camera.engine.rows import Rows
from camera.packets import CameraState
from tests.house import wait_for


@pytest.fixture
def ends(tmp_path: Path) -> bus.Endpoints:
    return bus.endpoints(tmp_path / "run")


@pytest.fixture
def engine(ends: bus.Endpoints, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine without cameras, whose rows thread has nothing to look at."""
    monkeypatch.setattr("camera.engine.rows.wanted_cameras", lambda requests: [])
    monkeypatch.setattr("camera.engine.adoption.Adoption.step", lambda adoption: None)
    monkeypatch.setattr("camera.engine.outages.Outages.begin", lambda outages: None)
    monkeypatch.setattr("camera.engine.gaps.Gaps.begin", lambda gaps: None)
    monkeypatch.setattr("camera.engine.gaps.forget", lambda now: 0)
    monkeypatch.setattr("camera.engine.rows.checkpoint", lambda: None)
    engine = Engine(ends, jobs=[])
    thread = threading.Thread(target=engine.run)
    thread.start()
    yield engine
    engine.stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_ping_is_answered(engine: Engine, ends: bus.Endpoints) -> None:
    body, _ = ask_engine(ends.commands, "ping", {}, seconds=5)
    assert body["ok"] is True


def test_an_unknown_command_is_refused_with_words(engine: Engine, ends: bus.Endpoints) -> None:
    body, _ = ask_engine(ends.commands, "fly", {}, seconds=5)
    assert body == {"ok": False, "error": "no such command: fly"}


@pytest.mark.parametrize("deadline", ["abc", [1], None, {}, 0, -1, float("nan")])
def test_odd_and_past_deadlines_end_nothing(engine: Engine, ends: bus.Endpoints, deadline: Any) -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = bus.connect(context, zmq.DEALER, ends.commands, 10, b"odd")
    socket.sndtimeo = 5000
    message = {"type": "command", "id": "a", "name": "ping", "body": {}, "deadline": deadline}
    socket.send_multipart([bus.encode(message), b""])
    assert ask_engine(ends.commands, "ping", {}, seconds=5)[0]["ok"] is True
    assert not socket.poll(50), "it was answered"
    socket.close()
    context.term()


def test_a_test_of_nonsense_gives_a_reason(engine: Engine, ends: bus.Endpoints) -> None:
    for source in ({}, {"kind": "exec", "address": "/bin/sh"}, {"nonsense": 1}):
        body, picture = ask_engine(ends.commands, "test", {"source": source}, seconds=10)
        assert body["ok"] is False and body["reason"] and picture == b""


def test_the_demo_scene_can_be_tested(engine: Engine, ends: bus.Endpoints) -> None:
    body, picture = ask_engine(ends.commands, "test", {"source": {"kind": "pattern"}}, seconds=20)
    assert body["ok"] is True and (body["width"], body["height"]) == (960, 540)
    assert picture[:2] == b"\xff\xd8"


def test_there_is_one_engine_of_a_name(tmp_path: Path) -> None:
    with take_lock(tmp_path, "main"), take_lock(tmp_path, "other"), pytest.raises(AlreadyRunningError):
        take_lock(tmp_path, "main")
    take_lock(tmp_path, "main").close()


def test_an_engine_that_is_gone_is_noticed(ends: bus.Endpoints) -> None:
    with pytest.raises(EngineDownError):
        ask_engine(ends.commands, "ping", {}, seconds=0.2)


@pytest.mark.django_db(transaction=True)
def test_a_state_that_cannot_be_written_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def write(state: CameraState) -> None:
        if state.camera == 1:
            raise TypeError("nonsense")
        written.append(state.camera)

    monkeypatch.setattr("camera.engine.rows.write_state", write)
    rows = Rows(lambda wanted: None, [])
    rows.start()
    for camera in (1, 2):
        rows.state(CameraState(camera, "online"))
    wait_for(lambda: 2 in written, 5, "the other camera's state")
    rows.stop()
    connections.close_all()
