"""Web Push in a browser: its key, its subscriptions, and the picture that its message shows."""

import json
import logging
import re
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods, require_safe

from accounts.devices import LONGEST, device_words
from accounts.logins import name_of
from accounts.models import Role, User
from camera.access import event_for
from camera.models import Right
from camera.packets import Reason, SourceError
from camera.paths import UnsafePathError
from main.actors import Login, session_actor
from main.notify import channels, keys, pictures, wire
from main.notify.webpush import BadSubscriptionError, host_of, subscription
from main.pages.event_stills import noted
from main.pages.files import PICTURE
from main.serving.ranges import NoFileError, StoredFile, file_reply

logger = logging.getLogger(__name__)
LONGEST_BODY = 8192


def person_of(request: HttpRequest) -> User:
    """The person who is logged in; a screen of the house gets no messages. Raises PermissionDenied."""
    user = get_object_or_404(User, pk=session_actor(request).user_id)
    if user.role == Role.KIOSK:
        raise PermissionDenied("Messages are for people, not for screens.")
    return user


@require_safe
def key(request: HttpRequest) -> HttpResponse:
    """{"key": what a browser subscribes with, "told": whether this log-in's browser is told of anything, "stands": how
    the person's channel of the number `id` stands (channels.stands), or ""}."""
    user, login = person_of(request), name_of(request.session.session_key or "")
    told = user.channels.filter(kind="webpush", login=login, enabled=True).exists()
    number = request.GET.get("id", "")
    found = user.channels.filter(pk=number).first() if re.fullmatch(r"[0-9]{1,18}", number) else None
    return JsonResponse({"key": keys.public_key(), "told": told, "stands": channels.stands(found) if found else ""})


@require_http_methods(["POST", "DELETE"])
def push(request: HttpRequest) -> HttpResponse:
    """POST {"subscription": {endpoint, keys}, "name"?} → 201 {"id"}; DELETE {"endpoint"} → 204. JSON both ways."""
    user, body = person_of(request), _body(request)
    if body is None:
        return _refused("Send a JSON object.")
    if request.method == "DELETE":
        endpoint = body.get("endpoint")
        if not isinstance(endpoint, str):
            return _refused("Say which endpoint.")
        channels.unsubscribe(user, endpoint)
        return HttpResponse(status=204)
    try:
        target = subscription(body.get("subscription"), settings.ALLOW_LOOPBACK_CAMERAS)
        _check_host(host_of(target))
        made = channels.subscribe(user, _name(request, body), target, name_of(request.session.session_key or ""))
    except BadSubscriptionError as error:
        return _refused(str(error))
    except channels.TooManyError as error:
        return _refused(str(error), 409)
    return JsonResponse({"id": made.pk}, status=201)


def _body(request: HttpRequest) -> dict[str, Any] | None:
    if len(request.body) > LONGEST_BODY:
        return None
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refused(words: str, status: int = 400) -> HttpResponse:
    return JsonResponse({"error": {"code": "refused", "message": words}}, status=status)


def _name(request: HttpRequest, body: dict[str, Any]) -> str:
    name = body.get("name")
    given = "".join(letter for letter in name if letter.isprintable()).strip() if isinstance(name, str) else ""
    return given[:80] or device_words(request.headers.get("User-Agent", ""))[:LONGEST] or "A browser"


def _check_host(host: str) -> None:
    """Refuse an address inside the house's network. A name that cannot be looked up now is checked when it is used."""
    try:
        wire.public_target(settings.ALLOW_LOOPBACK_CAMERAS)(host, 443, 3.0)
    except wire.WireError as error:
        raise BadSubscriptionError(str(error)) from None
    except SourceError as error:
        if error.reason == Reason.REFUSED:
            raise BadSubscriptionError(str(error)) from None


@require_safe
def picture(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The event's picture for a message: at most 640 px, or as it is while no small one has been made."""
    actor = session_actor(request)
    found = event_for(actor, pk, Right.PLAYBACK)
    try:
        path = found.picture_path()
        small = pictures.kept(settings.RUN_DIR, path)
        reply = file_reply(request, StoredFile(small if small.is_file() else path, PICTURE, name=f"event-{pk}.jpg"))
    except (UnsafePathError, NoFileError) as error:
        if found.image:
            logger.warning("the picture of event %d cannot be sent: %s", pk, error)
        raise Http404("There is no such picture.") from None
    noted(request, actor, Login(session_key=request.session.session_key or ""), found, found.started_at)
    return reply
