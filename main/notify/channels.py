"""Ways to reach people: made, changed and ended. Addresses are sealed as soon as they are here."""

import json
import secrets
import time
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.digests import digest
from accounts.logins import is_open, name_of
from accounts.models import User
from accounts.paired import ALPHABET
from camera.vault import seal, unseal
from main.notify_models import Channel, Delivery

MOST = 20
CODE_LENGTH = 8
# A mailbox that nobody has confirmed gets no more than one code in this time.
CODE_PAUSE = timedelta(minutes=1)
# And one person has so many codes sent in so many seconds, whatever becomes of the mailboxes: strangers get them.
MOST_CODES, CODES_WITHIN = 5, 3600.0
# Why a browser is not told any more, as its person reads it.
LOGGED_OUT = "logged out there"
Kind = Channel.Kind


class TooManyError(ValueError):
    """Somebody has as many channels, or has had as many codes sent, as one person may."""


def add(user: User, kind: str, name: str, target: str, *, secret: str = "", login: str = "") -> Channel:
    """A new channel of `user`, or the one that has this target already, on again. Raises TooManyError."""
    same = digest(target)
    sealed = {"sealed_target": seal(target), "sealed_secret": seal(secret), "login": login}
    with transaction.atomic():
        known = Channel.objects.filter(user=user, digest=same).first()
        if known is None and user.channels.count() >= MOST:
            raise TooManyError(f"You have {MOST} ways to be reached. Remove one that is not used any more first.")
        values = {"kind": kind, "name": name, "enabled": True, "error": "", **sealed}
        return Channel.objects.update_or_create(user=user, digest=same, defaults=values)[0]


def subscribe(user: User, name: str, target: str, login: str) -> Channel:
    """A browser's subscription, as webpush.subscription makes it. A browser is one person's at a time: what it was
    subscribed to before ends. Raises TooManyError."""
    same = digest(json.loads(target)["endpoint"])
    values = {
        "kind": Kind.WEBPUSH, "name": name, "sealed_target": seal(target), "login": login, "enabled": True, "error": "",
    }  # fmt: skip
    with transaction.atomic():
        Channel.objects.filter(kind=Kind.WEBPUSH, digest=same).exclude(user=user).delete()
        # Another subscription of the same log-in is an older one of the same browser.
        Channel.objects.filter(kind=Kind.WEBPUSH, user=user, login=login).exclude(digest=same).delete()
        known = Channel.objects.filter(user=user, digest=same).first()
        if known is None and user.channels.count() >= MOST:
            raise TooManyError(f"You have {MOST} ways to be reached. Remove one that is not used any more first.")
        return Channel.objects.update_or_create(user=user, digest=same, defaults=values)[0]


def unsubscribe(user: User, endpoint: str) -> None:
    Channel.objects.filter(kind=Kind.WEBPUSH, user=user, digest=digest(endpoint)).delete()


def new_secret() -> str:
    """What a webhook's messages are signed with."""
    return "fws_" + secrets.token_urlsafe(32)


def try_out(channel: Channel) -> bool:
    """Send a trial message; False while one is on its way already, and for an unknown mailbox when there was one a
    moment ago or too many codes went out."""
    trials = Delivery.objects.filter(channel=channel, topic="")
    is_early = is_unconfirmed(channel) and trials.filter(made_at__gt=timezone.now() - CODE_PAUSE).exists()
    if is_early or trials.filter(state__in=["waiting", "sending"]).exists():
        return False
    if is_unconfirmed(channel) and not _may_send_code(channel.user_id):
        return False
    Delivery.objects.create(channel=channel, due_at=timezone.now())
    return True


def _may_send_code(user: int) -> bool:
    """Whether one more code may go out for that person; it is counted."""
    key, now = f"mail-codes-{user}", time.time()
    asked = [at for at in cache.get(key, []) if at > now - CODES_WITHIN]
    if len(asked) >= MOST_CODES:
        return False
    cache.set(key, [*asked, now], CODES_WITHIN)
    return True


def shown(kind: str, target: str) -> str:
    """What of a target may stand on its owner's page: the scheme and host of addresses, all of a mail address."""
    if kind == Kind.EMAIL:
        return target
    parts = urlsplit(json.loads(target)["endpoint"] if kind == Kind.WEBPUSH else target)
    try:
        host = parts.hostname or ""
    except ValueError:
        host = ""
    # Of Apprise's own kinds the host is often the token itself.
    return f"{parts.scheme}://…" if kind == Kind.APPRISE else f"{parts.scheme}://{host}/…"


def add_mail(user: User, address: str) -> Channel:
    """A mail address; it gets a code, and nothing else before that has been typed. Raises TooManyError."""
    known = Channel.objects.filter(user=user, digest=digest(address)).first()
    if known is not None and not is_unconfirmed(known):
        return known
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    made = known or add(user, Kind.EMAIL, address[:80], address, secret=code)
    Channel.objects.filter(pk=made.pk).update(enabled=False)
    if not try_out(made) and known is None:
        made.delete()
        raise TooManyError("Too many codes were sent for you. Wait an hour.")
    return made


def stands(channel: Channel) -> str:
    """How a browser's channel stands: «on», «paused» by its person, or «ended» with the log-in it was subscribed in:
    then it is subscribed anew as soon as they are logged in there again."""
    if channel.kind == Kind.WEBPUSH and (channel.enabled or channel.error == LOGGED_OUT):
        return "on" if channel.enabled and is_open(channel.user, channel.login) else "ended"
    return "on" if channel.enabled else "paused"


def is_unconfirmed(channel: Channel) -> bool:
    return channel.kind == Kind.EMAIL and bool(channel.sealed_secret)


def confirm(channel: Channel, code: str) -> bool:
    """Whether `code` is the one that was sent there; then messages go there from now on."""
    sent = unseal(channel.sealed_secret) if is_unconfirmed(channel) else None
    if not sent or not secrets.compare_digest(sent.encode(), code.strip().upper().encode()):
        return False
    Channel.objects.filter(pk=channel.pk).update(enabled=True, sealed_secret="", error="")  # noqa: S106
    return True


def renew_secret(channel: Channel) -> str:
    """Another secret for a webhook; the one before is worth nothing from now on."""
    secret = new_secret()
    Channel.objects.filter(pk=channel.pk).update(sealed_secret=seal(secret))
    return secret


def keep_after_password(request: HttpRequest, user: User, **kwargs: object) -> None:
    """Receiver of password_changed: the log-in in which it was changed goes on under another key, and so does its
    browser. All others have ended, and theirs with them."""
    before, now = request.COOKIES.get(settings.SESSION_COOKIE_NAME), request.session.session_key
    if before and now:
        Channel.objects.filter(user=user, kind=Kind.WEBPUSH, login=name_of(before)).update(login=name_of(now))
