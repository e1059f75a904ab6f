"""A screen at the door is in anybody's reach: whoever acts as one gets its own page and nothing else of the house."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.deprecation import MiddlewareMixin

from accounts.models import Role

PAGE = "/kiosk/"
# In every session that began with a screen's cookie.
SESSION_MARK = "screen"
WITHIN = (PAGE, settings.STATIC_URL)
# /ws/rings/ never comes here as a request; main/handshake.py says the same of sockets.
EXACTLY = frozenset({"/healthz", "/ws/rings/"})
SOCKETS = frozenset({"/ws/rings/"})


def is_within(path: str) -> bool:
    """Whether that address is one of a screen's own."""
    return path in EXACTLY or path.startswith(WITHIN)


class KioskBounds(MiddlewareMixin):
    """After AuthenticationMiddleware. Tokens never act for a screen (main/actors.py), so the log-in is what counts."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        # Who comes without a log-in is no screen, and is not asked for: /metrics answers without a database, too.
        if is_within(request.path_info) or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        # By the session too: a screen whose user was made an owner is still a screen that hangs at the door.
        if getattr(request.user, "role", "") != Role.KIOSK and SESSION_MARK not in request.session:
            return None
        page = request.method in ("GET", "HEAD") and not request.path_info.startswith("/api/")
        if page and "text/html" in request.headers.get("Accept", ""):
            return redirect(PAGE)
        words = "This is a screen of the house: it has its own page and nothing else."
        return JsonResponse({"error": {"code": "kiosk", "message": words}}, status=403)
