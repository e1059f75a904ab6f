"""A claimed message becomes a job for the threads that send: worded, with its rights asked once more."""

import logging
from pathlib import Path

from django.conf import settings

from accounts.logins import is_open
from camera.models import Event, Right
from camera.paths import UnsafePathError
from camera.vault import unseal
from main import attention
from main.models import SiteSettings
from main.notify import claims, keys, messages
from main.notify.channels import LOGGED_OUT, is_unconfirmed
from main.notify.claims import Claim
from main.notify.expanding import actor_of, may_know, rights
from main.notify.jobs import House, Job, Message, Outcome, Result
from main.notify.messages import Told
from main.notify_models import Channel

logger = logging.getLogger(__name__)
NOT_ALLOWED, SWITCHED_OFF = "not allowed to see it any more", "switched off"
MOST_COUNTED = 99


def job_of(claim: Claim) -> Job | None:
    """The job, or None when nothing is left to be sent: then what became of it is written down already."""
    channel = claim.channel
    refusal = _refusal(channel, is_trial=not claim.deliveries[0].topic)
    target, secret = unseal(channel.sealed_target), unseal(channel.sealed_secret)
    if refusal is None and (not target or secret is None):
        refusal = Outcome(Result.GONE, "it was kept with another secret key; enter it again")
    if refusal is not None:
        claims.finish(claim, refusal)
        return None
    message = _message(claim, secret or "")
    if message is None or target is None or secret is None:
        return None
    leader = claim.deliveries[0]
    return Job(leader.pk, channel.pk, channel.kind, target, secret, message, _house(), _picture(leader.event, message))


def _refusal(channel: Channel, is_trial: bool) -> Outcome | None:
    if not channel.enabled and not (is_trial and is_unconfirmed(channel)):
        return Outcome(Result.REFUSED, SWITCHED_OFF)
    if not actor_of(channel.user).is_known:
        return Outcome(Result.REFUSED, NOT_ALLOWED)
    if channel.kind == Channel.Kind.WEBPUSH and not is_open(channel.user, channel.login):
        return Outcome(Result.GONE, LOGGED_OUT)
    return None


def _message(claim: Claim, secret: str) -> Message | None:
    """None when none of the events may be told of any more."""
    if not claim.deliveries[0].topic:
        return messages.code(secret) if is_unconfirmed(claim.channel) else messages.trial(claim.channel.name)
    told = []
    for one in list(claim.deliveries):
        if one.event is None or one.event.delete_requested_at is not None:
            claims.drop(claim, one, "deleted meanwhile")
            continue
        held = rights(claim.channel.user, one.event)
        if may_know(held, one.topic):
            told.append(Told(one, one.event, one.topic, Right.PLAYBACK in held))
        else:
            claims.drop(claim, one, NOT_ALLOWED)
    if not told:
        return None
    badge = min(MOST_COUNTED, attention.badge(actor_of(claim.channel.user)).unseen)
    return messages.one(told[0], badge) if len(told) == 1 else messages.several(told, badge)


def _house() -> House:
    row = SiteSettings.load()
    return House(
        row.site_name, row.house_url.rstrip("/"), keys.private_key(), settings.RUN_DIR, settings.ALLOW_LOOPBACK_CAMERAS
    )


def _picture(event: Event | None, message: Message) -> Path | None:
    if event is None or message.picture_of != event.pk:
        return None
    try:
        return event.picture_path()
    except UnsafePathError as error:
        logger.warning("the picture of event %d cannot be sent along: %s", event.pk, error)
        return None
