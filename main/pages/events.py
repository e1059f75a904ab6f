"""What has happened: the list of events, one of them, and its picture."""

import logging
from contextlib import suppress
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from camera import ports
from camera.access import Actor, event_for, rights_on, rights_on_lost
from camera.models import Detect, Event, Right
from camera.paths import UnsafePathError
from main import acknowledging, attention, event_words, rings
from main.acknowledging import ASKING, AcknowledgeForm, may_acknowledge
from main.actors import session_actor, stream_actor
from main.event_filter import EventFilter, after, cursor, url
from main.pages.context import ALARMS
from main.pages.errors import post_only
from main.pages.event_stills import noted, stills_of
from main.pages.files import PICTURE, unauthorised
from main.pages.logs import Chip, day_words
from main.serving.ranges import NoFileError, StoredFile, file_reply

logger = logging.getLogger(__name__)
ON_A_PAGE = 48
FEW_CAMERAS = 6


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    actor = session_actor(request)
    form = EventFilter(request.GET, actor)
    before = request.GET.get("before", "")
    found = list(after(form.found(), before)[: ON_A_PAGE + 1])
    page, more = found[:ON_A_PAGE], len(found) > ON_A_PAGE
    context: dict[str, Any] = {"cards": [_card(one) for one in page]}
    if request.GET.get("part") == "list":
        return render(request, "events_cards.html", context)
    if request.method == "GET":
        with suppress(OperationalError):  # the house is busy: they are new for a little longer
            attention.see_events(actor)
    context |= {
        "form": form,
        "chips": _chips(form, request.GET) if form.is_valid() else [],
        "days": _days(request.GET),
        "waiting": [] if request.GET.get("waits") else [Chip("Not acknowledged", url(request.GET, waits="1"))],
        "cameras": _cameras(form, request.GET),
        "query": url(request.GET)[1:],
        "older": url(request.GET, before=cursor(page[-1])) if more else "",
        "newest": url(request.GET) if before else "",
        "nothing": "" if page else _why_nothing(form, actor),
        "blind": [one for one in form.cameras if one.detect == Detect.OFF or not one.enabled] if not page else [],
    }
    return render(request, "events.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def event(request: HttpRequest, pk: int) -> HttpResponse:
    """One event. POST with act=delete, by one who manages its camera, takes it away."""
    actor = session_actor(request)
    if request.method == "POST":
        return _delete(request, actor, event_for(actor, pk, Right.MANAGE))
    found = event_for(actor, pk, Right.PLAYBACK)
    if request.GET.get("part") == "card":
        return _one_card(request, actor, pk)
    return render(request, "event.html", _context(request, actor, found, AcknowledgeForm(initial={"note": found.note})))


def _context(request: HttpRequest, actor: Actor, found: Event, form: AcknowledgeForm) -> dict[str, Any]:
    rights = rights_on(actor, found.camera) if found.camera else rights_on_lost(actor)
    return {
        "card": _card(found),
        "event": found,
        "ring": rings.ring_of(actor, found) if found.kind == Event.Kind.RING else None,
        "stills": stills_of(found, request.GET.get("stills", "")),
        "form": form,
        "asks": found.kind in ASKING,
        "may_acknowledge": may_acknowledge(actor),
        "may_export": Right.EXPORT in rights,
        "may_manage": Right.MANAGE in rights,
        "may_watch": Right.WATCH in rights and found.camera is not None,
        "alarm": ALARMS.get(found.label, "") if found.kind == Event.Kind.SYSTEM and found.ended_at is None else "",
        **_neighbours(actor, found),
    }


@post_only("events")
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody has seen to it; said again the note is changed. A note that is wrong is shown with what is wrong."""
    actor = session_actor(request)
    found = event_for(actor, pk, Right.PLAYBACK)
    if not may_acknowledge(actor):
        raise PermissionDenied("You may see this event, but not acknowledge it: members of the house do.")
    form = AcknowledgeForm(request.POST)
    if not form.is_valid():
        return render(request, "event.html", _context(request, actor, found, form), status=400)
    acknowledging.acknowledge(actor, found, form.cleaned_data["note"])
    messages.success(request, "The note is changed." if found.acknowledged_at else "The event is acknowledged.")
    return redirect("event", found.pk)


@login_not_required
@require_safe
async def image(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The event's picture with frames drawn round what moved; ?clean=1 without, ?download=1 to keep it."""
    return await sync_to_async(_image)(request, pk)


def _image(request: HttpRequest, pk: int) -> HttpResponseBase:
    actor, login = stream_actor(request)
    if not actor.is_known:
        return unauthorised()
    take_away = request.GET.get("download") == "1"
    found = event_for(actor, pk, Right.PLAYBACK)
    if take_away:
        found = event_for(actor, pk, Right.EXPORT)
    try:
        path = found.picture_path(clean=request.GET.get("clean") == "1")
        # Its name can be told to anybody who may see the event: the slug and the kind are ours, the time is no secret.
        name = (
            f"{found.camera_slug or 'house'} {found.kind} {timezone.localtime(found.started_at):%Y-%m-%d %H-%M-%S}.jpg"
        )
        reply = file_reply(request, StoredFile(path, PICTURE, name=name, attachment=take_away))
        noted(request, actor, login, found, found.started_at)
        return reply
    except (UnsafePathError, NoFileError) as error:
        if found.image:
            logger.warning("the picture of event %d cannot be sent: %s", pk, error)
        raise Http404("There is no such picture.") from None


def _one_card(request: HttpRequest, actor: Actor, pk: int) -> HttpResponse:
    """The event as it stands in a list, for a page that is open; 204 where it does not answer that page's filter."""
    found = EventFilter(request.GET, actor).found().filter(pk=pk).first()
    if found is None:
        return HttpResponse(status=204)
    return render(request, "events_cards.html", {"cards": [_card(found)]})


def _card(found: Event) -> dict[str, object]:
    return {"card": event_words.card(found), "day": day_words(found.started_at)}


def _neighbours(actor: Actor, found: Event) -> dict[str, Event | None]:
    """The events just before and after on the same camera; of the house's own among these."""
    same = Event.objects.allowed(actor, Right.PLAYBACK).filter(camera=found.camera)
    if found.camera is None:
        same = same.filter(camera_slug=found.camera_slug)
    # Two conditions each: the first lets the index begin at the moment.
    at = found.started_at
    earlier = after(same.order_by("-started_at", "-pk"), cursor(found)).first()
    later = same.filter(started_at__gte=at).exclude(started_at=at, pk__lte=found.pk).order_by("started_at", "pk")
    return {"earlier": earlier, "later": later.first()}


def _delete(request: HttpRequest, actor: Actor, found: Event) -> HttpResponse:
    if request.POST.get("act") != "delete":
        return redirect("event", found.pk)
    marked = Event.objects.filter(pk=found.pk, delete_requested_at=None).update(delete_requested_at=timezone.now())
    if marked:
        facts = {"camera": found.camera_name, "kind": found.kind, "at": found.started_at.isoformat()}
        ports.on_change(actor.name, f"event {found.pk} of {found.camera_name or 'the house'} deleted", facts, {})
    messages.success(request, "The event and its pictures are deleted. A recording of that time stays.")
    return redirect("events")


def _why_nothing(form: EventFilter, actor: Actor) -> str:
    """Which of the empty pages teaches most."""
    if not form.is_valid():
        return "wrong"
    if any(form.cleaned_data.values()):
        return "filtered"
    if form.cameras:
        return "quiet"
    return "no_cameras" if actor.is_owner else "no_rights"


def _chips(form: EventFilter, query: QueryDict) -> list[Chip]:
    return [Chip(words, url(query, **{name: None})) for name, words in form.chosen(query).items()]


def _cameras(form: EventFilter, query: QueryDict) -> list[Chip]:
    """The cameras to choose from, while they are few and none is chosen."""
    few = 1 < len(form.cameras) <= FEW_CAMERAS and not query.get("camera")
    return [Chip(one.name, url(query, camera=one.slug)) for one in form.cameras] if few else []


def _days(query: QueryDict) -> list[Chip]:
    """Ranges people ask for most."""
    today = timezone.localdate()
    yesterday = today - timedelta(days=1)
    ranges = {"Today": (today, None), "Yesterday": (yesterday, yesterday)}
    return [
        Chip(words, url(query, **{"from": first.isoformat(), "to": last.isoformat() if last else None}))
        for words, (first, last) in ranges.items()
    ]
