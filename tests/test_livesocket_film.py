"""Films on /ws/live/: who gets which form, when it is announced anew, and what a new viewer is handed."""

import json
import struct
import time
from collections.abc import Iterator

import pytest

from accounts.models import User
from camera import bus
from camera.films import DELTA, INIT, KEY
from camera.live import hub as hub_module
from camera.models import Camera, Grant
from main.models import ViewingSession
from tests.live_house import Voice
from tests.livesocket_kit import FILM, first_look, online, open_socket, scene, until, wanted
from tests.reel_kit import CODECS, Reel, number_of, publish

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def filmed(voice: Voice, yard: Camera) -> Camera:
    """A camera whose film can be had."""
    voice.online(yard.pk, film=CODECS, codec="h264", width=640, height=360)
    return yard


def test_a_film_comes_as_the_contract_says(voice: Voice, filmed: Camera, alice: User) -> None:
    async def play() -> None:
        await online(filmed.pk)
        socket, reel = await open_socket(alice), Reel()
        (tile,) = await socket.watch(FILM)
        assert tile == {
            "camera": "yard",
            "channel": tile["channel"],
            "as": "mp4",
            "mime": f'video/mp4; codecs="{CODECS}"',
            "width": 640,
            "height": 360,
            "sound": False,
        }
        await wanted(voice, filmed)
        assert not voice.watched(filmed.pk)
        batches = [reel.key(with_init=True), reel.delta(), reel.delta()]
        for batch in batches:
            publish(voice, filmed.pk, batch)
        pieces = [piece for batch in batches for piece in batch.pieces]
        assert [one.kind for one in pieces] == [INIT, KEY, DELTA, DELTA]
        for piece in pieces:
            assert await socket.binary() == (tile["channel"], piece.kind, piece.captured_at, piece.data)
        await socket.close()

    scene(play)


def test_a_new_viewer_is_handed_the_current_group_from_memory(voice: Voice, filmed: Camera, alice: User) -> None:
    async def play() -> None:
        reel = Reel()
        first, _ = await first_look(voice, filmed, alice, reel)
        for _ in range(5):
            publish(voice, filmed.pk, reel.delta())
        await first.data(5)
        second = await open_socket(alice)
        began = time.monotonic()
        (tile,) = await second.watch(FILM)
        got = [await second.binary() for _ in range(7)]
        assert time.monotonic() - began < 0.3
        assert [kind for _, kind, _, _ in got] == [INIT, KEY, *[DELTA] * 5]
        assert {channel for channel, _, _, _ in got} == {tile["channel"]}
        # From then on both get the same.
        publish(voice, filmed.pk, reel.delta())
        assert await first.data(1) == await second.data(1)
        await first.close()
        await second.close()

    scene(play)


def test_the_first_viewer_gets_the_replay_and_another_web_process_does_not_mind(
    voice: Voice, filmed: Camera, alice: User
) -> None:
    async def play() -> None:
        reel = Reel()
        reel.key(), reel.delta()  # before anybody looked
        await online(filmed.pk)
        socket = await open_socket(alice)
        await socket.watch(FILM)
        await wanted(voice, filmed)
        publish(voice, filmed.pk, reel.replay())
        assert [number_of(one) for one in (await socket.data(3))[1:]] == [0, 1]
        # Another web process has come; what it is sent comes here as well.
        publish(voice, filmed.pk, reel.replay())
        publish(voice, filmed.pk, reel.delta())
        assert [number_of(one) for one in await socket.data(1)] == [2]
        await socket.close()

    scene(play)


def test_after_a_hole_nothing_comes_until_the_next_key_frame(voice: Voice, filmed: Camera, alice: User) -> None:
    async def play() -> None:
        reel = Reel()
        socket, _ = await first_look(voice, filmed, alice, reel)
        reel.delta()  # got lost
        publish(voice, filmed.pk, reel.delta())
        await socket.quiet()
        publish(voice, filmed.pk, reel.key())
        publish(voice, filmed.pk, reel.delta())
        assert [number_of(one) for one in await socket.data(2)] == [3, 4]
        await socket.close()

    scene(play)


def test_a_small_tile_gets_the_same_film_and_counts_as_little(voice: Voice, filmed: Camera, alice: User) -> None:
    async def play() -> None:
        socket, _ = await first_look(voice, filmed, alice, Reel(), size="small")
        assert await ViewingSession.objects.filter(counts=False).acount() == 1
        await socket.close()

    scene(play)


def test_garbled_films_are_dropped_and_counted_and_spoil_nothing(voice: Voice, filmed: Camera, alice: User) -> None:
    async def play() -> None:
        hub, reel, name = hub_module.current_hub(), Reel(), bus.topic(bus.FILM, filmed.pk)
        socket, _ = await first_look(voice, filmed, alice, reel)
        before = hub.garbage
        odd = (
            {},
            {"pieces": [[1, 1.0, 9]]},
            {"epoch": "x", "pieces": [[1, 1.0, 3]]},
            {"pieces": [[0, 1.0, 3]], "mime": "<b>"},
        )
        for number, header in enumerate(odd, 1):
            voice.raw(name, header, b"abc")
            await until(lambda number=number: hub.garbage == before + number)
        publish(voice, filmed.pk, reel.delta())
        assert [number_of(one) for one in await socket.data(1)] == [1]
        await socket.close()

    scene(play)


def test_nobody_gets_the_film_of_a_camera_they_may_not_watch(
    voice: Voice, filmed: Camera, charlie: User, bob: User, bob_watches: Grant
) -> None:
    async def play() -> None:
        socket, channel = await first_look(voice, filmed, bob, Reel())
        stranger = await open_socket(charlie)
        assert await stranger.watch(FILM) == []
        assert (await stranger.text("error"))["code"] == "not_found"
        await stranger.quiet()
        await stranger.close()
        await socket.close()

    scene(play)


def test_the_list_of_cameras_comes_before_the_first_piece_of_a_channel(
    voice: Voice, filmed: Camera, alice: User
) -> None:
    """However often the set changes while the film runs."""

    async def play() -> None:
        reel = Reel()
        socket, _ = await first_look(voice, filmed, alice, reel)
        known: set[int] = set()
        for turn in range(12):
            await socket.say({"watch": [FILM | {"as": ("mp4", "jpeg")[turn % 2]}] if turn % 3 else []})
            publish(voice, filmed.pk, reel.delta())
            voice.frame(filmed.pk)
            publish(voice, filmed.pk, reel.key())
        await socket.say({"ping": 1})
        while True:
            message = await socket.anything()
            if isinstance(message, bytes):
                channel, _, _ = struct.unpack(">BBd", message[:10])
                assert channel in known or not known
            else:
                told = json.loads(message)
                known = {tile["channel"] for tile in told["cameras"]} if "cameras" in told else known
                if "pong" in told:
                    break
        await socket.close()

    scene(play)
