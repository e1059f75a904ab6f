"""/ws/events/: what happens on the cameras somebody may look back at, told while it happens."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from camera.live.feed import Bell
from camera.live.hub import running_hub
from main.event_feed import EventFeed, Listener, current_feed
from main.handshake import CLOSED_FAILED, CLOSED_LOGGED_OUT, CLOSED_TOO_LONG, greet, number
from main.presence import Watch
from main.watchers import running_watchers

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 4096
LOOK_EVERY = 1.0
CLOSED_BUSY = 1013


class EventConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One socket. A slow one gets only the newest state of each event; its log-in is asked for again all the time."""

    feed: Callable[[], EventFeed] = staticmethod(current_feed)
    listening: type[Listener] = Listener
    told_of = "events"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.bell = Bell()
        self.watch: Watch | None = None
        self.listener: Listener | None = None
        self.sender: asyncio.Task[None] | None = None
        self.closed = False
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.leave()

    async def connect(self) -> None:
        greeted = await greet(self.scope)
        if greeted is None:
            await self.close()
            return
        _, login = greeted
        await running_hub()
        self.watch, self.listener = Watch(login, self.bell), self.listening(login, self.bell)
        try:
            await self.feed().attach(self.listener)
        except DatabaseError:
            await self.close(CLOSED_BUSY)
            return
        await self.accept()
        running_watchers().attach(self.watch)
        self.sender = asyncio.create_task(self.keep_sending(), name="event-socket")

    async def begin(self, listener: Listener) -> None:
        """What is said first."""

    async def turn(self, listener: Listener) -> None:
        """Before it waits for what happens next: at least once a second."""

    async def disconnect(self, code: int) -> None:
        self.leave()

    def leave(self) -> None:
        """Give everything back; may be called twice."""
        if self.sender is not None:
            self.sender.cancel()
        if self.listener is not None:
            self.feed().detach(self.listener)
            self.listener = None
        if self.watch is not None:
            running_watchers().detach(self.watch)
            self.watch = None

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closed:
            return
        if len(text_data or bytes_data or "") > LONGEST_MESSAGE:
            await self.close(CLOSED_TOO_LONG)
            return
        try:
            message = json.loads(text_data) if text_data is not None else None
        except (ValueError, RecursionError):
            message = None
        ping = message.get("ping") if isinstance(message, dict) else None
        if number(ping) is not None:
            await self.tell(json.dumps({"pong": ping, "now": time.time()}))
        else:
            error = {"code": "bad_request", "message": f"Send {{'ping': a number}}; {self.told_of} come by themselves."}
            await self.tell(json.dumps({"error": error}))

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        if not self.closed:
            self.closed = True
            await super().close(code, reason)

    async def tell(self, text: str) -> None:
        if not self.closed:
            await self.send(text_data=text)

    async def keep_sending(self) -> None:
        try:
            if self.listener is not None:
                await self.begin(self.listener)
            while await self.send_pending():
                if self.listener is not None:
                    await self.turn(self.listener)
                await self.bell.wait(LOOK_EVERY)
        except OSError:
            return  # the listener is gone; the server tells the consumer so
        except Exception:
            # The task's top: without it the listener would wait for ever.
            logger.exception("an event socket failed")
            await self.close(CLOSED_FAILED)

    async def send_pending(self) -> bool:
        """Send what waits and may be seen; False when the socket has been closed."""
        while True:
            if self.watch is None or self.listener is None or self.watch.gone:
                await self.close(CLOSED_LOGGED_OUT)
                return False
            if not self.listener.pending or self.closed:
                return not self.closed
            try:
                # Asked before each: the one before may have waited long for a slow listener.
                sight = await self.feed().sight(self.listener.login)
            except DatabaseError as error:
                logger.warning("rights cannot be asked, events wait: %s", error)
                await asyncio.sleep(LOOK_EVERY)
                continue
            told = self.listener.take() if self.listener is not None else None
            if told is not None and (words := sight.words(told)):
                await self.tell(words)
