"""The outbox's other end: what is due is claimed, and what became of it is written down.

A claim is a conditional UPDATE, so that two notifiers never send the same. Between the sending and the mark a crash
may fall: such a message is sent once more (docs/notifications.md says what that means on each way).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from main.notify.expanding import URGENT
from main.notify.jobs import Outcome, Result
from main.notify.rules import quiet_until
from main.notify_models import Channel, Delivery, NotifyChoice, Topic

State = Delivery.State
AT_ONCE = 500
# Of the clock; smaller ones are put right by waiting.
STEP = timedelta(minutes=1)
# Longer than any sending may take.
LEASE = timedelta(seconds=120)
# Seconds until the next try after the first, second … failure; then always the last.
BACKOFF = (5, 15, 60, 300, 900, 3600)
GIVE_UP = timedelta(hours=24)
# A ring is told alone while it is news; what waited for longer, here or in a screen or button without a line, is told
# with the others.
NEWS = timedelta(minutes=2)
# The database tells these apart by an index of its own only when they stand in the statement itself.
_ANYTHING = (
    "SELECT (SELECT 1 FROM main_announcement WHERE expanded_at IS NULL LIMIT 1), "
    "(SELECT 1 FROM main_delivery WHERE state IN ('waiting', 'sending') LIMIT 1)"
)
_OPEN = "main_delivery.state IN ('waiting', 'sending')"


@dataclass(frozen=True, slots=True)
class Claim:
    """One message to one channel: the deliveries that it tells of, the first one its leader."""

    channel: Channel
    deliveries: list[Delivery]
    token: str


def _open() -> QuerySet[Delivery]:
    return Delivery.objects.extra(where=[_OPEN])  # noqa: S610 (words of our own)


def anything() -> bool:
    """Whether anything waits at all: one question, for the thousands of times when nothing does."""
    with connection.cursor() as cursor:
        cursor.execute(_ANYTHING)
        return any(cursor.fetchone())


def release(name: str) -> int:
    """Give back what a notifier of this `name` held when it ended: it is dead, this one has its lock."""
    held = Delivery.objects.filter(state=State.SENDING, claimed_by__startswith=f"{name}-")
    return held.update(state=State.WAITING, claimed_by="", claimed_until=None)


def next_due(busy: Iterable[int]) -> datetime | None:
    """When the next delivery is due, or a claim ends that nobody answers for; those of `busy` channels wait anyway."""
    found = _open().exclude(channel__in=list(busy)).annotate(when=Coalesce("claimed_until", "due_at"))
    return found.order_by("when").values_list("when", flat=True).first()


def claim_due(busy: Iterable[int], token: str, most: int) -> list[Claim]:
    """Claim one message for each channel that is not `busy` and has any due, for `most` channels, oldest first."""
    now = timezone.now()
    # Made in the future: the clock was set back, and their times are worth nothing.
    ripe = Q(due_at__lte=now) | Q(made_at__gt=now + STEP)
    free = (Q(state=State.WAITING) & ripe) | Q(state=State.SENDING, claimed_until__lte=now)
    due = _open().filter(free).exclude(channel__in=list(busy))
    found: dict[int, list[Delivery]] = {}
    for one in due.select_related("channel__user", "event__camera", "announcement").order_by("due_at", "pk")[:AT_ONCE]:
        found.setdefault(one.channel_id, []).append(one)
    claims = [_claim(_together(waiting, now), token, now) for waiting in list(found.values())[:most]]
    return [one for one in claims if one is not None]


def _together(waiting: list[Delivery], now: datetime) -> list[Delivery]:
    """Those of one channel that make one message: a fresh ring and a trial alone, what is urgent in front."""
    for one in waiting:
        rang = one.made_at if one.event is None else min(one.made_at, one.event.started_at)
        is_news = one.topic == Topic.RING and now - rang < NEWS
        if is_news or not one.topic:
            return [one]
    return sorted(waiting, key=lambda one: (one.topic not in URGENT, -one.pk))


def _claim(chosen: list[Delivery], token: str, now: datetime) -> Claim | None:
    free = Q(state=State.WAITING) | Q(state=State.SENDING, claimed_until__lte=now)
    with transaction.atomic():
        mine = Delivery.objects.filter(free, pk__in=[one.pk for one in chosen])
        taken = mine.update(state=State.SENDING, claimed_by=token, claimed_until=now + LEASE, tries=F("tries") + 1)
        if taken != len(chosen):
            held = Delivery.objects.filter(pk__in=[one.pk for one in chosen], claimed_by=token, state=State.SENDING)
            still = set(held.values_list("pk", flat=True))
            chosen = [one for one in chosen if one.pk in still]
    for one in chosen:
        one.tries += 1
    return Claim(chosen[0].channel, chosen, token) if chosen else None


def finish(claim: Claim, outcome: Outcome) -> None:
    """Write down what became of the message."""
    now = timezone.now()
    with transaction.atomic():
        if outcome.result == Result.SENT:
            _sent(claim, now)
        elif outcome.result == Result.AGAIN:
            _later(claim, outcome, now)
        else:
            _held(claim).update(state=State.FAILED, error=outcome.words[:200], claimed_until=None)
            _failing(claim, outcome, now)
        if outcome.result == Result.GONE:
            _end(claim.channel, outcome.words)


def _held(claim: Claim) -> QuerySet[Delivery]:
    pks = [one.pk for one in claim.deliveries]
    return Delivery.objects.filter(pk__in=pks, state=State.SENDING, claimed_by=claim.token)


def drop(claim: Claim, delivery: Delivery, words: str) -> None:
    """Take one out of a message: it may not be told to them any more."""
    mine = Delivery.objects.filter(pk=delivery.pk, state=State.SENDING, claimed_by=claim.token)
    mine.update(state=State.FAILED, error=words[:200], claimed_until=None)
    claim.deliveries.remove(delivery)


def _sent(claim: Claim, now: datetime) -> None:
    leader = claim.deliveries[0].pk
    usual = {"claimed_until": None, "sent_at": now, "error": ""}
    _held(claim).exclude(pk=leader).update(state=State.GROUPED, **usual)
    _held(claim).filter(pk=leader).update(state=State.SENT, **usual)
    Channel.objects.filter(pk=claim.channel.pk).update(sent_at=now, error="")


def _later(claim: Claim, outcome: Outcome, now: datetime) -> None:
    choice = NotifyChoice.objects.filter(user=claim.channel.user_id).first()
    for one in claim.deliveries:
        wait = max(outcome.wait, BACKOFF[min(one.tries, len(BACKOFF)) - 1])
        due = now + timedelta(seconds=wait)
        due = quiet_until(choice, one.topic, timezone.localtime(due)) or due if one.topic else due
        is_over = now - one.made_at > GIVE_UP if one.topic else one.tries >= 3
        _held(claim).filter(pk=one.pk).update(
            state=State.FAILED if is_over else State.WAITING, due_at=due, claimed_by="", claimed_until=None,
            error=outcome.words[:200],
        )  # fmt: skip
    _failing(claim, outcome, now)


def _failing(claim: Claim, outcome: Outcome, now: datetime) -> None:
    Channel.objects.filter(pk=claim.channel.pk).update(failed_at=now, error=outcome.words[:200])


def _end(channel: Channel, words: str) -> None:
    """The target is no more: nothing else is sent there."""
    Channel.objects.filter(pk=channel.pk).update(enabled=False, error=words[:200])
    waiting = Delivery.objects.filter(channel=channel, state=State.WAITING)
    waiting.update(state=State.FAILED, error=words[:200])
