"""Events that camera processes tell of, as rows: what a detector saw, and what a sender flagged, with its pictures."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from django.db.models import Q
from django.utils import timezone

from camera import paths, ports
from camera.engine.supervisor import Child
from camera.models import Camera, Event, EventStill, Recording
from camera.reports import BadReportError, EventSeen, PushedStill, RingPictured

Key = TypeVar("Key")
Value = TypeVar("Value")
# No recording is longer; bounds the search for the one that shows an event.
LONGEST = timedelta(hours=25)
# A flagged event ends at the latest so long after its last picture.
SILENCE = timedelta(seconds=30)
_REMEMBERED = 5000
# What a report says of an event that has a row.
_TOLD = ["kind", "score", "label", "started_at", "ended_at", "boxes", "image", "clean_image", "changed_at", "recording"]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a report. `event`: one that has changed, to be told; `uid`: of the event it is about, or "";
    `known`: it was a row before under another name, and the file that came with this one is of no use."""

    event: Event | None = None
    uid: str = ""
    known: bool = False


class Memory(Generic[Key, Value]):
    """The newest few thousand."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def get(self, key: Key) -> Value | None:
        return self._kept.get(key)

    def put(self, key: Key, value: Value) -> None:
        self._kept[key] = value
        while len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def recording_of(event: Event) -> Recording | None:
    """The first recording of the event's camera that overlaps it."""
    if event.camera_id is None:
        return None
    near = Recording.objects.filter(
        Q(ended_at=None) | Q(ended_at__gte=event.started_at),
        camera_id=event.camera_id,
        started_at__gte=event.started_at - LONGEST,
        delete_requested_at=None,
    ).exclude(state=Recording.State.MISSING)
    if event.ended_at is not None:
        near = near.filter(started_at__lte=event.ended_at)
    return near.order_by("started_at", "pk").first()


class EventRows:
    """Used by the rows thread alone, each call within the caller's transaction; `remember` when that is committed."""

    def __init__(self) -> None:
        # What was made here: when its row is gone, somebody has deleted it, and a late report must not bring it back.
        self._made: Memory[str, None] = Memory()
        # What a process calls an event, and what that event is called: its sender may have told of it before.
        self._names: Memory[tuple[str, str], str] = Memory()

    def remember(self, report: EventSeen | PushedStill, child: Child, written: Written) -> None:
        if not written.known:
            self._made.put(written.uid, None)
            self._made.put(report.still if isinstance(report, PushedStill) else report.uid, None)
        if written.uid != report.uid:
            self._names.put((child.token, report.uid), written.uid)

    def seen(self, report: EventSeen, child: Child) -> Written:
        """What a detector says of an event, or that a flagged one has ended. Raises BadReportError."""
        for name in (report.image, report.clean):
            _check_place(name, child)
        uid = self._names.get((child.token, report.uid)) or report.uid
        row = Event.objects.filter(uid=uid).first()
        is_new = row is None
        if row is None:
            if uid in self._made:
                return Written(uid=uid)
            row = _new_event(uid, child)
        elif row.writer != child.token:
            raise BadReportError("the name of another event")
        elif row.stills.exists():
            return _end_flagged(row, report)
        elif row.ended_at is not None and report.ended_at is None:
            return Written(row, uid)
        _fill(row, report)
        row.save(update_fields=None if is_new else _TOLD)
        ports.on_event(row, is_new)
        return Written(row, uid)

    def still(self, report: PushedStill, child: Child) -> Written:
        """A picture that a sender flagged, with its event. Raises BadReportError."""
        _check_place(report.image, child)
        known = EventStill.objects.filter(uid=report.still).select_related("event").first()
        if known is not None:
            if known.image != report.image:
                raise BadReportError("the name of another picture")
            return Written(uid=known.event.uid)
        if report.still in self._made:
            return Written(uid=report.uid, known=True)
        event = self._event_of(report, child)
        if event is not None and report.sender_id and event.stills.filter(sha256=report.sha256).exists():
            if event.writer != child.token:
                event.writer = child.token
                event.save(update_fields=["writer"])
            return Written(uid=event.uid, known=True)
        if event is not None and event.delete_requested_at is not None:
            _let_go(event)
            event = None
        event = _begin(report, child) if event is None else _go_on(event, report, child)
        EventStill.objects.create(
            event=event,
            uid=report.still,
            captured_at=moment(report.captured_at),
            image=report.image,
            sha256=report.sha256,
            bytes=report.bytes,
        )
        return Written(event, event.uid)

    def _event_of(self, report: PushedStill, child: Child) -> Event | None:
        """The event this picture belongs to: by its sender's name for it, else by the process's."""
        camera = child.wanted.camera
        if report.sender_id:
            found = Event.objects.filter(camera_id=camera, sender_id=report.sender_id).first()
            if found is not None:
                return found
        uid = self._names.get((child.token, report.uid)) or report.uid
        found = Event.objects.filter(uid=uid).first()
        if found is not None and (found.writer, found.sender_id) != (child.token, report.sender_id):
            raise BadReportError("the name of another event")
        return found


def ring_pictured(report: RingPictured, child: Child) -> Written:
    """The picture of a ring, whose row the engine has made. Raises BadReportError."""
    _check_place(report.image, child)
    row = Event.objects.filter(uid=report.uid, kind=Event.Kind.RING, camera=child.wanted.camera, writer="").first()
    if row is None:
        raise BadReportError("no ring of this camera")
    if row.image and row.image != report.image:
        return Written(uid=row.uid, known=True)
    row.image = report.image
    _touch(row)
    row.save(update_fields=["image", "changed_at", "recording"])
    ports.on_event(row, False)
    return Written(row, row.uid)


def _check_place(name: str, child: Child) -> None:
    match = paths.PICTURE.fullmatch(name)
    if name and (match is None or match.group(1) not in {slug for slug, _ in child.places}):
        raise BadReportError("a picture of another camera")


def _new_event(uid: str, child: Child) -> Event:
    camera = Camera.objects.filter(pk=child.wanted.camera).first()
    orders = child.wanted.orders
    return Event(
        uid=uid,
        camera=camera,
        camera_name=camera.name if camera else child.wanted.name or orders.slug,
        camera_slug=camera.slug if camera else orders.slug,
        writer=child.token,
    )


def _fill(row: Event, report: EventSeen) -> None:
    row.kind, row.score, row.label = report.kind, float(report.score), report.label
    row.started_at = moment(report.started_at)
    row.ended_at = None if report.ended_at is None else moment(report.ended_at)
    row.boxes = [[float(one) for one in box] for box in report.boxes]
    row.image, row.clean_image = report.image or row.image, report.clean or row.clean_image
    _touch(row)


def _touch(row: Event) -> None:
    row.changed_at = timezone.now()
    if row.recording_id is None:
        row.recording = recording_of(row)


def _begin(report: PushedStill, child: Child) -> Event:
    # Its own name may still be that of an event which is about to be deleted.
    uid = report.still if Event.objects.filter(uid=report.uid).exists() else report.uid
    row = _new_event(uid, child)
    row.kind, row.sender_id, row.image = report.kind, report.sender_id, report.image
    row.started_at = moment(report.started_at)
    _touch(row)
    row.save()
    ports.on_event(row, True)
    return row


def _go_on(row: Event, report: PushedStill, child: Child) -> Event:
    row.writer = child.token
    if row.ended_at is not None:
        row.ended_at = max(row.ended_at, moment(report.captured_at))
    row.image = row.image or report.image
    _touch(row)
    row.save(update_fields=["writer", "ended_at", "image", "changed_at", "recording"])
    ports.on_event(row, False)
    return row


def _let_go(row: Event) -> None:
    """Somebody is deleting the event while it goes on: what comes now is another one, which may have its name."""
    row.sender_id = ""
    row.ended_at = row.ended_at or max(row.started_at, timezone.now())
    row.save(update_fields=["sender_id", "ended_at"])


def _end_flagged(row: Event, report: EventSeen) -> Written:
    """Its pictures stand for themselves: the report only says when it was over."""
    if report.ended_at is None:
        return Written(uid=row.uid)
    ended_at = max(row.started_at, moment(report.ended_at))
    if row.ended_at is not None:
        # It was over, and was named once more, perhaps much later: only its pictures can make it longer.
        last = row.stills.order_by("-captured_at").values_list("captured_at", flat=True)[0]
        ended_at = max(row.ended_at, min(ended_at, last + SILENCE))
    if ended_at == row.ended_at:
        return Written(uid=row.uid)
    row.ended_at = ended_at
    _touch(row)
    row.save(update_fields=["ended_at", "changed_at", "recording"])
    ports.on_event(row, False)
    return Written(row, row.uid)
