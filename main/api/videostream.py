"""The addresses of the oil-spill server, for programs that were written for it; the camera behind them is `spill`."""

import hmac
import json
import time
from collections.abc import Callable
from functools import wraps

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from camera.access import Actor, camera_for
from camera.keys import SPILL
from camera.live import mjpeg
from camera.live.feed import Bell
from camera.live.hub import running_hub
from camera.models import Camera, Right
from main import videostream, viewings
from main.api.schemas import utc
from main.pages.watch import Admitted, admit, live_reply, newest, stream_reply
from main.presence import Watch
from main.programs import TooManyWrongKeysError, check_tries, note_wrong, program_actor
from main.viewings import FRAME_PAGE, Transport
from main.watchers import running_watchers

NORMAL, ALERT = "Normal: No oil spill detected", "ALERT: Oil spill detected"


def plain(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def unauthorized() -> HttpResponse:
    """For nobody the house knows; players may send a token as the password of Basic."""
    reply = plain("Unauthorized", 401)
    reply["WWW-Authenticate"] = 'Basic realm="Fairwatch", charset="UTF-8"'
    return reply


def spill_camera(actor: Actor, right: str) -> Camera:
    """The camera behind these addresses. Raises Http404 and PermissionDenied as camera_for does."""
    camera = camera_for(actor, SPILL, right)
    if camera.kind != "push":
        raise Http404("No such camera.")
    return camera


Answer = Callable[[Camera], HttpResponse]


def reads(right: str) -> Callable[[Answer], Callable[[HttpRequest], HttpResponse]]:
    """A view that tells those of the camera who have `right` on it."""

    def made(answer: Answer) -> Callable[[HttpRequest], HttpResponse]:
        @login_not_required
        @require_safe
        @wraps(answer)
        def view(request: HttpRequest) -> HttpResponse:
            try:
                actor, _ = program_actor(request)
            except TooManyWrongKeysError as error:
                return error.reply()
            return answer(spill_camera(actor, right)) if actor.is_known else unauthorized()

        return view

    return made


@reads(Right.WATCH)
def status(camera: Camera) -> HttpResponse:
    found, now = videostream.status_of(camera), time.time()
    return JsonResponse(
        {
            "stream_active": found.active,
            "last_frame_time": found.last_frame_at,
            "frame_age_seconds": max(0.0, now - found.last_frame_at) if found.last_frame_at else None,
            "server_time": now,
            "oil_spill_detected": found.spill,
            "oil_spill_events": found.stills,
        }
    )


@reads(Right.PLAYBACK)
def oil_spill_events(camera: Camera) -> HttpResponse:
    """One for each flagged picture, oldest first."""
    rows = videostream.flagged(camera).values_list("pk", "captured_at")
    entries = [
        {
            "timestamp": videostream.stamp(at),
            "datetime": utc(at),
            "frame_path": reverse("event_still", args=[pk]),
        }
        for pk, at in rows
    ]
    return JsonResponse(entries, safe=False)


@reads(Right.PLAYBACK)
def detection_summary(camera: Camera) -> HttpResponse:
    stills = videostream.flagged(camera)
    last = stills.order_by("-captured_at").values_list("captured_at", flat=True).first()
    return JsonResponse(
        {
            "current_status": ALERT if videostream.spill_goes_on(camera) else NORMAL,
            "total_events": stills.count(),
            "last_detection": utc(last),
        }
    )


@login_not_required
@require_safe
async def stream(request: HttpRequest) -> HttpResponseBase:
    """The camera as MJPEG until the stream is stopped, or the viewer goes or loses the right."""
    admitted = await sync_to_async(_admit)(request, request.GET.get("page", ""), Transport.MJPEG, "No active stream")
    if isinstance(admitted, HttpResponse):
        return admitted
    if request.method == "HEAD":
        return live_reply(HttpResponse(content_type=mjpeg.CONTENT_TYPE))
    viewer = Watch(admitted.login, Bell(), admitted.camera)
    return live_reply(await stream_reply(request, viewer, admitted.session, videostream.running_streams.running))


@login_not_required
@require_safe
async def frame(request: HttpRequest) -> HttpResponse:
    """The newest picture; 503 when there is none within 2 s."""
    watchers = running_watchers()
    admitted = await sync_to_async(_admit)(request, FRAME_PAGE, Transport.FRAME, "No frame available")
    if isinstance(admitted, HttpResponse):
        return admitted
    picture = await newest(await running_hub(), admitted.camera, slow=True)
    if request.method == "GET":
        watchers.frame_asked(admitted.key, admitted.session, len(picture.frame.data) if picture else 0)
    if picture is None:
        return live_reply(plain("No frame available", 503))
    response = HttpResponse(picture.frame.data, content_type="image/jpeg")
    response["X-Timestamp"] = f"{picture.frame.captured_at:.6f}"
    return live_reply(response)


def _admit(request: HttpRequest, page: str, transport: str, stopped: str) -> Admitted | HttpResponse:
    """Everything that reads or writes the database; `stopped`: what is said while the stream is not open."""
    try:
        actor, login = program_actor(request)
    except TooManyWrongKeysError as error:
        return error.reply()
    if not actor.is_known:
        return unauthorized()
    camera = spill_camera(actor, Right.WATCH)
    if not videostream.is_open(camera):
        return live_reply(plain(stopped, 503))
    return admit(request, viewings.visitor_of(request, actor, login), camera, page, transport)


@csrf_exempt
@login_not_required
@require_POST
def start_stream(request: HttpRequest) -> HttpResponse:
    return _asked(request, is_open=True)


@csrf_exempt
@login_not_required
@require_POST
def stop_stream(request: HttpRequest) -> HttpResponse:
    return _asked(request, is_open=False)


def _asked(request: HttpRequest, *, is_open: bool) -> HttpResponse:
    """For whoever knows the camera's password; a log-in does not count here."""
    try:
        check_tries(request)
        body = json.loads(request.body)
    except TooManyWrongKeysError as error:
        return error.reply()
    except (ValueError, RecursionError):
        return plain('Send JSON like {"password": "…"}.', 400)
    if not is_password(body.get("password") if isinstance(body, dict) else None):
        note_wrong(request)
        return unauthorized()
    if not Camera.objects.filter(slug=SPILL, kind="push").exists():
        raise Http404("No such camera.")
    videostream.ask(is_open=is_open)
    return JsonResponse({"status": "Stream started" if is_open else "Stream stopped"})


def is_password(word: object) -> bool:
    """Whether it is the house's CAMERA_PASSWORD, in a time that says nothing about it; never while that is not set."""
    known = settings.CAMERA_PASSWORD
    if not known or not isinstance(word, str):
        return False
    return hmac.compare_digest(word.encode("utf-8", "surrogatepass"), known.encode("utf-8", "surrogatepass"))
