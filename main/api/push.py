"""Pictures that programs send, and rings.

In the house's own server the short cut main/pushing/door.py answers these addresses before Django does; what stands
here is for the API's description, and for any other server.
"""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt
from ninja import Router, Schema

from camera.reports import EVENT_KINDS
from main.api.schemas import ErrorOut, Time
from main.pushing.door import read_body
from main.pushing.reception import GoneError, Letter, receive, receive_upload
from main.pushing.replies import Reply, to_frames, to_upload
from main.pushing.ringing import receive_ring

router = Router(tags=["v1"])
GONE = 400


class TakenOut(Schema):
    """The picture is in the house; a flagged one's still lies on the disk."""

    taken: bool
    late: bool
    event: str | None
    rate: float
    server_time: Time


class RungOut(Schema):
    """The ring is stored, and told to everybody who may watch the camera. `new`: it began the event; `known`: this
    press had been told before."""

    event: int
    new: bool
    known: bool
    server_time: Time


def _header(name: str, words: str, required: bool = False, **schema: Any) -> dict[str, Any]:
    kind = {"type": "string"} | schema
    return {"in": "header", "name": name, "description": words, "required": required, "schema": kind}


DESCRIBED = {
    "requestBody": {
        "required": True,
        "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
    },
    "parameters": [
        _header("X-Camera-Auth", "The camera's key.", required=True),
        _header("X-Captured-At", "When the picture was taken: seconds since 1970, or ISO 8601 with a zone."),
        _header("X-Event-Kind", "What the sender sees in it; its still is kept.", enum=list(EVENT_KINDS)),
        _header("X-Event-Id", "The sender's name for that event; sent again it makes no second one.", maxLength=100),
    ],
}
ANSWERS = {202: TakenOut} | dict.fromkeys((400, 401, 404, 408, 413, 415, 429, 503), ErrorOut)


@router.post("/cameras/{slug}/frames", auth=None, response=ANSWERS, openapi_extra=DESCRIBED)
async def frames(request: HttpRequest, slug: str) -> HttpResponse:
    """Send a picture as this camera: the JPEG is the body. 429 tells in X-Rate how many are taken a second."""
    try:
        return _response(to_frames(await receive(slug, _letter(request))))
    except GoneError:
        return HttpResponse(status=GONE)


RING_DESCRIBED = {
    "parameters": [
        _header("X-Camera-Auth", "The camera's key.", required=True),
        _header("X-Captured-At", "When the button was pressed, at most a week ago: seconds since 1970, or ISO 8601."),
        _header("X-Event-Id", "The sender's name for this press; sent again it is the same one.", maxLength=100),
    ],
}


@router.post(
    "/cameras/{slug}/ring",
    auth=None,
    response={202: RungOut} | dict.fromkeys((400, 401, 404, 429, 503), ErrorOut),
    openapi_extra=RING_DESCRIBED,
)
async def ring(request: HttpRequest, slug: str) -> HttpResponse:
    """Ring at this camera's door. It is stored before the answer; presses within 20 seconds are one ring."""
    return _response(await receive_ring(slug, _letter(request)))


@csrf_exempt
@login_not_required
async def upload_frame(request: HttpRequest) -> HttpResponse:
    """The same for the camera `spill`, as programs written for the oil-spill server send it."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"], b"Only POST here.", content_type="text/plain; charset=utf-8")
    try:
        return _response(to_upload(await receive_upload(_letter(request))))
    except GoneError:
        return HttpResponse(status=GONE)


def _letter(request: HttpRequest) -> Letter:
    async def piece() -> dict[str, Any]:
        # Not request.body: that has a limit of its own, for forms.
        found = request.read(65_536)
        return {"type": "http.request", "body": found, "more_body": bool(found)}

    async def read() -> bytes:
        return await read_body(piece)

    headers = {name.lower(): [value] for name, value in request.headers.items()}
    return Letter(request.META.get("REMOTE_ADDR", ""), headers, read)


def _response(reply: Reply) -> HttpResponse:
    return HttpResponse(reply.body, status=reply.status, content_type=reply.content_type, headers=reply.headers)
