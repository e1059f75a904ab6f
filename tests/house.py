"""A whole real house for tests: `manage.py serve` in folders of its own, on a free port of loopback."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
SECRET = "k7Vw2mQz9Xr4Tb6Np1Lc8Hd3Jf5Gs0Ya-only-for-the-tests"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> object:
    """The first true value of `condition`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what or condition}")


@dataclass
class RealHouse:
    folder: Path
    extra: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "SECRET_KEY": SECRET,
            "DATABASE_URL": f"sqlite:///{self.folder}/db.sqlite3",
            "MEDIA_ROOT": f"{self.folder}/media",
            "RUN_DIR": f"{self.folder}/run",
            "CAMERA_FILES": f"{self.folder}/files",
            "ALLOW_LOOPBACK_CAMERAS": "true",
            "PORT": str(self.port),
            **self.extra,
        }

    def manage(self, *arguments: str, **variables: str) -> str:
        """Run a management command; its stdout without the last newline."""
        run = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 0, f"{arguments}: {run.stdout}{run.stderr}"
        return run.stdout.strip()

    def start(self, *arguments: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{self.port}", *arguments],
                cwd=BASE,
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        wait_for(self.healthy, 30, "the house to be healthy")

    def healthy(self) -> bool:
        try:
            return self.get("/healthz")[0] == 200
        except OSError:
            return False

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            client.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            reply = client.getresponse()
            return reply.status, reply.read()
        finally:
            client.close()

    def api(self, path: str, token: str) -> dict[str, object]:
        status, body = self.get(f"/api/v1/{path}", Authorization=f"Bearer {token}")
        assert status == 200, body
        return dict(json.loads(body))

    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def setup_path(self) -> str:
        """The path of the one-time set-up link that serve printed."""
        return str(wait_for(lambda: (re.findall(r"(/setup/\S+)", self.log()) or [""])[-1], 10, "the set-up link"))

    def pids(self, word: str) -> list[int]:
        """Process ids of this house whose command line has `word`: engine, web or camera.process."""
        assert self.process is not None
        found: list[int] = []
        for pid in descendants(self.process.pid):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if word.encode() in words:
                found.append(pid)
        return found

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(25)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def descendants(pid: int) -> list[int]:
    """Every process below `pid`."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return children + [below for child in children for below in descendants(child)]
