"""The live socket's `move`: what the engine is asked while somebody holds a camera, and what stops it."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts.models import User
from camera.models import Camera, Grant, Right
from main import steering
from tests.live_house import Voice, Web, cookie_of
from tests.livesocket_kit import LiveSocket, online, open_socket, scene, until
from tests.move_kit import PtzEngine, make_turner, may, ptz_engine

pytestmark = pytest.mark.django_db(transaction=True)
STILL = (0.0, 0.0, 0.0)


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def engine(voice: Voice) -> Iterator[PtzEngine]:
    with ptz_engine() as engine:
        yield engine


@pytest.fixture
def gate(alice: User, voice: Voice) -> Camera:
    camera = make_turner(alice)
    voice.online(camera.pk)
    return camera


async def turn(socket: LiveSocket, pan: float = 0, tilt: float = 0, slug: str = "gate", **more: Any) -> None:
    await socket.say({"move": {"camera": slug, "pan": pan, "tilt": tilt, "zoom": 0} | more})


async def opened(user: User, *cameras: Camera) -> LiveSocket:
    socket = await open_socket(user)
    await online(*(camera.pk for camera in cameras))
    return socket


def test_a_hand_that_is_held_goes_on_and_one_that_lets_go_stops_at_once(
    gate: Camera, alice: User, engine: PtzEngine
) -> None:
    async def play() -> None:
        socket = await opened(alice, gate)
        for pan in (1, 1, 0.5):
            await turn(socket, pan)
            await asyncio.sleep(0.1)
        await until(lambda: len(engine.moves()) == 3)
        said = time.monotonic()
        await turn(socket, 0)
        await until(lambda: len(engine.moves()) == 4)
        assert engine.asked[-1][0] - said < steering.SILENCE / 2
        assert engine.moves() == [(1, 0, 0), (1, 0, 0), (0.5, 0, 0), STILL]
        first, *others = engine.bodies()
        assert (first["camera"], first["by"], first["user"], first["seconds"]) == (gate.pk, "alice", alice.pk, 0.7)
        assert {one["holder"] for one in others} == {first["holder"]}
        # The next press is a movement of its own, by the same hand.
        await turn(socket, 0, 1)
        await until(lambda: len(engine.moves()) == 5)
        assert engine.bodies()[4]["holder"] == first["holder"]
        await socket.close()

    scene(play)


def test_silence_stops_it(gate: Camera, alice: User, engine: PtzEngine) -> None:
    async def play() -> None:
        socket = await opened(alice, gate)
        await turn(socket, 1)
        await until(lambda: engine.moves() == [(1, 0, 0), STILL])
        began, ended = (at for at, _, _ in engine.asked)
        assert steering.SILENCE - 0.1 < ended - began < steering.SILENCE + 0.5
        await socket.close()

    scene(play)


def test_the_end_of_the_socket_and_of_the_tile_stop_it(gate: Camera, alice: User, engine: PtzEngine) -> None:
    async def play() -> None:
        socket = await opened(alice, gate)
        await socket.watch({"camera": "gate"})
        await turn(socket, 1)
        await until(lambda: len(engine.moves()) == 1)
        said = time.monotonic()
        await socket.watch()
        await until(lambda: engine.moves() == [(1, 0, 0), STILL])
        assert engine.asked[-1][0] - said < steering.SILENCE / 2
        await turn(socket, 1)
        await until(lambda: len(engine.moves()) == 3)
        said = time.monotonic()
        await socket.close()
        await until(lambda: engine.moves()[2:] == [(1, 0, 0), STILL])
        assert engine.asked[-1][0] - said < steering.SILENCE / 2

    scene(play)


def test_while_the_engine_takes_long_only_the_newest_is_asked_and_a_stop_waits_for_nobody(
    gate: Camera, alice: User, engine: PtzEngine
) -> None:
    engine.answers["ptz"] = lambda body: None if body["pan"] else {"ok": True}

    async def play() -> None:
        socket = await opened(alice, gate)
        for step in range(1, 9):
            await turn(socket, step / 10)
            await asyncio.sleep(0.05)
        assert engine.moves() == [(0.1, 0, 0)]
        await turn(socket, 0)
        await until(lambda: engine.moves() == [(0.1, 0, 0), STILL])
        await socket.say({"ping": 1})
        assert await socket.text("pong") == 1
        await socket.close()

    scene(play)


def test_what_waited_is_asked_with_the_newest(gate: Camera, alice: User, engine: PtzEngine) -> None:
    free = asyncio.Event()

    async def play() -> None:
        loop = asyncio.get_running_loop()

        def slow(body: dict[str, Any]) -> dict[str, Any]:
            if body["pan"] == 0.1:
                asyncio.run_coroutine_threadsafe(asyncio.wait_for(free.wait(), 5), loop).result(5)
            return {"ok": True}

        engine.answers["ptz"] = slow
        socket = await opened(alice, gate)
        for step in (0.1, 0.2, 0.3):
            await turn(socket, step)
        await until(lambda: len(engine.moves()) == 1)
        await asyncio.sleep(0.05)
        free.set()
        await until(lambda: len(engine.moves()) >= 2)
        assert engine.moves()[:2] == [(0.1, 0, 0), (0.3, 0, 0)]
        await socket.close()

    scene(play)


def test_a_refusal_is_told_once_and_the_next_press_tries_again(gate: Camera, alice: User, engine: PtzEngine) -> None:
    engine.answers["ptz"] = {"ok": False, "code": "busy", "error": "bob is moving it just now."}

    async def play() -> None:
        socket = await opened(alice, gate)
        for _ in range(4):
            await turn(socket, 1)
            await asyncio.sleep(0.1)
        assert await socket.text("error") == {
            "code": "busy", "message": "bob is moving it just now.", "camera": "gate"
        }  # fmt: skip
        # Whoever does not move it does not stop it either.
        assert engine.moves() == [(1, 0, 0)]
        await turn(socket, 0)
        engine.answers["ptz"] = {"ok": True}
        await asyncio.sleep(0.1)
        await turn(socket, -1)
        await until(lambda: engine.moves() == [(1, 0, 0), (-1, 0, 0)])
        await socket.say({"ping": 1})
        while "pong" not in (message := json.loads(str(await socket.anything()))):
            assert "error" not in message
        await socket.close()

    scene(play)


def test_who_may(gate: Camera, bob: User, charlie: User, engine: PtzEngine) -> None:
    may(bob, gate, Right.WATCH)

    async def play() -> None:
        stranger, watcher = await opened(charlie, gate), await opened(bob, gate)
        await turn(stranger, 1)
        assert await stranger.text("error") == {"code": "not_found", "message": "No such camera.", "camera": "gate"}
        await turn(stranger, 1, slug="nowhere")
        assert (await stranger.text("error"))["message"] == "No such camera."
        await turn(watcher, 1)
        assert await watcher.text("error") == {
            "code": "forbidden", "message": "You may see this camera, but not move the camera.", "camera": "gate"
        }  # fmt: skip
        assert engine.asked == []
        await stranger.close()
        await watcher.close()

    scene(play)


def test_one_who_loses_the_right_stops_within_seconds(gate: Camera, bob: User, engine: PtzEngine) -> None:
    may(bob, gate, Right.WATCH, Right.MOVE)

    async def play() -> None:
        socket = await opened(bob, gate)
        await turn(socket, 1)
        await until(lambda: len(engine.moves()) == 1)
        await sync_to_async(Grant.objects.filter(right=Right.MOVE).delete)()
        lost = time.monotonic()
        while STILL not in engine.moves():
            assert time.monotonic() - lost < 10
            await turn(socket, 1)
            await asyncio.sleep(0.2)
        assert (await socket.text("error"))["code"] == "forbidden"
        count = len(engine.moves())
        for _ in range(3):
            await turn(socket, 1)
            await asyncio.sleep(0.1)
        assert len(engine.moves()) == count and engine.moves()[-1] == STILL
        await socket.close()

    scene(play)


@pytest.mark.parametrize(
    "odd",
    [None, [], {}, {"camera": 5}, {"camera": "gate", "pan": 2}, {"camera": "gate", "tilt": "1"},
     {"camera": "gate", "zoom": True}, {"camera": "gate", "pan": None}, {"camera": "x" * 61, "pan": 1}],
)  # fmt: skip
def test_odd_messages_move_nothing(odd: object, gate: Camera, alice: User, engine: PtzEngine) -> None:
    async def play() -> None:
        socket = await opened(alice, gate)
        await socket.say({"move": odd})
        assert (await socket.text("error"))["code"] == "bad_request"
        await socket.close()
        assert engine.asked == []

    scene(play)


def test_an_engine_that_is_away_is_said_once(gate: Camera, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main.steering.ENGINE_SECONDS", 0.3)
    monkeypatch.setattr("main.steering.STOP_SECONDS", 0.3)

    async def play() -> None:
        socket = await opened(alice, gate)
        await turn(socket, 1)
        assert (await socket.text("error"))["code"] == "engine_down"
        await socket.close()

    scene(play)


def test_who_moves_it_is_told_with_the_state(gate: Camera, alice: User, voice: Voice) -> None:
    async def play() -> None:
        socket = await opened(alice, gate)
        await socket.watch({"camera": "gate"})
        assert (await socket.text("state"))["mover"] == ""
        voice.online(gate.pk, mover="bob")
        await socket.text("state", lambda one: one["mover"] == "bob")
        await socket.close()

    scene(play)


def test_a_snapshot_is_the_newest_picture_as_a_file(gate: Camera, alice: User, bob: User, voice: Voice) -> None:
    with Web() as web:

        def asked(user: User) -> Any:
            cookie = cookie_of(user)
            token = "a" * 32
            return web.get(
                "/api/v1/cameras/gate/snapshot", "POST", Cookie=f"{cookie}; csrftoken={token}", X_CSRFToken=token
            )  # fmt: skip

        assert asked(bob).status == 404
        may(bob, gate, Right.WATCH)
        at = 0.0
        deadline = time.monotonic() + 10
        reply = None
        while time.monotonic() < deadline and (reply is None or reply.status != 200):
            at = voice.frame(gate.pk)
            reply = asked(bob)
        assert reply is not None and reply.status == 200
        assert reply.headers["Content-Type"] == "image/jpeg" and reply.read().startswith(b"\xff\xd8")
        assert abs(float(reply.headers["X-Timestamp"]) - at) < 5
        assert reply.headers["Content-Disposition"].startswith('attachment; filename="gate_20')
        assert "no-store" in reply.headers["Cache-Control"]
        voice.offline(gate.pk)
        while (reply := asked(bob)).status == 200:
            assert time.monotonic() < deadline + 5
        assert (reply.status, json.loads(reply.read())["error"]["code"]) == (503, "no_signal")
