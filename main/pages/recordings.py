"""What was recorded, by camera and day; and the way from a moment to the recording that shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import isfinite

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from camera.access import Actor, camera_for
from camera.models import Camera, Recording, Right
from camera.words import size
from main.actors import session_actor
from main.coverage import end_of
from main.pages.day_strip import strips
from main.pages.logs import Chip, day_words
from main.recording_lists import Page, day_after, day_before, page_of

SHAPES = {"open": "▮", "interrupted": "◐", "missing": "✕", "damaged": "▲"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording as a line of a list. `heading`: the day, where a new one begins."""

    recording: Recording
    heading: str
    length: str
    size: str
    shape: str
    ends: datetime | None


@require_safe
def recordings(request: HttpRequest) -> HttpResponse:
    actor = session_actor(request)
    cameras = list(Camera.objects.allowed(actor, Right.PLAYBACK))
    slug = request.GET.get("camera", "")
    camera = next((one for one in cameras if one.slug == slug), None)
    day, wrong = _day(request.GET.get("day", ""))
    if slug and camera is None:
        wrong = "There is no camera of that name whose recordings you may see."
    page = page_of(actor, camera, day, request.GET.get("after", "")) if not wrong else Page([], "")
    # The strips go with the list: they show the day it begins with.
    shown = day or (timezone.localtime(page.rows[0].started_at).date() if page.rows else None)
    chosen = cameras if camera is None else [camera]
    managed = set(Camera.objects.allowed(actor, Right.MANAGE).values_list("pk", flat=True))
    context = {
        "cameras": cameras, "camera": camera, "day": day, "wrong": wrong,
        "entries": list(entries(page.rows)),
        "managed": managed,
        "strips": strips(actor, chosen, shown) if shown else [],
        "shown": day_name(shown) if shown else "",
        "chips": list(_chips(request.GET, cameras, camera)),
        "days": _days(request.GET, actor, camera, shown) if shown else [],
        "older": _url(request.GET, after=page.after) if page.after else "",
        "newest": _url(request.GET, after="") if request.GET.get("after") else "",
        "teach": _teach(actor, cameras, camera), "zone": timezone.get_current_timezone_name(),
    }  # fmt: skip
    return render(request, "recordings.html", context)


@require_safe
def at(request: HttpRequest, slug: str) -> HttpResponse:
    """To the recording of a moment and the second in it; to the next one when nothing was recorded then."""
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.PLAYBACK)
    moment = parse_moment(request.GET.get("t", ""))
    back = f"{reverse('recordings')}?camera={camera.slug}"
    if moment is None:
        messages.warning(request, "That is no moment. Write it like 2026-11-21T14:02:05+01:00.")
        return redirect(back)
    rows = Recording.objects.allowed(actor, Right.PLAYBACK).filter(camera=camera)
    covering = rows.filter(started_at__lte=moment, started_at__gte=moment - timedelta(days=1)).order_by("-started_at")
    now = timezone.now()
    for one in covering[:20]:
        if moment < end_of(one, now):
            return redirect(f"{reverse('recording', args=[one.pk])}?t={(moment - one.started_at).total_seconds():.1f}")
    found = rows.filter(started_at__gt=moment).order_by("started_at").first()
    found, which = (found, "next") if found else (rows.filter(started_at__lte=moment).first(), "last before")
    told = f"{day_words(moment)} {timezone.localtime(moment):%H:%M:%S}"
    if found is None:
        messages.info(request, f"Nothing of {camera.name} is kept of {told}, nor of any other time.")
        return redirect(back)
    messages.info(request, f"Nothing was recorded {told}. This is the {which} recording of {camera.name}.")
    return redirect("recording", pk=found.pk)


def parse_moment(text: str) -> datetime | None:
    """Seconds since the epoch, or ISO 8601 (without a zone: the house's); None for anything else."""
    text = text.strip()[:40]
    try:
        seconds = float(text)
    except ValueError:
        seconds = None
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC) if isfinite(seconds) and 0 < seconds < 4e9 else None
        # A plus sign in an address is a space to those who do not quote it.
        found = parse_datetime(text) or parse_datetime(text.replace(" ", "+"))
    except (ValueError, OverflowError, OSError):
        return None
    if found is None or not 1970 < found.year < 2097:
        return None
    return found if timezone.is_aware(found) else timezone.make_aware(found, timezone.get_current_timezone())


def entries(rows: list[Recording]) -> Iterator[Entry]:
    now, last = timezone.now(), None
    for one in rows:
        day = timezone.localtime(one.started_at).date()
        heading, last = (day_name(day) if day != last else ""), day
        ends = None if one.state == Recording.State.OPEN else end_of(one, now)
        yield Entry(one, heading, length(seconds_of(one)), size(one.bytes), SHAPES.get(one.state, ""), ends)


def seconds_of(recording: Recording) -> float:
    """Of video: what the file has, else until now or its end."""
    return recording.seconds or (end_of(recording, timezone.now()) - recording.started_at).total_seconds()


def length(seconds: float) -> str:
    """«40 s», «5 min 7 s», «1 h 5 min»."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole} s"
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _day(text: str) -> tuple[date | None, str]:
    if not text:
        return None, ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None, "Write a day like 2026-11-21."
    return (day, "") if 2000 <= day.year < 2100 else (None, "That is not a day of this century.")


def day_name(day: date) -> str:
    """«Today, 21 November», «Friday, 20 November»; with the year when it is another one."""
    away = (timezone.localdate() - day).days
    name = {0: "Today", 1: "Yesterday"}.get(away, f"{day:%A}")
    return f"{name}, {day.day} {day:%B}" + (f" {day.year}" if day.year != timezone.localdate().year else "")


def _url(query: QueryDict, **changes: str) -> str:
    values = {name: query.get(name, "") for name in ("camera", "day")} | changes
    new = QueryDict(mutable=True)
    new.update({name: value for name, value in values.items() if value})
    return f"?{new.urlencode()}" if new else "?"


def _chips(query: QueryDict, cameras: list[Camera], chosen: Camera | None) -> Iterator[tuple[Chip, bool]]:
    if len(cameras) < 2:
        return
    yield Chip("All cameras", _url(query, camera="")), chosen is None
    for one in cameras:
        yield Chip(one.name, _url(query, camera=one.slug)), one is chosen


def _days(query: QueryDict, actor: Actor, camera: Camera | None, shown: date) -> list[Chip]:
    """The days before and after with anything on them."""
    before, after = day_before(actor, camera, shown), day_after(actor, camera, shown)
    chips = [Chip(f"← {day_name(before)}", _url(query, day=before.isoformat()))] if before else []
    return chips + ([Chip(f"{day_name(after)} →", _url(query, day=after.isoformat()))] if after else [])


def _teach(actor: Actor, cameras: list[Camera], camera: Camera | None) -> Camera | None:
    """A camera that this person may switch recording on for, to be led to where nothing is recorded."""
    mine = Camera.objects.allowed(actor, Right.MANAGE)
    return (mine.filter(pk=camera.pk) if camera else mine).first()
