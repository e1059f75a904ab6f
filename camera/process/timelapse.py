"""`python -m camera.process.timelapse`: the stills of a stretch of time as one H.264 film.

A line of JSON on stdin names `root` and `slug`, `begin` and `end` (seconds since the epoch), the hours to leave out as
`without` and the `target`. On stdout comes `percent N`, at the end `pictures N` and code 0, or a last line
`failed WHY` and code 1. The film is made beside the target as `.part` and renamed when it is whole.
"""

import contextlib
import errno
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from camera.packets import Packet, StreamInfo
from camera.paths import PART, UnsafePathError, inside
from camera.process import guard
from camera.process.playable import CopyError, Progress, ordinary, sync
from camera.still_files import Still, stills_between
from camera.video.jpeg import MAX_BYTES, end_of_picture

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame

logger = logging.getLogger(__name__)

_LONGEST_LINE = 256 * 1024
_NICENESS = 10
FPS = 30
# Two minutes; of more stills every second, third … is taken.
MOST_PICTURES = 120 * FPS
# What browsers' decoders still take.
MOST_WIDTH, MOST_HEIGHT = 3840, 2160
_OPTIONS = {"preset": "veryfast", "crf": "23", "threads": "2"}
# The index comes first, so that a player can begin before it has all.
_CONTAINER = {"movflags": "faststart"}
_KEY_EVERY = 30
_BT709 = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become a film."""

    root: Path
    slug: str
    begin: datetime
    end: datetime
    without: frozenset[datetime]
    target: Path

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> "Wish":
        """Raises ValueError, KeyError or TypeError."""
        begin, end = (datetime.fromtimestamp(float(told[name]), UTC) for name in ("begin", "end"))
        without = frozenset(datetime.fromtimestamp(float(hour), UTC) for hour in told.get("without", ()))
        return cls(Path(told["root"]), str(told["slug"]), begin, end, without, Path(told["target"]))


def main() -> int:
    guard.harden()
    os.nice(_NICENESS)
    # Nothing that a library prints may get between the lines of progress.
    handle = os.dup(1)
    progress = Progress(handle)
    os.dup2(2, 1)
    guard.log_to_stderr(0, [])
    try:
        pictures = make(Wish.from_dict(json.loads(sys.stdin.buffer.readline(_LONGEST_LINE))), progress)
    except CopyError as error:
        progress.failed(str(error))
        return 1
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        logger.error("what was asked cannot be read (%s)", type(error).__name__)
        progress.failed("the request could not be read")
        return 2
    progress.say(100)
    os.write(handle, b"pictures %d\n" % pictures)
    return 0


def make(wish: Wish, progress: Progress) -> int:
    """Make the film; how many pictures are in it. Raises CopyError; then nothing new is left behind."""
    import av

    stills = stills_between(wish.root, wish.slug, wish.begin, wish.end, wish.without)
    step = max(1, -(-len(stills) // MOST_PICTURES))
    part = wish.target.with_name(wish.target.name + PART)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        # What an earlier attempt left.
        part.unlink(missing_ok=True)
        with av.open(str(part), "w", format="mp4", options=_CONTAINER) as made:
            pictures = _film(wish.root, stills[::step], made, progress)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(wish.target)
        sync(wish.target.parent)
    except (OSError, ValueError, av.FFmpegError) as error:
        raise CopyError(_why(error)) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return pictures


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "there is no space left on the disk"
    return f"the film could not be written ({type(error).__name__})"


def _film(root: Path, stills: list[Still], made: "OutputContainer", progress: Progress) -> int:
    out: Any = None
    count = 0
    for number, still in enumerate(stills):
        for frame in _frames(root, still):
            if out is None:
                out = _stream(made, frame)
            fitted = _fitted(frame, out.width, out.height)
            fitted.pts, fitted.time_base, fitted.pict_type = count, Fraction(1, FPS), 0
            made.mux(out.encode(fitted))
            count += 1
        progress.say(min(99, 100 * number / len(stills)))
    if out is None:
        raise CopyError("none of its stills could be read" if stills else "there are no stills of that day any more")
    made.mux(out.encode(None))
    return count


def _frames(root: Path, still: Still) -> "Iterator[VideoFrame]":
    """The picture of a still; nothing when it has gone, is no ordinary file or cannot be read whole."""
    from camera.video.decode import Decoder

    try:
        with ordinary(inside(root, still.name)) as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, UnsafePathError):
        return
    if len(data) > MAX_BYTES or end_of_picture(data) is None:
        return
    decoder = Decoder(StreamInfo("mjpeg"))
    frames = [*decoder.decode(Packet(data, True, 0.0)), *decoder.flush()]
    yield from (frame for frame, _ in frames[:1])


def _stream(made: "OutputContainer", first: "VideoFrame") -> Any:
    """A stream as large as the first picture, or the most that is shown everywhere."""
    width, height = _within(first.width, first.height, MOST_WIDTH, MOST_HEIGHT)
    out: Any = made.add_stream("libx264", rate=FPS, options=_OPTIONS)
    out.width, out.height, out.pix_fmt = width, height, "yuv420p"
    out.codec_context.gop_size = _KEY_EVERY
    out.codec_context.time_base = Fraction(1, FPS)
    # Said, so that no player has to guess it from the size.
    out.codec_context.colorspace = out.codec_context.color_primaries = out.codec_context.color_trc = _BT709
    out.codec_context.color_range = 1
    return out


def _within(width: int, height: int, most_width: int, most_height: int) -> tuple[int, int]:
    """The largest even size of that shape within a box, never larger than it is."""
    share = min(1.0, most_width / width, most_height / height)
    return max(2, round(width * share) // 2 * 2), max(2, round(height * share) // 2 * 2)


def _fitted(frame: "VideoFrame", width: int, height: int) -> "VideoFrame":
    """The whole picture in that size, with black beside it where its shape is another."""
    inner = width, height
    if abs(frame.width * height - frame.height * width) > max(width, height) * 2:
        share = min(width / frame.width, height / frame.height)
        inner = max(2, int(frame.width * share) // 2 * 2), max(2, int(frame.height * share) // 2 * 2)
    scaled = _converted(frame, *inner)
    return scaled if inner == (width, height) else _on_black(scaled, width, height)


def _converted(frame: "VideoFrame", width: int, height: int) -> "VideoFrame":
    """From a JPEG's colours (full range, BT.601) into a film's."""
    from av.video.reformatter import ColorRange, Colorspace

    return frame.reformat(
        width, height, format="yuv420p",
        src_colorspace=Colorspace.ITU601, dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.MPEG,
    )  # fmt: skip


def _on_black(frame: "VideoFrame", width: int, height: int) -> "VideoFrame":
    """In the middle of a black picture; all sizes are even."""
    import numpy as np
    from av.video.frame import VideoFrame

    made = VideoFrame(width, height, "yuv420p")
    left, top = (width - frame.width) // 4 * 2, (height - frame.height) // 4 * 2
    for index, (plane, source) in enumerate(zip(made.planes, frame.planes, strict=True)):
        half = 1 if index == 0 else 2
        pixels = np.full((plane.height, plane.line_size), 16 if index == 0 else 128, np.uint8)
        inner = np.frombuffer(memoryview(source), np.uint8).reshape(-1, source.line_size)
        rows, columns = frame.height // half, frame.width // half
        pixels[top // half : top // half + rows, left // half : left // half + columns] = inner[:rows, :columns]
        plane.update(pixels.tobytes())
    return made


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
