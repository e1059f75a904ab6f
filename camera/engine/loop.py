"""The engine's main loop: channels, camera processes and commands. Rows are another thread's work (rows.py)."""

import fcntl
import hashlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import zmq

from camera import bus
from camera.engine.probe import test_connection
from camera.engine.rows import Rows
from camera.engine.supervisor import Supervisor, Wanted
from camera.packets import CameraState

logger = logging.getLogger(__name__)

REPUBLISH_EVERY = 1.0
Reply = Callable[[dict[str, Any], bytes], None]


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
        self._supervisor = Supervisor(ends, self._changed)
        self._wanted: queue.SimpleQueue[list[Wanted]] = queue.SimpleQueue()
        self._rows = Rows(self._wanted.put, jobs)
        self._finished: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="test-connection")
        self._poller = zmq.Poller()
        for socket in (self._reports.socket, self._commands.socket, self._publisher.socket):
            self._poller.register(socket, zmq.POLLIN)
        self._republished = 0.0

    def run(self) -> None:
        """Work until `stop` is set, then end the camera processes and write what is left."""
        self._rows.start()
        try:
            while not self.stop.is_set():
                self._poller.poll(100)
                self.step()
        finally:
            self._supervisor.stop_all()
            self._rows.stop()
            self._workers.shutdown(wait=False, cancel_futures=True)
            for end in (self._reports, self._commands, self._publisher):
                end.close()
            self._context.term()
            self._proxy.join(2.0)

    def step(self) -> None:
        """One turn: take in what came, supervise, publish."""
        for peer, header, _ in self._reports.receive():
            self._report(peer, header)
        for peer, header, payload in self._commands.receive():
            self._command(peer, header, payload)
        while not self._finished.empty():
            self._finished.get()()
        newest: list[Wanted] | None = None
        while not self._wanted.empty():
            newest = self._wanted.get()
        if newest is not None:
            self._supervisor.want(newest)
        self._supervisor.step()
        self._publish()

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
                self._publisher.send(bus.topic(bus.STATE, state.camera), asdict(state))

    def _changed(self, state: CameraState) -> None:
        self._publisher.send(bus.topic(bus.STATE, state.camera), asdict(state))
        self._rows.state(state)

    def _report(self, peer: bytes, header: dict[str, Any]) -> None:
        if header.get("type") == "state" and isinstance(header.get("state"), dict):
            self._supervisor.heard(peer.decode("ascii", "replace"), header["state"])

    def _command(self, peer: bytes, header: dict[str, Any], payload: bytes) -> None:
        ident, name, body = header.get("id"), header.get("name"), header.get("body")
        deadline = header.get("deadline")
        if not isinstance(ident, str) or not isinstance(body, dict) or not isinstance(deadline, int | float):
            self._commands.garbage += 1
            return
        # Written so that NaN counts as past.
        if not time.time() <= deadline:
            return

        def reply(answer: dict[str, Any], data: bytes = b"") -> None:
            self._commands.send(peer, {"type": "reply", "id": ident, "body": answer}, data)

        if name == "ping":
            behind = time.monotonic() - self._rows.turned_at
            reply({"ok": True, "pid": os.getpid(), "rows_behind": round(behind, 1)})
        elif name == "poke":
            self._rows.look()
            reply({"ok": True})
        elif name == "test":
            self._test(body, reply)
        else:
            reply({"ok": False, "error": f"no such command: {str(name)[:40]}"})

    def _test(self, body: dict[str, Any], reply: Reply) -> None:
        def work() -> None:
            answer, picture = test_connection(body.get("source", {}))
            self._finished.put(lambda: reply(answer, picture))

        self._workers.submit(work)
