"""The WebSockets; here /ws/live/: live pictures, states and who is watching, all tiles of a page on one socket."""

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.db import DatabaseError
from django.urls import path, re_path

from accounts.devices import device_words
from camera.live.hub import running_hub
from camera.models import Camera, Right
from main import viewings
from main.actors import again
from main.event_socket import EventConsumer
from main.handshake import (
    CLOSED_FAILED,
    CLOSED_LOGGED_OUT,
    CLOSED_TOO_LONG,
    greet,
    header,
    number,
)
from main.live_forms import TileWish
from main.live_line import line_of
from main.live_sending import LiveSending
from main.presence import LOGGED_OUT, Watch
from main.ring_socket import RingConsumer
from main.steering import Steering, WrongMoveError, wanted_move
from main.tiles import Tile, WishError, wishes
from main.viewings import Transport, Visitor
from main.watchers import running_watchers
from main.webcam_socket import WebcamConsumer

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 65_536


@dataclass(frozen=True, slots=True)
class Admitted:
    """A camera somebody may watch, the viewing session joined, and whether its details are theirs to know."""

    camera: Camera
    session: int
    manages: bool


def admit(visitor: Visitor, page: str, wanted: dict[str, TileWish]) -> tuple[bool, dict[str, Admitted]]:
    """Whether the log-in still holds, and who is let in for each allowed slug."""
    actor = again(visitor.login)
    if actor.user_id is None:
        return False, {}
    visitor = Visitor(actor, visitor.login, visitor.address, visitor.device)
    cameras = Camera.objects.filter(slug__in=list(wanted))
    managed = set(cameras.allowed(actor, Right.MANAGE).values_list("pk", flat=True))
    admitted = {}
    for one in cameras.allowed(actor, Right.WATCH):
        session = viewings.join(visitor, one, page, Transport.WEBSOCKET, counts=wanted[one.slug].counts)
        admitted[one.slug] = Admitted(one, session.pk, one.pk in managed)
    return True, admitted


def is_news(tile: Tile | None, wish: TileWish) -> bool:
    """Whether the row of that tile has to be written: it is new, or has grown to one that counts."""
    return tile is None or (wish.counts and not tile.wish.counts)


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One socket: takes wishes. What goes out is `sending`'s; nothing is queued for a slow one."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.sending: LiveSending | None = None
        self.watch: Watch | None = None
        self.sender: asyncio.Task[None] | None = None
        self.steering: Steering | None = None
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
        actor, login = greeted
        client = self.scope.get("client") or [None]
        agent = "".join(header(self.scope, b"user-agent")[:1])
        self.visitor = Visitor(actor, login, viewings.clean_address(client[0]), device_words(agent))
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        # Without a page each connection is its own.
        self.page = "".join(query.get("page", [])[:1])[: viewings.LONGEST_PAGE] or viewings.new_page_id()
        self.hub, self.watchers = await running_hub(), running_watchers()
        await self.accept()
        self.sending = LiveSending(self.hub, self.watchers, line_of(self.scope), self.tell, self.tell_bytes)
        self.steering = Steering(login, self.tell_error)
        self.watch = Watch(login, self.sending.bell)
        self.watchers.attach(self.watch)
        self.sender = asyncio.create_task(self.keep_sending(self.sending), name="live-socket")

    async def disconnect(self, code: int) -> None:
        self.leave()

    def leave(self) -> None:
        """Give everything back; may be called twice."""
        if self.steering is not None:
            self.steering.leave()
        if self.sender is not None:
            self.sender.cancel()
        if self.sending is not None:
            self.sending.leave()
        if self.watch is not None:
            self.watchers.detach(self.watch)
            self.watch = None

    # What comes in

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
        known = False
        if isinstance(message, dict):
            takes = {"watch": self.take_watch, "ping": self.take_ping, "delay": self.take_delay, "move": self.take_move}
            for name in [name for name in takes if name in message]:
                known = True
                await takes[name](message[name])
        if not known:
            await self.tell_error("bad_request", "Send a JSON object with watch, move, ping or delay.")

    async def take_ping(self, value: object) -> None:
        if number(value) is None:
            await self.tell_error("bad_request", "ping takes a number.")
        else:
            await self.tell({"pong": value, "now": time.time()})

    async def take_delay(self, value: object) -> None:
        for slug, measured in value.items() if isinstance(value, dict) else [("", None)]:
            values = measured if isinstance(measured, dict) else {}
            median, longest = (number(values.get(name), 0, 3600) for name in ("median", "max"))
            if median is None or longest is None:
                await self.tell_error("bad_request", "delay takes {slug: {median, max}} in seconds.")
                return
            tile = self.sending.tiles.get(slug) if self.sending is not None else None
            if tile is not None and tile.watch.row is not None:
                tile.watch.row.delayed(median, longest)

    async def take_move(self, value: object) -> None:
        if self.steering is None:
            return
        try:
            slug, motion = wanted_move(value)
        except WrongMoveError as error:
            await self.tell_error("bad_request", str(error))
        else:
            await self.steering.take(slug, motion)

    async def take_watch(self, value: object) -> None:
        if self.sending is None:
            return
        try:
            wanted = wishes(value)
        except WishError as error:
            await self.tell_error("bad_request", str(error))
            return
        tiles = self.sending.tiles
        new = {slug: wish for slug, wish in wanted.items() if is_news(tiles.get(slug), wish)}
        try:
            valid, admitted = await self.watchers.write(admit, self.visitor, self.page, new) if new else (True, {})
        except DatabaseError:
            await self.tell_error("busy", "The house is busy; ask again in a few seconds.")
            return
        if not valid:
            await self.close(CLOSED_LOGGED_OUT)
        elif not self.closed:
            await self.settle(self.sending, wanted, admitted)

    async def settle(self, sending: LiveSending, wanted: dict[str, TileWish], admitted: dict[str, Admitted]) -> None:
        """From now on the wanted tiles and no others."""
        for slug in [slug for slug in sending.tiles if slug not in wanted]:
            sending.drop(slug)
            if self.steering is not None:
                # Nobody moves what they have stopped to look at.
                self.steering.stop(slug)
        for slug, wish in wanted.items():
            if slug in sending.tiles:
                sending.change(slug, wish)
            elif slug in admitted:
                one = admitted[slug]
                watch = Watch(self.visitor.login, sending.bell, one.camera.pk, names=True)
                self.watchers.attach(watch, one.session)
                sending.add(slug, watch, wish, manages=one.manages)
        missing = [slug for slug in wanted if slug not in sending.tiles]
        await sending.announce()
        for slug in missing:
            await self.tell_error("not_found", "No such camera.", camera=slug)

    # What goes out

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        if not self.closed:
            self.closed = True
            if self.sending is not None:
                self.sending.over = True
            await super().close(code, reason)

    async def tell(self, message: dict[str, Any]) -> None:
        if not self.closed:
            await self.send(text_data=json.dumps(message, separators=(",", ":")))

    async def tell_bytes(self, message: bytes) -> None:
        if not self.closed:
            await self.send(bytes_data=message)

    async def tell_error(self, code: str, message: str, **more: str) -> None:
        await self.tell({"error": {"code": code, "message": message, **more}})

    async def keep_sending(self, sending: LiveSending) -> None:
        try:
            while not self.closed:
                if self.is_logged_out(sending):
                    await self.close(CLOSED_LOGGED_OUT)
                    return
                await sending.turn()
        except OSError:
            return  # the viewer is gone; the server tells the consumer so
        except Exception:
            # The task's top: without it the viewer would wait for ever.
            logger.exception("a live socket failed")
            await self.close(CLOSED_FAILED)

    def is_logged_out(self, sending: LiveSending) -> bool:
        watches = [tile.watch for tile in sending.tiles.values()]
        return self.watch is None or self.watch.gone or any(watch.ended == LOGGED_OUT for watch in watches)


class RefusingConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Every other WebSocket address: there is nothing there."""

    async def connect(self) -> None:
        await self.close()


websocket_application = URLRouter(
    [
        path("ws/live/", LiveConsumer.as_asgi()),
        path("ws/events/", EventConsumer.as_asgi()),
        path("ws/rings/", RingConsumer.as_asgi()),
        path("ws/webcam/", WebcamConsumer.as_asgi()),
        re_path("", RefusingConsumer.as_asgi()),
    ],
)
