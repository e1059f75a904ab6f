"""A flood of pictures at one camera while another is watched: what gets through, and what it costs whom.

    .venv/bin/python -m benchmarks.push --folder /tmp/flood --rate 1000 --seconds 20

Starts a house of its own in an empty folder, with a demo camera that is watched over MJPEG and a camera that is sent
to. Pictures are offered at `--rate` over `--connections` kept open; when all of them still wait for an answer a picture
is not offered and counted as such. Prints one JSON object.
"""

import argparse
import json
import re
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
from PIL import Image

from benchmarks.crowd import Tally
from benchmarks.viewers import MjpegViewer, connect
from tests.house import BASE, RealHouse, wait_for

PARTS = ("web", "engine", "camera.process")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Line:
    """One connection that sends a picture when told to and reads the answer."""

    def __init__(self, port: int, request: bytes) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.request, self.left, self.answer = request, b"", b""
        self.sent_at = 0.0

    def send(self) -> None:
        self.left, self.answer, self.sent_at = self.request, b"", time.monotonic()
        self.push()

    def push(self) -> None:
        """Send as much as the kernel takes."""
        try:
            self.left = self.left[self.sock.send(self.left) :]
        except BlockingIOError:
            return

    def read(self) -> int:
        """The answer's status when it is whole, else 0."""
        self.answer += self.sock.recv(65536)
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return 0
        length = _LENGTH.search(head)
        return int(head[9:12]) if length and len(body) >= int(length.group(1)) else 0


def picture(side: int) -> bytes:
    """A JPEG of a smooth scene with some noise, so that its size is a camera's."""
    rng = np.random.default_rng(1)
    ramp = np.linspace(30, 200, side)[None, :, None] + rng.normal(0, 6, (side * 9 // 16, side, 3))
    out = BytesIO()
    Image.fromarray(ramp.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=80)
    return out.getvalue()


def run(lines: list[Line], viewer: MjpegViewer, rate: float, seconds: float) -> tuple[Counter[str], list[float], float]:
    """(answers by status, milliseconds until those that were taken, pictures a second the viewer saw)."""
    found: Counter[str] = Counter()
    waits: list[float] = []
    free = list(lines)
    viewer.pictures = 0
    began = due = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(viewer.sock, selectors.EVENT_READ, None)
        for line in lines:
            selector.register(line.sock, selectors.EVENT_READ, line)
        while (now := time.monotonic()) < began + seconds:
            while rate and due <= now:
                due += 1 / rate
                if not free:
                    found["not offered"] += 1
                    continue
                free[0].send()
                _mind(selector, free.pop(0))
            for key, events in selector.select(max(0.0, min(due - time.monotonic(), 0.1)) if rate else 0.1):
                if key.data is None:
                    viewer.readable()
                    continue
                if events & selectors.EVENT_WRITE:
                    key.data.push()
                    _mind(selector, key.data)
                if events & selectors.EVENT_READ and (status := key.data.read()):
                    found[str(status)] += 1
                    free.append(key.data)
                    if status == 202:
                        waits.append((time.monotonic() - key.data.sent_at) * 1000)
    return found, waits, viewer.pictures / (time.monotonic() - began)


def watching(url: str, token: str) -> MjpegViewer:
    """One who counts the pictures of an MJPEG stream."""
    tally = Tally()
    tally.counting = True
    sock = connect(urlsplit(url), [f"Authorization: Bearer {token}"])
    sock.setblocking(False)
    return MjpegViewer(sock, tally)


def _mind(selector: selectors.BaseSelector, line: Line) -> None:
    wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.left else 0)
    selector.modify(line.sock, wanted, line)


def costs(house: RealHouse) -> dict[str, tuple[float, int]]:
    """CPU seconds and memory (bytes, PSS) by part of the house; the camera processes by their number."""
    found = {}
    for part in PARTS:
        for number, pid in enumerate(sorted(house.pids(part))):
            process = psutil.Process(pid)
            spent = process.cpu_times()
            memory = process.memory_full_info().pss
            found[part if part != "camera.process" else f"camera {number + 1}"] = (spent.user + spent.system, memory)
    return found


def prepare(house: RealHouse) -> tuple[str, str]:
    """(the key of the camera Pier, a token of the owner's) in a house that runs, with the demo camera Yard."""
    owner = {"USERNAME": "alice", "PASSWORD": "correct horse battery", "EMAIL": "a@example.org"}
    house.manage("createsuperuser", "--noinput", **{f"DJANGO_SUPERUSER_{name}": value for name, value in owner.items()})
    house.manage("addcamera", "Yard", "pattern:", "--record", "off")
    added = subprocess.run(
        [sys.executable, "manage.py", "addcamera", "Pier", "push:", "--record", "always"],
        cwd=BASE, env=house.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    token = house.manage("addtoken", "alice", "benchmark")
    wait_for(lambda: house.api("cameras/yard", token)["state"] == "online", 20, "the demo camera")
    return re.findall(r"fwc_[\w-]+", added.stderr)[0], token


def measure(house: RealHouse, options: argparse.Namespace) -> dict[str, object]:
    key, token = prepare(house)
    data = picture(options.width)
    head = (
        f"POST /api/v1/cameras/pier/frames HTTP/1.1\r\nHost: localhost\r\nX-Camera-Auth: {key}\r\n"
        f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    viewer = watching(f"{house.url}/live/yard/stream.mjpg", token)
    lines = [Line(house.port, head.encode() + data) for _ in range(options.connections)]
    run(lines[:1], viewer, 10, 3)
    _, _, before = run([], viewer, 0, 10)
    spent = costs(house)
    found, waits, during = run(lines, viewer, options.rate, options.seconds)
    after = costs(house)
    waits.sort()
    return {
        "picture_bytes": len(data),
        "offered_per_second": options.rate,
        "answers": dict(found),
        "taken_per_second": round(found["202"] / options.seconds, 1),
        "taken_after_ms": [round(waits[int(len(waits) * part)], 1) for part in (0.5, 0.99)] if waits else [],
        "watched_fps_before": round(before, 2),
        "watched_fps_during": round(during, 2),
        "cpu_percent_of_a_core": {
            part: round((after[part][0] - spent[part][0]) / options.seconds * 100, 1) for part in after if part in spent
        },
        "memory_mb_before_and_after": {
            part: [round(spent[part][1] / 1e6), round(after[part][1] / 1e6)] for part in after if part in spent
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--width", type=int, default=640)
    options = parser.parse_args()
    house = RealHouse(options.folder)
    house.start()
    try:
        print(json.dumps(measure(house, options), indent=1))
    finally:
        house.stop()


if __name__ == "__main__":
    main()
