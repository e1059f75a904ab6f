"""What stands under the live picture: whether it is recorded and by whose wish, and what happened today."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from django.utils import timezone

from camera.access import Actor
from camera.live.hub import current_hub
from camera.models import Camera, Event, RecordRequest, Right
from main.event_words import what
from main.log_filter import midnight
from main.pages.day_strip import strips
from main.recording_words import reason_words

MOST_EVENTS = 6


def recording_context(actor: Actor, camera: Camera, session: int | None, rights: AbstractSet[str]) -> dict[str, Any]:
    """`asked`: this page's session is to be recorded, whether or not the camera can be just now."""
    state = current_hub().state(camera.pk)
    mine = RecordRequest.objects.filter(camera=camera, session=session) if session is not None else None
    return {
        "session": session,
        "may_record": Right.RECORD in rights,
        "recording": state.recording,
        "reasons": reason_words(state.reasons, actor.name, session) if state.recording else "",
        "asked": f"session:{session}" in state.reasons or (mine is not None and mine.exists()),
    }


def today_context(actor: Actor, camera: Camera, rights: AbstractSet[str]) -> dict[str, Any]:
    """The day's strip and its latest events, for those who may look back."""
    if Right.PLAYBACK not in rights:
        return {"looks_back": False}
    today = timezone.localdate()
    return {
        "looks_back": True,
        "today": today,
        "shown": "today",
        "strip": next(iter(strips(actor, [camera], today)), None),
        "events": [{"event": one, "what": what(one)} for one in _latest(camera, midnight(today))],
        "spill": Event.objects.filter(camera=camera, kind=Event.Kind.SPILL, ended_at=None).remaining().first(),
    }


def _latest(camera: Camera, since: datetime) -> list[Event]:
    found = Event.objects.filter(camera=camera, delete_requested_at=None, started_at__gte=since)
    return list(found.order_by("-started_at", "-pk")[:MOST_EVENTS])
