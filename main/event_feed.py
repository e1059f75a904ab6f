"""What happens, told to all sockets of this web process: read once from the database, then given to each listener.

The engine's word on MEDIA only wakes the feed, for it may be lost; the rows are what counts. While nobody listens
nothing is read.
"""

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

from django.db import DatabaseError
from django.utils import timezone

from camera.live.feed import Bell
from camera.live.hub import current_hub
from camera.models import Camera, Event, Right
from main.actors import Login, again
from main.api import describe
from main.watchers import in_thread

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

# Without a word from the engine the rows are looked at this often, in seconds.
LOOK_EVERY = 5.0
# Words that come faster are answered together.
READ_EVERY = 0.1
# A row's time is taken before it is committed, and perhaps by another machine's clock: what is older than the newest
# one by up to this much may still be new.
OVERLAP = timedelta(seconds=60)
MOST_READ = 1000
# What waits for one slow listener at most.
MOST_PENDING = 200
# A right that was taken away still holds for this long.
RIGHTS_HOLD = 1.5


@dataclass(frozen=True, slots=True)
class Told:
    """One state of an event. `text` is the message that says it, the same for everybody who may read it."""

    pk: int
    changed_at: datetime
    camera: int | None
    text: str


@dataclass(slots=True, eq=False)
class Listener:
    """One socket. `pending` holds the newest state of each event that it has not taken yet."""

    login: Login
    bell: Bell
    pending: OrderedDict[int, Told] = field(default_factory=OrderedDict)

    def put(self, told: Told) -> None:
        """Never waits and never grows beyond MOST_PENDING: of one event only its newest state is kept."""
        self.pending[told.pk] = told
        if len(self.pending) > MOST_PENDING:
            self.pending.popitem(last=False)
        self.bell.ring()

    def take(self) -> Told | None:
        return self.pending.popitem(last=False)[1] if self.pending else None


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose events a log-in may see; `until`: monotonic seconds."""

    cameras: frozenset[int | None]
    everything: bool
    until: float

    def covers(self, told: Told) -> bool:
        return self.everything or told.camera in self.cameras

    def words(self, told: Told) -> str:
        """The message for that log-in; empty where it is not theirs to read."""
        return told.text if self.covers(told) else ""


class EventFeed:
    """One for each process; belongs to one event loop. Its own thread does the reading."""

    name = "event-feed"

    def __init__(self) -> None:
        self._reader = ThreadPoolExecutor(1, thread_name_prefix=self.name)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reset()

    def _reset(self) -> None:
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._bell = Bell()
        self._sights: dict[Login, Sight] = {}
        self._starting = asyncio.Lock()
        self._forget()

    def _forget(self) -> None:
        # The events read within the overlap, each with its state's time.
        self._seen: dict[int, datetime] = {}
        self._newest = timezone.now()

    async def attach(self, listener: Listener) -> None:
        """Tell it everything that is committed from now on. Raises DatabaseError."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._reset()
        async with self._starting:
            if self._task is None or self._task.done():
                self._forget()
                self._listen_to_the_engine()
                # What is there already is not news.
                self._sort_out(await self._in_thread(self.changed, self._newest - OVERLAP, {}))
                self._task = loop.create_task(self._run(), name=self.name)
            self._listeners.add(listener)

    def detach(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def sight(self, login: Login) -> Sight:
        """What the log-in may see now, or at most RIGHTS_HOLD seconds ago. Raises DatabaseError."""
        known = self._sights.get(login)
        if known is None or time.monotonic() >= known.until:
            now = time.monotonic()
            known = await self._in_thread(self.sight_of, login, now + RIGHTS_HOLD)
            self._sights = {one: sight for one, sight in self._sights.items() if sight.until > now} | {login: known}
        return known

    # What is read, in the feed's own thread

    def changed(self, since: datetime, seen: dict[int, datetime]) -> tuple[dict[int, datetime], list[Told]]:
        return changed_rows(since, seen)

    def sight_of(self, login: Login, until: float) -> Sight:
        return sight_of(login, until)

    async def stop(self) -> None:
        """Nothing happens in another event loop than the one it runs in."""
        if self._loop is asyncio.get_running_loop():
            self._listeners.clear()
            if self._task is not None:
                self._task.cancel()

    def _listen_to_the_engine(self) -> None:
        hub = current_hub()
        if self.wake not in hub.on_event:
            hub.on_event.append(self.wake)
            hub.on_stop.append(self.stop)

    def wake(self) -> None:
        """Something has happened: look at once."""
        self._bell.ring()

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, lambda: in_thread(work, *args, **kwargs))

    async def _run(self) -> None:
        while True:
            await self._bell.wait(LOOK_EVERY)
            try:
                await self.look()
            except DatabaseError as error:
                logger.warning("events are told later: %s", error)
            except Exception:
                # The task's top: one fault must not silence all sockets.
                logger.exception("reading what has happened failed once")
            await asyncio.sleep(READ_EVERY)

    async def look(self) -> None:
        """Read what is new and give it to every listener; who may see it is asked when it is sent."""
        # A clock that was set back must not hide what is written by the new time.
        since = min(self._newest, timezone.now()) - OVERLAP
        for told in self._sort_out(await self._in_thread(self.changed, since, self._seen)):
            for listener in self._listeners:
                listener.put(told)

    def _sort_out(self, found: tuple[dict[int, datetime], list[Told]]) -> list[Told]:
        """Remember what was read; the new states among it, oldest first."""
        self._seen, new = found
        if self._seen:
            self._newest = max(self._seen.values())
        return new


def changed_rows(since: datetime, seen: dict[int, datetime]) -> tuple[dict[int, datetime], list[Told]]:
    """Every event whose state is from `since` on, with its time, and those told whose state is not in `seen`."""
    rows = Event.objects.filter(changed_at__gte=since).select_related("camera", "recording")
    # What is to be deleted is left out here: as a condition it would lead SQLite to the wrong index.
    found = [row for row in rows.order_by("-changed_at", "-pk")[:MOST_READ] if row.delete_requested_at is None]
    new = [tell(row) for row in reversed(found) if seen.get(row.pk) != row.changed_at]
    return {row.pk: row.changed_at for row in found}, new


def tell(row: Event) -> Told:
    text = json.dumps({"event": describe.event(row)}, separators=(",", ":"))
    return Told(row.pk, row.changed_at, row.camera_id, text)


def sight_of(login: Login, until: float) -> Sight:
    actor = again(login)
    cameras = Camera.objects.allowed(actor, Right.PLAYBACK).order_by().values_list("pk", flat=True)
    return Sight(frozenset(cameras), actor.user_id is not None and actor.is_owner, until)


_current: EventFeed | None = None


def current_feed() -> EventFeed:
    global _current  # noqa: PLW0603 (one for each process)
    if _current is None:
        _current = EventFeed()
    return _current
