"""Processes that a benchmark starts: on their own cores, and ended with it however it ends."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from benchmarks import meter

BASE = Path(__file__).resolve().parent.parent
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_GRACE = 15.0


class FailedError(Exception):
    """Something the benchmark needs does not work; the message says what."""


class Children:
    """Starts processes and ends, by their numbers, each of them and what these started in turn."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        command: Sequence[str],
        cpus: set[int] | None = None,
        *,
        log: Path | None = None,
        reads: bool = False,
        cwd: Path = BASE,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """`cpus`: the cores it may use. What it says goes to `log`; with `reads` its stdout is a pipe."""
        told: IO[Any] | int = log.open("ab") if log else subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if reads else told,
                stderr=told,
                cwd=cwd,
                env=env,
                # Ctrl-C is for the benchmark alone, which then ends its children one by one.
                process_group=0,
                preexec_fn=lambda: _settle(cpus),  # noqa: PLW1509 (there is but one thread)
            )
        finally:
            if not isinstance(told, int):
                told.close()
        self._running.append(process)
        return process

    def end(self, processes: Iterable[subprocess.Popen[bytes]] | None = None) -> None:
        """End these, all where left out: politely, after 15 s not."""
        ending = list(self._running if processes is None else processes)
        now = meter.read()
        below = now.tree(one.pid for one in ending if one.poll() is None) - {one.pid for one in ending}
        for process in reversed(ending):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        for process in ending:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
            self._running.remove(process)
        _end_the_rest({pid: now.processes[pid].began for pid in below})


def _settle(cpus: set[int] | None) -> None:
    """In the new process: it ends when the benchmark does, even if that is killed."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if cpus:
        os.sched_setaffinity(0, cpus)


def _end_the_rest(began: dict[int, int]) -> None:
    """What our processes had started and should have ended by now; by number and time of their beginning."""
    for pid in _left_after(2.0, began):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # A killed process has not ended yet.
    _left_after(2.0, began)


def _left_after(seconds: float, began: dict[int, int]) -> list[int]:
    """Those that still run after that time; none as soon as all have ended."""
    deadline = time.monotonic() + seconds
    while True:
        now = meter.read().processes
        left = [pid for pid in began if pid in now and now[pid].began == began[pid] and not now[pid].dead]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Raises FailedError when it is not so after that time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise FailedError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def cores() -> tuple[set[int], set[int]]:
    """(the server's, everybody else's): different ones where there are two."""
    available = sorted(os.sched_getaffinity(0))
    return {available[0]}, set(available[1:]) or {available[0]}
