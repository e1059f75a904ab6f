"""Moving a camera, and taking its picture, for programs."""

import re
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router

from camera.access import camera_for
from camera.live.hub import running_hub
from camera.models import Camera, Right
from main import moving, viewings
from main.actors import stream_actor
from main.api.auth import actor_of
from main.api.paging import WRONG, asking
from main.api.schemas import SLUG, ErrorOut, MoveIn, MoveOut, PresetOut
from main.moving import Motion
from main.pages.watch import Admitted, admit, live_reply, newest, no_picture
from main.viewings import FRAME_PAGE, Transport
from main.watchers import running_watchers

router = Router(tags=["v1"])
REFUSED: dict[int, Any] = WRONG | dict.fromkeys((409, 502, 503), ErrorOut)
PICTURE = {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}
# Who asks is found out by the view itself, which may not wait in the loop; the description says it all the same.
SNAPSHOT = {
    "security": [{"TokenAuth": []}, {"SessionAuth": []}],
    "responses": {
        200: {
            "description": "The picture. X-Timestamp is its capture time, in seconds since 1970.",
            "content": PICTURE,
        }
    },
}


def _checked(slug: str) -> str:
    if not re.fullmatch(SLUG, slug):
        raise Http404
    return slug


@router.post("/cameras/{slug}/move", response={200: MoveOut, **REFUSED})
def move(request: HttpRequest, slug: str, wish: MoveIn) -> dict[str, Any]:
    """Move this camera for a while: right, up and closer are positive. All zero stops it at once. The answer comes when
    the movement has begun; ask again before it ends to go on."""
    motion = Motion(wish.pan, wish.tilt, wish.zoom)
    moving.move(asking(request), _checked(slug), motion, wish.seconds)
    return {"moving": not motion.still, "seconds": 0.0 if motion.still else wish.seconds}


@router.post("/cameras/{slug}/preset/{name}", response={200: PresetOut, **REFUSED})
def preset(request: HttpRequest, slug: str, name: str) -> dict[str, Any]:
    """To the preset with that name (or token): a place that somebody has saved."""
    moving.go(asking(request), _checked(slug), name)
    return {"preset": name.strip()}


@router.post(
    "/cameras/{slug}/snapshot",
    auth=None,
    response=dict.fromkeys((400, 401, 403, 404, 503), ErrorOut),
    openapi_extra=SNAPSHOT,
)
async def snapshot(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest picture as a file to keep. Waits up to 2 s for one. Nothing is stored in the house but the viewing."""
    camera, admitted = await sync_to_async(_admit)(request, slug)
    hub = await running_hub()
    picture = await newest(hub, camera.pk)
    running_watchers().frame_asked(admitted.key, admitted.session, len(picture.frame.data) if picture else 0)
    if picture is None:
        return live_reply(no_picture(hub, hub.state(camera.pk)))
    response = HttpResponse(picture.frame.data, content_type="image/jpeg")
    response["X-Timestamp"] = f"{picture.frame.captured_at:.6f}"
    response["Content-Disposition"] = f'attachment; filename="{file_name(camera, picture.frame.captured_at)}"'
    return live_reply(response)


def _admit(request: HttpRequest, slug: str) -> tuple[Camera, Admitted]:
    """Who may watch, as for /live/SLUG/frame.jpg; a log-in's cookie needs the CSRF token besides."""
    actor, (_, login) = actor_of(request), stream_actor(request)
    camera = camera_for(actor, _checked(slug), Right.WATCH)
    return camera, admit(request, viewings.visitor_of(request, actor, login), camera, FRAME_PAGE, Transport.FRAME)


def file_name(camera: Camera, captured_at: float) -> str:
    """As the live page names it: by the house's clock."""
    at = timezone.localtime(datetime.fromtimestamp(captured_at, UTC))
    return f"{camera.slug}_{at:%Y-%m-%d_%H-%M-%S}.jpg"
