"""Removes what was marked for deletion: the files first, the row when they are gone.

Jobs for the engine's rows thread; each is called once a second, never takes longer than about half a second and
remembers by itself what is due:

    deletion = Deletion()        deletion()             removes what has `delete_requested_at`
    disk = Disk(deletion)        disk.check()           ids of system events that began, changed or ended: publish them
                                 disk.holds()           {storage path: "disk_full" | …}: into Orders.hold; any thread
    retention = Retention()      retention()            marks what is too old or too much; retention.ask() for at once
    usage = Usage(deletion)      usage()                keeps the rows of what each hour takes true; usage.stop()
    copies = PlayableCopies()    copies()               makes the H.264 copies that are asked for
                                 copies.stop()          at the engine's end

`camera.engine.keeping.Keeping` holds them together.

Web marks by setting `delete_requested_at`; the engine itself marks what retention takes, by a conditional UPDATE that
fails for whatever somebody keeps at the same moment. A crash in between leaves a marked row, which is taken up again.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import Q, QuerySet

from camera import paths
from camera.engine import files, storages
from camera.engine.hours import EVENTS, hour_in, hour_of
from camera.engine.still_deletion import StillDeletion
from camera.models import Event, EventStill, HourUsage, Recording, TimeLapse

logger = logging.getLogger(__name__)

BATCH = 50
SECONDS = 0.5
# A row whose files could not be removed is tried again after so many seconds; a refused one later.
AGAIN, REFUSED_AGAIN = 60.0, 3600.0
# A motion event is over after ten minutes; one that is still open then has lost its process.
_LONGEST_EVENT = timedelta(minutes=15)
UNWRITTEN = ("", paths.PART)
# Further pictures of one event that are removed at once.
_STILLS = 100
_MARKED = " UNION ALL ".join(
    f'SELECT 1 FROM "{kind._meta.db_table}" WHERE "delete_requested_at" IS NOT NULL'  # noqa: S608 (own name)
    for kind in (Recording, Event, HourUsage, TimeLapse)
)
# What uses space: kind, the camera's slug, the hour.
Touched = tuple[str, str, datetime]


def now() -> datetime:
    return datetime.now(UTC)


def names_of(recording: Recording) -> list[str]:
    """Every name a file of this recording may have. Raises UnsafePathError."""
    if not paths.RECORDING.fullmatch(recording.file):
        raise paths.UnsafePathError("the row's file name is not one that Fairwatch gives")
    stems = (recording.file, paths.thumbnail_of(recording.file), paths.playable_of(recording.file))
    return [stem + end for stem in stems for end in UNWRITTEN]


def claim(recordings: Iterable[int]) -> list[int]:
    """Mark these for deletion unless they are kept, open or marked already; those that were."""
    ids = list(recordings)
    free = Recording.objects.filter(pk__in=ids, kept_at=None, delete_requested_at=None)
    at = now()
    if not free.exclude(state=Recording.State.OPEN).update(delete_requested_at=at):
        return []
    return list(Recording.objects.filter(pk__in=ids, delete_requested_at=at).values_list("pk", flat=True))


def claim_events(events: Iterable[int]) -> int:
    """Mark these for deletion unless their recording is kept; how many were."""
    free = Event.objects.filter(pk__in=list(events), delete_requested_at=None)
    return free.filter(Q(recording=None) | Q(recording__kept_at=None)).update(delete_requested_at=now())


def anything_marked() -> bool:
    """Whether there is anything to delete: for the many times when there is not, in one question to the database."""
    with connection.cursor() as cursor:
        cursor.execute(_MARKED)
        return cursor.fetchone() is not None


class Deletion:
    """Called once a second; how many rows went. Not for sharing between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, batch: int = BATCH) -> None:
        self._clock = clock
        self._batch = batch
        self._recordings: dict[int, float] = {}
        self._events: dict[int, float] = {}
        # Hours whose rows of usage are to be counted again; whoever has done so takes them out.
        self.touched: set[Touched] = set()
        self.stills = StillDeletion(clock, self.touched)

    def __call__(self) -> int:
        if not anything_marked():
            return 0
        until = self._clock() + SECONDS
        self._forget(self._recordings)
        self._forget(self._events)
        marked = self.pending().select_related("storage").order_by("delete_requested_at", "pk")
        went = self.erase(list(marked[: self._batch]))
        events = Event.objects.exclude(delete_requested_at=None).exclude(pk__in=list(self._events))
        alive = Q(ended_at=None, changed_at__gt=now() - _LONGEST_EVENT) & ~Q(writer="")
        batch = list(events.exclude(alive).order_by("delete_requested_at", "pk")[: self._batch])
        return went + self.erase_events(batch, until - self._clock()) + self.stills()

    def pending(self) -> QuerySet[Recording]:
        """What is marked and may go now; a copy that is being made is stopped first (playable.py)."""
        marked = Recording.objects.exclude(delete_requested_at=None).exclude(playable=Recording.Playable.WORKING)
        return marked.exclude(pk__in=list(self._recordings))

    def erase(self, recordings: Iterable[Recording], seconds: float = SECONDS) -> int:
        """Remove files and rows of marked recordings, for so long; how many rows went."""
        gone, until = [], self._clock() + seconds
        for recording in recordings:
            if self._clock() >= until:
                break
            if self._emptied(recording):
                gone.append(recording)
        if gone:
            Recording.objects.filter(pk__in=[one.pk for one in gone]).exclude(delete_requested_at=None).delete()
            for name, root in {(one.file, one.storage.path) for one in gone}:
                files.remove_empty_day(root, name)
            kind = HourUsage.Kind.RECORDINGS.value
            self.touched |= {(kind, one.camera_slug, hour_of(one.started_at)) for one in gone}
        return len(gone)

    def erase_events(self, events: Iterable[Event], seconds: float = SECONDS) -> int:
        """As `erase`, with the events' pictures."""
        gone, until = [], self._clock() + seconds
        for event in events:
            if self._clock() >= until:
                break
            if self.without_pictures(event):
                gone.append(event.pk)
        if gone:
            Event.objects.filter(pk__in=gone).exclude(delete_requested_at=None).delete()
        return len(gone)

    def without_pictures(self, event: Event) -> bool:
        """Whether the pictures of `event` are gone now."""
        try:
            for name in {event.image, event.clean_image} - {""}:
                if not paths.PICTURE.fullmatch(name):
                    raise paths.UnsafePathError("the row's file name is not one that Fairwatch gives")
                if not _remove(storages.home(), [name, name + paths.PART]):
                    self._events[event.pk] = self._clock() + AGAIN
                    return False
                self._was_removed(name)
            return self._without_stills(event)
        except paths.UnsafePathError as error:
            logger.error("event %s: its picture is not removed: %s", event.pk, error)
            self._events[event.pk] = self._clock() + REFUSED_AGAIN
            return False
        except OSError as error:
            logger.warning("event %s: its picture cannot be removed yet: %s", event.pk, error.strerror)
            self._events[event.pk] = self._clock() + AGAIN
            return False

    def _without_stills(self, event: Event) -> bool:
        """Whether none of the pictures that its sender flagged is left. Raises as `_remove`, and UnsafePathError."""
        some = list(event.stills.order_by("pk").values_list("pk", "image")[:_STILLS])
        folders: dict[str, list[str]] = {}
        for _, name in some:
            if not paths.PICTURE.fullmatch(name):
                raise paths.UnsafePathError("the row's file name is not one that Fairwatch gives")
            folders.setdefault(name.rpartition("/")[0], []).append(name)
        for names in folders.values():
            if not _remove(storages.home(), [name + end for name in names for end in UNWRITTEN]):
                self._events[event.pk] = self._clock() + AGAIN
                return False
            for name in names:
                self._was_removed(name)
        EventStill.objects.filter(pk__in=[pk for pk, _ in some]).delete()
        return len(some) < _STILLS

    def _was_removed(self, picture: str) -> None:
        files.remove_empty_day(storages.home(), picture)
        match, hour = paths.PICTURE.fullmatch(picture), hour_in(EVENTS, picture)
        if match is not None and hour is not None:
            self.touched.add((EVENTS, match.group(1), hour))

    def _emptied(self, recording: Recording) -> bool:
        """Whether no file of `recording` is left."""
        wait, lock = AGAIN, None
        try:
            names = names_of(recording)
            if recording.state == Recording.State.OPEN:
                lock = _unwritten(recording)
                if lock is None:
                    self._recordings[recording.pk] = self._clock() + 2.0
                    return False
            if _remove(recording.storage.path, names):
                return True
        except paths.UnsafePathError as error:
            wait = REFUSED_AGAIN
            logger.error("recording %s: its file is not removed: %s", recording.pk, error)
            detail = f"deleting was refused: {error}"[:200]
            Recording.objects.filter(pk=recording.pk).update(state=Recording.State.DAMAGED, detail=detail)
        except OSError as error:
            logger.warning("recording %s: its file cannot be removed yet: %s", recording.pk, error.strerror)
        finally:
            if lock is not None:
                os.close(lock)
        self._recordings[recording.pk] = self._clock() + wait
        return False

    def _forget(self, waiting: dict[int, float]) -> None:
        for pk in [pk for pk, due in waiting.items() if self._clock() >= due]:
            del waiting[pk]


def _remove(root: str, names: list[str]) -> bool:
    """Whether they are gone now: not so when their storage is only not mounted."""
    there = files.remove(root, names) if os.path.isdir(root) else 0  # noqa: PTH112 (a string by nature)
    return there > 0 or storages.marked(root)


def _unwritten(recording: Recording) -> int | None:
    """A lock on the `.part` of an open recording whose writer has died; None while it lives or has just closed it."""
    try:
        return files.take(recording.storage.path, recording.file + paths.PART)
    except FileNotFoundError:
        return None
