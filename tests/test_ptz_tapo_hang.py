"""A Tapo camera that hangs holds up nobody, and piles up nothing."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from camera.ptz.driver import Can, Code, PtzError
from tests.peers.certificates import outdated_certificate
from tests.peers.tapo_camera import TapoCamera
from tests.peers.tapo_kit import driving, failure


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("tapo")]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    for thread in threads():
        thread.join(5)
    assert not threads()


def test_a_hanging_camera_ends_at_the_deadline_and_holds_up_no_other() -> None:
    async def go() -> None:
        async with driving(slow, deadline=2) as behind, driving(well) as other:
            await behind.describe()
            await other.describe()
            slow.hang()
            began = time.monotonic()
            waiting = asyncio.create_task(failure(behind.switches()))
            await other.move(1, 0, 0)
            assert time.monotonic() - began < 1
            error = await waiting
            assert 1.5 < time.monotonic() - began < 3
            assert (error.code, str(error)) == (Code.UNREACHABLE, "The camera at 127.0.0.2 does not answer in time.")
            slow.go_on()
            assert (await behind.describe()).model == "C210"

    with TapoCamera(host="127.0.0.2") as slow, TapoCamera() as well:
        asyncio.run(go())


def test_the_loop_goes_on_while_a_camera_hangs_from_the_start() -> None:
    async def go() -> float:
        longest, last = 0.0, time.monotonic()
        async with driving(camera, deadline=1.5) as driver:
            waiting = asyncio.create_task(failure(driver.describe()))
            while not waiting.done():
                await asyncio.sleep(0.01)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
            assert waiting.result().code is Code.UNREACHABLE
        return longest

    with TapoCamera() as camera:
        camera.hang()
        assert asyncio.run(go()) < 0.5


def test_many_calls_to_a_hanging_camera_keep_one_thread_and_no_queue() -> None:
    async def go() -> None:
        async with driving(camera, deadline=0.5) as driver:
            for _ in range(4):
                errors = await asyncio.gather(*(failure(driver.switches()) for _ in range(5)))
                assert {error.code for error in errors} == {Code.UNREACHABLE}
                assert len(threads()) == 1
            camera.go_on()
            # What was given up before must not be asked now.
            seen = len(camera.commands("getLedStatus"))
            await driver.switch(Can.LED, False)
            assert len(camera.commands("getLedStatus")) == seen
            assert not camera.device.led

    with TapoCamera() as camera:
        camera.hang()
        asyncio.run(go())


def test_closing_ends_what_hangs_at_once() -> None:
    async def go() -> PtzError:
        async with driving(camera) as driver:
            await driver.describe()
            camera.hang()
            waiting = asyncio.create_task(failure(driver.switches()))
            await asyncio.to_thread(camera.wait_for_hanging)
        return await waiting

    with TapoCamera() as camera:
        began = time.monotonic()
        error = asyncio.run(go())
        assert error.code is Code.UNREACHABLE
        for thread in threads():
            thread.join(3)
        assert time.monotonic() - began < 5 and not threads()


def test_a_caller_who_gives_up_leaves_the_driver_usable() -> None:
    async def go() -> None:
        async with driving(camera) as driver:
            await driver.describe()
            camera.hang()
            moving = asyncio.create_task(driver.move(1, 0, 0))
            await asyncio.to_thread(camera.wait_for_hanging)
            moving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await moving
            camera.go_on()
            await driver.stop()
            await driver.move(-1, 0, 0)

    with TapoCamera() as camera:
        asyncio.run(go())
        assert [c.params["motor"]["move"]["x_coord"] for c in camera.commands("motorMove")] == ["10", "-10"]


class Trickling:
    """Gives a byte of an answer now and then, for ever: no single wait is long."""

    def __init__(self, certificate: Path) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._listener, self._over = socket.create_server(("127.0.0.1", 0)), threading.Event()
        self.address = f"tapo://127.0.0.1:{self._listener.getsockname()[1]}"
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                threading.Thread(target=self._trickle, args=(self._listener.accept()[0],), daemon=True).start()

    def _trickle(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), self._tls.wrap_socket(sock, server_side=True) as line:
            line.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self._over.wait(0.1):
                line.sendall(b"z")
        self.ended.release()

    def close(self) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def test_a_camera_that_trickles_is_cut_short(tmp_path: Path) -> None:
    """Only the deadline of the whole ends it, each time."""
    camera = Trickling(outdated_certificate(tmp_path))

    async def go() -> None:
        async with driving(camera, deadline=0.7) as driver:
            for _ in range(2):
                began = time.monotonic()
                assert (await failure(driver.describe())).code is Code.UNREACHABLE
                assert time.monotonic() - began < 1.5
                assert await asyncio.to_thread(camera.ended.acquire, timeout=3)

    asyncio.run(go())
    camera.close()
