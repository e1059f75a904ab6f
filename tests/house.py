"""A whole real house for tests: `manage.py serve` in folders of its own, on a free port of loopback."""

import atexit
import ctypes
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
SECRET = "k7Vw2mQz9Xr4Tb6Np1Lc8Hd3Jf5Gs0Ya-only-for-the-tests"


# Below those that the kernel gives to outgoing connections: nobody else takes one before its server listens.
PORTS = range(10240, 32768)
# Runs several management commands in one process: to start Python and Django takes longer than most of them.
ARRANGE = (
    "import json, sys; from django.core.management import call_command; "
    "[call_command(*words) for words in json.loads({!r})]"
)


def free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """In the new process: it is told to stop when the tests are killed. Else their houses would go on for ever."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@cache
def migrated() -> Path:
    """A folder with the database of a house that nobody has used yet, made once for all tests of this process."""
    folder = Path(tempfile.mkdtemp(prefix="fairwatch-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    RealHouse(folder).manage("migrate", "--verbosity", "0")
    return folder


# Among other tests on the same machine everything takes longer; a wait that ends well takes no longer for this.
PATIENCE = 2.0 if "PYTEST_XDIST_WORKER" in os.environ else 1.0


def wait_for(condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> object:
    """The first true value of `condition`; fails after `seconds`, or twice as long where other tests run beside."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what or condition}")


@dataclass
class RealHouse:
    """`fresh`: it makes its own database when it starts, as on a user's machine; else it is given a copy."""

    folder: Path
    extra: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    fresh: bool = False

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

    def arrange(self, *commands: tuple[str, ...], **variables: str) -> str:
        """Run management commands one after another, before or after the start; what they print."""
        self.furnish()
        return self.manage("shell", "-v", "0", "-c", ARRANGE.format(json.dumps(commands)), **variables)

    def furnish(self) -> None:
        """Folder and database, unless they are there or the house is to make them itself."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.fresh and "DATABASE_URL" not in self.extra and not (self.folder / "db.sqlite3").exists():
            for path in migrated().glob("db.sqlite3*"):
                shutil.copy(path, self.folder)

    def start(self, *arguments: str) -> None:
        self.furnish()
        with (self.folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{self.port}", *arguments],
                cwd=BASE,
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=end_with_parent,  # noqa: PLW1509 (one call of the kernel, which waits for nobody)
            )
        try:
            wait_for(self.healthy, 30, "the house to be healthy")
        except AssertionError as error:
            # The fixture that was starting it will not: it has nothing to give back yet.
            self.stop()
            raise AssertionError(f"{error}; it said:\n{self.last_words(100)}") from None

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

    def last_words(self, lines: int) -> str:
        """The end of the log without the QR code; empty when there is none."""
        path = self.folder / "log.txt"
        said = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join([line for line in said if not line.startswith("█")][-lines:])

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
