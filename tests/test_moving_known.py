"""What is known of a camera that can be moved, how often it is asked, and when it is left alone. The clock leaps."""

import asyncio
import time
from dataclasses import replace

import pytest

from camera.engine.mov_state import LONGEST_RETRY, POLL
from camera.engine.movable import LOST
from camera.ptz.driver import Can, Code, Description, PtzError, Stream, Switches
from tests.moving_kit import EVERYTHING, House, ScriptedDriver, play

GONE = PtzError(Code.UNREACHABLE, "The camera does not answer.")
WRONG = PtzError(Code.WRONG_PASSWORD, "The camera refuses the password.")


def prepared(house: House, **values: object) -> House:
    def prepare(driver: ScriptedDriver) -> None:
        vars(driver).update(values)

    house.prepare = prepare
    return house


def test_it_is_asked_once_what_it_is_and_tells_it() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        for _ in range(3):
            assert (await house.ask("info"))["model"] == "C200"
        await asyncio.sleep(100)
        assert house.driver.names("describe") == ["describe"] and house.kept == [house.driver.description]

    play(scene)


def test_what_it_says_is_told_whole() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        assert await house.ask("info") == {
            "ok": True,
            "abilities": ["alarm", "home", "led", "night", "pan_tilt", "presets", "privacy", "zoom"],
            "model": "C200",
            "presets": [{"token": "1", "name": "Door"}, {"token": "2", "name": "Gate"}],
            "switches": {"privacy": False, "led": True, "alarm": False, "night": "auto"},
            "moving_by": None,
        }
        asked = len(house.driver.calls)
        await house.ask("info")
        assert len(house.driver.calls) == asked, "from what was learnt a moment ago"
        await asyncio.sleep(11)
        house.driver.calls.clear()
        await house.ask("info")
        assert "presets" in house.driver.names()

    play(scene)


def test_who_asks_what_it_is_does_not_hold_up_who_moves_it() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.ask("info")
        await asyncio.sleep(POLL / 2)
        house.driver.calls.clear()
        for _ in range(20):
            await house.ask("move", pan=1, seconds=2)
            assert (await house.ask("info", by="alice"))["presets"]
            await asyncio.sleep(1)
        assert set(house.driver.names()) == {"move"}

    play(scene)


def test_privacy_is_looked_at_every_ten_seconds_and_told_with_its_beginning() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await asyncio.sleep(35)
        looks = house.driver.times("switches")
        assert len(looks) == 4 and looks[-1] - looks[0] == pytest.approx(3 * POLL)
        house.driver.stand = Switches(privacy=True)
        await asyncio.sleep(POLL)
        assert house.view.private_since == pytest.approx(time.time(), abs=5)
        house.driver.stand = Switches(privacy=False)
        await asyncio.sleep(POLL)
        assert house.view.private_since == 0

    play(scene)


def test_privacy_that_is_switched_here_is_told_at_once() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        house.driver.stand = Switches(privacy=True)
        assert (await house.ask("switch", what="privacy", value=True))["ok"] and house.view.private_since
        await house.settled()
        assert house.driver.names()[-2:] == ["switch", "switches"]
        assert house.driver.calls[-2][2] == (Can.PRIVACY, True)
        assert house.written == [("bob", "switched camera yard", {"privacy": True})]

    play(scene)


def test_nobody_claims_privacy_of_a_camera_that_has_not_answered_for_long() -> None:
    async def scene() -> None:
        house = prepared(House(), stand=Switches(privacy=True))
        house.begin()
        await house.settled()
        assert house.view.private_since
        house.driver.faults["switches"] += [GONE] * 3
        await asyncio.sleep(POLL + 4)
        assert house.view.private_since, "one failure says nothing"
        await asyncio.sleep(20)
        assert not house.view.private_since
        await asyncio.sleep(40)
        assert house.view.private_since, "it answers again"

    play(scene)


def test_a_camera_without_that_switch_is_left_alone() -> None:
    async def scene() -> None:
        house = prepared(House(), description=Description("X", "", frozenset({Can.PAN_TILT})))
        house.begin()
        await asyncio.sleep(1000)
        assert house.driver.names() == ["describe"]

    play(scene)


def test_while_somebody_moves_it_the_line_is_theirs() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        for _ in range(30):
            await house.ask("move", pan=1, seconds=1)
            await asyncio.sleep(0.5)
        assert len(house.driver.names("switches")) == 1

    play(scene)


def test_a_camera_that_is_away_is_asked_less_and_less_often_and_told_of() -> None:
    async def scene() -> None:
        house = House(lacks_streams=True)
        house.prepare = lambda driver: driver.faults["describe"].extend([GONE] * 8)
        house.begin()
        await house.settled()
        assert house.view.trouble is GONE
        await asyncio.sleep(3600)
        asked = house.driver.times("describe")
        assert [round(b - a) for a, b in zip(asked, asked[1:], strict=False)] == [5, 10, 20, 40, 80, 160, 300, 300]
        assert LONGEST_RETRY == 300 and house.view.trouble is None and house.kept

    play(scene)


def test_a_wrong_password_is_not_tried_again_until_the_row_changes() -> None:
    async def scene() -> None:
        house = House()
        house.prepare = lambda driver: driver.faults["describe"].append(WRONG)
        house.begin()
        await asyncio.sleep(3600)
        for do in ({"do": "move", "pan": 1}, {"do": "info"}, {"do": "home"}):
            assert (await house.ask(**do))["code"] == "wrong_password"  # type: ignore[arg-type]
        assert house.driver.names() == ["describe"]
        house.mover.change(replace(house.control, speed=0.7))
        await house.settled()
        assert house.driver.names() == ["describe"], "nothing of the log-in has changed"
        house.mover.change(replace(house.control, version=2))
        await house.settled()
        assert house.driver.names()[:2] == ["describe", "describe"] and (await house.ask("move", pan=1))["ok"]

    play(scene)


def test_a_password_that_is_found_wrong_later_is_not_tried_again_either() -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        house.driver.faults["switches"].append(WRONG)
        await asyncio.sleep(1000)
        assert len(house.driver.names("switches")) == 2
        assert (await house.ask("move", pan=1))["code"] == "wrong_password" and not house.driver.names("move")

    play(scene)


def test_a_log_in_that_is_locked_is_left_alone_for_as_long_as_the_camera_says() -> None:
    async def scene() -> None:
        house = House()
        locked = PtzError(Code.LOCKED_OUT, "Locked for 30 minutes.", 1800)
        house.prepare = lambda driver: driver.faults["describe"].append(locked)
        house.begin()
        await asyncio.sleep(600)
        answer = await house.ask("move", pan=1)
        assert answer["code"] == "locked_out" and "20 minutes" in answer["error"]
        await asyncio.sleep(1150)
        assert "a minute" in (await house.ask("info"))["error"]
        assert house.driver.names() == ["describe"]
        await asyncio.sleep(60)
        assert house.driver.names()[:2] == ["describe", "describe"] and house.kept

    play(scene)


def test_a_password_that_cannot_be_read_is_not_tried_at_all() -> None:
    async def scene() -> None:
        house = House(lacks_streams=True, is_lost=True)
        house.begin()
        await asyncio.sleep(100)
        assert not house.drivers and str(house.view.trouble) == LOST

    play(scene)


def test_whatever_a_library_does_is_told_as_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        house = House()
        house.begin()
        await house.settled()
        house.driver.faults["home"].append(KeyError("S3CRETpw"))  # type: ignore[arg-type]
        answer = await house.ask("home")
        assert answer["code"] == "failed" and "S3CRETpw" not in answer["error"]
        assert (await house.ask("home"))["ok"]

    play(scene)


def test_streams_are_missing_where_the_camera_names_none() -> None:
    async def scene() -> None:
        house = prepared(House(lacks_streams=True), description=Description("X", "", EVERYTHING))
        house.begin()
        await house.settled()
        assert house.view.trouble is not None and "no stream" in str(house.view.trouble)

    play(scene)


def test_streams_that_could_not_be_kept_are_told_again_when_the_row_changes() -> None:
    async def scene() -> None:
        house = prepared(
            House(lacks_streams=True), description=Description("X", "", EVERYTHING, (Stream("rtsp://h/1"),))
        )
        house.begin()
        await house.settled()
        assert len(house.kept) == 1
        house.mover.change(replace(house.control, version=2))
        assert len(house.kept) == 2

    play(scene)
