"""Cameras that answer in the network, to be added by a press."""

from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from camera.access import may_add
from camera.commands import EngineDownError
from camera.models import Camera, Right
from main.actors import session_actor
from main.camera_asking import DISCOVER_SECONDS, Found
from main.camera_asking import discover as look
from main.moving import MoveRefusedError

ENGINE_DOWN = "Nobody looked: the engine is away. It is started again by itself; try again in a few seconds."


@require_http_methods(["GET", "HEAD", "POST"])
def discover(request: HttpRequest) -> HttpResponse:
    """POST looks for a few seconds and shows what it found; by htmx that part alone."""
    actor = session_actor(request)
    if not may_add(actor, "onvif"):
        raise PermissionDenied("Members and owners add cameras.")
    found: list[Found] | None = None
    fault = ""
    if request.method == "POST":
        try:
            found = look(actor)
        except MoveRefusedError as refusal:
            fault = str(refusal)
        except EngineDownError:
            fault = ENGINE_DOWN
    managed = set(Camera.objects.allowed(actor, Right.MANAGE).values_list("pk", flat=True)) if found else set()
    context = {
        "rows": None if found is None else [{"found": one, **_ways(one, managed)} for one in found],
        "fault": fault,
        "seconds": int(DISCOVER_SECONDS) + 1,
    }
    part = request.headers.get("HX-Request") == "true"
    return render(request, "partials/discovered.html" if part else "discover.html", context)


def _ways(found: Found, managed: set[int]) -> dict[str, object]:
    """Where one goes on from a camera that was found."""
    if found.camera is not None:
        return {"add": "", "may_manage": found.camera.pk in managed}
    begin = {"source": found.address, "name": found.name or found.model or found.host}
    return {"add": f"{reverse('camera_add')}?{urlencode(begin)}", "may_manage": False}
