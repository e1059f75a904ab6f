"""A day of stills as one film: asked for, watched while it is made, played and taken away."""

import logging
from collections.abc import Collection
from datetime import date
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from camera import ports
from camera.access import Actor, camera_for, rights_on, rights_on_lost, timelapse_for
from camera.models import Camera, Right, TimeLapse
from camera.paths import TIMELAPSE, UnsafePathError, new_uid
from camera.stills import stills_of
from camera.words import many, size
from main import lookbacks, still_lists, viewings
from main.actors import Login, again, session_actor, stream_actor
from main.pages.files import VIDEO, unauthorised
from main.serving.ranges import NoFileError, StoredFile, file_reply
from main.watchers import in_thread

logger = logging.getLogger(__name__)
State = TimeLapse.State
COMING = (State.WANTED, State.WORKING)


@require_http_methods(["GET", "HEAD", "POST"])
def timelapse(request: HttpRequest, slug: str, day: str) -> HttpResponse:
    """POST act=make asks for the film, cancel takes the wish back, delete removes it. GET: how far it is."""
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.PLAYBACK)
    of = still_lists.parse_day(day)
    if of is None:
        raise Http404("That is no day.")
    if request.method == "POST":
        camera = camera_for(actor, slug, Right.EXPORT)
        _act(request, actor, camera, of)
    if not request.headers.get("HX-Request"):
        return redirect(reverse("snapshots_day", args=[slug, of.isoformat()]) + "#timelapse")
    return render(request, "snapshots_timelapse.html", context(camera, of, rights_on(actor, camera)))


def _act(request: HttpRequest, actor: Actor, camera: Camera, of: date) -> None:
    act = request.POST.get("act", "make")
    if act == "make" and not wish(actor, camera, of):
        messages.warning(request, "There are no stills of that day, so there is nothing to make a time-lapse of.")
    elif act == "cancel":
        _films(camera, of).filter(state__in=COMING).update(delete_requested_at=timezone.now())
    elif act == "delete":
        if Right.MANAGE not in rights_on(actor, camera):
            raise PermissionDenied("Whoever manages the camera deletes its time-lapses.")
        if _films(camera, of).exclude(state__in=COMING).update(delete_requested_at=timezone.now()):
            ports.on_change(actor.name, f"time-lapse of {camera.name}, {of.isoformat()}, deleted", {}, {})


def wish(actor: Actor, camera: Camera, of: date) -> TimeLapse | None:
    """The row of that day's film: the one there is, unless it failed or the day went on when it was asked for; else a
    new one. None when there is no still."""
    if not _has_stills(camera, of):
        return None
    begin, end = still_lists.bounds(of)
    with transaction.atomic():
        newest = _films(camera, of).first()
        if newest is not None and newest.state == State.FAILED:
            _films(camera, of).filter(pk=newest.pk).update(delete_requested_at=timezone.now())
        elif newest is not None and (newest.state in COMING or newest.wanted_at >= newest.end):
            return newest
        return TimeLapse.objects.create(
            camera=camera,
            camera_name=camera.name,
            camera_slug=camera.slug,
            day=of,
            begin=begin,
            end=end,
            uid=new_uid(),
            wanted_by=actor.name,
        )


def _has_stills(camera: Camera, of: date) -> bool:
    return bool(stills_of(camera.slug, *still_lists.bounds(of)))


def context(camera: Camera, of: date, rights: Collection[str]) -> dict[str, Any]:
    """What snapshots_timelapse.html shows."""
    films = list(_films(camera, of)[:10])
    newest = films[0] if films else None
    ready = next((one for one in films if one.state == State.READY), None)
    failed = newest is not None and newest.state == State.FAILED
    partly = ready is not None and ready.wanted_at < ready.end
    return {
        "camera": camera,
        "day": of,
        "film": newest,
        "coming": newest is not None and newest.state in COMING,
        "failed": failed,
        "ready": ready,
        "ready_words": f"{many(ready.pictures, 'picture')}, {size(ready.bytes)}" if ready else "",
        "partly": partly,
        "may_export": Right.EXPORT in rights,
        # Tried again only as long as there is something to make it of.
        "may_make": Right.EXPORT in rights and (newest is None or partly or (failed and _has_stills(camera, of))),
        "may_manage": Right.MANAGE in rights,
    }


def _films(camera: Camera, of: date) -> QuerySet[TimeLapse]:
    return TimeLapse.objects.filter(camera=camera, day=of, delete_requested_at=None).order_by("-pk")


@login_not_required
@require_safe
async def file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The film, as players ask for it."""
    return await sync_to_async(_answer)(request, pk, Right.PLAYBACK)


@login_not_required
@require_safe
async def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The film under a name people can read."""
    return await sync_to_async(_answer)(request, pk, Right.EXPORT)


def _answer(request: HttpRequest, pk: int, right: Right) -> HttpResponseBase:
    actor, login = stream_actor(request)
    take_away = right == Right.EXPORT
    if actor.user_id is None:
        clicked = take_away and "Authorization" not in request.headers
        return redirect_to_login(request.get_full_path()) if clicked else unauthorised()
    film = timelapse_for(actor, pk, right)
    try:
        if film.state != State.READY or not TIMELAPSE.fullmatch(film.file):
            raise NoFileError("it is not ready, or its row names something else")
        still = partial(in_thread, _still_may, login, film, right)
        name = f"{film.camera_slug}-{film.day.isoformat()}.mp4"
        reply = file_reply(request, StoredFile(film.path, VIDEO, name=name, attachment=take_away, still=still))
    except (UnsafePathError, NoFileError) as error:
        logger.warning("time-lapse %d is not sent: %s", pk, error)
        raise Http404("There is no such film.") from None
    if request.method == "GET" and reply.status_code < 300:
        transport = lookbacks.Transport.EXPORT if take_away else lookbacks.Transport.PLAYBACK
        try:
            lookbacks.look_at_timelapse(viewings.visitor_of(request, actor, login), film, transport)
        except BaseException:
            # Nothing is seen without its line.
            reply.close()
            raise
    return reply


def _still_may(login: Login, film: TimeLapse, right: str) -> bool:
    actor = again(login)
    return right in (rights_on_lost(actor) if film.camera is None else rights_on(actor, film.camera))
