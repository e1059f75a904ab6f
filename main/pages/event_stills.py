"""The pictures of an event that its sender flagged: those a page shows, and each of them by itself."""

import logging
from datetime import datetime

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from camera.access import Actor, event_for
from camera.models import Event, EventStill, Right
from camera.paths import UnsafePathError
from main import lookbacks, viewings
from main.actors import Login
from main.pages.files import PICTURE, unauthorised
from main.programs import TooManyWrongKeysError, program_actor
from main.serving.ranges import NoFileError, StoredFile, file_reply

logger = logging.getLogger(__name__)
ON_A_PAGE = 24


def stills_of(event: Event, page: str) -> Page[EventStill] | None:
    """A page of the event's flagged pictures, oldest first, by its number; None where there is nothing but one."""
    paginator = Paginator(event.stills.order_by("captured_at", "pk"), ON_A_PAGE)
    return paginator.get_page(page[:6]) if paginator.count > 1 else None


@login_not_required
@require_safe
async def still(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One flagged picture, as it came; ?download=1 to keep it. The camera's own program may read it by its key."""
    return await sync_to_async(_still)(request, pk)


def noted(request: HttpRequest, actor: Actor, login: Login, event: Event, at: datetime) -> None:
    """Let the log tell that somebody has been sent a picture of `event`, captured `at`."""
    transport = lookbacks.Transport.EXPORT if request.GET.get("download") == "1" else lookbacks.Transport.PLAYBACK
    if request.method == "GET" and event.camera is not None:
        lookbacks.look_at_event(viewings.visitor_of(request, actor, login), event, at, transport)


def _still(request: HttpRequest, pk: int) -> HttpResponseBase:
    try:
        actor, login = program_actor(request)
    except TooManyWrongKeysError as error:
        return error.reply()
    if not actor.is_known:
        return unauthorised()
    found = EventStill.objects.filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such picture.")
    take_away = request.GET.get("download") == "1"
    event = event_for(actor, found.event_id, Right.PLAYBACK)
    if take_away:
        event_for(actor, found.event_id, Right.EXPORT)
    name = f"{event.camera_slug or 'house'} {event.kind} {timezone.localtime(found.captured_at):%Y-%m-%d %H-%M-%S}.jpg"
    try:
        reply = file_reply(request, StoredFile(found.path, PICTURE, name=name, attachment=take_away))
        noted(request, actor, login, event, found.captured_at)
        return reply
    except (UnsafePathError, NoFileError) as error:
        logger.warning("flagged picture %d of event %d cannot be sent: %s", pk, event.pk, error)
        raise Http404("There is no such picture.") from None
