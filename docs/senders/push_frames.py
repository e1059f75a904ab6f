#!/usr/bin/env python3
"""Sends pictures to Fairwatch as one of its cameras. While there is no line they wait on the disk, and are sent later.

    pip install requests            (and opencv-python for a camera)
    export CAMERA_KEY=fwc_…         the camera's key: its page shows it once, when it is made

    push_frames.py URL picture.jpg              one picture
    push_frames.py URL folder/ --rate 5         the JPEGs of a folder, five a second; over and over with --loop
    push_frames.py URL camera:0 --rate 10       the first camera of this machine, through OpenCV
    push_frames.py URL folder/ --event spill    each kept as a still of one event, which goes on while they come

URL is for instance http://cam.local:8000/api/v1/cameras/pier/frames. Pictures that could not be sent lie in --spool,
named by the time they were taken. They follow as soon as there is a line again, oldest first, also after a restart.
"""

import argparse
import hashlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

TIMEOUT = (5, 20)
# Answers that get no better by sending the same picture again.
HOPELESS = (400, 404, 413, 415)


@dataclass(frozen=True)
class Picture:
    """`captured_at`: seconds since 1970. Pictures with the same `event` and `event_id` belong to one event."""

    data: bytes
    captured_at: float
    event: str = ""
    event_id: str = ""


class Spool:
    """Pictures that wait for a line: SECONDS.jpg, and SECONDS.event says what is seen. The oldest go when full."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, picture: Picture) -> None:
        """Keep it; a crash meanwhile leaves the whole picture or none."""
        part = self.folder / f"{picture.captured_at:.6f}.part"
        part.with_suffix(".event").write_text(f"{picture.event}\n{picture.event_id}")
        part.write_bytes(picture.data)
        part.rename(part.with_suffix(".jpg"))
        waiting = self.waiting()
        size = sum(path.stat().st_size for path in waiting)
        while size > self.most_bytes and len(waiting) > 1:
            size -= waiting[0].stat().st_size
            self.drop(waiting.pop(0))
            print("the spool is full: the oldest picture is given up", file=sys.stderr)

    def waiting(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob("*.jpg"), key=lambda path: float(path.stem))

    def read(self, path: Path) -> Picture:
        event, _, event_id = path.with_suffix(".event").read_text().partition("\n")
        return Picture(path.read_bytes(), float(path.stem), event, event_id)

    def drop(self, path: Path) -> None:
        path.unlink()
        path.with_suffix(".event").unlink(missing_ok=True)


class RefusedError(Exception):
    """The house does not take pictures from here; somebody has to see to it."""


class Sender:
    """Sends to one camera, no faster than the house takes them."""

    def __init__(self, url: str, key: str, rate: float) -> None:
        self.url, self.gap = url, 1 / rate
        self.session = requests.Session()
        self.session.headers.update({"X-Camera-Auth": key, "Content-Type": "image/jpeg"})
        # Whether there was no line, or nobody to take the picture, the last time.
        self.offline = False
        self._not_before = 0.0

    @property
    def ready(self) -> bool:
        return time.monotonic() >= self._not_before

    def send(self, picture: Picture) -> bool:
        """True when the house has it or will never want it; False: keep it and try again. Raises RefusedError."""
        headers = {"X-Captured-At": f"{picture.captured_at:.6f}"}
        if picture.event:
            headers |= {"X-Event-Kind": picture.event, "X-Event-Id": picture.event_id}
        try:
            reply = self.session.post(
                self.url, data=picture.data, headers=headers, timeout=TIMEOUT, allow_redirects=False
            )
        except ValueError as error:
            raise RefusedError(f"the address or the key cannot be right: {error}") from None
        except requests.RequestException as error:
            self.offline = True
            unknown = isinstance(error, requests.exceptions.SSLError)
            hint = " (set REQUESTS_CA_BUNDLE to the certificate from the house's page /tls/)" if unknown else ""
            self._pause(2, f"no line: {type(error).__name__}{hint}")
            return False
        self.offline = reply.status_code >= 500
        if reply.status_code == 202:
            return True
        words = f"{reply.status_code}: {_words(reply)}"
        if reply.status_code == 401 or reply.is_redirect:
            raise RefusedError(words)
        if reply.status_code == 429:
            self.gap = max(self.gap, 1 / float(reply.headers.get("X-Rate") or 1))
        wait = reply.headers.get("Retry-After", "")
        self._pause(float(wait) if wait.isdigit() else self.gap, words)
        return reply.status_code in HOPELESS

    def _pause(self, seconds: float, why: str) -> None:
        self._not_before = time.monotonic() + seconds
        print(why, file=sys.stderr)


def _words(reply: requests.Response) -> str:
    try:
        return str(reply.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return reply.headers.get("Location") or reply.reason


def pictures(source: str, loop: bool) -> Iterator[bytes]:
    """JPEGs from a camera, a file or a folder."""
    if source.startswith("camera:"):
        yield from _camera(int(source.partition(":")[2]))
        return
    path = Path(source)
    while True:
        for file in sorted(path.glob("*.jp*g")) if path.is_dir() else [path]:
            yield file.read_bytes()
        if not loop:
            return


def _camera(number: int) -> Iterator[bytes]:
    import cv2

    camera = cv2.VideoCapture(number)
    try:
        while True:
            there, frame = camera.read()
            if not there:
                sys.exit(f"camera {number} gives no picture")
            good, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])
            if good:
                yield data.tobytes()
    finally:
        camera.release()


def run(sender: Sender, spool: Spool, source: Iterator[bytes], event: str, event_id: str) -> None:
    """Send each picture as it comes; what did not get through is kept and follows in between. Raises RefusedError."""
    due = time.monotonic()
    for data in source:
        picture = Picture(data, time.time(), event, event_id)
        try:
            sent = sender.ready and sender.send(picture)
        except RefusedError:
            spool.put(picture)
            raise
        # Of those that nothing is seen in, the house has had a newer one when it said 429.
        if not sent and (event or sender.offline):
            spool.put(picture)
        due = max(due + sender.gap, time.monotonic() - 1)
        while (left := due - time.monotonic()) > 0:
            if not _one_from(spool, sender):
                time.sleep(min(left, 0.1))
    while spool.waiting():
        if not _one_from(spool, sender):
            time.sleep(0.1)


def _one_from(spool: Spool, sender: Sender) -> bool:
    """Send the oldest that waits; False when there is none, or no line."""
    waiting = spool.waiting() if sender.ready else []
    if not waiting or not sender.send(spool.read(waiting[0])):
        return False
    spool.drop(waiting[0])
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("source", help="a JPEG, a folder of JPEGs, or camera:0")
    parser.add_argument("--rate", type=float, default=1.0, help="pictures a second (default 1)")
    parser.add_argument("--loop", action="store_true", help="begin again at the folder's end")
    parser.add_argument(
        "--event", default="", help="what is seen in them: motion, person, vehicle, animal, spill, ring"
    )
    parser.add_argument(
        "--event-id", default="", help="your name for that event; pictures with the same name belong together"
    )
    parser.add_argument("--spool", type=Path, help="where pictures wait for a line (default: a folder for each URL)")
    parser.add_argument("--spool-mb", type=int, default=500, help="how much may wait there (default 500)")
    options = parser.parse_args()
    key = os.environ.get("CAMERA_KEY", "")
    if not key:
        sys.exit("Put the camera's key into the variable CAMERA_KEY.")
    # A folder for each camera: what waits for one must not be sent to another.
    name = f"push-frames-{os.getuid()}-{hashlib.sha256(options.url.encode()).hexdigest()[:12]}"
    folder = options.spool or Path(tempfile.gettempdir()) / name
    # With an id the same picture sent twice is kept once, which makes it safe to send it again.
    event_id = options.event_id or f"{options.event}-{secrets.token_hex(6)}"
    try:
        spool = Spool(folder, options.spool_mb * 1_000_000)
        sender = Sender(options.url, key, options.rate)
        run(sender, spool, pictures(options.source, options.loop), options.event, event_id if options.event else "")
    except RefusedError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
