"""One recording while it is written: its name, its `.part` file with the lock, its reasons."""

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from camera import paths
from camera.loading import LOADING
from camera.orders import Orders
from camera.packets import AudioPacket, Packet, StreamInfo
from camera.reports import TRIGGERS, RecordingChanged, RecordingOpened
from camera.video import nal

Report = Callable[[str, dict[str, Any]], None]

MOST_REASONS = 200
# How far the clock of capture and the length of the film may differ, besides a camera's clock that runs wrong. Seconds.
_JITTER = 2.0
# NAL unit type of what says size and kind of the pictures that follow.
_SPS = {"h264": 7, "hevc": 33}
_DISK_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EFBIG: "the disk takes no larger file",
    errno.EROFS: "the disk is read-only",
    errno.ENOENT: "the recordings folder is gone",
    errno.EACCES: "the recordings folder may not be written to",
    errno.EPERM: "the recordings folder may not be written to",
}


def words(error: BaseException) -> str:
    """What is wrong with the disk, for people."""
    number = getattr(error, "errno", None)
    return _DISK_WORDS.get(number or 0, "the disk does not work as it should")


class RecordingFile:
    """Created by the recorder's thread, which alone writes; `say_changed` may be called by any thread."""

    def __init__(self, orders: Orders, info: StreamInfo, first: Packet, reasons: Iterable[str]) -> None:
        """Raises OSError, MuxError or UnsafePathError; then there is no file."""
        self.uid = paths.new_uid()
        self.storage = orders.storage
        self.name = paths.recording_file(orders.slug, first.captured_at, self.uid)
        self.info, self.started_at = info, first.captured_at
        self.reasons = list(reasons)[:MOST_REASONS]
        # Why it broke off; "" for a recording that ended as it should.
        self.broken = ""
        self.detail = ""
        self.bad_packets = 0
        # Its thumbnail is the picture of an event.
        self.shows_event = False
        # How long it plays, once that is known for good.
        self.seconds_kept = 0.0
        self._sps = _sps(info.codec, info.extradata) | _sps(info.codec, first.data)
        self.last_at = first.captured_at
        self._has_thumbnail = False
        self._said = threading.Lock()
        self.part, self.lock = _create(Path(orders.storage), self.name)
        with LOADING:
            from camera.video.mux import Mp4Writer

        try:
            self.writer = Mp4Writer(self.part, info, first)
        except BaseException:
            self.part.unlink(missing_ok=True)
            self.let_go()
            raise

    @property
    def final(self) -> Path:
        return self.part.with_name(self.part.name.removesuffix(paths.PART))

    @property
    def thumbnail(self) -> Path:
        return self.part.with_name(paths.thumbnail_of(self.final.name))

    @property
    def seconds(self) -> float:
        return self.writer.seconds

    @property
    def bytes(self) -> int:
        """What has reached the file so far."""
        return os.fstat(self.lock).st_size if self.lock >= 0 else 0

    @property
    def ended_at(self) -> float:
        """When the last picture ended, by the clock of its capture unless that was set meanwhile."""
        seconds, passed = self.seconds, self.last_at - self.started_at
        is_told = seconds / 2 - _JITTER <= passed <= seconds * 2 + _JITTER
        return self.started_at + (passed if is_told else seconds)

    def fits(self, packet: Packet) -> bool:
        """Whether this key frame is of the same size and kind as what the file holds."""
        found = _sps(self.info.codec, packet.data)
        return not found or not self._sps or found == self._sps

    def write(self, packet: Packet) -> None:
        """Raises as Mp4Writer.write does."""
        before = self.seconds
        self.writer.write(packet)
        self.last_at = packet.captured_at + min(max(self.seconds - before, 0.0), 1.0)

    def audio(self, packet: AudioPacket) -> None:
        self.writer.audio(packet)

    def say_opened(self, report: Report) -> None:
        kind = self.reasons[0].partition(":")[0]
        opened = RecordingOpened(
            self.uid, self.storage, self.name, self.started_at, kind if kind in TRIGGERS else "manual",
            list(self.reasons), self.writer.codec, *self.writer.size, self.writer.has_sound,
        )  # fmt: skip
        report(opened.KIND, asdict(opened))

    def say_changed(self, report: Report, reasons: Iterable[str] = (), thumbnail: bool = False) -> None:
        """Further reasons may have joined, or the thumbnail is there. Says nothing when that is no news."""
        with self._said:
            fresh = [reason for reason in reasons if reason not in self.reasons]
            fresh = fresh[: MOST_REASONS - len(self.reasons)]
            if not fresh and not thumbnail:
                return
            self.reasons += fresh
            self._has_thumbnail |= thumbnail
            changed = RecordingChanged(self.uid, list(self.reasons), self._has_thumbnail)
            report(changed.KIND, asdict(changed))

    def grasp_anew(self) -> bool:
        """Lock what lies there now; True when that is another file than before: its disk was mounted anew."""
        try:
            handle = os.open(self.part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)  # it is still our own
            return False
        self.let_go()
        self.lock = handle
        return True

    def let_go(self) -> None:
        """Give up the lock."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def _create(storage: Path, name: str) -> tuple[Path, int]:
    """(path, locked handle) of a new `.part` file. The storage folder itself is never made: it may be a disk that is
    not mounted. Raises OSError or UnsafePathError."""
    if not storage.is_absolute() or not storage.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no storage folder")
    folder = storage
    for piece in name.split("/")[:-1]:
        folder = folder / piece
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
    path = paths.inside(storage, name + paths.PART)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # A network disk without locks still takes recordings.
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            os.close(handle)
            raise
    return path, handle


def _sps(codec: str, data: bytes) -> frozenset[bytes]:
    if codec not in _SPS:
        return frozenset()
    return frozenset(unit for unit in nal.units(data) if nal.unit_type(codec, unit) == _SPS[codec])
