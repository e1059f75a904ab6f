"""A Tapo camera that hangs holds up nobody, and piles up nothing."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from camera.ptz.driver import Can, Code, PtzError
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


def trickle(listener: socket.socket, over: threading.Event) -> None:
    """A byte of a handshake now and then, for ever."""
    with listener.accept()[0] as sock:
        sock.sendall(b"\x16\x03\x03\x40\x00")
        while not over.wait(0.1):
            try:
                sock.sendall(b"\x02")
            except OSError:
                return


def test_a_camera_that_trickles_is_cut_short() -> None:
    """No single wait is long, so that only the deadline of the whole ends it."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    peer = threading.Thread(target=trickle, args=(listener, over), daemon=True)
    peer.start()

    async def go() -> float:
        async with driving(Somewhere(listener.getsockname()[1]), deadline=1) as driver:  # type: ignore[arg-type]
            began = time.monotonic()
            assert (await failure(driver.describe())).code is Code.UNREACHABLE
            return time.monotonic() - began

    assert asyncio.run(go()) < 2
    for thread in threads():
        thread.join(2)
    assert not threads()
    over.set()
    peer.join(2)
    listener.close()


class Somewhere:
    def __init__(self, port: int) -> None:
        self.address = f"tapo://127.0.0.1:{port}"
