"""A thin line: a TCP relay that passes on so many bytes a second, and holds little itself."""

import contextlib
import socket
import threading
import time
from types import TracebackType

# What the relay's own sockets may hold. Bytes; the kernel doubles it.
HOLDS = 4096
CHUNK = 1460


class ThinLine:
    """Listens at `port`; what comes from `target` goes to the client at `rate` bytes a second, the other way freely."""

    def __init__(self, target: int, rate: float) -> None:
        self.rate = rate
        self._target, self._over = target, threading.Event()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "ThinLine":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for sock in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HOLDS)
                server = socket.socket()
                server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HOLDS)
                server.connect(("127.0.0.1", self._target))
                self._sockets += [client, server]
                threading.Thread(target=self._pass, args=(client, server, 0.0), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, self.rate), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, rate: float) -> None:
        """`rate` 0: as fast as it goes."""
        due = time.monotonic()
        with contextlib.suppress(OSError):
            while not self._over.is_set() and (data := source.recv(CHUNK)):
                sink.sendall(data)
                if rate:
                    due = max(due, time.monotonic() - 0.05) + len(data) / rate
                    time.sleep(max(0.0, due - time.monotonic()))
