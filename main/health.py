"""/healthz for whoever keeps the house running, /metrics for its owner."""

import ipaddress
import threading
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from camera.access import ANONYMOUS, Actor
from camera.live.hub import current_hub
from main import actors, meters

# Longer than any healthy database takes, shorter than what a watchdog waits.
DATABASE_SECONDS = 1.0
PLAIN = "text/plain; charset=utf-8"
# Any of these says that the peer speaks for somebody else.
PROXY_HEADERS = {"HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_TRUE_CLIENT_IP", "HTTP_CF_CONNECTING_IP"}


class Probe:
    """Runs a check in a thread of its own, so that a check that hangs makes nobody else hang."""

    def __init__(self, check: Callable[[], bool]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._running: threading.Thread | None = None
        self._good = False

    def ok(self, seconds: float) -> bool:
        """Whether the check succeeds within `seconds`. While an earlier one hangs no other is started."""
        with self._lock:
            if self._running is None or not self._running.is_alive():
                self._good = False
                self._running = threading.Thread(target=self._run, name="health-probe", daemon=True)
                self._running.start()
            running = self._running
        running.join(seconds)
        return not running.is_alive() and self._good

    def _run(self) -> None:
        self._good = self._check()


def database_answers(database: BaseDatabaseWrapper | None = None) -> bool:
    database = database or connections["default"]
    try:
        with database.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        return True
    except DatabaseError:
        return False
    finally:
        database.close()


database_probe = Probe(database_answers)


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when engine, web and database work, else 503; the part that does not is named."""
    parts = {
        "engine": "ok" if current_hub().engine_up() else "down",
        "web": "ok",
        "database": "ok" if database_probe.ok(DATABASE_SECONDS) else "down",
    }
    good = set(parts.values()) == {"ok"}
    body = {"status": "ok" if good else "down", **parts, "version": settings.VERSION}
    reply = JsonResponse(body, status=200 if good else 503)
    # A watchdog that asks every second would fill the log with what it is being told anyway.
    reply._has_been_logged = True  # type: ignore[attr-defined]
    return reply


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for owners, their tokens and scrapers on this machine."""
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        actor = actors.token_actor(authorization)[0]
    else:
        actor = Actor("system") if _from_this_machine(request) else actors.session_actor(request)
    if actor == ANONYMOUS:
        reply = HttpResponse("Owners only: log in or send a token.\n", status=401, content_type=PLAIN)
        reply["WWW-Authenticate"] = 'Bearer realm="Fairwatch"'
        return reply
    if actor.kind != "system" and not actor.is_owner:
        return HttpResponse("Owners only.\n", status=403, content_type=PLAIN)
    return HttpResponse(meters.scrape(), content_type=meters.CONTENT_TYPE)


def _from_this_machine(request: HttpRequest) -> bool:
    """A loopback peer that speaks for itself; a proxy on this machine brings the whole world's requests."""
    if any(name in PROXY_HEADERS or name.startswith("HTTP_X_FORWARDED") for name in request.META):
        return False
    try:
        peer = ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "")
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return bool((mapped or peer).is_loopback)
