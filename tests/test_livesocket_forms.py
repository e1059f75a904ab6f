"""In which form a camera comes to a tile of /ws/live/, and how a change of it is told."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from camera import bus
from camera.films import INIT, KEY
from camera.live import hub as hub_module
from camera.models import Camera
from main import live_forms
from tests.live_house import DOT, Voice
from tests.livesocket_kit import FILM, first_look, let_go, online, open_socket, scene, until, wanted
from tests.reel_kit import CODECS, Reel, publish

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


def test_a_film_that_is_known_later_takes_the_pictures_place_on_a_new_channel(
    voice: Voice, yard: Camera, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LINGER", 0.2)
    voice.online(yard.pk, codec="h264", width=640, height=360)

    async def play() -> None:
        await online(yard.pk)
        socket, reel = await open_socket(alice), Reel()
        (before,) = await socket.watch(FILM)
        assert (before["as"], before["mime"]) == ("jpeg", "image/jpeg")
        await until(lambda: voice.watched(yard.pk))
        voice.frame(yard.pk)
        assert (await socket.binary())[:2] == (before["channel"], 3)
        voice.online(yard.pk, film=CODECS, codec="h264", width=640, height=360)
        (after,) = await socket.text("cameras")
        assert after["as"] == "mp4" and after["channel"] != before["channel"]
        await wanted(voice, yard)
        await let_go(voice, yard, bus.JPEG)
        publish(voice, yard.pk, reel.key(with_init=True))
        assert (await socket.binary())[:2] == (after["channel"], INIT)
        await socket.close()

    scene(play)


def test_a_new_epoch_of_the_same_form_begins_on_the_same_channel(voice: Voice, filmed: Camera, alice: User) -> None:
    async def play() -> None:
        reel = Reel()
        socket, channel = await first_look(voice, filmed, alice, reel)
        again = Reel(epoch=reel.epoch + 1)
        publish(voice, filmed.pk, again.key(with_init=True))
        got = [await socket.binary() for _ in range(2)]
        assert [(one[0], one[1]) for one in got] == [(channel, INIT), (channel, KEY)]
        assert got[0][3] == again.init.data
        await socket.close()

    scene(play)


@pytest.mark.parametrize(
    "other",
    [{"width": 1280, "height": 720}, {"codecs": "av01.0.05M.08"}],
)
def test_a_new_epoch_of_another_form_is_announced_first(
    other: dict[str, Any], voice: Voice, filmed: Camera, alice: User
) -> None:
    async def play() -> None:
        reel = Reel()
        socket, channel = await first_look(voice, filmed, alice, reel)
        again = Reel(epoch=reel.epoch + 1, **other)
        publish(voice, filmed.pk, again.key(with_init=True))
        (tile,) = await socket.text("cameras")
        assert tile["channel"] != channel
        assert (tile["width"], tile["height"]) == (again.width, again.height) and again.codecs in tile["mime"]
        assert (await socket.binary())[:2] == (tile["channel"], INIT)
        assert (await socket.binary())[:2] == (tile["channel"], KEY)
        await socket.close()

    scene(play)


def test_a_size_that_is_known_better_before_anything_was_sent_changes_no_channel(
    voice: Voice, yard: Camera, alice: User
) -> None:
    voice.online(yard.pk, film=CODECS, codec="h264", width=0, height=0)

    async def play() -> None:
        await online(yard.pk)
        socket = await open_socket(alice)
        (before,) = await socket.watch(FILM)
        await wanted(voice, yard)
        publish(voice, yard.pk, Reel().key(with_init=True))
        (after,) = await socket.text("cameras")
        assert after == before | {"width": 640, "height": 360}
        assert (await socket.binary())[:2] == (before["channel"], INIT)
        await socket.close()

    scene(play)


def test_a_camera_that_goes_keeps_its_form_and_comes_back_in_it(voice: Voice, filmed: Camera, alice: User) -> None:
    async def play() -> None:
        reel = Reel()
        socket, channel = await first_look(voice, filmed, alice, reel)
        voice.offline(filmed.pk)
        await socket.text("state", lambda one: one["state"] == "offline")
        # Who comes now is shown nothing old.
        late = await open_socket(alice)
        await late.watch(FILM)
        await late.quiet()
        await late.close()
        voice.online(filmed.pk, film=CODECS, codec="h264", width=640, height=360, since=time.time())
        await socket.text("state", lambda one: one["state"] == "online")
        again = Reel(epoch=reel.epoch + 1)
        publish(voice, filmed.pk, again.key(with_init=True))
        assert (await socket.binary())[:2] == (channel, INIT)
        await socket.close()

    scene(play)


@pytest.mark.parametrize(("codec", "at_once"), [("mjpeg", True), ("h264", False)])
def test_a_camera_that_comes_back_without_a_film_is_shown_in_pictures(
    codec: str, at_once: bool, voice: Voice, filmed: Camera, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_forms, "FILM_PATIENCE", 0.6)

    async def play() -> None:
        socket, channel = await first_look(voice, filmed, alice, Reel())
        voice.offline(filmed.pk)
        await socket.text("state", lambda one: one["state"] == "offline")
        voice.online(filmed.pk, codec=codec, since=time.time())
        began = time.monotonic()
        (tile,) = await socket.text("cameras")
        # A film is known with the first key frame: what may have one is waited for.
        assert (time.monotonic() - began < 0.5) == at_once
        assert tile["as"] == "jpeg" and tile["channel"] != channel
        await until(lambda: voice.watched(filmed.pk))
        voice.frame(filmed.pk)
        assert (await socket.binary())[:2] == (tile["channel"], 3)
        await socket.close()

    scene(play)


def test_nothing_is_asked_of_a_camera_that_is_not_there(voice: Voice, yard: Camera, alice: User) -> None:
    """What it will send is not known: pictures asked for now would be encoded in vain a moment later."""

    async def play() -> None:
        voice.offline(yard.pk)
        await until(lambda: hub_module.current_hub().state(yard.pk).state == "offline")
        socket, reel = await open_socket(alice), Reel()
        (before,) = await socket.watch(FILM)
        assert before["as"] == "jpeg"
        voice.online(yard.pk, film=CODECS, codec="h264", width=640, height=360)
        (tile,) = await socket.text("cameras")
        assert tile["as"] == "mp4"
        await wanted(voice, yard)
        assert not voice.watched(yard.pk)
        publish(voice, yard.pk, reel.key(with_init=True))
        assert (await socket.binary())[:2] == (tile["channel"], INIT)
        await socket.close()

    scene(play)


def test_who_cannot_play_it_asks_for_pictures_without_a_new_socket(voice: Voice, filmed: Camera, alice: User) -> None:
    async def play() -> None:
        socket, channel = await first_look(voice, filmed, alice, Reel())
        (tile,) = await socket.watch(FILM | {"as": "jpeg"})
        assert tile["as"] == "jpeg" and tile["channel"] != channel
        await until(lambda: voice.watched(filmed.pk))
        at = voice.frame(filmed.pk)
        assert await socket.binary() == (tile["channel"], 3, at, DOT)
        (tile,) = await socket.watch(FILM)
        # The film is still there: at once, from memory.
        assert (await socket.binary())[:2] == (tile["channel"], INIT)
        await socket.close()

    scene(play)


def test_sound_comes_along_when_it_is_asked_for(voice: Voice, yard: Camera, alice: User) -> None:
    loud = f"{CODECS},mp4a.40.2"
    voice.online(yard.pk, film=CODECS, film_sound=loud, codec="h264", width=640, height=360)

    async def play() -> None:
        reel = Reel()
        socket, channel = await first_look(voice, yard, alice, reel)
        (tile,) = await socket.watch(FILM | {"sound": True})
        assert (tile["sound"], tile["mime"]) == (True, f'video/mp4; codecs="{loud}"') and tile["channel"] != channel
        await wanted(voice, yard, bus.FILM_SOUND)
        publish(voice, yard.pk, Reel(codecs=loud).key(with_init=True), bus.FILM_SOUND)
        assert (await socket.binary())[:2] == (tile["channel"], INIT)
        (tile,) = await socket.watch(FILM)
        assert (tile["sound"], tile["mime"]) == (True, f'video/mp4; codecs="{CODECS}"')
        await socket.close()

    scene(play)
