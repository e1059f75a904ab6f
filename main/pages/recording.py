"""One recording: its player, what happened in it, who has looked, and what may be done with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from camera import ports
from camera.access import Actor, may_delete, recording_for, rights_on, rights_on_lost
from camera.models import Event, Recording, Right
from camera.words import size
from main import lookbacks, viewings
from main.actors import Login, session_actor
from main.models import ViewingSession
from main.pages.files import friendly_name
from main.pages.logs import day_words
from main.pages.recordings import SHAPES, length, parse_moment, seconds_of
from main.recording_lists import visible

# What browsers may not play; a copy in H.264 can be made of it.
RARELY_PLAYED = {"hevc": "H.265", "mpeg4": "MPEG-4", "mjpeg": "Motion JPEG"}
WHOLE = (Recording.State.CLOSED, Recording.State.INTERRUPTED)
MOST_EVENTS = 60
# A file that begins so soon after another goes on with the same film.
GOES_ON = timedelta(seconds=3)
MOST_LOOKS = 30


@dataclass(frozen=True, slots=True)
class Within:
    """An event in a recording; `second` of the video it begins at, `shown` a little before."""

    event: Event
    second: float
    shown: float


@require_safe
def recording(request: HttpRequest, pk: int) -> HttpResponse:
    actor = session_actor(request)
    found = recording_for(actor, pk, Right.PLAYBACK)
    if request.headers.get("HX-Request") and request.GET.get("part") == "playable":
        return render(request, "recording_playable.html", _playable(found))
    # Opening the page is looking, but where there is nothing to be seen.
    if request.method == "GET" and found.state != Recording.State.MISSING:
        login = Login(session_key=request.session.session_key or "")
        visitor = viewings.visitor_of(request, actor, login)
        lookbacks.look_back(visitor, found, lookbacks.Transport.PLAYBACK)
    rights = _rights(actor, found)
    begin = second_of(request.GET.get("t", ""), found)
    context = {
        "shape": SHAPES.get(found.state, ""),
        "length": length(seconds_of(found)),
        "size": size(found.bytes),
        "day": day_words(found.started_at),
        "begin": f"{begin:.1f}" if begin else "",
        "zone": timezone.get_current_timezone_name(),
        "still_name": friendly_name(found, "").rsplit(" ", 2)[0],
        "reasons": list(why_words(found, "" if Right.LOG in rights else actor.name)),
        "within": list(_within(actor, found)),
        "looks": _looks(actor, found, rights),
        "reads_log": Right.LOG in rights,
        "may_export": Right.EXPORT in rights,
        "may_manage": Right.MANAGE in rights,
        "may_watch": Right.WATCH in rights and found.camera is not None,
        "may_delete": may_delete(actor, found),
        **_neighbours(actor, found),
        **_playable(found),
    }
    return render(request, "recording.html", context)


def keep(request: HttpRequest, pk: int) -> HttpResponse:
    """POST keep=1 marks it to be kept, keep=0 takes the mark away; retention never deletes what is marked."""
    actor = session_actor(request)
    found = recording_for(actor, pk, Right.MANAGE)
    if request.method != "POST":
        return _post_only(request, found)
    mark(actor, [found], keep=request.POST.get("keep", "1") != "0")
    return redirect("recording", pk=pk)


def mark(actor: Actor, recordings: list[Recording], *, keep: bool) -> int:
    """Set or take away the keep-mark of `recordings`, whose cameras `actor` manages; how many were changed."""
    rows = Recording.objects.filter(pk__in=[one.pk for one in recordings], delete_requested_at=None)
    rows = rows.filter(kept_at__isnull=keep)
    values = {"kept_at": timezone.now(), "kept_by": actor.name} if keep else {"kept_at": None, "kept_by": ""}
    with transaction.atomic():
        pks = sorted(rows.values_list("pk", flat=True))
        changed = rows.update(**values)
        if changed:
            word = "marked to be kept" if keep else "no longer kept"
            ports.on_change(actor.name, f"recordings {word}", {"kept": not keep}, {"kept": keep, "recordings": pks})
    return changed


def playable(request: HttpRequest, pk: int) -> HttpResponse:
    """POST asks for a copy in H.264; the engine makes it."""
    found = recording_for(session_actor(request), pk, Right.PLAYBACK)
    if request.method != "POST":
        return _post_only(request, found)
    askable = Recording.objects.filter(pk=pk, playable__in=(Recording.Playable.NO, Recording.Playable.FAILED))
    if found.codec in RARELY_PLAYED and found.state in WHOLE:
        askable.update(playable_wanted_at=timezone.now())
    return redirect(reverse("recording", args=[pk]) + "#playable")


def _post_only(request: HttpRequest, found: Recording) -> HttpResponse:
    return render(request, "405.html", {"back": reverse("recording", args=[found.pk])}, status=405)


def second_of(text: str, found: Recording) -> float:
    """Where to begin: seconds of the video, or a moment (seconds since the epoch, ISO 8601); 0 for anything else."""
    try:
        second = float(text[:40])
    except ValueError:
        second = float("nan")
    if not isfinite(second) or second > 1e8:
        moment = parse_moment(text)
        second = (moment - found.started_at).total_seconds() if moment else 0.0
    return min(max(second, 0.0), max(0.0, seconds_of(found) - 0.1))


_WHY = {
    "always": "This camera is always recorded",
    "motion": "Something moved",
    "watched": "Somebody watched",
    "ring": "Somebody rang",
}


def why_words(found: Recording, only: str = "") -> Iterator[str]:
    """Why it was recorded, in words. `only`: the one person to be named, for those who may not read who has looked."""
    sessions = [int(one[8:]) for one in found.reasons if one.startswith("session:") and one[8:].isdecimal()]
    names = dict(ViewingSession.objects.filter(pk__in=sessions[:50]).values_list("pk", "user_name")) if sessions else {}
    told: set[str] = set()
    for reason in found.reasons:
        kind, _, rest = reason.partition(":")
        name = names.get(int(rest), "") if kind == "session" and rest.isdecimal() else rest
        name = name if name and only in ("", name) else "Somebody"
        words = _WHY.get(kind, f"{name} asked for it" + (" while watching" if kind == "session" else ""))
        if words and words not in told:
            told.add(words)
            yield words


def _rights(actor: Actor, found: Recording) -> frozenset[str]:
    return rights_on_lost(actor) if found.camera is None else rights_on(actor, found.camera)


def _neighbours(actor: Actor, found: Recording) -> dict[str, Any]:
    """The recordings before and after, and whether the next one simply goes on where this one ends."""
    if found.camera is None:
        return {"before": None, "after": None}
    rows = visible(actor, found.camera)
    after = rows.filter(started_at__gt=found.started_at).order_by("started_at", "pk").first()
    return {
        "before": rows.filter(started_at__lt=found.started_at).order_by("-started_at", "-pk").first(),
        "after": after,
        "goes_on": bool(after and found.ended_at and after.started_at - found.ended_at < GOES_ON),
    }


def _within(actor: Actor, found: Recording) -> Iterator[Within]:
    events = Event.objects.allowed(actor, Right.PLAYBACK).filter(recording=found).order_by("started_at", "pk")
    for event in events[:MOST_EVENTS]:
        second = max(0.0, (event.started_at - found.started_at).total_seconds())
        yield Within(event, round(second, 1), round(max(0.0, second - 1), 1))


def _looks(actor: Actor, found: Recording, rights: frozenset[str]) -> list[ViewingSession]:
    """Who has looked back at it: everybody for those who read the log, else oneself."""
    rows = found.lookbacks.filter(hidden_at=None)
    if Right.LOG not in rights:
        rows = rows.filter(user_id=actor.user_id or 0)
    return list(rows.order_by("-started_at", "-pk")[:MOST_LOOKS])


def _playable(found: Recording) -> dict[str, object]:
    # A wish that the engine has given up is taken back by it, so one that stands is waiting, also after a failure.
    waiting = (Recording.Playable.NO, Recording.Playable.FAILED)
    wanted = found.playable_wanted_at is not None and found.playable in waiting
    return {
        "recording": found,
        "rare": RARELY_PLAYED.get(found.codec, "") if found.state in WHOLE else "",
        "ready": found.playable == Recording.Playable.READY,
        "working": wanted or found.playable == Recording.Playable.WORKING,
        "failed": found.playable == Recording.Playable.FAILED and not wanted,
    }


def ended_words(found: Recording) -> str:
    """«today 14:02–14:07», in the house's time."""
    start = timezone.localtime(found.started_at)
    ended: datetime | None = timezone.localtime(found.ended_at) if found.ended_at else None
    return f"{day_words(found.started_at)} {start:%H:%M}" + (f"–{ended:%H:%M}" if ended else "")
