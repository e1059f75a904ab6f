"""Cameras that are not saved yet, over the engine's real channels: asked what they are, and looked for."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camera import discovery
from camera.models import Camera
from camera.ptz.driver import Can, Code, Description, PtzError, Stream
from tests.moving_kit import ScriptedDriver
from tests.moving_stage import THERE, Stage, staged

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, transactional_db: None, yard: Camera
) -> Iterator[Stage]:
    with staged(tmp_path, monkeypatch, settings, yard) as stage:
        yield stage


def test_a_camera_that_is_not_saved_is_asked_and_let_go(stage: Stage) -> None:
    login = {"address": THERE, "username": "u", "password": "p", "cloud_password": ""}
    description = Description(
        "M", "2.0", frozenset({Can.ZOOM}), (Stream("rtsp://h/1", "Main", "h264", 1920, 1080),), "s"
    )
    ScriptedDriver.told = {THERE: {"description": description}}
    assert stage.command("describe", {"login": login}) == {
        "ok": True, "model": "M", "firmware": "2.0", "abilities": ["zoom"], "snapshot": "s",
        "streams": [{"url": "rtsp://h/1", "name": "Main", "codec": "h264", "width": 1920, "height": 1080}],
    }  # fmt: skip
    (driver,) = ScriptedDriver.made[THERE]
    assert driver.names() == ["describe", "close"] and (driver.login.username, driver.login.password) == ("u", "p")
    ScriptedDriver.told = {THERE: {"faults": {"describe": [PtzError(Code.LOCKED_OUT, "Try in 5 minutes.", 300)]}}}
    answer = stage.command("describe", {"login": login})
    assert answer == {"ok": False, "code": "locked_out", "error": "Try in 5 minutes."}
    assert all(one.is_closed for one in ScriptedDriver.made[THERE])


@pytest.mark.parametrize(
    "login",
    [
        None, {}, {"address": 5}, {"address": "rtsp://h/1"}, {"address": "tapo://"}, {"address": "x" * 600},
        {"address": "file:x.mp4"}, {"address": THERE, "password": None}, [],
    ],
)  # fmt: skip
def test_odd_log_ins_are_refused(stage: Stage, login: Any) -> None:
    answer = stage.command("describe", {"login": login})
    assert answer["ok"] is False and answer["error"] and not ScriptedDriver.made[THERE]


def test_a_few_at_once_are_asked_and_the_next_is_to_wait(stage: Stage) -> None:
    ScriptedDriver.told = {THERE: {"delays": {"describe": 1.0}}}
    answers: list[Any] = []
    body = {"login": {"address": THERE}}
    askers = [threading.Thread(target=lambda: answers.append(stage.command("describe", body))) for _ in range(6)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    assert sorted(answer.get("code", "ok") for answer in answers) == ["busy"] * 2 + ["ok"] * 4


def test_looking_for_cameras_tells_which_are_known(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.ALLOW_LOOPBACK_CAMERAS = False
    asked: list[Any] = []

    def look(seconds: float, known: Any, allow_loopback: bool) -> list[discovery.Found]:
        asked.append((seconds, sorted(known), allow_loopback))
        return [discovery.Found("onvif://10.9.9.9", "10.9.9.9", "Yard", "M", "10.9.9.9" in known)]

    monkeypatch.setattr(discovery, "discover", look)
    answer = stage.command("discover", {"seconds": 50})
    assert answer == {
        "ok": True,
        "found": [{"address": "onvif://10.9.9.9", "host": "10.9.9.9", "name": "Yard", "model": "M", "known": True}],
    }
    assert asked == [(5.0, ["10.9.9.9"], False)]
    for seconds in ("5", None, float("nan"), True):
        assert stage.command("discover", {"seconds": seconds})["ok"] is False
