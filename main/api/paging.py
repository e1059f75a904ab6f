"""What the lists of the API share: who asks, what they ask for, and pages that new rows do not shift."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from camera.access import Actor
from main.api.schemas import Cursor, ErrorOut, Filter, parse_time

PAGE = 100
WRONG: dict[int, Any] = dict.fromkeys((400, 401, 403, 404), ErrorOut)
Row = TypeVar("Row", bound=Model)


def asking(request: HttpRequest) -> Actor:
    """Who asks, as the API's authentication has found."""
    actor: Actor = request.auth  # type: ignore[attr-defined]
    return actor


def matching(rows: QuerySet[Row], wanted: Filter) -> QuerySet[Row]:
    """Those of the camera and the time asked for; a camera that is gone is known by the slug it had."""
    if wanted.camera is not None:
        rows = rows.filter(Q(camera__slug=wanted.camera) | Q(camera=None, camera_slug=wanted.camera))
    if wanted.from_ is not None:
        rows = rows.filter(started_at__gte=parse_time(wanted.from_))
    return rows if wanted.to is None else rows.filter(started_at__lt=parse_time(wanted.to))


def page_of(
    rows: QuerySet[Row], cursor: str | None, describe: Callable[[list[Row]], Iterable[dict[str, Any]]]
) -> dict[str, Any]:
    """{"items": …, "next": …}: the newest rows after the cursor, told by `describe`."""
    found: list[Any] = list(_after(rows.order_by("-started_at", "-pk"), cursor)[: PAGE + 1])
    page = found[:PAGE]
    more = Cursor(page[-1].started_at, page[-1].pk).encode() if len(found) > PAGE else None
    return {"items": list(describe(page)), "next": more}


def _after(rows: QuerySet[Row], cursor: str | None) -> QuerySet[Row]:
    if cursor is None:
        return rows
    last = Cursor.decode(cursor)
    # The first condition lets the index begin there instead of at the newest row.
    return rows.filter(started_at__lte=last.at).filter(Q(started_at__lt=last.at) | Q(pk__lt=last.pk))
