"""Spares the database what it was asked a second ago, while nobody has written to it since."""

import time
from collections.abc import Callable

from django.db import connection


class WhenNew:
    """A job that is left out while there can be nothing new for it in the database: on SQLite, which can tell
    (`PRAGMA data_version` for what others have committed, `total_changes` for one's own). It is done all the same
    after `seconds`, for the sake of what time alone brings about, and elsewhere always.

    Belongs to one thread, as its database connection does.
    """

    def __init__(self, job: Callable[[], object], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._job, self._seconds, self._clock = job, seconds, clock
        self._seen: tuple[object, int, int] | None = None
        self._done_at = float("-inf")

    def __call__(self) -> None:
        now, version = self._clock(), _version()
        if version is not None and version == self._seen and now - self._done_at < self._seconds:
            return
        # What the job itself writes is news for the next time; what it fails at has not been done.
        self._seen = None
        self._job()
        self._seen, self._done_at = version, now


def _version() -> tuple[object, int, int] | None:
    """Changes with each change of the database; None where it cannot tell."""
    if connection.vendor != "sqlite":
        return None
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA data_version")
        (version,) = cursor.fetchone()
    # Both numbers are the connection's own, so that those of another one say nothing.
    return connection.connection, version, connection.connection.total_changes
