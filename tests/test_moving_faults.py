"""Moving is safe whatever the camera does: it hangs, refuses, comes to an end, or does not take the stop."""

import asyncio
from typing import Any

import pytest

from camera.engine.movement import EVERY, STOP_FOR
from camera.engine.mover import MOST_WAITING
from camera.ptz.driver import Code, PtzError
from tests.moving_kit import House, ScriptedDriver, play


def test_what_the_camera_refuses_is_told_and_no_movement() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        for code in (Code.AT_THE_END, Code.PRIVACY, Code.BUSY):
            house.driver.faults["move"].append(PtzError(code, "It cannot."))
            assert await house.ask("move", pan=1, seconds=2) == {"ok": False, "code": code, "error": "It cannot."}
            await house.settled()
            assert house.view.mover == ""
        assert not house.written and not house.driver.names("stop")

    play(scene)


def test_an_end_that_is_reached_on_the_way_stops_it() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        await house.ask("move", pan=1, seconds=5)
        house.driver.faults["move"].append(PtzError(Code.AT_THE_END, "It cannot turn further."))
        await asyncio.sleep(1)
        assert house.driver.names("move", "stop") == ["move", "move", "stop"] and house.view.mover == ""
        assert house.written[0][2] == {"direction": "right", "seconds": EVERY}

    play(scene)


def test_a_stop_that_fails_is_sent_again_until_it_works() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        gone = PtzError(Code.UNREACHABLE, "The camera does not answer.")
        house.driver.faults["stop"] += [gone] * 4
        await house.ask("move", pan=1, seconds=1)
        await asyncio.sleep(10)
        assert len(house.driver.times("stop")) == 5 and house.view.mover == ""
        assert house.driver.times("stop")[-1] - house.driver.times("move")[0] == pytest.approx(1 + 4 * 0.5)

    play(scene)


def test_a_stop_that_never_works_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        house.driver.faults["stop"] += [PtzError(Code.UNREACHABLE, "The camera does not answer.")] * 1000
        await house.ask("move", pan=1, seconds=1)
        await asyncio.sleep(60)
        tries = house.driver.times("stop")
        assert tries[-1] - tries[0] == pytest.approx(STOP_FOR) and house.view.mover == ""
        assert "could not be told to stop" in caplog.text and len(house.written) == 1

    play(scene)


def test_a_camera_that_hangs_in_a_command_is_told_to_stop_all_the_same() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        house.driver.delays["move"] = 1000
        began = asyncio.get_running_loop().time()
        answer = await house.ask("move", pan=1, seconds=1)
        assert answer["code"] == "unreachable"
        await house.settled()
        assert house.driver.times("stop")[0] - began <= 1 + 2.5
        assert not house.written and house.view.mover == ""

    play(scene)


def test_a_press_that_waited_until_it_was_released_moves_nothing() -> None:
    async def scene() -> None:
        house = House()
        house.prepare = lambda driver: driver.delays.update(describe=3)
        house.begin()
        press = asyncio.create_task(house.ask("move", pan=1, seconds=5))
        await asyncio.sleep(0.2)
        assert (await house.ask("move"))["ok"]
        assert (await press)["code"] == "unreachable"
        await asyncio.sleep(10)
        assert "move" not in house.driver.names() and house.view.mover == ""

    play(scene)


def test_a_press_that_waited_for_its_turn_until_it_was_over_moves_nothing() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        house.driver.delays["home"] = 3
        other = asyncio.create_task(house.ask("home", by="alice"))
        await house.settled()
        assert (await house.ask("move", pan=1, seconds=1))["code"] == "unreachable"
        assert (await other)["ok"] and "move" not in house.driver.names() and house.view.mover == ""

    play(scene)


def test_a_stop_of_what_nobody_moves_here_is_sent() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        assert await house.ask("move") == {"ok": True}
        assert house.driver.names("stop") == ["stop"] and not house.written

    play(scene)


def test_when_it_is_let_go_it_is_stopped_first() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        await house.ask("move", pan=1, seconds=5)
        await house.mover.close()
        assert house.driver.names("move", "stop", "close") == ["move", "stop", "close"]
        assert house.written[0][1] == "moved camera yard"
        assert (await house.ask("move", pan=1))["code"] == "failed" and len(house.drivers) == 1

    play(scene)


def test_too_many_at_once_are_refused() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        house.driver.delays["home"] = 5
        asked = [asyncio.create_task(house.ask("home")) for _ in range(MOST_WAITING + 2)]
        answers = await asyncio.gather(*asked)
        assert [answer.get("code") for answer in answers].count("busy") == 2
        assert len(house.driver.names("home")) == MOST_WAITING

    play(scene)


@pytest.mark.parametrize("body", [{"do": "fly"}, {"do": None}, {"do": "move", "by": ""}, {"do": "move", "holder": 1}])
def test_odd_commands_are_refused(body: dict[str, Any]) -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        with pytest.raises(PtzError):
            await house.mover.ask({"by": "bob", "holder": "x"} | body)

    play(scene)


def test_drivers_stand_for_themselves() -> None:
    """No two tasks use one at once, but for motion."""

    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        driver: ScriptedDriver = house.driver
        driver.delays.update(move=0.1, presets=0.3, home=0.2)
        await asyncio.gather(*(house.ask(do, preset="1") for do in ("info", "home", "goto", "info")))
        spans = [(at, at + driver.delays.get(name, 0)) for at, name, _ in driver.calls]
        assert all(one[1] <= later[0] for one, later in zip(spans, spans[1:], strict=False))

    play(scene)
