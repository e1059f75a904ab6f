"""What a live film keeps of a camera's packets: whole pictures, numbered, with times that browsers do not stop at."""

import itertools
from dataclasses import replace

import pytest

from camera import bus
from camera.films import DELTA, INIT, KEY
from camera.packets import AudioInfo, AudioPacket, Packet
from camera.process import filmstore
from camera.video import nal
from camera.video.filmtime import FilmTimes, SoundTimes
from tests.film_kit import Scene, film, media, read, times, watched, with_sound
from tests.recording_kit import START, camera, info

CODE = b"\0\0\0\1"


def apart(codec: str, packet: Packet) -> list[Packet]:
    """A key frame as some cameras send it: each parameter set in a packet of its own."""
    units = nal.units(packet.data)
    sets = [unit for unit in units if unit in nal.head(codec, packet.data)]
    rest = b"".join(CODE + unit for unit in units if unit not in sets)
    return [replace(packet, data=data) for data in (*(CODE + unit for unit in sets), rest)]


def steps(batches: list[filmstore.Piece], track: int = 1) -> list[tuple[int, int]]:
    """(step to the next, how long it lasts) of each piece of a track but the last."""
    found = [times(piece) for piece in batches]
    line = [(dts, lasts) for which, dts, lasts, _ in found if which == track]
    return [(later[0] - earlier[0], earlier[1]) for earlier, later in itertools.pairwise(line)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_parameter_sets_of_their_own_belong_to_the_picture(codec: str) -> None:
    packets = camera(codec, 20, gop=10)
    cut = [piece for one in packets for piece in (apart(codec, one) if one.key else [one])]
    assert len(cut) > len(packets)
    batches = watched(info(codec), cut)
    found = read(film(batches))
    assert len(found.shown) == 20 and found.keys == [packet.key for packet in packets]


def test_a_key_mark_on_parameter_sets_alone_makes_no_key_frame() -> None:
    packets = camera("h264", 8, gop=8)
    sets = nal.parameter_sets("h264", packets[0].data)
    odd = [*packets[:4], replace(packets[4], data=sets, key=True), *packets[4:]]
    assert [piece.kind for piece in media(watched(info(), odd))] == [KEY] + [DELTA] * 7


def test_a_browser_begins_at_a_true_key_frame_only() -> None:
    """FFmpeg marks recovery points as well; Chromium shows nothing of a film that begins with one."""
    packets = camera("h264", 20, gop=10)
    packets[5] = replace(packets[5], key=True)
    made = media(watched(info(), packets))
    assert [number for number, piece in enumerate(made) if piece.kind == KEY] == [0, 10]
    assert watched(info(), packets[1:10]) == []


def in_slices(packet: Packet, parts: int = 2) -> list[Packet]:
    """One picture in several packets of one time. The second slice is told from a first by its first bit alone."""
    more = CODE + (b"\x65" if packet.key else b"\x41") + b"\x28slice"
    return [packet, *[replace(packet, data=more, key=packet.key) for _ in range(parts - 1)]]


def test_pictures_in_several_packets_are_one_piece_each() -> None:
    packets = camera("h264", 30, gop=10)
    scene = Scene()
    scene.store.opened(info())
    scene.watch(bus.FILM)
    scene.feed([piece for one in packets for piece in in_slices(one, 3)])
    made = media(scene.taken())
    # The first had gone out before it was seen that there are more parts; from the next key frame on all is whole.
    whole = made[1:]
    assert (
        made[0].captured_at == START
        and [piece.kind for piece in whole] == ([KEY] + [DELTA] * 9) * 1 + [KEY] + [DELTA] * 8
    )
    assert all(piece.data.count(b"\x28slice") == 2 for piece in whole)
    assert [piece.captured_at for piece in whole] == [one.captured_at for one in packets[10:29]]


def test_a_picture_whose_beginning_was_lost_is_not_taken_for_a_part() -> None:
    packets = camera("h264", 12, gop=6)
    packets[3] = replace(packets[3], data=CODE + b"\x41\x28rest")
    assert len(media(watched(info(), packets))) == 12


def test_stamps_that_leap_do_not_make_a_browser_wait_for_a_key_frame() -> None:
    """It drops what comes more than twice a picture's duration after it."""
    packets = camera("h264", 60, gop=60, every=1 / 30)
    lost = packets[:20] + packets[28:]  # eight pictures that the network ate
    late = [replace(one, pts=(one.pts or 0) + 10**9, dts=(one.dts or 0) + 10**9) for one in packets[40:]]
    back = [replace(one, pts=5, dts=5) for one in packets[30:31]]
    for odd in (lost, packets[:40] + late, packets[:30] + back + packets[31:]):
        made = media(watched(info(), odd))
        assert len(made) == len(odd)
        assert all(0 < step < 2 * lasts for step, lasts in steps(made))
    slow = camera("h264", 30, gop=30, every=1.0)
    assert all(0 < step < 2 * lasts for step, lasts in steps(media(watched(info(), slow))))
    assert steps(media(watched(info(), slow)))[-1] == (90000, 90000), "it gets used to a slow camera"


def test_after_a_leap_the_film_goes_on_at_its_pace() -> None:
    packets = camera("h264", 40, gop=40, every=1 / 15)
    made = steps(media(watched(info(), packets[:20] + packets[35:])))
    assert {step for step, _ in made[:19]} == {6000} and 6000 < made[19][0] < 12000
    assert {step for step, _ in made[20:]} == {6000}


def test_a_camera_without_stamps_is_played_as_it_comes() -> None:
    bare = [replace(one, pts=None, dts=None) for one in camera("h264", 20, gop=10)]
    assert [step for step, _ in steps(media(watched(info(), bare)))] == [6000] * 19


def test_a_new_size_or_codec_is_a_new_film() -> None:
    scene = Scene()
    scene.store.opened(info())
    scene.watch(bus.FILM)
    scene.feed(camera("h264", 12, gop=6))
    # The size changes without a word of the source: the parameter sets tell.
    scene.feed(camera("h264", 6, gop=6, size=(640, 480), start=START + 10))
    scene.store.opened(info("hevc"))
    scene.feed(camera("hevc", 6, gop=6, start=START + 20))
    batches = scene.taken()
    epochs = sorted({batch.epoch for batch in batches})
    films = [[batch for batch in batches if batch.epoch == epoch] for epoch in epochs]
    assert [len(media(one)) for one in films] == [12, 6, 6]
    assert [(one[0].width, one[0].height) for one in films] == [(320, 240), (640, 480), (320, 240)]
    assert [one[0].first for one in films] == [0, 0, 0] and all(one[0].pieces[0].kind == INIT for one in films)
    assert all(len(read(film(one)).shown) == len(media(one)) for one in films)
    assert [words[0][:4] for words in scene.told] == ["avc1", "avc1", "hvc1"]


def test_an_epoch_never_comes_again() -> None:
    clock = iter([1000.0, 1000.0, 999.0])
    store = filmstore.FilmStore(lambda: None, lambda: next(clock))
    numbers = []
    for _ in range(3):
        store.opened(info())
        store.packet(camera("h264", 1)[0])
        assert store.epoch is not None
        numbers.append(store.epoch.number)
    assert numbers == [1_000_000, 1_000_001, 1_000_002]


def test_nothing_before_the_first_key_frame_and_nothing_of_other_codecs() -> None:
    assert watched(info(), camera("h264", 10, gop=10)[1:]) == []
    assert watched(info("mjpeg"), camera("mjpeg", 3)) == []
    store = filmstore.FilmStore(lambda: None)
    store.packet(camera("h264", 1)[0])
    assert store.end == 0


@pytest.mark.parametrize("wanted", [False, True])
def test_what_is_kept_is_bounded(wanted: bool) -> None:
    store = filmstore.FilmStore(lambda: None, max_count=40)
    store.is_wanted = wanted
    store.opened(info())
    packets = camera("h264", 400, gop=30)
    packets = [replace(one, key=one.key and number < 30) for number, one in enumerate(packets)]
    for packet in packets[:40]:
        store.packet(packet)
    assert len(store.gop(store.end)) == 40
    for packet in packets[40:]:
        store.packet(packet)
    assert store.gop(store.end) == []
    assert len(store.since(0)[0]) == (150 if wanted else 0)
    store.packet(camera("h264", 1)[0])
    assert [entry.kind for entry in store.gop(store.end)] == [KEY]


def test_ten_seconds_of_4k_are_kept() -> None:
    assert filmstore.MAX_BYTES >= 10 * 50e6 / 8 and filmstore.MAX_COUNT >= 10 * 60


def test_a_picture_too_large_is_left_out_until_the_next_key_frame() -> None:
    packets = camera("h264", 20, gop=10)
    packets[4] = replace(packets[4], data=packets[4].data + b"\xaa" * (filmstore.LARGEST + 1))
    made = watched(info(), packets)
    assert [batch.first for batch in made] == [0, 1, 2, 3, *range(10, 20)]


def test_sound_goes_along_with_its_pictures() -> None:
    audio, packets = with_sound(camera("h264", 45, gop=15))
    batches = watched(info(audio=audio), packets, bus.FILM_SOUND)
    assert batches[0].mime == 'video/mp4; codecs="avc1.42c00c,mp4a.40.2"'
    found = read(film(batches))
    heard = [one for one in packets if isinstance(one, AudioPacket)]
    assert len(found.shown) == 45 and len(found.sound) == len(heard)
    assert [later - earlier for earlier, later in itertools.pairwise(found.sound)] == [1024] * (len(heard) - 1)
    assert [batch.first for batch in batches] == list(range(len(packets)))
    # Sound plays with the picture that was captured with it.
    for piece in media(batches):
        track, dts, _, _ = times(piece)
        assert dts / (16000 if track == 2 else 90000) == pytest.approx(piece.captured_at - START, abs=0.07)
    silent = watched(info(audio=audio), packets)
    assert len(media(silent)) == 45 and all(times(piece)[0] == 1 for piece in media(silent))


def headed(frame: bytes) -> bytes:
    """With an ADTS header."""
    size = len(frame) + 7
    return bytes([0xFF, 0xF1, 0x60, 0x40, size >> 3 & 255, (size & 7) << 5 | 31, 0xFC]) + frame


def test_sound_with_headers_of_its_own() -> None:
    audio, packets = with_sound(camera("h264", 15))
    wrapped = [replace(one, data=headed(one.data)) if isinstance(one, AudioPacket) else one for one in packets]
    plain, bare = (media(watched(info(audio=audio), some, bus.FILM_SOUND)) for some in (packets, wrapped))
    assert [one.data for one in plain] == [one.data for one in bare]


def test_sound_that_drifts_is_led_back_without_a_gap_that_stops_the_browser() -> None:
    line = SoundTimes(16000, 1024)
    # It comes 2 % slower than it says, then in time again, a second late.
    arrivals = [n * 0.064 * 1.02 for n in range(400)] + [400 * 0.064 * 1.02 + 1 + n * 0.064 for n in range(200)]
    last, left_out = None, 0
    for wanted in arrivals:
        found = line.place(wanted)
        if found is None:
            left_out += 1
            continue
        if last is not None:
            assert 0 < found.dts - last.dts < 2 * 1024
        assert abs(found.dts / 16000 - wanted) < 1.3
        last = found
    assert last is not None and abs(last.dts / 16000 - arrivals[-1]) < 0.15 and left_out < 10


def test_sound_is_led_back_when_the_film_fell_behind() -> None:
    line = SoundTimes(16000, 1024)
    found = [line.place(n * 0.064 - (0.5 if n > 100 else 0)) for n in range(300)]
    made = [one for one in found if one is not None]
    assert 4 <= len(found) - len(made) <= 10 and abs(made[-1].dts / 16000 - (299 * 0.064 - 0.5)) < 0.15


@pytest.mark.parametrize(
    "audio", [AudioInfo("pcm_alaw", 8000, 1), AudioInfo("aac", 16000, 1, b""), AudioInfo("aac", 16000, 1, b"\x17\x80")]
)
def test_sound_that_cannot_go_along_is_left_out(audio: AudioInfo) -> None:
    scene = Scene()
    scene.store.opened(info(audio=audio))
    scene.watch(bus.FILM, bus.FILM_SOUND)
    scene.feed([*camera("h264", 5), AudioPacket(b"x" * 80, START)])
    assert scene.told == [("avc1.42c00c", "")] and scene.taken(bus.FILM_SOUND) == [] and len(media(scene.taken())) == 5


def test_times_begin_at_zero_and_know_what_was_captured_when() -> None:
    line = FilmTimes(info())
    assert line.at(START) is None
    for packet in camera("h264", 10, start=START + 1000):
        placed = line.place(packet)
    assert placed.dts == 9 * 6000 and line.at(START + 1000 + 10 / 15) == pytest.approx(10 / 15, abs=1e-6)
