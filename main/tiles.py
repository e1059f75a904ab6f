"""One tile of a live socket: what its viewer wishes, and what is to be told of it."""

from dataclasses import dataclass, field
from typing import Any

from camera.live.feed import Bell, Feed
from camera.live.films import FilmFeed
from camera.live.hub import Hub
from camera.packets import REASON_TEXT, CameraState
from main.live_flows import FilmFlow, Flow, PictureFlow
from main.live_forms import NOTHING, Form, TileWish, as_it_comes
from main.presence import Watch

MOST_TILES = 64
STATE_EVERY = 1.0
FASTEST = 60.0


class WishError(ValueError):
    """What the viewer wishes cannot be read; the message says why."""


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
    form = value.get("as", "jpeg")
    if form not in ("jpeg", "mp4"):
        raise WishError('"as" is jpeg or mp4.')
    size = value.get("size", "full")
    if size not in ("full", "small"):
        raise WishError('"size" is full or small.')
    rate = value.get("rate")
    if rate is not None and (
        isinstance(rate, bool) or not isinstance(rate, int | float) or not 0.01 <= rate <= FASTEST
    ):
        raise WishError(f'"rate" is a number from 0.01 to {FASTEST:g}.')
    sound = value.get("sound", False)
    if not isinstance(sound, bool):
        raise WishError('"sound" is true or false.')
    return slug, TileWish(rate, size, form, sound)


@dataclass(slots=True, eq=False)
class Tile:
    """A camera on a socket. Nothing is sent before its channel has been announced. `bell` rings at each new piece."""

    slug: str
    camera: int
    channel: int
    bell: Bell
    watch: Watch
    wish: TileWish
    # Those who may change the camera are told what exactly failed; to others this would tell its address.
    manages: bool = False
    announced: bool = False
    form: Form = field(init=False)
    feed: Feed = field(init=False)
    flow: Flow = field(init=False)
    # Monotonic time since which the film has been missing, None while it is there.
    missing_since: float | None = None
    told: tuple[object, ...] = ()
    told_at: float = 0.0

    def come(self, hub: Hub, form: Form) -> None:
        """From now on its pictures come in that form."""
        before = getattr(self, "feed", None)
        self.feed = _feed(hub, self.camera, form)
        self.form = as_it_comes(form, self.feed)
        if self.feed is not before:
            self.feed.add(self.bell)
            if before is not None:
                before.remove(self.bell)
        if isinstance(self.feed, FilmFeed):
            self.flow = FilmFlow(hub, self.feed, self.form.face)
        else:
            self.flow = PictureFlow(hub, self.feed, self.wish.rate or FASTEST)

    def leave(self) -> None:
        self.feed.remove(self.bell)

    def describe(self, hub: Hub) -> dict[str, Any]:
        """How its pictures come, and whether there is sound to be had."""
        newest = self.feed.newest
        shown = (newest.frame.width, newest.frame.height) if newest is not None else (0, 0)
        width, height = shown if all(shown) else (self.form.width, self.form.height)
        return {
            "camera": self.slug,
            "channel": self.channel,
            "as": "mp4" if self.form.is_film else "jpeg",
            "mime": self.form.mime,
            "width": width,
            "height": height,
            "sound": bool(hub.state(self.camera).film_sound),
        }

    def state_due(self, state: CameraState, watching: list[str], now: float) -> dict[str, Any] | None:
        """The state to tell: at once, at every change, else about every second."""
        session = self.watch.row.pk if self.watch.row else None
        recording = (state.recording, state.reasons, session)
        news = (
            state.state, state.reason, state.detail, state.since, state.moving, state.mover, recording, tuple(watching)
        )  # fmt: skip
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
            "moving": state.moving,
            "mover": state.mover,
            "text": REASON_TEXT.get(state.reason or "", ""),
            "detail": state.detail if self.manages else "",
            "since": state.since or None,
            "width": state.width,
            "height": state.height,
            "codec": state.codec,
            "last_frame_at": state.last_frame_at,
        }


def _feed(hub: Hub, camera: int, form: Form) -> Feed:
    if form.kind == NOTHING:
        return Feed(camera)
    return hub.film(camera, form.kind) if form.is_film else hub.feed(camera, form.kind)
