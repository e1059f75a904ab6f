"""Lets JPEGs through that are JPEGs, within the limits; a source that sends anything else is named a bad stream."""

from dataclasses import replace

from camera.packets import Reason, SourceError, StreamInfo
from camera.video import jpeg


class JpegGate:
    """`info` follows the size of what was let through."""

    def __init__(self, patience: int = 10) -> None:
        self.info = StreamInfo("mjpeg")
        self._patience = patience
        self._bad = 0

    def admit(self, data: bytes) -> bool:
        """True for a picture to pass on. Raises SourceError after `patience` bad ones in a row."""
        try:
            size = jpeg.check(data)
        except jpeg.BadJpegError as error:
            self._bad += 1
            if self._bad >= self._patience:
                raise SourceError(Reason.BAD_STREAM, f"it sends {error}") from None
            return False
        self._bad = 0
        if size != (self.info.width, self.info.height):
            self.info = replace(self.info, width=size[0], height=size[1])
        return True
