"""MJPEG straight to the sockets: one loop hands each picture to all viewers of a camera.

The layers between a view and its socket cost more than the sending itself, for every viewer and every picture. So the
reply begins as any other does and is then taken over: its head and the first bytes go through the server, the pictures
do not. Whoever has not taken the last picture whole gets the newest next; nobody has a queue. docs/decisions/
0010-fan-out.md tells what that gains.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Protocol

from camera.live import mjpeg
from camera.live.feed import OPENING, Bell, Feed, Picture
from camera.live.hub import Hub
from camera.live.sheet import Sheet

# What may wait in the kernel and not be sent. One who has missed a picture lately gets the lower limit: a viewer with a
# slow line is late by so much and one picture. Bytes, seconds.
UNSENT, UNSENT_SLOW = 131_072, 16_384
SLOW_SECONDS = 10.0
# The same where the server sends, with TLS: what is under way counts as well.
UNSENT_CODED = 65_536
LOOK_UNSENT = 0.01
# How long the first bytes of the reply may take to leave the server's own buffer. Seconds.
TAKING_OVER = 5.0
COUNT_EVERY = 1.0
# Rung when there is something to say; looked at all the same.
LOOK_EVERY = 60.0


class Wire(Protocol):
    """The connection beneath a reply, as the server offers it (main/serving/wire.py)."""

    plain: bool

    @property
    def closing(self) -> bool: ...

    def take(self) -> socket.socket | None: ...

    def write(self, data: bytes) -> None: ...

    def abort(self) -> None: ...

    def unsent(self) -> int: ...


async def parts(
    hub: Hub, camera: int, viewer: mjpeg.Viewer, bell: Bell, wire: Wire | None
) -> AsyncGenerator[bytes, None]:
    """The body of a stream until the viewer is gone, of a reply in chunked coding (RFC 9112, 7.1). `bell` wakes it.

    What it yields has to be sent as it is at once. With a plain wire that is no more than the first bytes.
    """
    yield OPENING
    sock = await _taken(wire) if wire is not None else None
    if wire is None or sock is None:
        async for part in mjpeg.parts(hub, camera, viewer, bell):
            yield part
            if wire is not None:
                await _left(wire, hub, viewer)
        return
    with _fan(hub, camera).joined(sock, viewer, bell) as one:
        while not (viewer.gone or one.over):
            await bell.wait(LOOK_EVERY)
    if one.lost:
        wire.abort()
    elif one.rest:
        # What follows is the end of the reply, which must not stand within a picture.
        wire.write(bytes(one.rest))


async def _left(wire: Wire, hub: Hub, viewer: mjpeg.Viewer) -> None:
    """Wait until most of what was given to the server has left: its own buffers hold many pictures."""
    while wire.unsent() > UNSENT_CODED and not (viewer.gone or hub.closing):  # noqa: ASYNC110 (a transport tells nobody when it is empty)
        await asyncio.sleep(LOOK_UNSENT)


async def _taken(wire: Wire) -> socket.socket | None:
    """The connection's socket when all that was written before has left; None where there is none to be had."""
    deadline = time.monotonic() + TAKING_OVER
    pause = 0.0
    while wire.plain and not wire.closing and time.monotonic() < deadline:
        sock = wire.take()
        if sock is not None:
            return sock
        await asyncio.sleep(pause)
        pause = 0.02
    return None


class OneViewer:
    """One socket. `over`: it gets no more."""

    __slots__ = ("at", "behind", "bell", "lost", "missed", "over", "sent", "sheet", "slow_until", "sock", "viewer")

    def __init__(self, sock: socket.socket, viewer: mjpeg.Viewer, bell: Bell) -> None:
        self.sock, self.viewer, self.bell = sock, viewer, bell
        # The picture it has begun to take, and how far it is.
        self.sheet: Sheet | None = None
        self.at = 0
        # Waits for room in its socket, and whether something has come meanwhile.
        self.behind = self.missed = False
        # Monotonic; 0 for one that keeps up.
        self.slow_until = 0.0
        self.sent = 0
        self._hold(UNSENT)
        self.over = self.lost = False

    @property
    def rest(self) -> memoryview | None:
        """What it has not taken of the picture it has begun to take."""
        return memoryview(self.sheet.data)[self.at :] if self.sheet is not None else None

    def _hold(self, size: int) -> None:
        """From now on the kernel takes more while less than `size` bytes wait."""
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, size)

    def miss(self) -> None:
        """A picture has come before it had taken the last one."""
        self.missed = True
        if not self.slow_until:
            self._hold(UNSENT_SLOW)
        self.slow_until = time.monotonic() + SLOW_SECONDS

    def keep_up(self, now: float) -> None:
        """Trust it again when it has not missed any for a while."""
        if self.slow_until and now > self.slow_until and not self.behind:
            self.slow_until = 0.0
            self._hold(UNSENT)

    def count(self) -> None:
        """Tell the viewer what was sent since the last time."""
        sent, self.sent = self.sent, 0
        if sent:
            self.viewer.sent(sent)

    def end(self, *, lost: bool = False) -> None:
        self.over, self.lost = True, self.lost or lost
        self.bell.ring()


class Fan:
    """All viewers of one camera that are written to directly. For the feed it is one viewer among others."""

    def __init__(self, hub: Hub, feed: Feed) -> None:
        self._hub, self._feed = hub, feed
        self._loop = asyncio.get_running_loop()
        self._viewers: dict[OneViewer, None] = {}
        self._bell = Bell()
        self._task: asyncio.Task[None] | None = None
        # What was handed out last, ready to be sent, and the picture it is: None for a placeholder.
        self._sheet: Sheet | None = None
        self._picture: Picture | None = None
        self._counted = 0.0

    # As a viewer of the feed

    @property
    def gone(self) -> bool:
        return not self._viewers

    async def _run(self) -> None:
        try:
            stream = mjpeg.items(self._hub, self._feed.camera, self, self._bell)
            async with contextlib.aclosing(stream):
                async for item in stream:
                    self._hand_out(item)
        finally:
            for one in list(self._viewers):
                one.end()

    # Viewers that come and go

    @contextlib.contextmanager
    def joined(self, sock: socket.socket, viewer: mjpeg.Viewer, bell: Bell) -> Iterator[OneViewer]:
        """Write to `sock` from now on; it is closed at the end."""
        one = OneViewer(sock, viewer, bell)
        self._viewers[one] = None
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._run(), name=f"fan-{self._feed.camera}")
        try:
            self._catch_up(one)
            yield one
        finally:
            del self._viewers[one]
            if one.behind:
                self._loop.remove_writer(sock.fileno())
            one.count()
            sock.close()
            if not self._viewers:
                self._bell.ring()
                _fans.pop(self._feed, None)

    # Pictures

    def _hand_out(self, item: Picture | bytes) -> None:
        if isinstance(item, Picture):
            self._picture, chunk = item, item.chunk()
        else:
            self._picture, chunk = None, b"%x\r\n%b\r\n" % (len(item), item)
        self._sheet = sheet = Sheet(chunk, len(self._viewers))
        send, size = sheet.send, sheet.size
        for one in self._viewers:
            if one.behind:
                one.miss()
                continue
            try:
                taken = send(one.sock)
            except BlockingIOError:
                taken = 0
            except OSError:
                one.end(lost=True)
                continue
            one.sent += taken
            if taken < size:
                self._wait_for(one, taken)
        now = time.monotonic()
        if now - self._counted >= COUNT_EVERY:
            self._counted = now
            for one in self._viewers:
                one.count()
                one.keep_up(now)

    def _wait_for(self, one: OneViewer, taken: int) -> None:
        """It has taken so much of the newest picture, and the rest has to follow; one not begun need not be sent."""
        one.sheet, one.at = (self._sheet, taken) if taken else (None, 0)
        one.behind, one.missed = True, not taken
        self._loop.add_writer(one.sock.fileno(), self._writable, one)

    def _writable(self, one: OneViewer) -> None:
        if one.sheet is not None:
            try:
                taken = one.sheet.send(one.sock, one.at)
            except BlockingIOError:
                return
            except OSError:
                one.end(lost=True)
            else:
                one.sent += taken
                one.at += taken
                if one.at < one.sheet.size:
                    return
        self._loop.remove_writer(one.sock.fileno())
        one.sheet, one.behind = None, False
        if one.missed:
            self._catch_up(one)

    def _catch_up(self, one: OneViewer) -> None:
        """Give it what was handed out last, unless that is not how it is any more: then something else is to come."""
        sheet = self._sheet
        if one.over or sheet is None or self._hub.live(self._feed) is not self._picture:
            return
        try:
            taken = sheet.send(one.sock)
        except BlockingIOError:
            taken = 0
        except OSError:
            one.end(lost=True)
            return
        one.sent += taken
        if taken < sheet.size:
            self._wait_for(one, taken)


_fans: dict[Feed, Fan] = {}


def _fan(hub: Hub, camera: int) -> Fan:
    feed = hub.feed(camera)
    fan = _fans.get(feed)
    if fan is None:
        fan = _fans[feed] = Fan(hub, feed)
    return fan
