"""What is due for one tile of a live socket: the newest picture, or the next piece of its film.

Nothing here queues. A flow is asked for what is due now; what its viewer does not take in time is passed over.
"""

from typing import Protocol

from camera.live.feed import Feed, Pace, Picture
from camera.live.films import Epoch, FilmFeed, Fragment
from camera.live.hub import Hub
from camera.live.messages import Message
from main.live_line import Line

# Mime, width and height: what has to be announced before anything of a film is sent.
Face = tuple[str, int, int]
# Who has just come, or come back, may take so long to be handed what has been since the last key frame. Seconds.
CATCH_UP = 1.0
# A piece that has lain here for so long is late: its viewer goes on with the next key frame. Seconds.
LATE = 1.0


class Flow(Protocol):
    """`moved`: at the last asking there was something new, due or not. `waits`: something is due that the line does not
    take; ask again shortly. `outdated`: what comes has another form than was announced, and nothing is sent of it.
    `begun`: something was sent. `goes_on`: after what was due now more may be. `early`: there is something that is due
    in so many seconds if nothing newer comes; 0 where there is not."""

    moved: bool
    waits: bool
    outdated: bool
    begun: bool
    goes_on: bool
    early: float

    def due(self, now: float, line: Line) -> Message | None:
        """What to send now, taken as sent. `now`: monotonic seconds."""


class PictureFlow:
    """The newest picture, at most `rate` in a second, and no more than the house's limit."""

    def __init__(self, hub: Hub, feed: Feed, rate: float) -> None:
        self._hub, self._feed, self.rate = hub, feed, rate
        self.moved = self.waits = self.outdated = self.begun = self.goes_on = False
        self.early = 0.0
        self._pace = Pace()
        self._seen: Picture | None = None
        self._shown: Picture | None = None

    def due(self, now: float, line: Line) -> Message | None:
        newest = self._feed.newest
        self.moved, self._seen = newest is not None and newest is not self._seen, newest
        self.waits, self.early = False, 0.0
        picture = self._hub.live(self._feed)
        if picture is None or picture is self._shown:
            return None
        if line.waiting > line.pictures_limit():
            self.waits = True
            return None
        rate = min(self.rate, self._hub.viewer_fps)
        if not self._pace.ready(now, rate):
            self.early = self._pace.patience(now, rate)
            return None
        self._shown, self.begun = picture, True
        return picture


class FilmFlow:
    """The film from its last key frame on, piece by piece."""

    def __init__(self, hub: Hub, feed: FilmFeed, face: Face) -> None:
        """`face`: as it was announced."""
        self._hub, self._feed, self._face = hub, feed, face
        self.moved = self.waits = self.outdated = self.begun = False
        self.goes_on, self.early = True, 0.0
        self._seen: tuple[Epoch | None, int] = (None, 0)
        self._epoch: Epoch | None = None
        # The next piece's number; None while a key frame after `_past` is waited for.
        self._next: int | None = None
        self._past = -1
        self._is_new = True
        self._until = 0.0

    def due(self, now: float, line: Line) -> Message | None:
        feed, seen = self._feed, self._seen
        self._seen = (feed.epoch, feed.next)
        self.moved = self._seen != seen
        self.waits = False
        if feed.epoch is None:
            return None
        if feed.epoch is not self._epoch:
            return self._begin(feed.epoch, line)
        if self._next is not None:
            piece = self._follow(self._next, now, line)
            if piece is not None or self._next is not None:
                return piece
        if not self._may_go_on(line):
            return None
        self._next, self._until = feed.key, now + CATCH_UP
        return self._follow(self._next, now, line) if self._next is not None else None

    def _begin(self, epoch: Epoch, line: Line) -> Message | None:
        self.outdated = face_of(epoch) != self._face
        self._is_new = True
        if self.outdated or not self._may_go_on(line):
            return None
        self._epoch, self._next, self._past = epoch, None, -1
        self.begun = self.goes_on = True
        return epoch.init

    def _follow(self, number: int, now: float, line: Line) -> Fragment | None:
        """The piece of that number; without one and without `_next` it is too late for it."""
        if number == self._feed.next:
            self._arrive()
            return None
        piece = self._feed.at(number)
        is_full = line.waiting > line.film_limit()
        if piece is None or (now >= self._until and (is_full or now - piece.came > LATE)):
            self._past, self._next = number - 1, None
            self._is_new = number > self._feed.next  # it has begun to count anew
            return None
        if is_full:
            self.waits = True
            return None
        self._next = number + 1
        if self._next == self._feed.next:
            self._arrive()
        else:
            self.goes_on = True
        return piece

    def _arrive(self) -> None:
        """There with the others: from here on nothing may be late."""
        self._until, self._is_new, self.goes_on = 0.0, False, False

    def _may_go_on(self, line: Line) -> bool:
        """Whether there is a key frame to go on with. One who is new sees something at once, even if the rest does not
        follow in time; one who fell behind goes on only where it does."""
        feed, limit = self._feed, line.film_limit()
        if feed.key is None or not self._hub.live_film(feed):
            return False
        if self._is_new:
            return line.waiting <= limit
        is_last = feed.next == feed.key + 1
        fits = line.waiting + feed.key_bytes <= limit or (is_last and line.waiting <= limit / 4)
        return feed.key > self._past and fits


def face_of(epoch: Epoch) -> Face:
    return epoch.mime, epoch.width, epoch.height
