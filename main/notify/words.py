"""Channels, rules and messages in words, for the page of notifications."""

from dataclasses import dataclass
from datetime import datetime, time

from accounts.models import User
from camera.models import Camera, Right
from camera.vault import unseal
from main.notify.channels import shown, stands
from main.notify.expanding import actor_of
from main.notify.rules import first_rule
from main.notify_models import Channel, Delivery, Rule, Topic

DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ON_PAGE = 30


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """One way to be reached, as its person sees it. `waits`: for the code that was sent there; `stands` as
    channels.stands says it."""

    channel: Channel
    where: str
    waits: bool
    stands: str
    fault: str
    fault_at: datetime | None


def channels_of(user: User) -> list[ChannelSeen]:
    return [_seen(channel) for channel in user.channels.all()]


def _seen(channel: Channel) -> ChannelSeen:
    target = unseal(channel.sealed_target)
    where = "kept with another secret key: remove it and enter it again" if not target else shown(channel.kind, target)
    waits = channel.kind == Channel.Kind.EMAIL and not channel.enabled and bool(channel.sealed_secret)
    return ChannelSeen(
        channel, where, waits, stands(channel), channel.error, channel.failed_at if channel.error else None
    )


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """A rule in words. `pk`: None for the one that everybody begins with."""

    pk: int | None
    topics: str
    rest: str
    enabled: bool


def rules_of(user: User, own: bool) -> list[RuleSeen]:
    rules = list(user.rules.all()) if own else [first_rule(user.pk)]
    cameras = dict(Camera.objects.allowed(actor_of(user), Right.WATCH).values_list("pk", "name"))
    channels = dict(user.channels.values_list("pk", "name"))
    return [_rule(rule, cameras, channels) for rule in rules]


def _rule(rule: Rule, cameras: dict[int, str], channels: dict[int, str]) -> RuleSeen:
    topics = _listed([str(Topic(one).label) for one in rule.topics if one in Topic.values])
    where = _listed([cameras.get(one, "one that you may not see") for one in rule.cameras]) or "all cameras"
    ways = _listed([channels[one] for one in rule.channels if one in channels])
    parts = [
        where,
        f"by {ways}" if ways else "by every way",
        hours(rule.days, rule.from_time, rule.to_time) or "at any time",
        f"{rule.minutes} min between two" if rule.minutes else "each by itself",
        "with pictures" if rule.pictures else "without pictures",
    ]
    return RuleSeen(rule.pk, topics[:1].upper() + topics[1:], " · ".join(parts), rule.enabled)


def hours(days: list[int], begin: time | None, end: time | None) -> str:
    """«Mon, Tue 22:00 to 7:00»; empty for always."""
    named = ", ".join(DAY_NAMES[day] for day in sorted(days) if 0 <= day < len(DAY_NAMES))
    clock = f"{begin:%H:%M} to {end:%H:%M}" if begin is not None and end is not None else ""
    return " ".join(word for word in (named, clock) if word)


def _listed(words: list[str]) -> str:
    return ", ".join(words)


@dataclass(frozen=True, slots=True)
class DeliverySeen:
    """One message and what became of it."""

    delivery: Delivery
    what: str
    camera: str
    channel: str
    state: str


def deliveries_of(user: User) -> list[DeliverySeen]:
    """The newest messages to that person."""
    rows = Delivery.objects.filter(channel__user=user).select_related("channel", "event")[:ON_PAGE]
    # The names of those that they may see now, whatever they were told then.
    cameras = dict(Camera.objects.allowed(actor_of(user), Right.WATCH).values_list("pk", "name"))
    return [_delivery(row, cameras) for row in rows]


def _delivery(row: Delivery, cameras: dict[int, str]) -> DeliverySeen:
    what = str(Topic(row.topic).label) if row.topic in Topic.values else "a trial message"
    camera = cameras.get(row.event.camera_id or 0, "") if row.event else ""
    state = str(row.get_state_display())
    if row.state == Delivery.State.WAITING and row.tries:
        state = "is tried again"
    return DeliverySeen(row, what[:1].upper() + what[1:], camera, row.channel.name, state)
