"""How much the web process spends on each MJPEG picture it delivers, and what viewers that never read cost the others.

    .venv/bin/python -m benchmarks.fanout --url http://127.0.0.1:8000/live/yard/stream.mjpg \\
        --token fw_… --pid PID -n 200 --deaf 50

`--pid` is the web process. Prints one JSON object: pictures a second for each reading viewer, CPU µs of the
web process per delivered picture, its memory before and at the end, and how many of the deaf viewers were dropped.
"""

import argparse
import json
import selectors
import socket
import statistics
import time
from urllib.parse import urlsplit

import psutil

MARK = b"X-Timestamp:"


class Viewer:
    """One connection that counts pictures by their capture-time header."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self.sock = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80), timeout=10)
        request = f"GET {parts.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        self.sock.sendall(request.encode())
        self.sock.setblocking(False)
        self.pictures = 0
        self.tail = b""
        self.open = True

    def read(self) -> None:
        data = self.sock.recv(262_144)
        if not data:
            self.open = False
            return
        seen = self.tail + data
        self.pictures += seen.count(MARK)
        self.tail = seen[-(len(MARK) - 1) :]


def dropped(viewer: Viewer) -> bool:
    """Whether the server has given up on a viewer that never read (its pending bytes are read away to find out)."""
    try:
        while True:
            if not viewer.sock.recv(1_048_576):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def watch(viewers: list[Viewer], seconds: float) -> None:
    """Read from all of them for `seconds`."""
    with selectors.DefaultSelector() as selector:
        for viewer in viewers:
            if viewer.open:
                selector.register(viewer.sock, selectors.EVENT_READ, viewer)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, _ in selector.select(0.1):
                key.data.read()
                if not key.data.open:
                    selector.unregister(key.fileobj)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--deaf", type=int, default=0, help="so many more that never read")
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    web = psutil.Process(options.pid)
    memory_before = web.memory_info().rss
    readers = [Viewer(options.url, options.token) for _ in range(options.n)]
    deaf = [Viewer(options.url, options.token) for _ in range(options.deaf)]
    watch(readers, 3)
    for viewer in readers:
        viewer.pictures = 0
    cpu, began = web.cpu_times(), time.monotonic()
    watch(readers, options.seconds)
    spent, lasted = web.cpu_times(), time.monotonic() - began
    total = sum(viewer.pictures for viewer in readers)
    seconds = spent.user + spent.system - cpu.user - cpu.system
    rates = [viewer.pictures / lasted for viewer in readers]
    print(
        json.dumps(
            {
                "viewers": options.n,
                "fps_min": round(min(rates), 2),
                "fps_median": round(statistics.median(rates), 2),
                "cpu_us_per_picture": round(seconds / max(total, 1) * 1e6, 1),
                "cpu_percent_of_a_core": round(seconds / lasted * 100, 1),
                "memory_before_mb": round(memory_before / 1e6),
                "memory_mb": round(web.memory_info().rss / 1e6),
                "threads": web.num_threads(),
                "deaf_dropped": sum(dropped(viewer) for viewer in deaf),
                "deaf": len(deaf),
            }
        )
    )


if __name__ == "__main__":
    main()
