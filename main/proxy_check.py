"""TLS=proxy behind a proxy that is not trusted: said plainly, where browsers would be sent in a circle for ever."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from main.outside import trusted_line
from main.pages.errors import untrusted_proxy

logger = logging.getLogger(__name__)
# Peers that the log has been told of; an attacker could come from many.
MOST_TOLD = 20


class ProxyCheck:
    """Without it the request is sent on to https, where it came from: the proxy's word for that is not believed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.told: set[str] = set()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.TLS != "proxy" or request.is_secure() or request.path == "/healthz":
            return self.get_response(request)
        if request.headers.get("X-Forwarded-Proto", "").strip().lower() != "https":
            return self.get_response(request)
        self._tell(request.META.get("REMOTE_ADDR") or "")
        return untrusted_proxy()

    def _tell(self, peer: str) -> None:
        if peer not in self.told and len(self.told) < MOST_TOLD:
            self.told.add(peer)
            logger.warning(
                "a proxy at %s says https but is not trusted; if it is yours, write %s into .env",
                peer,
                trusted_line(peer),
            )
