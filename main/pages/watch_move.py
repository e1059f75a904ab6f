"""Moving a camera from its live page: steps for browsers without JavaScript, and the positions that were saved."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from django.contrib import messages
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from camera.access import Actor, camera_for
from camera.addresses import CONTROLLED
from camera.commands import EngineDownError
from camera.live.hub import current_hub
from camera.models import Camera, Right
from camera.ptz.driver import Can
from main import moving, viewings
from main.actors import session_actor
from main.moving import Info, Motion, MoveRefusedError
from main.pages.errors import post_only

STEP_SECONDS = 0.5
STEPS = {
    "left": Motion(pan=-1),
    "right": Motion(pan=1),
    "up": Motion(tilt=1),
    "down": Motion(tilt=-1),
    "closer": Motion(zoom=1),
    "wider": Motion(zoom=-1),
    "stop": Motion(),
}
ENGINE_DOWN = "The engine is away, so the camera cannot be reached now. It is started again by itself."
BUSY = "The house is busy. Try again in a few seconds."
UNKNOWN = "Nothing was done: choose one of the buttons."
SWITCHES = frozenset({Can.PRIVACY, Can.LED, Can.ALARM, Can.NIGHT})


def move_context(camera: Camera, rights: AbstractSet[str]) -> dict[str, Any]:
    """What the live page offers: nothing where the camera cannot, or the person may not."""
    may = Right.MOVE in rights and moving.may_move(camera)
    can = set(moving.abilities_of(camera)) if may else set()
    return {
        "may_move": may,
        # Just added: the pad comes as soon as the engine knows whether there is a motor.
        "is_asked": Right.MOVE in rights and not moving.is_learnt(camera),
        "can_turn": Can.PAN_TILT in can,
        "can_zoom": Can.ZOOM in can,
        "can_home": Can.HOME in can,
        "can_presets": Can.PRESETS in can,
        "has_switches": Right.MANAGE in rights and has_switches(camera),
        "mover": current_hub().state(camera.pk).mover,
    }


def has_switches(camera: Camera) -> bool:
    return camera.kind in CONTROLLED and bool(SWITCHES & set(moving.abilities_of(camera)))


@post_only("wall")
def move(request: HttpRequest, slug: str) -> HttpResponse:
    """One step of half a second, or home; then back to the live page, which goes on."""
    actor = session_actor(request)
    camera_for(actor, slug, Right.MOVE)
    do, page = request.POST.get("do", ""), request.POST.get("page", "")[: viewings.LONGEST_PAGE]
    if do == "home":
        told = tried(lambda: moving.home(actor, slug))
    elif do in STEPS:
        told = tried(lambda: moving.move(actor, slug, STEPS[do], STEP_SECONDS))
    else:
        told = UNKNOWN
    if told:
        messages.error(request, told)
    query = f"?page={page}" if viewings.is_page_id(page) else ""
    return redirect(reverse("watch", args=[slug]) + query + "#move")


@require_http_methods(["GET", "HEAD", "POST"])
def presets(request: HttpRequest, slug: str) -> HttpResponse:
    """The saved positions: go, and for those who manage the camera save and delete.

    Part of the live page by htmx, and a page of its own."""
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.MOVE)
    if "learnt" in request.GET:
        return _learnt(camera)
    if not moving.may_move(camera):
        raise Http404("This camera is not moved from here.")
    done = fault = ""
    if request.method == "POST":
        done, fault = _acted(actor, slug, request.POST)
        if request.headers.get("HX-Request") != "true":
            (messages.error if fault else messages.success)(request, fault or done)
            return redirect("presets", slug)
    info, unknown = asked(lambda: moving.info(actor, slug, Right.MOVE))
    context = {
        "camera": camera,
        "presets": info.presets,
        "can_home": Can.HOME in moving.abilities_of(camera),
        "can_presets": Can.PRESETS in moving.abilities_of(camera),
        "may_manage": Camera.objects.allowed(actor, Right.MANAGE).filter(pk=camera.pk).exists(),
        "done": done,
        "fault": fault or unknown,
        "changing": any(name in request.POST for name in ("save", "delete")),
        "longest": moving.LONGEST_NAME,
    }
    part = request.headers.get("HX-Request") == "true"
    return render(request, "partials/presets.html" if part else "presets.html", context)


def _learnt(camera: Camera) -> HttpResponse:
    """For a live page that waits: nothing, or htmx's word to load it again."""
    return HttpResponse(status=204, headers={"HX-Refresh": "true"} if moving.is_learnt(camera) else {})


def _acted(actor: Actor, slug: str, wish: QueryDict) -> tuple[str, str]:
    """(what was done, what was wrong) in words, one of them empty."""
    if "goto" in wish:
        return _told("On its way.", lambda: moving.go(actor, slug, wish.get("goto", "")))
    if "home" in wish:
        return _told("On its way home.", lambda: moving.home(actor, slug))
    if "save" in wish:
        name = wish.get("name", "").strip()
        return _told(f"Saved as {name}.", lambda: moving.save(actor, slug, name))
    if "delete" in wish:
        return _told("It is deleted.", lambda: moving.delete(actor, slug, wish.get("delete", "")))
    return "", UNKNOWN


def _told(done: str, act: Callable[[], object]) -> tuple[str, str]:
    fault = tried(act)
    return ("", fault) if fault else (done, "")


def tried(act: Callable[[], object]) -> str:
    """Do it; what is to be said when it was not done, else nothing. Http404 and PermissionDenied go on."""
    try:
        act()
    except MoveRefusedError as refusal:
        return str(refusal)
    except EngineDownError:
        return ENGINE_DOWN
    except OperationalError:
        return BUSY
    return ""


def asked(ask: Callable[[], Info]) -> tuple[Info, str]:
    """What the engine knows, and when it cannot say: nothing known, and why."""
    found: list[Info] = []
    fault = tried(lambda: found.append(ask()))
    return (found[0], "") if found else (Info(), fault)
