"""django-ninja fitted to the house: its own log-in rules, one shape of errors, an answer for every path."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

from main.api import errors
from main.api.auth import actor_of

View = Callable[..., HttpResponse]


def guarded(view: View, ask_who: bool = False) -> View:
    """`view` outside the redirect to the log-in page, with errors as JSON; `ask_who`: for people of the house only.

    CSRF is checked where the log-in session is taken (main/api/auth.py), for a token needs none. A view that is a
    coroutine stays one; `ask_who` is not for these.
    """
    if iscoroutinefunction(view):
        return _guarded_coroutine(view)

    @csrf_exempt
    @login_not_required
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if ask_who:
                actor_of(request)
            return _told(view(request, *args, **kwargs))
        except Exception as exception:  # noqa: BLE001 (the top of the API: whatever happens is told in its shape)
            return errors.reply_to(exception)

    return wrapper


def _guarded_coroutine(view: Callable[..., Any]) -> View:
    @csrf_exempt
    @login_not_required
    @wraps(view)
    async def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return _told(await view(request, *args, **kwargs))
        except Exception as exception:  # noqa: BLE001 (as above)
            return errors.reply_to(exception)

    return wrapper  # type: ignore[return-value]


def _told(response: HttpResponse) -> HttpResponse:
    """The response, with the library's 405 in the API's shape."""
    if isinstance(response, HttpResponseNotAllowed):
        allowed = response["Allow"]
        response = errors.error_response(405, f"Only {allowed} here.")
        response["Allow"] = allowed
    return response


def nothing_here(request: HttpRequest) -> HttpResponse:
    return errors.error_response(404)


class DocsPage(DocsBase):
    """The page for people, inside the house's own."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        return render(request, "api_docs.html", {"openapi_url": self.get_openapi_url(api, kwargs)})


class HouseAPI(NinjaAPI):
    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        patterns, app, namespace = super().urls
        fitted = [_fitted(pattern) for pattern in patterns]
        return [*fitted, re_path(r"", guarded(nothing_here), name="nothing")], app, namespace


def _fitted(pattern: URLResolver | URLPattern) -> URLResolver | URLPattern:
    # The page for people keeps the ordinary rule: who is not logged in is sent to the log-in page.
    if not isinstance(pattern, URLPattern) or pattern.name == "openapi-view":
        return pattern
    view = guarded(pattern.callback, ask_who=pattern.name == "openapi-json")
    return URLPattern(pattern.pattern, view, pattern.default_args, pattern.name)
