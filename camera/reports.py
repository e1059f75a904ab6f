"""What camera processes report and the engine makes rows of, with the checks of what a hostile process might say.

Each goes over REPORT as (kind, body): `ReportSender.report(one.KIND, asdict(one))`. A report may come twice.
"""

import math
import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from camera.paths import PICTURE, RECORDING, UID

TRIGGERS = ("always", "motion", "watched", "session", "manual", "ring")
# What a camera process may tell of; the others are the engine's own.
EVENT_KINDS = ("motion", "person", "vehicle", "animal", "spill", "ring")
_SENDER_ID = re.compile(r"[^\x00-\x1f\x7f]{0,100}")
_REASON = re.compile(r"always|motion|watched|ring|session:\d{1,18}|manual:[^\x00-\x1f\x7f]{1,150}")
_WORD = re.compile(r"[a-z0-9_]{0,20}")
_HASH = re.compile(r"[0-9a-f]{64}")
_LATEST = 2.5e11
_MOST_BOXES = 20


class BadReportError(ValueError):
    """A report that is not what it should be: dropped and counted, never a row."""


def _need(is_so: bool, what: str) -> None:
    if not is_so:
        raise BadReportError(what)


def _time(value: object, what: str) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    _need(good and 0 < float(value) < _LATEST, what)  # type: ignore[arg-type]


def _reasons(values: object) -> None:
    _need(isinstance(values, list | tuple) and 0 < len(values) <= 200, "reasons")
    _need(all(isinstance(one, str) and _REASON.fullmatch(one) for one in values), "reasons")  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class RecordingOpened:
    """A `.part` file exists. `storage`: the folder `file` is in; `captured`: seconds since the epoch."""

    KIND: ClassVar[str] = "recording_opened"
    uid: str
    storage: str
    file: str
    started_at: float
    trigger: str
    reasons: list[str]
    codec: str
    width: int = 0
    height: int = 0
    audio: bool = False

    def check(self) -> None:
        _need(bool(UID.fullmatch(self.uid)), "uid")
        match = RECORDING.fullmatch(self.file)
        _need(match is not None and match.group(2) == self.uid, "file")
        _time(self.started_at, "started_at")
        _need(self.trigger in TRIGGERS, "trigger")
        _reasons(self.reasons)
        _need(bool(_WORD.fullmatch(self.codec)), "codec")
        sizes = (self.width, self.height)
        _need(all(type(size) is int and 0 <= size < 100_000 for size in sizes), "size")
        _need(isinstance(self.storage, str) and self.storage.startswith("/"), "storage")
        _need(isinstance(self.audio, bool), "audio")


@dataclass(frozen=True, slots=True)
class RecordingChanged:
    """A further reason has joined while it is open, or its thumbnail is there. `reasons`: all there ever were."""

    KIND: ClassVar[str] = "recording_changed"
    uid: str
    reasons: list[str]
    thumbnail: bool = False

    def check(self) -> None:
        _need(bool(UID.fullmatch(self.uid)), "uid")
        _reasons(self.reasons)
        _need(isinstance(self.thumbnail, bool), "thumbnail")


@dataclass(frozen=True, slots=True)
class RecordingClosed:
    """The file is whole, synced, hashed and has its final name. `state`: closed, or interrupted with `detail`.

    `bytes` 0: nothing worth keeping was written; the file is gone and the row goes.
    """

    KIND: ClassVar[str] = "recording_closed"
    uid: str
    ended_at: float
    seconds: float
    bytes: int
    sha256: str
    reasons: list[str]
    state: str = "closed"
    detail: str = ""

    def check(self) -> None:
        _need(bool(UID.fullmatch(self.uid)), "uid")
        _time(self.ended_at, "ended_at")
        _need(isinstance(self.seconds, int | float) and 0 <= self.seconds < 1e6, "seconds")
        _need(type(self.bytes) is int and 0 <= self.bytes < 2**50, "bytes")
        _need(bool(_HASH.fullmatch(self.sha256)) or self.bytes == 0, "sha256")
        _reasons(self.reasons)
        _need(self.state in ("closed", "interrupted"), "state")
        _need(isinstance(self.detail, str) and len(self.detail) <= 200, "detail")


@dataclass(frozen=True, slots=True)
class EventSeen:
    """An event began, went on (a better still, more boxes), or ended (`ended_at` set). Whole each time.

    `image` (boxes drawn) and `clean` are names under the media folder, "" while there is no picture.
    """

    KIND: ClassVar[str] = "event"
    uid: str
    kind: str
    started_at: float
    ended_at: float | None = None
    score: float = 0.0
    label: str = ""
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    image: str = ""
    clean: str = ""

    def check(self) -> None:
        _need(bool(UID.fullmatch(self.uid)), "uid")
        _need(self.kind in EVENT_KINDS, "kind")
        _time(self.started_at, "started_at")
        if self.ended_at is not None:
            _time(self.ended_at, "ended_at")
            _need(self.ended_at >= self.started_at, "ended_at")
        _need(isinstance(self.score, int | float) and 0 <= self.score <= 1, "score")
        _need(isinstance(self.label, str) and len(self.label) <= 60, "label")
        _need(isinstance(self.boxes, list | tuple) and len(self.boxes) <= _MOST_BOXES, "boxes")
        _need(all(_is_box(box) for box in self.boxes), "boxes")
        for name in (self.image, self.clean):
            match = PICTURE.fullmatch(name) if name else None
            _need(not name or (match is not None and match.group(2) == self.uid), "picture")


@dataclass(frozen=True, slots=True)
class PushedStill:
    """A picture that a sender flagged lies on the disk: of a new event, or a further one of the event `uid`.

    `still` is its own uid (the first one's is the event's), `sender_id` what the sender calls the event, or "". Written
    together with its event, which goes on until an EventSeen with `ended_at`. A picture that the sender's event has
    already (same `sha256`) makes nothing new: its acknowledgement says `known`, and the file is to be removed again.
    """

    KIND: ClassVar[str] = "pushed_still"
    uid: str
    still: str
    kind: str
    started_at: float
    captured_at: float
    image: str
    sha256: str
    bytes: int
    sender_id: str = ""

    def check(self) -> None:
        _need(bool(UID.fullmatch(self.uid)) and bool(UID.fullmatch(self.still)), "uid")
        _need(self.kind in EVENT_KINDS, "kind")
        _time(self.started_at, "started_at")
        _time(self.captured_at, "captured_at")
        match = PICTURE.fullmatch(self.image)
        _need(match is not None and match.group(2) == self.still, "picture")
        _need(bool(_HASH.fullmatch(self.sha256)), "sha256")
        _need(type(self.bytes) is int and 0 < self.bytes < 2**40, "bytes")
        _need(isinstance(self.sender_id, str) and bool(_SENDER_ID.fullmatch(self.sender_id)), "sender_id")


@dataclass(frozen=True, slots=True)
class RingPictured:
    """The picture of a ring lies on the disk: `uid` is the ring's, as the engine told it. Its row is the engine's."""

    KIND: ClassVar[str] = "ring_pictured"
    uid: str
    image: str

    def check(self) -> None:
        _need(bool(UID.fullmatch(self.uid)), "uid")
        match = PICTURE.fullmatch(self.image)
        _need(match is not None and match.group(2) == self.uid, "picture")


def _is_box(box: object) -> bool:
    if not isinstance(box, list | tuple) or len(box) != 4:
        return False
    return all(isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 1 for one in box)


Report = RecordingOpened | RecordingChanged | RecordingClosed | EventSeen | PushedStill | RingPictured
_KINDS: dict[str, type[Report]] = {
    one.KIND: one for one in (RecordingOpened, RecordingChanged, RecordingClosed, EventSeen, PushedStill, RingPictured)
}


def parse(kind: object, body: object) -> Report:
    """The report, checked. Raises BadReportError."""
    made = _KINDS.get(kind) if isinstance(kind, str) else None
    if made is None or not isinstance(body, dict):
        raise BadReportError("no such report")
    known: dict[str, Any] = {one.name: body[one.name] for one in fields(made) if one.name in body}
    try:
        report = made(**known)
        report.check()
    except (TypeError, ValueError, OverflowError) as error:
        raise BadReportError(str(error)[:100]) from None
    return report
