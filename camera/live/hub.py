"""The web process's end of MEDIA: knows every camera's state and keeps a feed for each camera that is watched."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import zmq
from django.conf import settings
from django.db import DatabaseError, connections

from camera import bus, films, ports
from camera.live.feed import Bell, Feed, Picture
from camera.live.films import FilmFeed
from camera.live.subscriber import MediaSubscriber
from camera.packets import CameraState, Frame, Reason, StateName, sound

logger = logging.getLogger(__name__)

EVENT = "event"
# Of these the newest counts, whatever came before.
PICTURES = frozenset({bus.JPEG, bus.SMALL, bus.GLANCE})
# Of these every piece counts.
FILMS = frozenset({bus.FILM, bus.FILM_SOUND})
# After this long without a word (the engine speaks every second) its word is not believed any more.
SILENCE = 3.0
# A feed is kept this long after its last viewer, so that turning a page costs no new start.
LINGER = 3.0
FORGET_STATE = 60.0
LIVE_SECONDS = 2.0
# States come about once a second: a rate that is no longer reached is forgotten within a few minutes.
FADE = 0.98
LOOK_EVERY = 0.5
POLICY_EVERY = 4.0


def read_viewer_fps() -> float:
    """The house's limit. Runs in a thread, which keeps no database connection."""
    try:
        return ports.policy().viewer_fps
    finally:
        connections.close_all()


class Hub:
    """One for each process. Any thread may ask `state` and `engine_up`; the rest belongs to the event loop."""

    def __init__(self, endpoint: str) -> None:
        self.viewer_fps = ports.Policy().viewer_fps
        self.garbage = 0
        # Set when the process is about to end: streams end then.
        self.closing = False
        # Run at the end of `stop`, for those above who have something to finish while the loop still turns.
        self.on_stop: list[Callable[[], Awaitable[None]]] = []
        # Called when the engine says that something has happened. Its word may be lost: it is to wake, not to tell.
        self.on_event: list[Callable[[], None]] = []
        self._endpoint = endpoint
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._subscriber: MediaSubscriber | None = None
        self._feeds: dict[tuple[str, int], Feed] = {}
        self._policy_bell = Bell()
        self._states: dict[int, tuple[float, CameraState]] = {}
        self._usual_fps: dict[int, float] = {}
        self._started = float("-inf")
        # When the engine was last heard: monotonic and wall clock; 0 before the first time.
        self._beat = (0.0, 0.0)
        self._was_up = False

    async def start(self) -> None:
        """Start in the running event loop; nothing happens when it runs there already."""
        loop = asyncio.get_running_loop()
        if self._loop is loop and self._tasks and not self._tasks[0].done():
            return
        self._loop, self._feeds, self._policy_bell, self.closing = loop, {}, Bell(), False
        self._started = time.monotonic()
        context: zmq.Context[Any] = zmq.Context()
        self._subscriber = MediaSubscriber(context, self._endpoint)
        for name in (f"{bus.STATE}:".encode(), bus.topic(bus.ENGINE), f"{EVENT}:".encode()):
            self._subscriber.subscribe(name)
        self._tasks = [
            loop.create_task(self._read(context, self._subscriber), name="hub-read"),
            loop.create_task(self._look(), name="hub-look"),
            loop.create_task(self._obey(), name="hub-policy"),
        ]

    async def stop(self) -> None:
        """End all streams, then what runs here; may be called twice. Nothing happens in another event loop."""
        if self._loop is not asyncio.get_running_loop():
            return
        self.closing = True
        for feed in self._feeds.values():
            feed.ring()
        for finish in self.on_stop:
            await finish()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def engine_up(self) -> bool:
        return time.monotonic() - self._beat[0] <= SILENCE and self._beat[0] > 0

    def state(self, camera: int) -> CameraState:
        """How the camera stands now; offline with ENGINE_DOWN when nobody has said so for SILENCE seconds."""
        now, up = time.monotonic(), self.engine_up()
        heard = self._states.get(camera)
        if up and heard is not None and now - heard[0] <= SILENCE:
            return heard[1]
        if heard is None and (up or (not self._beat[0] and now - self._started <= SILENCE)):
            return CameraState(camera, StateName.CONNECTING)
        last = heard[1] if heard else CameraState(camera, StateName.OFFLINE)
        down = replace(last, state=StateName.OFFLINE, reason=Reason.ENGINE_DOWN, detail="", fps=0.0, recording=False)
        return replace(down, since=self._beat[1] or last.since)

    def feed(self, camera: int, kind: str = bus.JPEG) -> Feed:
        """The camera's feed of that kind (JPEG, SMALL, GLANCE), subscribed to when it is not yet. The hub must run;
        listen to it within LINGER seconds."""
        feed = self._feeds.get((kind, camera))
        return feed if feed is not None else self._subscribe(Feed(camera), kind)

    def film(self, camera: int, kind: str = bus.FILM) -> FilmFeed:
        """The camera's film (FILM, or FILM_SOUND), under the same conditions."""
        feed = self._feeds.get((kind, camera))
        if not isinstance(feed, FilmFeed):
            feed = FilmFeed(camera)
            self._subscribe(feed, kind)
        return feed

    def _subscribe(self, feed: Feed, kind: str) -> Feed:
        assert self._subscriber is not None
        self._feeds[kind, feed.camera] = feed
        feed.idle_since = time.monotonic()
        self._subscriber.subscribe(bus.topic(kind, feed.camera))
        self._policy_bell.ring()
        return feed

    def live(self, feed: Feed) -> Picture | None:
        """The feed's newest picture, unless it is from before the camera went away or too old to be called live."""
        picture = feed.newest
        if picture is None or not self._counts(feed.camera, picture.frame.captured_at):
            return None
        age = time.time() - picture.frame.captured_at
        return picture if age <= self._lives(feed.camera, picture.frame.every) else None

    def live_film(self, feed: FilmFeed) -> bool:
        """Whether what the feed keeps may be shown to one who comes now."""
        newest = feed.newest_at
        return (
            newest is not None
            and self._counts(feed.camera, newest)
            and time.time() - newest <= self._lives(feed.camera)
        )

    def _lives(self, camera: int, every: float = 0.0) -> float:
        """Seconds for which a picture counts as live; a slow camera's longer, a stalled one's not. `every`: seconds
        from one picture to the next that the camera is asked for, 0 when it sends as it likes."""
        usual = self._usual_fps.get(camera, 0.0)
        return max(LIVE_SECONDS, 2.5 * every, 2.5 / usual if usual else 0.0)

    def _counts(self, camera: int, captured_at: float) -> bool:
        state = self.state(camera)
        return state.state == StateName.ONLINE or captured_at >= state.since

    async def _read(self, context: zmq.Context[Any], subscriber: MediaSubscriber) -> None:
        try:
            while True:
                await self._read_once(subscriber)
        finally:
            subscriber.close()
            context.term()

    async def _read_once(self, subscriber: MediaSubscriber) -> None:
        for name, header, payload in await subscriber.receive():
            try:
                self._take(name, header, payload)
            except Exception as error:
                # The top of what other processes may send: nothing of it may end the pictures of the others.
                self.garbage += 1
                logger.debug("dropped what came on %r: %r", name, error)

    def _take(self, name: bytes, header: dict[str, Any], payload: bytes) -> None:
        kind, _, which = name.rstrip(b";").partition(b":")
        if kind.decode() in PICTURES:
            self._take_frame(kind.decode(), int(which), header, payload)
        elif kind.decode() in FILMS:
            self._take_film(kind.decode(), int(which), header, payload)
        elif kind == bus.STATE.encode():
            self._take_state(sound(CameraState.from_dict(header)))
        elif kind == bus.ENGINE.encode():
            self._beat = (time.monotonic(), time.time())
        elif kind == EVENT.encode():
            for wake in self.on_event:
                wake()

    def _take_frame(self, kind: str, camera: int, header: dict[str, Any], payload: bytes) -> None:
        feed = self._feeds.get((kind, camera))
        captured_at = float(header["t"])
        if not math.isfinite(captured_at):
            raise ValueError("no time")
        width, height, seq = (int(header.get(name) or 0) for name in ("w", "h", "seq"))
        every = min(60.0, max(0.0, float(header.get("every") or 0.0)))
        frame = Frame(payload, captured_at, width, height, seq, every)
        if feed is not None and payload and self._counts(camera, frame.captured_at):
            feed.put(frame)

    def _take_film(self, kind: str, camera: int, header: dict[str, Any], payload: bytes) -> None:
        feed = self._feeds.get((kind, camera))
        if not isinstance(feed, FilmFeed):
            return
        batch = films.unpack(header, payload)
        if self._counts(camera, batch.pieces[-1].captured_at):
            feed.take(batch)

    def _take_state(self, state: CameraState) -> None:
        before = self._states.get(state.camera)
        self._states[state.camera] = (time.monotonic(), state)
        # What is told of a camera that stalls sinks with every second; its usual rate is what it was before.
        usual = self._usual_fps.get(state.camera, 0.0) * FADE
        self._usual_fps[state.camera] = max(usual, state.fps)
        if before is not None and _told(before[1]) == _told(state):
            return
        for feed in [feed for (_, camera), feed in self._feeds.items() if camera == state.camera]:
            newest = _newest_at(feed)
            if newest is not None and not self._counts(state.camera, newest):
                feed.clear()
            else:
                feed.ring()

    async def _look(self) -> None:
        """Notice silence, and let go of feeds that nobody has watched for a while."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now, up = time.monotonic(), self.engine_up()
            for (kind, camera), feed in list(self._feeds.items()):
                if self._was_up and not up:
                    feed.clear()
                if feed.idle_since is not None and now - feed.idle_since > LINGER:
                    del self._feeds[kind, camera]
                    assert self._subscriber is not None
                    self._subscriber.unsubscribe(bus.topic(kind, camera))
                elif isinstance(feed, FilmFeed) and feed.wants_again(now):
                    assert self._subscriber is not None
                    self._subscriber.ask_again(bus.topic(kind, camera))
            self._was_up = up
            for camera in [camera for camera, (heard, _) in self._states.items() if now - heard > FORGET_STATE]:
                del self._states[camera]
                self._usual_fps.pop(camera, None)

    async def _obey(self) -> None:
        """Keep the house's limit for viewers up to date while there are any."""
        while True:
            if self._feeds:
                try:
                    self.viewer_fps = await asyncio.to_thread(read_viewer_fps)
                except DatabaseError as error:
                    logger.warning("the settings cannot be read, the last ones stay: %s", error)
            await self._policy_bell.wait(POLICY_EVERY)


def _newest_at(feed: Feed) -> float | None:
    """Capture time of the newest that is in the feed."""
    if isinstance(feed, FilmFeed):
        return feed.newest_at
    return feed.newest.frame.captured_at if feed.newest is not None else None


def _told(state: CameraState) -> tuple[object, ...]:
    """What viewers are told at once when it changes."""
    film = state.film, state.film_sound
    return state.state, state.reason, state.detail, state.recording, state.since, state.moving, film


_current: Hub | None = None


def current_hub() -> Hub:
    """The process's hub, made at the first asking and started by whoever has an event loop."""
    global _current  # noqa: PLW0603 (one for each process, as the settings are)
    if _current is None:
        _current = Hub(bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).media_out)
    return _current


async def running_hub() -> Hub:
    """The process's hub, started."""
    hub = current_hub()
    await hub.start()
    return hub
