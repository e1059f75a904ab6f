"""Two small rules for every reply."""

import time
import zoneinfo
from typing import ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from main.models import SiteSettings


class PrivateReplies(MiddlewareMixin):
    """No cache between us and the viewer may keep a reply and give it to somebody else."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class HouseTime(MiddlewareMixin):
    """Shows times in the house's zone. The zone is read at most every two seconds."""

    _zone: ClassVar[tuple[float, str]] = (-10.0, "UTC")

    def process_request(self, request: HttpRequest) -> None:
        read_at, name = HouseTime._zone
        if time.monotonic() - read_at > 2:
            name = SiteSettings.load().time_zone
            HouseTime._zone = (time.monotonic(), name)
        timezone.activate(zoneinfo.ZoneInfo(name))
