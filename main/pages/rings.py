"""At the door: who rings, who has rung in vain, and the answers."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from camera.access import Actor, rights_on, rights_on_lost
from camera.live.hub import current_hub
from camera.models import Camera, Event, Right
from main import attention, event_words, rings
from main.actors import session_actor
from main.door_words import replies
from main.models import SiteSettings
from main.pages.errors import post_only
from main.pages.wall import told
from main.rings import Ring
from main.words import day_words

# Of those that were answered or seen.
LATELY = 12


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Who rings now, the rings that were missed until they are said to be seen, and the last ones besides."""
    actor = session_actor(request)
    now, missed = rings.rings_now(actor), rings.missed(actor)
    shown = [ring.event.pk for ring in (*now, *missed)]
    rows = Event.objects.allowed(actor, Right.WATCH).filter(kind=Event.Kind.RING).exclude(pk__in=shown)
    lately = rings.rings_of(actor, rows[:LATELY])
    context = {
        "now": _lines(now),
        "missed": _lines(missed),
        "up_to": max((ring.event.pk for ring in missed), default=0),
        "lately": _lines(lately),
        "unseen_words": attention.badge(actor).unseen_words,
        "cameras": Camera.objects.allowed(actor, Right.WATCH).exists(),
        "doorbells": Camera.objects.allowed(actor, Right.WATCH).filter(doorbell=True).exists(),
    }
    return render(request, "rings.html", context)


def _lines(found: list[Ring]) -> list[dict[str, object]]:
    return [{"ring": ring, "day": day_words(ring.event.started_at)} for ring in found]


@post_only("rings")
def seen(request: HttpRequest) -> HttpResponse:
    """The missed rings up to the one named in the form are seen."""
    up_to = request.POST.get("up_to", "")
    if up_to.isascii() and up_to.isdigit() and len(up_to) < 20:
        attention.see_rings(session_actor(request), int(up_to))
    return redirect("rings")


@require_safe
def ring(request: HttpRequest, pk: int) -> HttpResponse:
    """At the door: the live picture, what can be said, and who has said something."""
    actor = session_actor(request)
    event = rings.ring_for(actor, pk)
    if request.GET.get("part") == "answers":
        return render(request, "partials/ring_answers.html", {"ring": rings.ring_of(actor, event), "me": actor.name})
    return render(request, "ring.html", _context(actor, event))


@post_only("rings")
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Field text: what is said at the door, or nothing. JSON for scripts, who has answered for htmx, else the page."""
    actor = session_actor(request)
    event = rings.ring_for(actor, pk)
    as_json = "application/json" in request.headers.get("Accept", "")
    # A button may say nothing on purpose; a field that was left empty was forgotten.
    own = request.POST.get("own", "") if "text" not in request.POST else None
    text = request.POST.get("text", "") if own is None else own
    try:
        if own is not None and not own.strip():
            raise ValidationError("Write what is to be said at the door, or choose «I see to it».")
        made = rings.answer(actor, event, text)
    except ValidationError as error:
        words = " ".join(error.messages)
        if as_json:
            return JsonResponse({"error": {"code": "bad_request", "message": words}}, status=400)
        context = _context(actor, event) | {"wrong": words, "written": text}
        return render(request, "ring.html", context, status=400)
    now = rings.ring_of(actor, event)
    if as_json:
        return JsonResponse(rings.answered_json(now, made))
    if request.headers.get("HX-Request"):
        return render(request, "partials/ring_answers.html", {"ring": now, "me": actor.name})
    first = now.first
    if first is not None and first.pk != made.pk:
        messages.info(request, f"Your answer stands at the door. {first.user_name} answered first.")
    return redirect("ring", event.pk)


def _context(actor: Actor, event: Event) -> dict[str, Any]:
    found = rings.ring_of(actor, event)
    camera = event.camera
    rights = rights_on(actor, camera) if camera else rights_on_lost(actor)
    looks_back = Right.PLAYBACK in rights
    return {
        "ring": found,
        "camera": camera if Right.WATCH in rights else None,
        "told": told(current_hub().state(camera.pk)) if camera else None,
        "me": actor.name,
        "zone": timezone.get_current_timezone_name(),
        "day": day_words(event.started_at),
        "replies": replies(SiteSettings.load().ring_replies),
        "looks_back": looks_back,
        "recording": event_words.moment(event) if looks_back else "",
    }
