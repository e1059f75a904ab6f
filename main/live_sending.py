"""What goes out on one live socket: lists of cameras, states, pictures and pieces of film, all tiles together.

Where the connection's wire is known a feed's bell writes straight to it: one pass over all tiles that show the camera,
no task woken for any of them. Everything else is one task's work for each socket, a few times a second.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from camera.live.feed import Bell
from camera.live.hub import Hub
from camera.packets import StateName
from main.live_forms import Form, TileWish, as_it_comes, choose
from main.live_line import Line
from main.presence import Watch
from main.tiles import Tile
from main.watchers import Watchers

# Everything is looked at so often even if nothing rings; more often where nothing is written by the bells. Seconds.
LOOK_EVERY, LOOK_EVERY_INDIRECT = 0.5, 0.25
# So soon a line that was full is looked at again, and so late when it is full again and again. Seconds.
SOON, LATER = 0.01, 0.08


class Ringing(Bell):
    """Calls instead of waking."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._then = then

    def ring(self) -> None:
        self._then()


class LiveSending:
    """The tiles of one socket. `tell` and `send` wait while the server takes no more; `over` is set when it closes."""

    def __init__(
        self,
        hub: Hub,
        watchers: Watchers,
        line: Line,
        tell: Callable[[dict[str, Any]], Awaitable[None]],
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self.tiles: dict[str, Tile] = {}
        self.over = False
        # For the connections' watches: what they say is looked at in the next turn.
        self.bell = Ringing(self.wake)
        self._hub, self._watchers, self._line, self._tell, self._send = hub, watchers, line, tell, send
        self._channel = -1
        self._bell, self._has_news, self._look_at = Bell(), False, 0.0
        self._every = LOOK_EVERY if line.direct else LOOK_EVERY_INDIRECT
        self._again = SOON
        self._announcing = asyncio.Lock()
        # Tiles whose pictures the line did not take, the one that has waited longest first: it goes before all others.
        self._held: dict[Tile, None] = {}
        # Tiles whose newest picture came too early and is sent if no other comes in time.
        self._early: set[Tile] = set()

    def wake(self) -> None:
        """Have everything looked at in the next turn."""
        self._has_news = True
        self._bell.ring()

    # The set of tiles

    def add(self, slug: str, watch: Watch, wish: TileWish, *, manages: bool) -> None:
        """Another tile, which shows its camera once it is announced. `watch` is attached already."""
        assert watch.camera is not None
        tile = Tile(slug, watch.camera, self._free_channel(), Bell(), watch, wish, manages=manages)
        tile.bell = Ringing(lambda: self._rung(tile))
        tile.come(self._hub, choose(wish, self._hub.state(tile.camera)))
        self.tiles[slug] = tile

    def change(self, slug: str, wish: TileWish) -> None:
        """The tile goes on under another wish; it keeps its channel where its form stays."""
        tile = self.tiles[slug]
        old, tile.wish = tile.wish, wish
        if wish != old:
            is_new = (wish.form, wish.sound) != (old.form, old.sound)
            self._adapt(tile, None if is_new else tile.form, time.monotonic())
            if wish.rate != old.rate and not tile.form.is_film:
                tile.come(self._hub, tile.form)

    def drop(self, slug: str) -> None:
        tile = self.tiles.pop(slug)
        self._held.pop(tile, None)
        tile.leave()
        self._watchers.detach(tile.watch)

    def leave(self) -> None:
        """Give everything back; may be called twice."""
        self.over = True
        for slug in list(self.tiles):
            self.drop(slug)

    def _free_channel(self) -> int:
        # A number that was another camera's a moment ago is taken again as late as can be.
        taken = {tile.channel for tile in self.tiles.values()}
        numbers = (number % 256 for number in range(self._channel + 1, self._channel + 257))
        self._channel = next(number for number in numbers if number not in taken)
        return self._channel

    def _adapt(self, tile: Tile, before: Form | None, now: float) -> bool:
        """Let the tile's pictures come as they can now, after they came as `before`. Whether that has to be announced;
        nothing goes out until then."""
        state = self._hub.state(tile.camera)
        is_missing = tile.wish.form == "mp4" and state.state == StateName.ONLINE and not state.film
        tile.missing_since = (tile.missing_since or now) if is_missing else None
        missing = now - tile.missing_since if tile.missing_since is not None else 0.0
        form, shown = choose(tile.wish, state, before, missing), tile.form
        if form.kind == shown.kind:
            form = as_it_comes(form, tile.feed)
        if form.looks_like(shown):
            if form.kind != shown.kind:
                tile.come(self._hub, form)
            return False
        if tile.flow.begun or form.mime != shown.mime:
            tile.channel = self._free_channel()
        tile.announced = False
        tile.come(self._hub, form)
        return True

    # What goes out

    async def announce(self) -> None:
        """Tell how the tiles' pictures come, in full; then they may."""
        async with self._announcing:
            told = [(tile, tile.channel) for tile in self.tiles.values()]
            await self._tell({"cameras": [tile.describe(self._hub) for tile, _ in told]})
            for tile, channel in told:
                # It may have changed once more meanwhile.
                tile.announced = tile.announced or tile.channel == channel
        self.wake()

    async def turn(self) -> None:
        """Send what is due, then wait until there may be more."""
        now = time.monotonic()
        if self._has_news or now >= self._look_at:
            self._has_news, self._look_at = False, now + self._every
            await self._look(now)
        else:
            self._write_held()
        pause = max(0.0, self._look_at - time.monotonic())
        if self._held:
            pause = min(pause, self._again)
            self._again = min(LATER, 2 * self._again)
        await self._bell.wait(pause)

    async def _look(self, now: float) -> None:
        for tile in [tile for tile in self.tiles.values() if tile.watch.gone]:
            self.drop(tile.slug)
            error = {"code": "gone", "message": "You may not watch this camera any more.", "camera": tile.slug}
            await self._tell({"error": error})
        if [tile for tile in self.tiles.values() if tile.announced and self._adapt(tile, tile.form, now)]:
            await self.announce()
        self._write_held()
        for tile in list(self.tiles.values()):
            if self._may_send(tile):
                watching = self._watchers.watching(tile.camera)
                state = tile.state_due(self._hub.state(tile.camera), watching, now)
                if state is not None:
                    await self._tell({"state": state})
                await self._deliver(tile)

    def _may_send(self, tile: Tile) -> bool:
        return not self.over and tile.announced and not tile.watch.gone and self.tiles.get(tile.slug) is tile

    async def _deliver(self, tile: Tile) -> None:
        if self._line.direct:
            self._write(tile)
            return
        while self._may_send(tile):
            message = tile.flow.due(time.monotonic(), self._line)
            if message is None:
                self._ask_again(tile)
                return
            await self._send(message.message(tile.channel))
            tile.watch.sent(len(message.data))

    def _rung(self, tile: Tile) -> None:
        """Something new of that tile's camera: a picture, a piece of film, or a state."""
        if not self._line.direct:
            self.wake()
            return
        self._held.setdefault(tile)
        self._write_held()
        flow = tile.flow
        if flow.waits and self._again == SOON:
            self._bell.ring()
        if flow.outdated or not flow.moved:
            self.wake()

    def _write_held(self) -> None:
        for tile in list(self._held):
            self._write(tile)

    def _write(self, tile: Tile) -> None:
        line, flow = self._line, tile.flow
        if line.over or not self._may_send(tile):
            flow.waits = False
            self._held.pop(tile, None)
            return
        now = time.monotonic()
        line.look(now)
        moved, goes_on = False, True
        while goes_on and (message := flow.due(now, line)) is not None:
            moved, goes_on = moved or flow.moved, flow.goes_on
            line.write(message.framed(tile.channel))
            self._again = SOON
            tile.watch.sent(len(message.data))
        flow.moved = moved or flow.moved
        if flow.waits:
            self._held.setdefault(tile)
        else:
            self._held.pop(tile, None)
            self._ask_again(tile)

    def _ask_again(self, tile: Tile) -> None:
        if tile.flow.early and tile not in self._early:
            self._early.add(tile)
            asyncio.get_running_loop().call_later(tile.flow.early, self._asked_again, tile)

    def _asked_again(self, tile: Tile) -> None:
        self._early.discard(tile)
        if self._line.direct:
            self._write(tile)
        else:
            self.wake()
