"""TLS=local: one port for https and for people who type http, told apart by the first byte they send.

A TLS connection begins with the byte 22, which no HTTP request does. Plain requests go to the same application, which
sends them on to https; only the page from which a device gets the house's authority is shown to them as well.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable

from main.serving.certificates import CertificateError, Certificates

logger = logging.getLogger(__name__)

TLS_BEGINS = 22
# Who has said nothing by then is sent away; as long as for the head of a request (see patience.py).
FIRST_BYTE_SECONDS = 20.0
HANDSHAKE_SECONDS = 20.0
# Connections that are not let in yet. With one more the oldest is closed: whoever means it begins at once, and must not
# be kept out by those who stay silent, however many.
MOST_WAITING = 300
# Again after an accept that failed, mostly for want of file descriptors.
PAUSE_SECONDS = 0.5
RENEW_EVERY = 3600.0


class FrontDoor:
    """Takes connections from a listening socket, in the place of the server that asyncio would make."""

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        protocol: Callable[[], asyncio.Protocol],
        certificates: Callable[[], Certificates],
    ) -> None:
        """`certificates` is called in a thread once an hour; what it gives is shown to those who come from then on."""
        self.sock = sock
        self._context = context
        self._protocol = protocol
        self._certificates = certificates
        # In the order they came; the values mean nothing.
        self._waiting: dict[asyncio.Task[None], None] = {}
        sock.setblocking(False)
        self._tasks = [asyncio.ensure_future(self._take()), asyncio.ensure_future(self._keep_renewed())]

    def close(self) -> None:
        for task in (*self._tasks, *self._waiting):
            task.cancel()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._tasks, *self._waiting, return_exceptions=True)

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self.sock)
            except OSError as error:
                logger.warning("no connection can be taken: %s", error.strerror)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if len(self._waiting) >= MOST_WAITING:
                oldest = next(iter(self._waiting))
                del self._waiting[oldest]
                oldest.cancel()
            task = asyncio.ensure_future(self._let_in(connection))
            self._waiting[task] = None
            task.add_done_callback(lambda done: self._waiting.pop(done, None))

    async def _let_in(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(FIRST_BYTE_SECONDS):
                first = await _peek(connection)
            if not first:
                connection.close()
                return
            context = self._context if first[0] == TLS_BEGINS else None
            patience = HANDSHAKE_SECONDS if context else None
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, connection, ssl=context, ssl_handshake_timeout=patience
            )
        except (OSError, ssl.SSLError, TimeoutError):
            # Gone, silent, or not content with the certificate: its browser has told them.
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise

    async def _keep_renewed(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            try:
                await self.renew()
            except (CertificateError, OSError) as error:
                logger.error("the server certificate could not be seen to: %s", error)

    async def renew(self) -> None:
        """See to the certificate now. Raises CertificateError, and OSError where it cannot be read."""
        now = await asyncio.to_thread(self._certificates)
        self._context.load_cert_chain(now.certificate, now.key)


async def _peek(connection: socket.socket) -> bytes:
    """The first byte, which stays where it is; empty when the other side has hung up."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def readable() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(connection.fileno(), readable)
    try:
        await ready
    finally:
        with contextlib.suppress(OSError, ValueError):
            loop.remove_reader(connection.fileno())
    return connection.recv(1, socket.MSG_PEEK)
