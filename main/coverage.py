"""Which recordings show what people have looked at: those of the same camera that overlap a viewing session."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from camera.models import Recording
from main.models import ViewingSession
from main.viewings import LOOKBACKS

# Recordings are cut long before; what began earlier than this cannot reach into a session.
LONGEST = timedelta(days=1)
# Of a whole page of sessions; beyond it the newest are told.
MOST = 5000
FIELDS = ("camera", "camera_slug", "camera_name", "state", "started_at", "ended_at", "seconds", "bytes",
          "kept_at", "delete_requested_at")  # fmt: skip

# A camera by its id; one that has gone by the slug it had.
Place = tuple[int | None, str]
Span = tuple[datetime, datetime]


def recordings_of(sessions: Iterable[ViewingSession]) -> dict[int, list[int]]:
    """Ids of the recordings that cover each session, by the session's id, oldest first. One query for all of them."""
    return {pk: [one.pk for one in found] for pk, found in covering(sessions).items()}


def covering(sessions: Iterable[ViewingSession]) -> dict[int, list[Recording]]:
    """The recordings that cover each session (its whole time until now while it goes on), by the session's id, oldest
    first; every session has an entry. Of somebody looking back or downloading: what they looked at.

    Only the columns in FIELDS are loaded.
    """
    rows, now = list(sessions), timezone.now()
    live = [row for row in rows if row.transport not in LOOKBACKS]
    looked_at = {row.recording_id for row in rows if row.transport in LOOKBACKS and row.recording_id is not None}
    found = _read(_spans(live, now), looked_at)
    by_pk = {one.pk: one for one in found}
    by_place: dict[Place, list[Recording]] = defaultdict(list)
    for one in found:
        by_place[_place(one)].append(one)
    covered = {row.pk: [by_pk[row.recording_id]] for row in rows if row.recording_id in by_pk}
    return {row.pk: [] for row in rows} | covered | {
        row.pk: _overlapping(by_place[_place(row)], _span(row, now), now) for row in live
    }  # fmt: skip


def end_of(recording: Recording, now: datetime) -> datetime:
    """When its video ends: now while it is open."""
    if recording.ended_at is not None:
        return recording.ended_at
    if recording.state == Recording.State.OPEN:
        return max(now, recording.started_at)
    return recording.started_at + timedelta(seconds=recording.seconds)


def _place(one: Recording | ViewingSession) -> Place:
    return one.camera_id, "" if one.camera_id is not None else one.camera_slug


def _span(session: ViewingSession, now: datetime) -> Span:
    return session.started_at, max(session.started_at, session.ended_at or session.left_at or now)


def _spans(sessions: list[ViewingSession], now: datetime) -> dict[Place, list[Span]]:
    """The times asked about for each camera, put together where they overlap."""
    spans: dict[Place, list[Span]] = defaultdict(list)
    for session in sorted(sessions, key=lambda one: one.started_at):
        start, end = _span(session, now)
        own = spans[_place(session)]
        if own and start <= own[-1][1]:
            own[-1] = (own[-1][0], max(end, own[-1][1]))
        else:
            own.append((start, end))
    return spans


def _read(spans: dict[Place, list[Span]], pks: set[int]) -> list[Recording]:
    wanted = Q(pk__in=pks) if pks else Q()
    for condition in _conditions(spans):
        wanted |= condition
    if not wanted:
        return []
    found = Recording.objects.filter(wanted).only(*FIELDS).order_by("-started_at", "-pk")[:MOST]
    # Sorted out here: as a condition it would make SQLite read every row that is not to be deleted.
    return [one for one in reversed(found) if one.delete_requested_at is None]


def _conditions(spans: dict[Place, list[Span]]) -> Iterator[Q]:
    for (camera, slug), times in spans.items():
        place = Q(camera=camera) if camera is not None else Q(camera=None, camera_slug=slug)
        for start, end in times:
            yield (
                place
                & Q(started_at__lte=end, started_at__gte=start - LONGEST)
                & (Q(ended_at__gte=start) | Q(ended_at=None))
            )


def _overlapping(found: list[Recording], span: Span, now: datetime) -> list[Recording]:
    """Those of `found`, which is in order of their beginnings, that overlap the span."""
    start, end = span
    first = bisect_left(found, start - LONGEST, key=lambda one: one.started_at)
    last = bisect_right(found, end, key=lambda one: one.started_at)
    return [one for one in found[first:last] if end_of(one, now) >= start]
