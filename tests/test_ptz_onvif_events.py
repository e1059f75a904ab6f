"""What an ONVIF camera's own detection says reaches the engine, and is in the way of nothing."""

import asyncio
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from camera.ptz.driver import Can, Code, Motion, PtzError
from camera.ptz.onvif import OnvifDriver
from tests.conftest import shared_file
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.onvif_kit import failed, play, warm


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    from camera.ptz.onvif_faults import refusals

    refusals.clear()
    with OnvifCamera() as one:
        yield one


async def listening(driver: OnvifDriver, camera: OnvifCamera) -> "asyncio.Task[list[Motion]]":
    """A wait whose question is at the camera."""
    before = len(camera.asked("PullMessages"))
    task = asyncio.create_task(driver.motion())
    await asyncio.to_thread(camera.wait_for, "PullMessages", before + 1)
    return task


@pytest.mark.parametrize(
    ("topic", "word"),
    [
        ("RuleEngine/CellMotionDetector/Motion", "IsMotion"),
        ("VideoSource/MotionAlarm", "State"),
        ("RuleEngine/MotionRegionDetector/Motion", "State"),
        ("RuleEngine/CellMotionDetector/People", "IsPeople"),
        ("RuleEngine/CellMotionDetector/TpSmartEvent", "IsVehicle"),
        ("RuleEngine/TPSmartEventDetector/TPSmartEvent", "IsPet"),
        ("RuleEngine/MyRuleDetector/VehicleDetect", "State"),
        ("RuleEngine/FieldDetector/ObjectsInside", "IsInside"),
    ],
)
def test_movement_is_told_as_it_begins_and_ends(camera: OnvifCamera, topic: str, word: str) -> None:
    camera.clock_skew = -7200.0

    async def scene(driver: OnvifDriver) -> list[Motion]:
        said = []
        for on in (True, False):
            task = await listening(driver, camera)
            camera.tell(on, topic, word)
            said += await task
        return said

    said = play(camera, scene)
    assert [one.on for one in said] == [True, False]
    # By our clock, although the camera's is two hours late.
    assert all(abs(time.time() - one.at) < 5 for one in said)


@pytest.mark.parametrize(
    ("topic", "word"),
    [
        ("VideoSource/ImageTooBlurry/ImagingService", "State"),
        ("Device/Trigger/Relay", "LogicalState"),
        ("RuleEngine/CellMotionDetector/Motion", "ObjectId"),
        ("Device/HardwareFailure/StorageFailure", "Failed"),
    ],
)
def test_other_words_are_not_taken_for_movement(camera: OnvifCamera, topic: str, word: str) -> None:
    async def scene(driver: OnvifDriver) -> list[Motion]:
        task = await listening(driver, camera)
        camera.tell(True, topic, word)
        return await task

    assert play(camera, scene) == []


def test_it_has_stopped_when_all_of_it_has(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> list[bool]:
        task = await listening(driver, camera)
        camera.tell(True, rule="yard")
        said = await task
        camera.tell(True, "RuleEngine/CellMotionDetector/People", "IsPeople")
        camera.tell(False, rule="yard")
        camera.tell(False, "RuleEngine/CellMotionDetector/People", "IsPeople")
        return [one.on for one in said + await driver.motion()]

    assert play(camera, scene) == [True, True, True, False]


def test_a_wait_without_movement_ends_empty_and_the_next_goes_on(
    camera: OnvifCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    from camera.ptz import onvif_events

    monkeypatch.setattr(onvif_events, "HELD", 1)

    async def scene(driver: OnvifDriver) -> list[Motion]:
        assert await driver.motion() == []
        task = await listening(driver, camera)
        camera.tell(True)
        return await task

    assert play(camera, scene)[0].on
    assert len(camera.asked("CreatePullPointSubscription")) == 1


def test_the_camera_is_told_when_nobody_listens_any_more(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        task = await listening(driver, camera)
        assert len(camera.subscriptions) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(camera, scene)
    assert len(camera.subscriptions) == 0


def test_a_wait_is_in_the_way_of_no_movement(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        task = await listening(driver, camera)
        for pan in (0.1, 0.2, 0.3):
            await driver.move(pan, 0, 0)
        await driver.stop()
        assert not task.done()
        camera.tell(True)
        assert (await task)[0].on

    play(camera, scene)


def test_a_subscription_is_renewed(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        task = await listening(driver, camera)
        # What the library's timer does after four fifths of the time.
        driver._camera._entered.events._manager.resume()  # type: ignore[union-attr]
        await asyncio.to_thread(camera.wait_for, "Renew")
        camera.tell(True)
        assert (await task)[0].on

    play(camera, scene)


def test_a_camera_that_forgot_us_is_asked_anew(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        task = await listening(driver, camera)
        camera.subscriptions.clear()
        assert await task == []
        task = await listening(driver, camera)
        camera.tell(True)
        assert (await task)[0].on

    play(camera, scene)
    assert len(camera.asked("CreatePullPointSubscription")) == 2


def test_a_camera_that_was_away_is_subscribed_to_again(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        task = await listening(driver, camera)
        camera.stop_listening()
        camera.subscriptions.clear()
        assert await task == []
        with pytest.raises(PtzError) as caught:
            await driver.motion()
        assert caught.value.code == Code.UNREACHABLE
        camera.listen_again()
        task = await listening(driver, camera)
        camera.tell(True)
        assert (await task)[0].on

    play(camera, scene)


def test_a_camera_that_never_answers_is_told_of(camera: OnvifCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    from camera.ptz import onvif_camera, onvif_events

    warm()
    monkeypatch.setattr(onvif_camera, "LONGEST", 2.0)
    for name, value in (("HELD", 1), ("_MARGIN", 0.3), ("PARTING", 0.2)):
        monkeypatch.setattr(onvif_events, name, value)
    camera.hang.add("PullMessages")

    async def scene(driver: OnvifDriver) -> None:
        assert await driver.motion() == []  # it may be late once
        await driver.motion()

    error = failed(camera, scene)
    assert (error.code, str(error)) == (Code.UNREACHABLE, "The camera at 127.0.0.2 does not answer in time.")


def test_a_camera_that_never_waits_is_not_asked_without_end(camera: OnvifCamera) -> None:
    camera.impatient = True

    async def scene(driver: OnvifDriver) -> float:
        begun = time.monotonic()
        for _ in range(2):
            assert await driver.motion() == []
        return time.monotonic() - begun

    assert play(camera, scene) > 1.9 and len(camera.asked("PullMessages")) == 2


def test_a_camera_without_events_says_so(camera: OnvifCamera) -> None:
    camera.events = False
    assert failed(camera, lambda driver: driver.motion()).code == Code.NOT_SUPPORTED
    assert Can.EVENTS not in play(camera, lambda driver: driver.describe()).abilities


def test_a_flood_of_messages_is_read_in_bounds(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> tuple[int, int]:
        task = await listening(driver, camera)
        with camera.subscriptions._changed:
            for number in range(500):
                camera.tell(True, rule=f"r{number}")
        said = await task
        return len(said), len(driver._camera._entered.events._active)  # type: ignore[union-attr]

    assert play(camera, scene) == (100, 100)


@pytest.mark.faults
@pytest.mark.parametrize(
    "more",
    [
        {"topic": "RuleEngine/" * 100_000},
        {"rule": "x" * 1_000_000},
        {"word": "state" * 200_000},
        {"topic": "RuleEngine/Motion" + "\u202e" * 100_000, "rule": "&#0;"},
    ],
)
def test_hostile_messages_are_harmless(camera: OnvifCamera, more: dict[str, str]) -> None:
    async def scene(driver: OnvifDriver) -> float:
        task = await listening(driver, camera)
        begun = time.monotonic()
        camera.tell(True, **more)
        await asyncio.gather(task, return_exceptions=True)
        keys = driver._camera._entered.events._active  # type: ignore[union-attr]
        assert len(str(keys)) < 5000
        took = time.monotonic() - begun
        task = await listening(driver, camera)
        camera.tell(True)
        assert (await task)[0].on
        return took

    assert play(camera, scene) < 2.0


def _as_read(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{name: _as_read(one) for name, one in value.items()})
    return [_as_read(one) for one in value] if isinstance(value, list) else value


def test_the_words_of_real_cameras_are_understood() -> None:
    import json

    from camera.ptz.onvif_events import Events

    recorded = json.loads(shared_file("data/protocol/onvif_tests/tapo_events.json").read_text())
    told = {}
    for name, message in recorded.items():
        said = Events(SimpleNamespace(dt_diff=None)).read([_as_read(message)])  # type: ignore[arg-type]
        told[name] = [one.on for one in said]
    assert told == {
        "line_detector_crossed": [],
        "tapo_line_crossed": [True],
        "tapo_cellmotiondetector_vehicle": [True],
        "tapo_tpsmartevent_pet": [True],
        "tapo_cellmotiondetector_person": [True],
        "tapo_tamper": [],
        "tapo_intrusion": [True],
    }
