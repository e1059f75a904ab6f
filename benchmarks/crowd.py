"""Many viewers in one process: one epoll loop, and pictures thrown away by the kernel instead of being copied.

What a viewer costs here must be little beside what it costs the server. Of each picture only the first bytes are read;
the rest is discarded with MSG_TRUNC, which TCP sockets do without copying (tcp(7)).
"""

import argparse
import json
import selectors
import socket
import statistics
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

_SINK = memoryview(bytearray(1 << 22))
_WHOLE, _BEGINNING = 262_144, 2048
_TURNS = 16
# After so many that were not let in no more are tried.
_MOST_REFUSED = 20
# A server that accepts so slowly that they are not all there after so many seconds has as many as it can take.
_LONGEST_GATHERING = 30.0


class BrokenError(Exception):
    """What the server sends cannot be read or is not what was asked for."""


class Tally:
    """What all viewers of a crowd have seen while it counts. Ages in seconds."""

    def __init__(self) -> None:
        self.counting = False
        self.ages = array("d")
        self.bytes = 0


class Viewer:
    """Reads the bytes of one connection; what kind of stream it is, subclasses know."""

    def __init__(self, sock: socket.socket, tally: Tally) -> None:
        self.sock, self.tally = sock, tally
        # So many of the next bytes are of no interest.
        self.skip = 0
        self.arrived = False  # the first picture has
        self.pictures = 0
        self.missed = 0
        self.trouble = ""

    def take(self, data: bytes) -> None:
        """Bytes that came. Raises BrokenError."""
        raise NotImplementedError

    def skipped(self) -> None:
        """The last of the bytes of no interest has come."""
        raise NotImplementedError

    def count(self, age: float | None) -> None:
        """A picture is here whole; `age` where it can be told."""
        self.arrived = True
        if self.tally.counting:
            self.pictures += 1
            if age is not None:
                self.tally.ages.append(age)

    def readable(self) -> None:
        """Read what there is, but not for ever. Raises BrokenError and OSError."""
        for _ in range(_TURNS):
            data, passing = b"", self.skip > 0
            try:
                if passing:
                    got = self.sock.recv_into(_SINK, min(self.skip, len(_SINK)), socket.MSG_TRUNC)
                    self.skip -= got
                else:
                    data = self.sock.recv(_WHOLE if self.wants_all() else _BEGINNING)
                    got = len(data)
            except BlockingIOError:
                return
            if not got:
                raise BrokenError("closed by the server")
            if self.tally.counting:
                self.tally.bytes += got
            if not passing:
                self.take(data)
            elif not self.skip:
                self.skipped()

    def wants_all(self) -> bool:
        """Whether this one looks at whole pictures."""
        return False


class Crowd:
    """Opens viewers and reads from them. `open_one(index)` connects the one of that number."""

    def __init__(self, open_one: Callable[[int], Viewer], tally: Tally) -> None:
        self._open_one, self.tally = open_one, tally
        self._selector = selectors.EpollSelector()
        self.viewers: list[Viewer] = []
        self.deaf: list[socket.socket] = []
        self.refused: Counter[str] = Counter()

    def gather(self, count: int, deaf: int, pause: float) -> None:
        """`count` viewers, and `deaf` more that never read; `pause` seconds from one to the next.

        Letting people in is work of its own, so this ends when each of them has a picture, or after half a minute.
        """
        until = time.monotonic() + _LONGEST_GATHERING
        for index in range(count + deaf):
            if time.monotonic() > until or sum(self.refused.values()) > _MOST_REFUSED:
                self.refused["not let in in time"] += count + deaf - index
                break
            try:
                viewer = self._open_one(index)
            except (OSError, BrokenError) as error:
                self.refused[_words(error)] += 1
                continue
            viewer.sock.setblocking(False)
            if index >= count:
                self.deaf.append(viewer.sock)
            else:
                self.viewers.append(viewer)
                self._selector.register(viewer.sock, selectors.EVENT_READ, viewer)
            self.watch(pause)
        while not all(viewer.arrived or viewer.trouble for viewer in self.viewers) and time.monotonic() < until:
            self.watch(0.1)

    def watch(self, seconds: float) -> None:
        """Read from all for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                try:
                    key.data.readable()
                except (OSError, BrokenError) as error:
                    key.data.trouble = _words(error)
                    self._selector.unregister(key.fileobj)
                    key.data.sock.close()

    def troubles(self) -> dict[str, int]:
        return dict(self.refused + Counter(viewer.trouble for viewer in self.viewers if viewer.trouble))

    def close(self) -> None:
        for sock in [*self.deaf, *(viewer.sock for viewer in self.viewers)]:
            sock.close()
        self._selector.close()


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else "") or str(error) or repr(error)


def dropped(sock: socket.socket) -> bool:
    """Whether the server has given up on one that never read: what waits is read away to find out."""
    try:
        while sock.recv_into(_SINK, 0, socket.MSG_TRUNC):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def run(crowd: Crowd, options: argparse.Namespace) -> dict[str, Any]:
    """Gather, warm up, measure. `BEGIN` and `END` are printed around the window, for one who measures the server."""
    crowd.gather(options.viewers, options.deaf, options.pause / 1000)
    crowd.watch(options.warm_up)
    print("BEGIN", flush=True)
    crowd.tally.counting, began = True, time.monotonic()
    crowd.watch(options.seconds)
    crowd.tally.counting, lasted = False, time.monotonic() - began
    print("END", flush=True)
    told = result(crowd, lasted) | {"deaf_dropped": sum(dropped(sock) for sock in crowd.deaf)}
    crowd.close()
    return told


def result(crowd: Crowd, seconds: float) -> dict[str, Any]:
    """What the crowd saw in that time. A picture's `bytes` are all that came over the line for it."""
    rates = sorted(viewer.pictures / seconds for viewer in crowd.viewers) or [0.0]
    pictures = sum(viewer.pictures for viewer in crowd.viewers)
    return {
        "seconds": round(seconds, 3),
        "pictures": pictures,
        "fps": round(statistics.median(rates), 2),
        "fps_least": round(rates[0], 2),
        "age_ms": percentiles(crowd.tally.ages),
        "bytes": round(crowd.tally.bytes / pictures) if pictures else 0,
        "missed": sum(viewer.missed for viewer in crowd.viewers),
        "troubles": crowd.troubles(),
    }


def percentiles(ages: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and worst in milliseconds; nothing where there are no ages."""
    if not ages:
        return {}
    ordered = sorted(ages)
    places = {"median": 0.5, "p95": 0.95, "worst": 1.0}
    last = len(ordered) - 1
    return {name: round(ordered[min(last, int(part * len(ordered)))] * 1000, 2) for name, part in places.items()}


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every kind of crowd has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--url", action="append", required=True, help="may come again: they are taken in turn")
    made.add_argument("--header", action="append", default=[], help="such as «Authorization: Bearer fw_…» or a Cookie")
    made.add_argument("-n", "--viewers", type=int, default=1)
    made.add_argument("--deaf", type=int, default=0, help="so many more that never read")
    made.add_argument("--pause", type=float, default=10.0, help="milliseconds from one connection to the next")
    made.add_argument("--warm-up", type=float, default=2.5, help="seconds after the last has come")
    made.add_argument("--seconds", type=float, default=5.0, help="that are measured")
    return made


def tell(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)
