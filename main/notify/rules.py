"""When somebody wants to be told: windows of hours by the house's clock. Plain values, no database."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Protocol

from main.notify_models import BY_DEFAULT, Rule, Topic

WEEK = 8
# What the rule that everybody begins with leaves between two messages.
MINUTES = 5


class Quiet(Protocol):
    """What somebody has chosen (NotifyChoice)."""

    quiet_from: time | None
    quiet_to: time | None
    quiet_days: list[int]
    rings_anyway: bool


def first_rule(user: int) -> Rule:
    """The rule that everybody begins with; not saved."""
    return Rule(user_id=user, topics=[topic.value for topic in BY_DEFAULT], minutes=MINUTES)


def within(at: datetime, days: Sequence[int], begin: time | None, end: time | None) -> bool:
    """Whether `at` (local) lies in a window. What goes over midnight belongs to the day on which it begins; both times
    alike, or none: the whole day."""
    moment, day = at.time(), at.weekday()
    if begin is None or end is None or begin == end:
        inside = True
    elif begin < end:
        inside = begin <= moment < end
    else:
        inside = moment >= begin or moment < end
        if moment < end:
            day = (day - 1) % 7
    return inside and (not days or day in days)


def quiet_until(choice: Quiet | None, topic: str, at: datetime) -> datetime | None:
    """The end of the quiet hours that `at` (local, aware) lies in, for this topic; None while nothing is held back."""
    if choice is None or choice.quiet_from is None or choice.quiet_to is None:
        return None
    if topic == Topic.RING and choice.rings_anyway:
        return None
    end = at
    for _ in range(WEEK):
        if not within(end, choice.quiet_days, choice.quiet_from, choice.quiet_to):
            return None if end == at else end
        end = _next(end, choice.quiet_to)
    return end


def _next(at: datetime, clock: time) -> datetime:
    """The next time after `at` that clocks show `clock`."""
    day = at.date() if at.time() < clock else at.date() + timedelta(days=1)
    return datetime.combine(day, clock, at.tzinfo)


def wants(rule: Rule, topic: str, camera: int | None, at: datetime) -> bool:
    """Whether `rule` is about this topic, at this camera, `at` this local time. The house's own has no camera."""
    if not rule.enabled or topic not in rule.topics:
        return False
    if rule.cameras and camera is not None and camera not in rule.cameras:
        return False
    return within(at, rule.days, rule.from_time, rule.to_time)
