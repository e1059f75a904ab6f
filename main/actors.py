"""Requests into actors: who is asking, by log-in session or by token. Anything odd is nobody (fail closed)."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from accounts.models import ApiToken, JoinLink, Role, User, digest
from camera import keys
from camera.access import ANONYMOUS, Actor
from main.kiosk_bounds import SESSION_MARK


@dataclass(frozen=True, slots=True)
class Login:
    """How somebody proved who they are, kept by long-lived connections so that it can be asked again.

    Exactly one of them is set: the log-in session's key, or the digest of a token, a camera's key or a join link.
    """

    session_key: str = ""
    token_digest: str = ""
    key_digest: str = ""
    link_digest: str = ""


def user_actor(user: Any, key: str = "") -> Actor:
    if not isinstance(user, User) or not user.is_active:
        return ANONYMOUS
    return Actor("user", user.pk, user.role, user.username, key)


def _actor_of(token: ApiToken) -> Actor:
    # A screen of the house has its own page and no programs.
    if not token.user.is_active or token.user.role == Role.KIOSK:
        return ANONYMOUS
    # What is no list of names leaves it nothing.
    scopes = (
        None if token.scopes is None else frozenset(map(str, token.scopes if isinstance(token.scopes, list) else ()))
    )
    user = token.user
    return Actor("token", user.pk, user.role, user.username, f"token-{token.pk}", scopes)


def session_actor(request: HttpRequest) -> Actor:
    """The actor of a page: the logged-in person. Call from a thread, it may read the database."""
    key = request.session.session_key or ""
    return user_actor(request.user, hashlib.sha256(key.encode()).hexdigest()[:32])


def header_secret(authorization: str) -> str | None:
    """The token in an Authorization header, Bearer or Basic (any name, token as password); None when malformed."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def token_actor(authorization: str) -> tuple[Actor, Login]:
    """The actor behind an Authorization header; anonymous when the token is not valid."""
    secret = header_secret(authorization)
    token = ApiToken.objects.valid(secret) if secret and len(secret) <= 200 else None
    if token is None:
        return ANONYMOUS, Login()
    return _actor_of(token), Login(token_digest=token.digest)


def key_actor(secret: str) -> tuple[Actor, Login]:
    """The actor behind the header X-Camera-Auth; anonymous when no camera has that key."""
    actor = keys.actor_of(secret)
    return actor, Login(key_digest=digest(secret)) if actor.is_known else Login()


def link_actor(link: JoinLink | None) -> Actor:
    """The actor who holds a join link; anonymous for none."""
    if link is None:
        return ANONYMOUS
    return Actor("link", name=f"guest of {link.made_by.username}", key=f"link-{link.pk}", camera=link.camera)


def stream_actor(request: HttpRequest) -> tuple[Actor, Login]:
    """For streams, pictures and the API: a token where the header is there at all, else the log-in session."""
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        return token_actor(authorization)
    return session_actor(request), Login(session_key=request.session.session_key or "")


def again(login: Login) -> Actor:
    """Ask once more who is behind `login`: anonymous after log-out, a password change or the token's end."""
    if login.token_digest:
        token = ApiToken.objects.valid_digest(login.token_digest)
        return _actor_of(token) if token else ANONYMOUS
    if login.key_digest:
        return keys.actor_of_digest(login.key_digest)
    if login.link_digest:
        return link_actor(JoinLink.objects.valid_digest(login.link_digest))
    if not login.session_key:
        return ANONYMOUS
    store = import_module(settings.SESSION_ENGINE).SessionStore(login.session_key)
    key = hashlib.sha256(login.session_key.encode()).hexdigest()[:32]
    actor = user_actor(get_user(SimpleNamespace(session=store)), key)  # type: ignore[arg-type]
    # Sockets never pass the middleware that keeps screens to their page: what a screen's session has become is nobody.
    return ANONYMOUS if actor.role != Role.KIOSK and SESSION_MARK in store else actor
