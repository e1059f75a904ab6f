"""What is said when something is wrong: quietly, with a way on, and without telling what the fault was made of."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form came without its token: an old page, cookies turned off, or another site posting here."""
    return _alone("csrf.html", 403)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _alone("400.html", 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The words of a PermissionDenied are written for people; other causes get the page's own."""
    words = str(exception) if exception and exception.args else ""
    return render(request, "403.html", {"words": words}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    return _alone("500.html", 500)


def _alone(template: str, status: int) -> HttpResponse:
    """A page that asks neither the database nor the request: both may be what is broken."""
    return HttpResponse(render_to_string(template), status=status)
