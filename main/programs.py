"""Who asks, where a camera's own program may as well: by a token, by the camera's key, else by the log-in session."""

from django.http import HttpRequest, HttpResponse

from camera.access import Actor
from camera.keys import guessable
from main.actors import Login, key_actor, stream_actor
from main.pushing.keyring import current_wrong_keys

KEY_HEADER = "X-Camera-Auth"


class TooManyWrongKeysError(Exception):
    """Nothing that comes from this address is compared for `wait` seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.wait = wait

    def reply(self) -> HttpResponse:
        words = "Too many wrong keys or passwords came from your address. Try again in a minute."
        headers = {"Retry-After": str(self.wait)}
        return HttpResponse(words, status=429, content_type="text/plain; charset=utf-8", headers=headers)


def program_actor(request: HttpRequest) -> tuple[Actor, Login]:
    """The actor behind Authorization where that header is there at all, else behind X-Camera-Auth, else the log-in.

    A header that is there never falls back to another one or to the cookie: anonymous when it is not valid. Raises
    TooManyWrongKeysError.
    """
    given = request.headers.get(KEY_HEADER)
    if given is None or "Authorization" in request.headers:
        return stream_actor(request)
    counts = guessable(given)
    if counts:
        check_tries(request)
    actor, login = key_actor(_as_sent(given))
    if counts and not actor.is_known:
        note_wrong(request)
    return actor, login


def check_tries(request: HttpRequest) -> None:
    """Raises TooManyWrongKeysError while nothing is to be compared that comes from there."""
    wait = current_wrong_keys.too_many(_address(request))
    if wait:
        raise TooManyWrongKeysError(wait)


def note_wrong(request: HttpRequest) -> None:
    """A wrong key or password came from there."""
    current_wrong_keys.note(_address(request))


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR") or "")


def _as_sent(value: str) -> str:
    """Django reads headers as Latin-1; a key that somebody chose may be UTF-8, as when pictures are sent with it."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
