"""The other words of /ws/live/: small pictures, sixteen tiles, delays of a session, what moves, and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from camera import bus
from camera.access import Actor
from camera.models import Camera
from camera.packets import CameraState
from main import watchers
from main.actors import Login
from main.live_delays import MOST, Delays
from main.live_forms import TileWish, choose
from main.models import ViewingSession
from main.tiles import MOST_TILES, WishError, wishes
from main.viewings import Seen, Transport, Visitor, join, write_seen
from tests.live_house import Voice
from tests.livesocket_kit import online, open_socket, scene, until
from tests.reel_kit import CODECS, Reel, number_of, publish

pytestmark = pytest.mark.django_db(transaction=True)
FULL_HD = CameraState(1, "online", width=1920, height=1080, codec="mjpeg")
LOUD = f"{CODECS},mp4a.40.2"


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.mark.parametrize(
    ("wish", "film", "film_sound", "kind", "width"),
    [
        (TileWish(), CODECS, "", bus.JPEG, 1920),
        (TileWish(rate=5), "", "", bus.JPEG, 1920),
        (TileWish(size="small"), CODECS, "", bus.GLANCE, 640),
        (TileWish(size="small", rate=15), "", "", bus.SMALL, 640),
        (TileWish(form="mp4"), "", "", bus.JPEG, 1920),
        (TileWish(form="mp4", size="small"), "", "", bus.GLANCE, 640),
        (TileWish(form="mp4"), CODECS, LOUD, bus.FILM, 1920),
        (TileWish(form="mp4", size="small", rate=2), CODECS, "", bus.FILM, 1920),
        (TileWish(form="mp4", sound=True), CODECS, LOUD, bus.FILM_SOUND, 1920),
        (TileWish(form="mp4", sound=True), CODECS, "", bus.FILM, 1920),
        (TileWish(sound=True), CODECS, LOUD, bus.JPEG, 1920),
    ],
)
def test_the_form_follows_the_wish_and_what_there_is(
    wish: TileWish, film: str, film_sound: str, kind: str, width: int
) -> None:
    state = CameraState(1, "online", width=1920, height=1080, codec="h264", film=film, film_sound=film_sound)
    form = choose(wish, state)
    assert (form.kind, form.width, form.height) == (kind, width, width * 9 // 16)


@pytest.mark.parametrize(
    ("size", "small"), [((1080, 1920), (360, 640)), ((320, 240), (320, 240)), ((0, 0), (0, 0)), ((4000, 30), (640, 5))]
)
def test_small_pictures_keep_their_shape(size: tuple[int, int], small: tuple[int, int]) -> None:
    form = choose(TileWish(size="small"), CameraState(1, "online", width=size[0], height=size[1]))
    assert (form.width, form.height) == small


def test_wishes_are_read_with_care() -> None:
    read = wishes([{"camera": "a", "as": "mp4", "sound": True, "size": "small", "rate": 15, "unheard": "of"}])
    assert read == {"a": TileWish(15, "small", "mp4", True)}
    assert len(wishes([{"camera": f"c{number}"} for number in range(MOST_TILES)])) == MOST_TILES
    for odd in ({"sound": 1}, {"sound": None}, {"sound": "yes"}, {"as": 4}, {"rate": True}):
        with pytest.raises(WishError):
            wishes([{"camera": "a"} | odd])


def test_a_small_tile_goes_from_glances_to_every_picture_and_back_on_its_channel(
    voice: Voice, yard: Camera, alice: User
) -> None:
    voice.online(yard.pk, codec="mjpeg", width=1280, height=720)

    async def play() -> None:
        await online(yard.pk)
        socket = await open_socket(alice)
        wish: dict[str, Any] = {"camera": "yard", "size": "small"}
        (tile,) = await socket.watch(wish)
        assert (tile["width"], tile["height"]) == (640, 360)
        for kind, rate in ((bus.GLANCE, {}), (bus.SMALL, {"rate": 15}), (bus.GLANCE, {})):
            (same,) = await socket.watch(wish | rate)
            assert same["channel"] == tile["channel"]
            await until(lambda kind=kind: bus.topic(kind, yard.pk) in voice.wanted)
            voice.raw(bus.topic(kind, yard.pk), {"t": 2e9, "w": 640, "h": 360}, kind.encode())
            while (await socket.binary())[3] != kind.encode():
                pass
        assert not voice.watched(yard.pk)
        await socket.close()

    scene(play)


def test_sixteen_cameras_come_on_one_socket_in_both_forms(voice: Voice, alice: User) -> None:
    cameras = [
        Camera.objects.create(name=f"Camera {n}", slug=f"camera-{n}", kind="pattern", keeper=alice) for n in range(16)
    ]
    for camera in cameras:
        voice.online(camera.pk, film=CODECS, codec="h264", width=640, height=360)

    async def play() -> None:
        await online(*[camera.pk for camera in cameras])
        socket = await open_socket(alice)
        tiles = await socket.watch(*[{"camera": one.slug, "as": ("mp4", "jpeg")[one.pk % 2]} for one in cameras])
        channels = {tile["channel"]: tile["camera"] for tile in tiles}
        assert len(channels) == 16
        for camera in cameras:
            kind = (bus.FILM, bus.JPEG)[camera.pk % 2]
            name = bus.topic(kind, camera.pk)
            await until(lambda name=name: name in voice.wanted)
            if kind == bus.FILM:
                publish(voice, camera.pk, Reel().key(with_init=True))
            else:
                voice.frame(camera.pk, b"0 ")
        got: dict[str, list[int]] = {}
        for _ in range(24):
            channel, kind, _, data = await socket.binary()
            got.setdefault(channels[channel], []).append(kind)
            assert kind == 0 or number_of(data) == 0
        assert sorted(map(tuple, got.values())) == [(0, 1)] * 8 + [(3,)] * 8
        await socket.close()

    scene(play)


def test_the_log_has_the_median_and_the_worst_delay_of_the_whole_session(
    voice: Voice, yard: Camera, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "SEEN_EVERY", 0.05)
    voice.online(yard.pk)

    async def told() -> tuple[float | None, float | None]:
        row = await ViewingSession.objects.aget()
        return row.delay_median, row.delay_max

    async def play() -> None:
        await online(yard.pk)
        socket = await open_socket(alice)
        await socket.watch({"camera": "yard"})
        for median, longest, expected in ((0.05, 0.9, (0.05, 0.9)), (0.09, 0.1, (0.07, 0.9)), (0.06, 0.2, (0.06, 0.9))):
            await socket.say({"delay": {"yard": {"median": median, "max": longest}}})
            for _ in range(100):
                if (seen := await told()) == pytest.approx(expected):
                    break
                await socket.quiet(0.02)
            assert seen == pytest.approx(expected)
        await socket.close()

    scene(play)


def test_the_worst_delay_stays_when_another_web_process_goes_on_with_the_session(yard: Camera, alice: User) -> None:
    actor = Actor("user", alice.pk, "owner", "alice", key="one")
    row = join(Visitor(actor, Login("one")), yard, "", Transport.WEBSOCKET)
    for delay, expected in (((0.05, 0.4), 0.4), ((0.06, 0.2), 0.4), ((0.06, 0.7), 0.7)):
        write_seen([Seen(row.pk, 10, delay)])
        row.refresh_from_db()
        assert (row.delay_median, row.delay_max) == (delay[0], expected)


def test_reports_of_a_long_session_are_thinned_and_stay_true() -> None:
    delays = Delays()
    for number in range(100_000):
        delays.add((number % 101) / 1000, 0.2)
        assert len(delays._medians) <= MOST
    assert delays.summary() == (pytest.approx(0.05, abs=0.006), 0.2)


def test_states_tell_what_moves_at_once(voice: Voice, yard: Camera, alice: User) -> None:
    async def play() -> None:
        voice.online(yard.pk)
        await online(yard.pk)
        socket = await open_socket(alice)
        await socket.watch({"camera": "yard"})
        assert (await socket.text("state"))["moving"] is False
        voice.online(yard.pk, moving=True)
        await socket.text("state", lambda one: one["moving"] is True)
        await socket.close()

    scene(play)


def test_to_move_a_camera_without_a_motor_is_refused_politely(voice: Voice, yard: Camera, alice: User) -> None:
    async def play() -> None:
        socket = await open_socket(alice)
        await socket.say({"move": {"camera": "yard", "pan": 1, "tilt": 0, "zoom": 0}})
        assert (await socket.text("error")) == {
            "code": "not_supported",
            "message": "This camera cannot be moved or switched from here.",
            "camera": "yard",
        }
        for odd in (None, [], {"camera": 5}, {}):
            await socket.say({"move": odd})
            assert (await socket.text("error"))["code"] == "bad_request"
        await socket.say({"ping": 1, "unheard": "of"})
        assert await socket.text("pong") == 1
        await socket.close()

    scene(play)
