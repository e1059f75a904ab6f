"""An ONVIF camera is moved, and goes to the positions it keeps."""

from collections.abc import Iterator
from typing import Any

import pytest

from camera.ptz.driver import Can, Code, Preset, PtzError
from camera.ptz.onvif import OnvifDriver
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.onvif_kit import play, refused

ALL = {Can.PAN_TILT, Can.ZOOM, Can.PRESETS, Can.HOME, Can.NIGHT, Can.EVENTS}


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    from camera.ptz.onvif_faults import refusals

    refusals.clear()
    with OnvifCamera() as one:
        yield one


def describe(driver: OnvifDriver) -> Any:
    return driver.describe()


def test_it_moves_until_it_is_stopped(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        await driver.move(0.5, -0.25, 0)
        assert camera.moving == (0.5, -0.25, 0.0)
        await driver.stop()
        assert camera.moving == (0.0, 0.0, 0.0)

    play(camera, scene)
    (move,), (stop,) = camera.asked("ContinuousMove"), camera.asked("Stop")
    assert move.values == {
        "ProfileToken": "main", "PanTilt.x": "0.5", "PanTilt.y": "-0.25", "Zoom.x": "0.0", "Timeout": "PT5S"
    }  # fmt: skip
    assert stop.values == {"ProfileToken": "main", "PanTilt": "true", "Zoom": "true"}


def test_the_same_movement_is_told_again_only_in_time(camera: OnvifCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(driver: OnvifDriver) -> None:
        from camera.ptz import onvif_moves

        for _ in range(4):
            await driver.move(0.5, 0, 0)
        assert len(camera.asked("ContinuousMove")) == 1
        await driver.move(0.6, 0, 0)
        assert len(camera.asked("ContinuousMove")) == 2
        monkeypatch.setattr(onvif_moves, "AGAIN", 0.0)
        await driver.move(0.6, 0, 0)
        assert len(camera.asked("ContinuousMove")) == 3
        monkeypatch.setattr(onvif_moves, "AGAIN", 60.0)
        await driver.stop()
        await driver.move(0.6, 0, 0)
        assert len(camera.asked("ContinuousMove")) == 4

    play(camera, scene)


def test_it_is_repeated_before_the_camera_stops_by_itself() -> None:
    from camera.ptz import onvif_moves

    # The engine calls about every 0.4 s.
    assert onvif_moves.AGAIN + 1.0 < onvif_moves.RUNS.total_seconds() <= 5.0


@pytest.mark.parametrize(
    ("allowed", "sent"), [((1, 60), "PT5S"), ((10, 60), "PT10S"), ((1, 3), "PT3S"), ((0, 0), "PT5S")]
)
def test_a_movement_has_an_end_of_its_own_within_what_the_camera_allows(
    camera: OnvifCamera, allowed: tuple[int, int], sent: str
) -> None:
    camera.timeouts = allowed
    play(camera, lambda driver: driver.move(1, 0, 0))
    assert camera.asked("ContinuousMove")[0].values["Timeout"] == sent


def test_nothing_at_all_is_a_stop(camera: OnvifCamera) -> None:
    play(camera, lambda driver: driver.move(0, 0, 0))
    assert camera.asked("Stop") and not camera.asked("ContinuousMove")


def test_it_is_stopped_although_the_movement_failed(camera: OnvifCamera) -> None:
    camera.statuses["ContinuousMove"] = 500

    async def scene(driver: OnvifDriver) -> None:
        with pytest.raises(PtzError):
            await driver.move(1, 0, 0)
        await driver.stop()

    play(camera, scene)
    assert len(camera.asked("Stop")) == 1
    # At once, without entering the camera again.
    assert [one.name for one in camera.log][-2:] == ["ContinuousMove", "Stop"]


def test_a_stop_that_fails_is_asked_for_once_more_in_fewer_words(camera: OnvifCamera) -> None:
    from tests.peers import onvif_answers as say

    camera.answers["Stop"] = say.fault("Sender", "InvalidArgVal", "what is Zoom?")
    assert refused(camera, lambda driver: driver.stop())[0] == Code.FAILED
    assert [one.values for one in camera.asked("Stop")][1:] == [{"ProfileToken": "main"}]


def test_values_beyond_the_range_are_cut(camera: OnvifCamera) -> None:
    play(camera, lambda driver: driver.move(7, -9, 3))
    assert camera.moving == (1.0, -1.0, 1.0)


def test_a_camera_that_knows_only_steps_makes_one_each_time(camera: OnvifCamera) -> None:
    camera.ptz = "relative"

    async def scene(driver: OnvifDriver) -> None:
        for _ in range(3):
            await driver.move(1, 0.5, 0)
        await driver.stop()

    play(camera, scene)
    assert camera.motor.position == pytest.approx((0.3, 0.15, 0.0)) and len(camera.asked("RelativeMove")) == 3
    camera.motor.position = (0.95, 0.0, 0.0)
    assert refused(camera, lambda driver: driver.move(1, 0, 0)) == (
        Code.AT_THE_END, "It cannot move any further that way."
    )  # fmt: skip


def test_a_camera_that_knows_only_places_goes_to_the_next_one(camera: OnvifCamera) -> None:
    camera.ptz = "absolute"
    camera.motor.position = (0.0, 0.9, 0.0)

    async def scene(driver: OnvifDriver) -> None:
        await driver.move(-1, 1, 0)
        await driver.move(0, 1, 0.5)
        with pytest.raises(PtzError) as caught:
            await driver.move(0, 1, 0)
        assert caught.value.code == Code.AT_THE_END

    play(camera, scene)
    assert camera.motor.position == pytest.approx((-0.2, 1.0, 0.1))


def test_without_a_motor_it_offers_no_movement(camera: OnvifCamera) -> None:
    camera.ptz = ""
    assert play(camera, describe).abilities == {Can.NIGHT, Can.EVENTS}
    assert refused(camera, lambda driver: driver.move(1, 0, 0)) == (Code.NOT_SUPPORTED, "This camera has no motor.")
    assert refused(camera, lambda driver: driver.presets())[0] == Code.NOT_SUPPORTED
    play(camera, lambda driver: driver.stop())


def test_without_zoom_it_turns_and_says_so(camera: OnvifCamera) -> None:
    camera.zoom = False
    assert play(camera, describe).abilities == ALL - {Can.ZOOM}
    assert refused(camera, lambda driver: driver.move(0, 0, 1)) == (Code.NOT_SUPPORTED, "This camera cannot zoom.")
    play(camera, lambda driver: driver.move(0.5, 0, 1))
    assert "Zoom.x" not in camera.asked("ContinuousMove")[0].values
    play(camera, lambda driver: driver.stop())
    assert camera.asked("Stop")[0].values["Zoom"] == "false"


def test_positions_are_kept_renewed_gone_to_and_deleted(camera: OnvifCamera) -> None:
    camera.motor.presets = {"7": "Gate"}

    async def scene(driver: OnvifDriver) -> None:
        assert await driver.presets() == [Preset("7", "Gate")]
        door = await driver.save("Door ü")
        assert await driver.presets() == [Preset("7", "Gate"), door] and door.name == "Door ü"
        # Over the one of that name, not beside it.
        assert await driver.save("Gate") == Preset("7", "Gate") and len(camera.motor.presets) == 2
        await driver.go(door.token)
        assert camera.asked("GotoPreset")[0].values["PresetToken"] == door.token
        await driver.delete(door.token)
        assert await driver.presets() == [Preset("7", "Gate")]

    play(camera, scene)


@pytest.mark.parametrize("ask", [lambda driver: driver.go("9"), lambda driver: driver.delete("9")])
def test_a_position_that_is_gone_is_told(camera: OnvifCamera, ask: Any) -> None:
    assert refused(camera, ask) == (Code.NO_PRESET, "The camera does not know that position any more.")


def test_a_full_camera_says_so(camera: OnvifCamera) -> None:
    camera.motor.most_presets = 1
    play(camera, lambda driver: driver.save("one"))
    assert refused(camera, lambda driver: driver.save("two")) == (
        Code.FAILED, "The camera keeps no more positions. Delete one first."
    )  # fmt: skip


def test_it_goes_home(camera: OnvifCamera) -> None:
    play(camera, lambda driver: driver.home())
    assert camera.asked("GotoHomePosition")


def test_a_line_that_broke_is_no_delay_for_the_stop(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        await driver.move(1, 0, 0)
        camera.stop_listening()
        with pytest.raises(PtzError):
            await driver.move(0.5, 0, 0)
        camera.listen_again()
        await driver.stop()

    play(camera, scene)
    assert camera.moving == (0.0, 0.0, 0.0) and len(camera.asked("GetDeviceInformation")) == 1
