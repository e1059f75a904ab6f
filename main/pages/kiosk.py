"""The screen at the door: its page, how it is paired, what it shows, and its button."""

import json
import re
import time
from collections import deque
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from accounts.devices import device_words
from accounts.models import Device
from accounts.pairing import PairingError, begin, waiting
from camera.commands import EngineDownError, ask_engine
from camera.models import Camera, Right
from main.camera_changes import engine_commands
from main.handshake import number
from main.models import SiteSettings
from main.pages.kiosk_login import device_here, enter, keep_secret, note_seen, person_here, secret_of
from main.pages.kiosk_state import actor_of, state_of

# Before the page gives up waiting, so that it is told why.
ENGINE_SECONDS = 4.0
PRESS_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Of one screen: more in a minute is no hand, or a child's that need not be told more often.
MOST_PRESSES, PRESSES_SECONDS = 40, 60.0
REFUSALS = {
    "not_found": HTTPStatus.NOT_FOUND,
    "disabled": HTTPStatus.CONFLICT,
    "bad_request": HTTPStatus.BAD_REQUEST,
    "busy": HTTPStatus.SERVICE_UNAVAILABLE,
}
_presses: dict[int, deque[float]] = {}


@login_not_required
@never_cache
@ensure_csrf_cookie
@require_safe
def kiosk(request: HttpRequest) -> HttpResponse:
    """The screen for a paired browser, the code for one nobody knows, and for people what this is."""
    if person_here(request) is not None:
        return render(request, "kiosk_about.html")
    device = enter(request)
    if device is None:
        return render(request, "kiosk_pair.html", {"house_name": SiteSettings.load().site_name})
    note_seen(device)
    reply = render(request, "kiosk.html", {"device": device, "state": state_of(request, device)})
    return _renewed(request, reply, device)


@login_not_required
@never_cache
@require_POST
def pair(request: HttpRequest) -> HttpResponse:
    """Asked again and again by a screen that nobody knows: {"paired": false, "code", "seconds"} with the code to show
    and for how long it counts, {"paired": true} once an owner has typed it. 429 when too many ask."""
    if person_here(request) is not None:
        return _refused(HTTPStatus.FORBIDDEN, "person", "Somebody is logged in here. Log out first.")
    device = enter(request)
    if device is not None:
        return _renewed(request, JsonResponse({"paired": True}), device)
    found, secret = waiting(secret_of(request)), ""
    if found is None:
        try:
            words = device_words(request.headers.get("User-Agent", ""))
            found, secret = begin(words, request.META.get("REMOTE_ADDR", ""))
        except PairingError as error:
            return _refused(HTTPStatus.TOO_MANY_REQUESTS, "too_many", str(error), retry=20)
    left = (found.expires_at - timezone.now()).total_seconds()
    reply = JsonResponse({"paired": False, "code": found.code, "seconds": round(left, 1)})
    if secret:
        keep_secret(reply, secret)
    return reply


@login_not_required
@never_cache
@require_safe
def state(request: HttpRequest) -> HttpResponse:
    """What the screen shows. A browser that has its cookie but no session any more has one afterwards."""
    device = enter(request)
    if device is None:
        return _not_paired(request)
    note_seen(device)
    return JsonResponse(state_of(request, device))


@login_not_required
@never_cache
@require_POST
def ring(request: HttpRequest) -> HttpResponse:
    """{"id": what the screen calls this press, "at": when it was, if not now} → {"event", "new", "known"} once the
    house has taken it. The same id again is the same press."""
    # Without a new log-in: that would change the token against forgery while presses are on their way.
    device = device_here(request)
    if device is None:
        return _not_paired(request)
    try:
        wanted = _press(request.body)
    except ValueError as error:
        return _refused(HTTPStatus.BAD_REQUEST, "bad_request", str(error))
    camera = Camera.objects.allowed(actor_of(device), Right.WATCH).filter(pk=device.camera or 0).first()
    if camera is None:
        return _refused(HTTPStatus.NOT_FOUND, "not_found", "This screen has no camera to ring at.")
    if not _may_press(device):
        return _refused(HTTPStatus.TOO_MANY_REQUESTS, "too_many", "That is too often.", retry=5)
    # The engine's names for presses are a camera's: two screens at one must not take each other's for theirs.
    wanted |= {"camera": camera.pk, "way": "kiosk", "id": f"screen-{device.pk}-{wanted['id']}"}
    return _answer(wanted)


def _answer(wanted: dict[str, Any]) -> HttpResponse:
    try:
        body, _ = ask_engine(engine_commands(), "ring", wanted, seconds=ENGINE_SECONDS)
    except EngineDownError:
        return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "engine_down", "The engine does not answer.", retry=2)
    if body.get("ok"):
        return JsonResponse({"event": body["event"], "new": body.get("new"), "known": body.get("known")})
    code = str(body.get("code", "busy"))
    status = REFUSALS.get(code, HTTPStatus.SERVICE_UNAVAILABLE)
    return _refused(
        status, code, str(body.get("error", "")), retry=2 if status >= HTTPStatus.INTERNAL_SERVER_ERROR else 0
    )


def _press(body: bytes) -> dict[str, Any]:
    """The press in a request's body. A screen's clock is not believed where it runs ahead. Raises ValueError."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    name = told.get("id") if isinstance(told, dict) else None
    if not isinstance(name, str) or not PRESS_ID.fullmatch(name):
        raise ValueError("Send {'id': 8 to 64 letters and digits, 'at': seconds since 1970 or nothing}.")
    if told.get("at") is None:
        return {"id": name}
    at = number(told["at"], 0)
    if at is None:
        raise ValueError("«at» takes seconds since 1970.")
    return {"id": name, "at": min(float(at), time.time())}


def _may_press(device: Device) -> bool:
    """Whether this press is not one too many; counted in this process."""
    now = time.monotonic()
    recent = _presses.setdefault(device.pk, deque(maxlen=MOST_PRESSES))
    if len(recent) == MOST_PRESSES and now - recent[0] < PRESSES_SECONDS:
        return False
    recent.append(now)
    return True


def _renewed(request: HttpRequest, reply: HttpResponse, device: Device) -> HttpResponse:
    """With the cookie anew, where it is this screen's: one that came by its session alone has none to renew."""
    secret = secret_of(request)
    kept = Device.objects.valid(secret)
    if kept is not None and kept.pk == device.pk:
        keep_secret(reply, secret)
    return reply


def _not_paired(request: HttpRequest) -> HttpResponse:
    if person_here(request) is not None:
        return _refused(HTTPStatus.FORBIDDEN, "person", "This is for the screens of the house.")
    return _refused(HTTPStatus.UNAUTHORIZED, "not_paired", "This screen is not one of the house's.")


def _refused(status: int, code: str, words: str, retry: int = 0) -> HttpResponse:
    reply = JsonResponse({"error": {"code": code, "message": words}}, status=status)
    if retry:
        reply["Retry-After"] = str(retry)
    return reply
