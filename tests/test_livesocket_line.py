"""How much may wait on a live socket's line: learned from what it takes."""

import pytest

from camera.films import KEY
from camera.live.messages import Message
from main.live_line import FILM_LEAST, FIRST_RATE, PICTURES_LEAST
from tests.livesocket_stage import Stage


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_a_line_learns_what_it_takes(stage: Stage) -> None:
    line, pipe = stage.line, stage.pipe
    assert line.film_limit() == 1.5 * FIRST_RATE
    for _ in range(100):  # a megabit
        line.write(bytes(20_000))
        line.look(stage.now)
        stage.now += 0.1
        stage.take(12_500)
    assert 120_000 < line.rate < 130_000
    assert line.pictures_limit() == pytest.approx(line.rate * 0.15)
    pipe.left = 0
    # Now and then a little, all of it taken: that says nothing against it.
    for _ in range(100):
        line.write(bytes(2_000))
        line.look(stage.now)
        stage.now += 1.0
        stage.take(2_000)
    assert line.rate > 120_000
    for _ in range(60):
        line.write(bytes(400_000))
        line.look(stage.now)
        stage.now += 0.1
        stage.take(400_000)
    assert line.rate > 2_000_000


def test_what_the_buffers_on_the_way_swallow_at_first_is_not_what_a_line_takes(stage: Stage) -> None:
    line, pipe = stage.line, stage.pipe
    line.write(bytes(400_000))
    stage.now += 0.1
    line.look(stage.now)
    pipe.left -= 200_000
    stage.now += 0.1
    line.look(stage.now)
    assert line.rate <= 1.25 * FIRST_RATE


def test_a_line_that_stands_still_is_given_little(stage: Stage) -> None:
    stage.pipe.left = 100_000
    for _ in range(100):
        stage.now += 0.1
        stage.line.look(stage.now)
    assert stage.line.film_limit() == FILM_LEAST and stage.line.pictures_limit() == PICTURES_LEAST


def test_frames_are_as_the_standard_says() -> None:
    for size, head in ((1, b"\x82\x0b"), (115, b"\x82\x7d"), (116, b"\x82\x7e\x00\x7e"), (65_525, b"\x82\x7e\xff\xff"),
                       (65_526, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00")):  # fmt: skip
        message = Message(KEY, 1.5, bytes(size))
        assert message.framed(7) == head + message.message(7) and len(message.message(7)) == size + 10
