"""A button on a pin: debounced, told to the engine, and kept with its time while nobody takes it."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from camera.commands import EngineDownError
from camera.models import Camera
from main import doorbell
from main.doorbell import REST, Doorbell, Press, Spool
from main.management.commands import doorbell as command
from tests.engine_house import NOON
from tests.house import BASE, RealHouse, wait_for


class Engine:
    """What is asked of the engine; down, busy, or there."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] | None = {"ok": True, "event": 7}

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        if self.answer is None:
            raise EngineDownError("no answer")
        return self.answer


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return NOON + self.now


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "doorbell-door-17.jsonl"


@pytest.fixture
def bell(file: Path, engine: Engine, time: Time) -> Doorbell:
    return Doorbell(Spool(file), "door", engine, time, time.wall)


def test_a_press_is_told_at_once_and_leaves_nothing(bell: Doorbell, engine: Engine, file: Path) -> None:
    bell.press()
    assert bell.step()
    (body,) = engine.asked
    assert len(body.pop("id")) == 32 and body == {"slug": "door", "way": "pin", "at": NOON + 100}
    assert not file.exists() and not bell.step()


def test_a_worn_contact_rings_once(bell: Doorbell, engine: Engine, time: Time) -> None:
    for step in (0.0, 0.01, REST / 2, REST):
        time.now = 100.0 + step
        bell.press()
    while bell.step():
        pass
    assert [body["at"] for body in engine.asked] == [NOON + 100, NOON + 100 + REST]


def test_what_the_engine_did_not_take_is_told_later_with_its_time(
    bell: Doorbell, engine: Engine, time: Time, file: Path
) -> None:
    engine.answer = None
    bell.press()
    bell.step()
    assert len(engine.asked) == 1 and bell.trouble
    assert not bell.step() and len(engine.asked) == 1, "not again at once"
    time.now += 60
    engine.answer = {"ok": False, "code": "busy", "error": "Busy."}
    bell.press()
    bell.step()
    # Another start of the program: both are told, the newest first, under the names they had.
    later = Doorbell(Spool(file), "door", engine, time, time.wall)
    engine.answer = {"ok": True, "event": 7}
    while later.step():
        pass
    first, second, *again = engine.asked
    assert [body["at"] for body in again] == [NOON + 160, NOON + 100]
    assert [body["id"] for body in again] == [second["id"], first["id"]]
    assert not file.exists() and later.trouble == ""


@pytest.mark.parametrize("code", ["not_found", "disabled", "bad_request"])
def test_what_can_never_be_told_is_dropped(bell: Doorbell, engine: Engine, file: Path, code: str) -> None:
    engine.answer = {"ok": False, "code": code, "error": "No."}
    bell.press()
    bell.step()
    assert bell.trouble == "No." and not file.exists() and not bell.step()


def test_what_is_kept_is_bounded_and_a_torn_file_is_read(
    file: Path, time: Time, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(file)
    monkeypatch.setattr(doorbell, "MOST_KEPT", 20)
    for number in range(doorbell.MOST_KEPT + 5):
        spool.add(Press(NOON + number, f"p{number}"))
    with file.open("a") as end:
        end.write('{"at": 12, "i\n[]\n{"at": "x"}\n')
    kept = Spool(file).kept
    assert len(kept) == doorbell.MOST_KEPT and kept[-1].at == NOON + doorbell.MOST_KEPT + 4
    time.now += doorbell.OLDEST + 1000
    bell = Doorbell(Spool(file), "door", engine, time, time.wall)
    while bell.step():
        pass
    assert not engine.asked and not file.exists()


def test_a_disk_that_takes_nothing_rings_all_the_same(engine: Engine, time: Time, tmp_path: Path) -> None:
    bell = Doorbell(Spool(tmp_path / "gone" / "file"), "door", engine, time, time.wall)
    bell.press()
    assert bell.step() and len(engine.asked) == 1


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before = Device.pin_factory
    Device.pin_factory = MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before


@pytest.mark.parametrize("pull_up", [True, False])
def test_a_pin_rings_when_it_is_pulled(pins: MockFactory, bell: Doorbell, engine: Engine, pull_up: bool) -> None:
    thread = threading.Thread(target=bell.run)
    button = command._button("17", pull_up=pull_up)
    button.when_pressed = bell.press
    thread.start()
    try:
        pin = pins.pin(17)
        (pin.drive_low if pull_up else pin.drive_high)()
        wait_for(lambda: engine.asked, 5, "the ring")
        (pin.drive_high if pull_up else pin.drive_low)()
    finally:
        bell.stop()
        thread.join(5)
        button.close()
    assert not thread.is_alive() and len(engine.asked) == 1


def test_a_pin_that_is_none_is_refused_in_words(pins: MockFactory) -> None:
    with pytest.raises(CommandError, match="pin 99 cannot be used"):
        command._button("99", pull_up=True)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(CommandError, match="pip install gpiozero lgpio"):
        command._button("17", pull_up=True)


@pytest.mark.django_db
@pytest.mark.usefixtures("yard")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "which --pin"),
        ({"pin": "17", "now": True}, "which --pin"),
        ({"now": True, "camera": "garden"}, "no camera «garden».*yard"),
        ({"now": True}, "Say with --camera.*yard"),
    ],
)
def test_it_says_what_is_missing(settings: Any, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    settings.RUN_DIR = tmp_path
    with pytest.raises(CommandError, match=words):
        call_command("doorbell", **options)


@pytest.mark.django_db
def test_of_several_doorbells_only_those_are_named(yard: Camera) -> None:
    Camera.objects.filter(pk=yard.pk).update(doorbell=True)
    Camera.objects.create(name="Gate", slug="gate", kind="pattern", doorbell=True)
    Camera.objects.create(name="Attic", slug="attic", kind="pattern")
    with pytest.raises(CommandError, match=r"at which door it rings: [^.]*gate") as told:
        call_command("doorbell", now=True)
    assert "yard" in str(told.value) and "attic" not in str(told.value)


@pytest.mark.django_db
def test_the_only_doorbell_is_meant_and_a_ring_without_an_engine_is_kept(
    settings: Any, tmp_path: Path, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RUN_DIR, said = tmp_path, StringIO()
    monkeypatch.setattr(command, "ASK_SECONDS", 0.2)
    Camera.objects.filter(pk=yard.pk).update(doorbell=True)
    with pytest.raises(CommandError, match="does not answer.*is kept"):
        call_command("doorbell", now=True, stderr=said)
    assert not said.getvalue()
    assert len(Spool(tmp_path / "doorbell-yard-now.jsonl").kept) == 1
    asked: list[str] = []
    monkeypatch.setattr(
        command, "ask_engine", lambda _, name, body, seconds: (asked.append(body["id"]), [{"ok": True}])[1]
    )
    Camera.objects.update(doorbell=False)
    call_command("doorbell", now=True, camera="yard", stderr=said)
    assert "Tick" in said.getvalue()
    assert len(set(asked)) == 2 and not (tmp_path / "doorbell-yard-now.jsonl").exists()


@pytest.mark.processes
def test_a_button_rings_while_web_is_away_and_what_the_engine_missed_comes_later(tmp_path: Path) -> None:
    """The real command in its own process; the button is a mocked pin that is pulled by a signal."""
    house = RealHouse(tmp_path)
    house.arrange(("adduser", "alice", "--role", "owner"), ("addcamera", "Door", "pattern:", "--doorbell"),
                  ADDUSER_PASSWORD="correct horse battery")  # fmt: skip
    script = (
        "import signal; from gpiozero import Device; from django.core.management import call_command;"
        "signal.signal(signal.SIGUSR1, lambda *_: (Device.pin_factory.pin(17).drive_low(),"
        " Device.pin_factory.pin(17).drive_high()));"
        "call_command('doorbell', pin='17')"
    )
    button = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", script],
        cwd=BASE, env=house.environment | {"GPIOZERO_PIN_FACTORY": "mock"}, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert button.stdout is not None and b"rings at door" in button.stdout.readline()
        button.send_signal(signal.SIGUSR1)
        spool = house.folder / "run" / "doorbell-door-17.jsonl"
        wait_for(lambda: spool.exists() and spool.stat().st_size, 10, "the press on the disk")
        house.start()
        wait_for(lambda: _presses(house) == 1, 30, "the ring of before the start")
        (web,) = house.pids("web")
        os.kill(web, signal.SIGSTOP)
        button.send_signal(signal.SIGUSR1)
        wait_for(lambda: _presses(house) == 2, 15, "a ring while web does nothing")
        os.kill(web, signal.SIGCONT)
        assert not spool.exists()
    finally:
        button.terminate()
        assert button.wait(10) == 0
        house.stop()


def _presses(house: RealHouse) -> int:
    database = sqlite3.connect(f"file:{house.folder}/db.sqlite3?mode=ro", uri=True, timeout=20)
    try:
        return int(database.execute("SELECT count(*) FROM camera_ringpress WHERE way = 'pin'").fetchone()[0])
    finally:
        database.close()
