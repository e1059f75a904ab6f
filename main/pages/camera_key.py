"""The key with which a program sends pictures as a camera, or rings at it: made and shown once, or revoked."""

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from camera import keys, ports
from camera.access import Actor, camera_for
from camera.models import Camera, Right
from main.actors import session_actor
from main.camera_changes import CHANGED
from main.pages.errors import post_only
from main.pages.people import reachable


@never_cache
@post_only("cameras")
def key(request: HttpRequest, slug: str) -> HttpResponse:
    """POST with action=new makes a key and shows it, this once; action=revoke ends the one there is."""
    actor = session_actor(request)
    camera = camera_for(actor, slug, Right.MANAGE)
    if camera.kind != "push" and not camera.doorbell:
        raise Http404("Only a camera that sends its pictures itself has a key, and a doorbell.")
    action = request.POST.get("action")
    if action == "new":
        if request.POST.get("instead_of", made_at(camera)) != made_at(camera):
            # The page that shows the key was loaded again, which sends the form before it again.
            messages.warning(request, "A key was made already, and is shown once. Make a new one if it is lost.")
            return redirect("camera", slug)
        return show_new_key(request, actor, camera)
    if action == "revoke":
        _revoke(request, actor, camera)
    else:
        messages.error(request, "Nothing was changed: choose «New key» or «Revoke key».")
    return redirect("camera", slug)


def show_new_key(request: HttpRequest, actor: Actor, camera: Camera, *, is_new: bool = False) -> HttpResponse:
    """Makes a key and shows it with examples. `is_new`: the camera was added a moment ago."""
    had_one = bool(camera.key_digest)
    with transaction.atomic():
        secret = keys.issue(camera)
        ports.on_change(
            actor.name,
            f"made a key of camera {camera.slug}",
            _told(had_one),
            {"key": CHANGED} if had_one else _told(True),
        )
    context = {
        "camera": camera,
        "secret": secret,
        "replaced": had_one,
        "is_new": is_new,
        "address": reachable(request.build_absolute_uri(reverse("api:frames", args=[camera.slug]))),
        "ring_address": reachable(request.build_absolute_uri(reverse("api:ring", args=[camera.slug]))),
        "pushes": camera.kind == "push",
        "secure": request.is_secure(),
    }
    response = render(request, "camera_key.html", context)
    # The page before this one is a form; going back to this one must not show the key again.
    response["Cache-Control"] = "no-store"
    return response


def made_at(camera: Camera) -> str:
    """Names the key there is, for the form that asks for another."""
    return camera.key_made_at.isoformat() if camera.key_made_at else ""


def opens_with_password(camera: Camera) -> bool:
    """Whether CAMERA_PASSWORD opens it as well."""
    return camera.slug == keys.SPILL and bool(settings.CAMERA_PASSWORD)


def _revoke(request: HttpRequest, actor: Actor, camera: Camera) -> None:
    if not camera.key_digest:
        messages.info(request, f"{camera.name} had no key.")
        return
    with transaction.atomic():
        keys.revoke(camera)
        ports.on_change(actor.name, f"revoked the key of camera {camera.slug}", _told(True), _told(False))
    messages.success(request, "The key is revoked. Whatever sends or rings with it is refused within seconds.")


def _told(there: bool) -> dict[str, str]:
    return {"key": "«set»" if there else "«none»"}
