"""Which flagged pictures are one event, and when it ends."""

import pytest

from camera.process.flagspan import HOLD, FlagSpan, FlagSpans
from camera.process.pushes import Spread

AT = 1_750_000_000.0


class Story:
    """Pictures of one sender; the clock goes with their capture times."""

    def __init__(self) -> None:
        self.spans, self.ended = FlagSpans(), list[FlagSpan]()
        self.seen: list[FlagSpan] = []

    def flag(self, *seconds: float, kind: str = "spill", sender_id: str = "") -> "Story":
        for at in seconds:
            turn = self.spans.flag(AT + at, kind, sender_id, at)
            assert turn.is_first == (turn.span not in self.seen)
            self.seen.append(turn.span)
            self._end(turn.ended)
        return self

    def plain(self, at: float) -> "Story":
        self._end(self.spans.plain(AT + at))
        return self

    def _end(self, span: FlagSpan | None) -> None:
        if span is not None:
            self.ended.append(span)

    @property
    def told(self) -> list[tuple[float, float]]:
        """(start, end) of the events that are over."""
        return [(round(span.started_at - AT, 3), round((span.ended_at or 0) - AT, 3)) for span in self.ended]


def test_flagged_pictures_in_a_row_are_one_event() -> None:
    story = Story().flag(0, 1, 2, 20, 49)
    assert len(set(map(id, story.seen))) == 1 and not story.ended
    assert (story.seen[0].started_at, story.seen[0].last_at) == (AT, AT + 49)


def test_it_ends_with_the_first_picture_that_is_not_flagged() -> None:
    story = Story().flag(0, 1).plain(1.4).plain(1.6).flag(2)
    assert story.told == [(0, 1.4)] and story.seen[2].uid != story.seen[0].uid


def test_it_ends_with_the_last_flagged_one_after_silence() -> None:
    story = Story().flag(0, 5)
    assert story.spans.quiet(5 + HOLD) is None
    ended = story.spans.quiet(5 + HOLD + 0.1)
    assert ended is not None and ended.ended_at == AT + 5 and story.spans.quiet(1000) is None


@pytest.mark.parametrize("more", [{"kind": "motion"}, {"sender_id": "b"}])
def test_it_ends_with_another_kind_or_name(more: dict[str, str]) -> None:
    story = Story().flag(0, 3).flag(4, **more).flag(5)
    assert story.told == [(0, 3), (4, 4)] and len({span.uid for span in story.seen}) == 3


def test_a_leap_in_time_is_another_event() -> None:
    assert Story().flag(0, HOLD, 2 * HOLD + 1).told == [(0, HOLD)]
    assert Story().flag(100, 101, 60).told == [(100, 101)]


def test_a_picture_that_came_before_its_forerunner_belongs_to_it() -> None:
    story = Story().flag(10, 9, 11)
    assert not story.ended and (story.seen[0].started_at, story.seen[0].last_at) == (AT + 9, AT + 11)


def test_an_end_never_lies_before_the_last_flagged_picture_nor_far_behind_it() -> None:
    assert Story().flag(0, 5).plain(4).told == [(0, 5)]
    assert Story().flag(0, 5).plain(4000).told == [(0, 5)]


def test_what_could_not_be_kept_is_no_event() -> None:
    story = Story().flag(0)
    story.spans.forget(story.seen[0])
    assert story.spans.end() is None and story.flag(1).seen[1].uid != story.seen[0].uid


def test_the_end_of_all() -> None:
    story = Story().flag(0, 7)
    ended = story.spans.end()
    assert ended is not None and ended.ended_at == AT + 7 and story.spans.end() is None
    assert Story().plain(3).told == []


def test_whole_seconds_are_spread_by_when_the_pictures_came() -> None:
    spread = Spread()
    given = [spread(AT + number // 5, 50 + number / 5) for number in range(20)]
    assert given == [pytest.approx(AT + number / 5) for number in range(20)]


def test_spread_times_rise_and_stay_within_their_second() -> None:
    spread = Spread()
    given = [spread(AT, 50.0 + number) for number in range(9)] + [spread(AT + 1, 60.0), spread(AT + 1.0005, 60.0)]
    assert all(earlier < later for earlier, later in zip(given, given[1:], strict=False))
    assert given[8] < AT + 1.01 and given[9] < AT + 1.02


def test_other_times_are_believed_as_they_are() -> None:
    spread = Spread()
    assert [spread(at, 1.0) for at in (5.5, 6.5, 2.0, 7.0)] == [5.5, 6.5, 2.0, 7.0]
