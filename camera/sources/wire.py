"""TCP and TLS connections to cameras, to the checked address, with faults named."""

import socket
import ssl
import threading
import time
from collections.abc import Callable

from camera.packets import Reason, SourceError
from camera.sources.net import Target


def connect(target: Target, tls: bool, seconds: float) -> socket.socket:
    """A connection; every wait on it ends after `seconds`. Raises SourceError."""
    try:
        sock = socket.create_connection((target.ip, target.port), seconds)
    except ConnectionRefusedError:
        raise SourceError(Reason.REFUSED, f"nothing listens on port {target.port}") from None
    except OSError:
        raise SourceError(Reason.NO_SIGNAL, f"no connection to {target.host} port {target.port}") from None
    if not tls:
        return sock
    try:
        return unverified_tls().wrap_socket(sock, server_hostname=target.host)
    except TimeoutError:
        sock.close()
        raise SourceError(Reason.NO_SIGNAL, "it takes the connection but does not answer") from None
    except (OSError, ValueError):
        sock.close()
        raise SourceError(Reason.BAD_STREAM, "what answers there does not speak TLS") from None


def unverified_tls() -> ssl.SSLContext:
    """Cameras sign their own certificates, and nobody could check them: TLS here keeps listeners out, no more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Old cameras know only weak ciphers and short keys, and a password in a weak tunnel beats one in none.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


class Watch(threading.Thread):
    """Hangs up when it is not touched in time: a socket's own time-out starts anew with every byte that trickles in."""

    def __init__(self, hang_up: Callable[[], None], seconds: float) -> None:
        super().__init__(name="http-watch", daemon=True)
        self.fired = False
        self._hang_up = hang_up
        self._over = False
        self._changed = threading.Condition()
        self._deadline = time.monotonic() + seconds
        self.start()

    def touch(self, seconds: float) -> None:
        """Hang up in so many seconds, unless touched again."""
        with self._changed:
            before, self._deadline = self._deadline, time.monotonic() + seconds
            # A later deadline is seen when the earlier one has passed: no wake-up for every picture.
            if self._deadline < before:
                self._changed.notify()

    def run(self) -> None:
        with self._changed:
            while not self._over and (left := self._deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._over:
                return
            self.fired = True
        self._hang_up()

    def end(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
