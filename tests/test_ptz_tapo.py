"""Tapo cameras: what they say they can do, and what goes over the wire when they are moved and switched."""

import asyncio

import pytest

from camera.ptz.driver import Can, Code, Description, Login, Preset, PtzError, Switches
from camera.ptz.tapo import TapoDriver
from tests.peers.tapo_camera import CLOUD_PASSWORD, TapoCamera
from tests.peers.tapo_device import Device
from tests.peers.tapo_kit import drive, driving, failure

pytestmark = pytest.mark.slow

ALL = frozenset({Can.PAN_TILT, Can.PRESETS, Can.PRIVACY, Can.LED, Can.ALARM, Can.NIGHT})
STOP = {"motor": {"stop": "null"}}

every_generation = pytest.mark.parametrize("generation", ["old", "new", "newest"])


def moves(camera: TapoCamera) -> list[tuple[str, str]]:
    made = [command.params["motor"]["move"] for command in camera.commands("motorMove")]
    return [(move["x_coord"], move["y_coord"]) for move in made]


def described(camera: TapoCamera) -> Description:
    return drive(camera, lambda driver: driver.describe())


@every_generation
def test_says_what_it_is_and_can(generation: str) -> None:
    with TapoCamera(generation=generation) as camera:
        told = described(camera)
    assert (told.model, told.firmware) == ("C210", "1.4.3 Build 241010 Rel.33858n")
    assert told.abilities == ALL
    main, small = told.streams
    assert (main.url, main.codec, main.width, main.height) == ("rtsp://127.0.0.1:554/stream1", "h264", 2304, 1296)
    assert (small.url, small.codec, small.width, small.height) == ("rtsp://127.0.0.1:554/stream2", "h264", 0, 0)
    assert told.snapshot == ""


def test_finds_streams_at_another_port() -> None:
    device = Device(codec="H265", small_resolutions=["640*360"])
    with TapoCamera(device=device) as camera:
        login = Login(f"{camera.address}?rtsp=8554", cloud_password=CLOUD_PASSWORD, allow_loopback=True)

        async def ask() -> Description:
            driver = TapoDriver(login)
            try:
                return await driver.describe()
            finally:
                await driver.close()

        main, small = asyncio.run(ask()).streams
    assert (main.url, main.codec) == ("rtsp://127.0.0.1:8554/stream1", "hevc")
    assert (small.url, small.width, small.height) == ("rtsp://127.0.0.1:8554/stream2", 640, 360)


@pytest.mark.parametrize(
    ("speeds", "degrees"),
    [((1, 0), ("10", "0")), ((-1, 0), ("-10", "0")), ((0, 1), ("0", "10")), ((0, -0.5), ("0", "-5")),
     ((0.05, 0), ("1", "0")), ((3, 0), ("10", "0")), ((0.5, -1), ("5", "-10"))],
)  # fmt: skip
def test_a_move_is_one_step(speeds: tuple[float, float], degrees: tuple[str, str]) -> None:
    """Right and up are positive on the wire too."""
    with TapoCamera() as camera:
        drive(camera, lambda driver: driver.move(*speeds, 0))
        assert moves(camera) == [degrees]


@every_generation
def test_stops_on_the_wire(generation: str) -> None:
    async def go(driver: TapoDriver) -> None:
        await driver.move(1, 0, 0)
        await driver.stop()
        await driver.move(-1, 0, 0)
        await driver.move(0, 0, 0)  # also a stop

    with TapoCamera(generation=generation) as camera:
        camera.device.motor.speed = 0.5
        drive(camera, go)
        assert [c.params for c in camera.commands("do")] == [STOP, STOP]
        assert moves(camera) == [("10", "0"), ("-10", "0")]
        assert abs(camera.device.motor.position[0]) < 5


@every_generation
def test_a_camera_that_knows_no_stop_is_not_asked_twice(generation: str) -> None:
    async def go(driver: TapoDriver) -> None:
        await driver.move(1, 0, 0)
        await driver.stop()
        await driver.stop()

    with TapoCamera(generation=generation, device=Device(knows_stop=False)) as camera:
        drive(camera, go)
        assert len(camera.commands("do")) == 1


def test_stopping_what_was_never_entered_asks_nothing() -> None:
    with TapoCamera() as camera:
        drive(camera, lambda driver: driver.stop())
        assert not camera.log


def test_a_step_under_way_is_waited_for_and_another_way_is_not() -> None:
    async def go(driver: TapoDriver) -> None:
        for pan in (1, 1, 1, -1):
            await driver.move(pan, 0, 0)

    with TapoCamera() as camera:
        drive(camera, go)
        assert moves(camera) == [("10", "0"), ("-10", "0")]


def test_steps_asked_for_at_once_do_not_pile_up() -> None:
    async def go(driver: TapoDriver) -> None:
        await driver.describe()
        await asyncio.gather(*(driver.move(way, 0, 0) for way in (1, -1, 1, -1)))

    with TapoCamera() as camera:
        drive(camera, go)
        assert moves(camera) == [("10", "0")]


def test_a_busy_motor_skips_the_step() -> None:
    async def go(driver: TapoDriver) -> None:
        await driver.move(1, 0, 0)
        await driver.move(-1, 0, 0)

    with TapoCamera(device=Device(is_strict=True)) as camera:
        camera.device.motor.speed = 1.0
        drive(camera, go)
        assert camera.device.motor.goal == (10.0, 0.0)
        assert not camera.commands("cruiseStop")


def test_moving_ends_a_patrol() -> None:
    with TapoCamera(device=Device(is_patrolling=True)) as camera:
        drive(camera, lambda driver: driver.move(1, 0, 0))
        assert not camera.device.is_patrolling
        assert camera.device.motor.goal == (10.0, 0.0)


def test_says_that_it_is_at_the_end() -> None:
    with TapoCamera() as camera:
        camera.device.motor.put((0.0, 35.0))
        error = drive(camera, lambda driver: failure(driver.move(0, 1, 0)))
    assert (error.code, str(error)) == (Code.AT_THE_END, "The camera cannot turn any further.")


@every_generation
def test_without_a_motor(generation: str) -> None:
    async def go(driver: TapoDriver) -> list[PtzError]:
        first = await failure(driver.move(1, 0, 0))
        assert Can.PAN_TILT not in (await driver.describe()).abilities
        return [first, await failure(driver.move(1, 0, 0)), await failure(driver.presets())]

    with TapoCamera(generation=generation, device=Device(has_motor=False, has_led=False, alarm_kind="")) as camera:
        errors = drive(camera, go)
        assert described(camera).abilities == {Can.PRIVACY, Can.NIGHT}
        assert len(moves(camera)) == 1
    assert {(e.code, str(e)) for e in errors} == {(Code.NOT_SUPPORTED, "This camera has no motor.")}


def test_zoom_home_and_motion_are_not_there() -> None:
    async def go(driver: TapoDriver) -> set[Code]:
        doing = [driver.move(0, 0, 1), driver.home(), driver.motion()]
        return {(await failure(each)).code for each in doing}

    with TapoCamera() as camera:
        assert drive(camera, go) == {Code.NOT_SUPPORTED}
        assert not camera.log


@every_generation
def test_positions_are_kept_found_and_deleted(generation: str) -> None:
    async def go(driver: TapoDriver) -> None:
        assert await driver.presets() == [Preset("1", "Door")]
        yard = await driver.save("Yard")
        assert await driver.presets() == [Preset("1", "Door"), yard]
        await driver.go("1")
        assert (await failure(driver.go("7"))).code is Code.NO_PRESET
        await driver.delete("1")
        assert await driver.presets() == [yard]
        assert (await failure(driver.delete("1"))).code is Code.NO_PRESET
        assert (await failure(driver.save(" "))).code is Code.FAILED

    with TapoCamera(generation=generation, device=Device(presets={"1": "Door"})) as camera:
        drive(camera, go)
        assert [c.params for c in camera.commands("motorMoveToPreset")] == [{"preset": {"goto_preset": {"id": "1"}}}]
        assert camera.device.presets == {"2": "Yard"}
        assert camera.device.motor.goal == (90.0, 20.0)


@pytest.mark.parametrize("others", [0, 7])
def test_saving_over_a_name_keeps_one_of_it(others: int) -> None:
    """Also where the camera is full, and the old one has to go first."""
    presets = {"1": "Door"} | {str(n): f"Place {n}" for n in range(2, 2 + others)}

    async def go(driver: TapoDriver) -> None:
        kept = await driver.save("Door")
        assert [p for p in await driver.presets() if p.name == "Door"] == [kept]

    with TapoCamera(device=Device(presets=presets)) as camera:
        drive(camera, go)
        assert len(camera.device.presets) == 1 + others


def test_a_full_camera_says_so() -> None:
    presets = {str(n): f"Place {n}" for n in range(1, 9)}
    with TapoCamera(device=Device(presets=presets)) as camera:
        error = drive(camera, lambda driver: failure(driver.save("Ninth")))
        assert len(camera.device.presets) == 8
    assert str(error) == "The camera can remember no more positions; delete one first."


@every_generation
def test_privacy_stops_moving(generation: str) -> None:
    async def go(driver: TapoDriver) -> None:
        await driver.switch(Can.PRIVACY, True)
        assert (await driver.switches()).privacy is True
        for doing in (driver.move(1, 0, 0), driver.go("1")):
            error = await failure(doing)
            assert (error.code, str(error)) == (Code.PRIVACY, "The camera is in privacy mode.")
        assert (await driver.describe()).abilities == ALL
        await driver.switch(Can.PRIVACY, False)
        assert (await driver.switches()).privacy is False
        await driver.move(1, 0, 0)

    with TapoCamera(generation=generation, device=Device(presets={"1": "Door"})) as camera:
        drive(camera, go)
        assert camera.device.motor.goal == (10.0, 0.0)


@every_generation
@pytest.mark.parametrize("kind", ["manual", "siren"])
def test_switches_light_alarm_and_night(generation: str, kind: str) -> None:
    async def go(driver: TapoDriver) -> None:
        assert await driver.switches() == Switches(privacy=False, led=True, alarm=False, night="auto")
        for what, value in ((Can.LED, False), (Can.ALARM, True), (Can.NIGHT, "on")):
            await driver.switch(what, value)
        assert camera.device.alarm
        assert await driver.switches() == Switches(privacy=False, led=False, alarm=True, night="on")
        for what, value in ((Can.LED, True), (Can.ALARM, False), (Can.NIGHT, "off")):
            await driver.switch(what, value)
        assert await driver.switches() == Switches(privacy=False, led=True, alarm=False, night="off")
        assert (await failure(driver.switch(Can.NIGHT, "dusk"))).code is Code.NOT_SUPPORTED
        assert (await failure(driver.switch(Can.ZOOM, True))).code is Code.NOT_SUPPORTED

    with TapoCamera(generation=generation, device=Device(alarm_kind=kind)) as camera:
        drive(camera, go)
        assert (camera.device.led, camera.device.alarm, camera.device.night) == (True, False, "off")


def test_no_alarm_and_no_light() -> None:
    async def go(driver: TapoDriver) -> None:
        assert await driver.switches() == Switches(privacy=False, led=None, alarm=None, night="auto")
        assert (await failure(driver.switch(Can.ALARM, True))).code is Code.NOT_SUPPORTED
        assert (await failure(driver.switch(Can.LED, True))).code is Code.NOT_SUPPORTED

    with TapoCamera(device=Device(alarm_kind="", has_led=False)) as camera:
        drive(camera, go)


@every_generation
def test_enters_anew_when_the_camera_has_forgotten_us(generation: str) -> None:
    async def go(driver: TapoDriver) -> None:
        await driver.move(1, 0, 0)
        camera.forget_sessions()
        await driver.move(-1, 0, 0)

    with TapoCamera(generation=generation) as camera:
        drive(camera, go)
        assert moves(camera) == [("10", "0"), ("-10", "0")]
        assert camera.gate.tries == 0


def test_closing_is_quiet_and_final() -> None:
    async def go() -> None:
        async with driving(camera) as driver:
            await driver.describe()
        await driver.close()
        assert (await failure(driver.describe())).code is Code.FAILED

    with TapoCamera() as camera:
        asyncio.run(go())
