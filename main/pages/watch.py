"""One camera live: its page, its MJPEG stream and its newest picture."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from camera.access import camera_for, rights_on
from camera.live import lean, mjpeg
from camera.live.feed import Bell, Picture
from camera.live.hub import Hub, current_hub, running_hub
from camera.live.lean import Wire
from camera.models import Camera, Right
from camera.packets import REASON_TEXT, CameraState, Reason, StateName
from main import viewings
from main.actors import Login, session_actor, stream_actor
from main.pages.wall import told
from main.pages.watch_move import move_context
from main.pages.watch_parts import recording_context, today_context
from main.presence import Watch
from main.serving.wire import wire_of
from main.viewings import FRAME_PAGE, Transport, Visitor
from main.watchers import current_watchers, running_watchers

Reply = TypeVar("Reply", bound=HttpResponseBase)
FRAME_WAIT = 2.0
NEVER_KEPT = "private, no-store, no-transform"


@dataclass(frozen=True, slots=True)
class Admitted:
    """One who may watch. `session`: the row joined, None when there is nothing to write."""

    camera: int
    login: Login
    session: int | None
    key: str = ""


@require_safe
def watch(request: HttpRequest, slug: str) -> HttpResponse:
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.WATCH)
    page, session = request.GET.get("page", ""), None
    if not viewings.is_page_id(page):
        page = viewings.new_page_id()
    if request.method == "GET":
        login = Login(session_key=request.session.session_key or "")
        session = viewings.join(viewings.visitor_of(request, actor, login), camera, page, Transport.PAGE).pk
    rights = rights_on(actor, camera)
    context = {
        **recording_context(actor, camera, session, rights),
        **today_context(actor, camera, rights),
        **move_context(camera, rights),
        "camera": camera,
        "page": page,
        "me": actor.name,
        "zone": timezone.get_current_timezone_name(),
        "state": current_hub().state(camera.pk),
        "told": told(current_hub().state(camera.pk)),
        "watching": viewings.names_watching([camera.pk])[camera.pk],
        "may_manage": Right.MANAGE in rights,
        "reads_log": Right.LOG in rights,
    }
    return render(request, "watch.html", context)


@login_not_required
@require_safe
async def stream(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The camera as MJPEG until the viewer goes or loses the right."""
    page = request.GET.get("page", "")
    admitted = await sync_to_async(_admit)(request, slug, page, Transport.MJPEG)
    if admitted is None:
        return _unauthorised()
    if request.method == "HEAD":
        # Not a plain reply: that would be said to have no bytes.
        return live_reply(StreamingHttpResponse(_nothing(), content_type=mjpeg.CONTENT_TYPE))
    viewer = Watch(admitted.login, Bell(), admitted.camera)
    return live_reply(await stream_reply(request, viewer, admitted.session))


async def _nothing() -> AsyncGenerator[bytes]:
    for none in list[bytes]():
        yield none


Guard = Callable[[Watch], AbstractContextManager[object]]


async def stream_reply(
    request: HttpRequest, viewer: Watch, session: int | None, guard: Guard = nullcontext
) -> StreamingHttpResponse:
    """The camera of `viewer` as MJPEG until it is ended, which `guard` may do as well; `session`: the row it joined."""
    body = _stream(await running_hub(), wire_of(request), viewer, session, guard)
    return StreamingHttpResponse(body, content_type=mjpeg.CONTENT_TYPE)


async def _stream(
    hub: Hub, wire: Wire | None, viewer: Watch, session: int | None, guard: Guard
) -> AsyncGenerator[bytes, None]:
    watchers = running_watchers()
    watchers.attach(viewer, session)
    try:
        assert viewer.camera is not None
        with guard(viewer):
            async with aclosing(lean.parts(hub, viewer.camera, viewer, viewer.bell, wire)) as parts:
                async for part in parts:
                    yield part
    finally:
        watchers.detach(viewer)


@login_not_required
@require_safe
async def frame(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest picture; 503 with the reason when none comes within 2 s."""
    watchers = running_watchers()
    admitted = await sync_to_async(_admit)(request, slug, FRAME_PAGE, Transport.FRAME)
    if admitted is None:
        return _unauthorised()
    hub = await running_hub()
    picture = await newest(hub, admitted.camera)
    if request.method == "GET":
        watchers.frame_asked(admitted.key, admitted.session, len(picture.frame.data) if picture else 0)
    if picture is None:
        return live_reply(no_picture(hub, hub.state(admitted.camera)))
    response = HttpResponse(picture.frame.data, content_type="image/jpeg")
    response["X-Timestamp"] = f"{picture.frame.captured_at:.6f}"
    return live_reply(response)


async def newest(hub: Hub, camera: int, *, slow: bool = False) -> Picture | None:
    """The newest live picture; waits for the first one, unless the camera is known to be away.

    `slow`: also one too old to be called live, while its camera is not away."""
    feed, bell = hub.feed(camera), Bell()
    deadline = time.monotonic() + FRAME_WAIT
    with feed.listening(bell):
        while True:
            picture = hub.live(feed) or (feed.newest if slow else None)
            left = deadline - time.monotonic()
            away = hub.state(camera).state in (StateName.OFFLINE, StateName.PAUSED, StateName.DISABLED)
            if picture is not None or left <= 0 or away:
                return picture
            await bell.wait(min(left, 0.5))


def _admit(request: HttpRequest, slug: str, page: str, transport: str) -> Admitted | None:
    """Everything that reads or writes the database, in one go; None for nobody. Raises Http404 and PermissionDenied."""
    actor, login = stream_actor(request)
    if not actor.is_known:
        return None
    camera = camera_for(actor, slug, Right.WATCH)
    return admit(request, viewings.visitor_of(request, actor, login), camera, page, transport)


def admit(request: HttpRequest, visitor: Visitor, camera: Camera, page: str, transport: str) -> Admitted:
    """Write that one who may watch the camera does so, where there is anything new to write."""
    key = viewings.viewing_key(visitor.actor, page, camera.pk)
    if request.method == "HEAD" or (transport == Transport.FRAME and current_watchers().frame_open(key)):
        return Admitted(camera.pk, visitor.login, None, key)
    return Admitted(camera.pk, visitor.login, viewings.join(visitor, camera, page, transport).pk, key)


def live_reply(response: Reply) -> Reply:
    """Nobody on the way keeps or gathers it."""
    response["Cache-Control"] = NEVER_KEPT
    response["X-Accel-Buffering"] = "no"
    return response


def _error(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)


def _unauthorised() -> HttpResponse:
    response = _error(401, "unauthorized", "Log in, or send a token as Bearer or as the password of Basic.")
    response["WWW-Authenticate"] = 'Basic realm="Fairwatch", charset="UTF-8"'
    return response


def no_picture(hub: Hub, state: CameraState) -> JsonResponse:
    """503 with the reason why there is none."""
    if not hub.engine_up():
        return _error(503, "engine_down", f"No picture: {REASON_TEXT[Reason.ENGINE_DOWN]}.")
    if state.state == StateName.DISABLED:
        return _error(503, "disabled", "No picture: the camera is switched off.")
    _, reason = mjpeg.told_of(state)
    if reason:
        return _error(503, reason.lower(), f"No picture: {REASON_TEXT[reason]}.")
    return _error(503, "no_picture", "No picture yet: the camera is being connected.")
