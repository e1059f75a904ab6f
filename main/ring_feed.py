"""Rings and what waits at the bell, told to all sockets of this web process: as events are, but to those who may watch.

The rows are what counts: a ring that came while web was down is told when it is back, since it is read as any other.
"""

import asyncio
import json
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.models import Role
from camera.access import rights_on_lost
from camera.models import Camera, Event, Right
from main import attention, rings
from main.actors import Login, again
from main.attention import COUNTED, Badge
from main.event_feed import MOST_READ, EventFeed, Listener, Sight, Told
from main.models import RingAnswer
from main.rings import NOW, Ring, as_json

logger = logging.getLogger(__name__)

# The figure at the bell is reckoned this often without a reason, and for one socket no faster than this while much
# happens. Seconds.
BADGE_EVERY, BADGE_HOLD = 30.0, 1.0
MOST_ANSWERS_READ = 200
# Of a ring that is over, told a little late rather than a little early.
LATE = 0.5


@dataclass(frozen=True, slots=True)
class RingTold(Told):
    """A ring: `pictured` is the message for those who may see how it looked, `last_at` its last press."""

    pictured: str = ""
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RingSight(Sight):
    """`shown`: the cameras whose pictures they may see as well."""

    shown: frozenset[int | None]

    def words(self, told: Told) -> str:
        if not self.covers(told):
            return ""
        return told.pictured if isinstance(told, RingTold) and told.camera in self.shown else told.text


@dataclass(slots=True, eq=False)
class RingListener(Listener):
    """One socket. `due`: when its badge is to be reckoned; `stale`: a badge from before then is not true any more;
    `overs`: when a ring will be one that was missed. Monotonic seconds."""

    due: float = 0.0
    stale: float = 0.0
    reckoned: float = float("-inf")
    overs: list[float] = field(default_factory=list)
    sent: Badge | None = None

    def put(self, told: Told) -> None:
        self.stale = time.monotonic()
        self.due = min(self.due, self.reckoned + BADGE_HOLD)
        if isinstance(told, RingTold):
            self.watch_over(told.last_at)
            # slots=True makes the class anew, which super() without arguments does not know.
            Listener.put(self, told)
        else:
            self.bell.ring()

    def nudge(self) -> None:
        """Its badge is to be reckoned at once."""
        self.stale, self.due = time.monotonic(), 0.0
        self.bell.ring()

    def watch_over(self, last_at: datetime | None) -> None:
        left = (last_at + NOW - timezone.now()).total_seconds() if last_at else 0.0
        if left > 0 and len(self.overs) < rings.MOST:
            self.overs.append(time.monotonic() + left + LATE)

    def is_due(self, now: float) -> bool:
        """Whether the badge is to be reckoned now; the next time is set."""
        if now < min([self.due, *self.overs]):
            return False
        self.due, self.reckoned = now + BADGE_EVERY, now
        self.overs, self.stale = [one for one in self.overs if one > now], max(self.stale, now - BADGE_HOLD)
        return True


@dataclass(frozen=True, slots=True)
class First:
    """What a socket is told first; `lasts`: the last presses of the rings in it."""

    message: dict[str, Any]
    badge: Badge | None
    lasts: list[datetime]


class RingFeed(EventFeed):
    """One for each process; belongs to one event loop."""

    name = "ring-feed"

    def _reset(self) -> None:
        super()._reset()
        self._badges: dict[Login, tuple[float, Badge | None]] = {}

    def changed(self, since: datetime, seen: dict[int, datetime]) -> tuple[dict[int, datetime], list[Told]]:
        return changed_rows(since, seen)

    def sight_of(self, login: Login, until: float) -> Sight:
        return sight_of(login, until)

    async def first(self, login: Login) -> First:
        """Raises DatabaseError."""
        return await self._in_thread(first_of, login)

    async def badge(self, listener: RingListener) -> Badge | None:
        """What waits for them, reckoned once for all their sockets; None for who has no bell. Raises DatabaseError."""
        login = listener.login
        known = self._badges.get(login)
        if known is None or known[0] < listener.stale:
            now = time.monotonic()
            found = await self._in_thread(badge_of, login)
            self._badges = {one: kept for one, kept in self._badges.items() if kept[0] > now - BADGE_EVERY}
            known = self._badges[login] = (now, found)
        return known[1]

    def nudge(self) -> None:
        """Something was answered or seen, in any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # that loop is closed
                self._loop.call_soon_threadsafe(self._nudged)

    def _nudged(self) -> None:
        self.wake()
        for listener in self._listeners:
            if isinstance(listener, RingListener):
                listener.nudge()

    def _listen_to_the_engine(self) -> None:
        super()._listen_to_the_engine()
        if self.nudge not in rings.on_change:
            rings.on_change.append(self.nudge)

    async def stop(self) -> None:
        await super().stop()
        if self._loop is asyncio.get_running_loop() and self.nudge in rings.on_change:
            rings.on_change.remove(self.nudge)


def changed_rows(since: datetime, seen: dict[int, datetime]) -> tuple[dict[int, datetime], list[Told]]:
    """Every counted event whose state, or an answer to it, is from `since` on, with its time; and of those whose time
    is not in `seen` the rings in words and the others by their ids, oldest first."""
    # Kinds are sorted out here: as a condition they would lead SQLite to the wrong index.
    rows = Event.objects.filter(changed_at__gte=since).order_by("-changed_at", "-pk")[:MOST_READ]
    columns = ("pk", "kind", "changed_at", "delete_requested_at")
    states = {
        pk: (at, kind if gone is None else "") for pk, kind, at, gone in rows.values_list(*columns) if kind in COUNTED
    }
    for pk, at in RingAnswer.objects.order_by("-pk").values_list("event", "at")[:MOST_ANSWERS_READ]:
        if at >= since:
            states[pk] = (max(at, states[pk][0]) if pk in states else at, Event.Kind.RING)
    news = {pk: kind for pk, (at, kind) in reversed(states.items()) if seen.get(pk) != at}
    ringing = Event.objects.filter(pk__in=[pk for pk, kind in news.items() if kind == Event.Kind.RING])
    told = {ring.event.pk: tell(ring) for ring in rings.told_rings(ringing.remaining().select_related("camera"))}
    return (
        {pk: at for pk, (at, _) in states.items()},
        [told.get(pk) or Told(pk, states[pk][0], None, "") for pk in news],
    )


def tell(ring: Ring) -> RingTold:
    pictured = Ring(ring.event, ring.last_at, ring.presses, ring.answers, picture=True)
    plain, full = (json.dumps({"ring": as_json(one)}, separators=(",", ":")) for one in (ring, pictured))
    return RingTold(ring.event.pk, ring.event.changed_at, ring.event.camera_id, plain, full, ring.last_at)


def sight_of(login: Login, until: float) -> RingSight:
    actor = again(login)
    cameras = Camera.objects.allowed(actor, Right.WATCH).order_by().values_list("pk", flat=True)
    lost = {None} if Right.WATCH in rights_on_lost(actor) else set()
    return RingSight(frozenset({*cameras, *lost}), False, until, rings.pictured(actor))


def badge_of(login: Login) -> Badge | None:
    actor = again(login)
    return None if actor.user_id is None or actor.role == Role.KIOSK else attention.badge(actor)


def first_of(login: Login) -> First:
    actor = again(login)
    now, badge = rings.rings_now(actor), badge_of(login)
    message: dict[str, Any] = {"rings": [as_json(one) for one in now]}
    if badge is not None:
        message["badge"] = badge.as_json()
    return First(message, badge, [one.last_at for one in now])


_current: RingFeed | None = None


def current_ring_feed() -> RingFeed:
    global _current  # noqa: PLW0603 (one for each process)
    if _current is None:
        _current = RingFeed()
    return _current
