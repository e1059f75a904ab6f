"""The three channels between the processes, on ZeroMQ: MEDIA (may drop), COMMAND and REPORT (may not).

Messages are JSON headers and raw bytes, never pickle. This file knows no Django: camera processes use it too.
What cannot be read is dropped and counted, never raised.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import zmq

from camera.endpoints import Endpoints, endpoints, private_folder

__all__ = [
    "AT_ONCE", "CAMERA_HWM", "ENGINE", "FILM", "FILM_HWM", "FILM_SOUND", "GLANCE", "JPEG", "LARGE", "RELAY_HWM",
    "SMALL", "STATE", "Endpoints", "MediaProxy", "MediaPublisher", "ReportSender", "Router",
    "connect", "decode", "encode", "endpoints", "private_folder", "topic",
]  # fmt: skip

# A camera that is not taken from drops pictures at once; what passes on states of many cameras must not drop these.
CAMERA_HWM = 4
# Of a film every piece counts: about five seconds of them.
FILM_HWM = 150
RELAY_HWM = 256
# Messages taken in at one go: a flood on one channel must not keep the others waiting.
AT_ONCE = 200
# From this size on passing on what is there is cheaper than a copy, for all it takes to hear when it may go. Bytes.
LARGE = 262_144
# Of MEDIA. A batch of the most pieces (camera/films.py) has a tenth of it; to read 50 MB would hold up everybody.
LONGEST_HEADER = 1024 * 1024
# As numbers: pyzmq's own names are enumerations, which cost more than what is asked.
_EVENTS, _POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)
STATE = "state"
ENGINE = "engine"
JPEG = "jpeg"
# The pictures reduced for small tiles: each of them, or one in a few seconds while nothing moves.
SMALL = "small"
GLANCE = "glance"
# Fragmented MP4 as the camera's packets came, without sound and with it. Every message counts: see camera/films.py.
FILM = "mp4"
FILM_SOUND = "mp4a"


def topic(kind: str, camera: int | str = "") -> bytes:
    """A MEDIA topic. It ends in ';' because ZeroMQ matches by prefix and camera 1 is not camera 10."""
    return f"{kind}:{camera};".encode()


def encode(header: dict[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":")).encode()


def decode(raw: bytes) -> dict[str, Any] | None:
    """The header, or None when it is not a JSON object."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def connect(context: zmq.Context[Any], kind: int, endpoint: str, hwm: int, identity: bytes = b"") -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = context.socket(kind)
    socket.linger = 0
    socket.sndhwm = socket.rcvhwm = hwm
    # Without it a publisher keeps stale interest when the proxy dies. A SUB socket must not have it: what it subscribes
    # to before the connection stands would never be sent.
    socket.immediate = int(kind != zmq.SUB)
    if identity:
        socket.identity = identity
    socket.reconnect_ivl = 100
    socket.reconnect_ivl_max = 1000
    if kind == zmq.XPUB:
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    socket.connect(endpoint)
    return socket


def waits(socket: zmq.Socket[bytes]) -> bool:
    """Whether a message waits to be received. To ask is cheaper than to be told by an exception that there is none."""
    return bool(int(socket.get(_EVENTS)) & _POLLIN)


class MediaPublisher:
    """The publishing end of MEDIA. Not for sharing between threads."""

    def __init__(self, context: zmq.Context[Any], endpoint: str, hwm: int = CAMERA_HWM) -> None:
        self.socket = connect(context, zmq.XPUB, endpoint, hwm)
        self.wanted: set[bytes] = set()

    def send(self, name: bytes, header: dict[str, Any], payload: bytes = b"") -> bool:
        """Publish; False when the channel is full and the message was dropped."""
        try:
            self.socket.send_multipart([name, encode(header), payload], zmq.NOBLOCK, copy=len(payload) < LARGE)
        except zmq.Again:
            return False
        return True

    def subscriptions(self) -> Iterator[bytes]:
        """Topics that somebody has just subscribed to; `wanted` is kept up to date. Call in every turn of the loop."""
        while waits(self.socket):
            message = self.socket.recv(zmq.NOBLOCK)
            name = message[1:]
            if message[:1] == b"\x01":
                self.wanted.add(name)
                yield name
            else:
                self.wanted.discard(name)

    def close(self) -> None:
        self.socket.close()


class MediaProxy(threading.Thread):
    """The engine's hub of MEDIA: forwards pictures one way and subscriptions the other."""

    def __init__(self, context: zmq.Context[Any], ends: Endpoints) -> None:
        super().__init__(name="media-proxy", daemon=True)
        self._inlet, self._outlet = context.socket(zmq.XSUB), context.socket(zmq.XPUB)
        for socket in (self._inlet, self._outlet):
            socket.linger = 0
            socket.sndhwm = socket.rcvhwm = RELAY_HWM
        # VERBOSER: the inlet counts subscriptions, so it must hear of every one that goes as well.
        self._outlet.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._inlet.bind(ends.media_in)
        self._outlet.bind(ends.media_out)

    def run(self) -> None:
        try:
            zmq.proxy(self._inlet, self._outlet)
        except zmq.ContextTerminated:
            self._inlet.close()
            self._outlet.close()


class ReportSender:
    """A camera process's line to the engine: states now and then, reports kept until acknowledged, commands back."""

    KEEP = 500
    RESEND = 2.0

    def __init__(self, context: zmq.Context[Any], endpoint: str, token: str) -> None:
        self.socket = connect(context, zmq.DEALER, endpoint, 100, token.encode())
        self.kept: OrderedDict[int, tuple[float, dict[str, Any]]] = OrderedDict()
        self.overflow = 0
        self._seq = 0
        # Something waits that could not be sent.
        self._is_behind = False
        self._then: dict[int, Callable[[dict[str, Any]], None]] = {}

    def _send(self, message: dict[str, Any], payload: bytes = b"") -> bool:
        """False when the engine is away or busy: states are repeated, reports are resent."""
        try:
            self.socket.send_multipart([encode(message), payload], zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def state(self, values: dict[str, Any]) -> None:
        self._send({"type": "state", "state": values, "overflow": self.overflow})

    def report(self, kind: str, body: dict[str, Any], then: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Something that must become a row: kept and resent until the engine says it has. `then` is called with the
        acknowledgement: `taken` says whether it is a row now, `known` that it had been one before."""
        self._seq += 1
        if then is not None:
            self._then[self._seq] = then
        message = {"type": "report", "seq": self._seq, "kind": kind, "body": body}
        if len(self.kept) >= self.KEEP:
            lost, _ = self.kept.popitem(last=False)
            self._acknowledged({"seq": lost, "taken": False})
            self.overflow += 1
        # What could not be sent must not be overtaken: the rest waits for its turn in `resend`.
        self._is_behind = self._is_behind or not self._send(message)
        self.kept[self._seq] = (float("-inf") if self._is_behind else time.monotonic(), message)

    def reply(self, command: str, body: dict[str, Any], payload: bytes = b"") -> None:
        self._send({"type": "reply", "id": command, "body": body}, payload)

    def resend(self) -> None:
        """Send again, in order, what has not been acknowledged for a while or could not be sent at all."""
        now = time.monotonic()
        self._is_behind = False
        for seq, (sent, message) in list(self.kept.items()):
            if now - sent < self.RESEND:
                continue
            if not self._send(message):
                self._is_behind = True
                return
            self.kept[seq] = (now, message)

    def commands(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Commands that came in: (header, payload). Acknowledgements are taken care of here."""
        while waits(self.socket):
            parts = self.socket.recv_multipart(zmq.NOBLOCK)
            header = decode(parts[0]) if parts else None
            if header is None:
                continue
            if header.get("type") == "ack":
                self._acknowledged(header)
            else:
                yield header, parts[1] if len(parts) > 1 else b""

    def _acknowledged(self, header: dict[str, Any]) -> None:
        seq = header.get("seq", 0)
        self.kept.pop(seq, None)
        then = self._then.pop(seq, None)
        if then is not None:
            then(header)

    def close(self) -> None:
        self.socket.close()


class Router:
    """The engine's end of REPORT and of COMMAND: many peers, each with an identity."""

    def __init__(self, context: zmq.Context[Any], endpoint: str) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 200
        self.socket.sndhwm = self.socket.rcvhwm = 1000
        # A process that comes back under its old identity takes the place of its dead connection.
        self.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        # Whoever is not there is an error and not silence.
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.bind(endpoint)
        self.garbage = 0

    def receive(self) -> Iterator[tuple[bytes, dict[str, Any], bytes]]:
        """(peer, header, payload) of what has come in, or the first AT_ONCE of it."""
        for _ in range(AT_ONCE):
            if not waits(self.socket):
                return
            parts = self.socket.recv_multipart(zmq.NOBLOCK)
            header = decode(parts[1]) if len(parts) >= 2 else None
            if header is None or len(parts) > 3:
                self.garbage += 1
                continue
            yield parts[0], header, parts[2] if len(parts) == 3 else b""

    def send(self, peer: bytes, header: dict[str, Any], payload: bytes = b"") -> bool:
        """False when the peer is not there (any more) or takes nothing; whoever asked has a deadline of its own."""
        try:
            self.socket.send_multipart([peer, encode(header), payload], zmq.NOBLOCK, copy=len(payload) < LARGE)
        except zmq.ZMQError:
            return False
        return True

    def close(self) -> None:
        self.socket.close()
