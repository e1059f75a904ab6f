"""Who may open a WebSocket, and how what comes in on one is read: the same for every kind of socket of the house."""

import math
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host

from accounts.models import Role
from camera.access import ANONYMOUS, Actor
from main.actors import Login, again, token_actor
from main.kiosk_bounds import SOCKETS as KIOSK_SOCKETS
from main.watchers import in_thread

CLOSED_LOGGED_OUT = 4401
CLOSED_TOO_LONG = 1009
CLOSED_FAILED = 1011


def header(scope: dict[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def right_place(scope: dict[str, Any]) -> bool:
    """Whether the handshake is for this house, and from a page of this house or from no page at all."""
    hosts, origins = header(scope, b"host"), header(scope, b"origin")
    if len(hosts) != 1 or len(origins) > 1:
        return False
    domain, _ = split_domain_port(hosts[0])
    if not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    if settings.TLS != "off" and scope.get("scheme") == "ws":
        # Pages are sent on to https; a socket cannot be.
        return False
    return not origins or (
        urlsplit(origins[0]).netloc.lower() == hosts[0].lower() or origins[0].lower() in settings.CSRF_TRUSTED_ORIGINS
    )


def socket_actor(scope: dict[str, Any]) -> tuple[Actor, Login]:
    """Who opens the socket: a token where the header is there at all, else the log-in session. Reads the database."""
    authorization = header(scope, b"authorization")
    if authorization:
        return token_actor(authorization[0]) if len(authorization) == 1 else (ANONYMOUS, Login())
    cookie = parse_cookie("; ".join(header(scope, b"cookie")))
    login = Login(session_key=cookie.get(settings.SESSION_COOKIE_NAME, ""))
    return again(login), login


def number(value: object, low: float = -1e15, high: float = 1e15) -> float | None:
    """`value` when it is a finite number within the limits, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return None
    return None if math.isnan(value) else value


async def greet(scope: dict[str, Any]) -> tuple[Actor, Login] | None:
    """Who opens the socket, None for one that is not let in: from another place, or nobody the house knows."""
    if not right_place(scope):
        return None
    actor, login = await sync_to_async(in_thread, thread_sensitive=False)(socket_actor, scope)
    return None if actor.user_id is None or _out_of_bounds(scope, actor) else (actor, login)


async def greet_anybody(scope: dict[str, Any]) -> Login | None:
    """How whoever opens the socket proves who they are, which may be not at all: they say more once it is open.

    None for one that is not let in: from another place, or with a token that is not valid.
    """
    if not right_place(scope):
        return None
    actor, login = await sync_to_async(in_thread, thread_sensitive=False)(socket_actor, scope)
    refused = _out_of_bounds(scope, actor) or (header(scope, b"authorization") and not actor.is_known)
    return None if refused else login


def _out_of_bounds(scope: dict[str, Any], actor: Actor) -> bool:
    """A screen of the house has one socket and no other."""
    return actor.role == Role.KIOSK and scope.get("path") not in KIOSK_SOCKETS
