"""Live films in the web process: of each the initialisation segment and the pieces since the last key frame.

Whoever comes gets these at once. Pieces are numbered; after a hole nothing is passed on until the next key frame, for
what follows could not be decoded. What is kept is bounded, whatever the bus brings.
"""

import re
import time
from dataclasses import dataclass

from camera.films import INIT, KEY, Batch, Piece, mime
from camera.live.feed import Feed
from camera.live.messages import Message
from camera.packets import FILM_CODECS

# Of one film. Ten seconds between key frames at 16 Mbit/s are 20 MB; whatever is more waits for its next key frame.
MOST_BYTES = 32 * 1024 * 1024
MOST_PIECES = 4000
# Pieces from before the last key frame stay this long, for those who were just being handed them. Seconds.
RECENT = 1.0
# A film that brings pieces of no use for so long is asked to begin again, and no more often than that. Seconds.
PATIENCE = 1.0
ASK_EVERY = 3.0
_LARGEST = 100_000
_MIME = re.compile(r'video/mp4; codecs="([^"]+)"')


def film_mime(told: str) -> str:
    """The content type of a film, from itself or from its codecs alone. Raises ValueError for what is neither: it is
    told to browsers."""
    whole = _MIME.fullmatch(told)
    codecs = whole[1] if whole else told
    if not codecs or not FILM_CODECS.fullmatch(codecs):
        raise ValueError("no film")
    return mime(codecs)


class Fragment(Message):
    """One piece as it is sent. `came`: monotonic seconds."""

    __slots__ = ("came", "number")

    def __init__(self, piece: Piece, number: int, came: float) -> None:
        super().__init__(piece.kind, piece.captured_at, piece.data)
        self.number, self.came = number, came


@dataclass(frozen=True, slots=True)
class Epoch:
    """What belongs to one opening of the source. Sizes in pixels, 0 when unknown."""

    number: int
    mime: str
    width: int
    height: int
    init: Fragment


class FilmFeed(Feed):
    """The film of one camera. `next`: the number after the newest piece's; `key`: the newest key frame's, or None while
    there is nothing to begin with."""

    def __init__(self, camera: int) -> None:
        super().__init__(camera)
        self.epoch: Epoch | None = None
        self.next = 0
        self.key: int | None = None
        # Bytes since the newest key frame.
        self.key_bytes = 0
        # Pieces that could not be passed on.
        self.lost = 0
        self._kept: list[Fragment] = []
        self._bytes = 0
        # From this number on the pieces came with the last message: they are what all viewers are being handed now.
        self._fresh = 0
        self._is_too_much = False
        self._useless_since: float | None = None
        self._asked_at = float("-inf")

    @property
    def newest_at(self) -> float | None:
        """Capture time of the newest piece there is, seconds since 1970."""
        return self._kept[-1].captured_at if self._kept else None

    @property
    def weight(self) -> int:
        """Bytes that are kept, the initialisation segment not counted."""
        return self._bytes

    def at(self, number: int) -> Fragment | None:
        """The piece of that number while it is there."""
        index = number - self._kept[0].number if self._kept else -1
        return self._kept[index] if 0 <= index < len(self._kept) else None

    def take(self, batch: Batch) -> None:
        """What the camera's process has sent. Raises ValueError for a film that is none."""
        now = time.monotonic()
        if self.epoch is None or batch.epoch != self.epoch.number:
            self._begin(batch, now)
        if self.epoch is None or batch.epoch != self.epoch.number:
            self._miss(now)
            return
        self._settle()
        number = batch.first
        for piece in batch.pieces:
            if piece.kind != INIT:
                self._add(piece, number, now)
                number += 1
        self.ring()

    def clear(self) -> None:
        """Forget what was kept; it goes on with the next key frame."""
        self._forget()
        self.ring()

    def wants_again(self, now: float) -> bool:
        """Whether the camera should be asked to send once more what it sends to newcomers; taken as asked when so."""
        since = self._useless_since
        if since is None or self._is_too_much or now - since < PATIENCE or now - self._asked_at < ASK_EVERY:
            return False
        self._asked_at = now
        return True

    def _begin(self, batch: Batch, now: float) -> None:
        """A new epoch, which begins with its initialisation segment: without that nothing of it can be shown."""
        first = batch.pieces[0]
        if first.kind != INIT:
            return
        if max(batch.width, batch.height) >= _LARGEST:
            raise ValueError("no size")
        init = Fragment(first, -1, now)
        init.settle()
        self._forget()
        self.epoch = Epoch(batch.epoch, film_mime(batch.mime), batch.width, batch.height, init)
        self.next = 0

    def _add(self, piece: Piece, number: int, now: float) -> None:
        if self._kept and number < self.next:
            return  # sent again for one who has just come
        if not self._kept or number != self.next:
            if piece.kind != KEY:
                self._miss(now)
                return
            self._forget()
        if piece.kind == KEY:
            self._drop(sum(now - one.came > RECENT for one in self._kept))
            self.key, self.key_bytes, self._is_too_much = number, 0, False
        self._kept.append(Fragment(piece, number, now))
        self.next, self._useless_since = number + 1, None
        self._bytes += len(piece.data)
        self.key_bytes += len(piece.data)
        if self._bytes > MOST_BYTES or len(self._kept) > MOST_PIECES:
            self._lighten(now)

    def _lighten(self, now: float) -> None:
        """More than may be kept: first what is older than the newest key frame goes, then all of it."""
        assert self.key is not None
        self._drop(self.key - self._kept[0].number)
        if self._bytes > MOST_BYTES or len(self._kept) > MOST_PIECES:
            self._is_too_much = True
            self._miss(now)

    def _settle(self) -> None:
        for number in range(max(self._fresh, self._kept[0].number if self._kept else self.next), self.next):
            piece = self.at(number)
            if piece is not None:
                piece.settle()
        self._fresh = self.next

    def _drop(self, count: int) -> None:
        self._bytes -= sum(len(one.data) for one in self._kept[:count])
        del self._kept[:count]

    def _miss(self, now: float) -> None:
        """A piece that is of no use; what is kept leads nowhere any more."""
        self.lost += 1
        self._forget()
        if self._useless_since is None:
            self._useless_since = now

    def _forget(self) -> None:
        self._kept, self._bytes, self.key, self.key_bytes = [], 0, None, 0
