"""What a crash left behind: files nobody writes any more are made whole, and rows say how it really ended.

Looked for when the engine starts and when a camera process has ended. Files are mended and hashed in a thread of its
own; rows are the rows thread's work, a few at a time.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from camera import paths, ports
from camera.engine import storages
from camera.engine.footage_rows import link_events
from camera.engine.mending import Left, Mended, Outcome, leftovers, mend
from camera.engine.orders import is_allowed, mode_of, storage_of
from camera.models import Camera, Event, Recording, Storage

logger = logging.getLogger(__name__)

# What a process said last is to become a row before its files are looked at. Seconds.
AFTER_DEATH = 1.0
# Files that were too young, or held by a process that was just ending, are looked at again. Seconds.
AGAIN = 15.0
# A disk that was not mounted is asked for so often. Seconds.
MOUNTED_EVERY = 60.0
# Names compared with the rows at once.
_CHUNK = 500
# What a camera process that has just ended wrote is in the newest of its camera's folders.
RECENT_DAYS = 2
UNKNOWN = "Found without a row after a crash; why it was recorded is not known."
AWAY = "The folder it was recorded to is not there; it is looked for again."
NOWHERE = "Recording ended with a crash, and its file is not there."

Keep = Callable[[Callable[[], object]], None]
Published = Callable[[int | None, int], None]


class Adoption:
    """`step` is a job of the rows thread, `soon` may be called from any. `live` gives the tokens of the camera
    processes that run, `keep` brings work back into the rows thread, `happened` says that an event has changed."""

    def __init__(
        self,
        live: Callable[[], frozenset[str]],
        keep: Keep,
        happened: Published,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live, self._keep, self._happened, self._clock = live, keep, happened, clock
        self._due: float | None = clock()
        self._again: float | None = None
        self._away: set[str] = set()
        # The disk did not let something be mended.
        self._refused = False
        self._mounted_due = clock() + MOUNTED_EVERY
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="adoption")
        self._searched: set[str] = set()
        self._busy: set[tuple[str, str]] = set()
        self._found: deque[Left] = deque()

    def soon(self) -> None:
        """A camera process has ended: look in a moment."""
        self._due = self._clock() + AFTER_DEATH

    def stop(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def step(self) -> None:
        """Look at what is due, then at some of the files that were found."""
        now = self._clock()
        if self._due is not None and now >= self._due:
            self._due, self._again = None, now + AGAIN
            self._look()
        elif self._again is not None and now >= self._again:
            self._again = None
            self._look()
        if now >= self._mounted_due:
            self._mounted_due = now + MOUNTED_EVERY
            self._look_at_mounted()
        self._compare()

    def _look_at_mounted(self) -> None:
        """A disk is back: what was missing on it is there, and what could not be mended perhaps can."""
        if self._refused:
            self._refused, self._due = False, self._clock()
        for storage in [one for one in self._away if storages.marked(one)]:
            self._away.discard(storage)
            self._worker.submit(self._search, storage, None)

    def _look(self) -> None:
        opened = list(Recording.objects.filter(state=Recording.State.OPEN).select_related("storage"))
        going_on = list(Event.objects.filter(ended_at=None).exclude(writer=""))
        # After the rows: whoever made one of them was alive before.
        live = self._live()
        for row in opened:
            if row.writer not in live:
                self._mend(Left(row.storage.path, row.file, row.pk))
        for event in going_on:
            if event.writer not in live:
                self._end(event)
        for storage in self._storages():
            self._worker.submit(self._search, storage, None if storage not in self._searched else RECENT_DAYS)
            self._searched.add(storage)

    @staticmethod
    def _storages() -> list[str]:
        known = {*Storage.objects.values_list("path", flat=True), storage_of(ports.policy())}
        return sorted(path for path in known | {str(Path(settings.MEDIA_ROOT).resolve())} if is_allowed(path))

    def _end(self, event: Event) -> None:
        ended_at = max(event.started_at, min(event.changed_at, timezone.now()))
        still = Event.objects.filter(pk=event.pk, ended_at=None, writer=event.writer)
        with transaction.atomic():
            if not still.update(ended_at=ended_at, changed_at=timezone.now()):
                return
            event.refresh_from_db()
            ports.on_event(event, False)
        self._happened(event.camera_id, event.pk)

    def _search(self, storage: str, days: int | None) -> None:
        """In the worker: every file of a recording there, or those of each camera's last `days`."""
        try:
            self._found.extend(leftovers(storage, days))
        except OSError as error:
            logger.warning("the recordings in %s cannot be listed: %s", storage, error)

    def _compare(self) -> None:
        chunk: list[Left] = []
        while self._found and len(chunk) < _CHUNK:
            chunk.append(self._found.popleft())
        if not chunk:
            return
        known = {
            uid: (pk, state, sha)
            for uid, pk, state, sha in Recording.objects.filter(uid__in=[left.uid for left in chunk]).values_list(
                "uid", "pk", "state", "sha256"
            )
        }
        for left in chunk:
            pk, state, sha = known.get(left.uid, (None, "", ""))
            # A row whose file was not there when it was looked for, and now is (a disk that was not mounted).
            is_lost = state in (Recording.State.MISSING, Recording.State.DAMAGED) and not sha
            if pk is None or is_lost:
                self._mend(Left(left.storage, left.file, pk))

    def _mend(self, left: Left) -> None:
        if left.key in self._busy:
            return
        self._busy.add(left.key)
        self._worker.submit(self.adopt, left)

    def adopt(self, left: Left) -> None:
        """Mend what was left and see that its row is written. In the worker, or in a command's only thread."""
        try:
            mended = mend(left)
        except OSError as error:
            logger.warning("%s cannot be adopted yet: %s", left.file, error.strerror)
            self._refused = True
            self._busy.discard(left.key)
            return
        except Exception:
            # A pool keeps what is raised to itself.
            logger.exception("%s cannot be adopted", left.file)
            self._busy.discard(left.key)
            return
        self._keep(lambda: self._write(left, mended))

    def _write(self, left: Left, mended: Mended) -> None:
        if mended.outcome != Outcome.LIVE:
            with transaction.atomic():
                self._row(left, mended)
            logger.info("adopted %s: %s", left.file, mended.outcome)
        self._busy.discard(left.key)

    def _row(self, left: Left, mended: Mended) -> None:
        row = Recording.objects.filter(uid=left.uid).select_related("storage").first()
        if row is None and left.pk is not None:
            # It was deleted while its file was mended.
            paths.inside(left.storage, left.file).unlink(missing_ok=True)
            return
        if row is not None and row.sha256:
            return  # its own process has told us meanwhile
        if mended.outcome == Outcome.EMPTY:
            if row is not None:
                row.delete()
            return
        if row is None and mended.outcome == Outcome.MISSING:
            return
        row = row or self._new(left)
        if mended.outcome == Outcome.MISSING and not storages.marked(left.storage):
            self._away.add(left.storage)
            mended = replace(mended, detail=AWAY)
        _fill(row, mended)
        told = ["state", "detail", "ended_at", "seconds", "bytes", "sha256", "thumbnail"]
        row.save(update_fields=told if row.pk else None)
        link_events(row)

    @staticmethod
    def _new(left: Left) -> Recording:
        camera = Camera.objects.filter(slug=left.slug).first()
        mode = mode_of(camera, ports.policy()) if camera is not None else "off"
        storage, _ = Storage.objects.get_or_create(path=left.storage)
        return Recording(
            uid=left.uid,
            camera=camera,
            camera_name=camera.name if camera is not None else left.slug,
            camera_slug=left.slug,
            storage=storage,
            file=left.file,
            trigger=mode if mode != "off" else Recording.Trigger.MANUAL,
            started_at=left.started_at,
            detail=UNKNOWN,
        )


def _fill(row: Recording, mended: Mended) -> None:
    state, words = _OUTCOMES[mended.outcome]
    row.state, row.detail = state, mended.detail or row.detail or words
    row.seconds, row.bytes, row.sha256 = mended.seconds, mended.bytes, mended.sha256
    row.thumbnail = row.thumbnail or mended.thumbnail
    if mended.seconds:
        row.ended_at = row.started_at + timedelta(seconds=mended.seconds)
    else:
        written = datetime.fromtimestamp(mended.written_at, UTC) if mended.written_at else row.started_at
        row.ended_at = max(row.started_at, written)


_OUTCOMES = {
    Outcome.WHOLE: (Recording.State.CLOSED, ""),
    Outcome.MENDED: (
        Recording.State.INTERRUPTED,
        "Recording was cut short by a crash or a power cut; all that had reached the disk is here.",
    ),
    Outcome.DAMAGED: (Recording.State.DAMAGED, "The file was left by a crash and cannot be made whole."),
    Outcome.MISSING: (Recording.State.MISSING, NOWHERE),
}
