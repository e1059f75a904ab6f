"""Makes the H.264 copies that web asks for with `playable_wanted_at`: one at a time, by a process of its own.

A failed copy takes the wish back, so that asking again tries again.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from django.db.models import Q

from camera import paths
from camera.engine import disk, files
from camera.engine.making import Making
from camera.models import Recording

logger = logging.getLogger(__name__)

# A copying process that says nothing for so long hangs. Seconds.
SILENCE = 60.0
WRITE_EVERY = 1.0
# Looking for wishes reads the whole table.
LOOK_EVERY = 3.0
# One that is killed from outside (no memory) is tried so often in all.
TRIES = 2
_State = Recording.Playable


class Copy(Making):
    """The process that makes one copy."""

    def __init__(self, recording: Recording, now: float) -> None:
        self.pk, self.wanted_at = recording.pk, recording.playable_wanted_at
        told = {"source": str(recording.path), "target": str(recording.playable_path)}
        root, name = recording.storage.path, paths.playable_of(recording.file)
        super().__init__("camera.process.playable", told, root, name, now)


class PlayableCopies:
    """Called once a second in the rows thread; never waits for the copying process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._copy: Copy | None = None
        self._crashes: dict[int, int] = {}
        # Rows may stand at `working` that nobody works at: after a start, and when the database did not take an end.
        self._lost = True
        self._look_at = 0.0
        self._written = 0.0

    def __call__(self) -> None:
        if self._lost:
            Recording.objects.filter(playable=_State.WORKING).update(playable=_State.NO, playable_percent=0)
            self._lost = False
        if self._copy is not None:
            self._follow(self._copy)
        if self._copy is None and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_EVERY
            self._begin()

    def stop(self) -> None:
        """End the copy that is being made; it begins anew when the engine runs again."""
        if self._copy is not None:
            self._copy.end()
            self._copy = None

    def _follow(self, copy: Copy) -> None:
        copy.listen(self._clock())
        if not Recording.objects.filter(pk=copy.pk, delete_requested_at=None).exists():
            self._finish(copy, _State.NO)
        elif (code := copy.process.poll()) is not None:
            copy.listen(self._clock())
            self._ended(copy, code)
        elif self._clock() - copy.heard > SILENCE:
            copy.why = "making the copy hung"
            self._finish(copy, _State.FAILED)
        elif copy.percent != copy.written and self._clock() - self._written >= WRITE_EVERY:
            self._written, copy.written = self._clock(), copy.percent
            Recording.objects.filter(pk=copy.pk).update(playable_percent=copy.percent)

    def _ended(self, copy: Copy, code: int) -> None:
        if code == 0 and copy.is_there:
            self._crashes.pop(copy.pk, None)
            self._finish(copy, _State.READY)
            return
        crashes = self._crashes[copy.pk] = self._crashes.get(copy.pk, 0) + 1
        if code < 0 and crashes < TRIES:
            self._finish(copy, _State.NO)
            return
        self._crashes.pop(copy.pk, None)
        copy.why = copy.why or "the process that makes the copy broke down"
        self._finish(copy, _State.FAILED)

    def _finish(self, copy: Copy, state: Recording.Playable) -> None:
        copy.end()
        self._copy, self._lost, self._look_at = None, True, 0.0
        row = Recording.objects.filter(pk=copy.pk)
        row.update(playable=state, playable_percent=100 if state == _State.READY else 0)
        self._lost = False
        if state == _State.FAILED:
            logger.warning("recording %s: no playable copy: %s", copy.pk, copy.why)
            # The wish is used up, unless it was made anew meanwhile.
            row.filter(playable_wanted_at=copy.wanted_at).update(playable_wanted_at=None)
            row.filter(state=Recording.State.CLOSED).update(detail=f"No playable copy: {copy.why}."[:200])

    def _begin(self) -> None:
        recording = self._next()
        if recording is None:
            return
        Recording.objects.filter(pk=recording.pk).update(playable=_State.WORKING, playable_percent=0)
        self._lost = True
        try:
            files.remove(recording.storage.path, [paths.playable_of(recording.file) + paths.PART])
            self._copy = Copy(recording, self._clock())
            self._lost = False
        except (OSError, paths.UnsafePathError) as error:
            logger.error("recording %s: no playable copy: %s", recording.pk, error)
            self._refuse(recording.pk, recording.playable_wanted_at)

    def _next(self) -> Recording | None:
        whole = Q(state__in=(Recording.State.CLOSED, Recording.State.INTERRUPTED))
        wanted = Recording.objects.filter(whole, playable_wanted_at__isnull=False, delete_requested_at=None)
        held = [path for path in disk.holds()]
        wanted = wanted.filter(playable__in=(_State.NO, _State.FAILED)).exclude(storage__path__in=held)
        return wanted.select_related("storage").order_by("playable_wanted_at", "pk").first()

    @staticmethod
    def _refuse(pk: int, wanted_at: datetime | None) -> None:
        row = Recording.objects.filter(pk=pk)
        row.update(playable=_State.FAILED)
        row.filter(playable_wanted_at=wanted_at).update(playable_wanted_at=None)
