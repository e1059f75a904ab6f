"""What a camera process may not do, whatever a hostile stream makes of it."""

import contextlib
import ctypes
import logging
import os
import resource
import signal
import sys

from camera.redact import RedactingFormatter

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
MEMORY = 4 * 1024**3
FILES = 256


def harden() -> None:
    """Die with the engine, gain no rights, leave no core file, stay within 4 GiB and 256 open files."""
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)  # the engine died before it could be said that we die with it
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, FILES), (resource.RLIMIT_AS, MEMORY)):
        hard = resource.getrlimit(what)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (limit, limit))


def log_to_stderr(camera: int, secrets: list[str]) -> None:
    """One line an entry, without credentials."""
    handler = logging.StreamHandler(sys.stderr)
    line = f"%(asctime)s %(levelname)s camera-{camera}: %(message)s"
    handler.setFormatter(RedactingFormatter(line, secrets=secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
