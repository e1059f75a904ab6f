"""`serve`'s children: engine, web and notifier, started again when they die and killed when they hang."""

import ctypes
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
# The kernel tells when a child has ended (SIGCHLD); this often they are looked after all the same. Seconds.
LOOK_EVERY = 1.0
ASK_EVERY = 5.0
# How long a child may fail to answer before it counts as hung, and how long until its first answer: on a slow board, or
# one that is busy, starting takes a while, and who is killed meanwhile only makes it busier.
HUNG_AFTER, STARTING = 20.0, 120.0
# The engine needs up to 16: 8 for its camera processes to end their files, the rest to write what became of them.
STOP_SECONDS = 18.0
BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
GOOD_AFTER = 30.0


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when `parent` dies; ends it now when that has happened already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


@dataclass
class Child:
    """One child: how to start it and how to ask whether it is well."""

    name: str
    arguments: list[str]
    ask: Callable[[], bool]
    pass_fds: tuple[int, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    # Seconds that the others have for themselves before it is started first.
    start_after: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    next_start: float = 0.0
    answered: float = field(default=0.0)

    def start(self) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *self.arguments, "--parent", str(os.getpid())]
        self.process = subprocess.Popen(  # noqa: S603 (our own interpreter and command)
            command,
            env=dict(os.environ) | self.variables,
            pass_fds=self.pass_fds,
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.started = self.answered = time.monotonic()
        logger.info("%s started (process %s)", self.name, self.process.pid)

    def reap(self) -> None:
        """Notice that the process has ended, and decide when it starts again."""
        if self.process is None or (code := self.process.poll()) is None:
            return
        now = time.monotonic()
        self.failures = 1 if now - self.started > GOOD_AFTER else self.failures + 1
        self.next_start = now + BACKOFF[min(self.failures - 1, len(BACKOFF) - 1)]
        logger.warning("%s (process %s) ended with %s; it is started again", self.name, self.process.pid, code)
        self.process = None

    def kill_if_hung(self) -> None:
        patience = HUNG_AFTER if self.answered > self.started else STARTING
        if self.process is not None and time.monotonic() - self.answered > patience:
            logger.error("%s (process %s) does not answer and is killed", self.name, self.process.pid)
            self.process.kill()


class House:
    """Runs the children until `stop` is set."""

    def __init__(self, children: list[Child]) -> None:
        self.children = children
        self.stop = threading.Event()
        # Not a threading.Event: a signal handler that sets one may find its lock held by the very thread it interrupts.
        self._news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def look(self) -> None:
        """Look after the children now; from any thread or signal handler."""
        os.eventfd_write(self._news, 1)

    def end_soon(self) -> None:
        """Stop; from any thread or signal handler."""
        self.stop.set()
        self.look()

    def _wait(self) -> None:
        waits = [child.next_start - time.monotonic() for child in self.children if child.process is None]
        if select.select([self._news], [], [], max(0.01, min([LOOK_EVERY, *waits])))[0]:
            os.eventfd_read(self._news)

    def run(self) -> None:
        for child in self.children:
            child.next_start = time.monotonic() + child.start_after
        asker = threading.Thread(target=self._ask_all, name="ask", daemon=True)
        asker.start()
        try:
            while not self.stop.is_set():
                self.step()
                self._wait()
        finally:
            self._end()

    def step(self) -> None:
        for child in self.children:
            child.reap()
            child.kill_if_hung()
            if child.process is None and time.monotonic() >= child.next_start:
                child.start()

    def _ask_all(self) -> None:
        while not self.stop.wait(ASK_EVERY):
            for child in self.children:
                if child.ask():
                    child.answered = time.monotonic()

    def _end(self) -> None:
        for child in self.children:
            if child.process is not None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.warning("%s did not end in time and is killed", child.name)
                child.process.kill()
                child.process.wait()
