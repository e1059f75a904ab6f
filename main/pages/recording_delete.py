"""Deleting recordings: what will go and what will stay is said first. And what is done to several at once."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from camera.access import Actor, recording_for
from camera.models import Camera, Event, Recording, Right
from camera.words import many, size
from main.actors import session_actor
from main.deleting import refuse_others, request_delete
from main.log_filter import readable
from main.models import ViewingSession
from main.pages.logs import day_words
from main.pages.recording import ended_words, mark
from main.references import logs_of

MOST = 100
# Facts of one kind that are told one by one; the rest is counted.
TOLD = 5


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    actor = session_actor(request)
    found = _deletable(actor, pk)
    if request.method != "POST":
        return _ask(request, actor, [found], reverse("recording", args=[pk]))
    if not request_delete(actor, [found]):
        raise Http404("Somebody was quicker.")
    messages.success(request, f"The recording of {found.camera_name}, {ended_words(found)}, is deleted.")
    return redirect(_list_of([found]))


@require_http_methods(["GET", "HEAD", "POST"])
def several(request: HttpRequest) -> HttpResponse:
    """POST act=keep|unkeep|delete with the chosen recordings; delete asks first and is done with sure=1."""
    if request.method != "POST":
        return render(request, "405.html", {"back": reverse("recordings")}, status=405)
    actor = session_actor(request)
    chosen = _chosen(actor, request.POST.getlist("pk"))
    if not chosen:
        messages.info(request, "Nothing was chosen, or it is gone already.")
        return redirect("recordings")
    if request.POST.get("act") == "delete":
        return _delete_several(request, actor, chosen)
    managed = set(Camera.objects.allowed(actor, Right.MANAGE).values_list("pk", flat=True))
    if any(one.camera_id not in managed for one in chosen) and not actor.is_owner:
        raise PermissionDenied("Only those who manage a camera choose what is kept of it.")
    keep = request.POST.get("act") != "unkeep"
    changed = mark(actor, chosen, keep=keep)
    words = "kept until the mark is taken away" if keep else "no longer marked to be kept"
    messages.success(request, f"{many(changed, 'recording')}: {words}.")
    return redirect(_list_of(chosen))


def _delete_several(request: HttpRequest, actor: Actor, chosen: list[Recording]) -> HttpResponse:
    refuse_others(actor, chosen)
    if request.POST.get("sure") != "1":
        return _ask(request, actor, chosen, _list_of(chosen))
    messages.success(request, f"{many(request_delete(actor, chosen), 'recording')} deleted.")
    return redirect(_list_of(chosen))


def _deletable(actor: Actor, pk: int) -> Recording:
    """That recording, for one who may delete it: their own session's needs no right to look back."""
    found = Recording.objects.filter(pk=pk, delete_requested_at=None).select_related("camera").first()
    if found is None:
        raise Http404("No such recording.")
    try:
        refuse_others(actor, [found])
    except PermissionDenied:
        # A stranger is told that there is none.
        recording_for(actor, pk, Right.PLAYBACK)
        raise
    return found


def _chosen(actor: Actor, words: list[str]) -> list[Recording]:
    """The chosen ones that this person may see; what is not theirs is passed over as if it did not exist."""
    pks = {int(word) for word in words[:MOST] if word.isascii() and word.isdecimal() and len(word) <= 18}
    return list(Recording.objects.allowed(actor, Right.PLAYBACK).filter(pk__in=pks).select_related("camera"))


def _list_of(chosen: list[Recording]) -> str:
    cameras = {one.camera.slug for one in chosen if one.camera}
    return reverse("recordings") + (f"?camera={cameras.pop()}" if len(cameras) == 1 else "")


def _ask(request: HttpRequest, actor: Actor, chosen: list[Recording], back: str) -> HttpResponse:
    names = sorted({one.camera_name for one in chosen})
    context = {
        "recordings": chosen,
        "one": chosen[0] if len(chosen) == 1 else None,
        "goes": f"{many(len(chosen), 'recording')}, {size(sum(one.bytes for one in chosen))}",
        "cameras": names,
        "when": ended_words(chosen[0]) if len(chosen) == 1 else "",
        "going_on": any(one.state == Recording.State.OPEN for one in chosen),
        "kept": sum(one.kept for one in chosen),
        "stays": _stays(actor, chosen),
        "back": back,
    }
    return render(request, "recording_delete.html", context)


def _stays(actor: Actor, chosen: list[Recording]) -> list[str]:
    """What refers to them and is kept, in words; who has looked is told to those who may read that."""
    pks = [one.pk for one in chosen]
    stays = []
    looks = ViewingSession.objects.filter(readable(actor), recording__in=pks).aggregate(count=Count("pk"))["count"]
    stays.append(f"the log lines of who looked back ({looks})" if looks else "every line of the log")
    events = Event.objects.filter(recording__in=pks, delete_requested_at=None).order_by("started_at")
    told = [f"the {one.get_kind_display()} event of {day_words(one.started_at)} "
            f"{timezone.localtime(one.started_at):%H:%M}, with its pictures" for one in events[:TOLD]]  # fmt: skip
    stays += told
    more = events.count() - len(told) if len(told) == TOLD else 0
    if more > 0:
        stays.append(f"{many(more, 'more event')} with {'its' if more == 1 else 'their'} pictures")
    logs = logs_of(chosen[:TOLD], reader=actor)
    references = [words for one in chosen[:TOLD] for words in logs[one.pk]]
    return stays + list(dict.fromkeys(references))[:TOLD]
