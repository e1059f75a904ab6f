"""Frames through the engine over real sockets: to their camera's process, and exactly one answer to whoever asked."""

import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camera import bus
from camera.commands import ask_engine
from camera.engine import forwarding, supervisor
from camera.engine.forwarding import MOST_WAITING, checked
from camera.models import Camera
from tests.engine_scene import Scene
from tests.house import wait_for
from tests.push_scene import JPEG, Asker, frame, told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, transactional_db: None, yard: Camera
) -> Iterator[Scene]:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path / "media", [tmp_path / "media"]
    (tmp_path / "media").mkdir()
    Camera.objects.update(kind="push")
    scene = Scene(bus.endpoints(tmp_path / "run"), tmp_path / "media", yard)
    monkeypatch.setattr(supervisor, "spawn", scene.spawn)
    scene.begin([])
    yield scene
    scene.end()


@pytest.fixture
def asker(scene: Scene) -> Iterator[Asker]:
    asker = Asker(scene)
    yield asker
    asker.close()


def test_a_frame_goes_to_its_camera_and_the_answer_comes_back(scene: Scene, asker: Asker) -> None:
    body = frame(scene.yard.pk, kind="spill", sender_id="pier-7", clock="source")
    asker.ask("a", body)
    header, payload = told(scene.sender)
    assert (header["type"], header["body"], payload) == ("command", body, JPEG) and header["deadline"] > time.time()
    assert not asker.socket.poll(50), "it was answered before the process had"
    scene.sender.reply(header["id"], {"ok": True, "event": "0000000e", "known": True})
    assert asker.answer("a") == {"ok": True, "event": "0000000e", "known": True}
    assert len(scene.engine.forwarding) == 0


def test_a_refusal_comes_back_in_the_process_s_own_words(scene: Scene, asker: Asker) -> None:
    asker.ask("a", frame(scene.yard.pk))
    header, _ = told(scene.sender)
    refused = {"ok": False, "code": "bad_image", "error": "It cannot be decoded."}
    scene.sender.reply(header["id"], refused)
    scene.sender.reply(header["id"], {"ok": True})
    assert asker.answer("a") == refused
    asker.ask("b", frame(scene.yard.pk))
    header, _ = told(scene.sender)
    scene.sender.reply(header["id"], {"ok": True})
    asker.answer("b")
    assert asker.came == ["a", "b"], "a second answer went through"


def test_only_the_process_that_was_asked_may_answer(scene: Scene, asker: Asker) -> None:
    asker.ask("a", frame(scene.yard.pk))
    header, _ = told(scene.sender)
    stranger = bus.ReportSender(scene.context, scene.ends.reports, "stranger")
    wait_for(lambda: stranger._send({"type": "reply", "id": header["id"], "body": {"ok": True}}), 5, "the stranger")
    scene.sender.reply("frame-99", {"ok": True})
    scene.sender._send({"type": "reply", "id": ["odd"], "body": {"ok": True}})
    time.sleep(0.1)
    assert not asker.socket.poll(0) and len(scene.engine.forwarding) == 1
    scene.sender.reply(header["id"], {"ok": False, "code": "busy", "error": "Later."})
    assert asker.answer("a")["code"] == "busy"
    stranger.close()


def test_what_makes_no_sense_from_the_process_is_not_passed_on() -> None:
    assert checked({"ok": True, "event": "../../x", "known": 1}) == {"ok": True, "event": "", "known": False}
    for odd in (None, [], {}, {"ok": "yes"}, {"ok": False, "code": "teapot", "error": "x"}, {"code": ["busy"]}):
        assert checked(odd)["code"] == "camera_down"
    words = checked({"ok": False, "code": "disk", "error": "full\n\x1b[2J" + "x" * 500})["error"]
    assert words.startswith("full[2Jx") and len(words) <= 200


def test_a_camera_that_is_not_there_takes_pictures_otherwise_or_is_off(scene: Scene, asker: Asker) -> None:
    for odd in (scene.yard.pk + 1, None, "1", True, [1]):
        asker.ask(repr(odd), frame(0) | {"camera": odd})
        assert asker.answer(repr(odd))["code"] == "not_found"
    slot = scene.engine._supervisor.slots[scene.yard.pk]
    slot.wanted = replace(slot.wanted, enabled=False)
    asker.ask("off", frame(scene.yard.pk))
    assert asker.answer("off")["code"] == "disabled"
    slot.wanted = replace(slot.wanted, enabled=True, source=replace(slot.wanted.source, kind="pattern"))
    asker.ask("pattern", frame(scene.yard.pk))
    assert asker.answer("pattern")["code"] == "not_found"


def test_a_process_that_ends_answers_at_once(scene: Scene, asker: Asker) -> None:
    for ident in "abc":
        asker.ask(ident, frame(scene.yard.pk))
    wait_for(lambda: len(scene.engine.forwarding) == 3, 5, "all three")
    child = scene.engine._supervisor.slots[scene.yard.pk].child
    assert child is not None
    child.process.kill()
    began = time.monotonic()
    assert [asker.answer(ident)["code"] for ident in "abc"] == ["camera_down"] * 3
    assert time.monotonic() - began < 1.0 and len(scene.engine.forwarding) == 0
    asker.ask("d", frame(scene.yard.pk))
    assert asker.answer("d", 1.0)["code"] == "camera_down"


def test_a_silent_process_is_not_waited_for_beyond_the_deadline(scene: Scene, asker: Asker) -> None:
    began = time.monotonic()
    asker.ask("a", frame(scene.yard.pk), seconds=0.6)
    assert asker.answer("a") == {"ok": False, "code": "camera_down", "error": forwarding.SILENT}
    assert time.monotonic() - began < 0.6
    header, _ = told(scene.sender)
    scene.sender.reply(header["id"], {"ok": True})
    time.sleep(0.05)
    assert not asker.socket.poll(0) and len(scene.engine.forwarding) == 0


def test_what_waits_for_one_camera_is_bounded(scene: Scene, asker: Asker) -> None:
    for number in range(MOST_WAITING + 1):
        asker.ask(str(number), frame(scene.yard.pk))
    assert asker.answer(str(MOST_WAITING))["code"] == "busy"
    assert asker.came == [str(MOST_WAITING)] and len(scene.engine.forwarding) == MOST_WAITING


def test_an_engine_that_stops_leaves_nobody_waiting(scene: Scene, asker: Asker) -> None:
    asker.ask("a", frame(scene.yard.pk))
    told(scene.sender)
    scene.engine.end_soon()
    assert asker.answer("a", 10.0) == {"ok": False, "code": "camera_down", "error": forwarding.STOPPING}


def test_what_the_rows_thread_has_done_is_answered_without_waiting(scene: Scene) -> None:
    """The loop looks up every 0.1 s by itself; answers must not wait for that."""
    times = []
    for _ in range(20):
        began = time.monotonic()
        done = threading.Event()
        scene.engine._later(done.set)
        assert done.wait(5)
        times.append(time.monotonic() - began)
    assert sorted(times)[10] < 0.02


@pytest.mark.slow
def test_two_hundred_frames_a_second_are_little_work(scene: Scene, asker: Asker) -> None:
    """Counts the whole process: the engine, the asker and the played camera together."""
    number = 600
    over = threading.Event()

    def camera() -> None:
        while not over.is_set():
            scene.sender.socket.poll(20)
            for header, _ in scene.sender.commands():
                scene.sender.reply(header["id"], {"ok": True})

    thread = threading.Thread(target=camera)
    thread.start()
    used, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    for one in range(number):
        asker.ask(str(one), frame(scene.yard.pk))
        asker.answer(str(one))
    now, wall = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    over.set()
    thread.join()
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(f"{cpu / number * 1e6:.0f} µs of CPU a frame, {wall / number * 1e3:.2f} ms there and back")
    assert cpu / number < 0.0025


def test_other_commands_are_answered_meanwhile(scene: Scene, asker: Asker) -> None:
    asker.ask("a", frame(scene.yard.pk))
    assert ask_engine(scene.ends.commands, "ping", {}, seconds=2)[0]["ok"] is True
