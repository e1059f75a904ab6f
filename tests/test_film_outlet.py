"""Who gets what of a live film, and when: nobody nothing, newcomers a picture at once, the slow no queue."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

from camera import bus, films
from camera.films import INIT, KEY
from camera.packets import Packet, StreamInfo
from camera.process.clock import RealClock
from camera.process.film import FilmOutlet, publisher
from camera.process.filmstore import FilmStore
from camera.process.outlets import Outlets
from camera.process.state import StateKeeper
from camera.video import fragments
from tests.film_kit import CAMERA, TOPICS, Scene, film, media, pieces, read, with_sound
from tests.recording_kit import START, camera, info


@pytest.fixture
def muxed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of all fragments that are made."""
    made: list[int] = []
    really = fragments.fragment

    def counting(track: int, number: int, *rest: object) -> bytes:
        made.append(number)
        return really(track, number, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(fragments, "fragment", counting)
    return made


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.store.opened(info())
    return made


def test_nothing_is_muxed_while_nobody_looks(scene: Scene, muxed: list[int]) -> None:
    scene.outlet.publish()
    scene.feed(camera("h264", 300, gop=30))
    assert muxed == [] and scene.sent == []
    # It was woken for the stream and for the first key frame, which tells how to play it; not for each picture.
    assert scene.wakes == 2 and scene.told == [("avc1.42c00c", "")]


def test_how_to_play_it_is_known_with_the_first_key_frame(scene: Scene) -> None:
    first = camera("h264", 10)
    scene.feed(first[1:5])
    assert scene.told == []
    scene.feed(first[:1])
    assert scene.told == [("avc1.42c00c", "")]


def test_a_newcomer_gets_the_pictures_since_the_last_key_frame_in_one_message(scene: Scene, muxed: list[int]) -> None:
    packets = camera("h264", 25, gop=10)
    scene.feed(packets)
    scene.watch(bus.FILM)
    (batch,) = scene.taken()
    assert batch.replay and batch.first == 20 and [piece.kind for piece in batch.pieces[:2]] == [INIT, KEY]
    assert [piece.captured_at for piece in media([batch])] == [one.captured_at for one in packets[20:]]
    assert muxed == list(range(20, 25)) and len(read(film([batch])).shown) == 5
    scene.feed(camera("h264", 26, gop=10)[25:])
    (after,) = scene.taken()
    assert not after.replay and after.first == 25 and len(after.pieces) == 1 and scene.wakes > 2


def test_the_next_newcomer_costs_no_muxing_and_the_others_nothing(scene: Scene, muxed: list[int]) -> None:
    scene.watch(bus.FILM)
    packets = camera("h264", 18, gop=10)
    scene.feed(packets[:15])
    before = scene.taken()
    assert [batch.first for batch in before] == list(range(15)) and not any(batch.replay for batch in before)
    scene.come()
    (again,) = scene.taken()
    assert again.replay and again.first == 10 and muxed == list(range(15))
    assert media([again]) == media(before)[10:], "the very same pieces"
    scene.feed(packets[15:])
    assert [batch.first for batch in scene.taken()] == [15, 16, 17]


def test_those_who_come_together_are_answered_together(scene: Scene) -> None:
    scene.watch(bus.FILM)
    scene.feed(camera("h264", 5))
    scene.come()
    for _ in range(5):
        scene.outlet.newcomer(TOPICS[bus.FILM])
        scene.outlet.publish()
    assert sum(batch.replay for batch in scene.taken()) == 1
    scene.clock += 0.2
    scene.outlet.publish()
    assert [batch.replay for batch in scene.taken()] == [True]


def test_who_comes_before_the_stream_gets_it_from_its_first_key_frame(scene: Scene) -> None:
    scene.watch(bus.FILM)
    packets = camera("h264", 12, gop=6)
    scene.feed(packets[3:])
    batches = scene.taken()
    assert [batch.first for batch in batches] == list(range(6)) and batches[0].pieces[0].kind == INIT
    assert sum(piece.kind == INIT for piece in pieces(batches)) == 1


def test_when_nobody_looks_any_more_nothing_goes_out(scene: Scene, muxed: list[int]) -> None:
    scene.watch(bus.FILM)
    scene.feed(camera("h264", 5, gop=30))
    scene.watch()
    made, wakes = len(muxed), scene.wakes
    scene.taken()
    scene.feed(camera("h264", 25, gop=30)[5:])
    assert (len(muxed), scene.wakes, scene.sent) == (made, wakes, [])
    scene.watch(bus.FILM)
    (batch,) = scene.taken()
    assert batch.replay and (batch.first, len(media([batch]))) == (0, 25)


def test_with_and_without_sound_are_two_films_of_the_same_pictures(muxed: list[int]) -> None:
    audio, packets = with_sound(camera("h264", 30, gop=15))
    scene = Scene()
    scene.store.opened(info(audio=audio))
    scene.feed(packets[:20])
    scene.watch(bus.FILM, bus.FILM_SOUND)
    scene.feed(packets[20:])
    silent, loud = scene.taken(bus.FILM), scene.taken(bus.FILM_SOUND)
    assert scene.told == [("avc1.42c00c", "avc1.42c00c,mp4a.40.2")]
    pictures = media(silent)
    assert [piece for piece in media(loud) if piece in pictures] == pictures and len(media(loud)) > len(pictures) + 10
    assert len(read(film(loud)).sound) == len(media(loud)) - len(pictures)
    assert len(muxed) == len(media(loud)), "a picture is muxed once for both"


def test_a_long_film_without_key_frames_goes_on_for_those_who_follow(muxed: list[int]) -> None:
    scene = Scene(bounds={"max_count": 50})
    scene.store.opened(info())
    scene.watch(bus.FILM)
    packets = [replace(one, key=number == 0) for number, one in enumerate(camera("h264", 200, gop=30))]
    scene.feed(packets)
    assert [batch.first for batch in scene.taken()] == list(range(200))
    scene.come()
    assert scene.taken() == [], "its beginning is not kept"
    scene.feed(camera("h264", 5, start=START + 100))
    after = scene.taken()
    assert [batch.first for batch in after] == list(range(200, 205)) and after[0].pieces[0].kind == INIT


def test_what_the_bus_does_not_take_is_not_kept_for_it(scene: Scene) -> None:
    scene.watch(bus.FILM)
    packets = camera("h264", 40, gop=10)
    scene.feed(packets[:5])
    scene.full = True
    scene.feed(packets[5:8])
    scene.full = False
    scene.feed(packets[8:14])
    batches = scene.taken()
    assert [batch.first for batch in batches] == [0, 1, 2, 3, 4, 10, 11, 12, 13]
    assert batches[5].pieces[0].kind == INIT and media(batches)[5].kind == KEY
    assert len(scene.store.since(0)[0]) <= 10


def test_a_damaged_picture_ends_the_film_until_the_next_key_frame(scene: Scene) -> None:
    packets = camera("h264", 20, gop=10)
    packets[4] = replace(packets[4], data=b"\0\0\1\x41" * 2000)  # more units than a picture has, each too small
    scene.watch(bus.FILM)
    scene.feed(packets[:8])
    scene.come()
    batches = scene.taken()
    assert [batch.first for batch in batches] == [0, 1, 2, 3, 0] and len(media(batches[-1:])) == 4
    scene.feed(packets[8:])
    assert [batch.first for batch in scene.taken()] == list(range(10, 20))


def test_a_stream_that_cannot_be_shown_is_tried_again_with_its_next_key_frame(scene: Scene) -> None:
    scene.watch(bus.FILM)
    bad = [Packet(b"\0\0\1\x65\x88garbage" * 3, True, START + n, pts=n * 90000, dts=n * 90000) for n in range(3)]
    scene.feed(bad)
    assert set(scene.told) == {("", "")} and scene.sent == []
    scene.feed(camera("h264", 4, start=START + 10))
    assert scene.told[-1] == ("avc1.42c00c", "") and len(media(scene.taken())) == 4


def test_after_the_stream_ended_nobody_is_shown_what_was_before(scene: Scene) -> None:
    scene.feed(camera("h264", 15))
    scene.store.closed()
    scene.watch(bus.FILM)
    assert scene.sent == []
    scene.store.opened(info())
    scene.feed(camera("h264", 3, start=START + 60))
    batches = scene.taken()
    assert [batch.first for batch in batches] == [0, 1, 2] and batches[0].pieces[0].kind == INIT


def test_a_film_that_begins_while_another_is_being_sent(scene: Scene) -> None:
    """The capture thread may be a stream ahead: nothing of it is lost, nothing of the old one is mixed into it."""
    scene.watch(bus.FILM)
    scene.feed(camera("h264", 5))
    for packet in camera("h264", 4, size=(640, 480), start=START + 5):
        scene.store.packet(packet)
    line = scene.outlet._lines[0]
    line.publish()
    assert len(media(scene.taken())) == 5
    scene.outlet.publish()
    batches = scene.taken()
    assert [batch.first for batch in batches] == [0, 1, 2, 3] and batches[0].width == 640


def test_the_state_tells_it_and_forgets_it_with_another_codec() -> None:
    changes: list[None] = []
    keeper = StateKeeper(CAMERA, RealClock(), lambda on: None, lambda: changes.append(None))
    keeper.opened(info(), 10.0)
    keeper.films("avc1.42c00c", "")
    assert keeper.state().film == "avc1.42c00c" and len(changes) == 1
    keeper.films("avc1.42c00c", "")
    assert len(changes) == 1
    keeper.opened(info(), 10.0)
    assert keeper.state().film == "avc1.42c00c", "the camera came back as it was"
    keeper.streams(StreamInfo("mjpeg"))
    assert (keeper.state().film, keeper.state().film_sound) == ("", "")


@pytest.fixture
def inlet(tmp_path: Path) -> Iterator[tuple["zmq.Socket[bytes]", bus.MediaPublisher]]:
    """The engine's end of MEDIA as a bare socket that reads when it is told to, and a camera's publisher."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    ends = bus.endpoints(tmp_path / "run")
    hub = context.socket(zmq.XSUB)
    hub.linger, hub.rcvhwm = 0, 10
    hub.bind(ends.media_in)
    made = publisher(context, ends.media_in)
    yield hub, made
    hub.close()
    made.close()
    context.term()


def test_a_bus_that_stands_still_costs_a_bounded_number_of_pieces(
    inlet: tuple["zmq.Socket[bytes]", bus.MediaPublisher],
) -> None:
    hub, out = inlet
    store = FilmStore(lambda: None)
    outlets = Outlets(out, [FilmOutlet(CAMERA, out, store, lambda *told: None)])
    deadline = time.monotonic() + 5
    while not out.wanted and time.monotonic() < deadline:
        # What is said in the moment of connecting may be lost: it is said again.
        hub.send(b"\x01" + TOPICS[bus.FILM])
        hub.poll(20)
        outlets.turn()
    store.opened(info())

    def feed(packets: list[Packet]) -> list[films.Batch]:
        for packet in packets:
            store.packet(packet)
            outlets.turn()
        came = []
        while hub.poll(200):
            _, header, payload = hub.recv_multipart()
            came.append(films.unpack(json.loads(header), payload))
        return came

    first = feed(camera("h264", 1000, gop=30))
    assert [batch.first for batch in first] == list(range(len(first)))
    assert bus.FILM_HWM <= len(first) <= bus.FILM_HWM + 20
    then = feed(camera("h264", 60, gop=30, start=START + 100))
    assert [batch.first for batch in then] == list(range(1000, 1060)) and then[0].pieces[0].kind == INIT
