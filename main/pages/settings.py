"""The house's settings, grouped by the question they answer. They hold at once, without a restart."""

import unicodedata
import zoneinfo
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from camera import ports
from main.actors import session_actor
from main.models import SiteSettings

if TYPE_CHECKING:
    Form = forms.ModelForm[SiteSettings]
else:
    Form = forms.ModelForm

GROUPS = (
    ("What is the house called?", ("site_name",)),
    ("How smooth are live pictures?", ("viewer_fps",)),
    ("Who may come in?", ("signups_open",)),
    ("Which clock do the pages show?", ("time_zone",)),
)


def check_site_name(name: str) -> None:
    """The name stands on every page and in the admin's head: nothing in it may garble what is around it."""
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        raise ValidationError("A name has no control characters or line breaks in it.")
    if any(unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI") for letter in name):
        raise ValidationError("A name has no characters in it that turn the direction of writing.")
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in name):
        raise ValidationError("Give the house a name that can be seen.")


class SettingsForm(Form):
    class Meta:
        model = SiteSettings
        fields = ["site_name", "viewer_fps", "signups_open", "time_zone"]
        labels = {
            "site_name": "Name of the house",
            "viewer_fps": "Pictures a second for each viewer",
            "signups_open": "Anybody who reaches this site may sign up",
            "time_zone": "Time zone",
        }
        help_texts = {
            "site_name": "Stands at the top of every page.",
            "time_zone": "Written like Europe/Berlin. Everything is stored in UTC; only what is shown changes.",
        }
        error_messages = {
            "viewer_fps": {
                "invalid": "Write a number, for instance 15.",
                "min_value": "At least 0.2, that is a picture every 5 seconds.",
                "max_value": "At most 60: no screen shows more.",
            },
        }
        widgets = {
            "time_zone": forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off", "spellcheck": "false"})
        }

    def clean_site_name(self) -> str:
        name: str = self.cleaned_data["site_name"]
        check_site_name(name)
        return name

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(question, [self[name] for name in names]) for question, names in GROUPS]


def values(house: SiteSettings) -> dict[str, Any]:
    return {name: getattr(house, name) for _, names in GROUPS for name in names}


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    actor = session_actor(request)
    if not actor.is_owner:
        raise PermissionDenied("The house's settings are its owners' to see and change.")
    house = SiteSettings.load()
    before = values(house)
    form = SettingsForm(request.POST if request.method == "POST" else None, instance=house)
    if request.method == "POST" and form.is_valid():
        changed = [name for name in form.changed_data if before[name] != form.cleaned_data[name]]
        with transaction.atomic():
            if changed:
                house.save(update_fields=changed)
            ports.on_change(actor.name, "changed the house's settings", before, values(house))
        messages.success(request, "The settings are saved." if changed else "Nothing was changed.")
        return redirect("settings")
    return render(request, "settings.html", {"form": form, "zones": sorted(zoneinfo.available_timezones())})
