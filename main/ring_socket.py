"""/ws/rings/: who rings at the door, told to everybody who may watch that camera, on every page they have open."""

import json
import logging
import time
from collections.abc import Callable

from django.db import DatabaseError

from main.event_feed import EventFeed, Listener
from main.event_socket import CLOSED_BUSY, EventConsumer
from main.ring_feed import RingListener, current_ring_feed

logger = logging.getLogger(__name__)


class RingConsumer(EventConsumer):
    """One socket of a page, or of a screen of the house, which gets no pictures and has no bell."""

    feed: Callable[[], EventFeed] = staticmethod(current_ring_feed)
    listening: type[Listener] = RingListener
    told_of = "rings"

    async def begin(self, listener: Listener) -> None:
        try:
            first = await current_ring_feed().first(listener.login)
        except DatabaseError as error:
            logger.warning("a page that asks for rings is to come again: %s", error)
            await self.close(CLOSED_BUSY)
            return
        if isinstance(listener, RingListener):
            listener.sent = first.badge
            for last in first.lasts:
                listener.watch_over(last)
        await self.tell(json.dumps(first.message, separators=(",", ":")))

    async def turn(self, listener: Listener) -> None:
        if not isinstance(listener, RingListener) or self.closed or not listener.is_due(time.monotonic()):
            return
        try:
            badge = await current_ring_feed().badge(listener)
        except DatabaseError as error:
            logger.warning("the figure at the bell waits: %s", error)
            listener.due = time.monotonic() + 1.0
            return
        if badge is not None and badge != listener.sent:
            listener.sent = badge
            await self.tell(json.dumps({"badge": badge.as_json()}, separators=(",", ":")))
