"""When findings become an event, go on as one, and end."""

import pytest

from camera.orders import Finding
from camera.process.happening import HOLD, LONGEST, Happening, Span
from camera.process.pace import LOOK_EVERY, Pace

START = 1_800_000_000.0
NOTHING = Finding(0.0)
HERE = Finding(0.4, ((0.4, 0.4, 0.1, 0.3),))
CORNERS = Finding(0.1, ((0.0, 0.0, 0.05, 0.05),)), Finding(0.1, ((0.9, 0.9, 0.05, 0.05),))


class Story:
    """Looks five times a second."""

    def __init__(self) -> None:
        self.happening, self.at = Happening(), START
        self.ended: list[Span] = []
        self.confirmed: list[float] = []

    def see(self, *findings: Finding) -> "Story":
        for finding in findings:
            turn = self.happening.look(self.at, finding)
            self.ended += [turn.ended] if turn.ended else []
            self.confirmed += [self.at] if turn.confirmed else []
            self.at = round(self.at + LOOK_EVERY, 3)
        return self

    def seconds(self, count: float, finding: Finding = NOTHING) -> "Story":
        return self.see(*[finding] * round(count / LOOK_EVERY))


def near(one: float, two: float) -> bool:
    return abs(one - two) < 0.001


def test_one_finding_alone_is_noise() -> None:
    story = Story().see(HERE, NOTHING, NOTHING, HERE, NOTHING, NOTHING)
    assert not story.confirmed and story.happening.current is None


@pytest.mark.parametrize("between", [[], [NOTHING]])
def test_a_second_one_within_three_looks_confirms_and_the_event_began_with_the_first(between: list[Finding]) -> None:
    story = Story().see(NOTHING, HERE, *between, HERE)
    span = story.happening.current
    assert span is not None and near(span.started_at, START + LOOK_EVERY)
    assert near(span.last_at, START + LOOK_EVERY * (2 + len(between))) and len(story.confirmed) == 1


def test_two_insects_in_two_corners_do_not_confirm_each_other() -> None:
    story = Story().see(*CORNERS * 5)
    # The one in the same corner two looks ago does, so a swarm is an event after all; one visit to each is not.
    assert Story().see(*CORNERS).happening.current is None and story.happening.current is not None


def test_pauses_shorter_than_the_hold_belong_to_it_and_it_ends_at_its_last_finding() -> None:
    story = Story().seconds(2, HERE).seconds(HOLD - 1).seconds(2, HERE)
    last = story.at - LOOK_EVERY
    assert not story.ended
    story.seconds(HOLD - 0.4)
    assert not story.ended
    story.seconds(1)
    (ended,) = story.ended
    assert near(ended.started_at, START) and near(ended.last_at, last) and story.happening.current is None


def test_who_stands_for_twenty_seconds_is_one_event_and_two_visits_a_minute_apart_are_two() -> None:
    story = Story().seconds(3, HERE).seconds(20).seconds(3, HERE)
    story.seconds(60).seconds(3, HERE).seconds(30)
    assert len(story.ended) == 2 and len({span.uid for span in story.ended}) == 2
    assert near(story.ended[0].last_at - story.ended[0].started_at, 26 - LOOK_EVERY)


def test_single_findings_do_not_keep_an_event_alive() -> None:
    story = Story().seconds(2, HERE)
    for _ in range(30):
        story.seconds(0.8).see(HERE)
    assert len(story.ended) == 1 and story.happening.current is None


def test_after_ten_minutes_a_new_event_begins_without_a_gap() -> None:
    story = Story().seconds(LONGEST + 30, HERE)
    (ended,) = story.ended
    span = story.happening.current
    assert span is not None and span.uid != ended.uid
    assert near(span.started_at - ended.last_at, LOOK_EVERY) and ended.last_at - ended.started_at <= LONGEST + 0.001


def test_while_the_camera_is_away_it_ends_by_the_clock() -> None:
    story = Story().seconds(2, HERE).seconds(5)
    assert story.happening.quiet(HOLD - 6) is None
    ended = story.happening.quiet(HOLD - 4.5)
    assert ended is not None and near(ended.last_at, START + 2 - LOOK_EVERY) and story.happening.quiet(99) is None


def test_a_camera_that_is_back_within_the_hold_goes_on_with_the_event_and_later_not() -> None:
    story = Story().seconds(2, HERE)
    story.at += HOLD - 2
    story.seconds(2, HERE)
    assert not story.ended
    story.at += HOLD + 2
    story.seconds(2, HERE)
    assert len(story.ended) == 1 and story.happening.current is not None
    assert story.happening.current.started_at > story.ended[0].last_at + HOLD


def test_a_finding_from_before_a_long_pause_confirms_nothing() -> None:
    story = Story().see(HERE)
    story.at += HOLD + 1
    assert story.see(HERE).happening.current is None


def test_a_clock_set_back_ends_the_event_and_times_stay_in_order() -> None:
    story = Story().seconds(2, HERE)
    story.at -= 3600
    story.seconds(2, HERE)
    (ended,) = story.ended
    span = story.happening.current
    assert span is not None and ended.started_at <= ended.last_at
    assert span.started_at <= span.last_at < ended.started_at


@pytest.mark.parametrize("fps", [1, 5, 10, 12, 15, 25, 30, 60])
def test_five_looks_a_second_whatever_the_camera_sends(fps: int) -> None:
    pace = Pace()
    looks = sum(pace.due(START + number / fps) for number in range(fps * 20))
    assert abs(looks - min(5, fps) * 20) <= 1


def test_the_pace_bears_jitter_pauses_and_clocks_that_are_set() -> None:
    pace = Pace()
    assert pace.due(START) and not pace.due(START + 0.1) and pace.due(START + 0.19) and pace.due(START + 0.41)
    assert pace.due(START + 60) and not pace.due(START + 60.1) and pace.due(START + 60.2)
    assert not pace.due(START + 59.9), "a decoder that goes over the last second once more"
    assert pace.due(START - 3600) and not pace.due(START - 3599.9) and pace.due(START - 3599.8)
