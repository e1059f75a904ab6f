"""One port for https and http: told apart by the first byte, with patience for the slow and none for the silent."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from main.serving import front_door
from main.serving.certificates import ensure_certificates
from main.serving.front_door import FrontDoor
from main.serving.listen import listen

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


class Echo(asyncio.Protocol):
    """Answers with how it was reached and what was said."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        how = b"tls " if self.transport.get_extra_info("sslcontext") else b"plain "
        self.transport.write(how + data)


class House:
    """A front door on a free port of loopback, and a client's trust in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hosts = folder, ["localhost"]
        self.sock = listen("127.0.0.1", 0)
        self.port = self.sock.getsockname()[1]
        made = self.certificates()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate, made.key)
        self.door = FrontDoor(self.sock, context, Echo, self.certificates)

    def certificates(self) -> Any:
        return ensure_certificates(self.folder, self.hosts)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "ca.crt"))

    async def ask(self, what: bytes, *, tls: bool, name: str = "localhost") -> bytes:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.trust() if tls else None, server_hostname=name if tls else None
        )
        writer.write(what)
        answer = await asyncio.wait_for(reader.read(100), 5)
        writer.close()
        return answer

    async def end(self) -> None:
        self.door.close()
        await self.door.wait_closed()
        self.sock.close()


def run(
    make_loop: Callable[[], asyncio.AbstractEventLoop], folder: Path, act: Callable[[House], Coroutine[Any, Any, None]]
) -> None:
    async def whole() -> None:
        house = House(folder)
        try:
            await act(house)
        finally:
            await house.end()

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(whole())


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def go(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Any], None]:
    return lambda act: run(request.param, tmp_path, act)


def test_both_kinds_reach_the_same_application(go: Callable[[Any], None]) -> None:
    async def act(house: House) -> None:
        assert await house.ask(b"GET / HTTP/1.1", tls=True) == b"tls GET / HTTP/1.1"
        assert await house.ask(b"GET / HTTP/1.1", tls=False) == b"plain GET / HTTP/1.1"
        both = [house.ask(b"%d" % number, tls=number % 2 == 0) for number in range(40)]
        answers = await asyncio.gather(*both)
        assert answers == [(b"tls " if number % 2 == 0 else b"plain ") + b"%d" % number for number in range(40)]

    go(act)


def test_those_who_hang_up_or_talk_nonsense_harm_nobody(go: Callable[[Any], None]) -> None:
    async def act(house: House) -> None:
        for said in (b"", b"\x16", b"\x16\x03\x01\xff\xff" + b"x" * 2000, b"\x16garbage\r\n"):
            with socket.create_connection(("127.0.0.1", house.port)) as odd:
                odd.sendall(said)
                await asyncio.sleep(0)
        assert await house.ask(b"still here", tls=True) == b"tls still here"

    go(act)


def test_the_silent_are_sent_away(go: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "FIRST_BYTE_SECONDS", 0.2)

    async def act(house: House) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()

    go(act)


def test_the_silent_are_bounded_in_number(go: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "MOST_WAITING", 3)

    async def act(house: House) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(5)]
        # The silent keep nobody out: those who have been silent longest make room.
        for tls in (True, False):
            assert await house.ask(b"let me in", tls=tls) == (b"tls " if tls else b"plain ") + b"let me in"
        for reader, _ in silent[:3]:
            assert await asyncio.wait_for(reader.read(), 5) == b""
        assert len(house.door._waiting) <= 3
        for _, writer in silent:
            writer.close()

    go(act)


def test_a_new_certificate_is_shown_without_a_restart(go: Callable[[Any], None]) -> None:
    async def act(house: House) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            await house.ask(b"x", tls=True, name="pi.local")
        house.hosts.append("pi.local")
        await house.door.renew()
        assert await house.ask(b"x", tls=True, name="pi.local") == b"tls x"

    go(act)


def test_the_hourly_look_at_the_certificate_survives_a_full_disk(
    go: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(front_door, "RENEW_EVERY", 0.01)

    async def act(house: House) -> None:
        good, house.folder = house.folder, house.folder / "lock" / "no-folder"
        for _ in range(200):
            await asyncio.sleep(0.01)
            if "could not be seen to" in caplog.text:
                break
        house.folder = good
        assert await house.ask(b"x", tls=True) == b"tls x"

    go(act)
    assert "could not be seen to" in caplog.text and "Traceback" not in caplog.text
