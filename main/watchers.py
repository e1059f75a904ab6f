"""The connections of this web process that look at cameras, and what is written of them and asked about them.

Three small loops serve all connections together: their sessions are written every 5 s, their rights asked again every
3 s, and the names of who is watching read every second. No connection holds a thread or a database connection.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, connections
from django.utils import timezone

from camera.live.feed import Bell
from camera.live.hub import current_hub
from camera.models import Camera, Right
from main import viewings
from main.actors import Login, again
from main.presence import GONE, LOGGED_OUT, FrameRow, Row, Watch
from main.viewings import Seen

logger = logging.getLogger(__name__)

SEEN_EVERY = 5.0
RIGHTS_EVERY = 3.0
NAMES_EVERY = 1.0
# When rights cannot be asked for this long nobody is shown anything: who has lost one sees no more after 10 s.
RIGHTS_UNKNOWN = 9.0
FRAME_SECONDS = viewings.FRAME_UNSEEN.total_seconds()
P = ParamSpec("P")
T = TypeVar("T")


def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work`, then close the thread's database connections."""
    try:
        return work(*args, **kwargs)
    finally:
        connections.close_all()


def still_allowed(asked: Iterable[tuple[Login, int | None]]) -> tuple[set[Login], set[tuple[Login, int]]]:
    """Which log-ins still hold, and which of the cameras they may still watch."""
    cameras: dict[Login, set[int]] = {}
    for login, camera in asked:
        cameras.setdefault(login, set()).update(() if camera is None else (camera,))
    valid: set[Login] = set()
    allowed: set[tuple[Login, int]] = set()
    for login, wanted in cameras.items():
        actor = again(login)
        if not actor.is_known:
            continue
        valid.add(login)
        if wanted:
            may = Camera.objects.filter(pk__in=wanted).allowed(actor, Right.WATCH).values_list("pk", flat=True)
            allowed |= {(login, camera) for camera in may}
    return valid, allowed


def keep_or_reopen(seen: list[Seen], goes_on: Callable[[int], bool]) -> dict[int, int | None]:
    """Write what was seen and open anew what was ended meanwhile: {ended id: new id, or None when its row is gone}.
    What was left since it was to be written has ended as it should."""
    return {pk: viewings.reopen(pk) for pk in viewings.write_seen(seen) if goes_on(pk)}


class Watchers:
    """One for each process; belongs to one event loop, but for `frame_open`, which any thread may ask."""

    def __init__(self) -> None:
        # One thread writes, so that a leaving and a coming back are written in that order; another one reads.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="viewings")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="rights")
        self._left: deque[tuple[Seen, datetime]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._reset()

    def _reset(self) -> None:
        self._rows: dict[int, Row] = {}
        self._present: set[Watch] = set()
        self._frames: dict[str, FrameRow] = {}
        self._names: dict[int, list[str]] = {}
        self._gone_at: dict[int, float] = {}
        self._seen_bell, self._names_bell = Bell(), Bell()
        self._rights_known = time.monotonic()

    def start(self) -> None:
        """Start in the running event loop; nothing happens when it runs there already."""
        loop = asyncio.get_running_loop()
        if self._loop is loop and self._tasks and not self._tasks[0].done():
            return
        self._loop = loop
        self._reset()
        if self.stop not in current_hub().on_stop:
            current_hub().on_stop.append(self.stop)
        turns = {"seen": self._turn_seen, "rights": self._turn_rights, "names": self._turn_names}
        self._tasks = [loop.create_task(_for_ever(turn), name=f"watchers-{name}") for name, turn in turns.items()]

    async def stop(self) -> None:
        """Write what is left. Nothing happens in another event loop than the one it runs in."""
        if self._loop is not asyncio.get_running_loop():
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for watch in list(self._present):
            self.detach(watch)
        await self.write(lambda: None)

    async def write(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in the writing thread, after everything that was to be written before it."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, lambda: in_thread(work, *args, **kwargs))

    async def _read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, lambda: in_thread(work, *args, **kwargs))

    # Connections that come and go

    def attach(self, watch: Watch, session: int | None = None) -> None:
        """The connection looks from now on; `session` is the row it joined."""
        self._present.add(watch)
        if session is not None:
            watch.row = self._rows.setdefault(session, Row(session))
            watch.row.watches.add(watch)
            # Its last connection may have been written as gone while this one was on its way.
            if self._gone_at.pop(session, None) is not None:
                self._seen_bell.ring()
        if watch.names:
            self._names_bell.ring()

    def detach(self, watch: Watch) -> None:
        """The connection is gone; the session is left when it was the last."""
        self._present.discard(watch)
        row, watch.row = watch.row, None
        if row is None:
            return
        row.watches.discard(watch)
        if not row.watches:
            self._rows.pop(row.pk, None)
            self._leave(row)

    def _leave(self, row: Row) -> None:
        self._gone_at[row.pk] = time.monotonic()
        self._left.append((row.take(), timezone.now()))
        self._writer.submit(in_thread, self._write_left)

    def _write_left(self) -> None:
        while self._left:
            one = self._left.popleft()
            try:
                viewings.write_left([one])
            except DatabaseError as error:
                logger.warning("a viewing's end is written later: %s", error)
                self._left.append(one)
                return

    def frame_open(self, key: str) -> bool:
        """Whether the session `key` of single pictures is known to be open."""
        row = self._frames.get(key)
        return row is not None and time.monotonic() - row.asked_at < FRAME_SECONDS - SEEN_EVERY

    def frame_asked(self, key: str, session: int | None, size: int) -> None:
        """A single picture of `size` bytes went to the session `key`; `session` when it was joined just now."""
        if session is not None:
            self._frames[key] = FrameRow(session, time.monotonic())
        row = self._frames.get(key)
        if row is not None:
            row.asked_at, row.touched = time.monotonic(), True
            row.bytes += size

    def watching(self, camera: int) -> list[str]:
        """Who was watching a second ago, by name. Only for those who may see the camera."""
        return self._names.get(camera, [])

    # What is written of them

    async def _turn_seen(self) -> None:
        await self._seen_bell.wait(SEEN_EVERY)
        await self.write_seen()

    async def write_seen(self) -> None:
        """Write all open sessions in one go; what cannot be written stays for the next time."""
        if self._left:
            self._writer.submit(in_thread, self._write_left)
        now = time.monotonic()
        self._gone_at = {pk: at for pk, at in self._gone_at.items() if now - at < FRAME_SECONDS}
        kept = {key: one for key, one in self._frames.items() if one.touched or now - one.asked_at < FRAME_SECONDS}
        self._frames = kept
        rows: list[Row | FrameRow] = [*self._rows.values(), *(one for one in kept.values() if one.touched)]
        if not rows:
            return
        taken = [(row, row.take()) for row in rows]
        try:
            asked = {row.pk for row in kept.values()}
            reopened = await self.write(
                keep_or_reopen, [seen for _, seen in taken], lambda pk: pk in asked or pk in self._rows
            )
        except DatabaseError as error:
            logger.warning("the viewing sessions are written later: %s", error)
            for row, seen in taken:
                row.give_back(seen)
            return
        self._frames = {key: frame for key, frame in self._frames.items() if frame.pk not in reopened}
        for row in rows:
            if row.pk in reopened and isinstance(row, Row):
                self._move(row, reopened[row.pk])

    def _move(self, row: Row, new: int | None) -> None:
        """The session was ended while it was still watched: its connections go on in a new one."""
        self._rows.pop(row.pk, None)
        if new is None:
            for watch in list(row.watches):
                watch.end(GONE)
            return
        row.pk = new
        if row.watches:
            self._rows[new] = row
        else:
            self._leave(row)

    # What is asked about them

    async def _turn_rights(self) -> None:
        await asyncio.sleep(RIGHTS_EVERY)
        try:
            async with asyncio.timeout(RIGHTS_UNKNOWN - RIGHTS_EVERY):
                await self.ask_again()
        finally:
            if time.monotonic() - self._rights_known >= RIGHTS_UNKNOWN:
                for watch in self._present:
                    watch.end(GONE)

    async def ask_again(self) -> None:
        """End what must not be seen any more."""
        asked = {(watch.login, watch.camera) for watch in self._present}
        now = time.monotonic()
        valid, allowed = await self._read(still_allowed, asked) if asked else (set(), set())
        self._rights_known = now
        for watch in [watch for watch in self._present if (watch.login, watch.camera) in asked]:
            if watch.login not in valid:
                watch.end(LOGGED_OUT)
            elif watch.camera is not None and (watch.login, watch.camera) not in allowed:
                watch.end(GONE)

    async def _turn_names(self) -> None:
        cameras = {watch.camera for watch in self._present if watch.camera is not None and watch.names}
        await self._names_bell.wait(NAMES_EVERY if cameras else 60.0)
        cameras = {watch.camera for watch in self._present if watch.camera is not None and watch.names}
        self._names = await self._read(viewings.names_watching, cameras) if cameras else {}
        # A page that is opened asks at once; this keeps many of them from asking all the time.
        await asyncio.sleep(NAMES_EVERY / 4)


async def _for_ever(turn: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await turn()
        except Exception:
            # The task's top: a fault of one turn must not end the others.
            logger.exception("watching over the viewers failed once")
            await asyncio.sleep(1.0)


_current: Watchers | None = None


def current_watchers() -> Watchers:
    global _current  # noqa: PLW0603 (one for each process)
    if _current is None:
        _current = Watchers()
    return _current


def running_watchers() -> Watchers:
    """The process's watchers, started in the running event loop."""
    watchers = current_watchers()
    watchers.start()
    return watchers
