"""The times of a day of which there are no pictures, for the strip of that day: each with its cause."""

from collections import defaultdict
from datetime import UTC, datetime

from django.db.models import Q
from django.utils import timezone

from camera.access import Actor
from camera.models import Camera, Gap, Right
from camera.packets import REASON_TEXT, Reason

# Begin, end (seconds since the epoch; now where it goes on) and cause.
Hole = tuple[float, float, str]
MOST = 2000
# Those nearer to each other than this could not be told apart. Seconds.
JOIN = 60.0


def gaps_of(actor: Actor, cameras: list[Camera], start: float, end: float) -> dict[int, list[Hole]]:
    """The gaps of those of `cameras` that `actor` may look back at, between two moments (seconds since the epoch),
    oldest first. One query for all of them."""
    mine = Camera.objects.allowed(actor, Right.PLAYBACK).filter(pk__in=[one.pk for one in cameras])
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    rows = Gap.objects.filter(Q(ended_at=None) | Q(ended_at__gt=first), camera__in=mine.order_by(), started_at__lt=last)
    found: dict[int, list[Hole]] = defaultdict(list)
    now = timezone.now().timestamp()
    fields = ("camera_id", "started_at", "ended_at", "cause")
    for camera, began, ended, cause in rows.order_by("started_at", "pk").values_list(*fields)[:MOST]:
        hole = (began.timestamp(), ended.timestamp() if ended else now, cause)
        holes = found[camera]
        if holes and holes[-1][2] == cause and hole[0] - holes[-1][1] < JOIN:
            # Of a camera that comes and goes.
            holes[-1] = (holes[-1][0], max(holes[-1][1], hole[1]), cause)
        else:
            holes.append(hole)
    return found


def cause_words(cause: str) -> str:
    """Why there are no pictures, as a part of a sentence."""
    if cause == Reason.ENGINE_DOWN:
        return "the recording engine was not running"
    text = REASON_TEXT.get(Reason(cause)) if cause in set(Reason) else None
    return text or "the reason is not known"
