"""The engine's housekeeping together, as jobs for the rows thread: disks, deletion, retention, what is made on wish."""

from collections.abc import Callable

from camera.engine.deletion import Deletion
from camera.engine.disk import Disk
from camera.engine.leftovers import Leftovers
from camera.engine.news import WhenNew
from camera.engine.playable import PlayableCopies
from camera.engine.retention import Retention
from camera.engine.timelapse import TimeLapses
from camera.engine.usage import Usage

# What could not be deleted is tried again after a while, without anything new in the database. Seconds.
DELETION_EVERY = 10.0


class Keeping:
    """`publish` is called in the rows thread with the id of each system event that began or ended."""

    def __init__(self, publish: Callable[[int], None]) -> None:
        self._publish = publish
        self._deletion = Deletion()
        self._disk = Disk(self._deletion)
        self.retention = Retention()
        self._copies = PlayableCopies()
        self._films = TimeLapses()
        self._usage = Usage(self._deletion)
        self._leftovers = Leftovers()

    def jobs(self) -> list[Callable[[], object]]:
        """Each to be called once a second, and none of them by another thread."""
        return [
            self._watch_disks, self._copies, self._films, WhenNew(self._deletion, DELETION_EVERY), self.retention,
            self._usage, self._leftovers,
        ]  # fmt: skip

    def stop(self) -> None:
        """End the copy and the time-lapse that are being made; call it when the rows thread has ended."""
        self._copies.stop()
        self._films.stop()
        self._usage.stop()

    def _watch_disks(self) -> None:
        for event in self._disk.check():
            self._publish(event)
