"""The hub over real sockets: states, heartbeat, subscriptions, restarts of the engine."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import zmq
from django.conf import settings

from camera import bus, ports
from camera.live import hub as hub_module
from camera.live.feed import Bell, Picture
from camera.live.hub import Hub
from camera.packets import CameraState, Reason, StateName
from tests.live_house import DOT, Voice


@pytest.fixture(autouse=True)
def _a_policy_without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "policy", lambda: ports.Policy(viewer_fps=7.0))


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)
    return value


def with_hub(scene: Callable[[Hub], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        hub = Hub(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).media_out)
        await hub.start()
        try:
            await scene(hub)
        finally:
            await hub.stop()

    asyncio.run(run())


def test_states_are_known_at_once_and_from_any_thread(voice: Voice) -> None:
    voice.online(1, codec="h264")
    voice.offline(10, "AUTH_FAILED")

    async def scene(hub: Hub) -> None:
        await until(lambda: hub.state(1).state == "online" and hub.state(10).state == "offline")
        state = await asyncio.to_thread(hub.state, 1)
        assert (state.codec, state.fps, hub.engine_up()) == ("h264", 10.0, True)
        assert hub.state(10).reason == Reason.AUTH_FAILED
        assert hub.state(99).state == StateName.CONNECTING  # the engine is well but has not spoken of it yet

    with_hub(scene)


def test_without_an_engine_cameras_connect_first_and_are_offline_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "SILENCE", 0.2)

    async def scene(hub: Hub) -> None:
        assert (hub.state(1).state, hub.engine_up()) == (StateName.CONNECTING, False)
        await until(lambda: hub.state(1).reason == Reason.ENGINE_DOWN)
        assert hub.state(1).state == StateName.OFFLINE

    with_hub(scene)


def test_a_hub_that_was_never_started_says_the_engine_is_down() -> None:
    hub = Hub("ipc:///nowhere")
    assert (hub.state(5).state, hub.state(5).reason, hub.engine_up()) == ("offline", "ENGINE_DOWN", False)


def test_pictures_come_only_while_somebody_listens(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "LINGER", 0.2)
    voice.online(1)

    async def scene(hub: Hub) -> None:
        await until(hub.engine_up)
        assert not voice.watched(1)
        feed, bell = hub.feed(1), Bell()
        with feed.listening(bell):
            await until(lambda: voice.watched(1))
            at = voice.frame(1, b"the bytes the camera sent")
            picture: Picture = await until(lambda: hub.live(feed))
            assert (picture.frame.data, picture.frame.captured_at) == (b"the bytes the camera sent", at)
            assert hub.feed(1) is feed
        await until(lambda: not voice.watched(1))
        assert hub.feed(1) is not feed

    with_hub(scene)


def test_camera_one_does_not_get_the_pictures_of_camera_ten(voice: Voice) -> None:
    voice.online(1)
    voice.online(10)

    async def scene(hub: Hub) -> None:
        one, ten = hub.feed(1), hub.feed(10)
        await until(lambda: voice.watched(1) and voice.watched(10) and hub.state(10).state == "online")
        voice.frame(10, b"ten")
        await until(lambda: hub.live(ten))
        assert hub.live(one) is None

    with_hub(scene)


def test_a_camera_that_goes_away_takes_its_picture_along(voice: Voice) -> None:
    voice.online(1)

    async def scene(hub: Hub) -> None:
        feed, bell = hub.feed(1), Bell()
        with feed.listening(bell):
            await until(lambda: voice.watched(1) and hub.state(1).state == "online")
            voice.frame(1)
            await until(lambda: hub.live(feed))
            voice.offline(1)
            await until(lambda: hub.state(1).state == "offline")
            assert hub.live(feed) is None and feed.newest is None
            # What was on its way when it went does not count either; what is taken afterwards does.
            voice.frame(1, b"late", time.time() - 5)
            voice.frame(1, b"back again", time.time() + 0.01)
            picture: Picture = await until(lambda: hub.live(feed))
            assert picture.frame.data == b"back again"

    with_hub(scene)


@pytest.mark.faults
def test_pictures_and_states_flow_again_after_the_engine_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "SILENCE", 0.8)

    async def scene(hub: Hub) -> None:
        with Voice() as first:
            first.online(1)
            feed, bell = hub.feed(1), Bell()
            feed.add(bell)
            await until(lambda: first.watched(1) and hub.state(1).state == "online")
            first.frame(1)
            await until(lambda: hub.live(feed))
        await until(lambda: not hub.engine_up() and hub.state(1).reason == Reason.ENGINE_DOWN)
        await until(lambda: feed.newest is None)
        with Voice() as second:
            second.online(1)
            await until(lambda: hub.state(1).state == "online")
            await until(lambda: second.watched(1))
            second.frame(1, b"after the restart")
            picture: Picture = await until(lambda: hub.live(feed))
            assert picture.frame.data == b"after the restart"

    with_hub(scene)


def test_a_reader_that_fell_behind_gets_the_newest_picture_alone(voice: Voice) -> None:
    voice.online(1)

    async def scene(hub: Hub) -> None:
        feed = hub.feed(1)
        await until(lambda: voice.watched(1) and hub.state(1).state == "online")
        seen: list[float] = []
        original = feed.put
        feed.put = lambda frame: (seen.append(frame.captured_at), original(frame))[1]  # type: ignore[method-assign]
        sent = [voice.frame(1) for _ in range(10)]
        time.sleep(0.5)  # noqa: ASYNC251 (the whole loop stands still, that is the point)
        await until(lambda: seen)
        assert seen == [sent[-1]]

    with_hub(scene)


async def dropped(hub: Hub, voice: Voice, name: bytes, header: dict[str, Any]) -> None:
    before = hub.garbage
    voice.raw(name, header, DOT)
    await until(lambda: hub.garbage == before + 1)


def test_odd_messages_are_dropped_and_spoil_nothing(voice: Voice) -> None:
    voice.online(1)

    async def scene(hub: Hub) -> None:
        feed, bell = hub.feed(1), Bell()
        feed.add(bell)
        await until(lambda: voice.watched(1) and hub.state(1).state == "online")
        name = bus.topic(bus.JPEG, 1)
        for header in ({}, {"t": None}, {"t": "x"}, {"t": float("nan")}, {"t": [1]}, {"t": 1.0, "w": "x"}):
            await dropped(hub, voice, name, header)
        for header in ({}, {"camera": "1", "state": "online"}, {"camera": None, "state": 3}):
            await dropped(hub, voice, b"state:7;", header)
        for odd in (
            {"state": "flying"},
            {"reason": "BORED"},
            {"since": "x"},
            {"fps": -1},
            {"fps": 1e99},
            {"detail": ["x"]},
        ):
            voice.raw(b"state:7;", {"camera": 7, "state": "online"} | odd)
            await until(lambda: hub.state(7).reason == Reason.BAD_STREAM)
            voice.raw(b"state:7;", {"camera": 7, "state": "online"})
            await until(lambda: hub.state(7).state == StateName.ONLINE)
        voice.frame(1, b"still here")
        picture: Picture = await until(lambda: hub.live(feed))
        assert picture.frame.data == b"still here"

    with_hub(scene)


def test_the_limit_for_viewers_is_read_while_there_are_some(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "POLICY_EVERY", 0.05)

    async def scene(hub: Hub) -> None:
        feed, bell = hub.feed(1), Bell()
        with feed.listening(bell):
            await until(lambda: hub.viewer_fps == 7.0)
            monkeypatch.setattr(ports, "policy", lambda: ports.Policy(viewer_fps=3.0))
            await until(lambda: hub.viewer_fps == 3.0)

    with_hub(scene)


def test_the_hub_starts_again_in_another_event_loop(voice: Voice) -> None:
    voice.online(1)
    hub = Hub(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).media_out)

    async def scene() -> None:
        await hub.start()
        await hub.start()  # nothing happens
        await until(lambda: hub.state(1).state == "online")

    asyncio.run(scene())
    asyncio.run(scene())


def test_nothing_of_the_bus_is_left_open(voice: Voice) -> None:
    async def scene() -> None:
        hub = Hub(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).media_out)
        await hub.start()
        await until(hub.engine_up)
        subscriber = hub._subscriber
        assert subscriber is not None
        await hub.stop()
        assert subscriber.socket.closed
        with pytest.raises(zmq.ZMQError):
            subscriber.subscribe(b"x")

    asyncio.run(scene())


def test_the_state_of_a_camera_is_a_plain_value() -> None:
    state = hub_module.sound(CameraState(3, "paused", "PRIVACY"))
    assert (state.camera, state.state, state.reason) == (3, StateName.PAUSED, Reason.PRIVACY)


@pytest.mark.parametrize(
    ("fps", "every", "age", "counts"),
    [
        (15.0, 0.0, 1.0, True),
        (15.0, 0.0, 5.0, False),  # stalled: an old picture is not live, whatever the state still says
        (0.2, 0.0, 5.0, True),  # slow, not stalled
        (0.0, 10.0, 20.0, True),  # asked for one picture every ten seconds
        (0.0, 10.0, 40.0, False),
    ],
)
def test_a_picture_counts_as_live_for_as_long_as_its_camera_is_slow(
    voice: Voice, fps: float, every: float, age: float, counts: bool
) -> None:
    voice.online(1, fps=fps)

    async def scene(hub: Hub) -> None:
        feed, bell = hub.feed(1), Bell()
        with feed.listening(bell):
            await until(lambda: voice.watched(1) and hub.state(1).state == "online")
            voice.frame(1, b"picture", time.time() - age, every=every)
            await until(lambda: feed.newest)
            assert (hub.live(feed) is not None) == counts

    with_hub(scene)


def test_the_usual_rate_outlives_a_stall(voice: Voice) -> None:
    """The rate that a stalled camera is said to have sinks; that must not make its last picture count for longer."""
    voice.online(1, fps=15.0)

    async def scene(hub: Hub) -> None:
        feed, bell = hub.feed(1), Bell()
        with feed.listening(bell):
            await until(lambda: voice.watched(1) and hub.state(1).fps == 15.0)
            voice.online(1, fps=0.2)
            await until(lambda: hub.state(1).fps == 0.2)
            voice.frame(1, b"picture", time.time() - 4)
            await until(lambda: feed.newest)
            assert hub.live(feed) is None

    with_hub(scene)
