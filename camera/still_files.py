"""The stills that lie in the folders, found by their names alone. Plain files: no rows, no framework."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from camera.paths import STILL, UnsafePathError, inside


@dataclass(frozen=True, slots=True)
class Still:
    """One picture: when it was captured (UTC, whole seconds) and its name below MEDIA_ROOT."""

    at: datetime
    name: str

    @property
    def day(self) -> str:
        """Of UTC, as its folder is called."""
        return f"{self.at:%Y-%m-%d}"

    @property
    def clock(self) -> str:
        """Of UTC, as its file is called."""
        return f"{self.at:%H_%M_%S}"


def still_at(slug: str, day: str, clock: str) -> Still | None:
    """The still of that day and clock (both of UTC, as in its name); None for what can be no still's name."""
    name = f"snapshots/{slug}/{day}/{clock}.jpg"
    if not (name.isascii() and STILL.fullmatch(name)):
        return None
    try:
        return Still(datetime.fromisoformat(f"{day}T{clock.replace('_', ':')}+00:00"), name)
    except ValueError:
        return None


def stills_between(
    root: Path | str, slug: str, begin: datetime, end: datetime, without: Collection[datetime] = ()
) -> list[Still]:
    """Those captured from `begin` up to before `end`, oldest first; none of the hours (their beginnings, UTC) in
    `without`. A folder that is not there or leads elsewhere holds none."""
    found: list[Still] = []
    for day in _days(begin, end):
        found += (
            one
            for one in _of_day(root, slug, day)
            if begin <= one.at < end and not (without and one.at.replace(minute=0, second=0) in without)
        )
    # Names of one camera are in the order of time, and quicker to compare.
    return sorted(found, key=lambda one: one.name)


def _days(begin: datetime, end: datetime) -> Iterator[date]:
    day, last = begin.astimezone(UTC).date(), end.astimezone(UTC).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def _of_day(root: Path | str, slug: str, day: date) -> Iterator[Still]:
    """Every name in that day's folder that a still can have; what lies there is looked at when it is opened."""
    text = f"{day:%Y-%m-%d}"
    try:
        folder = inside(root, f"snapshots/{slug}/{text}")
        names = os.listdir(folder)  # noqa: PTH208 (strings, and thousands of them)
    except (OSError, UnsafePathError):
        return
    for name in names:
        found = still_at(slug, text, name.removesuffix(".jpg")) if name.endswith(".jpg") else None
        if found is not None:
            yield found
