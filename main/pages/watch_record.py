"""The live page's wish to record what is being watched, for browsers without JavaScript; with it the API is asked."""

from django.contrib import messages
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from camera.access import camera_for
from camera.commands import EngineDownError
from camera.models import Right
from main import viewings
from main.actors import session_actor
from main.pages.errors import post_only
from main.recording_control import RecordRefusedError, ask_record

NOT_OPEN = "The page was not watching any more. It is now: ask again."
ENGINE_DOWN = "The engine is down, so nothing can be recorded now. Live pictures and recording come back with it."
BUSY = "The house is busy. Ask again in a few seconds."
LATER = "It will be recorded as soon as the camera sends pictures, while this page is open."


@post_only("wall")
def record(request: HttpRequest, slug: str) -> HttpResponse:
    """Record the session of the page named in the form, or stop; then back to that page, which goes on."""
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.RECORD)
    page, on = request.POST.get("page", "")[: viewings.LONGEST_PAGE], request.POST.get("on") == "1"
    session = viewings.open_session(actor, page, camera.pk)
    back = redirect(reverse("watch", args=[slug]) + (f"?page={page}" if viewings.is_page_id(page) else ""))
    try:
        if session is None:
            raise Http404
        answer = ask_record(actor, camera.slug, on, session.pk)
    except Http404:
        messages.warning(request, NOT_OPEN)
    except EngineDownError:
        messages.error(request, ENGINE_DOWN)
    except OperationalError:
        messages.error(request, BUSY)
    except RecordRefusedError as refusal:
        messages.error(request, str(refusal))
    else:
        if on and not answer["recording"]:
            messages.info(request, LATER)
    return back
