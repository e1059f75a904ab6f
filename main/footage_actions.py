"""What owners can do with footage in the admin site: keep, stop keeping, delete after being asked."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from camera import ports
from camera.footage_admin import EventAdmin, RecordingAdmin
from camera.models import Event, EventStill, HourUsage, Recording, TimeLapse
from camera.stills_admin import EventStillAdmin, HourUsageAdmin, TimeLapseAdmin
from camera.words import many, size
from main.actors import session_actor
from main.deleting import request_delete

# Shown by name on the page that asks; of more, how many.
SHOWN = 20
# The page that asks holds one field for each; Django takes 500.
MOST = 400


@admin.action(description="Keep the chosen recordings", permissions=["view"])
def keep(page: Any, request: HttpRequest, rows: "QuerySet[Recording]") -> None:
    marks = {"kept_at": timezone.now(), "kept_by": session_actor(request).name}
    _mark(page, request, rows.filter(kept_at=None), "kept", marks)


@admin.action(description="Stop keeping the chosen recordings", permissions=["view"])
def stop_keeping(page: Any, request: HttpRequest, rows: "QuerySet[Recording]") -> None:
    _mark(page, request, rows.exclude(kept_at=None), "no longer kept", {"kept_at": None, "kept_by": ""})


def _mark(page: Any, request: HttpRequest, rows: "QuerySet[Recording]", words: str, marks: dict[str, Any]) -> None:
    with transaction.atomic():
        found = sorted(rows.values_list("pk", flat=True))
        Recording.objects.filter(pk__in=found, delete_requested_at=None).update(**marks)
        told = f"{many(len(found), 'recording')} {words}"
        ports.on_change(session_actor(request).name, told, {}, {"recordings": found} if found else {})
    page.message_user(request, f"{told}.", messages.SUCCESS if found else messages.WARNING)


@admin.action(description="Delete the chosen recordings (asks first)", permissions=["view"])
def delete_recordings(page: Any, request: HttpRequest, rows: "QuerySet[Recording]") -> TemplateResponse | None:
    if request.POST.get("post") == "yes":
        gone = request_delete(session_actor(request), rows)
        page.message_user(request, f"{many(gone, 'recording')} deleted.", messages.SUCCESS)
        return None
    kept = rows.exclude(kept_at=None).count()
    goes = [f"{many(rows.count(), 'recording')}, {size(rows.aggregate(all=Sum('bytes'))['all'] or 0)}"]
    if kept:
        goes.append(f"{kept} of them marked as kept")
    stays = "their events with their pictures, and the log of who has looked"
    return _ask(page, request, rows, "delete_recordings", goes, stays)


@admin.action(description="Delete the chosen events (asks first)", permissions=["view"])
def delete_events(page: Any, request: HttpRequest, rows: "QuerySet[Event]") -> TemplateResponse | None:
    if request.POST.get("post") == "yes":
        _let_go(page, request, rows, "event")
        return None
    goes = [f"{many(rows.count(), 'event')}, pictures and all"]
    return _ask(page, request, rows, "delete_events", goes, "the recordings in which they happened")


@admin.action(description="Delete the events of the chosen pictures (asks first)", permissions=["view"])
def delete_events_of(page: Any, request: HttpRequest, rows: "QuerySet[EventStill]") -> TemplateResponse | None:
    """A flagged picture is a part of its event: they go together."""
    events = Event.objects.filter(stills__in=rows).distinct()
    if request.POST.get("post") == "yes":
        _let_go(page, request, Event.objects.filter(pk__in=list(events.values_list("pk", flat=True))), "event")
        return None
    goes = [f"{many(events.count(), 'event')} with all their pictures, {many(rows.count(), 'chosen one')} among them"]
    return _ask(page, request, rows, "delete_events_of", goes, "the recordings in which they happened")


@admin.action(description="Delete the stills of the chosen hours (asks first)", permissions=["view"])
def delete_stills(page: Any, request: HttpRequest, rows: "QuerySet[HourUsage]") -> TemplateResponse | None:
    """Rows of the other kinds only count: what they count is deleted where it is shown."""
    stills = rows.filter(kind=HourUsage.Kind.STILLS)
    if not stills.exists():
        page.message_user(request, "Choose hours of stills: the other rows only count.", messages.WARNING)
        return None
    if request.POST.get("post") == "yes":
        _let_go(page, request, stills, "hour of stills", "hours of stills")
        return None
    sums = stills.aggregate(files=Sum("files"), bytes=Sum("bytes"))
    goes = [f"{many(sums['files'] or 0, 'still')}, {size(sums['bytes'] or 0)}"]
    return _ask(page, request, stills, "delete_stills", goes, "recordings, events and time-lapses of these hours")


@admin.action(description="Delete the chosen time-lapses (asks first)", permissions=["view"])
def delete_timelapses(page: Any, request: HttpRequest, rows: "QuerySet[TimeLapse]") -> TemplateResponse | None:
    if request.POST.get("post") == "yes":
        _let_go(page, request, rows, "time-lapse")
        return None
    goes = [f"{many(rows.count(), 'time-lapse')}, {size(rows.aggregate(all=Sum('bytes'))['all'] or 0)}"]
    return _ask(page, request, rows, "delete_timelapses", goes, "the stills that they were made of")


def _let_go(page: Any, request: HttpRequest, rows: "QuerySet[Any]", one: str, several: str = "") -> None:
    """Mark these for the engine to delete, and tell of it."""
    with transaction.atomic():
        found = sorted(rows.values_list("pk", flat=True))
        free = rows.model.objects.filter(pk__in=found, delete_requested_at=None)
        gone = free.update(delete_requested_at=timezone.now())
        told = f"{gone} {several} deleted" if several and gone != 1 else f"{many(gone, one)} deleted"
        ports.on_change(session_actor(request).name, told, {several or f"{one}s": found}, {})
    page.message_user(request, f"{told}.", messages.SUCCESS)


def _ask(
    page: Any, request: HttpRequest, rows: "QuerySet[Any]", action: str, goes: list[str], stays: str
) -> TemplateResponse | None:
    if rows.count() > MOST:
        page.message_user(request, f"At most {MOST} at once. Choose fewer, by a filter or a date.", messages.ERROR)
        return None
    context = {
        **page.admin_site.each_context(request),
        "title": "Delete?",
        "opts": page.model._meta,
        "action": action,
        "chosen": rows.values_list("pk", flat=True),
        "shown": rows[:SHOWN],
        "more": max(0, rows.count() - SHOWN),
        "goes": goes,
        "stays": stays,
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/footage_delete.html", context)


def connect() -> None:
    """Give the pages of camera's admin their actions: camera knows nothing of this room."""
    pages: dict[Any, list[Any]] = {
        RecordingAdmin: [keep, stop_keeping, delete_recordings],
        EventAdmin: [delete_events],
        EventStillAdmin: [delete_events_of],
        HourUsageAdmin: [delete_stills],
        TimeLapseAdmin: [delete_timelapses],
    }
    for page, actions in pages.items():
        page.actions = actions
