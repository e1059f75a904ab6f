"""Live film: a camera's H.264, H.265 or AV1 as it came, in fragments for browsers, muxed once and only while wanted."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import zmq

from camera import bus
from camera.films import INIT, KEY, Batch, Piece, mime, pack
from camera.process.filmstore import Entry, Epoch, FilmStore
from camera.video import fragments
from camera.video.faults import BadPacketError, MuxError
from camera.video.fragments import SOUND_TRACK, VIDEO_TRACK, Opening

logger = logging.getLogger(__name__)

# Those who come within this many seconds of each other get the pictures so far together.
_TOGETHER = 0.1


def publisher(context: zmq.Context[Any], endpoint: str) -> bus.MediaPublisher:
    """A publisher of its own: of a film every piece counts, and one that cannot be taken is to be known."""
    made = bus.MediaPublisher(context, endpoint, bus.FILM_HWM)
    made.socket.setsockopt(zmq.XPUB_NODROP, 1)
    return made


class FilmOutlet:
    """The film without its sound, and with it. Everything here runs in the main thread."""

    def __init__(
        self,
        camera: int,
        out: bus.MediaPublisher,
        store: FilmStore,
        told: Callable[[str, str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`told` hears by which codecs (RFC 6381) the film can be played, without sound and with it; "" where not."""
        self._store, self._told = store, told
        self._epoch: Epoch | None = None
        self._lines = [
            _Line(bus.topic(bus.FILM, camera), out, store, False, now),
            _Line(bus.topic(bus.FILM_SOUND, camera), out, store, True, now),
        ]
        self.topics = frozenset(line.topic for line in self._lines)

    def wanted(self, topics: frozenset[bytes]) -> None:
        self._store.is_wanted = bool(topics)
        for line in self._lines:
            line.want(line.topic in topics)

    def newcomer(self, topic: bytes) -> None:
        for line in self._lines:
            if line.topic == topic:
                line.has_newcomer = True

    def publish(self) -> None:
        epoch = self._store.epoch
        if epoch is not self._epoch:
            self._epoch = epoch
            if epoch is not None:
                self._open(epoch)
        for line in self._lines:
            if line.is_wanted:
                line.publish()
        cursors = [line.cursor for line in self._lines if line.is_wanted]
        if cursors:
            self._store.sent(min(cursors))

    def _open(self, epoch: Epoch) -> None:
        """A film begins: say how it is to be played."""
        silent = loud = None
        try:
            silent, loud = fragments.openings(epoch.info, epoch.first, epoch.info.audio if epoch.sound else None)
        except MuxError as error:
            logger.info("no live film: %s", error)
        if loud is not None and epoch.sound is not None and loud.sound_rate != epoch.sound.rate:
            loud = None
        epoch.first, epoch.failed = b"", silent is None
        for line, opening in zip(self._lines, (silent, loud), strict=True):
            line.begin(epoch, opening)
        self._told(silent.codecs if silent else "", loud.codecs if loud else "")


class _Line:
    """One topic: where it stands, and what those who follow it know."""

    def __init__(
        self, topic: bytes, out: bus.MediaPublisher, store: FilmStore, has_sound: bool, now: Callable[[], float]
    ) -> None:
        self.topic = topic
        self.is_wanted = self.has_newcomer = False
        # The store's number of the entry to send next.
        self.cursor = 0
        self._out, self._store, self._has_sound, self._now = out, store, has_sound, now
        self._epoch: Epoch | None = None
        self._opening: Opening | None = None
        # Everybody who follows has the initialisation segment.
        self._is_open = False
        # Something is missing: nothing goes out before the next key frame.
        self._skips = True
        self._expected = 0
        self._replayed_at = float("-inf")
        # How often a beginning went out: the initialisation segment with a key frame.
        self._opened = 0

    def want(self, is_wanted: bool) -> None:
        if is_wanted and not self.is_wanted:
            self.cursor, self._is_open, self._skips = self._store.end, False, True
        self.is_wanted = is_wanted

    def begin(self, epoch: Epoch, opening: Opening | None) -> None:
        self._epoch, self._opening, self._is_open, self._skips = epoch, opening, False, True

    def publish(self) -> None:
        opened = self._opened
        entries, end = self._store.since(self.cursor)
        self.cursor = end - len(entries)
        for entry in entries:
            if self._epoch is None or entry.epoch.number > self._epoch.number:
                break  # a film that begins just now: it has still to be opened
            self.cursor += 1
            if entry.epoch is self._epoch and self._opening is not None and (self._has_sound or not entry.is_sound):
                self._send(entry, self._opening)
        if self._opened != opened:
            self.has_newcomer = False  # a whole beginning has just gone out
        if self.has_newcomer and self._now() - self._replayed_at >= _TOGETHER:
            self.has_newcomer = False
            self._replay()

    def _send(self, entry: Entry, opening: Opening) -> None:
        number = entry.sound_number if self._has_sound else entry.number
        if (self._skips or number != self._expected) and entry.kind != KEY:
            self._skips = True
            return
        piece = self._piece(entry)
        before = [] if self._is_open else [self._init(entry, opening)]
        if piece is None or not self._publish(entry, opening, [*before, piece]):
            # Nothing is queued for those who do not keep up: they go on at the next key frame.
            self._skips, self._is_open = True, False
            return
        self._opened += not self._is_open
        self._skips, self._is_open, self._expected = False, True, number + 1

    def _replay(self) -> None:
        """Everything since the last key frame once more, in one message, for who has just come."""
        entries = [one for one in self._store.gop(self.cursor) if self._has_sound or not one.is_sound]
        pieces: list[Piece] = []
        for entry in entries:
            piece = self._piece(entry)
            if piece is None:
                break
            pieces.append(piece)
        if self._opening is None or not pieces or entries[0].epoch is not self._epoch:
            self._is_open = False  # then with the next key frame
            return
        first = self._init(entries[0], self._opening)
        sent = self._publish(entries[0], self._opening, [first, *pieces], replay=True)
        self._replayed_at = self._now()
        if self._skips and sent:
            last = entries[len(pieces) - 1]
            self._skips, self._is_open = False, True
            self._expected = (last.sound_number if self._has_sound else last.number) + 1

    def _publish(self, first: Entry, opening: Opening, pieces: Sequence[Piece], replay: bool = False) -> bool:
        number = first.sound_number if self._has_sound else first.number
        kind = mime(opening.codecs)
        batch = Batch(first.epoch.number, number, kind, opening.width, opening.height, tuple(pieces), replay)
        return self._out.send(self.topic, *pack(batch))

    @staticmethod
    def _init(entry: Entry, opening: Opening) -> Piece:
        return Piece(INIT, entry.captured_at, opening.data)

    @staticmethod
    def _piece(entry: Entry) -> Piece | None:
        """The entry as a fragment, made once; None for what holds no picture."""
        if entry.piece is None:
            try:
                entry.piece, entry.data = Piece(entry.kind, entry.captured_at, _muxed(entry)), b""
            except BadPacketError:
                return None
        return entry.piece


def _muxed(entry: Entry) -> bytes:
    if entry.is_sound:
        return fragments.fragment(SOUND_TRACK, entry.sound_number, entry.times, True, [entry.data])
    parts = fragments.sample(entry.epoch.info.codec, entry.data, entry.epoch.sets)
    return fragments.fragment(VIDEO_TRACK, entry.number, entry.times, entry.kind == KEY, parts)
