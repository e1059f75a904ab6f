"""Removes hours of stills and time-lapses that were marked for deletion: the files first, then the row."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from camera import paths
from camera.engine import files, hours, storages
from camera.models import HourUsage, TimeLapse

logger = logging.getLogger(__name__)

BATCH = 50
# An hour may hold 3600 pictures: it goes in turns of so many seconds.
SECONDS = 0.04
AGAIN, REFUSED_AGAIN = 60.0, 3600.0
# The camera of an hour that still goes on may be writing its last picture: seconds after the mark.
LAST_PICTURE = timedelta(seconds=10)


def stills() -> QuerySet[HourUsage]:
    """Hours of stills that are not about to go."""
    return HourUsage.objects.filter(kind=HourUsage.Kind.STILLS, delete_requested_at=None)


def over(now: datetime) -> Q:
    """The condition on HourUsage that the hour is past: the one that goes on is never taken for want of room."""
    return Q(hour__lte=now - timedelta(hours=1))


def claim_hours(rows: Iterable[int]) -> list[int]:
    """Mark these hours of stills for deletion unless they are marked already; those that were."""
    ids, at = list(rows), datetime.now(UTC)
    if not stills().filter(pk__in=ids).update(delete_requested_at=at):
        return []
    return list(HourUsage.objects.filter(pk__in=ids, delete_requested_at=at).values_list("pk", flat=True))


def claim_timelapses(rows: Iterable[int]) -> int:
    """Mark these for deletion; how many were."""
    free = TimeLapse.objects.filter(pk__in=list(rows), delete_requested_at=None)
    return free.update(delete_requested_at=datetime.now(UTC))


class StillDeletion:
    """Called once a second in the rows thread; how many rows went."""

    def __init__(self, clock: Callable[[], float], touched: set[tuple[str, str, datetime]]) -> None:
        self._clock, self._touched = clock, touched
        self._hours: dict[int, float] = {}
        self._films: dict[int, float] = {}

    def __call__(self) -> int:
        until = self._clock() + SECONDS
        for waiting in (self._hours, self._films):
            for pk in [pk for pk, due in waiting.items() if self._clock() >= due]:
                del waiting[pk]
        marked = list(self.pending().order_by("delete_requested_at", "pk")[:BATCH])
        went = len(self.erase(marked, SECONDS)[0]) if marked else 0
        return went + self._erase_films(until)

    def pending(self) -> QuerySet[HourUsage]:
        """Hours that are marked and may go now."""
        now = datetime.now(UTC)
        marked = HourUsage.objects.filter(kind=HourUsage.Kind.STILLS, delete_requested_at__isnull=False)
        quiet = over(now) | Q(delete_requested_at__lt=now - LAST_PICTURE)
        return marked.filter(quiet).exclude(pk__in=list(self._hours))

    def erase(self, marked: Iterable[HourUsage], seconds: float) -> tuple[list[int], int]:
        """Remove files and rows of marked hours, for so long: the rows that went, and the bytes."""
        gone: list[int] = []
        freed, until = 0, self._clock() + seconds
        for row in marked:
            if self._clock() >= until:
                break
            done, went = self._cleared(row, until)
            freed += went
            if done:
                gone.append(row.pk)
                # A count that was under way must not bring it back.
                self._touched.add((row.kind, row.camera_slug, row.hour))
        if gone:
            HourUsage.objects.filter(pk__in=gone, delete_requested_at__isnull=False).delete()
        return gone, freed

    def _cleared(self, row: HourUsage, until: float) -> tuple[bool, int]:
        """Whether none of this hour's stills is left, and the bytes that went."""
        try:
            done, freed = hours.clear(storages.home(), row.camera_slug, row.hour, until, self._clock)
        except paths.UnsafePathError as error:
            logger.error("the stills of %s are not removed: %s", row, error)
            self._hours[row.pk] = self._clock() + REFUSED_AGAIN
            return False, 0
        except OSError as error:
            logger.warning("the stills of %s cannot be removed yet: %s", row, error.strerror)
            self._hours[row.pk] = self._clock() + AGAIN
            return False, 0
        if done and not freed and not storages.marked(storages.home()):
            # The disk is only not mounted.
            self._hours[row.pk] = self._clock() + AGAIN
            return False, 0
        return done, freed

    def _erase_films(self, until: float) -> int:
        marked = TimeLapse.objects.filter(delete_requested_at__isnull=False).exclude(state=TimeLapse.State.WORKING)
        gone: list[int] = []
        for film in marked.exclude(pk__in=list(self._films)).order_by("delete_requested_at", "pk")[:BATCH]:
            if gone and self._clock() >= until:
                break
            if self._without_file(film):
                gone.append(film.pk)
        if gone:
            TimeLapse.objects.filter(pk__in=gone).exclude(state=TimeLapse.State.WORKING).delete()
        return len(gone)

    def _without_file(self, film: TimeLapse) -> bool:
        name = film.file or paths.timelapse_file(film.camera_slug, film.day, film.uid)
        try:
            if not paths.TIMELAPSE.fullmatch(name):
                raise paths.UnsafePathError("the row's file name is not one that Fairwatch gives")
            went = files.remove(storages.home(), [name, name + paths.PART])
            if went or not film.file or storages.marked(storages.home()):
                return True
            self._films[film.pk] = self._clock() + AGAIN
        except paths.UnsafePathError as error:
            logger.error("time-lapse %s: its file is not removed: %s", film.pk, error)
            self._films[film.pk] = self._clock() + REFUSED_AGAIN
        except OSError as error:
            logger.warning("time-lapse %s: its file cannot be removed yet: %s", film.pk, error.strerror)
            self._films[film.pk] = self._clock() + AGAIN
        return False
