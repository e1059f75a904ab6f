"""Announcements into deliveries: who is told, on which ways, and when at the earliest."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Role, User
from camera.access import Actor, rights_on, rights_on_lost
from camera.models import Event, Right
from main.notify.rules import first_rule, quiet_until, wants
from main.notify_models import Announcement, Channel, Delivery, NotifyChoice, Rule, Topic

logger = logging.getLogger(__name__)
AT_ONCE = 500
PICTURE_KINDS = frozenset({Topic.PERSON, Topic.VEHICLE, Topic.ANIMAL, Topic.MOTION})
# Those that are told alone and at once.
URGENT = frozenset({Topic.RING, Topic.SPILL})
# So long an announcement waits for its picture, or for others that are told together with it. Seconds.
PATIENCE = {Topic.RING: 1.5, Topic.SPILL: 1.5}
USUAL_PATIENCE = 3.0
# What may be known of by looking back alone; all others by whoever may watch.
OF_THE_PAST = PICTURE_KINDS
State = Delivery.State


def actor_of(user: User) -> Actor:
    """The actor that messages to `user` are made for; nobody for who may not log in, or is a screen."""
    if not user.is_active or user.role == Role.KIOSK:
        return Actor("anonymous")
    return Actor("user", user.pk, user.role, user.username)


def rights(user: User, event: Event) -> frozenset[str]:
    """Every right of `user` on the camera of `event`."""
    actor = actor_of(user)
    return rights_on_lost(actor) if event.camera is None else rights_on(actor, event.camera)


def may_know(held: frozenset[str], topic: str) -> bool:
    """Whether one who has these rights may be told of it at all."""
    return (Right.PLAYBACK if topic in OF_THE_PAST else Right.WATCH) in held


@dataclass(slots=True)
class _Person:
    """Somebody with at least one way to be reached."""

    user: User
    channels: list[Channel] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    choice: NotifyChoice | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """What the rules that fit make of one channel."""

    minutes: int
    pictures: bool


def expand() -> float | None:
    """Make deliveries of the announcements that are ripe. Seconds until the next one is, or None when none waits."""
    waiting = Announcement.objects.filter(expanded_at=None).select_related("event__camera")[:AT_ONCE]
    now, next_ripe, ripe = timezone.now(), None, []
    for one in waiting:
        left = _patience(one, now)
        if left <= 0:
            ripe.append(one)
        else:
            next_ripe = left if next_ripe is None else min(left, next_ripe)
    if ripe:
        people = _people()
        for one in ripe:
            _expand(one, people, now)
        if len(ripe) == AT_ONCE:
            return 0.0
    return next_ripe


def _patience(one: Announcement, now: datetime) -> float:
    """Seconds that this one may still wait; a clock that was set back holds nothing up."""
    topic = Topic(one.topic)
    has_picture = bool(one.event.image) and (topic in PATIENCE or topic in PICTURE_KINDS)
    age = abs((now - one.made_at).total_seconds())
    return 0.0 if has_picture else PATIENCE.get(topic, USUAL_PATIENCE) - age


def _people() -> list[_Person]:
    people: dict[int, _Person] = {}
    found = Channel.objects.filter(enabled=True, user__is_active=True).exclude(user__role=Role.KIOSK)
    for channel in found.select_related("user").order_by("pk"):
        people.setdefault(channel.user_id, _Person(channel.user)).channels.append(channel)
    for choice in NotifyChoice.objects.filter(user_id__in=people):
        people[choice.user_id].choice = choice
    for rule in Rule.objects.filter(user_id__in=people, enabled=True):
        people[rule.user_id].rules.append(rule)
    for person in people.values():
        if person.choice is None or not person.choice.own_rules:
            person.rules = [first_rule(person.user.pk)]
    return list(people.values())


@transaction.atomic
def _expand(one: Announcement, people: Iterable[_Person], now: datetime) -> None:
    if not Announcement.objects.filter(pk=one.pk, expanded_at=None).update(expanded_at=now):
        return
    if one.event.delete_requested_at is not None:
        return
    made = []
    for person in people:
        try:
            made += _for(person, one, now)
        except (TypeError, ValueError, AttributeError):
            # Somebody has put into a row by hand what is no rule; the others are told all the same.
            logger.exception("the rules of person %d cannot be read", person.user.pk)
    Delivery.objects.bulk_create(made, ignore_conflicts=True)


def _for(person: _Person, one: Announcement, now: datetime) -> list[Delivery]:
    """What one person is to get of it; nothing where they may not know."""
    ways = _ways(person, one)
    if not ways or not may_know(rights(person.user, one.event), one.topic):
        return []
    return [_delivery(one, channel, way, person.choice, now) for channel, way in ways]


def _ways(person: _Person, one: Announcement) -> list[tuple[Channel, _Way]]:
    """The person's channels that a rule names for this; of several rules the most generous counts."""
    at = timezone.localtime(one.event.started_at)
    fitting = [rule for rule in person.rules if wants(rule, one.topic, one.event.camera_id, at)]
    found: dict[int, list[Rule]] = defaultdict(list)
    for rule in fitting:
        for channel in person.channels:
            if not rule.channels or channel.pk in rule.channels:
                found[channel.pk].append(rule)
    return [
        (channel, _Way(min(rule.minutes for rule in rules), any(rule.pictures for rule in rules)))
        for channel in person.channels
        if (rules := found.get(channel.pk))
    ]


def _delivery(one: Announcement, channel: Channel, way: _Way, choice: NotifyChoice | None, now: datetime) -> Delivery:
    due = now if one.topic == Topic.RING else _paced(one, channel, way.minutes, now)
    quiet = quiet_until(choice, one.topic, timezone.localtime(due))
    return Delivery(
        channel=channel, announcement=one, event=one.event, topic=one.topic, pictures=way.pictures, due_at=quiet or due
    )


def _paced(one: Announcement, channel: Channel, minutes: int, now: datetime) -> datetime:
    """When the rule's pace lets this be told: with the one that waits already, or so long after the last one."""
    same = Delivery.objects.filter(channel=channel, topic=one.topic, event__camera=one.event.camera_id)
    last = same.exclude(state=State.FAILED).order_by("-pk").first()
    if last is None:
        return now
    if last.state == State.WAITING:
        return max(now, last.due_at)
    begin = now if last.sent_at is None else last.sent_at
    # A clock that was set back must not hold it for longer than the rule says.
    return max(now, min(begin, now) + timedelta(minutes=minutes))
