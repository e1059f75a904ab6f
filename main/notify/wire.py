"""One POST to an address that somebody entered: the host is resolved and checked once, what was checked is what gets
connected to, redirects are not followed, and it is over after its seconds whatever the other side does."""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

from camera.packets import SourceError
from camera.sources.net import Target, embedded, resolve
from main.notify.jobs import Outcome, Result, again

# Of a reply no more is read: what is told of a refusal stands at its beginning.
READ = 2000
LONGEST_WAIT = 3600.0
TOO_LATE = "no answer in time"
GONE = frozenset({404, 410})
PATIENCE = frozenset({408, 425, 429})


class WireError(Exception):
    """It was not sent, or nobody knows; the words are for people and hold no secret."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    words: str
    # Seconds the other side asks to be left alone (Retry-After).
    wait: float = 0.0


class Deadline:
    """Cuts the sockets it watches when the time is up: a peer that sends a byte now and then beats time-outs of single
    calls, and a name server or a handshake may hang as well."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._kept: list[socket.socket] = []
        self._lock = threading.Lock()
        self.passed = False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for sock in self._kept:
                sock.close()
            self._kept.clear()

    @property
    def left(self) -> float:
        return max(0.1, self._end - time.monotonic())

    def watch(self, sock: socket.socket) -> None:
        """A plain socket, before it is wrapped: its copy here stays the same connection whatever becomes of it."""
        with self._lock:
            self._kept.append(sock.dup())
        if self.passed:
            self._cut()

    def _cut(self) -> None:
        self.passed = True
        with self._lock:
            for sock in self._kept:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it has ended by itself


Check = Callable[[str, int, float], Target]


def house_target(loopback: bool) -> Check:
    """What an owner may name: as for cameras, any host but this machine, link-local and metadata addresses."""
    return lambda host, port, seconds: resolve(host, port, loopback, seconds)


def public_target(loopback: bool) -> Check:
    """What anybody may name: addresses of the internet alone, so that nobody reaches into the house's network."""

    def check(host: str, port: int, seconds: float) -> Target:
        found = resolve(host, port, loopback, seconds)
        address = ipaddress.ip_address(found.ip)
        # An IPv6 address may stand for one of the house's.
        address = embedded(address) or address
        if not loopback and not (address.is_global and not getattr(address, "is_site_local", False)):
            raise WireError(f"{host} is not an address of the internet")
        return found

    return check


class _Connection(http.client.HTTPConnection):
    """To one checked address, under the name that was given."""

    def __init__(self, target: Target, deadline: Deadline, tls: bool) -> None:
        super().__init__(target.host, target.port, timeout=deadline.left)
        self._target, self._deadline, self._tls = target, deadline, tls
        self.default_port = 443 if tls else 80

    def connect(self) -> None:
        sock = socket.create_connection((self._target.ip, self._target.port), self._deadline.left)
        self._deadline.watch(sock)
        if self._tls:
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self._target.host)
        self.sock = sock


def post(url: str, headers: Mapping[str, str], body: bytes, check: Check, seconds: float) -> Reply:
    """What the other side answers within `seconds`. Raises WireError."""
    parts = urlsplit(url)
    host, tls = parts.hostname or "", parts.scheme == "https"
    with Deadline(seconds) as deadline:
        try:
            target = check(host, parts.port or (443 if tls else 80), min(5.0, seconds))
            connection = _Connection(target, deadline, tls)
            try:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("POST", path, body, dict(headers))
                reply = connection.getresponse()
                words = reply.read(READ).decode("utf-8", "replace")
                return Reply(reply.status, words, _wait(reply.headers.get("Retry-After", "")))
            finally:
                connection.close()
        except SourceError as error:
            raise WireError(str(error)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise WireError(TOO_LATE if deadline.passed or isinstance(error, TimeoutError) else _said(error)) from None


def _wait(value: str) -> float:
    return min(LONGEST_WAIT, float(value)) if value.isascii() and value.isdigit() and len(value) < 9 else 0.0


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it does not answer as a web server does"


def judged(reply: Reply, gone: frozenset[int] = GONE, refused: frozenset[int] | None = None) -> Outcome:
    """What an answer means for the message: taken, its target gone for ever, refused, or to be tried again. `refused`:
    the only answers that are final; without it all of 3xx and 4xx are but those that ask for patience."""
    if 200 <= reply.status < 300:
        return Outcome(Result.SENT)
    words = f"answered {reply.status}"
    if reply.status in gone:
        return Outcome(Result.GONE, words)
    is_final = reply.status < 500 and reply.status not in PATIENCE if refused is None else reply.status in refused
    return Outcome(Result.REFUSED, words) if is_final else again(words, reply.wait)
