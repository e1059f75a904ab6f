"""In which form a camera's pictures come to a tile: chosen from what its viewer wishes and what there is."""

from dataclasses import dataclass

from camera import bus
from camera.live.films import FilmFeed, film_mime
from camera.live.hub import FILMS
from camera.packets import CameraState, StateName
from main.live_flows import Face, face_of

JPEG_MIME = "image/jpeg"
# Nothing yet: the camera is not there, so that nobody knows what it will send.
NOTHING = ""
# What may become a film; that it does is known with the first key frame.
FILM_ABLE = frozenset({"h264", "hevc", "av1"})
# A tile that waits for its film gets pictures instead after this. Seconds.
FILM_PATIENCE = 2.0
# The longer side of the pictures for small tiles, in pixels.
SMALL_SIDE = 640


@dataclass(frozen=True, slots=True)
class Form:
    """`kind`: the topic of the bus, or NOTHING. Sizes in pixels, 0 when unknown."""

    kind: str
    mime: str
    width: int
    height: int

    @property
    def is_film(self) -> bool:
        return self.kind in FILMS

    @property
    def face(self) -> Face:
        return self.mime, self.width, self.height

    def looks_like(self, other: "Form") -> bool:
        """Whether a viewer who was told of one need not be told of the other."""
        return self.mime == other.mime and (not self.is_film or self == other)


@dataclass(frozen=True, slots=True)
class TileWish:
    """`form`: jpeg or mp4. `size`: full or small, as it is shown. `rate`: pictures a second at most, None for what the
    house allows. `sound`: whether it is to come along with a film."""

    rate: float | None = None
    size: str = "full"
    form: str = "jpeg"
    sound: bool = False

    @property
    def counts(self) -> bool:
        """Whether a camera that is recorded while watched is recorded for this tile."""
        return self.size == "full"


def choose(wish: TileWish, state: CameraState, before: Form | None = None, missing: float = 0.0) -> Form:
    """The form for that wish. `before`: how the tile's pictures came until now, None for a new one; `missing`: seconds
    since which there has been no film."""
    if wish.form == "mp4":
        codecs = (state.film_sound if wish.sound else "") or state.film
        if codecs:
            kind = bus.FILM_SOUND if wish.sound and state.film_sound else bus.FILM
            return Form(kind, film_mime(codecs), state.width, state.height)
        is_online = state.state == StateName.ONLINE
        may_come = not is_online or (state.codec in FILM_ABLE and missing < FILM_PATIENCE)
        if before is not None and may_come and (before.is_film or before.kind == NOTHING):
            return before
        if not is_online:
            return Form(NOTHING, JPEG_MIME, state.width, state.height)
    return _pictures(wish, state)


def as_it_comes(form: Form, feed: object) -> Form:
    """`form` as the film itself says, once there is one."""
    if form.is_film and isinstance(feed, FilmFeed) and feed.epoch is not None:
        return Form(form.kind, *face_of(feed.epoch))
    return form


def _pictures(wish: TileWish, state: CameraState) -> Form:
    if wish.size != "small":
        return Form(bus.JPEG, JPEG_MIME, state.width, state.height)
    longer = max(state.width, state.height)
    width, height = (
        round(side * SMALL_SIDE / longer) if longer > SMALL_SIDE else side for side in (state.width, state.height)
    )
    return Form(bus.SMALL if wish.rate else bus.GLANCE, JPEG_MIME, width, height)
