"""The keys of cameras, kept in memory: a picture a second or thirty must not ask the database each."""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address

from asgiref.sync import sync_to_async
from django.db import DatabaseError

from camera import keys
from camera.keys import Lock
from main.watchers import in_thread

logger = logging.getLogger(__name__)
FRESH_SECONDS = 2.0
# Beyond this nobody is let in: a key that was revoked must not go on because the database cannot be asked.
OLDEST_SECONDS = 5.0
EARLY_EVERY = 0.5
WRONG_A_MINUTE = 100
_MINUTE = 60.0
_MOST_ADDRESSES = 1024


class KeysUnknownError(Exception):
    """The database has not said for too long which keys hold."""


class Keyring:
    """One for each process; belongs to the event loop it was first asked in, and begins anew in another."""

    def __init__(
        self, read: Callable[[], dict[str, Lock]] = keys.locks, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._clock = read, clock
        self._locks: dict[str, Lock] = {}
        self._known_at = self._early_at = float("-inf")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refresh: asyncio.Task[None] | None = None

    async def open(self, slug: str, secret: str) -> tuple[Lock | None, bool]:
        """The lock of `slug` when `secret` opens it, else None; and whether it opens any. Raises KeysUnknownError.

        What opens nothing makes the keys be read once more, at most twice a second: one made just now works at once.
        """
        digest = keys.digest(secret)
        locks = await self._current()
        if not _opened(locks, slug, digest)[1] and self._clock() - self._early_at >= EARLY_EVERY:
            self._early_at = self._clock()
            await self._read_now(after=self._clock())
            locks = await self._current()
        return _opened(locks, slug, digest)

    async def _current(self) -> dict[str, Lock]:
        age = self._age()
        if age >= OLDEST_SECONDS:
            await self._read_now(after=float("-inf"))
            if self._age() >= OLDEST_SECONDS:
                raise KeysUnknownError
        elif age >= FRESH_SECONDS:
            self._start()
        return self._locks

    def _age(self) -> float:
        return self._clock() - self._known_at

    def _start(self) -> "asyncio.Task[None]":
        """The reading that is under way, or a new one."""
        loop = asyncio.get_running_loop()
        if self._refresh is None or self._refresh.done() or self._loop is not loop:
            self._loop, self._refresh = loop, loop.create_task(self._reread(), name="keyring")
        return self._refresh

    async def _read_now(self, after: float) -> None:
        """Wait for a reading that began after the moment `after`, but not for long: then the age decides."""
        try:
            async with asyncio.timeout(OLDEST_SECONDS):
                await asyncio.shield(self._start())
                if self._known_at < after:
                    await asyncio.shield(self._start())
        except TimeoutError:
            logger.warning("the keys of cameras cannot be read in time")

    async def _reread(self) -> None:
        began = self._clock()
        try:
            self._locks = await sync_to_async(in_thread, thread_sensitive=False)(self._read)
        except DatabaseError as error:
            logger.warning("the keys of cameras cannot be read: %s", error)
        else:
            self._known_at = began


def _opened(locks: dict[str, Lock], slug: str, digest: str) -> tuple[Lock | None, bool]:
    wanted = locks.get(slug)
    if wanted is not None and wanted.opens(digest):
        return wanted, True
    return None, any(lock.opens(digest) for lock in locks.values())


class WrongKeys:
    """Counts wrong keys by the sender's address. Bounded: with too many addresses the oldest is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def too_many(self, address: str) -> int:
        """Seconds for which nothing from `address` is compared any more; 0 while it may try."""
        began, count = self._found.get(_place(address), (0.0, 0))
        left = began + _MINUTE - self._clock()
        return int(left) + 1 if count >= WRONG_A_MINUTE and left > 0 else 0

    def note(self, address: str) -> None:
        place, now = _place(address), self._clock()
        began, count = self._found.pop(place, (now, 0))
        self._found[place] = (began, count + 1) if now - began < _MINUTE else (now, 1)
        if len(self._found) > _MOST_ADDRESSES:
            self._found.popitem(last=False)


def _place(address: str) -> str:
    """The address; of IPv6 the network, for everybody has as many addresses in it as they like."""
    if ":" not in address:
        return address
    try:
        return hashlib.sha256(ip_address(address.partition("%")[0]).packed[:8]).hexdigest()[:16]
    except ValueError:
        return address[:50]


current_keyring = Keyring()
current_wrong_keys = WrongKeys()
