"""Camera processes' reports as rows. Each may come twice, and a later one before an earlier one that was lost."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Model, Q
from django.utils import timezone

from camera import paths, ports
from camera.engine.orders import is_allowed
from camera.engine.supervisor import Child
from camera.models import Camera, Event, Recording, Storage
from camera.reports import BadReportError, EventSeen, RecordingChanged, RecordingClosed, RecordingOpened, Report

People = Callable[[int, Iterable[str]], list[int]]
# No recording is longer; bounds the search for the one that shows an event.
LONGEST = timedelta(hours=25)
_REMEMBERED = 5000
_MOST_REASONS = 400
# What a report says of an event that has a row.
_TOLD = ["kind", "score", "label", "started_at", "ended_at", "boxes", "image", "clean_image", "changed_at", "recording"]


class TooEarlyError(Exception):
    """What this report goes on about is not there yet: let it come again."""


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def link_events(recording: Recording) -> None:
    """Events of the recording's camera that it shows and no earlier one does."""
    if recording.camera_id is None:
        return
    Event.objects.filter(
        Q(ended_at=None) | Q(ended_at__gte=recording.started_at),
        camera_id=recording.camera_id,
        recording=None,
        started_at__gte=recording.started_at - LONGEST,
        started_at__lte=recording.ended_at or timezone.now() + timedelta(minutes=1),
    ).update(recording=recording)


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


class FootageRows:
    """Used by the rows thread alone. `people` finds the ids of those who asked for a recording."""

    def __init__(self, people: People) -> None:
        self._people = people
        # What was made here: when its row is gone, somebody has deleted it, and a late report must not bring it back.
        self._made: OrderedDict[tuple[type[Model], str], None] = OrderedDict()

    def write(self, report: Report, child: Child) -> Event | None:
        """The rows of one report by that camera process, in one transaction; the event, when it is one.

        Raises BadReportError for what that process may not say, TooEarlyError, and DatabaseError.
        """
        event = None
        with transaction.atomic():
            if isinstance(report, RecordingOpened):
                self._opened(report, child)
            elif isinstance(report, RecordingChanged):
                self._changed(report, child)
            elif isinstance(report, RecordingClosed):
                self._closed(report, child)
            else:
                event = self._event(report, child)
        # Not before it is committed.
        self._remember(Event if isinstance(report, EventSeen) else Recording, report.uid)
        return event

    def _opened(self, report: RecordingOpened, child: Child) -> None:
        match = paths.RECORDING.fullmatch(report.file)
        slug = match.group(1) if match else ""
        if (slug, report.storage) not in child.places or not is_allowed(report.storage):
            raise BadReportError("a place it was not told to write to")
        row = Recording.objects.filter(uid=report.uid).first()
        if row is None and (Recording, report.uid) in self._made:
            return
        storage, _ = Storage.objects.get_or_create(path=report.storage)
        if row is None:
            camera = Camera.objects.filter(pk=child.wanted.camera).first()
            row = Recording(
                uid=report.uid,
                camera=camera,
                camera_name=camera.name if camera else child.wanted.name or slug,
                camera_slug=slug,
                storage=storage,
                file=report.file,
                started_at=moment(report.started_at),
                writer=child.token,
            )
        elif (row.storage_id, row.file) != (storage.pk, report.file) or row.writer not in ("", child.token):
            raise BadReportError("the name of another recording")
        elif row.writer:
            return
        # A new row, or one that was made from the file alone.
        row.writer, row.trigger = child.token, report.trigger
        row.codec, row.width, row.height, row.audio = report.codec, report.width, report.height, report.audio
        self._join_reasons(row, report.reasons, child)
        told = ["writer", "trigger", "codec", "width", "height", "audio", "reasons", "people"]
        row.save(update_fields=told if row.pk else None)
        link_events(row)

    def _changed(self, report: RecordingChanged, child: Child) -> None:
        row = self._mine(report.uid, child)
        if row is not None:
            self._join_reasons(row, report.reasons, child)
            row.thumbnail = row.thumbnail or report.thumbnail
            row.save(update_fields=["reasons", "people", "thumbnail"])

    def _closed(self, report: RecordingClosed, child: Child) -> None:
        row = self._mine(report.uid, child)
        if row is None:
            return
        if not report.bytes:
            row.delete()
            return
        self._join_reasons(row, report.reasons, child)
        if row.state not in (Recording.State.OPEN, Recording.State.INTERRUPTED) and row.sha256:
            row.save(update_fields=["reasons", "people"])
            return
        row.state, row.detail = report.state, report.detail
        row.ended_at = max(row.started_at, moment(report.ended_at))
        row.seconds, row.bytes, row.sha256 = float(report.seconds), report.bytes, report.sha256
        row.save(update_fields=["reasons", "people", "state", "detail", "ended_at", "seconds", "bytes", "sha256"])

    def _event(self, report: EventSeen, child: Child) -> Event | None:
        for name in (report.image, report.clean):
            match = paths.PICTURE.fullmatch(name)
            if name and (match is None or match.group(1) not in {slug for slug, _ in child.places}):
                raise BadReportError("a picture of another camera")
        row = Event.objects.filter(uid=report.uid).first()
        is_new = row is None
        if row is None:
            if (Event, report.uid) in self._made:
                return None
            camera = Camera.objects.filter(pk=child.wanted.camera).first()
            row = Event(uid=report.uid, camera=camera, writer=child.token)
            row.camera_name = camera.name if camera else child.wanted.name or child.wanted.orders.slug
            row.camera_slug = camera.slug if camera else child.wanted.orders.slug
        elif row.writer != child.token:
            raise BadReportError("the name of another event")
        elif row.ended_at is not None and report.ended_at is None:
            return row
        self._fill(row, report)
        row.save(update_fields=None if is_new else _TOLD)
        ports.on_event(row, is_new)
        return row

    @staticmethod
    def _fill(row: Event, report: EventSeen) -> None:
        row.kind, row.score, row.label = report.kind, float(report.score), report.label
        row.started_at = moment(report.started_at)
        row.ended_at = None if report.ended_at is None else moment(report.ended_at)
        row.boxes = [[float(one) for one in box] for box in report.boxes]
        row.image, row.clean_image = report.image or row.image, report.clean or row.clean_image
        row.changed_at = timezone.now()
        if row.recording_id is None:
            row.recording = recording_of(row)

    def _mine(self, uid: str, child: Child) -> Recording | None:
        row = Recording.objects.filter(uid=uid).first()
        if row is None and (Recording, uid) not in self._made:
            raise TooEarlyError(uid)
        if row is not None and row.writer != child.token:
            if not row.writer:
                raise TooEarlyError(uid)
            raise BadReportError("the name of another recording")
        return row

    def _join_reasons(self, row: Recording, reasons: list[str], child: Child) -> None:
        row.reasons = list(dict.fromkeys([*row.reasons, *reasons]))[:_MOST_REASONS]
        row.people = list(dict.fromkeys([*row.people, *self._people(child.wanted.camera, row.reasons)]))

    def _remember(self, model: type[Model], uid: str) -> None:
        self._made[model, uid] = None
        while len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)
