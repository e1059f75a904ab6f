"""Who asks the API: a token where an Authorization header is there at all, else the log-in session with CSRF."""

from django.conf import settings
from django.http import HttpRequest
from ninja.errors import AuthenticationError, AuthorizationError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from camera.access import Actor
from main import actors

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class TokenAuth(HttpBearer):
    """A header that is there but not valid ends the request: it never falls back to the cookie."""

    def __call__(self, request: HttpRequest) -> Actor | None:
        authorization = request.headers.get("Authorization")
        return None if authorization is None else self.authenticate(request, authorization)

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        """The actor behind the whole header `token`. Raises AuthenticationError."""
        scheme = token.strip().partition(" ")[0].lower()
        actor, _ = actors.token_actor(token) if scheme == self.openapi_scheme else (None, None)
        if actor is None or actor.user_id is None:
            raise AuthenticationError
        return actor


class SessionAuth(APIKeyCookie):
    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Actor | None:
        return self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        """The logged-in person, or None. Raises AuthorizationError for a change without the CSRF token."""
        actor = actors.session_actor(request)
        if actor.user_id is None:
            return None
        if request.method not in SAFE_METHODS and check_csrf(request) is not None:
            raise AuthorizationError
        return actor


HOUSE_AUTH = [TokenAuth(), SessionAuth()]


def actor_of(request: HttpRequest) -> Actor:
    """Who is asking. Raises AuthenticationError for nobody and AuthorizationError for a forged change."""
    for auth in HOUSE_AUTH:
        actor: Actor | None = auth(request)
        if actor is not None:
            return actor
    raise AuthenticationError
