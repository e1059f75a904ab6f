"""Join links: whoever scans one sends pictures as one camera, without an account, until it ends or is taken back."""

import segno
from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import JoinLink, User
from camera import ports
from camera.access import Actor, camera_to_feed
from camera.models import Camera
from main.actors import session_actor
from main.pages.people import reachable

HOURS = [(1, "1 hour"), (24, "1 day"), (7 * 24, "7 days"), (30 * 24, "30 days")]
MOST_LINKS = 20


class LinkForm(forms.Form):
    hours = forms.TypedChoiceField(label="It works for", choices=HOURS, coerce=int, initial=24)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def links(request: HttpRequest, slug: str) -> HttpResponse:
    """The open links of a camera that is sent to. POST with `hours` makes one and shows it once, `revoke` ends one."""
    actor = session_actor(request)
    camera = camera_to_feed(actor, slug)
    if request.method == "POST" and "revoke" in request.POST:
        return _revoke(request, actor, camera)
    form = LinkForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if len(_open(camera)) < MOST_LINKS:
            return show_new_link(request, actor, camera, form.cleaned_data["hours"])
        form.add_error(None, f"This camera has {MOST_LINKS} open links. Take one back first.")
    return render(request, "join_links.html", {"camera": camera, "links": _open(camera), "form": form})


def show_new_link(request: HttpRequest, actor: Actor, camera: Camera, hours: int) -> HttpResponse:
    """Makes a link and shows it with its code, this once: the secret is not kept."""
    with transaction.atomic():
        link, secret = JoinLink.objects.issue(camera.pk, get_object_or_404(User, pk=actor.user_id), hours)
        told = {"camera": camera.slug, "until": link.expires_at.isoformat(timespec="seconds")}
        ports.on_change(actor.name, f"made a join link of camera {camera.slug}", {}, told)
    address = reachable(request.build_absolute_uri(reverse("webcam_join"))) + "#" + secret
    context = {
        "camera": camera,
        "link": link,
        "address": address,
        "secure": request.is_secure(),
        "qr": segno.make(address, error="m").svg_data_uri(scale=6, border=4, light="#fff"),
    }
    return render(request, "join_link.html", context)


def _open(camera: Camera) -> list[JoinLink]:
    return list(JoinLink.objects.open().filter(camera=camera.pk).select_related("made_by"))


def _revoke(request: HttpRequest, actor: Actor, camera: Camera) -> HttpResponse:
    number = request.POST["revoke"]
    ours = JoinLink.objects.filter(camera=camera.pk, revoked_at=None)
    link = ours.filter(pk=int(number)).first() if number.isascii() and number.isdecimal() and len(number) < 19 else None
    with transaction.atomic():
        # Claimed by the condition: of two who press at once one is told that it was over.
        if link is not None and ours.filter(pk=link.pk).update(revoked_at=timezone.now()):
            told = {"camera": camera.slug, "made by": link.made_by.username}
            ports.on_change(actor.name, f"took back a join link of camera {camera.slug}", told, {})
            messages.success(request, "The link is taken back. Whoever sends with it is cut off within seconds.")
        else:
            messages.info(request, "That link was over already.")
    return redirect("join_links", camera.slug)
