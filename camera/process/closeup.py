"""What is done with a recording after its last picture, beside everything else: the next one need not wait."""

import contextlib
import logging
import os
import queue
from collections.abc import Callable
from dataclasses import asdict

from camera.loading import LOADING
from camera.packets import Packet
from camera.process.writer import RecordingFile, Report, words
from camera.reports import RecordingClosed
from camera.video.faults import BadPacketError
from camera.video.integrity import sha256_of
from camera.video.repair import RepairError, repair

logger = logging.getLogger(__name__)

# A disk that does not take the last steps is asked again. Seconds.
RETRY = 5.0
_LONGEST_DETAIL = 200


class Closeup:
    """`thumbnail` and `close` may be called by any thread and return at once; `run` is the thread that does it."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._again: list[RecordingFile] = []

    def thumbnail(self, file: RecordingFile, packets: list[Packet]) -> None:
        """`packets`: the first ones, from the key frame on."""
        self._jobs.put(lambda: self._make_thumbnail(file, packets))

    def show(self, file: RecordingFile, jpeg: bytes) -> None:
        """What happened in it says more than its first picture, in which as a rule nothing moves yet."""
        file.shows_event = True
        self._jobs.put(lambda: self._put_thumbnail(file, jpeg))

    def close(self, file: RecordingFile) -> None:
        """The file gets nothing more."""
        self._jobs.put(lambda: self._close(file))

    def stop(self) -> None:
        """End when everything that was asked for is done."""
        self._jobs.put(None)

    def run(self) -> None:
        while self.step(RETRY if self._again else None):
            pass
        self._try_again()

    def step(self, patience: float | None = 0.0) -> bool:
        """Do the next thing that comes within `patience` seconds; False when it is time to end."""
        try:
            job = self._jobs.get(timeout=patience) if patience is None or patience > 0 else self._jobs.get_nowait()
        except queue.Empty:
            self._try_again()
            return True
        if job is None:
            return False
        try:
            job()
        except Exception:  # one odd file must not keep the others from being closed
            logger.exception("closing a recording failed")
        return True

    def _make_thumbnail(self, file: RecordingFile, packets: list[Packet]) -> None:
        with LOADING:
            from camera.video.thumbnail import thumbnail

        if not file.shows_event:
            self._write_thumbnail(file, thumbnail(file.info, packets))

    def _put_thumbnail(self, file: RecordingFile, jpeg: bytes) -> None:
        with LOADING:
            from camera.video.thumbnail import small

        self._write_thumbnail(file, small(jpeg))

    def _write_thumbnail(self, file: RecordingFile, picture: bytes | None) -> None:
        with LOADING:
            from camera.video.thumbnail import write_atomically

        # A file in which there was nothing is gone, and its thumbnail with it.
        if picture is None or not (file.part.exists() or file.final.exists()):
            return
        try:
            write_atomically(file.thumbnail, picture)
        except OSError as error:
            logger.warning("no thumbnail: %s", words(error))
            return
        file.say_changed(self._report, thumbnail=True)

    def _close(self, file: RecordingFile) -> None:
        try:
            seconds = file.seconds_kept or _finish(file)
            if seconds:
                self._settle(file, seconds)
                return
        except OSError as error:
            if os.fstat(file.lock).st_nlink:
                logger.warning("%s cannot be closed yet: %s", file.name, words(error))
                self._again.append(file)
                return
            file.broken = "the file was deleted while it was written"
        self._discard(file)

    def _settle(self, file: RecordingFile, seconds: float) -> None:
        """Sync, hash and rename; report only then. Raises OSError."""
        file.seconds_kept = seconds
        os.fsync(file.lock)
        is_named = not file.part.exists() and file.final.exists()
        size, digest = os.fstat(file.lock).st_size, sha256_of(file.final if is_named else file.part)
        if not is_named:
            file.part.rename(file.final)
        _sync_folder(file)
        file.let_go()
        ended_at = file.started_at + seconds if file.broken else file.ended_at
        self._say(file, ended_at, seconds, size, digest)

    def _try_again(self) -> None:
        waiting, self._again = self._again, []
        for file in waiting:
            if file.grasp_anew():
                # What had not reached the disk is lost: all is to be looked at again.
                file.seconds_kept, file.broken = 0.0, file.broken or "its disk was away for a while"
            self._close(file)

    def _discard(self, file: RecordingFile) -> None:
        """Nothing that can be played was written."""
        for path in (file.part, file.thumbnail):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        file.let_go()
        self._say(file, file.started_at, 0.0, 0, "")

    def _say(self, file: RecordingFile, ended_at: float, seconds: float, size: int, digest: str) -> None:
        state = "interrupted" if file.broken else "closed"
        detail = (file.broken or file.detail)[:_LONGEST_DETAIL]
        closed = RecordingClosed(file.uid, ended_at, round(seconds, 3), size, digest, list(file.reasons), state, detail)
        self._report(closed.KIND, asdict(closed))


def _finish(file: RecordingFile) -> float | None:
    """Make the file whole; how many seconds it plays, None when there is nothing worth keeping. Raises OSError where
    the disk does not let it be made whole: then it may be tried again."""
    if not file.broken:
        try:
            file.writer.close()
        except (OSError, BadPacketError) as error:
            file.broken = words(error)
    file.writer.abandon()
    if not file.broken:
        return file.seconds if file.seconds > 0 else None
    try:
        return repair(file.part).seconds
    except RepairError:
        return None


def _sync_folder(file: RecordingFile) -> None:
    handle = os.open(file.final.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
