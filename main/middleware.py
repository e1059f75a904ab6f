"""Small rules for every request and reply."""

import logging
import time
import zoneinfo
from typing import ClassVar

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from accounts.logins import BEGAN
from main.models import SiteSettings

logger = logging.getLogger(__name__)
# These show none, and must answer at once when the database is away.
WITHOUT_TIMES = ("/healthz", "/metrics")
# The day on which a log-in was used last.
USED = "login_used"


class PrivateReplies(MiddlewareMixin):
    """No cache between us and the viewer may keep a reply and give it to somebody else."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class LastingLogins(MiddlewareMixin):
    """A log-in that is used goes on: once a day it gets its whole time again. One that nobody uses ends."""

    def process_request(self, request: HttpRequest) -> None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.path in WITHOUT_TIMES:
            return
        try:
            began = request.session.get(BEGAN)
        except DatabaseError:
            return  # whoever needs it says so
        today = f"{timezone.now():%Y-%m-%d}"
        if isinstance(began, dict) and request.session.get(USED, str(began.get("at", ""))[:10]) != today:
            request.session[USED] = today


class HouseTime(MiddlewareMixin):
    """Shows times in the house's zone, read at most every two seconds; without a database the last one stays."""

    _zone: ClassVar[tuple[float, str]] = (-10.0, settings.TIME_ZONE)

    def process_request(self, request: HttpRequest) -> None:
        read_at, name = HouseTime._zone
        if time.monotonic() - read_at > 2 and request.path not in WITHOUT_TIMES:
            try:
                # Only reads: a request must not wait for a database that somebody else is writing to.
                name = SiteSettings.objects.filter(pk=1).values_list("time_zone", flat=True).first() or name
            except DatabaseError:
                logger.warning("the house's time zone cannot be read; the last one stays")
            HouseTime._zone = (time.monotonic(), name)
        timezone.activate(zoneinfo.ZoneInfo(name))
