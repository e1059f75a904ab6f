"""Positions, switches, and what a camera itself says of motion. The clock leaps."""

import asyncio
import time
from dataclasses import replace

import pytest

from camera.ptz.driver import Can, Code, Description, Motion, PtzError
from tests.moving_kit import House, ScriptedDriver, play

GONE = PtzError(Code.UNREACHABLE, "The camera does not answer.")
WRONG = PtzError(Code.WRONG_PASSWORD, "The camera refuses the password.")


def prepared(house: House, **values: object) -> House:
    def prepare(driver: ScriptedDriver) -> None:
        vars(driver).update(values)

    house.prepare = prepare
    return house


def test_positions_are_found_by_token_and_by_name_kept_and_deleted() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        assert (await house.ask("goto", preset="2"))["ok"] and (await house.ask("goto", preset="DOOR"))["ok"]
        assert [values for _, name, values in house.driver.calls if name == "go"] == [("2",), ("1",)]
        saved = await house.ask("save", name=" Pool ")
        assert saved == {"ok": True, "preset": {"token": "3", "name": "Pool"}}
        assert (await house.ask("goto", preset="pool"))["ok"] and (await house.ask("delete", preset="Pool"))["ok"]
        assert await house.ask("goto", preset="pool") == {
            "ok": False, "code": "no_preset", "error": "The camera knows no such position.",
        }  # fmt: skip
        for name in ("", " ", "x" * 61, "a\nb", None, 5):
            assert (await house.ask("save", name=name))["code"] == "failed"
        assert [(what, values["position"]) for _, what, values in house.written] == [
            ("sent camera yard to a position", "Gate"), ("sent camera yard to a position", "Door"),
            ("saved a position of camera yard", "Pool"), ("sent camera yard to a position", "Pool"),
            ("deleted a position of camera yard", "Pool"),
        ]  # fmt: skip
        assert (await house.ask("home"))["ok"] and house.written[-1][2] == {"position": "home"}

    play(scene)


def test_a_position_that_was_made_elsewhere_is_found() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.ask("info")
        house.driver.kept = [replace(house.driver.kept[0], token="9", name="New")]
        assert (await house.ask("goto", preset="new"))["ok"]

    play(scene)


@pytest.mark.parametrize(
    ("what", "value", "good"),
    [
        ("led", False, True), ("alarm", True, True), ("night", "on", True), ("night", True, False),
        ("night", "never", False), ("led", "on", False), ("led", 1, False), ("led", None, False),
        ("pan_tilt", True, False), ("", True, False), (None, True, False),
    ],
)  # fmt: skip
def test_switches_are_set_only_as_they_can_be(what: object, value: object, good: bool) -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        answer = await house.ask("switch", what=what, value=value)
        assert answer["ok"] is good and bool(house.driver.names("switch")) is good and bool(house.written) is good

    play(scene)


def with_events(**more: object) -> House:
    return prepared(House(hears=True), description=Description("X", "", frozenset({Can.EVENTS})), **more)


def test_what_the_camera_says_of_motion_is_passed_on() -> None:
    async def scene() -> None:
        wall = time.time()
        house = with_events(news=[Motion(True, wall - 1), Motion(False, wall - 86400)])
        house.begin()
        await asyncio.sleep(5)
        first, last = house.motions
        assert first == Motion(True, wall - 1)
        assert not last.on and last.at == pytest.approx(wall, abs=5), "its clock is wrong"

    play(scene)


def test_motion_of_a_camera_that_falls_silent_is_over() -> None:
    async def scene() -> None:
        house = with_events(news=[Motion(True, time.time()), GONE, GONE])
        house.begin()
        await asyncio.sleep(60)
        assert [one.on for one in house.motions] == [True, False]
        tries = house.driver.times("motion")
        assert tries[2] - tries[1] == pytest.approx(5) and tries[3] - tries[2] == pytest.approx(10)

    play(scene)


def test_a_camera_that_answers_at_once_is_not_asked_without_pause() -> None:
    async def scene() -> None:
        house = with_events()
        house.begin()
        await house.settled()
        house.driver.news = [Motion(True, time.time())] * 10000
        house.mover.change(replace(house.control, version=3, hears=False))
        house.mover.change(replace(house.control, version=4, hears=True))
        house.motions.clear()
        await asyncio.sleep(10)
        assert len(house.motions) <= 101

    play(scene)


def test_the_camera_is_not_listened_to_where_motion_is_not_looked_for() -> None:
    async def scene() -> None:
        house = with_events(news=[Motion(True, time.time())] * 5)
        house.control = replace(house.control, hears=False)
        house.begin()
        await asyncio.sleep(30)
        assert not house.motions and not house.driver.names("motion")
        house.mover.change(replace(house.control, hears=True, version=2))
        await asyncio.sleep(0.05)
        assert [one.on for one in house.motions] == [True]
        house.mover.change(replace(house.control, hears=False, version=3))
        assert [one.on for one in house.motions] == [True, False]
        await asyncio.sleep(30)
        assert len(house.motions) == 2

    play(scene)
