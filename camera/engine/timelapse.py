"""Makes the time-lapses that web asks for with a row: one at a time, by a process of its own."""

import contextlib
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from camera import paths
from camera.engine import disk, files, storages
from camera.engine.making import Making
from camera.models import TimeLapse
from camera.stills import deleted_hours

logger = logging.getLogger(__name__)

# A process that says nothing for so long hangs. Seconds.
SILENCE = 60.0
WRITE_EVERY = 1.0
LOOK_EVERY = 2.0
# One that is killed from outside (no memory) is tried so often in all.
TRIES = 2
_State = TimeLapse.State


class Film(Making):
    """The process that makes one time-lapse."""

    def __init__(self, row: TimeLapse, now: float) -> None:
        self.pk = row.pk
        root, name = storages.home(), paths.timelapse_file(row.camera_slug, row.day, row.uid)
        without = deleted_hours(row.camera_slug, row.begin, row.end)
        told: dict[str, Any] = {
            "root": root,
            "slug": row.camera_slug,
            "begin": row.begin.timestamp(),
            "end": row.end.timestamp(),
            "without": [hour.timestamp() for hour in without],
            "target": str(paths.inside(root, name)),
        }
        super().__init__("camera.process.timelapse", told, root, name, now)


class TimeLapses:
    """Called once a second in the rows thread; never waits for the process that makes a film."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._film: Film | None = None
        self._crashes: dict[int, int] = {}
        # Rows may stand at `working` that nobody works at: after a start, and when the database did not take an end.
        self._lost = True
        self._look_at = 0.0
        self._written = 0.0

    def __call__(self) -> None:
        if self._lost:
            TimeLapse.objects.filter(state=_State.WORKING).update(state=_State.WANTED, percent=0)
            self._lost = False
        if self._film is not None:
            self._follow(self._film)
        if self._film is None and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_EVERY
            self._begin()

    def stop(self) -> None:
        """End the film that is being made; it begins anew when the engine runs again."""
        if self._film is not None:
            self._film.end()
            self._film = None

    def _follow(self, film: Film) -> None:
        film.listen(self._clock())
        if not TimeLapse.objects.filter(pk=film.pk, delete_requested_at=None).exists():
            self._drop(film)
            self._let_go(film)
        elif (code := film.process.poll()) is not None:
            film.listen(self._clock())
            self._ended(film, code)
        elif self._clock() - film.heard > SILENCE:
            self._failed(film, "making the film hung")
        elif film.percent != film.written and self._clock() - self._written >= WRITE_EVERY:
            self._written, film.written = self._clock(), film.percent
            TimeLapse.objects.filter(pk=film.pk).update(percent=film.percent)

    def _ended(self, film: Film, code: int) -> None:
        if code == 0 and film.is_there:
            self._ready(film)
            return
        crashes = self._crashes[film.pk] = self._crashes.get(film.pk, 0) + 1
        if code < 0 and crashes < TRIES:
            self._drop(film)
            self._set(film, state=_State.WANTED, percent=0)
            return
        self._failed(film, film.why or "the process that makes the film broke down")

    def _ready(self, film: Film) -> None:
        size = _size(film)
        self._drop(film)
        news = {"percent": 100, "bytes": size, "pictures": film.pictures, "file": film.name, "detail": ""}
        if not self._set(film, state=_State.READY, made_at=datetime.now(UTC), **news):
            # Somebody has changed their mind meanwhile.
            self._let_go(film)
            return
        row = TimeLapse.objects.filter(pk=film.pk).first()
        if row is not None:
            # An earlier one of a day that still went on then: this one shows all that it does.
            before = TimeLapse.objects.filter(
                camera_slug=row.camera_slug, camera=row.camera, day=row.day, pk__lt=row.pk
            )
            before.filter(delete_requested_at=None).update(delete_requested_at=datetime.now(UTC))

    def _failed(self, film: Film, why: str) -> None:
        self._drop(film)
        logger.warning("time-lapse %s was not made: %s", film.pk, why)
        self._set(film, state=_State.FAILED, percent=0, detail=f"{why[:1].upper()}{why[1:]}."[:200])

    def _drop(self, film: Film) -> None:
        """It is no longer worked at; until the database knows it, the row counts as lost."""
        film.end()
        self._film, self._lost, self._look_at = None, True, 0.0

    def _set(self, film: Film, **values: Any) -> bool:
        done = TimeLapse.objects.filter(pk=film.pk, delete_requested_at=None).update(**values)
        self._lost = False
        if values["state"] != _State.WANTED:
            self._crashes.pop(film.pk, None)
        return bool(done)

    def _let_go(self, film: Film) -> None:
        """Leave a row that is to be deleted to those who delete; they wait for as long as somebody works at it."""
        _without_file(film)
        TimeLapse.objects.filter(pk=film.pk, state=_State.WORKING).update(state=_State.WANTED, percent=0)
        self._lost = False
        self._crashes.pop(film.pk, None)

    def _begin(self) -> None:
        if storages.home() in disk.holds():
            return
        wanted = TimeLapse.objects.filter(state=_State.WANTED, delete_requested_at=None)
        row = wanted.order_by("wanted_at", "pk").first()
        if row is None:
            return
        TimeLapse.objects.filter(pk=row.pk).update(state=_State.WORKING, percent=0)
        self._lost = True
        try:
            self._film = Film(row, self._clock())
            self._lost = False
        except (OSError, paths.UnsafePathError) as error:
            logger.error("time-lapse %s cannot be made: %s", row.pk, error)
            detail = "Its process could not be started. The engine's log says why."
            TimeLapse.objects.filter(pk=row.pk).update(state=_State.FAILED, detail=detail)
            self._lost = False


def _size(film: Film) -> int:
    with files.parent_of(film.root, film.name) as (folder, last):
        found = files.status(folder, last)
    return found.st_size if found is not None else 0


def _without_file(film: Film) -> None:
    with contextlib.suppress(OSError, paths.UnsafePathError):
        files.remove(film.root, [film.name, film.name + paths.PART])
