"""Every error of the API in one shape: {"error": {"code": "…", "message": "…"}}."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from camera.commands import EngineDownError
from main.moving import MoveRefusedError
from main.recording_control import NoSuchSessionError, RecordRefusedError

logger = logging.getLogger(__name__)
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    408: "too_slow",
    415: "unsupported_media_type",
    429: "too_many_requests",
    502: "failed",
    503: "engine_down",
}
WORDS = {
    400: "The request cannot be read.",
    401: "Log in, or send a valid token: Authorization: Bearer TOKEN.",
    403: "You may not do this.",
    404: "There is nothing here, or nothing you may see.",
    413: "The request is too large.",
    429: "Too many requests; try again later.",
    503: "The engine does not answer; nothing was changed. Try again in a few seconds.",
    500: "Something went wrong here; the server's log says what.",
}
# A subclass stands before its base.
STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (NoSuchSessionError, 404),
    (Http404, 404),
    (RecordRefusedError, 409),
    (EngineDownError, 503),
    (PermissionDenied, 403),
    (RequestDataTooBig, 413),
    (SuspiciousOperation, 400),
)
# Those whose words are written for people.
TOLD = (PermissionDenied, NoSuchSessionError, RecordRefusedError)


def error_response(status: int, message: str = "", code: str = "") -> JsonResponse:
    """An error reply; code and message default to what the status usually means."""
    body = {"code": code or CODES.get(status, "server_error"), "message": message or WORDS.get(status, "Not possible.")}
    response = JsonResponse({"error": body}, status=status)
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Fairwatch"'
    return response


def busy_response() -> JsonResponse:
    """The database is locked by somebody else, or away for a moment."""
    response = error_response(503, "The house is busy; nothing was changed. Try again in a few seconds.", "busy")
    response["Retry-After"] = "5"
    return response


def reply_to(exception: Exception) -> HttpResponse:
    """The reply to whatever a view raised; what is not foreseen is logged and told as 500 without details."""
    if isinstance(exception, HttpError):
        # The library's own words for 401 and 403 tell people nothing.
        known = exception.status_code in (401, 403)
        return error_response(exception.status_code, "" if known else exception.message)
    if isinstance(exception, ValidationError):
        return error_response(400, _words(exception), "invalid_parameter")
    if isinstance(exception, OperationalError):
        logger.warning("the database is busy: %s", exception)
        return busy_response()
    if isinstance(exception, MoveRefusedError):
        return error_response(exception.status, str(exception), exception.code)
    for kind, status in STATUSES:
        if isinstance(exception, kind):
            return error_response(status, str(exception) if isinstance(exception, TOLD) else "")
    logger.error("The API failed", exc_info=exception)
    return error_response(500)


def _words(exception: ValidationError) -> str:
    """'from: a date …; cursor: …', without repeating what was sent."""
    return "; ".join(f"{error['loc'][-1]}: {_sentence(error)}" for error in exception.errors)


def _sentence(error: dict[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def install(api: NinjaAPI) -> None:
    def handle(request: HttpRequest, exception: Any) -> HttpResponse:
        return reply_to(exception)

    for kind in (Exception, Http404, HttpError, ValidationError):
        api.add_exception_handler(kind, handle)
