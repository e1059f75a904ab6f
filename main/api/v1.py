"""API v1: what programs read of the house. docs/api.md is its contract in words."""

import re
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest
from ninja import Query, Router

from camera.access import Actor, camera_for
from camera.live.hub import current_hub
from camera.models import Camera, Right
from camera.packets import StateName
from camera.redact import redact
from main.api import errors
from main.api.auth import HOUSE_AUTH
from main.api.house_api import DocsPage, HouseAPI
from main.api.schemas import SLUG, CameraOut, CameraPage, Cursor, ErrorOut, ViewingFilter, ViewingPage, parse_time, utc
from main.models import ViewingSession

PAGE = 100
SOURCE_PREFIXES = {"v4l2": "device:"}

api = HouseAPI(
    title="Fairwatch",
    version="1",
    urls_namespace="api",
    description="Cameras of the house and who has looked at them. Send Authorization: Bearer TOKEN, or be logged in.",
    auth=HOUSE_AUTH,
    docs=DocsPage(),
)
errors.install(api)
router = Router(tags=["v1"])
WRONG: dict[int, Any] = dict.fromkeys((400, 401, 403, 404), ErrorOut)


@router.get("/cameras", response={200: CameraPage, **WRONG})
def cameras(request: HttpRequest) -> dict[str, Any]:
    """Every camera you may watch, in the order of the wall."""
    found = list(Camera.objects.allowed(_actor(request), Right.WATCH))
    return {"items": _describe(_actor(request), found), "next": None}


@router.get("/cameras/{slug}", response={200: CameraOut, **WRONG})
def camera(request: HttpRequest, slug: str) -> dict[str, Any]:
    """One camera."""
    if not re.fullmatch(SLUG, slug):
        raise Http404
    return _describe(_actor(request), [camera_for(_actor(request), slug, Right.WATCH)])[0]


@router.get("/viewings", response={200: ViewingPage, **WRONG})
def viewings(request: HttpRequest, wanted: Query[ViewingFilter]) -> dict[str, Any]:
    """Who has looked, newest first: your own viewings, and everybody's of cameras whose log you may read."""
    rows = list(_after(_matching(_visible(_actor(request)), wanted), wanted.cursor)[: PAGE + 1])
    page = rows[:PAGE]
    more = Cursor(page[-1].started_at, page[-1].pk).encode() if len(rows) > PAGE else None
    return {"items": [_viewing(row) for row in page], "next": more}


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.auth  # type: ignore[attr-defined]
    return actor


def _describe(actor: Actor, found: list[Camera]) -> list[dict[str, Any]]:
    """The cameras as the contract gives them, in three queries however many there are."""
    ids = [camera.pk for camera in found]
    managed = set(Camera.objects.allowed(actor, Right.MANAGE).filter(pk__in=ids).values_list("pk", flat=True))
    watched = ViewingSession.objects.filter(ended_at=None, camera__in=ids).order_by()
    viewers = dict(watched.values_list("camera").annotate(Count("pk")))
    return [_camera(camera, camera.pk in managed, viewers.get(camera.pk, 0)) for camera in found]


def _camera(camera: Camera, managed: bool, viewers: int) -> dict[str, Any]:
    state = current_hub().state(camera.pk)
    on = camera.enabled
    return {
        "slug": camera.slug,
        "name": camera.name,
        # Some cameras want a password in the query of their address: it is hidden from everybody.
        "source": redact(camera.source) if managed else SOURCE_PREFIXES.get(camera.kind, f"{camera.kind}:"),
        "state": state.state if on else StateName.DISABLED,
        "reason": (state.reason or None) if on else None,
        "clock": state.clock,
        "fps": round(state.fps, 1) if on else 0.0,
        "width": state.width or None,
        "height": state.height or None,
        "codec": state.codec or None,
        "recording": state.recording and on,
        "viewers": viewers,
        "last_frame_at": utc(_moment(state.last_frame_at)),
    }


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _visible(actor: Actor) -> QuerySet[ViewingSession]:
    rows = ViewingSession.objects.select_related("camera").order_by("-started_at", "-pk")
    if actor.is_owner:
        return rows
    readable = Camera.objects.allowed(actor, Right.LOG).order_by().values("pk")
    return rows.filter(Q(user_id=actor.user_id) | Q(camera__in=readable))


def _matching(rows: QuerySet[ViewingSession], wanted: ViewingFilter) -> QuerySet[ViewingSession]:
    if wanted.camera is not None:
        rows = rows.filter(Q(camera__slug=wanted.camera) | Q(camera=None, camera_slug=wanted.camera))
    if wanted.from_ is not None:
        rows = rows.filter(started_at__gte=parse_time(wanted.from_))
    if wanted.to is not None:
        rows = rows.filter(started_at__lt=parse_time(wanted.to))
    return rows if wanted.user is None else rows.filter(user_name__iexact=wanted.user)


def _after(rows: QuerySet[ViewingSession], cursor: str | None) -> QuerySet[ViewingSession]:
    if cursor is None:
        return rows
    last = Cursor.decode(cursor)
    return rows.filter(Q(started_at__lt=last.at) | Q(started_at=last.at, pk__lt=last.pk))


def _viewing(row: ViewingSession) -> dict[str, Any]:
    return {
        "id": row.pk,
        "user": row.user_name,
        "camera": row.camera.slug if row.camera else row.camera_slug,
        "started_at": utc(row.started_at),
        "ended_at": utc(row.ended_at),
        "transport": row.transport,
        "recorded": False,
        "recordings": [],
    }


api.add_router("/v1", router)
