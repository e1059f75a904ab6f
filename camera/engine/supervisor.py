"""Keeps one camera process running for every enabled camera: start, stop, restart what died, kill what hangs."""

import json
import logging
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from camera.bus import Endpoints
from camera.engine.movable import Control
from camera.orders import Orders
from camera.packets import CameraState, Reason, SourceConfig, StateName, sound

logger = logging.getLogger(__name__)

BASE_DIR = Path(__file__).resolve().parents[2]
# A camera process says how it is once a second; silence this long means it hangs.
SILENCE = 15.0
START_SILENCE = 30.0
# Longer than a camera process takes to end its file and to say so.
STOP_SECONDS = 8.0
BACKOFF = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
GOOD_AFTER = 30.0
# What a process said last may be read after it has ended.
REMEMBERED = 60.0
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A camera as the database has it: everything the supervisor needs to know."""

    camera: int
    enabled: bool
    source: SourceConfig
    # Without a number: the supervisor counts.
    orders: Orders = Orders()
    name: str = ""
    # How it is moved and switched, if it can be.
    control: Control | None = None


def camera_environment() -> dict[str, str]:
    """What a camera process may know of the environment: no secret of the house is in it."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | {
        "PYTHONUNBUFFERED": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def spawn(config: dict[str, object], *arguments: str, **pipes: int) -> subprocess.Popen[bytes]:
    """Start a camera process; its configuration goes in as one line of JSON and stdin stays open as a sign of life."""
    process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
        [sys.executable, "-m", "camera.process", *arguments],
        stdin=subprocess.PIPE,
        env=camera_environment(),
        cwd=BASE_DIR,
        start_new_session=True,
        **pipes,  # type: ignore[call-overload]
    )
    try:
        process.stdin.write(json.dumps(config).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        logger.warning("a camera process died while starting")
    return process  # type: ignore[no-any-return]


@dataclass(slots=True)
class Child:
    """A running camera process."""

    wanted: Wanted
    token: str
    process: subprocess.Popen[bytes]
    started: float
    heard: float | None = None
    stopping_since: float | None = None
    ended: float | None = None
    killed: bool = False
    # Every (slug, storage) it was ever ordered to write to.
    places: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class Slot:
    """What the supervisor remembers of one camera, whether its process runs or not."""

    wanted: Wanted
    child: Child | None = None
    failures: int = 0
    next_start: float = 0.0
    state: CameraState = field(default_factory=lambda: CameraState(0, StateName.CONNECTING))
    # Numbered; those its process has or is about to have.
    orders: Orders = Orders()


def _never_mind(child: Child) -> None:
    """Nobody wants to know."""


class Supervisor:
    """Driven by `step`, never blocking. `changed` is called with each state that differs from the one before, `send`
    with a token and what its process is to be told, `ended` with each process that has ended."""

    def __init__(
        self,
        ends: Endpoints,
        changed: Callable[[CameraState], None],
        send: Callable[[str, dict[str, object]], None],
        ended: Callable[[Child], None] = _never_mind,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ends = ends
        self.changed, self.send, self.ended = changed, send, ended
        self.clock = clock
        self.slots: dict[int, Slot] = {}
        self.leaving: list[Child] = []
        self._known: dict[str, Child] = {}
        self._live: frozenset[str] = frozenset()

    def want(self, cameras: list[Wanted]) -> None:
        """Take over what the database wants. A changed source restarts the process at the next step; changed orders
        are told to it at once."""
        ids = {wanted.camera for wanted in cameras}
        for gone in [slot for camera, slot in self.slots.items() if camera not in ids]:
            self._stop(gone)
            del self.slots[gone.wanted.camera]
        for wanted in cameras:
            slot = self.slots.get(wanted.camera)
            if slot is None:
                slot = self.slots[wanted.camera] = Slot(wanted, state=CameraState(wanted.camera, ""))
            elif (slot.wanted.source, slot.wanted.enabled) == (wanted.source, wanted.enabled):
                slot.wanted = wanted
                self._order(slot)
                continue
            self._stop(slot)
            slot.wanted, slot.failures, slot.next_start = wanted, 0, 0.0
            self._order(slot)
            self._set(slot, StateName.CONNECTING if wanted.enabled else StateName.DISABLED, None, "")

    def step(self) -> None:
        """Reap, kill what hangs, start what should run."""
        now = self.clock()
        for slot in self.slots.values():
            if slot.child is not None:
                self._check(slot, slot.child, now)
            if slot.child is None and slot.wanted.enabled and now >= slot.next_start:
                self._start(slot, now)
        self._sweep(now)

    def heard(self, token: str, values: dict[str, object]) -> None:
        """A camera process said how it is. Words of a process that is no longer ours are ignored."""
        for slot in self.slots.values():
            if slot.child is not None and slot.child.token == token:
                slot.child.heard = self.clock()
                try:
                    state = CameraState.from_dict(values | {"camera": slot.wanted.camera, "mover": ""})
                except TypeError:
                    return
                self._take(slot, sound(state))
                if slot.state.orders != slot.orders.number:
                    self._tell(slot, slot.child)
                return

    def again(self, camera: int) -> None:
        """Start its process anew at the next step: there is reason to think that its source opens now."""
        slot = self.slots.get(camera)
        if slot is not None:
            self._stop(slot)
            slot.failures, slot.next_start = 0, 0.0

    def states(self) -> list[CameraState]:
        return [slot.state for slot in self.slots.values()]

    def live_tokens(self) -> frozenset[str]:
        """Of the processes that run, those that are ending included. From any thread."""
        return self._live

    def child_of(self, token: str) -> Child | None:
        """The process of that token, also shortly after its end."""
        return self._known.get(token)

    def stop_all(self, meanwhile: Callable[[], object] = lambda: time.sleep(0.02)) -> None:
        """End every camera process cleanly, all at once, the stubborn ones after STOP_SECONDS by force. `meanwhile` is
        called again and again: what they say while ending is to be heard."""
        for slot in self.slots.values():
            self._stop(slot)
        deadline = time.monotonic() + STOP_SECONDS
        while self.leaving and time.monotonic() < deadline:
            meanwhile()
            self._sweep(self.clock())
        for child in list(self.leaving):
            child.process.kill()
            child.process.wait()
        self._sweep(self.clock())

    def _start(self, slot: Slot, now: float) -> None:
        token = secrets.token_hex(8)
        config: dict[str, object] = {
            "camera": slot.wanted.camera,
            "token": token,
            "source": asdict(slot.wanted.source),
            "endpoints": self.ends.as_dict(),
            "orders": slot.orders.as_dict(),
        }
        # Before it can have said anything.
        self._live |= {token}
        slot.child = self._known[token] = Child(slot.wanted, token, spawn(config), now)
        slot.child.places.add((slot.orders.slug, slot.orders.storage))
        logger.info("camera %s: process %s started", slot.wanted.camera, slot.child.process.pid)

    def _check(self, slot: Slot, child: Child, now: float) -> None:
        code = child.process.poll()
        if code is None:
            limit = START_SILENCE if child.heard is None else SILENCE
            if not child.killed and now - (child.heard or child.started) > limit:
                logger.warning("camera %s: process %s hangs and is killed", slot.wanted.camera, child.process.pid)
                child.process.kill()
                child.killed = True
            return
        slot.child = None
        self._gone(child, now)
        slot.failures = 1 if now - child.started > GOOD_AFTER else slot.failures + 1
        slot.next_start = now + BACKOFF[min(slot.failures - 1, len(BACKOFF) - 1)]
        what = "hung and was killed" if child.killed else f"ended with {code}"
        logger.warning("camera %s: process %s %s; it is started again", slot.wanted.camera, child.process.pid, what)
        self._set(slot, StateName.CONNECTING, Reason.NO_SIGNAL, "the camera process is being restarted")

    def _stop(self, slot: Slot) -> None:
        if slot.child is None:
            return
        child, slot.child = slot.child, None
        child.stopping_since = self.clock()
        self._close_stdin(child)
        child.process.terminate()
        self.leaving.append(child)

    def _sweep(self, now: float) -> None:
        for child in list(self.leaving):
            if child.process.poll() is not None:
                self.leaving.remove(child)
                self._gone(child, now)
            elif now - (child.stopping_since or now) > STOP_SECONDS:
                child.process.kill()
        for token, child in list(self._known.items()):
            if child.ended is not None and now - child.ended > REMEMBERED:
                del self._known[token]

    def _gone(self, child: Child, now: float) -> None:
        self._close_stdin(child)
        child.ended = now
        self._live -= {child.token}
        self.ended(child)

    def _order(self, slot: Slot) -> None:
        """Number the orders when they have changed, and tell them."""
        if replace(slot.orders, number=0) == replace(slot.wanted.orders, number=0) and slot.orders.number:
            return
        slot.orders = replace(slot.wanted.orders, number=slot.orders.number + 1)
        if slot.child is not None:
            slot.child.wanted = slot.wanted
            slot.child.places.add((slot.orders.slug, slot.orders.storage))
            self._tell(slot, slot.child)

    def _tell(self, slot: Slot, child: Child) -> None:
        ident = f"orders-{slot.orders.number}"
        self.send(child.token, {"type": "command", "id": ident, "name": "orders", "body": slot.orders.as_dict()})

    @staticmethod
    def _close_stdin(child: Child) -> None:
        try:
            if child.process.stdin is not None:
                child.process.stdin.close()
        except BrokenPipeError:
            return  # it is gone already

    def _set(self, slot: Slot, state: str, reason: str | None, detail: str) -> None:
        last = slot.state.last_frame_at
        self._take(slot, CameraState(slot.wanted.camera, state, reason, detail, since=time.time(), last_frame_at=last))

    def _take(self, slot: Slot, state: CameraState) -> None:
        before, slot.state = slot.state, state
        if (before.state, before.reason, before.detail) != (state.state, state.reason, state.detail):
            self.changed(state)
