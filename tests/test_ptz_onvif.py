"""An ONVIF camera is entered, described and switched."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camera.ptz import driver_for
from camera.ptz.driver import Can, Code, PtzError, Stream, Switches
from camera.ptz.onvif import OnvifDriver
from tests.peers.certificates import outdated_certificate
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


def test_a_camera_that_speaks_tls_only_is_entered_whatever_its_certificate(tmp_path: Path) -> None:
    from camera.ptz.onvif_faults import refusals

    refusals.clear()
    with OnvifCamera("127.0.0.43", 8443, certificate=outdated_certificate(tmp_path)) as camera:
        assert play(camera, describe).model == "Muster Turret 5"


def test_loopback_is_refused_unless_allowed(camera: OnvifCamera) -> None:
    with pytest.raises(PtzError, match="an address of this machine or a reserved one"):
        play(camera, describe, allow_loopback=False)
    assert not camera.log


def test_an_error_is_told_without_the_password(camera: OnvifCamera) -> None:
    from tests.peers import onvif_answers as say

    camera.answers["GotoHomePosition"] = say.fault("Receiver", "Odd", "a\nline\u202e<b>" + "x" * 500)
    error = failed(camera, lambda driver: driver.home())
    assert str(error).startswith("The camera says: aline<b>xxx") and len(str(error)) < 160
