"""A camera's own switches: privacy, lamp, night and alarm, for those who manage it."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from camera.access import Actor, camera_for
from camera.live.hub import current_hub
from camera.models import Camera, Right
from camera.packets import CameraState, Reason
from camera.ptz.driver import Can
from main import moving
from main.actors import session_actor
from main.moving import Info
from main.pages.watch_move import UNKNOWN, asked, has_switches, tried
from main.words import since_words

ON_OFF = (("on", "Switch on"), ("off", "Switch off"))


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the switches. `choices`: values of the form with what their buttons say."""

    what: Can
    name: str
    help: str
    choices: tuple[tuple[str, str], ...] = ON_OFF


@dataclass(frozen=True, slots=True)
class Row:
    """One as it stands: `value` is that of the choice that holds now, empty where the camera does not say."""

    kind: Kind
    value: str
    words: str


KINDS = (
    Kind(
        Can.PRIVACY,
        "Privacy mode",
        "The camera closes its eye: nobody sees or records anything, and every page says so.",
        (("on", "Switch privacy mode on"), ("off", "Switch privacy mode off")),
    ),
    Kind(Can.LED, "Lamp", "The small lamp that shows that the camera is on."),
    Kind(
        Can.NIGHT,
        "Night vision",
        "By itself the camera goes over to infrared when it is dark.",
        (("auto", "By itself"), ("on", "Always on"), ("off", "Always off")),
    ),
    Kind(
        Can.ALARM,
        "Alarm",
        "The camera’s own siren and light.",
        (("on", "Sound the alarm…"), ("off", "Stop the alarm")),
    ),
)
WORDS = {"on": "on", "off": "off", "auto": "by itself"}


@require_http_methods(["GET", "HEAD", "POST"])
def switches(request: HttpRequest, slug: str) -> HttpResponse:
    """How they stand; POST turns one. Part of the camera's page by htmx, and a page of its own. An alarm asks first."""
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.MANAGE)
    if not has_switches(camera):
        raise Http404("This camera has no switches.")
    part, done, fault = request.headers.get("HX-Request") == "true", "", ""
    if request.method == "POST":
        wish = _wish(camera, request.POST.get("what", ""), request.POST.get("value", ""))
        if wish is not None and _asks_first(wish, request.POST.get("sure", "")):
            return render(request, "switch_alarm.html", {"camera": camera})
        done, fault = _turned(actor, slug, wish)
        if not part:
            (messages.error if fault else messages.success)(request, fault or done)
            return redirect("camera_switches", slug)
    info, unknown = asked(lambda: moving.info(actor, slug, Right.MANAGE))
    context = {
        "camera": camera,
        "rows": _rows(camera, info),
        "done": done,
        "fault": fault or unknown,
        "since": privacy_since(current_hub().state(camera.pk)),
    }
    return render(request, "partials/switches.html" if part else "switches.html", context)


def privacy_since(state: CameraState) -> str:
    """«14:02», with the day when it was another one; empty while the camera is not in privacy mode."""
    return since_words(state.since) if state.reason == Reason.PRIVACY and state.since else ""


def _wish(camera: Camera, what: str, value: str) -> tuple[Kind, str] | None:
    for kind in KINDS:
        if kind.what == what and kind.what in moving.abilities_of(camera) and value in dict(kind.choices):
            return kind, value
    return None


def _asks_first(wish: tuple[Kind, str], sure: str) -> bool:
    kind, value = wish
    return kind.what == Can.ALARM and value == "on" and sure != "yes"


def _turned(actor: Actor, slug: str, wish: tuple[Kind, str] | None) -> tuple[str, str]:
    """(what was done, what was wrong) in words, one of them empty."""
    if wish is None:
        return "", UNKNOWN
    kind, value = wish
    told = value if kind.what == Can.NIGHT else value == "on"
    fault = tried(lambda: moving.switch(actor, slug, kind.what, told))
    return ("", fault) if fault else (f"{kind.name}: {WORDS[value]}.", "")


def _rows(camera: Camera, info: Info) -> list[Row]:
    rows = []
    for kind in KINDS:
        if kind.what in moving.abilities_of(camera):
            now = getattr(info.switches, kind.what)
            value = "" if now is None else now if isinstance(now, str) else "on" if now else "off"
            rows.append(Row(kind, value, WORDS.get(value, "how it stands is not known")))
    return rows
