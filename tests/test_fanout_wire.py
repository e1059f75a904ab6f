"""The connection beneath a request: what it takes, what it still holds, and when there is none to be had."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from main.serving.certificates import ensure_certificates
from main.serving.listen import listen
from main.serving.wire import Wire, wire_of

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]
MUCH = b"x" * 5_000_000


class Accepted(asyncio.Protocol):
    def __init__(self, made: "asyncio.Future[asyncio.Transport]") -> None:
        self._made = made

    def connection_made(self, transport: Any) -> None:
        self._made.set_result(transport)


async def pair(context: ssl.SSLContext | None = None, trust: Any = None) -> tuple[asyncio.Transport, Any]:
    """A server's transport and the client's (reader, writer)."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.Transport] = loop.create_future()
    sock = listen("127.0.0.1", 0)
    server = await loop.create_server(lambda: Accepted(made), sock=sock, ssl=context)
    client = await asyncio.open_connection(
        "127.0.0.1", sock.getsockname()[1], ssl=trust, server_hostname="localhost" if trust else None, limit=1 << 16
    )
    server.close()
    return await made, client


def run(make: Callable[[], asyncio.AbstractEventLoop], body: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(body)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("make", LOOPS)
def test_what_the_other_side_has_not_taken_is_unsent(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def body() -> None:
        transport, (reader, writer) = await pair()
        wire = Wire(transport)
        assert wire.plain and not wire.closing and wire.unsent() == 0
        wire.write(MUCH)
        await asyncio.sleep(0.1)
        # The reader's own buffer and the kernel's on that side have some of it.
        assert 1_000_000 < wire.unsent() < len(MUCH)
        assert len(await reader.readexactly(len(MUCH))) == len(MUCH)
        await until(lambda: wire.unsent() == 0)
        writer.close()
        await until(lambda: wire.closing)
        wire.write(b"too late")
        assert wire.unsent() == 0 and wire.take() is None

    run(make, body())


@pytest.mark.parametrize("make", LOOPS)
def test_it_is_taken_when_all_has_left_and_outlives_nothing(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def body() -> None:
        transport, (reader, writer) = await pair()
        wire = Wire(transport)
        wire.write(MUCH)
        assert wire.take() is None
        await reader.readexactly(len(MUCH))
        await until(lambda: transport.get_write_buffer_size() == 0)
        taken = wire.take()
        assert taken is not None and not taken.getblocking()
        taken.send(b"past the transport")
        assert await reader.readexactly(18) == b"past the transport"
        taken.close()
        wire.write(b"and through it")
        assert await reader.readexactly(14) == b"and through it"
        wire.close()
        assert await reader.read() == b""
        writer.close()

    run(make, body())


@pytest.mark.parametrize("make", LOOPS)
def test_of_a_tls_connection_nothing_is_taken(make: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path, ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    trust = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))

    async def body() -> None:
        transport, (reader, writer) = await pair(context, trust)
        wire = Wire(transport)
        assert not wire.plain and wire.take() is None
        wire.write(b"x" * 200_000)
        assert len(await reader.readexactly(200_000)) == 200_000
        writer.close()
        await until(lambda: wire.closing)

    run(make, body())


def test_a_protocol_that_has_said_its_last_word_writes_no_more() -> None:
    async def body() -> None:
        transport, (reader, writer) = await pair()
        shut = False
        wire = Wire(transport, lambda: shut)
        wire.write(b"one")
        shut = True
        wire.write(b"two")
        assert wire.closing and not transport.is_closing()
        wire.close()
        assert await reader.read() == b"one"
        writer.close()

    asyncio.run(body())


def test_it_is_offered_for_replies_in_chunks_alone() -> None:
    one, two = socket.socketpair()
    with one, two:

        class Connection:
            def get_extra_info(self, name: str) -> Any:
                return one if name == "socket" else None

        class Request:
            def __init__(self, **scope: Any) -> None:
                self.scope = scope

        wire = Wire(Connection())  # type: ignore[arg-type]
        assert not wire.plain  # no TCP: nobody would give up on who never reads
        extensions = {"fairwatch.wire": wire}
        for request, found in (
            (Request(http_version="1.1", extensions=extensions), wire),
            (Request(http_version="1.0", extensions=extensions), None),
            (Request(http_version="2", extensions=extensions), None),
            (Request(http_version="1.1", extensions=None), None),
            (Request(http_version="1.1"), None),
            (object(), None),
        ):
            assert wire_of(request) is found  # type: ignore[arg-type]
