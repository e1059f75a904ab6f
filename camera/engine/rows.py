"""The engine's only thread that touches the database, so that a locked one delays rows and nothing else."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from camera.engine.supervisor import Wanted
from camera.models import Camera
from camera.packets import CameraState

logger = logging.getLogger(__name__)

LOOK_EVERY = 2.0
JOBS_EVERY = 1.0
CHECKPOINT_EVERY = 30.0
RETRY_AFTER = 0.5


def wanted_cameras() -> list[Wanted]:
    """The cameras this engine runs, as the database has them now."""
    cameras = Camera.objects.filter(engine__in=("", settings.ENGINE_NAME)).order_by("pk")
    return [Wanted(camera.pk, camera.version, camera.enabled, camera.source_config()) for camera in cameras]


def write_state(state: CameraState) -> None:
    Camera.objects.filter(pk=state.camera).update(
        state=state.state,
        reason=state.reason or "",
        state_since=datetime.fromtimestamp(state.since or time.time(), UTC),
    )


def checkpoint() -> None:
    """Move SQLite's write-ahead log into the database file; nobody but the engine does."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")


class Rows(threading.Thread):
    """Looks at the cameras every 2 s or when poked, writes states, and runs `jobs` once a second."""

    def __init__(self, want: Callable[[list[Wanted]], None], jobs: list[Callable[[], object]]) -> None:
        super().__init__(name="rows", daemon=True)
        self._want = want
        self._due: list[tuple[float, float, Callable[[], object]]] = [
            (0.0, LOOK_EVERY, self._look),
            (0.0, JOBS_EVERY, self._write_states),
            *((0.0, JOBS_EVERY, job) for job in jobs),
            (CHECKPOINT_EVERY + time.monotonic(), CHECKPOINT_EVERY, checkpoint),
        ]
        self._tasks: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._states: dict[int, CameraState] = {}
        self._lock = threading.Lock()
        self.turned_at = time.monotonic()

    def look(self) -> None:
        """Look at the cameras now."""
        self._tasks.put(self._look)

    def state(self, state: CameraState) -> None:
        """Write this state; of several for one camera only the newest is."""
        with self._lock:
            self._states[state.camera] = state
        self._tasks.put(self._write_states)

    def stop(self) -> None:
        self._tasks.put(None)
        self.join(5.0)

    def run(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=0.2)
                if task is None:
                    break
                self._do(task)
            except queue.Empty:
                self._timers()
            self.turned_at = time.monotonic()
        self._do(self._write_states)
        connection.close()

    def _timers(self) -> None:
        now = time.monotonic()
        for index, (due, every, job) in enumerate(self._due):
            if now >= due:
                self._due[index] = (now + every, every, job)
                self._do(job)

    def _do(self, task: Callable[[], object]) -> None:
        try:
            close_old_connections()
            task()
        except DatabaseError as error:
            logger.warning("the database did not take it, trying again soon: %s", error)
            time.sleep(RETRY_AFTER)
        except Exception:
            # The thread's top: one job's fault must not end the others.
            logger.exception("a job of the engine failed")

    def _look(self) -> None:
        self._want(wanted_cameras())

    def _write_states(self) -> None:
        with self._lock:
            states, self._states = self._states, {}
        while states:
            camera, state = states.popitem()
            try:
                write_state(state)
            except DatabaseError:
                states[camera] = state
                with self._lock:
                    # What came meanwhile is newer.
                    self._states = states | self._states
                raise
