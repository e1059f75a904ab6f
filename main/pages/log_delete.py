"""Deleting an entry of the log: says first what goes and what stays; the append-only log keeps its lines."""

from dataclasses import dataclass, field

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from camera.access import Actor, may_delete
from camera.models import Camera, Recording, Right
from camera.words import many, size
from main.actors import session_actor
from main.coverage import recordings_of
from main.deleting import request_delete
from main.log_filter import readable
from main.models import LogLine, ViewingSession
from main.pages.logs import sentence
from main.references import camera_needs, logs_of
from main.viewings import LOOKBACKS

# Recordings that stay are named one by one up to here.
NAMED = 10
NOT_YOURS = "You may read this entry, but only whoever looked, or an owner of the house, deletes it."


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording that stays, and why, in words."""

    recording: Recording
    why: list[str]


@dataclass(slots=True)
class Plan:
    """What deleting an entry takes with it, and what it leaves."""

    goes: list[Recording] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    @property
    def words(self) -> str:
        """«1 log entry and 2 recordings, 84 MB»."""
        if not self.goes:
            return "1 log entry"
        return f"1 log entry and {many(len(self.goes), 'recording')}, {size(sum(one.bytes for one in self.goes))}"


@require_http_methods(["GET", "HEAD", "POST"])
def log_delete(request: HttpRequest, pk: int) -> HttpResponse:
    actor = session_actor(request)
    session = _entry(actor, pk)
    if session.ended_at is None:
        return render(request, "log_delete.html", _told(session, actor) | {"open": True}, status=409)
    if request.method == "POST":
        done = _delete(actor, session)
        messages.success(request, f"Deleted {done.words}.")
        return redirect("logs")
    plan = plan_for(actor, session)
    context = {
        "plan": plan,
        "kept": plan.kept[:NAMED],
        "kept_more": max(0, len(plan.kept) - NAMED),
        "lookback": session.transport in LOOKBACKS,
    }
    return render(request, "log_delete.html", _told(session, actor) | context)


def plan_for(actor: Actor, session: ViewingSession) -> Plan:
    """What goes with the entry and what stays. The recording that somebody looked back at always stays."""
    if session.transport in LOOKBACKS:
        return Plan()
    pks = recordings_of([session])[session.pk]
    rows = list(Recording.objects.filter(pk__in=pks).select_related("camera").order_by("started_at", "pk"))
    if not rows:
        return Plan()
    logs = logs_of(rows, but_for=session, reader=actor)
    needs = camera_needs(rows, but_for=session)
    managed = set(Camera.objects.allowed(actor, Right.MANAGE).values_list("pk", flat=True))
    plan = Plan()
    for one in rows:
        why = [f"also in {_yours(words, actor)}" for words in logs[one.pk]] + needs[one.pk]
        if not why and one.camera_id not in managed and not may_delete(actor, one):
            why = ["not yours to delete"]
        if why:
            plan.kept.append(Kept(one, why))
        else:
            plan.goes.append(one)
    return plan


def _yours(words: str, actor: Actor) -> str:
    """«bob's log of today 14:02», told to bob."""
    own = f"{actor.name}'s log"
    return f"your log{words.removeprefix(own)}" if words.startswith(own) else words


def _entry(actor: Actor, pk: int) -> ViewingSession:
    """Raises Http404 for those who may not read it, PermissionDenied for those who may but whose it is not."""
    found = ViewingSession.objects.filter(readable(actor), pk=pk, hidden_at=None).first()
    if found is None:
        raise Http404("No such log entry.")
    if not (actor.is_owner or found.user_id == actor.user_id):
        raise PermissionDenied(NOT_YOURS)
    return found


def _delete(actor: Actor, session: ViewingSession) -> Plan:
    """Hide the entry, write its line, and let its recordings go: all or nothing. Raises Http404 when another request
    was quicker."""
    with transaction.atomic():
        claimed = ViewingSession.objects.filter(pk=session.pk, hidden_at=None, ended_at__isnull=False)
        if not claimed.update(hidden_at=timezone.now()):
            raise Http404("No such log entry.")
        # Reckoned anew inside: what was shown may be minutes old.
        plan = plan_for(actor, session)
        if plan.goes:
            request_delete(actor, plan.goes)
        LogLine.append(
            LogLine.What.DELETED, session, by=actor.name, by_id=actor.user_id,
            started_at=session.started_at.isoformat(), recordings=[one.pk for one in plan.goes],
        )  # fmt: skip
    return plan


def _told(session: ViewingSession, actor: Actor) -> dict[str, object]:
    return {"session": session, "line": sentence(session, actor.user_id)}
