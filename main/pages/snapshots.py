"""Stills: which days there are, the pictures of an hour, one of them, and a day to take away."""

import logging
from datetime import date, timedelta
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from camera.access import Actor, camera_for, rights_on
from camera.models import Camera, Right
from camera.paths import UnsafePathError, inside
from camera.still_files import Still
from camera.stills import still_of, stills_of
from camera.words import span
from main import lookbacks, still_lists, viewings
from main.actors import Login, again, session_actor, stream_actor
from main.pages import timelapses
from main.pages.files import PICTURE, unauthorised
from main.pages.recordings import day_name
from main.serving.ranges import NoFileError, StoredFile, file_reply
from main.serving.zips import Member, zip_reply
from main.still_lists import Hour
from main.watchers import in_thread

logger = logging.getLogger(__name__)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The cameras one may look back at, and their days with stills."""
    actor = session_actor(request)
    cameras = list(Camera.objects.allowed(actor, Right.PLAYBACK))
    today = timezone.localdate()
    last = min(still_lists.parse_day(request.GET.get("until", "")) or today, today)
    days = still_lists.days_of(cameras, last)
    managed = set(Camera.objects.allowed(actor, Right.MANAGE).values_list("pk", flat=True))
    context = {
        "cameras": [
            {
                "camera": one,
                "days": [{"of": day, "name": day_name(day.day)} for day in days[one.pk]],
                "may_manage": one.pk in managed,
                "every": span(one.stills_every),
            }
            for one in cameras
        ],
        "older": last - timedelta(days=still_lists.DAYS) if still_lists.has_before(cameras, last) else None,
        "newest": last < today,
    }
    return render(request, "snapshots.html", context)


@require_safe
def day(request: HttpRequest, slug: str, day: str) -> HttpResponse:
    """The stills of a day: ?hour= chooses the hour, &minute= all of one minute, ?at= one picture, large."""
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.PLAYBACK)
    of = _day(day)
    begin, end = still_lists.bounds(of)
    stills = stills_of(camera.slug, begin, end)
    hours = still_lists.hours_of(of, stills)
    large = _at(stills, request.GET.get("at", ""))
    hour = _hour(hours, request.GET.get("hour", ""), large)
    shown = _shown(hour, request.GET.get("minute", ""), large) if hour else {"pictures": []}
    if hour and shown["pictures"] and request.method == "GET":
        looked_at = large or shown["pictures"][0].still
        lookbacks.look_at_stills(_visitor(request, actor), camera, looked_at.at, lookbacks.Transport.PLAYBACK)
    rights = rights_on(actor, camera)
    context: dict[str, Any] = {
        "camera": camera, "day": of, "name": day_name(of), "hours": hours, "hour": hour,
        "count": len(stills),
        "words": still_lists.stills_words(len(stills), still_lists.bytes_of(camera.slug, begin, end)),
        "wrong": _wrong(request, hours, hour, large, shown),
        "may_export": Right.EXPORT in rights, "may_manage": Right.MANAGE in rights,
        "today": of == timezone.localdate(), "every": span(camera.stills_every),
        **shown, **_neighbours(of, stills, hours, hour, large), **timelapses.context(camera, of, rights),
    }  # fmt: skip
    return render(request, "snapshots_day.html", context, status=404 if context["wrong"] else 200)


@login_not_required
@require_safe
async def picture(request: HttpRequest, slug: str, day: str, clock: str) -> HttpResponseBase:
    """One still, by its day and clock in UTC; ?download=1 to keep it."""
    return await sync_to_async(_picture)(request, slug, day, clock)


def _picture(request: HttpRequest, slug: str, day: str, clock: str) -> HttpResponseBase:
    actor, login = stream_actor(request)
    if actor.user_id is None:
        return unauthorised()
    take_away = request.GET.get("download") == "1"
    camera = camera_for(actor, slug, Right.PLAYBACK)
    if take_away:
        camera = camera_for(actor, slug, Right.EXPORT)
    found = still_of(camera.slug, day, clock)
    if found is None:
        raise Http404("There is no such picture.")
    name = f"{camera.slug} {timezone.localtime(found.at):%Y-%m-%d %H-%M-%S}.jpg"
    try:
        path = inside(settings.MEDIA_ROOT, found.name)
        reply = file_reply(request, StoredFile(path, PICTURE, name=name, attachment=take_away))
    except (UnsafePathError, NoFileError) as error:
        logger.info("the still %s is not sent: %s", found.name, error)
        raise Http404("There is no such picture.") from None
    if request.method == "GET" and reply.status_code < 300:
        transport = lookbacks.Transport.EXPORT if take_away else lookbacks.Transport.PLAYBACK
        try:
            lookbacks.look_at_stills(viewings.visitor_of(request, actor, login), camera, found.at, transport)
        except BaseException:
            # Nothing is seen without its line.
            reply.close()
            raise
    return reply


@login_not_required
@require_safe
async def take(request: HttpRequest, slug: str, day: str) -> HttpResponseBase:
    """All stills of a day as a ZIP, made while it is sent."""
    return await sync_to_async(_take)(request, slug, day)


def _take(request: HttpRequest, slug: str, day: str) -> HttpResponseBase:
    actor, login = stream_actor(request)
    if actor.user_id is None:
        clicked = "Authorization" not in request.headers
        return redirect_to_login(request.get_full_path()) if clicked else unauthorised()
    camera = camera_for(actor, slug, Right.EXPORT)
    of = _day(day)
    begin, end = still_lists.bounds(of)
    stills = stills_of(camera.slug, begin, end)
    if not stills:
        raise Http404("There are no stills of that day.")
    name = f"{camera.slug}-{of.isoformat()}"
    members = [_member(one, name) for one in stills]
    still = partial(in_thread, _still_may, login, camera)
    reply = zip_reply(settings.MEDIA_ROOT, members, f"{name}.zip", still)
    if request.method == "GET":
        lookbacks.take_stills(viewings.visitor_of(request, actor, login), camera, begin)
    return reply


def _member(still: Still, folder: str) -> Member:
    """Called by the house's clock; with the zone where an hour comes twice."""
    at = timezone.localtime(still.at)
    twice = at.utcoffset() != at.replace(fold=1 - at.fold).utcoffset()
    stamp = at.year, at.month, at.day, at.hour, at.minute, at.second
    return Member(still.name, f"{folder}/{at:%H-%M-%S}{f'{at:%z}' if twice else ''}.jpg", stamp)


def _still_may(login: Login, camera: Camera) -> bool:
    """Whether that log-in still holds, and may take pictures of that camera away."""
    return Right.EXPORT in rights_on(again(login), camera)


def _visitor(request: HttpRequest, actor: Actor) -> viewings.Visitor:
    return viewings.visitor_of(request, actor, Login(session_key=request.session.session_key or ""))


def _day(text: str) -> date:
    found = still_lists.parse_day(text)
    if found is None:
        raise Http404("That is no day.")
    return found


def _at(stills: list[Still], text: str) -> Still | None:
    """The still captured at that second since the epoch."""
    second = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
    return next((one for one in stills if second is not None and int(one.at.timestamp()) == second), None)


def _hour(hours: list[Hour], key: str, large: Still | None) -> Hour | None:
    """The hour asked for; without a word of it the newest."""
    if large is not None:
        return next(one for one in hours if one.begin <= large.at < one.end)
    if key:
        return next((one for one in hours if one.key == key.zfill(2)), None)
    return hours[-1] if hours else None


def _shown(hour: Hour, minute: str, large: Still | None) -> dict[str, Any]:
    """The pictures of the grid: of one minute, or of the hour."""
    number = int(minute) if minute.isascii() and minute.isdigit() and len(minute) < 3 else None
    if large is not None:
        number = still_lists.minute_in(hour, large)
    pictures = still_lists.pictures_of(hour)
    stepped = any(one.count > 1 for one in pictures)
    if number is None or not stepped:
        return {"pictures": pictures, "stepped": stepped}
    of_minute = [one for one in hour.stills if still_lists.minute_in(hour, one) == number]
    return {
        "pictures": [still_lists.Picture(one, number) for one in of_minute],
        "minute_at": hour.begin + timedelta(minutes=number),
    }


def _neighbours(
    of: date, stills: list[Still], hours: list[Hour], hour: Hour | None, large: Still | None
) -> dict[str, Any]:
    """What comes before and after: the picture, the hour."""
    at = stills.index(large) if large is not None else -1
    place = hours.index(hour) if hour is not None else -1
    return {
        "large": large,
        "earlier": stills[at - 1] if at > 0 else None,
        "later": stills[at + 1] if 0 <= at < len(stills) - 1 else None,
        "earlier_hour": hours[place - 1] if place > 0 else None,
        "later_hour": hours[place + 1] if 0 <= place < len(hours) - 1 else None,
    }


def _wrong(
    request: HttpRequest, hours: list[Hour], hour: Hour | None, large: Still | None, shown: dict[str, Any]
) -> str:
    if request.GET.get("at") and large is None:
        return "That picture is not kept any more, or never was."
    if hours and hour is None:
        return "There are no stills of that hour."
    if hour and not shown["pictures"]:
        return "There are no stills of that minute."
    return ""
