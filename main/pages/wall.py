"""The wall: every camera one may watch, edge to edge, laid out as each likes it."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accounts.models import User
from camera.access import Actor, may_add
from camera.live.hub import current_hub
from camera.packets import REASON_TEXT, CameraState, Reason, StateName
from main import viewings, wall_choice
from main.actors import session_actor
from main.pages.errors import post_only
from main.words import since_words

# State by word and shape; colour only as a third voice.
SHAPES: dict[str, tuple[str, str]] = {
    StateName.ONLINE: ("●", "Online"),
    StateName.CONNECTING: ("◌", "Connecting"),
    StateName.OFFLINE: ("▲", "No picture"),
    StateName.PAUSED: ("◐", "Privacy pause"),
    StateName.DISABLED: ("○", "Switched off"),
}
# Browsers open six connections to a host: beyond this a page without JavaScript gets stills instead of streams.
MOST_STREAMS = 5


@dataclass(frozen=True, slots=True)
class Told:
    """A camera's state in words, until the page's script knows better."""

    name: str
    shape: str
    word: str
    why: str
    recording: bool = False


def told(state: CameraState) -> Told:
    shape, word = SHAPES[state.state]
    if state.state == StateName.PAUSED and state.reason == Reason.PRIVACY:
        return Told(state.state, shape, in_privacy(state), "", state.recording)
    return Told(state.state, shape, word, REASON_TEXT.get(state.reason or "", ""), state.recording)


def in_privacy(state: CameraState) -> str:
    """«Privacy mode since 14:02»."""
    return f"Privacy mode since {since_words(state.since)}" if state.since else "Privacy mode"


@login_not_required
@require_safe
def wall(request: HttpRequest) -> HttpResponse:
    """Tiles for people; a word of life for programs, which need no log-in for that."""
    response = _wall(request) if "text/html" in request.headers.get("Accept", "") else _alive()
    patch_vary_headers(response, ["Accept"])
    return response


def _alive() -> HttpResponse:
    return HttpResponse("Video Streaming Server is running", content_type="text/plain; charset=utf-8")


def _wall(request: HttpRequest) -> HttpResponse:
    actor = session_actor(request)
    if actor.user_id is None:
        return redirect_to_login(request.get_full_path())
    layout, cameras = wall_choice.cameras_of(actor)
    if not cameras:
        return render(request, "wall_empty.html", _ways(actor))
    page = wall_choice.page_of(len(cameras), layout, _number(request.GET.get("page", "")))
    names = viewings.names_watching([camera.pk for camera in cameras])
    tiles = [
        {
            "camera": camera,
            "told": told(current_hub().state(camera.pk)),
            "others": [name for name in names[camera.pk] if name != actor.name],
            "shown": page.first <= place < page.behind,
        }
        for place, camera in enumerate(cameras)
    ]
    context = {
        "tiles": tiles,
        "at": page,
        "layout": layout,
        "layouts": wall_choice.Layout.choices,
        "page": viewings.new_page_id(),
        "me": actor.name,
        "zone": timezone.get_current_timezone_name(),
        "streams": page.behind - page.first <= MOST_STREAMS,
    }
    return render(request, "wall.html", context)


def _number(text: str) -> int:
    """A page's number from an address; what is none is the first page's."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 1


@post_only("wall")
def choose(request: HttpRequest) -> HttpResponse:
    """Keep this person's layout, order of cameras, or both. `order`: slugs with commas between them.

    Cameras they may not watch, or that are not there, are passed over without a word. Scripts get 204 or an error in
    JSON, forms the wall.
    """
    layout, order = request.POST.get("layout"), request.POST.get("order")
    if (layout is None and order is None) or layout not in (None, *wall_choice.Layout.values):
        if _from_form(request):
            raise BadRequest
        message = "Send layout (1, 4, 9 or auto), order (slugs with commas between them), or both."
        return JsonResponse({"error": {"code": "bad_request", "message": message}}, status=400)
    wall_choice.keep(session_actor(request), layout, None if order is None else order.split(","))
    return redirect("wall") if _from_form(request) else HttpResponse(status=204)


def _from_form(request: HttpRequest) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _ways(actor: Actor) -> dict[str, object]:
    """What one who sees no camera can do about it."""
    return {
        "may_add": may_add(actor, "rtsp"),
        "may_add_device": may_add(actor, "device"),
        "owners": [user.username for user in User.objects.owners()],
    }
