"""Pictures of events as messages carry them: at most 640 px, each made once by a process apart, kept for an hour."""

import hashlib
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

from main.notify import shrink

logger = logging.getLogger(__name__)
SECONDS = 20.0
# Longer would outlive an event that somebody deletes; whoever asks later gets the event's own.
KEPT_SECONDS = 3600
_making = threading.Lock()
# What a process needs that is given no secret of the house.
_VARIABLES = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def folder(run_dir: Path) -> Path:
    return run_dir / "notify"


def kept(run_dir: Path, picture: Path) -> Path:
    """Where the small one of `picture` is, or would be."""
    return folder(run_dir) / f"{hashlib.sha256(str(picture).encode()).hexdigest()[:32]}.jpg"


def small(run_dir: Path, picture: Path) -> Path | None:
    """The small one of `picture`, made now unless it is there; None where that cannot be done."""
    path = kept(run_dir, picture)
    # Several messages about one event want it at once.
    with _making:
        if path.exists():
            return path
        try:
            made = _made(picture.read_bytes())
            if not made:
                return None
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(made)
            part.replace(path)
        except (OSError, subprocess.SubprocessError) as error:
            logger.warning("no small picture of %s could be made: %s", picture.name, error)
            return None
    return path


def _made(jpeg: bytes) -> bytes:
    run = subprocess.run(  # noqa: S603 (our own interpreter and file)
        [sys.executable, "-I", str(Path(shrink.__file__))],
        input=jpeg, capture_output=True, timeout=SECONDS, env=_VARIABLES, check=False,
    )  # fmt: skip
    return run.stdout if run.returncode == 0 else b""


def tidy(run_dir: Path) -> None:
    """Remove those that no message needs any more."""
    before = time.time() - KEPT_SECONDS
    for path in folder(run_dir).glob("*.jpg"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
