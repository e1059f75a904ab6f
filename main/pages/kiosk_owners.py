"""Owners let screens in, say what each is for, and send them away."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import Device, User
from accounts.pairing import PairingError, pair, revoke
from camera import ports
from camera.access import Actor
from camera.models import Camera, Grant, Right
from camera.names import check_name
from main.actors import session_actor
from main.models import AuditEntry
from main.pages.kiosk_login import taken_over
from main.sharing import give

# In which the page's own words are written (static/js/kiosk-words.js); any voice reads the answers.
LANGUAGES = [
    ("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("fr", "Français"), ("it", "Italiano"),
    ("nl", "Nederlands"), ("pl", "Polski"), ("pt", "Português"),
]  # fmt: skip
# Wrong codes of one owner; a code is one of 191 millions, so that this leaves nothing to guessing.
MOST_WRONG, WRONG_SECONDS = 10, 600
TAKEN_OVER_SHOWN = timedelta(days=30)


class DeviceForm(forms.Form):
    """What a screen is called and for."""

    name = forms.CharField(
        label="What is it called?", max_length=60, validators=[check_name], help_text="For instance «Front door»."
    )
    camera = forms.ModelChoiceField(
        label="Its button rings at", queryset=Camera.objects.none(), empty_label="no camera: it has no button"
    )
    cameras = forms.ModelMultipleChoiceField(
        label="It tells who watches",
        queryset=Camera.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Besides the camera it rings at. A screen never shows a picture.",
    )
    language = forms.ChoiceField(label="It speaks", choices=LANGUAGES)
    silent = forms.BooleanField(
        label="Silent", required=False, help_text="Answers are shown, not spoken, and nothing makes a sound."
    )

    def __init__(self, data: Any = None, device: Device | None = None) -> None:
        initial: dict[str, Any] = {"language": "en"}
        if device is not None:
            bound = Camera.objects.filter(grants__user=device.user, grants__right=Right.WATCH)
            initial = {"name": device.name, "camera": device.camera, "cameras": list(bound)}
            initial |= {"language": device.language, "silent": device.silent}
        super().__init__(data, initial=initial)
        cameras = Camera.objects.all()
        self.fields["camera"].queryset = self.fields["cameras"].queryset = cameras  # type: ignore[attr-defined]
        self.fields["camera"].required = False

    def apply(self, device: Device) -> None:
        """Make the screen what the form says: its row and what it may. Call in a transaction."""
        wanted = self.cleaned_data
        own = wanted["camera"]
        device.name, device.language, device.silent = wanted["name"], wanted["language"], wanted["silent"]
        device.camera = own.pk if own is not None else None
        device.save(update_fields=["name", "language", "silent", "camera"])
        if own is not None:
            # Its pictures from ten seconds before a press are kept at hand from now on.
            Camera.objects.filter(pk=own.pk, doorbell=False).update(doorbell=True, version=F("version") + 1)
        bound = {*wanted["cameras"], *([own] if own is not None else [])}
        give(device.user, {one: {Right.WATCH.value} if one in bound else set() for one in Camera.objects.all()})


class PairForm(DeviceForm):
    """Letting one in; where there is one doorbell its button is meant to ring there."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        doorbells = list(Camera.objects.filter(doorbell=True)[:2])
        if len(doorbells) == 1:
            self.fields["camera"].initial = doorbells[0]

    code = forms.CharField(
        label="The code on the screen",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        help_text="Open /kiosk/ on the screen; it shows six letters and digits.",
    )
    field_order = ["code"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A screen as the list shows it; `moved` is when and how another browser took it over, if one did."""

    device: Device
    camera: Camera | None
    moved: AuditEntry | None


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """The screens of the house. POST with a code lets one in."""
    actor = _owner(request)
    form = PairForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            device = _pair(form, actor)
        except PairingError as error:
            form.add_error("code", str(error))
        else:
            messages.success(request, f"{device.name} is paired: {_where(device)}. It shows its page by itself.")
            return redirect("kiosks")
    address = request.build_absolute_uri("/kiosk/")
    return render(request, "people_kiosks.html", {"form": form, "screens": _shown(), "address": address})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """One screen. POST changes it; with `revoke` it is none of the house's any more, at once."""
    actor = _owner(request)
    device = get_object_or_404(Device.objects.paired().select_related("user", "made_by"), pk=pk)
    if request.method == "POST" and "revoke" in request.POST:
        return _revoke(request, device, actor)
    form = DeviceForm(request.POST if request.method == "POST" else None, device)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            before = described(device)
            form.apply(device)
            ports.on_change(actor.name, f"changed screen «{device.name}»", before, described(device))
        messages.success(request, f"{device.name} is saved. The screen follows within half a minute.")
        return redirect("kiosks")
    moved = _moved(device)
    context: dict[str, Any] = {"form": form, "device": device, "where": _where(device), "moved": moved}
    if moved is not None:
        context |= {"moved_to": moved.after.get("used by"), "moved_from": moved.before.get("used by")}
    return render(request, "people_kiosk.html", context)


def described(device: Device) -> dict[str, Any]:
    """A screen in the words of an audit entry."""
    slugs = Camera.objects.filter(grants__user=device.user).order_by("slug").values_list("slug", flat=True).distinct()
    own = Camera.objects.filter(pk=device.camera or 0).values_list("slug", flat=True).first()
    return {
        "name": device.name,
        "rings at": own or "",
        "cameras": ", ".join(slugs),
        "language": device.language,
        "silent": device.silent,
    }


def _owner(request: HttpRequest) -> Actor:
    actor = session_actor(request)
    if not actor.is_owner:
        raise PermissionDenied("Owners see to the screens of the house.")
    return actor


def _pair(form: PairForm, actor: Actor) -> Device:
    """Raises PairingError."""
    key = f"wrong-codes-{actor.user_id}"
    now = time.time()
    wrong = [at for at in cache.get(key, []) if at > now - WRONG_SECONDS]
    if len(wrong) >= MOST_WRONG:
        raise PairingError("Too many wrong codes. Please wait ten minutes, then try again.")
    wanted = form.cleaned_data
    owner = get_object_or_404(User, pk=actor.user_id)
    try:
        with transaction.atomic():
            device = pair(wanted["code"], wanted["name"], owner, wanted["language"], wanted["silent"])
            form.apply(device)
            told = described(device) | {"where": _where(device)}
            ports.on_change(actor.name, f"paired screen «{device.name}»", {}, told)
    except PairingError:
        cache.set(key, [*wrong, now], WRONG_SECONDS)
        raise
    return device


def _revoke(request: HttpRequest, device: Device, actor: Actor) -> HttpResponse:
    with transaction.atomic():
        before = described(device)
        ended = revoke(device)
        if ended:
            Grant.objects.filter(user=device.user).delete()
            ports.on_change(actor.name, f"ended screen «{device.name}»", before, {})
    if ended:
        messages.success(request, f"{device.name} is no screen of the house any more. It shows a code now.")
    else:
        messages.info(request, f"{device.name} was no screen of the house any more already.")
    return redirect("kiosks")


def _where(device: Device) -> str:
    """Which browser it is, as it said when it was paired."""
    pairing = device.pairings.first()
    if pairing is None:
        return "a browser"
    return f"{pairing.agent or 'a browser'} at {pairing.address or 'an unknown address'}"


def _moved(device: Device) -> AuditEntry | None:
    since = timezone.now() - TAKEN_OVER_SHOWN
    return AuditEntry.objects.filter(what=taken_over(device), at__gt=since).first()


def _shown() -> list[Shown]:
    devices = list(Device.objects.paired().select_related("made_by"))
    cameras = Camera.objects.in_bulk([device.camera for device in devices if device.camera is not None])
    return [Shown(device, cameras.get(device.camera or 0), _moved(device)) for device in devices]
