"""The engine with real sockets and a real database: reports are acknowledged when they are rows, and not before."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from camera import bus
from camera.commands import ask_engine
from camera.engine import supervisor
from camera.models import Camera, Event, Grant, Recording
from camera.orders import Orders
from tests.engine_house import NOON, child_of, closed, opened, seen
from tests.engine_scene import Scene
from tests.house import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, transactional_db: None, yard: Camera
) -> Iterator[Scene]:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path / "media", [tmp_path / "media"]
    (tmp_path / "media").mkdir()
    monkeypatch.setattr("camera.engine.rows.BUSY_SECONDS", 0.3)
    monkeypatch.setattr("camera.bus.ReportSender.RESEND", 0.3)
    scene = Scene(bus.endpoints(tmp_path / "run"), tmp_path / "media", yard)
    monkeypatch.setattr(supervisor, "spawn", scene.spawn)
    scene.begin([])
    yield scene
    scene.end()


@contextmanager
def locked() -> Iterator[None]:
    """Somebody holds the database as hard as SQLite lets one."""
    holder = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def test_reports_become_rows_and_are_acknowledged(scene: Scene) -> None:
    scene.report(opened(scene.child), seen(scene.child), closed())
    wait_for(scene.acknowledged, 5, "the acknowledgement")
    row = Recording.objects.get()
    assert (row.state, row.camera, row.writer) == ("closed", scene.yard, scene.child.token)
    event = Event.objects.get()
    assert event.recording == row
    assert scene.engine.intake.counts.written == 3


def test_an_event_is_told_once_it_can_be_found(scene: Scene) -> None:
    scene.heard(bus.topic(bus.STATE, scene.yard.pk))  # the subscription stands
    scene.report(seen(scene.child))
    told = scene.heard(bus.topic("event", scene.yard.pk))
    assert told == {"event": Event.objects.get().pk}


def test_nothing_is_lost_while_the_database_is_locked(scene: Scene) -> None:
    scene.report(opened(scene.child))
    wait_for(scene.acknowledged, 5, "the first")
    with locked():
        for number in range(60):
            at = NOON + number
            scene.report(
                seen(scene.child, f"{number:08x}", at), seen(scene.child, f"{number:08x}", at, ended_at=at + 1)
            )
        scene.report(closed())
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert not scene.acknowledged() and len(scene.sender.kept) == 121
            scene.sender.state({"state": "online", "fps": 7.0})
            assert ask_engine(scene.ends.commands, "ping", {}, seconds=2)[0]["ok"]
            time.sleep(0.1)
        state = bus.topic(bus.STATE, scene.yard.pk)
        wait_for(lambda: scene.heard(state)["fps"] == 7.0, 5, "the state that was said meanwhile")
        assert Recording.objects.get().state == "open" and not Event.objects.exists()
    wait_for(scene.acknowledged, 10, "all of them")
    events = list(Event.objects.order_by("pk").values_list("uid", "ended_at", "recording__state"))
    assert [uid for uid, _, _ in events] == [f"{number:08x}" for number in range(60)]
    assert all(ended_at and state == "closed" for _, ended_at, state in events)


def test_what_is_left_is_written_before_the_end(scene: Scene) -> None:
    with locked():
        scene.report(opened(scene.child))
        wait_for(lambda: not scene.acknowledged() and scene.engine.intake._waiting, 5, "its arrival")
        scene.engine.stop.set()
        time.sleep(0.5)
    scene.thread.join(15)
    assert Recording.objects.count() == 1


def test_a_report_that_was_lost_on_the_way_is_put_in_its_place(scene: Scene) -> None:
    scene.report(closed())
    wait_for(lambda: scene.acknowledged() or scene.engine.intake._tries, 5, "the first try")
    assert scene.sender.kept
    scene.report(opened(scene.child))
    wait_for(scene.acknowledged, 5, "both")
    assert Recording.objects.get().state == "closed" and scene.engine.intake.counts.bad == 0


def test_strangers_are_not_listened_to(scene: Scene) -> None:
    stranger = bus.ReportSender(scene.context, scene.ends.reports, "stranger")
    report = opened(scene.child)
    stranger.report(report.KIND, asdict(report))
    wait_for(lambda: stranger.resend() or scene.engine.intake.counts.strangers, 5, "the stranger")
    assert not Recording.objects.exists() and list(stranger.commands()) == [] and stranger.kept
    stranger.close()


def test_bad_reports_are_counted_and_not_asked_for_again(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.sender.report("nonsense", {})
    scene.sender.report("recording_opened", {"uid": "../../etc"})
    scene.report(opened(child_of(Camera(pk=scene.yard.pk, slug="gate", name="Gate"), scene.media)))
    wait_for(scene.acknowledged, 5, "the answers")
    scene.sender._send({"type": "report", "seq": [1], "kind": "event", "body": {}})
    wait_for(lambda: scene.engine.intake.counts.bad >= 4, 5, "the last")
    assert not Recording.objects.exists()
    assert caplog.text.count("a bad report is dropped") == 1


def record(scene: Scene, user: User, **values: Any) -> dict[str, Any]:
    body = {"camera": scene.yard.pk, "on": True, "session": None, "user": user.pk, "name": user.username} | values
    return ask_engine(scene.ends.commands, "record", body, seconds=5)[0]


def test_record_is_answered_when_the_process_has_been_told(scene: Scene, bob: User, bob_records: Grant) -> None:
    scene.sender.state({"state": "online", "orders": 1})
    wait_for(lambda: scene.engine._supervisor.slots[scene.yard.pk].state.state == "online", 5, "online")
    assert record(scene, bob) == {"ok": True, "recording": True, "reasons": ["manual:bob"]}
    wait_for(lambda: scene.acknowledged() and scene.commands, 5, "the orders")
    told = scene.commands[0]
    assert told["name"] == "orders" and Orders.from_dict(told["body"]).reasons == ("manual:bob",)
    assert record(scene, bob, on=False) == {"ok": True, "recording": False, "reasons": []}


def test_record_says_what_goes_on_anyway(scene: Scene, bob: User, bob_records: Grant) -> None:
    Camera.objects.update(record="always")
    scene.sender.state({"state": "online", "orders": 1, "reasons": ["always", "motion"]})
    wait_for(lambda: scene.engine._supervisor.slots[scene.yard.pk].state.reasons, 5, "its state")
    assert record(scene, bob)["reasons"] == ["always", "motion", "manual:bob"]
    assert record(scene, bob, on=False) == {"ok": True, "recording": True, "reasons": ["always", "motion"]}


def test_record_of_a_camera_that_is_off_waits_for_it(scene: Scene, bob: User, bob_records: Grant) -> None:
    assert record(scene, bob) == {"ok": True, "recording": False, "reasons": ["manual:bob"]}


def test_record_of_no_camera_and_of_nonsense(scene: Scene, bob: User) -> None:
    assert record(scene, bob, camera=scene.yard.pk + 1)["code"] == "not_found"
    assert record(scene, bob, camera="x")["code"] == "bad_request"


def test_record_while_the_database_is_locked_says_busy(scene: Scene, bob: User) -> None:
    with locked():
        answer = record(scene, bob)
    assert (answer["ok"], answer["code"]) == (False, "busy")
