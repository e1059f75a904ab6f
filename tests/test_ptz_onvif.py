"""An ONVIF camera is entered, described, moved and switched."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from camera.ptz import driver_for
from camera.ptz.driver import Can, Code, Preset, PtzError, Stream, Switches
from camera.ptz.onvif import OnvifDriver
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.onvif_kit import failed, login, play, refused

ALL = {Can.PAN_TILT, Can.ZOOM, Can.PRESETS, Can.HOME, Can.NIGHT, Can.EVENTS}


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    from camera.ptz.onvif_faults import refusals

    refusals.clear()
    with OnvifCamera() as one:
        yield one


def describe(driver: OnvifDriver) -> Any:
    return driver.describe()


def test_the_driver_is_chosen_by_the_address(camera: OnvifCamera) -> None:
    assert isinstance(driver_for(login(camera)), OnvifDriver)


def test_it_says_what_it_is_and_can_do_and_where_its_streams_are(camera: OnvifCamera) -> None:
    said = play(camera, describe)
    assert (said.model, said.firmware, said.abilities) == ("Muster Turret 5", "2.4.1", ALL)
    assert said.streams == (
        Stream("rtsp://127.0.0.2:8554/main", "main stream", "h264", 1920, 1080),
        Stream("rtsp://127.0.0.2:8554/small", "small stream", "h264", 640, 360),
    )
    assert said.snapshot == f"http://127.0.0.2:{camera.port}/snapshot.jpg"


@pytest.mark.parametrize(
    "said", ["http://0.0.0.0:{port}", "http://10.99.0.7:{port}", "http://192.168.1.10", "http://a.b"]
)
def test_it_is_asked_where_it_was_reached_wherever_it_believes_to_be(camera: OnvifCamera, said: str) -> None:
    camera.says = said.format(port=camera.port)
    camera.uris = {"main": "rtsp://10.99.0.7:8554/main", "small": "rtsp://0.0.0.0/small"}
    camera.snapshot_uri = f"{camera.says}/snapshot.jpg"

    async def scene(driver: OnvifDriver) -> Any:
        await driver.move(0.5, 0, 0)
        await driver.stop()
        return await driver.describe()

    described = play(camera, scene)
    assert [one.url for one in described.streams] == ["rtsp://127.0.0.2:8554/main", "rtsp://127.0.0.2/small"]
    assert described.snapshot == f"http://127.0.0.2:{camera.port}/snapshot.jpg"
    assert described.abilities == ALL and camera.asked("ContinuousMove")


def test_credentials_are_taken_off_the_addresses_it_names(camera: OnvifCamera) -> None:
    camera.uris = {
        "main": "rtsp://admin:se%2Fcret@127.0.0.2:554/h264?username=admin&password=secret&channel=1&subtype=0",
        "small": "rtsp://127.0.0.2/user=admin_password=tlJwpbo6_channel=1_stream=1.sdp?real_stream",
    }
    camera.snapshot_uri = "http://admin:secret@127.0.0.2/snap.jpg?usr=x&pwd=secret&res=hd"
    said = play(camera, describe)
    assert [one.url for one in said.streams] == [
        "rtsp://127.0.0.2:554/h264?channel=1&subtype=0",
        "rtsp://127.0.0.2/user=_password=_channel=1_stream=1.sdp?real_stream",
    ]
    assert said.snapshot == "http://127.0.0.2/snap.jpg?res=hd"


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "http://127.0.0.2/x", "rtsp://", "rtsp://127.0.0.2:x/", "\x7f", "-"]
)
def test_addresses_that_are_no_streams_are_left_out(camera: OnvifCamera, uri: str) -> None:
    camera.uris["main"] = camera.snapshot_uri = uri
    said = play(camera, describe)
    assert [one.name for one in said.streams] == ["small stream"]
    assert said.snapshot == ("http://127.0.0.2/x" if uri.startswith("http") else "")


def test_older_cameras_list_their_services_as_capabilities(camera: OnvifCamera) -> None:
    from tests.peers import onvif_answers as say

    camera.answers["GetServices"] = say.fault("Receiver", "ActionNotSupported", "what is that?")
    assert play(camera, describe).abilities == ALL


def test_another_path_of_the_device_service_may_stand_in_the_address(camera: OnvifCamera) -> None:
    async def scene(_: OnvifDriver) -> list[str]:
        from camera.ptz.driver import Login

        driver = OnvifDriver(
            Login(camera.address + "/odd/place", camera.username, camera.password, allow_loopback=True)
        )
        try:
            await driver.describe()
        finally:
            await driver.close()
        return []

    play(camera, scene)
    assert camera.paths[0] == "/odd/place"


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


@pytest.mark.parametrize(("night", "filtered"), [("on", "OFF"), ("off", "ON"), ("auto", "AUTO")])
def test_night_is_the_filter_against_infrared_light_taken_away(camera: OnvifCamera, night: str, filtered: str) -> None:
    async def scene(driver: OnvifDriver) -> Switches:
        await driver.switch(Can.NIGHT, night)
        return await driver.switches()

    assert play(camera, scene) == Switches(night=night)
    assert camera.ir_cut == filtered


def test_what_it_cannot_switch_is_said(camera: OnvifCamera) -> None:
    assert refused(camera, lambda driver: driver.switch(Can.LED, True))[0] == Code.NOT_SUPPORTED
    camera.ir_cut_modes = ("ON", "OFF")
    assert refused(camera, lambda driver: driver.switch(Can.NIGHT, "auto"))[0] == Code.NOT_SUPPORTED
    camera.ir_cut_modes = ()
    assert play(camera, lambda driver: driver.switches()) == Switches()


@pytest.mark.parametrize("seconds", [-5 * 3600, 86400 * 400, -86400 * 365 * 20])
def test_a_camera_whose_clock_is_wrong_is_entered_all_the_same(camera: OnvifCamera, seconds: float) -> None:
    camera.clock_skew = seconds
    assert play(camera, describe).abilities == ALL


def test_a_clock_that_is_put_right_meanwhile_is_asked_again(
    camera: OnvifCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(driver: OnvifDriver) -> None:
        from camera.ptz import onvif_camera

        await driver.describe()
        monkeypatch.setattr(onvif_camera, "_FRESH", -1.0)
        camera.clock_skew = 3600
        await driver.move(1, 0, 0)

    play(camera, scene)
    assert camera.moving == (1.0, 0.0, 0.0) and len(camera.asked("GetSystemDateAndTime")) == 2


def test_a_camera_that_tells_strangers_nothing_is_entered_with_both_log_ins(camera: OnvifCamera) -> None:
    camera.logs_in_everything, camera.digest = True, "5f1d"
    assert play(camera, describe).abilities == ALL


def test_two_members_at_once_enter_it_once(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        await asyncio.gather(driver.presets(), driver.switches(), driver.describe())

    play(camera, scene)
    assert len(camera.asked("GetDeviceInformation")) == 1


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


def test_a_camera_whose_streams_only_the_newer_service_tells_is_described_without(camera: OnvifCamera) -> None:
    from tests.peers import onvif_answers as say

    camera.answers["GetServices"] = say.envelope(say.services(camera).replace("ver10/media", "ver20/media"))
    said = play(camera, describe)
    assert said.streams == () and said.model == "Muster Turret 5"


def test_it_is_entered_anew_after_it_was_away(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        await driver.describe()
        camera.stop_listening()
        with pytest.raises(PtzError) as caught:
            await driver.describe()
        assert caught.value.code == Code.UNREACHABLE
        camera.listen_again()
        await driver.describe()

    play(camera, scene)


def test_loopback_is_refused_unless_allowed(camera: OnvifCamera) -> None:
    with pytest.raises(PtzError, match="an address of this machine or a reserved one"):
        play(camera, describe, allow_loopback=False)
    assert not camera.log


def test_an_error_is_told_without_the_password(camera: OnvifCamera) -> None:
    from tests.peers import onvif_answers as say

    camera.answers["GotoHomePosition"] = say.fault("Receiver", "Odd", "a\nline\u202e<b>" + "x" * 500)
    error = failed(camera, lambda driver: driver.home())
    assert str(error).startswith("The camera says: aline<b>xxx") and len(str(error)) < 160
