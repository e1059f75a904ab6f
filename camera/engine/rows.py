"""The engine's only thread that touches the database, so that a locked one delays rows and nothing else."""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection
from django.db.backends.signals import connection_created

from camera.engine.news import WhenNew
from camera.engine.requests import Requests
from camera.engine.supervisor import Wanted
from camera.models import Camera
from camera.packets import CameraState

logger = logging.getLogger(__name__)

# How often the cameras, the house's rules and the reasons to record are looked at. Seconds.
LOOK_EVERY = 1.0
# And though nothing is new in the database: a request may have run out, and nobody be watching any more.
LOOK_AT_LEAST = 3.0
JOBS_EVERY = 1.0
CHECKPOINT_EVERY = 30.0
RETRY_AFTER = 0.5
# How long what is left may take when the engine ends.
LAST_SECONDS = 5.0
# A lock that others hold must not keep this thread from everything for as long as pages are ready to wait. Seconds.
BUSY_SECONDS = 3.0


def wanted_cameras(requests: Requests) -> list[Wanted]:
    """The cameras this engine runs, as the database has them now."""
    return requests.wanted()


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


def _new_connection(connection: Any, **_: Any) -> None:
    if not isinstance(threading.current_thread(), Rows):
        return
    # One for the thread's life; it is still closed after an error.
    connection.close_at = None
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout={round(BUSY_SECONDS * 1000)}")


connection_created.connect(_new_connection, dispatch_uid="rows")


class Rows(threading.Thread):
    """Looks at the cameras every second or when poked, writes states and whatever is to be kept, and runs `jobs` once
    a second."""

    def __init__(self, want: Callable[[list[Wanted]], None], jobs: list[Callable[[], object]]) -> None:
        super().__init__(name="rows", daemon=True)
        self.requests = Requests()
        self._want = want
        self._due: list[tuple[float, float, Callable[[], object]]] = [
            (0.0, LOOK_EVERY, WhenNew(self._look, LOOK_AT_LEAST)),
            (0.0, JOBS_EVERY, self._write_states),
            (CHECKPOINT_EVERY + time.monotonic(), CHECKPOINT_EVERY, checkpoint),
        ]
        self.also(jobs)
        self._tasks: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._kept: deque[Callable[[], object]] = deque()
        self._retry_at = 0.0
        self._states: dict[int, CameraState] = {}
        self._lock = threading.Lock()
        self.turned_at = time.monotonic()

    def also(self, jobs: list[Callable[[], object]]) -> None:
        """Further jobs; before the thread is started."""
        self._due += [(0.0, JOBS_EVERY, job) for job in jobs]

    def look(self) -> None:
        """Look at the cameras now."""
        self._tasks.put(self._look)

    def once(self, task: Callable[[], object]) -> None:
        """Do this once, soon; when it fails, it has failed."""
        self._tasks.put(task)

    def keep(self, task: Callable[[], object]) -> None:
        """Do this, and again until the database takes it; what is kept later is done later."""
        self._kept.append(task)
        self._tasks.put(self._flush)

    def state(self, state: CameraState) -> None:
        """Write this state; of several for one camera only the newest is."""
        with self._lock:
            self._states[state.camera] = state
        self._tasks.put(self._write_states)

    def stop(self) -> None:
        self._tasks.put(None)
        self.join(LAST_SECONDS + BUSY_SECONDS)

    def run(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=self._pause())
                if task is None:
                    break
                self._do(task)
            except queue.Empty:
                pass
            self._do(self._flush)
            self._timers()
            self.turned_at = time.monotonic()
        self._end()
        connection.close()

    def _end(self) -> None:
        deadline = time.monotonic() + LAST_SECONDS
        self._do(self._write_states)
        while self._kept and time.monotonic() < deadline:
            self._retry_at = 0.0
            self._do(self._flush)
        if self._kept:
            logger.error("%d reports could not be written before the end", len(self._kept))

    def _pause(self) -> float:
        """Seconds until there is something to do without anybody asking."""
        if self._kept:
            return RETRY_AFTER / 2
        return max(0.01, min(due for due, _, _ in self._due) - time.monotonic())

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

    def _flush(self) -> None:
        """What is kept, in order, for at most half a second at a time. Raises what a locked database raises."""
        began = time.monotonic()
        while self._kept and self._retry_at <= time.monotonic() < began + 0.5:
            task = self._kept[0]
            try:
                task()
            except (OperationalError, InterfaceError):
                self._retry_at = time.monotonic() + RETRY_AFTER
                raise
            except Exception:
                logger.exception("what was to be written is nothing the database takes")
            self._kept.popleft()

    def _look(self) -> None:
        self._want(wanted_cameras(self.requests))

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
