"""What is said when something is wrong: quietly, with a way on, and without telling what the fault was made of."""

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import DisallowedHost
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse

from main.api.errors import busy_response
from main.outside import changed_on_the_way, findings, seen

logger = logging.getLogger(__name__)
P = ParamSpec("P")
# Of a host name that is repeated to whoever sent it.
LONGEST_NAME = 100
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form came without its token: an old page, cookies turned off, or another site posting here.

    Or what is in front does not pass on where the browser is: then no form can work, and the page says why.
    """
    of = seen(request)
    if not changed_on_the_way(of, request.headers.get("Sec-Fetch-Site", "")):
        return _alone("csrf.html", 403)
    lines = [line for one in findings(of) if one.verdict == "wrong" for line in one.lines]
    known = " and ".join(dict.fromkeys(lines))
    logger.warning(
        "forms are refused: the browser is at %s, the house is told %s. For .env: %s", of.origin, of.here, known
    )
    return _alone("csrf.html", 403, {"origin": of.origin, "here": of.here})


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Where the house was asked for by a name it does not know, the page repeats that name and nothing else."""
    asked = request.META.get("HTTP_HOST", "") if isinstance(exception, DisallowedHost) else None
    words = None if asked is None else "".join(sign for sign in str(asked) if sign.isprintable())[:LONGEST_NAME]
    if words is not None:
        logger.warning("asked for by the name «%s», which ALLOWED_HOSTS does not have", words)
    return _alone("400.html", 400, {"asked": words})


def untrusted_proxy() -> HttpResponse:
    return _alone("untrusted_proxy.html", 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The words of a PermissionDenied are written for people; other causes get the page's own."""
    words = str(exception) if exception and exception.args else ""
    return render(request, "403.html", {"words": words}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "404.html", status=404)


def post_only(page: str, anchor: str = "") -> Callable[[View[P]], View[P]]:
    """A view that takes POST alone; whoever opens its address, say from the history, is shown the way to `page`."""

    def only(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            return view(request, *args, **kwargs) if request.method == "POST" else not_allowed(request, page, anchor)

        return checked

    return only


def not_allowed(request: HttpRequest, page: str, anchor: str = "") -> HttpResponse:
    """405 for an address that takes POST alone, with a link to `page` (a route's name), where its form stands."""
    context = {"back": reverse(page) + anchor}
    return HttpResponseNotAllowed(["POST"], render_to_string("405.html", context, request))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls this while the fault is being handled; a database that is only busy is told apart."""
    if not isinstance(sys.exc_info()[1], OperationalError):
        return _alone("500.html", 500)
    if "text/html" not in request.headers.get("Accept", ""):
        return busy_response()
    reply = _alone("503.html", 503)
    reply["Retry-After"] = "5"
    return reply


def _alone(template: str, status: int, context: dict[str, object] | None = None) -> HttpResponse:
    """A page that asks neither the database nor the request: both may be what is broken."""
    return HttpResponse(render_to_string(template, context), status=status)
