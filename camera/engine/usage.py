"""Keeps HourUsage true: files and bytes of each camera, hour and kind, always counted and never added up.

Stills and pictures of events are counted by looking at their folders, in a thread of its own; recordings from their
rows. The hour that goes on and the one before are looked at once a minute, whatever deletion has touched at once, and
all else bit by bit, round after round: a crash, or a file that somebody removed by hand, is made good by itself.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Max

from camera import paths
from camera.engine import hours, storages
from camera.engine.deletion import Deletion
from camera.engine.hours import EVENTS, STILLS, Count, Day, hour_of
from camera.models import Camera, HourUsage, Recording

logger = logging.getLogger(__name__)

EVERY = 60.0
# Between two steps of the long round: while the engine has just started, and later. Seconds.
SOON, LATER = 0.0, 20.0
# What is older than this and has rows was counted before: it is looked at again without hurry.
RECENT = timedelta(days=2)
HOUR, BLOCK = timedelta(hours=1), timedelta(hours=6)
RECORDINGS = HourUsage.Kind.RECORDINGS.value
# The rows thread has other work: so long at most for writing in one turn. Seconds.
TURN = 0.02
Key = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class Look:
    """What was found from `begin` up to `end` of one kind, by slug and hour; of the camera `slug`, all for None."""

    kind: str
    begin: datetime
    end: datetime
    slug: str | None
    found: dict[Key, Count]


class Usage:
    """Called once a second in the rows thread; `stop` at the engine's end. `wall`: seconds since the epoch."""

    def __init__(
        self, deletion: Deletion, wall: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._deletion, self._wall, self._clock = deletion, wall, clock
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="usage")
        self._task: Future[list[Look]] | None = None
        self._looks: deque[Look] = deque()
        self._minute_due = self._step_due = -math.inf
        self._open: set[tuple[str, str, datetime]] = set()
        self._round: Iterator[float] | None = None
        self.rounds = 0

    def stop(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def __call__(self) -> int:
        """How many rows were written or removed."""
        self._take()
        changed, until = 0, self._clock() + TURN
        while self._looks and self._clock() <= until:
            changed += write(self._looks.popleft())
        if not self._looks:
            changed += self._next()
        return changed

    def settle(self) -> None:
        """Count everything there is now: for tests, which have no minutes to wait."""
        self._minute_due, self._round = -math.inf, None
        seen = self.rounds
        while self.rounds == seen or self._deletion.touched or self._looks or self._task is not None:
            self._step_due = -math.inf
            self()
            if self._task is not None:
                self._task.exception()

    def _next(self) -> int:
        """The most pressing piece of work."""
        now = self._clock()
        if now >= self._minute_due and self._task is None:
            self._minute_due = now + EVERY
            return self._this_hour()
        if self._deletion.touched:
            return self._touched()
        if now >= self._step_due and self._task is None:
            self._step()
        return 0

    def _take(self) -> None:
        task = self._task
        if task is None or not task.done():
            return
        self._task = None
        try:
            self._looks.extend(task.result())
        except (OSError, paths.UnsafePathError) as error:
            logger.warning("what stills and pictures take cannot be counted: %s", error)
        except Exception:
            # A pool keeps what is raised to itself.
            logger.exception("what stills and pictures take cannot be counted")

    def _ask(self, work: Callable[[], list[Look]]) -> bool:
        """Have the worker look, unless it still does, or the disk is not there."""
        if self._task is not None or not storages.marked(storages.home()):
            return False
        self._task = self._worker.submit(work)
        return True

    def _this_hour(self) -> int:
        """The hour that goes on and the one before; recordings also where one that is or was just open began."""
        hour = hour_of(datetime.fromtimestamp(self._wall(), UTC))
        self._ask(partial(_recent, hour))
        opened = Recording.objects.filter(state=Recording.State.OPEN).values_list("camera_slug", "started_at")
        going_on = {(RECORDINGS, slug, hour_of(at)) for slug, at in opened}
        self._deletion.touched |= {one for one in self._open | going_on if one[2] < hour - HOUR}
        self._open = going_on
        return write(recordings_between(hour - HOUR, hour + HOUR))

    def _touched(self) -> int:
        """One hour that deletion took from."""
        kind, slug, hour = one = min(self._deletion.touched)
        if kind == RECORDINGS:
            self._deletion.touched -= {(kind, other, at) for _, other, at in self._deletion.touched if at == hour}
            return write(recordings_between(hour, hour + HOUR))
        if self._ask(partial(_of_hour, kind, slug, hour)):
            self._deletion.touched.discard(one)
        elif self._task is None:
            # The disk is not there: the long round counts it when it is back.
            self._deletion.touched.discard(one)
        return 0

    def _step(self) -> None:
        if self._round is None:
            self._round = self._everything()
        try:
            self._step_due = self._clock() + next(self._round)
        except StopIteration:
            self._round, self._step_due = None, self._clock() + LATER
            self.rounds += 1
        except Exception:
            # Begun anew: a generator that has raised is over.
            self._round, self._step_due = None, self._clock() + LATER
            raise

    def _everything(self) -> Iterator[float]:
        """One round; yields how long to wait before its next step."""
        pace = LATER if self.rounds else SOON
        end: datetime | None = datetime.max.replace(tzinfo=UTC)
        while end is not None and (begin := _block_before(end)) is not None:
            write(recordings_between(begin, begin + BLOCK))
            end = begin
            yield pace
        listed: list[Day] = []
        if not self._ask(partial(_list, listed)):
            return
        yield SOON
        rows = HourUsage.objects.exclude(kind=RECORDINGS).order_by()
        counted: set[Day] = set()
        for kind, slug in list(rows.values_list("kind", "camera_slug").distinct()):
            at = rows.filter(kind=kind, camera_slug=slug).values_list("hour", flat=True)
            counted |= {Day(kind, slug, f"{hour:%Y-%m-%d}") for hour in at}
            yield SOON
        recent = f"{datetime.fromtimestamp(self._wall(), UTC) - RECENT:%Y-%m-%d}"
        hasty = {day for day in {*listed, *counted} if day.day >= recent or day not in counted}
        for day in sorted({*listed, *counted}, key=lambda day: (day not in hasty, day.day, day.slug)):
            if not self._ask(partial(of_day, day)):
                return
            yield pace if day in hasty else LATER


def recordings_between(begin: datetime, end: datetime) -> Look:
    """The recordings that began then and are not about to go, and whose file is there."""
    rows = Recording.objects.remaining().exclude(state=Recording.State.MISSING).order_by()
    found: dict[Key, Count] = {}
    for slug, at, size in rows.filter(started_at__gte=begin, started_at__lt=end).values_list(
        "camera_slug", "started_at", "bytes"
    ):
        one = found.setdefault((slug, hour_of(at)), Count())
        one.files += 1
        one.bytes += size
    return Look(RECORDINGS, begin, end, None, found)


def _block_before(end: datetime) -> datetime | None:
    """The beginning of the last stretch before `end` in which there are recordings, or rows that say so."""
    newest = Recording.objects.order_by("-started_at").filter(started_at__lt=end).values_list("started_at", flat=True)
    row = HourUsage.objects.filter(kind=RECORDINGS, hour__lt=end).aggregate(last=Max("hour"))["last"]
    found = [moment for moment in (newest.first(), row) if moment is not None]
    if not found:
        return None
    hour = hour_of(max(found))
    return hour.replace(hour=hour.hour - hour.hour % 6)


def _list(into: list[Day]) -> list[Look]:
    """In the worker: every day that has a folder."""
    for kind in (STILLS, EVENTS):
        into.extend(hours.days(storages.home(), kind))
    return []


def _recent(hour: datetime) -> list[Look]:
    """In the worker: this hour and the one before, of every camera."""
    root, begin = storages.home(), hour - HOUR
    looks = []
    for kind in (STILLS, EVENTS):
        found: dict[Key, Count] = {}
        for slug in hours.slugs(root, kind):
            for day in {hours.day_of(kind, slug, at) for at in (begin, hour)}:
                counts = hours.count(root, day, frozenset({begin, hour}))
                found |= {(slug, at): count for at, count in counts.items()}
        looks.append(Look(kind, begin, hour + HOUR, None, found))
    return looks


def _of_hour(kind: str, slug: str, hour: datetime) -> list[Look]:
    """In the worker."""
    counts = hours.count(storages.home(), hours.day_of(kind, slug, hour), frozenset({hour}))
    return [Look(kind, hour, hour + HOUR, slug, {(slug, at): count for at, count in counts.items()})]


def of_day(day: Day) -> list[Look]:
    """One whole day. Names tell the hour; one that tells another day than its folder's is not counted there."""
    begin = datetime.strptime(day.day, "%Y-%m-%d").replace(tzinfo=UTC)
    end = begin + timedelta(days=1)
    counts = hours.count(storages.home(), day)
    found = {(day.slug, at): count for at, count in counts.items() if begin <= at < end}
    return [Look(day.kind, begin, end, day.slug, found)]


def write(look: Look) -> int:
    """Make the rows as the look has found it; how many were written or removed."""
    rows = HourUsage.objects.filter(kind=look.kind, hour__gte=look.begin, hour__lt=look.end).order_by()
    if look.slug is not None:
        rows = rows.filter(camera_slug=look.slug)
    known = {(row.camera_slug, row.hour): row for row in rows}
    cameras = dict(Camera.objects.order_by().values_list("slug", "pk"))
    new = []
    for (slug, hour), count in look.found.items():
        row, camera = known.get((slug, hour)), cameras.get(slug)
        if row is None or (row.files, row.bytes, row.camera_id) != (count.files, count.bytes, camera):
            values = {"files": count.files, "bytes": count.bytes}
            new.append(HourUsage(camera_id=camera, camera_slug=slug, hour=hour, kind=look.kind, **values))
    # What is marked is deletion's to remove.
    gone = [row.pk for key, row in known.items() if key not in look.found and row.delete_requested_at is None]
    if not new and not gone:
        return 0
    with transaction.atomic():
        HourUsage.objects.bulk_create(
            new,
            update_conflicts=True,
            unique_fields=["camera_slug", "hour", "kind"],
            update_fields=["camera", "files", "bytes"],
        )
        HourUsage.objects.filter(pk__in=gone, delete_requested_at=None).delete()
    return len(new) + len(gone)
