"""The lane of a camera by itself: pace, order, and what is refused before its body is read."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from camera.commands import EngineDownError
from main.pushing.engine_words import understood
from main.pushing.lanes import MOST_FLAGGED, MOST_LATE, MOST_READING, Lane
from main.pushing.picture import Answer, Pushed
from tests.push_house import JPEG


def picture(at: float = 0.0, **values: object) -> Pushed:
    return Pushed(JPEG, 64, 48, at, **values)  # type: ignore[arg-type]


class Engine:
    """Answers at once while `open` is set, and remembers what it got."""

    def __init__(self) -> None:
        self.got: list[float] = []
        self.open = asyncio.Event()
        self.open.set()
        self.down = False
        self.refused: dict[str, object] = {}

    async def ask(self, camera: int, pushed: Pushed) -> Answer:
        self.got.append(pushed.captured_at)
        await self.open.wait()
        if self.down:
            raise EngineDownError
        return understood(self.refused or {"ok": True, "event": ""}, pushed)


def play(scene: Callable[[Engine, Lane], Awaitable[None]], rate: float = 1000.0) -> None:
    async def whole() -> None:
        engine = Engine()
        await scene(engine, Lane(1, engine.ask, rate))

    asyncio.run(whole())


async def sent(lane: Lane, *pictures: Pushed) -> list["asyncio.Task[Answer]"]:
    """Sent one after the other, none waited for."""
    tasks = []
    for one in pictures:
        tasks.append(asyncio.create_task(lane.send(one)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return tasks


async def statuses(tasks: list["asyncio.Task[Answer]"]) -> list[int]:
    return [answer.status for answer in await asyncio.gather(*tasks)]


def test_the_rate_is_kept_and_the_newest_gets_through() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        loop = asyncio.get_running_loop()
        began, tasks, number = loop.time(), [], 0
        while loop.time() - began < 1.0:
            tasks.append(asyncio.create_task(lane.send(picture(loop.time() - began))))
            number += 1
            await asyncio.sleep(0.005)
        found = await statuses(tasks)
        assert 18 <= found.count(202) == len(engine.got) <= 24, len(engine.got)
        assert set(found) == {202, 429} and found[-1] == 202
        assert engine.got == sorted(engine.got)
        assert max(b - a for a, b in zip(engine.got, engine.got[1:], strict=False)) < 0.2

    play(scene, rate=20.0)


def test_most_of_a_flood_is_refused_before_its_bodies_are_read() -> None:
    now = [0.0]

    async def whole() -> None:
        lane = Lane(1, Engine().ask, 30.0, lambda: now[0])
        let_in = 0
        for number in range(20_000):
            now[0] = number / 1000
            let_in += lane.refusal("", False) is None
        # Twice the rate for twenty seconds, and half a second's worth to begin with.
        assert 1200 <= let_in <= 1200 + 16
        now[0] += 0.02
        assert lane.refusal("", False) is None

    asyncio.run(whole())


def test_a_sender_that_keeps_the_rate_is_never_refused_early() -> None:
    now = [0.0]

    async def whole() -> None:
        lane = Lane(1, Engine().ask, 30.0, lambda: now[0])
        for number in range(3000):
            now[0] = number / 30 + (number * 7919 % 13) / 400
            assert lane.refusal("", False) is None

    asyncio.run(whole())


def test_an_older_picture_displaces_no_newer_one() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        engine.open.clear()
        tasks = await sent(lane, picture(1), picture(3), picture(2))
        engine.open.set()
        assert await statuses(tasks) == [202, 202, 429] and engine.got == [1, 3]

    play(scene)


def test_what_comes_after_a_flagged_picture_stays_behind_it() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        engine.open.clear()
        flagged = [picture(at, kind="spill") for at in (1, 2, 3)]
        tasks = await sent(lane, *flagged, picture(4), picture(5))
        engine.open.set()
        assert await statuses(tasks) == [202, 202, 202, 429, 202] and engine.got == [1, 2, 3, 5]

    play(scene)


def test_late_pictures_take_turns_with_those_of_now() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        engine.open.clear()
        late = [picture(-at, late=True) for at in (3, 2, 1)]
        tasks = await sent(lane, *late, picture(1, kind="spill"), picture(2, kind="spill"))
        engine.open.set()
        assert await statuses(tasks) == [202] * 5
        assert [at for at in engine.got if at < 0] == [-3, -2, -1] and engine.got != [-3, -2, -1, 1, 2]
        assert engine.got[1:4] in ([1, -2, 2], [-2, 1, -1])

    play(scene)


def test_queues_are_bounded() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        engine.open.clear()
        flagged = await sent(lane, *(picture(at, kind="spill") for at in range(20)))
        late = await sent(lane, *(picture(-at, late=True) for at in range(20)))
        assert lane.refusal("spill", False) is not None and lane.refusal("", True) is not None
        engine.open.set()
        assert (await statuses(flagged)).count(202) == 1 + MOST_FLAGGED
        assert (await statuses(late)).count(202) == MOST_LATE

    play(scene)


def test_few_bodies_are_read_at_a_time() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        with ExitStack() as stack:
            for _ in range(MOST_READING):
                assert lane.refusal("", False) is None
                stack.enter_context(lane.reading())
            refused = lane.refusal("spill", False)
            assert refused is not None and refused.status == 429
        assert lane.refusal("spill", False) is None

    play(scene)


def test_what_waits_for_an_engine_that_is_down_is_told_so_together() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        engine.open.clear()
        engine.down = True
        tasks = await sent(lane, picture(1), picture(2), picture(3, kind="spill"), picture(-1, late=True))
        engine.open.set()
        assert await statuses(tasks) == [503] * 4 and engine.got == [1]

    play(scene)


def test_what_waits_for_a_camera_that_is_silent_does_not_wait_for_one_time_out_after_the_other() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        engine.open.clear()
        engine.refused = {"ok": False, "code": "camera_down", "error": "It does not answer."}
        flagged = await sent(lane, *(picture(at, kind="spill") for at in range(1, 4)), picture(-1, late=True))
        engine.open.set()
        assert await statuses(flagged) == [503] * 4 and engine.got == [1]

    play(scene)


def test_a_sender_who_leaves_leaves_nothing_behind() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        engine.open.clear()
        tasks = await sent(lane, picture(1), picture(2, kind="spill"), picture(3))
        for task in tasks[1:]:
            task.cancel()
        await asyncio.sleep(0)
        engine.open.set()
        assert (await tasks[0]).status == 202
        assert (await lane.send(picture(4))).status == 202 and engine.got == [1, 4]

    play(scene)


def test_an_ending_process_leaves_nobody_waiting() -> None:
    async def scene(engine: Engine, lane: Lane) -> None:
        engine.open.clear()
        tasks = await sent(lane, picture(1), picture(2))
        lane.stop()
        assert await statuses(tasks) == [503, 503]

    play(scene)
