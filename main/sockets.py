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
from camera.live.feed import Bell
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
from main.presence import LOGGED_OUT, Watch
from main.tiles import Tile, TileWish, WishError, wishes
from main.viewings import Transport, Visitor
from main.watchers import running_watchers
from main.webcam_socket import WebcamConsumer

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 65_536
LOOK_EVERY = 0.25


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


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One socket: takes wishes, sends the newest pictures. A slow one misses pictures; nothing is queued for it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.tiles: dict[str, Tile] = {}
        self.bell = Bell()
        self.watch: Watch | None = None
        self.sender: asyncio.Task[None] | None = None
        self.channel = -1
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
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"), max_num_fields=10)
        # Without a page each connection is its own.
        self.page = "".join(query.get("page", [])[:1])[: viewings.LONGEST_PAGE] or viewings.new_page_id()
        self.hub, self.watchers = await running_hub(), running_watchers()
        await self.accept()
        self.watch = Watch(login, self.bell)
        self.watchers.attach(self.watch)
        self.sender = asyncio.create_task(self.keep_sending(), name="live-socket")

    async def disconnect(self, code: int) -> None:
        self.leave()

    def leave(self) -> None:
        """Give everything back; may be called twice."""
        if self.sender is not None:
            self.sender.cancel()
        for slug in list(self.tiles):
            self.drop(slug)
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
            for name, take in (("watch", self.take_watch), ("ping", self.take_ping), ("delay", self.take_delay)):
                if name in message:
                    known = True
                    await take(message[name])
        if not known:
            await self.tell_error("bad_request", "Send a JSON object with watch, ping or delay.")

    async def take_ping(self, value: object) -> None:
        if number(value) is None:
            await self.tell_error("bad_request", "ping takes a number.")
        else:
            await self.tell({"pong": value, "now": time.time()})

    async def take_delay(self, value: object) -> None:
        for slug, measured in value.items() if isinstance(value, dict) else [("", None)]:
            tile = self.tiles.get(slug)
            values = measured if isinstance(measured, dict) else {}
            median, longest = (number(values.get(name), 0, 3600) for name in ("median", "max"))
            if median is None or longest is None:
                await self.tell_error("bad_request", "delay takes {slug: {median, max}} in seconds.")
                return
            if tile is not None and tile.watch.row is not None:
                tile.watch.row.delay = (median, max(median, longest))

    async def take_watch(self, value: object) -> None:
        try:
            wanted = wishes(value)
        except WishError as error:
            await self.tell_error("bad_request", str(error))
            return
        new = {slug: wish for slug, wish in wanted.items() if self.is_news(slug, wish)}
        try:
            valid, admitted = await self.watchers.write(admit, self.visitor, self.page, new) if new else (True, {})
        except DatabaseError:
            await self.tell_error("busy", "The house is busy; ask again in a few seconds.")
            return
        if not valid:
            await self.close(CLOSED_LOGGED_OUT)
        else:
            await self.settle(wanted, admitted)

    def is_news(self, slug: str, wish: TileWish) -> bool:
        """Whether the row of that tile has to be written: it is new, or has grown to one that counts."""
        tile = self.tiles.get(slug)
        return tile is None or (wish.counts and not tile.wish.counts)

    async def settle(self, wanted: dict[str, TileWish], admitted: dict[str, Admitted]) -> None:
        """From now on the wanted tiles and no others."""
        for slug in [slug for slug in self.tiles if slug not in wanted]:
            self.drop(slug)
        for slug, wish in wanted.items():
            if slug in self.tiles:
                self.tiles[slug].wish = wish
            elif slug in admitted:
                self.add(admitted[slug], wish)
        tiles = list(self.tiles.values())
        await self.tell({"cameras": [tile.describe(self.hub) for tile in tiles]})
        for slug in [slug for slug in wanted if slug not in self.tiles]:
            await self.tell_error("not_found", "No such camera.", camera=slug)
        for tile in tiles:
            tile.announced = True
        self.bell.ring()

    def add(self, admitted: Admitted, wish: TileWish) -> None:
        camera = admitted.camera
        # A number that was another camera's a moment ago is taken again as late as can be.
        taken = {tile.channel for tile in self.tiles.values()}
        self.channel = next(n % 256 for n in range(self.channel + 1, self.channel + 257) if n % 256 not in taken)
        watch = Watch(self.visitor.login, self.bell, camera.pk, names=True)
        feed = self.hub.feed(camera.pk)
        feed.add(self.bell)
        self.watchers.attach(watch, admitted.session)
        self.tiles[camera.slug] = Tile(camera.slug, self.channel, feed, watch, wish, manages=admitted.manages)

    def drop(self, slug: str) -> None:
        tile = self.tiles.pop(slug)
        tile.feed.remove(self.bell)
        self.watchers.detach(tile.watch)

    # What goes out

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        if not self.closed:
            self.closed = True
            await super().close(code, reason)

    async def tell(self, message: dict[str, Any]) -> None:
        if not self.closed:
            await self.send(text_data=json.dumps(message, separators=(",", ":")))

    async def tell_error(self, code: str, message: str, **more: str) -> None:
        await self.tell({"error": {"code": code, "message": message, **more}})

    async def keep_sending(self) -> None:
        try:
            while await self.send_newest():
                await self.bell.wait(min([LOOK_EVERY, *(tile.patience(self.hub) for tile in self.tiles.values())]))
        except OSError:
            return  # the viewer is gone; the server tells the consumer so
        except Exception:
            # The task's top: without it the viewer would wait for ever.
            logger.exception("a live socket failed")
            await self.close(CLOSED_FAILED)

    async def send_newest(self) -> bool:
        """One turn over all tiles; False when the socket has been closed."""
        if self.watch is None or self.watch.gone or any(one.watch.ended == LOGGED_OUT for one in self.tiles.values()):
            await self.close(CLOSED_LOGGED_OUT)
            return False
        for tile in list(self.tiles.values()):
            if self.closed:
                return False
            if tile.watch.gone:
                self.drop(tile.slug)
                await self.tell_error("gone", "You may not watch this camera any more.", camera=tile.slug)
            elif tile.announced and self.tiles.get(tile.slug) is tile:
                await self.send_tile(tile)
        return not self.closed

    async def send_tile(self, tile: Tile) -> None:
        now = time.monotonic()
        state = tile.state_due(self.hub.state(tile.feed.camera), self.watchers.watching(tile.feed.camera), now)
        if state is not None:
            await self.tell({"state": state})
        picture = tile.picture_due(self.hub, now)
        if picture is not None:
            await self.send(bytes_data=picture.message(tile.channel))
            tile.watch.sent(len(picture.frame.data))


class RefusingConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Every other WebSocket address: there is nothing there."""

    async def connect(self) -> None:
        await self.close()


websocket_application = URLRouter(
    [
        path("ws/live/", LiveConsumer.as_asgi()),
        path("ws/events/", EventConsumer.as_asgi()),
        path("ws/webcam/", WebcamConsumer.as_asgi()),
        re_path("", RefusingConsumer.as_asgi()),
    ],
)
