"""Small pictures in the camera process: which go out on which topic, and nothing for nobody."""

import numpy as np
import pytest

from camera.packets import Frame, Packet
from camera.process import reducing
from camera.process.small import GLANCE_EVERY, HOLD
from camera.video.decode import Decoder
from tests.motion_scenes import Yard, coloured
from tests.peers import clips
from tests.small_kit import FPS, GLANCE, SMALL, START, Count, Process, done, times

pytestmark = pytest.mark.slow


@pytest.fixture
def process() -> Process:
    made = Process()
    made.opened()
    made.online()
    return made


def empty(yard: Yard, seconds: float) -> list[clips.Picture]:
    return [coloured(yard.picture(), 1280, 720) for _ in range(round(seconds * FPS))]


def walk(yard: Yard, steps: int = 15) -> list[clips.Picture]:
    return [coloured(yard.picture(20 + 8 * step), 1280, 720) for step in range(steps)]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> dict[str, Count]:
    return {
        "decoded": Count().on(monkeypatch, Decoder, "decode"),
        "reduced": Count().on(monkeypatch, reducing.Maker, "_made"),
        "compared": Count().on(monkeypatch, reducing.Maker, "changed"),
    }


def test_nobody_wants_anything_and_nothing_is_done(process: Process, work: dict[str, Count]) -> None:
    assert process.jpegs(empty(Yard(), 1) + walk(Yard())) == []
    process.opened("h264")
    for piece in clips.encode([clips.drawn(n) for n in range(20)]):
        process.packet(bytes(piece), piece.is_keyframe, piece.pts)
    assert done(work) == (0, 0, 0) and process.sent == [] and not process.small.moving


def test_nothing_is_done_any_more_when_the_last_has_gone(process: Process, work: dict[str, Count]) -> None:
    process.watch(SMALL, GLANCE)
    process.jpegs(walk(Yard(), 5))
    process.watch()
    before = done(work)
    assert process.jpegs(walk(Yard())) == [] and done(work) == before and before[1] > 0
    assert process.small._maker is None, "OpenCV's pictures are let go of"


def test_who_wants_each_picture_gets_each_one_reduced(process: Process) -> None:
    process.watch(SMALL)
    sent = process.jpegs(empty(Yard(), 1))
    assert times(sent, SMALL) == [n / FPS for n in range(10)] and not times(sent, GLANCE)
    _, header, data = sent[0]
    assert (header["w"], header["h"], header["every"]) == (640, 360, 0) and clips.decoded(data).shape == (360, 640, 3)
    assert [header["seq"] for _, header, _ in sent] == list(range(1, 11))


def test_while_nothing_moves_there_is_a_picture_in_about_three_seconds(
    process: Process, work: dict[str, Count]
) -> None:
    process.watch(GLANCE)
    sent = process.jpegs(empty(Yard(), 12))
    at = times(sent, GLANCE)
    assert at[0] == 0 and all(2.7 <= later - earlier <= 3.1 for earlier, later in zip(at, at[1:], strict=False))
    assert 4 <= len(at) <= 5 and all(header["every"] == GLANCE_EVERY for _, header, _ in sent)
    assert work["reduced"].calls == len(at) and 20 <= work["compared"].calls <= 25
    assert not process.small.moving and process.told == 0


def test_while_something_moves_and_three_seconds_after_there_is_every_picture(process: Process) -> None:
    yard = Yard()
    process.watch(GLANCE)
    process.jpegs(empty(yard, 4.05))
    sent = process.jpegs(walk(yard, 30) + empty(yard, 8))
    at = times(sent, GLANCE)
    began, ended = 4.1, 4.1 + 3.0
    moving = [one for one in at if began + 0.5 < one < ended + HOLD]
    assert moving[0] < began + 1.1 and len(moving) >= 0.97 * (ended + HOLD - moving[0]) * FPS
    assert process.told == 1 and not process.small.moving
    late = [one for one in at if one > ended + HOLD + 1.1]
    assert len(late) <= 2, "calm again"
    assert all(header["every"] == GLANCE_EVERY for _, header, _ in sent)


def test_who_wants_both_gets_the_same_bytes_on_both(process: Process, work: dict[str, Count]) -> None:
    process.watch(SMALL, GLANCE)
    sent = process.jpegs(empty(Yard(), 0.5) + walk(Yard(), 10))
    small = {header["t"]: data for name, header, data in sent if name == SMALL}
    glance = {header["t"]: data for name, header, data in sent if name == GLANCE}
    assert len(small) == 15 and 0 < len(glance) <= 15 and work["reduced"].calls == 15
    assert all(data is small[at] for at, data in glance.items())


def test_a_newcomer_gets_the_newest_picture_at_once(process: Process, work: dict[str, Count]) -> None:
    process.jpegs(empty(Yard(), 1))
    process.watch(GLANCE)
    assert times(process.sent, GLANCE) == [0.9], "before any other picture has come"
    process.jpegs(empty(Yard(), 1.5))
    process.outlet.newcomer(GLANCE)
    process.turn()
    assert times(process.sent, GLANCE)[-1] == 2.4
    process.watch(SMALL, GLANCE)
    assert times(process.sent, SMALL) == [2.4] and work["reduced"].calls == 2


def test_nobody_gets_what_was_made_before_he_looked_away(process: Process) -> None:
    process.watch(SMALL, GLANCE)
    process.jpegs(empty(Yard(), 1))
    process.watch()
    process.live.clear()
    process.now += 60
    before = len(process.sent)
    process.watch(SMALL, GLANCE)
    assert len(process.sent) == before, "there is no picture to be had"
    assert times(process.jpegs(empty(Yard(), 0.1)), GLANCE) == [61.0]


def test_nothing_is_shown_from_before_the_camera_went(process: Process) -> None:
    process.watch(SMALL, GLANCE)
    process.jpegs(walk(Yard(), 12))
    assert process.small.moving
    process.small.packet(Packet(clips.jpeg(0, 1280, 720), True, START + process.now))
    process.online(False)
    assert not process.small.moving
    process.online()
    before = len(process.sent)
    process.turn()
    process.outlet.newcomer(GLANCE)
    process.turn()
    assert len(process.sent) == before
    assert len(process.jpegs(empty(Yard(), 0.1))) == 2


def test_a_small_camera_passes_untouched(process: Process) -> None:
    process.opened(size=(320, 240))
    process.watch(SMALL)
    data = clips.jpeg()
    process.packet(data)
    assert process.sent[-1][2] is data and process.sent[-1][1]["w"] == 320


def test_a_camera_that_is_asked_seldom_is_not_called_slow(process: Process) -> None:
    process.outlet.every = 5.0
    process.watch(SMALL, GLANCE)
    for _ in range(3):
        process.jpegs(empty(Yard(), 0.1))
        process.now += 5
    assert [header["every"] for _, header, _ in process.sent] == [5.0] * 6


def test_what_the_detection_finds_counts_where_it_is_on(process: Process, work: dict[str, Count]) -> None:
    process.small.detect(True)
    process.watch(GLANCE)
    assert len(process.jpegs(walk(Yard(), 20))) == 1 and work["compared"].calls == 0
    process.small.moved()
    assert process.small.moving and process.told == 1
    process.small.moved()
    assert process.told == 1 and len(process.jpegs(empty(Yard(), 2))) == 20
    process.now += HOLD
    assert not process.small.moving


def test_motion_is_told_though_nobody_looks_at_small_tiles(process: Process, work: dict[str, Count]) -> None:
    process.small.detect(True)
    process.small.moved()
    assert process.small.moving and process.told == 1 and done(work) == (0, 0, 0)


def test_the_newest_wins_when_the_thread_is_late(process: Process) -> None:
    process.watch(SMALL)
    for number in range(5):
        process.small.packet(Packet(clips.jpeg(number, 1280, 720), True, START + number))
    process.turn()
    assert times(process.sent, SMALL) == [4.0]


ODD = [b"", b"\xff\xd8\xff", clips.jpeg(0, 1280, 720)[:400], b"x" * 1000]


def test_odd_pictures_are_passed_over(process: Process) -> None:
    process.watch(SMALL, GLANCE)
    for data in ODD:
        process.packet(data)
    assert len(process.jpegs(empty(Yard(), 0.2))) >= 3


def test_the_thread_survives_what_fails_and_ends_when_told(
    process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> Frame:
        failures.append(1)
        process.small._stopped = len(failures) == 3
        raise RuntimeError("an odd picture")

    failures: list[int] = []
    monkeypatch.setattr(process.small, "step", fails)
    process.small.run()
    assert len(failures) == 3 and len([one for one in caplog.messages if "small pictures" in one]) == 1


def test_light_that_is_switched_and_noise_are_no_motion(process: Process) -> None:
    process.watch(GLANCE)
    noisy = Yard(noise=6)
    process.jpegs(empty(noisy, 4))
    noisy.light = 1.5
    process.jpegs(empty(noisy, 4))
    assert process.told == 0
    assert np.abs(empty(noisy, 0.1)[0].astype(int) - empty(noisy, 0.1)[0]).mean() > 3
