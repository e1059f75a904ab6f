"""What the house remembers, for programs: events, recordings, and the wish to record."""

import re
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Query, Router

from camera.models import Event, Recording, Right
from main.api import describe
from main.api.paging import WRONG, asking, matching, page_of
from main.api.schemas import SLUG, ErrorOut, EventFilter, EventPage, Filter, RecordIn, RecordingPage, RecordOut
from main.recording_control import ask_record

router = Router(tags=["v1"])


@router.get("/events", response={200: EventPage, **WRONG})
def events(request: HttpRequest, wanted: Query[EventFilter]) -> dict[str, Any]:
    """What happened on the cameras you may look back at, newest first."""
    rows = Event.objects.allowed(asking(request), Right.PLAYBACK).select_related("camera", "recording")
    found = matching(rows, wanted)
    if wanted.kind is not None:
        found = found.filter(kind=wanted.kind)
    return page_of(found, wanted.cursor, lambda page: map(describe.event, page))


@router.get("/recordings", response={200: RecordingPage, **WRONG})
def recordings(request: HttpRequest, wanted: Query[Filter]) -> dict[str, Any]:
    """What was recorded by the cameras you may look back at, newest first."""
    rows = Recording.objects.allowed(asking(request), Right.PLAYBACK).select_related("camera")
    return page_of(matching(rows, wanted), wanted.cursor, lambda page: map(describe.recording, page))


@router.post("/cameras/{slug}/record", response={200: RecordOut, **WRONG, 409: ErrorOut, 503: ErrorOut})
def record(request: HttpRequest, slug: str, wish: RecordIn) -> dict[str, Any]:
    """Record this camera for you, or stop it: as long as a viewing session of yours, else until you stop it or the
    house's limit ends it. What others want recorded goes on."""
    if not re.fullmatch(SLUG, slug):
        raise Http404
    return ask_record(asking(request), slug, wish.on, wish.session)
