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
from main import coverage
from main.api import answering, errors, footage, moving, push
from main.api.auth import HOUSE_AUTH
from main.api.house_api import DocsPage, HouseAPI
from main.api.paging import WRONG, asking, matching, page_of
from main.api.schemas import SLUG, CameraOut, CameraPage, ViewingFilter, ViewingPage, utc
from main.models import ViewingSession
from main.viewings import LOOKBACKS

SOURCE_PREFIXES = {"v4l2": "device:"}

api = HouseAPI(
    title="Fairwatch",
    version="1",
    urls_namespace="api",
    description="Cameras of the house, what they have seen and who has looked. "
    "Send Authorization: Bearer TOKEN, or be logged in.",
    auth=HOUSE_AUTH,
    docs=DocsPage(),
)
errors.install(api)
router = Router(tags=["v1"])


@router.get("/cameras", response={200: CameraPage, **WRONG})
def cameras(request: HttpRequest) -> dict[str, Any]:
    """Every camera you may watch, in the order of the wall."""
    found = list(Camera.objects.allowed(asking(request), Right.WATCH))
    return {"items": _describe(asking(request), found), "next": None}


@router.get("/cameras/{slug}", response={200: CameraOut, **WRONG})
def camera(request: HttpRequest, slug: str) -> dict[str, Any]:
    """One camera."""
    if not re.fullmatch(SLUG, slug):
        raise Http404
    return _describe(asking(request), [camera_for(asking(request), slug, Right.WATCH)])[0]


@router.get("/viewings", response={200: ViewingPage, **WRONG})
def viewings(request: HttpRequest, wanted: Query[ViewingFilter]) -> dict[str, Any]:
    """Who has looked, newest first: your own viewings, and everybody's of cameras whose log you may read."""
    found = matching(_visible(asking(request)), wanted)
    if wanted.user is not None:
        found = found.filter(user_name__iexact=wanted.user)
    return page_of(found, wanted.cursor, _viewings)


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
    rows = ViewingSession.objects.filter(hidden_at=None).select_related("camera")
    if actor.is_owner:
        return rows
    readable = Camera.objects.allowed(actor, Right.LOG).order_by().values("pk")
    # One's own entries too are only read with that right where a token's reach is limited.
    mine = Q(user_id=actor.user_id) if actor.left(frozenset({Right.LOG})) else Q(pk__in=[])
    return rows.filter(mine | Q(camera__in=readable))


def _viewings(rows: list[ViewingSession]) -> list[dict[str, Any]]:
    recordings = coverage.recordings_of(rows)
    return [_viewing(row, recordings.get(row.pk, [])) for row in rows]


def _viewing(row: ViewingSession, recordings: list[int]) -> dict[str, Any]:
    return {
        "id": row.pk,
        "user": row.user_name,
        "camera": row.camera.slug if row.camera else row.camera_slug,
        "started_at": utc(row.started_at),
        "ended_at": utc(row.ended_at),
        "transport": row.transport,
        "recorded": bool(recordings) and row.transport not in LOOKBACKS,
        "recordings": recordings,
    }


api.add_router("/v1", router)
api.add_router("/v1", footage.router)
api.add_router("/v1", answering.router)
api.add_router("/v1", moving.router)
api.add_router("/v1", push.router)
