"""The cameras of the house: list, add, change, test a connection, delete."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from camera.access import Actor, camera_for, may_add
from camera.addresses import CONTROLLED, KINDS, AddressError, parse_source
from camera.leaving import footage_of
from camera.live.hub import current_hub
from camera.models import Camera, Right
from camera.packets import REASON_TEXT, CameraState, Reason, StateName
from camera.redact import redact
from main.actors import session_actor
from main.camera_asking import find_streams, try_camera
from main.camera_changes import KeptRecordingsError, delete_camera, save_camera
from main.forms import CameraForm, grants_of
from main.models import ViewingSession
from main.pages.camera_key import made_at, opens_with_password, show_new_key
from main.pages.errors import post_only
from main.pages.source_hints import hints
from main.pages.wall import in_privacy
from main.pages.watch_move import has_switches
from main.try_source import Outcome, try_source
from main.what_if import after_saving

# State by word and shape: the same five everywhere.
SHAPES: dict[str, tuple[str, str]] = {
    StateName.ONLINE: ("●", "Online"),
    StateName.CONNECTING: ("◌", "Connecting"),
    StateName.OFFLINE: ("▲", "No picture"),
    StateName.PAUSED: ("◐", "Privacy pause"),
    StateName.DISABLED: ("○", "Switched off"),
}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every camera one may watch or change."""
    actor = session_actor(request)
    watched = set(Camera.objects.allowed(actor, Right.WATCH).values_list("pk", flat=True))
    managed = set(Camera.objects.allowed(actor, Right.MANAGE).values_list("pk", flat=True))
    cameras = Camera.objects.filter(pk__in=watched | managed).select_related("keeper")
    rows = [
        {
            "camera": camera,
            "kind": KINDS.get(camera.kind, camera.kind),
            "may_watch": camera.pk in watched,
            "may_manage": camera.pk in managed,
            **_state(camera, current_hub().state(camera.pk)),
        }
        for camera in cameras
    ]
    return render(request, "cameras.html", {"rows": rows, "may_add": may_add(actor, "rtsp")})


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    actor = _adder(request)
    data = request.POST if request.method == "POST" else None
    form = CameraForm(data, instance=Camera(), actor=actor, begin=_begin(request.GET))
    if request.method == "POST" and form.is_valid():
        _find(request, form)
        camera = save_camera(form, actor)
        if camera.kind == "push":
            return show_new_key(request, actor, camera, is_new=True)
        messages.success(request, f"{camera.name} is added.")
        return redirect("watch", camera.slug)
    return _form_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.MANAGE)
    form = CameraForm(request.POST if request.method == "POST" else None, instance=camera, actor=actor)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, form)
    dropped = form.password_dropped
    _find(request, form)
    camera = save_camera(form, actor)
    messages.success(request, f"{camera.name} is saved.")
    if dropped:
        messages.warning(request, "The address is another host or port now, so the old password was not taken along.")
    if goes := after_saving(camera, form.changed_data):
        messages.warning(request, goes)
    # One may have given the camera away.
    still = Camera.objects.allowed(actor, Right.MANAGE).filter(pk=camera.pk).exists()
    return redirect("camera", camera.slug) if still else redirect("cameras")


@post_only("cameras")
def test(request: HttpRequest) -> HttpResponse:
    """Try what the form holds without saving it; answers with the result or, without JavaScript, the whole page."""
    slug = request.POST.get("camera", "")
    if slug:
        actor = session_actor(request)
        camera = camera_for(actor, slug, Right.MANAGE)
    else:
        actor, camera = _adder(request), Camera()
    form = CameraForm(request.POST, instance=camera, actor=actor)
    outcome = _tried(form) if form.source_is_valid() else _refused(form)
    if request.headers.get("HX-Request") == "true":
        return render(request, "camera_test_result.html", {"outcome": outcome, "form": form, "beside": True})
    return _form_page(request, form, outcome)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.MANAGE)
    refused = False
    if request.method == "POST":
        name = camera.name
        try:
            gone = delete_camera(camera, actor, kept_too=request.POST.get("kept_too") == "on")
        except KeptRecordingsError:
            refused = True
        else:
            went = str(gone)
            messages.success(request, f"{name} is deleted{f', and with it {went}' if went else ''}.")
            return redirect("cameras")
    viewings = ViewingSession.objects.filter(camera=camera)
    what = {"camera": camera, "viewings": viewings.count(), "watching": viewings.filter(ended_at=None).count()}
    more = {"shares": _shared_with(camera), "footage": footage_of(camera), "refused": refused}
    return render(request, "camera_delete.html", what | more)


def _shared_with(camera: Camera) -> str:
    """«all members and 2 people», or nothing."""
    held = grants_of(camera)
    people = len(held) - (None in held)
    parts = ["all members"] if None in held else []
    if people:
        parts.append("1 person" if people == 1 else f"{people} people")
    return " and ".join(parts)


def _begin(query: QueryDict) -> dict[str, str]:
    """What a link to the form fills in: the address of a camera that was found, and a name."""
    try:
        found = parse_source(query.get("source", ""))
    except AddressError:
        return {}
    return {"source": redact(found.source), "name": query.get("name", "")[:60]}


def _find(request: HttpRequest, form: CameraForm) -> None:
    """Before saving: a camera that has to be asked where its pictures are is asked."""
    if fault := find_streams(form.fill(), form.is_new):
        messages.warning(request, f"Its pictures are not found yet. {fault} Test the connection, then save again.")


def _adder(request: HttpRequest) -> Actor:
    actor = session_actor(request)
    if not may_add(actor, "rtsp"):
        raise PermissionDenied("Members and owners add cameras.")
    return actor


def _form_page(request: HttpRequest, form: CameraForm, outcome: Outcome | None = None) -> HttpResponse:
    slug = form.instance.slug
    context: dict[str, Any] = {
        "form": form,
        "outcome": outcome,
        "slug": slug,
        # The form may hold a name that was refused; the heading keeps the one the camera has.
        "title": Camera.objects.values_list("name", flat=True).get(slug=slug) if slug else "Add a camera",
        "may_watch": bool(slug) and Camera.objects.allowed(form.actor, Right.WATCH).filter(slug=slug).exists(),
        "hints": hints(form.actor),
        "with_password": opens_with_password(form.instance),
        "key_made_at": made_at(form.instance),
        # The form may hold another choice, not saved yet.
        "is_doorbell": bool(slug) and bool(form.initial.get("doorbell")),
        "has_key": bool(slug) and (form.instance.kind == "push" or bool(form.initial.get("doorbell"))),
        "has_switches": bool(slug) and has_switches(form.instance),
    }
    return render(request, "camera_form.html", context)


def _tried(form: CameraForm) -> Outcome:
    camera = form.fill()
    if camera.kind in CONTROLLED:
        outcome = try_camera(camera, form.is_new)
        form.propose(str(camera.stream_address), str(camera.detect_address))
        return outcome
    config = form.config()
    if config.kind == "push":
        advice = "It is the program that connects: add the camera, give the program its key, and let it send."
        return Outcome(False, "Nothing was tried.", advice=advice)
    return try_source(config)


def _refused(form: CameraForm) -> Outcome:
    faults = [str(message) for name in form.SOURCE_FIELDS for message in form.errors.get(name, [])]
    return Outcome(False, "Nothing was tried.", advice=" ".join(faults))


def _state(camera: Camera, state: CameraState) -> dict[str, str]:
    """Shape, word and the rest of the sentence for a camera's state."""
    name = state.state if camera.enabled else StateName.DISABLED
    shape, word = SHAPES.get(name, SHAPES[StateName.OFFLINE])
    more = ""
    if name == StateName.ONLINE:
        more = f"{state.fps:.0f} pictures a second" if state.fps >= 1 else ""
    elif name == StateName.PAUSED and state.reason == Reason.PRIVACY:
        word = in_privacy(state)
    elif name != StateName.DISABLED and state.reason:
        more = REASON_TEXT.get(state.reason, "")
    return {"shape": shape, "word": word, "more": more, "state": str(name)}
