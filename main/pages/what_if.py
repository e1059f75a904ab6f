"""What would go if the limits that stand in a form were saved: beside its fields, or on a page of its own."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from camera.access import camera_for
from camera.engine.selection import Limits
from camera.models import Camera, Right
from main import camera_fields, what_if
from main.actors import session_actor
from main.models import SiteSettings
from main.settings_form import SettingsForm

if TYPE_CHECKING:
    HouseForm = forms.ModelForm[SiteSettings]
    CameraForm = forms.ModelForm[Camera]
else:
    HouseForm = CameraForm = forms.ModelForm

HOUSE = ("recording_days", "event_days", "still_days", "gigabytes_kept")
CAMERA = ("days_kept", "gigabytes_kept", "stills_every")


class HouseLimits(HouseForm):
    class Meta:
        model = SiteSettings
        fields = HOUSE
        labels = SettingsForm.Meta.labels
        error_messages = SettingsForm.Meta.error_messages


class CameraLimits(CameraForm):
    class Meta:
        model = Camera
        fields = CAMERA
        labels = camera_fields.LABELS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stills_every"].required = False
        for name in CAMERA:
            texts = zip(("invalid", "min_value", "max_value"), camera_fields.NUMBERS[name], strict=True)
            self.fields[name].error_messages |= dict(texts)


def completed(data: QueryDict, form: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """What was given; what was not stays as it is."""
    return {name: data[name] if name in data else form.initial.get(name) for name in names}


def of_house(data: QueryDict) -> dict[str, Any]:
    """For the template: what would go by the limits in `data`, or what is wrong with them."""
    house = SiteSettings.load()
    form = HouseLimits(completed(data, HouseLimits(instance=house), HOUSE), instance=house)
    if not form.is_valid():
        return {"faults": _faults(form)}
    found = form.cleaned_data
    own = Limits.now().cameras
    limits = Limits(found["recording_days"], found["event_days"], found["still_days"], found["gigabytes_kept"], own)
    outcome = what_if.reckon(limits)
    return {"outcome": outcome, "told": _told(outcome, what_if.pace_words(limits.gigabytes))}


def of_camera(camera: Camera, data: QueryDict) -> dict[str, Any]:
    """As `of_house`, for what stands in a camera's form."""
    kept = camera.stills_every
    form = CameraLimits(completed(data, CameraLimits(instance=camera), CAMERA), instance=camera)
    if not form.is_valid():
        return {"faults": _faults(form)}
    found = form.cleaned_data
    outcome = what_if.reckon(what_if.for_camera(camera, found["days_kept"], found["gigabytes_kept"]), camera)
    every = kept if found["stills_every"] is None else found["stills_every"]
    stills = what_if.stills_words(camera, every, SiteSettings.load().still_days)
    told = _told(outcome, what_if.pace_words(found["gigabytes_kept"], camera), stills)
    return {"outcome": outcome, "told": told}


def _told(outcome: what_if.Outcome, *more: str) -> list[str]:
    return [*outcome.sentences(), *(words for words in more if words)]


def _faults(form: Any) -> list[str]:
    return [f"{form[name].label}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()]


@require_safe
def house(request: HttpRequest) -> HttpResponse:
    if not session_actor(request).is_owner:
        raise PermissionDenied("The house's settings are its owners' to see and change.")
    return _answer(request, of_house(request.GET), None)


@require_http_methods(["GET", "HEAD", "POST"])
def camera(request: HttpRequest, slug: str) -> HttpResponse:
    """Also by POST, as a button of the camera's form: what else stands in that form has no place in an address."""
    found = camera_for(session_actor(request), slug, Right.MANAGE)
    return _answer(request, of_camera(found, request.POST if request.method == "POST" else request.GET), found)


def _answer(request: HttpRequest, what: dict[str, Any], of: Camera | None) -> HttpResponse:
    name = "what_if.html" if request.headers.get("HX-Request") == "true" else "what_if_page.html"
    return render(request, name, {"what_if": what, "camera": of})
