"""Moving is safe: it ends by itself, one at a time, whatever pages, people and cameras do. By a clock that leaps."""

import asyncio
import math
from typing import Any

import pytest

from camera.engine.movement import EVERY, LONGEST
from camera.engine.mover import read_course
from camera.ptz.driver import Can, Description, PtzError
from tests.moving_kit import House, play


def since(times: list[float]) -> list[float]:
    return [round(at - times[0], 3) for at in times]


def test_a_press_moves_at_once_and_ends_by_itself() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        began = asyncio.get_running_loop().time()
        assert await house.ask("move", pan=1, seconds=1.0) == {"ok": True}
        assert house.driver.times("move") == [began] and house.view.mover == "bob"
        await asyncio.sleep(3)
        assert since(house.driver.times("move")) == [0, EVERY, 2 * EVERY]
        assert house.driver.times("stop") == [began + 1.0] and house.view.mover == ""
        assert house.written == [("bob", "moved camera yard", {"direction": "right", "seconds": 1.0})]

    play(scene)


def test_a_holder_who_repeats_goes_on_and_silence_ends_it() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        began = asyncio.get_running_loop().time()
        for _ in range(20):
            assert (await house.ask("move", tilt=-0.5, seconds=0.5))["ok"]
            await asyncio.sleep(0.3)
        await asyncio.sleep(5)
        assert house.driver.times("stop") == [pytest.approx(began + 19 * 0.3 + 0.5)]
        steps = since(house.driver.times("move"))
        assert len(steps) == 16 and all(0 < b - a <= EVERY + 0.001 for a, b in zip(steps, steps[1:], strict=False))
        assert house.written == [("bob", "moved camera yard", {"direction": "down", "seconds": 6.2})]

    play(scene)


@pytest.mark.parametrize("seconds", [5, 60, 1e300])
def test_no_movement_outlives_its_last_command_by_more_than_five_seconds(seconds: float) -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        began = asyncio.get_running_loop().time()
        await house.ask("move", pan=-1, seconds=seconds)
        await asyncio.sleep(20)
        assert house.driver.times("stop") == [began + LONGEST]
        assert max(house.driver.times("move")) < began + LONGEST

    play(scene)


def test_a_release_stops_at_once() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        await house.ask("move", pan=1, seconds=5)
        await asyncio.sleep(0.1)
        at = asyncio.get_running_loop().time()
        assert await house.ask("move", pan=0, tilt=0, zoom=0) == {"ok": True}
        assert house.driver.times("stop") == [at] and house.driver.names("move", "stop") == ["move", "stop"]
        assert house.view.mover == ""

    play(scene)


def test_another_course_is_told_at_once_and_stands_in_the_same_entry() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        await house.ask("move", pan=1, seconds=1)
        await asyncio.sleep(0.1)
        at = asyncio.get_running_loop().time()
        await house.ask("move", pan=1, tilt=1, seconds=1)
        await house.settled()
        assert house.driver.calls[-1] == (at, "move", (1, 1, 0))
        await asyncio.sleep(5)
        assert house.written[0][2]["direction"] == "right, right and up" and len(house.written) == 1

    play(scene)


def test_a_press_while_the_camera_is_told_to_stop_goes_on() -> None:
    async def scene() -> None:
        house = House()
        house.prepare = lambda driver: driver.delays.update(stop=0.2)
        house.begin()
        await house.settled()
        await house.ask("move", pan=1, seconds=5)
        stop = asyncio.create_task(house.ask("move"))
        await asyncio.sleep(0.1)
        await house.ask("move", pan=1, seconds=1)
        await asyncio.sleep(5)
        assert (await stop)["ok"]
        assert house.driver.names("move", "stop") == ["move", "stop", "move", "move", "move", "stop"]
        assert len(house.written) == 1 and house.view.mover == ""

    play(scene)


def test_two_people_are_one_after_the_other() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        await house.ask("move", by="bob", pan=1, seconds=2)
        for do in (
            {"do": "move", "pan": -1},
            {"do": "goto", "preset": "1"},
            {"do": "home"},
            {"do": "save", "name": "X"},
        ):
            answer = await house.ask(**{"by": "alice", **do})  # type: ignore[arg-type]
            assert answer == {"ok": False, "code": "busy", "error": "bob is moving it just now."}, do
        # Not even a stop, which another page sends by itself when it is closed.
        assert (await house.ask("move", by="alice"))["code"] == "busy"
        assert (await house.ask("move", by="bob", holder="bob-phone", pan=1))["code"] == "busy"
        assert not house.driver.names("stop", "go", "home", "save")
        assert (await house.ask("info", by="alice"))["moving_by"] == "bob"
        await asyncio.sleep(2.1)
        assert (await house.ask("move", by="alice", pan=-1))["ok"] and house.view.mover == "alice"
        await asyncio.sleep(2)
        assert [who for who, _, _ in house.written] == ["bob", "alice"]

    play(scene)


def test_whoever_moves_it_stops_it_before_it_goes_to_a_position() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        await house.ask("move", pan=1, seconds=5)
        assert (await house.ask("goto", preset="gate"))["ok"]
        assert house.driver.names("move", "stop", "go") == ["move", "stop", "go"]
        assert house.driver.calls[-1][2] == ("2",)

    play(scene)


def test_how_it_is_mounted_and_how_fast_it_goes() -> None:
    async def scene() -> None:
        house = House(speed=0.5, pan_inverted=True, tilt_inverted=True)
        house.begin()
        await house.settled()
        await house.ask("move", pan=1, tilt=-0.5, zoom=0.2)
        assert house.driver.calls[-1][2] == (-0.5, 0.25, 0.1)
        await asyncio.sleep(3)
        # As people see it.
        assert house.written[0][2]["direction"] == "right and down and closer"

    play(scene)


@pytest.mark.parametrize(
    "values",
    [
        {"pan": math.nan}, {"tilt": math.inf}, {"zoom": -math.inf}, {"pan": 1.01}, {"tilt": -2}, {"pan": "1"},
        {"pan": True}, {"pan": None}, {"pan": 10**400}, {"pan": 1, "seconds": math.nan}, {"pan": 1, "seconds": -1},
        {"pan": 1, "seconds": "5"}, {"pan": [1]},
    ],
)  # fmt: skip
def test_what_is_no_number_or_out_of_range_moves_nothing(values: dict[str, Any]) -> None:
    with pytest.raises(PtzError):
        read_course(values)

    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        answer = await house.ask("move", **values)
        assert not answer["ok"] and answer["code"] == "failed" and not house.driver.names("move", "stop")
        assert house.view.mover == ""

    play(scene)


def test_a_camera_without_a_motor_says_so() -> None:
    async def scene() -> None:
        house = House()
        house.prepare = lambda driver: setattr(driver, "description", Description("C100", "", frozenset({Can.LED})))
        house.begin()
        for do, words in (({"do": "move", "pan": 1}, "no motor"), ({"do": "move", "zoom": 1}, "cannot zoom")):
            answer = await house.ask(**do)  # type: ignore[arg-type]
            assert answer["code"] == "not_supported" and words in answer["error"]
        for do in ({"do": "goto", "preset": "1"}, {"do": "home"}, {"do": "switch", "what": "alarm", "value": True}):
            assert (await house.ask(**do))["code"] == "not_supported"  # type: ignore[arg-type]
        assert house.driver.names() == ["describe"] and not house.written and house.view.mover == ""

    play(scene)
