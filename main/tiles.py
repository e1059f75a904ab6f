"""One tile of a live socket: what its viewer wishes, and what is due to be sent for it."""

import time
from dataclasses import dataclass, field
from typing import Any

from camera.live.feed import Feed, Pace, Picture
from camera.live.hub import Hub
from camera.packets import REASON_TEXT, CameraState
from main.presence import Watch

MOST_TILES = 64
STATE_EVERY = 1.0
FASTEST = 60.0


class WishError(ValueError):
    """What the viewer wishes cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class TileWish:
    """`rate`: pictures a second at most, None for what the house allows. `size`: full or small, as it is shown."""

    rate: float | None = None
    size: str = "full"

    @property
    def counts(self) -> bool:
        """Whether a camera that is recorded while watched is recorded for this tile."""
        return self.size == "full"


def wishes(value: object) -> dict[str, TileWish]:
    """The wished tiles by slug. Raises WishError."""
    if not isinstance(value, list):
        raise WishError("watch takes a list.")
    if len(value) > MOST_TILES:
        raise WishError(f"At most {MOST_TILES} cameras on one socket.")
    return dict(_wish(one) for one in value)


def _wish(value: object) -> tuple[str, TileWish]:
    slug = value.get("camera") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(slug, str) or not 0 < len(slug) <= 60:
        raise WishError('watch takes {"camera": slug, …} for each tile.')
    if not (slug.isascii() and slug.isprintable()):
        # A database may not even take it as a question: half of a character, or a zero.
        raise WishError('"camera" is a slug: small letters, digits and hyphens.')
    if value.get("as", "jpeg") not in ("jpeg", "mp4"):
        raise WishError('"as" is jpeg or mp4.')
    size = value.get("size", "full")
    if size not in ("full", "small"):
        raise WishError('"size" is full or small.')
    rate = value.get("rate")
    if rate is not None and (
        isinstance(rate, bool) or not isinstance(rate, int | float) or not 0.01 <= rate <= FASTEST
    ):
        raise WishError(f'"rate" is a number from 0.01 to {FASTEST:g}.')
    return slug, TileWish(rate, size)


@dataclass(slots=True, eq=False)
class Tile:
    """A camera on a socket. Nothing is sent before its channel has been announced."""

    slug: str
    channel: int
    feed: Feed
    watch: Watch
    wish: TileWish
    # Those who may change the camera are told what exactly failed; to others this would tell its address.
    manages: bool = False
    announced: bool = False
    pace: Pace = field(default_factory=Pace)
    shown: Picture | None = None
    told: tuple[object, ...] = ()
    told_at: float = 0.0

    def describe(self, hub: Hub) -> dict[str, Any]:
        """How its pictures will come; JPEG whatever was asked for, until there are others."""
        state = hub.state(self.feed.camera)
        return {
            "camera": self.slug,
            "channel": self.channel,
            "as": "jpeg",
            "mime": "image/jpeg",
            "width": state.width,
            "height": state.height,
        }

    def state_due(self, state: CameraState, watching: list[str], now: float) -> dict[str, Any] | None:
        """The state to tell: at once, at every change, else about every second."""
        session = self.watch.row.pk if self.watch.row else None
        recording = (state.recording, state.reasons, session)
        news = (state.state, state.reason, state.detail, state.since, recording, tuple(watching))
        if news == self.told and now - self.told_at < STATE_EVERY:
            return None
        self.told, self.told_at = news, now
        return {
            "camera": self.slug,
            "state": state.state,
            "reason": state.reason,
            "fps": round(state.fps, 1),
            "recording": state.recording,
            "reasons": list(state.reasons),
            "session": session,
            "watching": watching,
            "text": REASON_TEXT.get(state.reason or "", ""),
            "detail": state.detail if self.manages else "",
            "since": state.since or None,
            "width": state.width,
            "height": state.height,
            "codec": state.codec,
            "last_frame_at": state.last_frame_at,
        }

    def picture_due(self, hub: Hub, now: float) -> Picture | None:
        """The newest picture when it has not been sent and the viewer's rate allows it now."""
        picture = self._unseen(hub)
        if picture is None or not self.pace.ready(now, self._rate(hub)):
            return None
        self.shown = picture
        return picture

    def patience(self, hub: Hub) -> float:
        """Seconds until there may be something to send without anything new having come."""
        return STATE_EVERY if self._unseen(hub) is None else self.pace.patience(time.monotonic(), self._rate(hub))

    def _unseen(self, hub: Hub) -> Picture | None:
        picture = hub.live(self.feed)
        return None if picture is self.shown else picture

    def _rate(self, hub: Hub) -> float:
        return min(self.wish.rate or FASTEST, hub.viewer_fps)
