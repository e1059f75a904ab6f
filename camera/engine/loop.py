"""The engine's main loop: channels, camera processes and commands. Rows are another thread's work (rows.py)."""

import contextlib
import fcntl
import hashlib
import logging
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import zmq

from camera import bus
from camera.engine.adoption import Adoption
from camera.engine.asking import Asking
from camera.engine.forwarding import Forwarding, Reply
from camera.engine.gaps import Gaps
from camera.engine.intake import Intake
from camera.engine.mov_house import MovingHouse
from camera.engine.moving import COMMANDS, Moving
from camera.engine.outages import Outages
from camera.engine.ringing import Ringing
from camera.engine.rows import Rows
from camera.engine.supervisor import Child, Slot, Supervisor, Wanted
from camera.packets import CameraState, Reason, StateName

logger = logging.getLogger(__name__)

REPUBLISH_EVERY = 1.0
# The camera processes are looked after this often, however busy the channels are. Seconds.
SUPERVISE_EVERY = 0.05
# A turn comes with whatever comes in, and otherwise so often. Milliseconds.
TURN_MS = 500
# The topic on which web hears of events: their ids alone, each viewer's rights are looked up there.
EVENT = "event"


class AlreadyRunningError(Exception):
    """Another engine of this name runs."""


def take_lock(run_dir: Path, name: str) -> IO[str]:
    """The lock of the engine called `name`, held while the returned file is open. Raises AlreadyRunningError."""
    bus.private_folder(run_dir)
    tag = hashlib.sha256(name.encode()).hexdigest()[:6]
    handle = (run_dir / f"engine-{tag}.lock").open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise AlreadyRunningError(f"an engine named {name} runs already (it holds {handle.name})") from None
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


class Engine:
    """One engine. `jobs` are run in the rows thread once a second; the composition root brings them."""

    def __init__(self, ends: bus.Endpoints, jobs: list[Callable[[], object]]) -> None:
        self.stop = threading.Event()
        self._context: zmq.Context[Any] = zmq.Context()
        self._proxy = bus.MediaProxy(self._context, ends)
        self._reports = bus.Router(self._context, ends.reports)
        self._commands = bus.Router(self._context, ends.commands)
        self._proxy.start()
        self._publisher = bus.MediaPublisher(self._context, ends.media_in, bus.RELAY_HWM)
        self._supervisor = Supervisor(ends, self._changed, self._tell, self._ended)
        # What other threads have for this one: sockets and the supervisor are its alone.
        self._finished: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # Not sooner: a thread that is still at work may want to wake us after the end.
        weakref.finalize(self, os.close, self._wake).atexit = False
        self.forwarding = Forwarding(self._supervisor.slots, self._pass_on)
        self.adoption = Adoption(self._supervisor.live_tokens, self._keep, self.tell_event)
        self.outages = Outages(self.tell_event)
        self.gaps = Gaps()
        self._rows = Rows(self._want_later, [self.outages.step, self.gaps.step, self.adoption.step, *jobs])
        self.ringing = Ringing(self._rows, self._later, self._happened)
        self._rows.once(self._take_up)
        self.intake = Intake(self._rows, self._later, self._tell, self._happened)
        self._asking = Asking(self._rows, self._supervisor.slots, self._later, self._want, self._state_of)
        rang = self.ringing.camera_rang
        self.moving = Moving(MovingHouse(self._rows, self._supervisor, self._tell, self._look_again, rang), self._later)
        # State, reason and detail of each camera as they were told last.
        self._told: dict[int, tuple[str, str | None, str]] = {}
        self._poller = zmq.Poller()
        for socket in (self._reports.socket, self._commands.socket, self._publisher.socket):
            self._poller.register(socket, zmq.POLLIN)
        self._poller.register(self._wake, zmq.POLLIN)
        self._republished = self._supervised = 0.0

    def _take_up(self) -> None:
        """What the engine before this one left; in one go, before the states it wrote are written over."""
        self.outages.begin()
        self.gaps.begin()
        self.ringing.begin()

    def also(self, jobs: list[Callable[[], object]]) -> None:
        """Further jobs for the rows thread, once a second each. Before `run`."""
        self._rows.also(jobs)

    def run(self) -> None:
        """Work until `stop` is set, then end the camera processes and write what is left."""
        self._rows.start()
        try:
            while not self.stop.is_set():
                self._poller.poll(TURN_MS)
                self.step()
        finally:
            # First: what moves is to stop.
            self.moving.stop()
            self.outages.stop()
            self._rows.keep(self.gaps.end)
            self.forwarding.stop()
            self._supervisor.stop_all(self._listen)
            self._listen()
            self.adoption.stop()
            self.moving.join()
            self._rows.stop()
            self._asking.stop()
            for end in (self._reports, self._commands, self._publisher):
                end.close()
            self._context.term()
            self._proxy.join(2.0)

    def step(self) -> None:
        """One turn: take in what came, supervise, publish."""
        self._hear()
        for peer, header, payload in self._commands.receive():
            self._command(peer, header, payload)
        self._supervise()
        self._publish()

    def _supervise(self) -> None:
        now = time.monotonic()
        if now - self._supervised >= SUPERVISE_EVERY:
            self._supervised = now
            self._supervisor.step()
            self.forwarding.look()

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        for peer, header, _ in self._reports.receive():
            self._report(peer, header)
        while not self._finished.empty():
            self._finished.get()()

    def _listen(self) -> None:
        """While the camera processes end: they still have to say what became of their files, and to hear that it is
        written."""
        self._reports.socket.poll(20)
        self._hear()

    def _publish(self) -> None:
        asked = set(self._publisher.subscriptions())
        now = time.monotonic()
        everything = now - self._republished >= REPUBLISH_EVERY or any(
            name.startswith((b"state:", b"engine:")) for name in asked
        )
        if everything:
            self._republished = now
            self._publisher.send(bus.topic(bus.ENGINE), {"at": time.time(), "cameras": len(self._supervisor.slots)})
            for state in self._supervisor.states():
                self._say(self.moving.dress(state))

    def _say(self, state: CameraState) -> None:
        self._publisher.send(bus.topic(bus.STATE, state.camera), asdict(state))

    def look(self) -> None:
        """Look after the processes now; from any thread or signal handler."""
        self._supervised = 0.0
        self._ring()

    def end_soon(self) -> None:
        """Stop; from any thread or signal handler."""
        self.stop.set()
        self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_write(self._wake, 1)

    def _later(self, task: Callable[[], None]) -> None:
        """Have the loop do this at once; from any thread."""
        self._finished.put(task)
        self._ring()

    def _changed(self, state: CameraState) -> None:
        """A camera's process says something new of it."""
        self._tell_all(self.moving.dress(state))

    def _tell_all(self, state: CameraState) -> None:
        self._told[state.camera] = state.state, state.reason, state.detail
        self.outages.heard(state)
        self.gaps.heard(state)
        self._say(state)
        self._rows.state(state)

    def _look_again(self, camera: int) -> None:
        """What is not the process's to say has changed: who moves the camera, or whether it is to see."""
        slot = self._supervisor.slots.get(camera)
        if slot is None:
            return
        state, before = self.moving.dress(slot.state), self._told.get(camera)
        if before == (state.state, state.reason, state.detail):
            self._say(state)
            return
        self._tell_all(state)
        if before is not None and before[1] == Reason.PRIVACY and state.state == StateName.OFFLINE:
            # It sees again: no need to wait for the next try.
            self._supervisor.again(camera)

    def _state_of(self, slot: Slot) -> str:
        return self.moving.dress(slot.state).state

    def _tell(self, token: str, header: dict[str, Any]) -> None:
        self._reports.send(token.encode(), header)

    def _pass_on(self, token: str, header: dict[str, Any], payload: bytes) -> bool:
        return self._reports.send(token.encode(), header, payload)

    def _ended(self, child: Child) -> None:
        self.forwarding.ended(child)
        self.intake.forget(child)
        self.adoption.soon()

    def _keep(self, task: Callable[[], object]) -> None:
        self._rows.keep(task)

    def _want_later(self, cameras: list[Wanted]) -> None:
        self._later(lambda: self._want(cameras))

    def _want(self, cameras: list[Wanted]) -> None:
        # While it ends, nothing is begun.
        if not self.stop.is_set():
            self.outages.want(cameras)
            self.gaps.want(cameras)
            self.moving.want(cameras)
            self._supervisor.want(cameras)
            self._supervised = 0.0

    def _happened(self, camera: int | None, event: int) -> None:
        self._publisher.send(bus.topic(EVENT, camera or 0), {"event": event})

    def tell_event(self, camera: int | None, event: int) -> None:
        """Tell web of a committed event; from any thread."""
        self._later(lambda: self._happened(camera, event))

    def _report(self, peer: bytes, header: dict[str, Any]) -> None:
        token = peer.decode("ascii", "replace")
        if header.get("type") == "state" and isinstance(header.get("state"), dict):
            self._supervisor.heard(token, header["state"])
        elif header.get("type") == "report":
            self.intake.take(self._supervisor.child_of(token), header)
        elif header.get("type") == "reply":
            self.forwarding.answered(token, header)

    def _command(self, peer: bytes, header: dict[str, Any], payload: bytes) -> None:
        ident, name, body = header.get("id"), header.get("name"), header.get("body")
        deadline = header.get("deadline")
        if not isinstance(ident, str) or not isinstance(body, dict) or not isinstance(deadline, int | float):
            self._commands.garbage += 1
            return
        if not time.time() <= deadline:  # so written, NaN counts as past
            return

        def reply(answer: dict[str, Any], data: bytes = b"") -> None:
            self._commands.send(peer, {"type": "reply", "id": ident, "body": answer}, data)

        if name in COMMANDS:
            self.moving.ask(name, body, float(deadline), reply)
        elif name in ("frame", "record", "ring", "test", "tell"):
            self._pass(name, body, payload, float(deadline), reply)
        elif name == "ping":
            reply({"ok": True, "pid": os.getpid(), "rows_behind": round(time.monotonic() - self._rows.turned_at, 1)})
        elif name == "poke":
            self._rows.look()
            reply({"ok": True})
        else:
            reply({"ok": False, "error": f"no such command: {str(name)[:40]}"})

    def _pass(self, name: str, body: dict[str, Any], payload: bytes, deadline: float, reply: Reply) -> None:
        if name == "frame":
            self.forwarding.frame(body, payload, deadline, reply)
        elif name == "record":
            self._asking.record(body, reply, deadline)
        elif name == "test":
            self._asking.test(body, reply)
        else:
            self.ringing.ask(name, body, deadline, reply)
