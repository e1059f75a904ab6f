"""A camera's own button: heard from an ONVIF camera, told once, and a ring of that camera in the engine."""

import asyncio
from collections.abc import Iterator

import pytest

from camera.engine.mov_state import Standing
from camera.engine.movable import Control
from camera.ptz import onvif_camera
from camera.ptz.driver import Button, Can, Description, Login, Motion
from camera.ptz.onvif import OnvifDriver
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.onvif_kit import play

VISITOR, INPUT = "RuleEngine/MyRuleDetector/Visitor", "Device/Trigger/DigitalInput"


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    from camera.ptz.onvif_faults import refusals

    refusals.clear()
    with OnvifCamera() as one:
        yield one


def heard(camera: OnvifCamera, *told: tuple[bool, str, str, str]) -> list[Motion]:
    """What reaches the engine of these words (on, topic, name, operation), and of a movement behind them."""

    async def scene(driver: OnvifDriver) -> list[Motion]:
        said: list[Motion] = []
        task = asyncio.create_task(driver.motion())
        await asyncio.to_thread(camera.wait_for, "PullMessages")
        for on, topic, word, operation in told:
            camera.tell(on, topic, word, operation=operation)
        camera.tell(True)
        while not any(one.pressed is None for one in said):
            said += await task
            task = asyncio.create_task(driver.motion())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return said

    return play(camera, scene)


@pytest.mark.parametrize(
    ("topic", "word", "button"),
    [
        (VISITOR, "State", Button.DOORBELL),
        ("VideoSource/tnsmaker:DoorBell", "State", Button.DOORBELL),
        (INPUT, "LogicalState", Button.INPUT),
        ("Device/tnsaxis:IO/VirtualInput", "active", Button.INPUT),
    ],
)
def test_a_press_is_told_when_it_begins(camera: OnvifCamera, topic: str, word: str, button: Button) -> None:
    told = [(True, topic, word, "Changed"), (True, topic, word, "Changed"), (False, topic, word, "Changed")]
    said = heard(camera, *told, told[0])
    assert [one.pressed for one in said] == [button, button, None] and all(one.on for one in said)


def test_what_is_held_down_already_is_no_press(camera: OnvifCamera) -> None:
    said = heard(
        camera,
        (True, INPUT, "LogicalState", "Initialized"),
        (True, INPUT, "LogicalState", "Changed"),
        (False, VISITOR, "State", "Initialized"),
        (True, VISITOR, "ObjectId", "Changed"),
    )
    assert [one.pressed for one in said] == [None]


def test_a_button_that_is_no_lasting_state_is_pressed_each_time(camera: OnvifCamera) -> None:
    said = heard(camera, *[(True, VISITOR, "State", "")] * 2)
    assert [one.pressed for one in said] == [Button.DOORBELL, Button.DOORBELL, None]


@pytest.mark.parametrize(
    ("topics", "has_one"),
    [
        ([f"tns1:{VISITOR}"], True),
        (["tns1:Device/Trigger/DigitalInput", "tns1:RuleEngine/CellMotionDetector/Motion"], False),
        ([], False),
    ],
)
def test_a_camera_that_names_its_button_is_a_doorbell(camera: OnvifCamera, topics: list[str], has_one: bool) -> None:
    camera.topics = topics
    assert (Can.DOORBELL in play(camera, lambda driver: driver.describe()).abilities) == has_one


@pytest.mark.parametrize("how", ["<nonsense/>", "", "<x", "hangs", "forbids", "fails"])
def test_a_camera_that_does_not_say_what_it_tells_of_works_all_the_same(
    camera: OnvifCamera, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onvif_camera, "_BUTTON", 0.3)
    if how == "hangs":
        camera.hang.add("GetEventProperties")
    elif how == "forbids":
        camera.forbidden.add("GetEventProperties")
    elif how == "fails":
        camera.statuses["GetEventProperties"] = 500
    else:
        camera.answers["GetEventProperties"] = how.encode()
    found = play(camera, lambda driver: driver.describe())
    assert Can.EVENTS in found.abilities and Can.DOORBELL not in found.abilities and found.streams


class Host:
    """The engine, as far as one camera's control tells it anything."""

    def __init__(self) -> None:
        self.heard: list[Motion] = []

    def stirred(self, camera: int, motion: Motion) -> None:
        self.heard.append(motion)

    def shown(self, *_: object) -> None: ...

    def learnt(self, *_: object) -> None: ...

    def wrote(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("hears", "doorbell", "abilities", "listens", "pressed", "moves"),
    [
        (True, False, set(), True, [Button.DOORBELL], 1),
        (False, True, set(), True, [Button.INPUT], 0),
        (False, False, {Can.DOORBELL}, True, [Button.DOORBELL], 0),
        (False, False, set(), False, [], 0),
    ],
)
def test_whom_a_press_counts_for(
    hears: bool, doorbell: bool, abilities: set[Can], listens: bool, pressed: list[Button], moves: int
) -> None:
    news = [Motion(True, 1e9, Button.INPUT), Motion(True, 1e9, Button.DOORBELL), Motion(True, 1e9)]
    asked = asyncio.Event()

    class Driver:
        async def describe(self) -> Description:
            return Description("X", "", frozenset({Can.EVENTS} | abilities))

        async def motion(self) -> list[Motion]:
            if asked.is_set():
                await asyncio.Event().wait()
            asked.set()
            return news

        async def close(self) -> None: ...

    async def scene() -> list[Motion]:
        host = Host()
        control = Control(Login("onvif://10.0.0.9"), hears=hears, doorbell=doorbell)
        standing = Standing(1, control, host, lambda login: Driver())  # type: ignore[arg-type, return-value]
        await standing.enter()
        assert (standing._hearing is not None) == listens
        if listens:
            async with asyncio.timeout(10):
                await asked.wait()
                while not host.heard:
                    await asyncio.sleep(0.01)
        heard = list(host.heard)
        await standing.close()
        return heard

    heard = asyncio.run(scene())
    assert [one.pressed for one in heard if one.pressed] == pressed
    assert len([one for one in heard if one.pressed is None]) == moves
