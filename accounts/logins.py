"""A person's log-ins: each is a session in the database that knows where it began."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.devices import device_words
from accounts.models import User

BEGAN = "login_began"


@dataclass(frozen=True, slots=True)
class LoginSeen:
    """One log-in. `name` stands for its session key, which is never shown."""

    name: str
    device: str
    address: str
    began: datetime | None
    current: bool


def name_of(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()[:32]


def note_login(request: HttpRequest | None, **kwargs: Any) -> None:
    """Receiver of user_logged_in: keep in the session where it began."""
    if request is None or not hasattr(request, "session"):
        return
    request.session[BEGAN] = {
        "at": timezone.now().isoformat(timespec="seconds"),
        "device": device_words(request.headers.get("User-Agent", "")) or "Unknown device",
        "address": request.META.get("REMOTE_ADDR", ""),
    }


def connect() -> None:
    user_logged_in.connect(note_login, dispatch_uid="note_login")


def _sessions(user: User) -> Iterator[tuple[Session, dict[str, Any]]]:
    """Sessions in which `user` is logged in; those from before a change of password are no log-ins any more."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator(500):
        data = session.get_decoded()
        mine = data.get(SESSION_KEY) == str(user.pk)
        if mine and constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            yield session, data


def logins(user: User, current_key: str | None) -> list[LoginSeen]:
    """Every log-in of `user`, this one first, then the newest."""
    found = []
    for session, data in _sessions(user):
        began = data.get(BEGAN) or {}
        found.append(
            LoginSeen(
                name=name_of(session.session_key),
                device=began.get("device") or "Unknown device",
                address=began.get("address", ""),
                began=datetime.fromisoformat(began["at"]) if "at" in began else None,
                current=session.session_key == current_key,
            )
        )
    return sorted(found, key=lambda seen: (seen.current, seen.began.timestamp() if seen.began else 0), reverse=True)


def end_logins(user: User, only: str | None = None, but: str | None = None) -> int:
    """End `user`'s log-ins: the one of the name `only` where given, and never that of the session key `but`."""
    keys = [
        session.session_key
        for session, _ in _sessions(user)
        if session.session_key != but and (only is None or name_of(session.session_key) == only)
    ]
    return Session.objects.filter(session_key__in=keys).delete()[0]


def is_open(user: User, name: str) -> bool:
    """Whether the log-in of that name (`name_of`) still goes on and is `user`'s."""
    keys = Session.objects.filter(expire_date__gt=timezone.now()).values_list("session_key", flat=True)
    key = next((key for key in keys.iterator(500) if name_of(key) == name), None)
    session = Session.objects.filter(pk=key).first() if key is not None else None
    if session is None or not user.is_active:
        return False
    data = session.get_decoded()
    is_theirs = data.get(SESSION_KEY) == str(user.pk)
    return is_theirs and constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
