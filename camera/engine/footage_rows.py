"""Camera processes' reports as rows. Each may come twice, and a later one before an earlier one that was lost."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from camera import paths
from camera.engine.event_rows import LONGEST, EventRows, Memory, Written, moment, ring_pictured
from camera.engine.orders import is_allowed
from camera.engine.supervisor import Child
from camera.models import Camera, Event, Recording, Storage
from camera.reports import (
    BadReportError,
    EventSeen,
    PushedStill,
    RecordingChanged,
    RecordingClosed,
    RecordingOpened,
    Report,
    RingPictured,
)

People = Callable[[int, Iterable[str]], list[int]]
_MOST_REASONS = 400


class TooEarlyError(Exception):
    """What this report goes on about is not there yet: let it come again."""


def link_events(recording: Recording) -> None:
    """Events of the recording's camera that it shows and no earlier one does; none shows that there was no picture."""
    if recording.camera_id is None:
        return
    Event.objects.filter(
        Q(ended_at=None) | Q(ended_at__gte=recording.started_at),
        camera_id=recording.camera_id,
        recording=None,
        started_at__gte=recording.started_at - LONGEST,
        started_at__lte=recording.ended_at or timezone.now() + timedelta(minutes=1),
    ).exclude(kind=Event.Kind.CAMERA_OFFLINE).update(recording=recording)


class FootageRows:
    """Used by the rows thread alone. `people` finds the ids of those who asked for a recording."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._events = EventRows()
        # What was made here: when its row is gone, somebody has deleted it, and a late report must not bring it back.
        self._made: Memory[str, None] = Memory()

    def write(self, report: Report, child: Child) -> Written:
        """The rows of one report by that camera process, in one transaction.

        Raises BadReportError for what that process may not say, TooEarlyError, and DatabaseError.
        """
        if isinstance(report, EventSeen | PushedStill):
            with transaction.atomic():
                written = self._event(report, child)
            # Not before it is committed.
            self._events.remember(report, child, written)
            return written
        if isinstance(report, RingPictured):
            with transaction.atomic():
                return ring_pictured(report, child)
        with transaction.atomic():
            if isinstance(report, RecordingOpened):
                self._opened(report, child)
            elif isinstance(report, RecordingChanged):
                self._changed(report, child)
            else:
                self._closed(report, child)
        self._made.put(report.uid, None)
        return Written()

    def _event(self, report: EventSeen | PushedStill, child: Child) -> Written:
        if isinstance(report, PushedStill):
            return self._events.still(report, child)
        return self._events.seen(report, child)

    def _opened(self, report: RecordingOpened, child: Child) -> None:
        match = paths.RECORDING.fullmatch(report.file)
        slug = match.group(1) if match else ""
        if (slug, report.storage) not in child.places or not is_allowed(report.storage):
            raise BadReportError("a place it was not told to write to")
        row = Recording.objects.filter(uid=report.uid).first()
        if row is None and report.uid in self._made:
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

    def _mine(self, uid: str, child: Child) -> Recording | None:
        row = Recording.objects.filter(uid=uid).first()
        if row is None and uid not in self._made:
            raise TooEarlyError(uid)
        if row is not None and row.writer != child.token:
            if not row.writer:
                raise TooEarlyError(uid)
            raise BadReportError("the name of another recording")
        return row

    def _join_reasons(self, row: Recording, reasons: list[str], child: Child) -> None:
        row.reasons = list(dict.fromkeys([*row.reasons, *reasons]))[:_MOST_REASONS]
        row.people = list(dict.fromkeys([*row.people, *self._people(child.wanted.camera, row.reasons)]))
