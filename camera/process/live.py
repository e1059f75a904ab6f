"""The newest picture, in one slot between the threads: whoever is late skips, nobody waits, nothing stale is shown."""

import threading
from collections.abc import Callable

from camera.packets import Frame


class LiveSlot:
    """Shut while the camera is not online. `wake` is called (from any thread) when there is something to send."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._wake = wake
        self._frame: Frame | None = None
        self._fresh = False
        self._open = False
        self._epoch = 0
        self._seq = 0

    @property
    def epoch(self) -> int:
        """A number that changes whenever the camera comes or goes; ask for it before making a frame."""
        return self._epoch

    def put(self, frame: Frame, epoch: int | None = None) -> None:
        """The newest frame. One of another epoch comes from before the camera went, and is dropped."""
        with self._lock:
            if not self._open or epoch not in (None, self._epoch):
                return
            self._seq += 1
            # Not by dataclasses.replace, which asks every field by its name, for every picture.
            size = frame.width, frame.height
            self._frame, self._fresh = Frame(frame.data, frame.captured_at, *size, self._seq, frame.every), True
        self._wake()

    def open(self, is_open: bool) -> None:
        with self._lock:
            if is_open != self._open:
                self._open = is_open
                self._epoch += 1
                self._frame, self._fresh = None, False

    def clear(self) -> None:
        """Forget the frame: nobody keeps it up to date any longer."""
        with self._lock:
            self._frame, self._fresh = None, False

    def take(self) -> Frame | None:
        """The newest frame if it has not been taken yet."""
        with self._lock:
            if not self._fresh:
                return None
            self._fresh = False
            return self._frame

    def newest(self) -> Frame | None:
        """The newest frame, taken or not."""
        with self._lock:
            return self._frame
