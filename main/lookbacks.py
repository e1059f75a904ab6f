"""Looking back is seeing too: a row and a log line for what somebody opened or took away: films, stills, pictures."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from camera.models import Camera, Event, Recording, TimeLapse
from main.models import LogLine, ViewingSession
from main.viewings import FUTURE, Visitor, viewing_key

Transport = ViewingSession.Transport
Footage = ViewingSession.Footage
# The same person, footage and transport: one row within this time.
ONE_LOOK = timedelta(minutes=30)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was looked at. `name`: tells it from others of the same camera; `same`: the condition under which a row is
    about it too; `told`: what stands in the log line beside its time."""

    camera: Camera | None
    camera_name: str
    camera_slug: str
    name: str
    at: datetime
    same: Q
    told: dict[str, object]
    footage: str = Footage.RECORDING
    recording: Recording | None = None
    bytes: int = 0


def look_back(visitor: Visitor, recording: Recording, transport: str) -> ViewingSession:
    """The row that says `visitor` saw (`playback`) or took away (`export`) `recording`; a new one with its log line
    unless one of the last half hour says so already."""
    seen = Seen(
        recording.camera, recording.camera_name, recording.camera_slug, str(recording.pk), recording.started_at,
        Q(recording=recording), {"recording": recording.pk}, recording=recording, bytes=recording.bytes,
    )  # fmt: skip
    return _look(visitor, seen, transport)


def look_at_stills(visitor: Visitor, camera: Camera, at: datetime, transport: str) -> ViewingSession:
    """As `look_back`, of that camera's stills of the hour that `at` lies in."""
    begin = at.replace(minute=0, second=0, microsecond=0)
    return _stills(visitor, camera, transport, (begin, begin + HOUR), at)


def take_stills(visitor: Visitor, camera: Camera, begin: datetime) -> ViewingSession:
    """As `look_back`, of all stills of the day that begins then, taken away. How many bytes that will be nobody knows
    yet."""
    return _stills(visitor, camera, Transport.EXPORT, (begin, begin + timedelta(seconds=1)), begin)


def _stills(
    visitor: Visitor, camera: Camera, transport: str, within: tuple[datetime, datetime], at: datetime
) -> ViewingSession:
    same = Q(camera=camera, footage=Footage.STILLS, footage_at__gte=within[0], footage_at__lt=within[1])
    told: dict[str, object] = {"footage": Footage.STILLS.value}
    name = f"stills-{within[0].isoformat()}"
    return _look(visitor, Seen(camera, camera.name, camera.slug, name, at, same, told, Footage.STILLS), transport)


def look_at_timelapse(visitor: Visitor, film: TimeLapse, transport: str) -> ViewingSession:
    """As `look_back`, of a time-lapse."""
    same = Q(camera=film.camera, camera_slug=film.camera_slug, footage=Footage.TIMELAPSE, footage_at=film.begin)
    told: dict[str, object] = {"footage": Footage.TIMELAPSE.value, "timelapse": film.pk}
    seen = Seen(
        film.camera, film.camera_name, film.camera_slug, f"timelapse-{film.pk}", film.begin, same, told,
        Footage.TIMELAPSE, bytes=film.bytes,
    )  # fmt: skip
    return _look(visitor, seen, transport)


def look_at_event(visitor: Visitor, event: Event, at: datetime, transport: str) -> ViewingSession:
    """As `look_back`, of a picture of an event captured `at`. Pages show many at once: all that somebody sees of one
    camera's within half an hour is one look, but each event that they take away is told of."""
    same = Q(camera=event.camera, camera_slug=event.camera_slug, footage=Footage.EVENT)
    if transport == Transport.EXPORT:
        same &= Q(footage_at=at)
    told: dict[str, object] = {"footage": Footage.EVENT.value, "event": event.pk}
    name = f"event-{event.pk}"
    seen = Seen(event.camera, event.camera_name, event.camera_slug, name, at, same, told, Footage.EVENT)
    return _look(visitor, seen, transport)


def _look(visitor: Visitor, seen: Seen, transport: str) -> ViewingSession:
    """A player asks for a file many times, hence the look before the transaction: most requests write nothing."""
    found = _recent(visitor, seen, transport)
    if found is not None:
        return found
    with transaction.atomic():
        return _recent(visitor, seen, transport) or _write(visitor, seen, transport)


def _recent(visitor: Visitor, seen: Seen, transport: str) -> ViewingSession | None:
    now = timezone.now()
    who = (
        Q(user_id=visitor.actor.user_id)
        if visitor.actor.user_id is not None
        else Q(user_id=None, user_name=visitor.actor.name)
    )
    # A row that its user has deleted from the log does not stand for a look that comes after.
    rows = ViewingSession.objects.filter(
        who,
        seen.same,
        transport=transport,
        hidden_at=None,
        started_at__range=(now - ONE_LOOK, now + FUTURE),
    )
    return rows.order_by("-pk").first()


def _write(visitor: Visitor, seen: Seen, transport: str) -> ViewingSession:
    now = timezone.now()
    row = ViewingSession.objects.create(
        user_id=visitor.actor.user_id,
        user_name=visitor.actor.name,
        camera=seen.camera,
        camera_name=seen.camera_name,
        camera_slug=seen.camera_slug,
        key=viewing_key(visitor.actor, f"{transport}-{seen.name}", seen.camera.pk if seen.camera else 0),
        transport=transport,
        address=visitor.address,
        device=visitor.device,
        bytes=seen.bytes if transport == Transport.EXPORT else 0,
        counts=False,
        recording=seen.recording,
        footage=seen.footage,
        footage_at=seen.at,
        started_at=now,
        last_seen_at=now,
        ended_at=now,
    )
    LogLine.append(
        LogLine.What.EXPORTED if transport == Transport.EXPORT else LogLine.What.PLAYED,
        row,
        now,
        **seen.told,
        footage_at=seen.at.isoformat(),
        transport=transport,
        address=row.address or "",
        device=row.device,
    )
    return row
