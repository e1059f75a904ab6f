"""What the small servers share: JPEGs out of a camera's multipart stream, and a part of their own around each."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

CONTENT_TYPE = "multipart/x-mixed-replace; boundary=picture"
_QUALITY = 80


def part(jpeg: bytes) -> bytes:
    """One picture as the servers send it."""
    return b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)


def encoded(picture: Any) -> bytes:
    """A picture of OpenCV's as JPEG."""
    import cv2

    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


async def pictures(url: str) -> AsyncIterator[bytes]:
    """The camera's JPEGs as they came, until it hangs up. Needs Content-Length in its parts."""
    address = urlsplit(url)
    incoming, out = await asyncio.open_connection(address.hostname, address.port, limit=1 << 22)
    out.write(f"GET {address.path}?{address.query} HTTP/1.0\r\nHost: {address.netloc}\r\n\r\n".encode())
    await incoming.readuntil(b"\r\n\r\n")
    while True:
        head = (await incoming.readuntil(b"\r\n\r\n")).lower()
        yield await incoming.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))


class Capture(threading.Thread):
    """The textbooks' camera thread: decodes with OpenCV and keeps the newest picture, encoded where that is asked."""

    def __init__(self, url: str, *, encodes: bool) -> None:
        super().__init__(daemon=True)
        self._url, self._encodes = url, encodes
        self._changed = threading.Condition()
        self._newest: Any = None
        self._number = 0

    def run(self) -> None:
        import cv2

        while True:
            camera = cv2.VideoCapture(self._url)
            while True:
                taken, picture = camera.read()
                if not taken:
                    break
                newest = encoded(picture) if self._encodes else picture
                with self._changed:
                    self._newest, self._number = newest, self._number + 1
                    self._changed.notify_all()
            time.sleep(1)

    def after(self, number: int) -> tuple[int, Any]:
        """(number, picture) of the newest once there is one that is not of that number."""
        with self._changed:
            self._changed.wait_for(lambda: self._number != number)
            return self._number, self._newest
