"""Films on the real bus: every message in order, replays asked for again, several web processes, and letting go."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import zmq
from django.conf import settings

from camera import bus, ports
from camera.films import pack
from camera.live import films, subscriber
from camera.live import hub as hub_module
from camera.live.feed import Bell
from camera.live.films import FilmFeed
from camera.live.hub import Hub
from tests.live_house import Voice
from tests.livesocket_kit import until
from tests.reel_kit import Reel, publish


@pytest.fixture(autouse=True)
def _a_policy_without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "policy", ports.Policy)


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        voice.online(1)
        yield voice


class Camera(threading.Thread):
    """A camera's process: a publisher that answers each newcomer with the current group, as the outlets do."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.reel, self.asked, self.orders = Reel(), 0, list[Callable[[bus.MediaPublisher], None]]()
        self._over = threading.Event()

    def __enter__(self) -> "Camera":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(5)

    def run(self) -> None:
        context: zmq.Context[Any] = zmq.Context()
        out = bus.MediaPublisher(context, bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).media_in, bus.FILM_HWM)
        name = bus.topic(bus.FILM, 1)
        self.reel.key()
        while not self._over.wait(0.01):
            for asked in out.subscriptions():
                if asked == name:
                    self.asked += 1
                    out.send(name, *pack(self.reel.replay()))
            while self.orders:
                self.orders.pop(0)(out)
        out.close()
        context.term()

    def shoot(self, lost: bool = False) -> None:
        def order(out: bus.MediaPublisher) -> None:
            batch = self.reel.delta()
            if not lost:
                out.send(bus.topic(bus.FILM, 1), *pack(batch))

        self.orders.append(order)


def with_hubs(count: int, play: Callable[..., Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        hubs = [Hub(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).media_out) for _ in range(count)]
        for hub in hubs:
            await hub.start()
            await until(lambda hub=hub: hub.state(1).state == "online")
        try:
            await play(*hubs)
        finally:
            for hub in hubs:
                await hub.stop()

    asyncio.run(run())


def looked_at(hub: Hub) -> FilmFeed:
    feed = hub.film(1)
    feed.add(Bell())
    return feed


def test_of_films_every_message_is_taken_and_of_the_others_the_newest(voice: Voice) -> None:
    async def play(hub: Hub) -> None:
        feed, pictures, reel = looked_at(hub), hub.feed(1), Reel()
        await until(lambda: {bus.topic(bus.FILM, 1), bus.topic(bus.JPEG, 1)} <= voice.wanted)
        seen: list[float] = []
        original = pictures.put
        pictures.put = lambda frame: (seen.append(frame.captured_at), original(frame))[1]  # type: ignore[method-assign]
        publish(voice, 1, reel.key(with_init=True))
        for _ in range(60):
            publish(voice, 1, reel.delta())
            at = voice.frame(1)
        time.sleep(0.5)  # noqa: ASYNC251 (the whole loop stands still, that is the point)
        await until(lambda: feed.next == 61)
        assert feed.key == 0 and feed.lost == 0 and seen == [at]

    with_hubs(1, play)


def test_a_flood_is_taken_in_portions(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "MEDIA_AT_ONCE", 5)

    async def play(hub: Hub) -> None:
        feed, reel = looked_at(hub), Reel()
        await until(lambda: bus.topic(bus.FILM, 1) in voice.wanted)
        publish(voice, 1, reel.key(with_init=True))
        for _ in range(60):
            publish(voice, 1, reel.delta())
        time.sleep(0.3)  # noqa: ASYNC251
        await until(lambda: feed.next == 61)
        assert feed.lost == 0

    with_hubs(1, play)


@pytest.mark.usefixtures("voice")
def test_the_first_viewer_is_answered_with_a_replay_and_a_second_process_disturbs_nobody() -> None:
    async def play(first: Hub, second: Hub) -> None:
        with Camera() as camera:
            feed = looked_at(first)
            await until(lambda: feed.next == 1)
            camera.shoot()
            await until(lambda: feed.next == 2)
            before = [feed.at(0), feed.at(1)]
            other = looked_at(second)
            await until(lambda: other.next == 2)
            camera.shoot()
            await until(lambda: feed.next == other.next == 3)
            assert [feed.at(0), feed.at(1)] == before and feed.lost == other.lost == 0 and camera.asked == 2

    with_hubs(2, play)


@pytest.mark.usefixtures("voice")
def test_a_film_with_a_hole_is_asked_for_again_when_no_key_frame_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "PATIENCE", 0.2)
    monkeypatch.setattr(hub_module, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(hub_module, "LINGER", 0.3)

    async def play(hub: Hub) -> None:
        with Camera() as camera:
            feed, bell = hub.film(1), Bell()
            feed.add(bell)
            await until(lambda: feed.next == 1)
            camera.shoot(lost=True)
            camera.shoot()
            await until(lambda: feed.lost == 1)
            assert feed.key is None
            await until(lambda: feed.next == 3)
            assert camera.asked == 2 and feed.key == 0
            # The second asking left nothing behind: the film ends with its last viewer.
            feed.remove(bell)
            await until(lambda: hub.film(1) is not feed)

    with_hubs(1, play)


def test_a_film_is_kept_for_a_moment_after_its_last_viewer_and_let_go_then(
    voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LINGER", 0.4)
    name = bus.topic(bus.FILM, 1)

    async def play(hub: Hub) -> None:
        feed, bell = hub.film(1), Bell()
        with feed.listening(bell):
            await until(lambda: name in voice.wanted)
        assert hub.film(1) is feed
        await until(lambda: name not in voice.wanted)
        assert hub.film(1) is not feed

    with_hubs(1, play)


def test_a_camera_that_goes_away_takes_its_film_along(voice: Voice) -> None:
    async def play(hub: Hub) -> None:
        feed, reel = looked_at(hub), Reel()
        await until(lambda: bus.topic(bus.FILM, 1) in voice.wanted)
        publish(voice, 1, reel.key(with_init=True))
        await until(lambda: hub.live_film(feed))
        voice.offline(1)
        await until(lambda: hub.state(1).state == "offline")
        assert feed.key is None and not hub.live_film(feed)

    with_hubs(1, play)


def test_an_old_film_is_not_live(voice: Voice) -> None:
    async def play(hub: Hub) -> None:
        feed, reel = looked_at(hub), Reel()
        await until(lambda: bus.topic(bus.FILM, 1) in voice.wanted)
        batch = reel.key(with_init=True)
        object.__setattr__(batch.pieces[1], "captured_at", time.time() - 3)
        publish(voice, 1, batch)
        await until(lambda: feed.next == 1)
        assert not hub.live_film(feed)
        publish(voice, 1, reel.delta())
        await until(lambda: hub.live_film(feed))

    with_hubs(1, play)
