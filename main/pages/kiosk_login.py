"""Which screen asks: by its session, or by its own cookie, from which the session is made anew."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.devices import device_words
from accounts.logins import end_logins, logins
from accounts.models import Device, Role, User
from camera import ports
from main.kiosk_bounds import SESSION_MARK
from main.models import AuditEntry

COOKIE = "fw_device"
COOKIE_PATH = "/kiosk/"
# The longest that browsers keep one; it is renewed at each visit, and the page visits every night.
COOKIE_SECONDS = 400 * 24 * 3600
LONGEST_SECRET = 100
# How often it is noted that a screen is there.
SEEN_EVERY = timedelta(minutes=5)
# Two browsers that take turns with one cookie are told of once an hour, not at each turn.
TAKEN_AGAIN_AFTER = timedelta(hours=1)


def secret_of(request: HttpRequest) -> str:
    secret = request.COOKIES.get(COOKIE, "")
    return secret if len(secret) <= LONGEST_SECRET else ""


def keep_secret(response: HttpResponseBase, secret: str) -> None:
    """Give the browser its secret: no script can read it, no other site send it, no other page is told it."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=COOKIE_SECONDS,
        path=COOKIE_PATH,
        secure=settings.TLS != "off",
        httponly=True,
        samesite="Strict",
    )


def person_here(request: HttpRequest) -> User | None:
    """Who is logged in, where that is no screen."""
    user = request.user
    return user if isinstance(user, User) and user.is_active and user.role != Role.KIOSK else None


def device_here(request: HttpRequest) -> Device | None:
    """The screen that asks, by its session or else by its cookie; None for people, strangers and revoked ones."""
    user = request.user
    if isinstance(user, User):
        if user.role != Role.KIOSK:
            return None
        device = Device.objects.paired().filter(user=user, user__is_active=True).select_related("user").first()
        if device is not None:
            return device
    return Device.objects.valid(secret_of(request))


def enter(request: HttpRequest) -> Device | None:
    """As `device_here`, but it has a session afterwards: a cookie outlives log-ins, restarts and their end."""
    device = device_here(request)
    if device is not None and request.user.pk != device.user_id:
        _log_in(request, device)
    return device


def _log_in(request: HttpRequest, device: Device) -> None:
    """One log-in for each screen: a copied cookie cannot be used quietly beside the real one, they put each other out,
    and owners are told."""
    others = logins(device.user, None)
    login(request, device.user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session[SESSION_MARK] = device.pk
    end_logins(device.user, but=request.session.session_key)
    here = _place(device_words(request.headers.get("User-Agent", "")), request.META.get("REMOTE_ADDR", ""))
    elsewhere = [place for one in others if (place := _place(one.device, one.address)) != here]
    what = taken_over(device)
    recently = AuditEntry.objects.filter(what=what, at__gt=timezone.now() - TAKEN_AGAIN_AFTER)
    if elsewhere and not recently.exists():
        ports.on_change(device.user.username, what, {"used by": elsewhere[0]}, {"used by": here})


def _place(device: str, address: str) -> str:
    return f"{device or 'Unknown device'} at {address or 'an unknown address'}"


def taken_over(device: Device) -> str:
    """The words of the audit entry that tells that another browser has come with this screen's cookie."""
    return f"screen {device.pk} was taken over by another browser"


def note_seen(device: Device) -> None:
    now = timezone.now()
    if device.last_seen_at is None or now - device.last_seen_at > SEEN_EVERY:
        Device.objects.filter(pk=device.pk).update(last_seen_at=now)
