"""Cameras that send by themselves: their pictures are brought to the door, and wait here for the capture thread."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from camera.packets import Packet, Reason, SourceError, StreamInfo
from camera.sources import Request, Source

# What may wait for the capture thread, which takes each picture at once unless the machine is out of breath.
MOST_WAITING = 16
MOST_BYTES = 48 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Push:
    """A picture that was sent here; its size is that of its SOF marker. `late`: from a time when its sender had no
    line; `kind`: what the sender saw ("spill", "motion" …), or ""; `sender_id`: what it calls that event, or "";
    `overtaken`: a newer one has been shown already."""

    packet: Packet
    width: int
    height: int
    late: bool = False
    kind: str = ""
    sender_id: str = ""
    overtaken: bool = False


class Inbox:
    """Live pictures on their way to the capture thread, in their order. Any thread may put; one takes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Push] = deque()
        self._bytes = 0
        self._closed = self._has_left = False
        # Nothing has come for so long that this has been told: the next opening waits as long as it takes.
        self.is_silent = False

    def put(self, push: Push) -> bool:
        """False when too much waits already; never waits itself."""
        size = len(push.packet.data)
        with self._changed:
            if len(self._waiting) >= MOST_WAITING or (self._waiting and self._bytes + size > MOST_BYTES):
                return False
            self._waiting.append(push)
            self._bytes += size
            self._has_left = False
            self._changed.notify()
        return True

    def take(self, seconds: float | None) -> Push | None:
        """The next picture, None when none comes in `seconds` (None: as long as it takes), its sender has left or the
        inbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed or self._has_left, seconds)
            if self._closed or not self._waiting:
                self._has_left = False
                return None
            push = self._waiting.popleft()
            self._bytes -= len(push.packet.data)
        self.is_silent = False
        return push

    def leave(self) -> None:
        """The sender says that nothing more will come: that need not be waited for."""
        with self._changed:
            self._has_left = not self.is_silent
            self._changed.notify()

    def close(self) -> None:
        """End every wait, now and from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def open_push(request: Request) -> Source:
    """Wait for the first picture. Raises SourceError: NO_SIGNAL after `timeouts.silence` seconds without one, but only
    once for each silence; REFUSED where nobody brings pictures."""
    if request.inbox is None:
        raise SourceError(Reason.REFUSED, "its pictures are sent here: there is nothing to connect to")
    return PushSource(request, request.inbox)


class PushSource:
    """Gives the pictures as they were sent, the one that opened it first."""

    def __init__(self, request: Request, inbox: Inbox) -> None:
        self._request, self._inbox = request, inbox
        self._first = self._next(None if inbox.is_silent else request.timeouts.silence)
        self.info = StreamInfo("mjpeg", self._first.width, self._first.height)

    def _next(self, seconds: float | None) -> Push:
        """Raises SourceError."""
        push = self._inbox.take(seconds)
        if push is None:
            self._inbox.is_silent = True
            raise SourceError(Reason.NO_SIGNAL, "no pictures are being sent")
        return push

    def __iter__(self) -> Iterator[Packet]:
        push = self._first
        while not self._request.stop.is_set():
            if (push.width, push.height) != (self.info.width, self.info.height):
                self.info = StreamInfo("mjpeg", push.width, push.height)
            yield push.packet
            push = self._next(self._request.timeouts.silence)

    def close(self) -> None:
        """Nothing is held open."""
