"""Pictures of events that a camera process wrote just before it was killed, and that no row came to own."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from camera import paths
from camera.engine import files, storages
from camera.models import Event, EventStill

logger = logging.getLogger(__name__)

# So often the newest days are looked through. Seconds.
EVERY = 600.0
# A younger one's report may still be on its way. Seconds.
YOUNG = 300.0
# What a crash left before that is told of, and removed, by checkmedia.
DAYS = 2
_CHUNK = 500


class Leftovers:
    """A job of the rows thread: a few hundred names a call, until each camera's newest days have been seen."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock, self._wall = clock, wall
        self._due = clock() + EVERY
        self._todo: Iterator[list[str]] | None = None

    def __call__(self) -> int:
        """How many were removed."""
        if self._todo is None:
            if self._clock() < self._due or storages.fault(storages.home(), None):
                return 0
            self._due = self._clock() + EVERY
            self._todo = _names(Path(storages.home()))
        names = next(self._todo, None)
        if names is None:
            self._todo = None
            return 0
        gone = [name for name in _ownerless(names) if self._is_old(name)]
        for name in gone:
            files.remove(storages.home(), [name])
        if gone:
            logger.info("removed %d pictures that a crash had left without an event", len(gone))
        return len(gone)

    def _is_old(self, name: str) -> bool:
        try:
            return self._wall() - os.lstat(Path(storages.home(), name)).st_mtime > YOUNG
        except OSError:
            return False


def _names(home: Path) -> Iterator[list[str]]:
    """Names of pictures below `home`, some at a time. Links are not followed."""
    for camera in sorted((home / "events").glob("*")):
        if camera.is_symlink() or not camera.is_dir():
            continue
        for day in sorted(one for one in camera.iterdir() if one.is_dir() and not one.is_symlink())[-DAYS:]:
            found = [f"events/{camera.name}/{day.name}/{one.name}" for one in os.scandir(day) if one.is_file()]
            ours = [name for name in found if paths.PICTURE.fullmatch(name.removesuffix(paths.PART))]
            yield from (ours[at : at + _CHUNK] for at in range(0, len(ours), _CHUNK))


def _ownerless(names: list[str]) -> list[str]:
    uids = {name: _uid(name) for name in names}
    known = set(Event.objects.filter(uid__in=uids.values()).values_list("uid", flat=True))
    known |= set(EventStill.objects.filter(uid__in=uids.values()).values_list("uid", flat=True))
    return [name for name, uid in uids.items() if uid not in known]


def _uid(name: str) -> str:
    match = paths.PICTURE.fullmatch(name.removesuffix(paths.PART))
    return match.group(2) if match else ""
