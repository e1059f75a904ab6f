"""A process of low priority that makes one file and tells how far it is: `percent N`, `pictures N`, `failed WHY`."""

import contextlib
import json
import os
import subprocess
import sys
from typing import Any

from camera import paths
from camera.engine import files
from camera.engine.supervisor import BASE_DIR, camera_environment

_WHY = 150


class Making:
    """`module` is run as `python -m module` and told `told` as a line of JSON; the file it makes is `root`/`name`,
    while it is made with `.part` behind it. It dies with the engine. Raises OSError."""

    def __init__(self, module: str, told: dict[str, Any], root: str, name: str, now: float) -> None:
        self.root, self.name = root, name
        self.process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=camera_environment(),
            cwd=BASE_DIR,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(told).encode() + b"\n")
            self.process.stdin.close()
        os.set_blocking(self.process.stdout.fileno(), False)
        self.heard = now
        self.percent = self.written = self.pictures = 0
        self.why = ""
        self._rest = b""

    def listen(self, now: float) -> None:
        """Take in what it has said since."""
        assert self.process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.process.stdout.fileno(), 4096):
                self.heard = now
                *lines, self._rest = (self._rest + data)[-4096:].split(b"\n")
                for line in lines:
                    self._take(line.decode("utf-8", "replace"))

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        number = int(rest) if rest.isascii() and rest.isdigit() and len(rest) < 7 else None
        if word == "percent" and number is not None:
            self.percent = min(100, number)
        elif word == "pictures" and number is not None:
            self.pictures = number
        elif word == "failed":
            self.why = "".join(one for one in rest if one.isprintable())[:_WHY]

    def end(self) -> None:
        """Kill it and remove what it has begun."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        with contextlib.suppress(OSError, paths.UnsafePathError):
            files.remove(self.root, [self.name + paths.PART])

    @property
    def is_there(self) -> bool:
        """Whether the whole file lies in its place."""
        try:
            return files.exists(self.root, self.name)
        except paths.UnsafePathError:
            return False
