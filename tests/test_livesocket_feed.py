"""What the web process keeps of a film: the current group, no hole in it, and never too much."""

from typing import Any

import pytest

from camera.films import DELTA, INIT, KEY, Batch, Piece, unpack
from camera.live import films
from camera.live.feed import Bell
from camera.live.films import FilmFeed, film_mime
from tests.reel_kit import CODECS, Reel, number_of, piece


def kept(feed: FilmFeed) -> list[int]:
    """The numbers a newcomer would be handed."""
    if feed.key is None:
        return []
    pieces = [feed.at(number) for number in range(feed.key, feed.next)]
    assert all(one is not None and number_of(one.data) == one.number for one in pieces)
    return [one.number for one in pieces if one is not None]


@pytest.fixture
def reel() -> Reel:
    return Reel()


@pytest.fixture
def feed(reel: Reel) -> FilmFeed:
    """A feed that has a key frame and two more."""
    feed = FilmFeed(1)
    for batch in (reel.key(with_init=True), reel.delta(), reel.delta()):
        feed.take(batch)
    return feed


def test_it_keeps_what_has_been_since_the_last_key_frame(feed: FilmFeed, reel: Reel) -> None:
    assert feed.epoch is not None
    assert (feed.epoch.number, feed.epoch.mime) == (reel.epoch, f'video/mp4; codecs="{CODECS}"')
    assert (feed.epoch.width, feed.epoch.height, feed.epoch.init.data) == (640, 360, reel.init.data)
    assert kept(feed) == [0, 1, 2]
    feed.take(reel.key())
    feed.take(reel.delta())
    assert kept(feed) == [3, 4]


def test_what_came_a_moment_ago_is_still_there_for_those_who_are_being_handed_it(feed: FilmFeed, reel: Reel) -> None:
    feed.take(reel.key())
    assert feed.at(2) is not None and feed.at(3) is not None and feed.at(4) is None


def test_pieces_of_a_replay_that_are_known_are_left_aside(feed: FilmFeed, reel: Reel) -> None:
    before = [feed.at(number) for number in range(3)]
    feed.take(reel.replay())
    assert [feed.at(number) for number in range(3)] == before and feed.next == 3
    assert feed.weight == sum(len(one.data) for one in reel.group)


def test_after_a_hole_nothing_is_kept_until_the_next_key_frame(feed: FilmFeed, reel: Reel) -> None:
    reel.delta()  # got lost
    for _ in range(3):
        feed.take(reel.delta())
        assert kept(feed) == [] and feed.newest_at is None
    assert feed.lost == 3
    feed.take(reel.key())
    assert kept(feed) == [7]


def test_a_replay_mends_a_hole(feed: FilmFeed, reel: Reel) -> None:
    reel.delta()  # got lost
    feed.take(reel.delta())
    assert kept(feed) == []
    feed.take(reel.replay())
    assert kept(feed) == [0, 1, 2, 3, 4]
    feed.take(reel.delta())
    assert kept(feed)[-1] == 5


def test_a_hole_before_a_key_frame_costs_nothing_more(feed: FilmFeed, reel: Reel) -> None:
    reel.delta()
    feed.take(reel.key())
    assert kept(feed) == [4] and feed.lost == 0


def test_one_who_comes_into_the_middle_waits_for_the_replay(reel: Reel) -> None:
    feed = FilmFeed(1)
    reel.key()
    feed.take(reel.delta())
    assert feed.epoch is None and kept(feed) == []
    feed.take(reel.replay())
    assert kept(feed) == [0, 1]


def test_a_new_epoch_begins_anew(feed: FilmFeed) -> None:
    other = Reel(epoch=7, codecs="hvc1.1.6.L93.B0", width=1920, height=1080)
    feed.take(other.key(with_init=True))
    assert feed.epoch is not None and (feed.epoch.number, feed.epoch.width) == (7, 1920)
    assert kept(feed) == [0]


def test_an_epoch_without_its_beginning_is_of_no_use(feed: FilmFeed) -> None:
    feed.take(Reel(epoch=7).key())
    assert feed.lost == 1 and kept(feed) == []


def test_a_film_that_brings_nothing_of_use_is_asked_to_begin_again(monkeypatch: pytest.MonkeyPatch, reel: Reel) -> None:
    now = 1000.0
    monkeypatch.setattr(films.time, "monotonic", lambda: now)
    feed = FilmFeed(1)
    assert not feed.wants_again(now)
    feed.take(reel.delta())
    assert not feed.wants_again(now + films.PATIENCE / 2)
    assert feed.wants_again(now + films.PATIENCE)
    assert not feed.wants_again(now + films.PATIENCE + films.ASK_EVERY / 2)
    assert feed.wants_again(now + films.PATIENCE + films.ASK_EVERY)
    feed.take(reel.key(with_init=True))
    assert not feed.wants_again(now + 100)


def test_what_is_kept_is_bounded_in_bytes(feed: FilmFeed, reel: Reel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "MOST_BYTES", 10_000)
    reel.size = 3_000
    for _ in range(10):
        feed.take(reel.delta())
        assert feed.weight <= 10_000
    assert kept(feed) == []
    # Asking for it once more would bring the same once more.
    assert not feed.wants_again(1e12)
    feed.take(reel.key())
    assert len(kept(feed)) == 1
    # What is older than the key frame goes first.
    feed.take(reel.delta())
    feed.take(reel.key())
    feed.take(reel.delta())
    feed.take(reel.delta())
    assert len(kept(feed)) == 3 and feed.weight <= 10_000


def test_what_is_kept_is_bounded_in_pieces(feed: FilmFeed, reel: Reel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "MOST_PIECES", 5)
    feed.take(reel.delta())
    feed.take(reel.delta())
    assert len(kept(feed)) == 5
    feed.take(reel.delta())
    assert kept(feed) == []


def test_bells_ring_when_there_is_something_new(feed: FilmFeed, reel: Reel) -> None:
    class Counting(Bell):
        rung = 0

        def ring(self) -> None:
            self.rung += 1

    bell = Counting()
    feed.add(bell)
    feed.take(reel.delta())
    assert bell.rung == 1
    feed.clear()
    assert bell.rung == 2 and kept(feed) == [] and feed.epoch is not None


def test_all_viewers_of_a_channel_share_one_message_and_memory_holds_the_piece_alone_later(
    feed: FilmFeed, reel: Reel
) -> None:
    newest = feed.at(2)
    assert newest is not None
    assert newest.framed(5) is newest.framed(5) and newest.message(5) is newest.message(5)
    assert newest.message(5) == b"\x05\x02" + newest.message(5)[2:10] + newest.data
    feed.take(reel.delta())
    assert newest.framed(5) is not newest.framed(5) and newest.framed(5) == newest.framed(5)


@pytest.mark.parametrize("told", ["avc1.64001f", "avc1.64001f,mp4a.40.2", "av01.0.05M.08"])
def test_the_kind_of_a_film_may_be_told_whole_or_by_its_codecs(told: str) -> None:
    assert film_mime(told) == film_mime(f'video/mp4; codecs="{told}"') == f'video/mp4; codecs="{told}"'


@pytest.mark.parametrize("told", ["", "text/html", "<script>", 'video/mp4; codecs=""', 'video/mp4; codecs="a"b"', "é"])
def test_a_kind_that_is_none_begins_no_film(told: str, reel: Reel) -> None:
    feed = FilmFeed(1)
    with pytest.raises(ValueError, match="no film"):
        feed.take(reel.batch(0, reel.init, piece(0, KEY), told=told or "-"))
    assert feed.epoch is None


def test_a_size_that_is_none_begins_no_film(reel: Reel) -> None:
    feed, reel.width = FilmFeed(1), 10**9
    with pytest.raises(ValueError, match="no size"):
        feed.take(reel.key(with_init=True))


def header(**odd: Any) -> dict[str, Any]:
    return {"epoch": 1, "first": 0, "mime": "avc1.64001f", "w": 1, "h": 1, "pieces": [[KEY, 1.0, 3]]} | odd


@pytest.mark.parametrize(
    "odd",
    [
        {"pieces": []}, {"pieces": None}, {"pieces": 7}, {"pieces": "abc"}, {"pieces": [[KEY, 1.0]]},
        {"pieces": [[KEY, 1.0, 0]]}, {"pieces": [[KEY, 1.0, -3]]}, {"pieces": [[KEY, 1.0, 4]]},
        {"pieces": [[KEY, 1.0, 2]]}, {"pieces": [[9, 1.0, 3]]}, {"pieces": [[KEY, float("nan"), 3]]},
        {"pieces": [[KEY, "x", 3]]}, {"pieces": [[DELTA, 1.0, True]]}, {"pieces": [[INIT, 1.0, 1]] * 2001},
        {"mime": 5}, {"mime": "x" * 101}, {"epoch": -1}, {"epoch": 1.5}, {"first": None}, {"w": "x"}, {"h": True},
    ],
)  # fmt: skip
def test_batches_that_are_none_are_told_from_those_that_are(odd: dict[str, Any]) -> None:
    assert isinstance(unpack(header(), b"abc"), Batch)
    with pytest.raises((ValueError, TypeError, KeyError)):
        unpack(header(**odd), b"abc")


def test_a_piece_that_is_alone_is_not_copied() -> None:
    data = bytes(1000)
    (one,) = unpack(header(pieces=[[KEY, 1.0, 1000]]), data).pieces
    assert isinstance(one, Piece) and one.data is data
