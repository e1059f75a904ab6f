"""This phone or laptop as a camera: the page for members, the one for join links, and the way in without a socket."""

import math
import time
from typing import Any

from asgiref.sync import sync_to_async
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import split_domain_port
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_safe
from ninja.utils import check_csrf

from accounts.models import Role
from camera.access import Actor
from camera.names import check_name
from main.actors import Login, session_actor
from main.feeding import DISABLED, GONE, LINK_OVER, LOGGED_OUT, Feeder, RefusedError, admit, link_login
from main.pages.join_links import HOURS, show_new_link
from main.pushing import lanes
from main.pushing.picture import Answer, BadPictureError
from main.webcam_frames import MOST_FPS, post_may_begin, pushed
from main.webcams import guest_camera, seers, webcam_of

STATUS = {LOGGED_OUT: 401, LINK_OVER: 401, GONE: 404, DISABLED: 503}


class PhoneForm(forms.Form):
    """Another phone as a camera of the house."""

    name = forms.CharField(
        label="What is it called?",
        max_length=60,
        validators=[check_name],
        help_text="For instance «Phone in the hall».",
    )
    hours = forms.TypedChoiceField(label="The link works for", choices=HOURS, coerce=int, initial=24)


@ensure_csrf_cookie
@require_http_methods(["GET", "HEAD", "POST"])
def webcam(request: HttpRequest) -> HttpResponse:
    """The member's own; for owners also the way to let another phone in. Nothing is made by looking at the page."""
    actor = session_actor(request)
    if actor.role not in (Role.OWNER, Role.MEMBER) or actor.user_id is None:
        raise PermissionDenied(
            "Members and owners have a webcam here. Ask an owner for a join link: with it this phone or laptop can be "
            "a camera of the house."
        )
    form = PhoneForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not actor.is_owner:
            raise PermissionDenied("Owners let other phones be cameras.")
        if form.is_valid():
            return _let_in(request, actor, form.cleaned_data)
    own = webcam_of(actor.user_id)
    context = {
        "own": own,
        "seers": seers(own, actor.user_id),
        "form": form if actor.is_owner else None,
        "tls": settings.TLS,
        "may_film": may_film(request),
        "shown_rates": RATES,
    }
    return render(request, "webcam.html", context)


RATES = (("0.5", "1 picture every 2 seconds"), ("1", "1 picture a second"), ("2", "2 pictures a second"),
         ("5", "5 pictures a second"), ("10", "10 pictures a second"))  # fmt: skip


def may_film(request: HttpRequest) -> bool:
    """Whether browsers are likely to let this page use a camera; the script has the last word.

    The page is then laid out from the start, so that nothing moves when the script comes.
    """
    return request.is_secure() or split_domain_port(request.get_host())[0] in ("localhost", "127.0.0.1", "[::1]")


def _let_in(request: HttpRequest, actor: Actor, wanted: dict[str, Any]) -> HttpResponse:
    with transaction.atomic():
        return show_new_link(request, actor, guest_camera(wanted["name"], actor), wanted["hours"])


@login_not_required
@never_cache
@require_safe
def join(request: HttpRequest) -> HttpResponse:
    """For whoever holds a join link. The secret stands behind the # of the address, which no server is ever told."""
    context = {"joins": True, "tls": settings.TLS, "may_film": may_film(request), "shown_rates": RATES}
    return render(request, "webcam_join.html", context)


@csrf_exempt
@login_not_required
@never_cache
@require_http_methods(["POST"])
async def frames(request: HttpRequest) -> HttpResponse:
    """A JPEG as the body, where no WebSocket can be opened; without a body: who one would send as.

    X-Join-Token: a join link's secret; without it the log-in counts, and the token against forgery. X-Captured-At:
    seconds since the epoch. `?camera=`: its slug; without it the own webcam.
    """
    secret = request.headers.get("X-Join-Token")
    if secret is None and await sync_to_async(check_csrf)(request) is not None:
        return _refused(403, "csrf", "This page is too old, or another site sent it. Open it again.")
    try:
        feeder = await sync_to_async(_feeder)(request, secret)
    except RefusedError as refused:
        return _refused(STATUS.get(refused.code, 403), refused.code, refused.message)
    except DatabaseError:
        return _refused(503, "busy", "The house is busy; try again in a few seconds.")
    if not request.body:
        return JsonResponse(_told(0) | {"camera": feeder.slug, "name": feeder.name, "house": feeder.house})
    answer = await _sent(feeder, request)
    if answer.taken:
        return JsonResponse(_told(1))
    return _refused(answer.status, answer.code, answer.message)


def _feeder(request: HttpRequest, secret: str | None) -> Feeder:
    login = Login(session_key=request.session.session_key or "") if secret is None else link_login(secret)
    return admit(login, request.GET.get("camera", ""))


async def _sent(feeder: Feeder, request: HttpRequest) -> Answer:
    try:
        at = float(request.headers.get("X-Captured-At", ""))
    except ValueError:
        at = math.nan
    try:
        picture = pushed(request.body, at)
    except BadPictureError as error:
        return error.answer
    if not post_may_begin(feeder.camera):
        return Answer(429, "busy", f"At most {MOST_FPS:.0f} pictures a second are taken.", MOST_FPS)
    return await lanes.send(feeder.camera, picture)


def _told(taken: int) -> dict[str, Any]:
    return {"taken": taken, "rate": MOST_FPS, "now": time.time()}


def _refused(status: int, code: str, message: str) -> HttpResponse:
    reply = JsonResponse({"error": {"code": code, "message": message}, "now": time.time()}, status=status)
    if status in (429, 503):
        reply["Retry-After"] = "2"
        # The house being busy is no fault of this process, and a line for each picture would bury those that are.
        reply._has_been_logged = True  # type: ignore[attr-defined]
    return reply
