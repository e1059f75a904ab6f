"""What is due for one tile, by what its line takes: newest pictures first, films from key frame to key frame."""

from collections.abc import Callable

import pytest

from camera.films import KEY
from camera.live.feed import Feed
from camera.live.films import FilmFeed, Fragment
from camera.live.messages import Message
from camera.packets import Frame
from main import live_flows
from main.live_flows import FilmFlow, PictureFlow, face_of
from main.live_line import Line
from tests.livesocket_stage import Stage
from tests.reel_kit import Reel, number_of


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


@pytest.fixture
def reel() -> Reel:
    return Reel(size=8_000)


@pytest.fixture
def feed(reel: Reel) -> FilmFeed:
    feed = FilmFeed(1)
    feed.take(reel.key(with_init=True))
    return feed


@pytest.fixture
def flow(stage: Stage, feed: FilmFeed) -> FilmFlow:
    assert feed.epoch is not None
    return FilmFlow(stage.hub, feed, face_of(feed.epoch))


def test_a_film_comes_piece_by_piece(stage: Stage, flow: FilmFlow, feed: FilmFeed, reel: Reel) -> None:
    assert stage.numbers(flow) == [-1, 0]
    assert stage.numbers(flow) == [] and not flow.moved
    feed.take(reel.delta())
    feed.take(reel.delta())
    assert stage.numbers(flow) == [1, 2]


def test_what_was_missed_for_a_moment_at_the_turn_of_a_group_still_comes(
    stage: Stage, flow: FilmFlow, feed: FilmFeed, reel: Reel
) -> None:
    stage.numbers(flow)
    feed.take(reel.delta())
    feed.take(reel.key())
    assert stage.numbers(flow) == [1, 2]


def test_one_who_falls_behind_goes_on_with_the_next_key_frame_that_fits(
    stage: Stage, flow: FilmFlow, feed: FilmFeed, reel: Reel
) -> None:
    stage.numbers(flow)
    got = []
    for _ in range(100):  # nothing is taken from here on
        feed.take(reel.delta())
        got += stage.numbers(flow)
    limit = stage.line.film_limit()
    assert got == list(range(1, len(got) + 1)) and limit <= stage.pipe.left <= limit + 9_000
    assert not flow.waits  # dropped, not kept for later
    stage.take(200_000)
    feed.take(reel.delta())
    assert stage.numbers(flow) == []  # there is room again, but the rest of the group is lost to it
    feed.take(reel.key())
    feed.take(reel.delta())
    assert stage.numbers(flow) == [102, 103]


def test_a_key_frame_is_not_begun_with_when_its_rest_would_be_late(
    stage: Stage, flow: FilmFlow, feed: FilmFeed, reel: Reel
) -> None:
    stage.numbers(flow)
    for _ in range(50):
        feed.take(reel.delta())
        stage.numbers(flow)
    feed.take(reel.key())
    for _ in range(20):
        feed.take(reel.delta())
        assert stage.numbers(flow) == []
    stage.take(150_000)  # room for the key frame, but not for all since
    assert stage.numbers(flow) == []
    stage.take(90_000)
    assert stage.numbers(flow)[0] == 51


def test_even_a_key_frame_larger_than_the_limit_is_shown_in_the_end(
    stage: Stage, flow: FilmFlow, feed: FilmFeed, reel: Reel
) -> None:
    stage.numbers(flow)
    reel.size = 600_000
    feed.take(reel.key())
    assert stage.numbers(flow) == [1]
    feed.take(reel.key())
    assert stage.numbers(flow) == []
    stage.take(600_000)
    feed.take(reel.key())
    assert stage.numbers(flow) == [3]


def test_a_newcomer_is_handed_a_long_group_as_fast_as_it_takes_it(stage: Stage, feed: FilmFeed, reel: Reel) -> None:
    for _ in range(200):
        feed.take(reel.delta())
    assert feed.epoch is not None
    flow, got = FilmFlow(stage.hub, feed, face_of(feed.epoch)), []
    for _ in range(20):
        got += stage.numbers(flow)
        assert stage.pipe.left < 300_000
        stage.take(300_000)
        stage.now += 0.01
    assert got == list(range(-1, 201))


def test_a_newcomer_who_takes_too_little_sees_the_beginning_and_then_the_next_group(
    stage: Stage, feed: FilmFeed, reel: Reel
) -> None:
    for _ in range(200):
        feed.take(reel.delta())
    assert feed.epoch is not None
    flow, got = FilmFlow(stage.hub, feed, face_of(feed.epoch)), []
    for _ in range(150):
        got += stage.numbers(flow)
        stage.take(1_250)
        stage.now += 0.01
        assert stage.pipe.left < 350_000
    assert got == list(range(-1, len(got) - 1)) and len(got) < 80
    assert not flow.waits
    stage.take(1_000_000)
    feed.take(reel.key())
    assert stage.numbers(flow) == [201]


def test_nothing_old_is_shown_to_one_who_comes(stage: Stage, flow: FilmFlow) -> None:
    stage.is_live = False
    assert stage.numbers(flow) == []
    stage.is_live = True
    assert stage.numbers(flow) == [-1, 0]


def test_a_film_of_another_form_waits_until_it_is_announced(stage: Stage, flow: FilmFlow, feed: FilmFeed) -> None:
    stage.numbers(flow)
    other = Reel(epoch=3, width=1280)
    feed.take(other.key(with_init=True))
    assert stage.numbers(flow) == [] and flow.outdated and flow.moved


def test_a_film_that_counts_anew_is_begun_anew(stage: Stage, flow: FilmFlow, feed: FilmFeed, reel: Reel) -> None:
    for _ in range(5):
        feed.take(reel.delta())
    stage.numbers(flow)
    feed.clear()
    again = Reel(epoch=reel.epoch)
    feed.take(again.key())
    assert stage.numbers(flow) == [0]


def test_without_a_wire_lateness_is_what_counts(stage: Stage, feed: FilmFeed, reel: Reel) -> None:
    assert feed.epoch is not None
    stage.line = Line(None)
    flow = FilmFlow(stage.hub, feed, face_of(feed.epoch))
    sent: list[Message | None] = []

    def next_one() -> Message | None:
        sent.append(flow.due(stage.now, stage.line))
        return sent[-1]

    while next_one() is not None:
        pass
    for _ in range(5):
        feed.take(reel.delta())
    assert isinstance(next_one(), Fragment)
    stage.now += live_flows.LATE + 0.1  # the server kept it waiting
    assert next_one() is None
    feed.take(reel.key())
    key = next_one()
    assert key is not None and key.kind == KEY


def pictures(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, rate: float = 60.0
) -> tuple[PictureFlow, Callable[[int], None]]:
    feed = Feed(1)
    monkeypatch.setattr(stage.hub, "live", lambda feed: feed.newest)

    def shoot(number: int) -> None:
        feed.put(Frame(b"%d " % number + bytes(20_000), 1.0))

    return PictureFlow(stage.hub, feed, rate), shoot


def test_of_pictures_the_newest_goes_when_there_is_room(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, shoot = pictures(stage, monkeypatch)
    got = []
    for number in range(20):
        shoot(number)
        got += [number_of(one.data) for one in stage.due(flow)]
        stage.now += 0.04
    assert len(got) <= 4 and flow.waits
    stage.take(1_000_000)
    assert [number_of(one.data) for one in stage.due(flow)] == [19]
    assert not flow.waits


def test_a_picture_that_comes_too_early_is_not_sent_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, shoot = pictures(stage, monkeypatch, rate=5.0)
    shoot(0)
    assert len(stage.due(flow)) == 1
    shoot(1)
    assert stage.due(flow) == [] and flow.moved and not flow.waits
    stage.now += 0.2
    assert len(stage.due(flow)) == 1
