"""Pictures that a newer one has overtaken: kept when flagged, never shown or filmed as of now."""

from pathlib import Path

import pytest

from camera.process.pushes import OVERTAKEN_FOR
from tests.peers import clips
from tests.push_kit import Desk
from tests.recording_kit import START


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def times(desk: Desk) -> list[float]:
    return [push.packet.captured_at - START for push in desk.live()]


def test_one_that_is_sent_again_is_not_shown_after_a_newer_one(desk: Desk) -> None:
    for at in (0.0, 1.0, 0.5, 2.0):
        desk.send(clips.jpeg(1), at=START + at)
        desk.clock.now += 0.1
    assert times(desk) == [0.0, 1.0, 2.0]
    assert [answer["ok"] for answer in desk.answers] == [True] * 4


def test_a_flagged_one_is_kept_all_the_same(desk: Desk) -> None:
    desk.send(clips.jpeg(1), at=START + 1)
    still = desk.flag(2, START)
    assert times(desk) == [1.0]
    assert still.captured_at == START and len(desk.pictures()) == 1


def test_a_clock_that_was_set_back_is_believed_after_a_moment(desk: Desk) -> None:
    desk.send(clips.jpeg(1), at=START + 5)
    for second in range(6):
        desk.clock.now += 0.5
        desk.send(clips.jpeg(1), at=START + second * 0.5)
    shown = times(desk)
    assert shown[0] == 5.0 and shown[1:] == [1.5, 2.0, 2.5] and OVERTAKEN_FOR == 2.0
