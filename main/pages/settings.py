"""The house's settings. They hold at once, without a restart."""

import zoneinfo
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from camera import ports
from camera.engine.selection import Limits
from main.actors import session_actor
from main.models import SiteSettings
from main.pages.what_if import of_house
from main.settings_form import LIMITS, SettingsForm, values
from main.what_if import reckon


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    actor = session_actor(request)
    if not actor.is_owner:
        raise PermissionDenied("The house's settings are its owners' to see and change.")
    house = SiteSettings.load()
    before = values(house)
    form = SettingsForm(request.POST if request.method == "POST" else None, instance=house)
    context: dict[str, Any] = {"form": form, "zones": sorted(zoneinfo.available_timezones())}
    if request.method == "POST" and "what_if" in request.POST:
        form.only_asks = True
        context["what_if"] = of_house(request.POST)
    elif request.method == "POST" and form.is_valid():
        changed = [name for name in form.changed_data if before[name] != form.cleaned_data[name]]
        with transaction.atomic():
            if changed:
                house.save(update_fields=changed)
            ports.on_change(actor.name, "changed the house's settings", before, values(house))
        messages.success(request, "The settings are saved." if changed else "Nothing was changed.")
        if {*changed} & LIMITS and (goes := str(reckon(Limits.now()))):
            messages.warning(request, f"By these limits {goes} will be deleted within minutes.")
        return redirect("settings")
    return render(request, "settings.html", context)
