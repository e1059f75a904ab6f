"""The recordings and stills that stand at a line of the log: a few links, as far as the reader may follow them."""

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import CharField, Value
from django.urls import reverse
from django.utils import timezone

from camera.access import Actor
from camera.models import Camera, Recording, Right
from main.coverage import covering
from main.models import ViewingSession
from main.viewings import LOOKBACKS

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Film:
    """One recording; addresses are empty where the reader may not."""

    at: datetime
    watch_url: str
    download_url: str


@dataclass(frozen=True, slots=True)
class Films:
    """`count`: of all; `films`: the first few that may be watched; `more` of them are at `more_url`. `stills_url`: to
    the day of stills or the time-lapse that was looked at."""

    count: int = 0
    films: list[Film] = field(default_factory=list)
    more: int = 0
    more_url: str = ""
    stills_url: str = ""


def films_of(actor: Actor, sessions: list[ViewingSession]) -> dict[int, Films]:
    """The recordings of each session, by its id. Two queries however many there are."""
    found = covering(sessions)
    may = _may(actor) if any(found.values()) or any(one.footage for one in sessions) else set()
    return {one.pk: _films(one, found[one.pk], actor, may) for one in sessions}


def _may(actor: Actor) -> set[tuple[int | None, str]]:
    """What the reader may do with the recordings of which camera; owners: everything, without asking."""
    if actor.is_owner:
        return set()

    def held(right: Right) -> object:
        cameras = Camera.objects.allowed(actor, right).order_by()
        return cameras.annotate(held=Value(str(right), output_field=CharField())).values_list("pk", "held")

    return set(held(Right.PLAYBACK).union(held(Right.EXPORT)))  # type: ignore[attr-defined]


def _films(session: ViewingSession, rows: list[Recording], actor: Actor, may: set[tuple[int | None, str]]) -> Films:
    def has(right: Right) -> bool:
        return actor.is_owner or (session.camera_id, str(right)) in may

    if session.footage:
        return Films(stills_url=_stills_url(session) if has(Right.PLAYBACK) else "")
    if not rows or not has(Right.PLAYBACK):
        return Films(len(rows))
    takes = has(Right.EXPORT)
    films = [_film(one, session, takes=takes) for one in rows[:SHOWN]]
    more = len(rows) - len(films)
    day = timezone.localtime(session.started_at).date().isoformat()
    query = urlencode({"camera": session.camera_slug, "day": day})
    return Films(len(rows), films, more, f"{reverse('recordings')}?{query}" if more else "")


def _stills_url(session: ViewingSession) -> str:
    """To the day and hour; nowhere once the camera has gone."""
    if session.camera_id is None or session.footage_at is None:
        return ""
    at = timezone.localtime(session.footage_at)
    if session.footage == ViewingSession.Footage.EVENT:
        day = at.date().isoformat()
        return f"{reverse('events')}?{urlencode({'camera': session.camera_slug, 'from': day, 'to': day})}"
    page = reverse("snapshots_day", args=[session.camera_slug, at.date().isoformat()])
    if session.footage == ViewingSession.Footage.TIMELAPSE:
        return f"{page}#timelapse"
    return f"{page}?hour={at:%H}{'b' if at.fold else ''}"


def _film(recording: Recording, session: ViewingSession, *, takes: bool) -> Film:
    """Begins where the viewing did, when the recording had begun before."""
    into = (session.started_at - recording.started_at).total_seconds() if session.transport not in LOOKBACKS else 0
    watch = reverse("recording", args=[recording.pk]) + (f"?t={into:.0f}" if into >= 1 else "")
    at = max(recording.started_at, session.started_at) if into >= 1 else recording.started_at
    download = reverse("recording_download", args=[recording.pk]) if takes else ""
    return Film(at, watch, download)
