"""Fairwatch itself as a benchmark runs it: the whole house by `manage.py serve`, in a scratch folder of its own."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from benchmarks.children import BASE, Children, FailedError, free_port, wait_for

OWNER = "alice"
# Who has gone may come back for four seconds; then the session ends, and is written. Seconds.
SESSION_ENDS = 8.0
# What the processes of a house are called in the report.
_ROLES = {"engine": "engine", "web": "web", "serve": "serve"}


class FairwatchHouse:
    """A house with cameras of which nothing is kept: no recordings, no detection, no stills."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.log = folder / "log.txt"
        self.port = free_port()
        self.token = ""
        self.slugs: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def files(self) -> Path:
        """The folder for cameras that are files."""
        return self._folder / "files"

    @property
    def headers(self) -> list[str]:
        return [f"Authorization: Bearer {self.token}"]

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "SECRET_KEY": "of-a-house-that-stands-for-some-minutes-and-keeps-nothing",
            "DATABASE_URL": f"sqlite:///{self._folder}/db.sqlite3",
            "MEDIA_ROOT": f"{self._folder}/media",
            "RUN_DIR": f"{self._folder}/run",
            "CAMERA_FILES": str(self.files),
            "ALLOW_LOOPBACK_CAMERAS": "true",
            "PORT": str(self.port),
            "LOG_LEVEL": "WARNING",
        }

    def prepare(self, cameras: Mapping[str, str]) -> None:
        """An empty house with an owner, a token of theirs, and cameras (source by name). Raises FailedError."""
        self.files.mkdir(parents=True, exist_ok=True)
        owner = {"USERNAME": OWNER, "PASSWORD": "correct horse battery", "EMAIL": "alice@example.org"}
        self._manage("migrate", "--verbosity", "0")
        self._manage("createsuperuser", "--noinput", **{f"DJANGO_SUPERUSER_{name}": it for name, it in owner.items()})
        for name, source in cameras.items():
            self.slugs.append(self._manage("addcamera", name, source, "--record", "off"))
        quiet = "from camera.models import Camera; Camera.objects.update(detect='off', stills_every=0)"
        self._manage("shell", "--verbosity", "0", "-c", quiet)
        self.token = self._manage("addtoken", OWNER, "benchmark")

    def _manage(self, *arguments: str, **variables: str) -> str:
        run = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE, env=self.environment() | variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if run.returncode:
            raise FailedError(f"manage.py {arguments[0]}: {(run.stderr or run.stdout).strip()[-400:]}")
        return run.stdout.strip()

    def start(self, children: Children, cpus: set[int] | None) -> subprocess.Popen[bytes]:
        """Serve, and wait until every camera is there. Raises FailedError."""
        command = [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{self.port}"]
        served = children.start(command, cpus, log=self.log, env=self.environment())
        try:
            wait_for(self._is_ready, 120, "every camera of the house")
        except FailedError as error:
            raise FailedError(f"{error}: {self.log.read_text()[-400:]}") from None
        return served

    def _is_ready(self) -> bool:
        request = urllib.request.Request(f"{self.url}/api/v1/cameras")
        request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                cameras = json.load(reply)["items"]
        except (urllib.error.URLError, OSError, KeyError, ValueError):
            return False
        return len(cameras) == len(self.slugs) and all(one["state"] == "online" for one in cameras)

    def stream(self, slug: str) -> str:
        return f"{self.url}/live/{slug}/stream.mjpg"

    @property
    def socket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/live/"


def role(words: list[str]) -> str:
    """What a process of the house is, from the words of its command line."""
    if "camera.process" in words:
        return "cameras"
    return next((name for word, name in _ROLES.items() if word in words), "others")
