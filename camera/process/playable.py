"""`python -m camera.process.playable`: an H.264 copy of one file, for browsers that cannot play the original.

A line of JSON on stdin names `source` and `target`. On stdout comes `percent N` at least every two seconds; the end is
code 0, or 1 and a last line `failed WHY`. The copy is made beside the target as `.part` and renamed when it is whole.
"""

import contextlib
import errno
import json
import logging
import os
import stat
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from camera.process import guard

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

logger = logging.getLogger(__name__)

_LONGEST_LINE = 64 * 1024
_NICENESS = 10
SAY_EVERY = 1.0
# What a recording may hold: anything else in the file is a reason not to open it.
CODECS = "h264,hevc,av1,libdav1d,mjpeg,mpeg4,aac,pcm_mulaw,pcm_alaw,pcm_s16le,mp3,opus"


class CopyError(Exception):
    """There is no copy; the message says why, to people."""


class Progress:
    """Says the percentage on the real stdout, not too often."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._said = 0.0

    def say(self, percent: float) -> None:
        now = time.monotonic()
        if now - self._said >= SAY_EVERY or percent >= 100:
            self._said = now
            os.write(self._handle, b"percent %d\n" % max(0, min(100, int(percent))))

    def failed(self, why: str) -> None:
        os.write(self._handle, f"failed {why}\n".encode())


def main() -> int:
    guard.harden()
    os.nice(_NICENESS)
    # Nothing that a library prints may get between the lines of progress.
    progress = Progress(os.dup(1))
    os.dup2(2, 1)
    guard.log_to_stderr(0, [])
    try:
        told = json.loads(sys.stdin.buffer.readline(_LONGEST_LINE))
        copy(Path(told["source"]), Path(told["target"]), progress)
    except CopyError as error:
        progress.failed(str(error))
        return 1
    except (ValueError, KeyError, TypeError) as error:
        logger.error("what was asked cannot be read (%s)", type(error).__name__)
        progress.failed("the request could not be read")
        return 2
    progress.say(100)
    return 0


def copy(source: Path, target: Path, progress: Progress) -> None:
    """Make `target`, an H.264 copy of `source`. Raises CopyError; then nothing new is left behind."""
    import av

    part = target.with_name(target.name + ".part")
    try:
        # What an earlier attempt left.
        part.unlink(missing_ok=True)
        with ordinary(source) as read, part.open("xb") as written:
            options = {"codec_whitelist": CODECS, "protocol_whitelist": "file"}
            with (
                av.open(read, "r", format="mp4", options=options) as given,
                av.open(written, "w", format="mp4") as made,
            ):
                _transcode(given, made, progress)
            written.flush()
            os.fsync(written.fileno())
        part.rename(target)
        sync(target.parent)
    except (OSError, ValueError, av.FFmpegError) as error:
        raise CopyError(_why(error)) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "there is no space left on the disk"
    if isinstance(error, FileNotFoundError):
        return "the recording's file is not there"
    return f"the recording could not be read ({type(error).__name__})"


def ordinary(path: Path) -> IO[bytes]:
    """An ordinary file opened for reading, no link followed. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "no ordinary file")
    return os.fdopen(handle, "rb")


def sync(folder: Path) -> None:
    """Make sure that the names in `folder` are on the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _transcode(given: "InputContainer", made: "OutputContainer", progress: Progress) -> None:
    if not given.streams.video:
        raise CopyError("there is no picture in the recording")
    video = given.streams.video[0]
    # AAC is all the sound that recordings have; what is something else is left out.
    sound = next((one for one in given.streams.audio if one.codec_context.name == "aac"), None)
    out = _picture_stream(made, video)
    out_sound: Any = made.add_stream_from_template(sound) if sound is not None else None
    seconds = float((given.duration or 0) / 1_000_000)
    last: int | None = None
    for packet in given.demux([one for one in (video, sound) if one is not None]):
        if packet.stream is sound:
            if packet.dts is not None:
                packet.stream = out_sound
                made.mux(packet)
            continue
        frames: Any = packet.decode()
        for frame in frames:
            # A picture without a later time than the one before has no place in the copy.
            if frame.pts is None or (last is not None and frame.pts <= last):
                continue
            last = frame.pts
            frame.pict_type = 0
            made.mux(out.encode(frame.reformat(out.width, out.height, format="yuv420p")))
            progress.say(100 * frame.time / seconds if seconds else 0)
    if last is None:
        raise CopyError("there is no picture in the recording that can be read")
    made.mux(out.encode(None))


def _picture_stream(made: "OutputContainer", video: Any) -> Any:
    rate = video.average_rate or Fraction(25)
    options = {"preset": "veryfast", "crf": "23", "threads": "2"}
    out: Any = made.add_stream("libx264", rate=min(max(rate, Fraction(1)), Fraction(120)), options=options)
    # 4:2:0 has colour for pairs of lines and columns only.
    out.width, out.height = max(2, video.width // 2 * 2), max(2, video.height // 2 * 2)
    out.pix_fmt = "yuv420p"
    out.time_base = out.codec_context.time_base = video.time_base
    return out


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
