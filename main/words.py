"""How moments and numbers are told to people, in the house's zone."""

from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone


def day_words(moment: datetime) -> str:
    """The day in the house: «today», «yesterday», else «Fri 21 Nov», with the year when it is another one."""
    day, today = timezone.localtime(moment).date(), timezone.localdate()
    if day == today:
        return "today"
    if day == today - timedelta(days=1):
        return "yesterday"
    return f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if day.year != today.year else "")


def moment_words(moment: datetime) -> str:
    """«today 14:02»."""
    return f"{day_words(moment)} {timezone.localtime(moment):%H:%M}"


def since_words(seconds: float) -> str:
    """«14:02», or «21 Nov 14:02» of another day; `seconds` since the epoch."""
    at = timezone.localtime(datetime.fromtimestamp(seconds, UTC))
    return f"{at:%H:%M}" if at.date() == timezone.localdate() else f"{at.day} {at:%b %H:%M}"


def with_others(words: list[str], limit: int, one: str, several: str) -> list[str]:
    """The first `limit`, and how many more there are: «3 more logs»."""
    more = len(words) - limit
    return words if more <= 0 else [*words[:limit], f"{more} more {one if more == 1 else several}"]


def plain_numbers(initial: MutableMapping[str, Any]) -> None:
    """Let a form show 15 and not 15.0."""
    whole = {name: int(value) for name, value in initial.items() if isinstance(value, float) and value.is_integer()}
    initial.update(whole)
