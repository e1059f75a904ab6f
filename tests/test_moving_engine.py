"""Moving over the engine's real channels and with real rows; of the camera only its control is the test's."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from camera import bus
from camera.engine import supervisor
from camera.models import Camera, Gap
from camera.packets import CameraState, sound
from camera.ptz.driver import Can, Code, Description, Motion, PtzError, Stream
from main.models import AuditEntry
from tests.engine_scene import Scene
from tests.house import wait_for
from tests.moving_kit import EVERYTHING, ScriptedDriver
from tests.moving_stage import HERE, THERE, Stage, staged, turn_into

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, transactional_db: None, yard: Camera
) -> Iterator[Stage]:
    with staged(tmp_path, monkeypatch, settings, yard) as stage:
        yield stage


def test_a_press_reaches_the_camera_in_no_time(stage: Stage) -> None:
    stage.ask("info")
    driver = stage.driver()
    delays = []
    for number in range(20):
        sent = time.monotonic()
        assert stage.ask("move", pan=1 if number % 2 else -1, seconds=5) == {"ok": True}
        # Both clocks are the same one.
        delays.append(driver.times("move")[-1] - sent)
        stage.ask("move")
    # With the command line's socket made anew for each.
    assert sorted(delays)[10] < 0.05, delays


def test_who_moves_is_told_at_once_and_the_movement_stands_in_the_audit_log(stage: Stage) -> None:
    stage.says()
    stage.state(state="online", mover="")
    began = time.monotonic()
    stage.ask("move", pan=1, tilt=1, seconds=0.6)
    stage.state(mover="bob")
    assert time.monotonic() - began < 0.5, "sooner than the state of each second"
    stage.state(mover="")
    assert 0.5 < time.monotonic() - began < 1.5
    entry = wait_for(lambda: AuditEntry.objects.filter(what="moved camera yard").first(), 5, "the entry")
    assert isinstance(entry, AuditEntry) and entry.actor == "bob"
    assert entry.after["direction"] == "right and up" and 0.3 < entry.after["seconds"] < 1.0
    assert stage.driver().names("move", "stop")[-1] == "stop"


def test_a_camera_process_cannot_say_who_moves(stage: Stage) -> None:
    stage.says(mover="<script>")
    assert stage.state(state="online")["mover"] == ""
    for mover in (5, None, "x" * 301, ["bob"]):
        odd = sound(CameraState.from_dict(asdict(CameraState(1, "online")) | {"mover": mover}))
        assert (odd.reason, odd.mover) == ("BAD_STREAM", "")


def test_privacy_is_a_pause_with_its_beginning_a_row_and_a_gap(stage: Stage) -> None:
    stage.says()
    stage.state(state="online")
    assert stage.ask("switch", what="privacy", value=True)["ok"]
    told = stage.state(state="paused")
    assert (told["reason"], told["detail"]) == ("PRIVACY", "") and abs(told["since"] - time.time()) < 5
    wait_for(lambda: Camera.objects.get().reason == "PRIVACY", 5, "the row")
    assert Camera.objects.get().state == "paused"
    gap = wait_for(Gap.objects.first, 5, "the gap")
    assert isinstance(gap, Gap) and (gap.cause, gap.ended_at) == ("PRIVACY", None)
    # Its process only sees that no pictures come.
    stage.says(state="offline", reason="STALLED")
    assert stage.state(last_frame_at=None)["reason"] == "PRIVACY"
    assert stage.ask("switch", what="privacy", value=False)["ok"]
    wait_for(lambda: len(stage.configs) == 2, 5, "its process to be started anew, as it was waiting for its next try")
    stage.sender.close()
    stage.sender = bus.ReportSender(stage.context, stage.ends.reports, stage.configs[1]["token"])
    wait_for(lambda: stage.says() or Camera.objects.get().state == "online", 5, "the row")
    wait_for(lambda: Gap.objects.get(pk=gap.pk).ended_at, 5, "the end of the gap")
    assert AuditEntry.objects.filter(what="switched camera yard").count() == 2


def test_privacy_that_was_switched_off_while_pictures_came_disturbs_nothing(stage: Stage) -> None:
    stage.says()
    stage.state(state="online")
    stage.ask("switch", what="privacy", value=True)
    stage.state(state="paused")
    stage.ask("switch", what="privacy", value=False)
    stage.state(state="online")
    assert len(stage.configs) == 1


def test_a_camera_that_is_switched_off_is_stopped_first(stage: Stage) -> None:
    stage.ask("move", pan=1, seconds=5)
    driver = stage.driver()
    Camera.objects.update(enabled=False)
    wait_for(lambda: driver.is_closed, 5, "its control to be closed")
    assert driver.names("move", "stop", "close")[-2:] == ["stop", "close"]
    answer = stage.ask("move", pan=1)
    assert not answer["ok"] and "switched off" in answer["error"] and len(ScriptedDriver.made[HERE]) == 1


def test_when_the_engine_ends_what_moves_is_stopped_first(stage: Stage) -> None:
    stage.ask("move", pan=1, seconds=5)
    driver = stage.driver()
    stage.end()
    assert driver.names("move", "stop", "close")[-2:] == ["stop", "close"]
    assert AuditEntry.objects.filter(what="moved camera yard").exists(), "and it stands in the log"


def test_another_password_is_another_control(stage: Stage) -> None:
    stage.ask("info")
    first = stage.driver()
    camera = Camera.objects.get()
    camera.set_password("another")
    camera.version += 1
    camera.save()
    wait_for(lambda: len(ScriptedDriver.made[HERE]) == 2, 5, "another control")
    wait_for(lambda: first.is_closed, 5, "the end of the first")
    assert stage.driver().login.password == "another" and stage.driver().login.cloud_password == "C10UDpw"
    assert stage.ask("move", pan=1)["ok"] and stage.driver().names("move") == ["move"]


def test_other_settings_leave_it_as_it_is(stage: Stage) -> None:
    stage.ask("info")
    Camera.objects.update(move_speed=0.5, pan_inverted=True, version=9)
    wait_for(lambda: stage.engine.moving._controls[stage.yard.pk].version == 9, 5, "the new settings")
    stage.ask("move", pan=1)
    assert len(ScriptedDriver.made[HERE]) == 1
    assert next(values for _, name, values in stage.driver().calls if name == "move") == (-0.5, 0, 0)


def test_a_camera_that_hangs_holds_up_nobody(stage: Stage, alice: User) -> None:
    shed = turn_into(Camera(name="Shed", slug="shed", keeper=alice), THERE)
    hanging = {name: 1000.0 for name in ("describe", "move", "stop", "switches")}
    ScriptedDriver.told = {THERE: {"delays": hanging}}
    stage.ask("info")
    wait_for(lambda: ScriptedDriver.made[THERE], 5, "the other one")
    late: list[Any] = []
    asker = threading.Thread(target=lambda: late.append(stage.ask("move", shed, pan=1, seconds=2)))
    asker.start()
    began = time.monotonic()
    for _ in range(5):
        assert stage.ask("move", pan=1)["ok"] and stage.ask("move")["ok"]
        assert stage.command("ping", {})["ok"]
    assert time.monotonic() - began < 1.0
    asker.join(10)
    assert late[0]["code"] == "unreachable", "it is told before whoever asked gives up"


def test_what_a_camera_says_of_itself_goes_into_its_row_and_starts_its_pictures(
    stage: Stage, alice: User, settings: Any
) -> None:
    settings.ALLOW_LOOPBACK_CAMERAS = True
    streams = (Stream("file:x.mp4"), Stream("rtsp://u:p@10.9.9.8/big", width=1920), Stream("rtsp://10.9.9.8/small"))
    ScriptedDriver.told = {THERE: {"description": Description("IPC-7" + "x" * 90, "1", EVERYTHING, streams)}}
    shed = turn_into(Camera(name="Shed", slug="shed", keeper=alice), THERE, stream_address="")
    wait_for(lambda: Camera.objects.get(pk=shed.pk).stream_address, 5, "its row")
    row = Camera.objects.get(pk=shed.pk)
    assert (row.stream_address, row.detect_address) == ("rtsp://10.9.9.8/big", "")
    assert row.abilities == sorted(EVERYTHING) and row.model == ("IPC-7" + "x" * 90)[:80] and row.version == 2
    wait_for(lambda: [c for c in stage.configs if c["source"]["address"] == "rtsp://10.9.9.8/big"], 5, "its process")
    config = next(c for c in stage.configs if c["source"]["address"] == "rtsp://10.9.9.8/big")
    assert (config["source"]["kind"], config["source"]["username"]) == ("rtsp", "cam")
    assert config["source"]["password"] == "S3CRETpw" and "C10UDpw" not in json.dumps(config)


def test_why_there_are_no_pictures_yet_is_told(stage: Stage, alice: User) -> None:
    wrong = PtzError(Code.WRONG_PASSWORD, "The camera refuses the password.")
    ScriptedDriver.told = {THERE: {"faults": {"describe": [wrong], "close": []}}}
    shed = turn_into(Camera(name="Shed", slug="shed", keeper=alice), THERE, stream_address="")
    wait_for(lambda: Camera.objects.get(pk=shed.pk).reason == "AUTH_FAILED", 5, "its row")
    stage.yard = shed
    told = stage.state(reason="AUTH_FAILED")
    assert (told["state"], told["detail"]) == ("offline", "The camera refuses the password.")


def test_motion_goes_to_the_cameras_process(stage: Stage, alice: User) -> None:
    at = time.time() - 1
    description = Description("X", "", frozenset({Can.EVENTS}))
    ScriptedDriver.told = {THERE: {"description": description, "news": [Motion(True, at)], "delays": {"motion": 1.0}}}
    shed = turn_into(Camera(name="Shed", slug="shed", keeper=alice), THERE)
    config = wait_for(lambda: [one for one in stage.configs if one["camera"] == shed.pk], 5, "its process")[0]  # type: ignore[index]
    sender = bus.ReportSender(stage.context, stage.ends.reports, config["token"])
    commands: list[dict[str, Any]] = []

    def heard() -> bool:
        sender.state({"state": "online", "orders": 1})
        commands.extend(header for header, _ in sender.commands())
        return any(one["name"] == "motion" for one in commands)

    wait_for(heard, 5, "its word")
    told = next(one for one in commands if one["name"] == "motion")
    assert (told["type"], told["body"]) == ("command", {"on": True, "at": at})
    sender.close()


@pytest.mark.parametrize("body", [{}, {"camera": None}, {"camera": "1"}, {"camera": 10**30}, {"camera": True}])
def test_cameras_that_are_none_are_refused(stage: Stage, body: dict[str, Any]) -> None:
    answer = stage.command("ptz", body | {"do": "move", "by": "bob", "pan": 1})
    assert answer["code"] == "not_supported"


def test_a_house_without_such_cameras_has_no_thread_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, yard: Camera
) -> None:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path / "media", [tmp_path / "media"]
    (tmp_path / "media").mkdir()
    scene = Scene(bus.endpoints(tmp_path / "run"), tmp_path / "media", yard)
    monkeypatch.setattr(supervisor, "spawn", scene.spawn)
    scene.begin([])
    assert not [thread for thread in threading.enumerate() if thread.name == "moving"]
    scene.end()
