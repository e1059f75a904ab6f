"""Looking back is seeing too: a row and a log line for each recording that somebody opened or took away."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from camera.models import Recording
from main.models import LogLine, ViewingSession
from main.viewings import FUTURE, Visitor, viewing_key

Transport = ViewingSession.Transport
# The same person, recording and transport: one row within this time.
ONE_LOOK = timedelta(minutes=30)


def look_back(visitor: Visitor, recording: Recording, transport: str) -> ViewingSession:
    """The row that says `visitor` saw (`playback`) or took away (`export`) `recording`; a new one with its log line
    unless one of the last half hour says so already.

    A player asks for a file many times, hence the look before the transaction: most requests write nothing.
    """
    found = _recent(visitor, recording, transport)
    if found is not None:
        return found
    with transaction.atomic():
        return _recent(visitor, recording, transport) or _write(visitor, recording, transport)


def _recent(visitor: Visitor, recording: Recording, transport: str) -> ViewingSession | None:
    now = timezone.now()
    # A row that its user has deleted from the log does not stand for a look that comes after.
    rows = ViewingSession.objects.filter(
        user_id=visitor.actor.user_id or 0,
        recording=recording,
        transport=transport,
        hidden_at=None,
        started_at__range=(now - ONE_LOOK, now + FUTURE),
    )
    return rows.order_by("-pk").first()


def _write(visitor: Visitor, recording: Recording, transport: str) -> ViewingSession:
    now = timezone.now()
    row = ViewingSession.objects.create(
        user_id=visitor.actor.user_id,
        user_name=visitor.actor.name,
        camera=recording.camera,
        camera_name=recording.camera_name,
        camera_slug=recording.camera_slug,
        key=viewing_key(visitor.actor, f"{transport}-{recording.pk}", recording.camera_id or 0),
        transport=transport,
        address=visitor.address,
        device=visitor.device,
        bytes=recording.bytes if transport == Transport.EXPORT else 0,
        counts=False,
        recording=recording,
        footage_at=recording.started_at,
        started_at=now,
        last_seen_at=now,
        ended_at=now,
    )
    LogLine.append(
        LogLine.What.EXPORTED if transport == Transport.EXPORT else LogLine.What.PLAYED,
        row,
        now,
        recording=recording.pk,
        footage_at=recording.started_at.isoformat(),
        transport=transport,
        address=row.address or "",
        device=row.device,
    )
    return row
