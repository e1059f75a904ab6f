"""What is made of a picture for small tiles. PyAV and OpenCV are loaded with the first one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from camera.loading import LOADING
from camera.packets import Frame

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from camera.detectors.change import Change
    from camera.video.grey import Grey, GreyMaker
    from camera.video.reduce import FrameReducer, Reduced


@dataclass(frozen=True, slots=True)
class Seen:
    """A JPEG or a decoded frame. `epoch`: the live slot's when it came; `newest`: none newer was there then."""

    captured_at: float
    epoch: int
    data: bytes = b""
    frame: "VideoFrame | None" = None
    newest: bool = True


class Maker:
    """Compares and reduces. Not for sharing between threads."""

    def __init__(self) -> None:
        self._change: Change | None = None
        self._grey: GreyMaker | None = None
        self._reducer: FrameReducer | None = None
        self._last: tuple[int, Frame] | None = None

    def changed(self, seen: Seen, now: float) -> bool:
        """Whether anything has moved since the picture before; `now` by the clock that only goes on."""
        with LOADING:
            import cv2

            from camera.detectors.change import Change

        if self._change is None:
            cv2.setNumThreads(1)
            self._change = Change()
        grey = self._small_grey(seen)
        return grey is not None and self._change.look(grey, now)

    def reduced(self, seen: Seen) -> Frame | None:
        """The picture for small tiles, None when it cannot be decoded. Of the last one nothing is made again."""
        if self._last is not None and (self._last[0], self._last[1].captured_at) == (seen.epoch, seen.captured_at):
            return self._last[1]
        made = self._made(seen)
        if made is None:
            return None
        frame = Frame(made.data, seen.captured_at, made.width, made.height)
        self._last = seen.epoch, frame
        return frame

    def _made(self, seen: Seen) -> "Reduced | None":
        with LOADING:
            from camera.video import reduce

        if seen.frame is None:
            return reduce.of_jpeg(seen.data)
        if self._reducer is None:
            self._reducer = reduce.FrameReducer()
        return self._reducer(seen.frame)

    def _small_grey(self, seen: Seen) -> "Grey | None":
        with LOADING:
            from camera.video import grey

        if seen.frame is None:
            return grey.from_jpeg(seen.data)
        if self._grey is None:
            self._grey = grey.GreyMaker()
        return self._grey(seen.frame)
