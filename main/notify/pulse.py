"""Whether the notifier is well: it answers on a socket of its own while its loop turns."""

import threading
import time
from pathlib import Path
from typing import Any

import zmq

from camera import bus

# The loop turns every two seconds; a busy database may hold it up for twenty.
STALE = 60.0


def endpoint(run_dir: Path, name: str) -> str:
    return bus.endpoints(run_dir, name).commands.removesuffix("commands") + "notifier"


class Pulse(threading.Thread):
    """Answers «well» as long as `beat` was called in the last minute."""

    def __init__(self, context: zmq.Context[Any], where: str) -> None:
        super().__init__(name="pulse", daemon=True)
        self._turned = time.monotonic()
        self._socket = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind(where)

    def beat(self) -> None:
        self._turned = time.monotonic()

    def run(self) -> None:
        try:
            while True:
                self._socket.recv()
                is_well = time.monotonic() - self._turned < STALE
                self._socket.send(b"well" if is_well else b"stuck")
        except zmq.ContextTerminated:
            self._socket.close()


def is_well(where: str, seconds: float = 4.0) -> bool:
    """Ask the notifier behind `where`."""
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.REQ)
    try:
        socket.linger = 0
        socket.sndtimeo = socket.rcvtimeo = int(seconds * 1000)
        socket.connect(where)
        socket.send(b"well?")
        return bool(socket.recv() == b"well")
    except zmq.ZMQError:
        return False
    finally:
        socket.close()
        context.term()
