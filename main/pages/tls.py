"""Whether the connection is encrypted, and how a device comes to trust a house that is its own authority.

Open to everybody, also without encryption: who has not installed the authority yet has no other way to get it.
"""

import segno
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.devices import device_words
from main.actors import session_actor
from main.pages.people import reachable
from main.serving.certificates import authority_of, fingerprint

# By what a browser says of itself: which of the instructions is open. Firefox keeps authorities of its own.
DEVICES = (
    ("iPhone", "iphone"),
    ("iPad", "iphone"),
    ("Android", "android"),
    ("Firefox", "firefox"),
    ("Windows", "windows"),
    ("Mac", "mac"),
    ("Linux", "linux"),
)


def authority() -> x509.Certificate | None:
    """The house's own authority where it is in use."""
    return authority_of(settings.RUN_DIR / "tls") if settings.TLS == "local" else None


@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """What protects the connection; with TLS=local the authority and how to install it."""
    agent = device_words(request.headers.get("User-Agent", ""))
    host = request.get_host()
    context: dict[str, object] = {
        "mode": settings.TLS,
        "is_owner": session_actor(request).is_owner,
        "is_secure": request.is_secure(),
        "device": next((name for word, name in DEVICES if word in agent), ""),
        "https": f"https://{host}/",
    }
    held = authority()
    if held is not None:
        # Plain: the device that scans it does not trust the house yet.
        link = reachable(f"http://{host}{reverse('tls')}")
        context |= {
            "fingerprint": fingerprint(held).split(":"),
            "until": held.not_valid_after_utc,
            "link": link,
            "qr": segno.make(link, error="m").svg_data_uri(scale=6, border=4, light="#fff"),
        }
    return render(request, "tls.html", context)


@login_not_required
@require_safe
def pem(request: HttpRequest) -> HttpResponse:
    """The authority as text; its key never leaves the machine."""
    return _certificate(Encoding.PEM, "crt")


@login_not_required
@require_safe
def der(request: HttpRequest) -> HttpResponse:
    """The same, as Windows and older phones want it."""
    return _certificate(Encoding.DER, "cer")


def _certificate(encoding: Encoding, ending: str) -> HttpResponse:
    held = authority()
    if held is None:
        raise Http404("This house has no authority of its own.")
    reply = HttpResponse(held.public_bytes(encoding), content_type="application/x-x509-ca-cert")
    # Not as an attachment: iPhones and Firefox then offer to install it instead of filing it.
    reply["Content-Disposition"] = f'inline; filename="fairwatch-house.{ending}"'
    return reply
