"""The house as an app on a phone: its manifest, its service worker, and the page shown while it cannot be reached.

All three are the same for everybody and hold nothing of anybody: browsers fetch them without a log-in and keep them.
"""

import hashlib
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

from main.models import SiteSettings

# The colours of house.css, light and dark: what is behind the icon while the app opens.
LIGHT, DARK = "#ffffff", "#101316"
SHORT = 12
WORKER = "js/sw.js"
# What the offline page needs, and nothing else is kept by the worker.
KEPT = ("css/offline.css", "js/offline.js")
REVALIDATE = "no-cache"


def _icon(name: str, size: int, purpose: str = "any") -> dict[str, str]:
    return {"src": static(f"icons/{name}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}


@login_not_required
@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """What makes the pages installable, in the form of the W3C."""
    name = SiteSettings.load().site_name
    told: dict[str, Any] = {
        "id": "/",
        "name": name,
        "short_name": name if len(name) <= SHORT else name.split()[0][:SHORT],
        "description": "What the cameras of the house see, and who looks.",
        "lang": "en",
        "start_url": reverse("wall"),
        "scope": "/",
        "display": "standalone",
        "background_color": DARK,
        "theme_color": DARK,
        "icons": [
            _icon("app-192", 192),
            _icon("app-512", 512),
            _icon("maskable-192", 192, "maskable"),
            _icon("maskable-512", 512, "maskable"),
            {"src": static("icons/fairwatch.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
        ],
        "shortcuts": [
            {"name": "Events", "url": reverse("events")},
            {"name": "Recordings", "url": reverse("recordings")},
        ],
    }
    reply = JsonResponse(told, content_type="application/manifest+json")
    reply["Cache-Control"] = REVALIDATE
    return reply


@login_not_required
@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker, for the whole site. Its first lines change with what it keeps, so that browsers fetch that
    anew."""
    kept = [reverse("offline"), *map(static, KEPT)]
    digest = _version(SiteSettings.load().site_name)
    head = f'"use strict";\nconst VERSION = "{digest}";\nconst KEPT = {kept};\n'.replace("'", '"')
    reply = HttpResponse(head + _text(WORKER), content_type="text/javascript; charset=utf-8")
    reply["Cache-Control"] = REVALIDATE
    reply["Service-Worker-Allowed"] = "/"
    return reply


@login_not_required
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """What the worker shows when a page does not come."""
    return render(request, "offline.html", {"site": SiteSettings.load().site_name})


def _text(name: str) -> str:
    """Of a static file."""
    path = finders.find(name)
    assert isinstance(path, str), name
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 (a plain path of Django's)
        return file.read()


def _version(site: str) -> str:
    return hashlib.sha256(f"{site}\n{_digest()}".encode()).hexdigest()[:16]


@cache
def _digest() -> str:
    """Of what the worker keeps; files do not change while a process runs."""
    page = (settings.BASE_DIR / "templates" / "offline.html").read_text()
    return hashlib.sha256("\n".join([page, *map(_text, KEPT)]).encode()).hexdigest()
