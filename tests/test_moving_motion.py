"""The camera's own word that something moves: the same events, recordings and pictures as what is found here."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from camera.orders import Finding, Orders
from camera.packets import Packet, SourceConfig
from camera.process.happening import HOLD, LONGEST, Happening
from camera.process.own_word import BELIEVED, OwnWord
from tests.motion_scenes import Yard
from tests.peers import clips
from tests.peers.hub import Hub
from tests.test_detection_process import FPS, START, Process, empty, walk

HERE = Finding(0.5, ((0.4, 0.4, 0.1, 0.1),))
NOTHING = Finding(0.0)


def says(word: OwnWord, on: bool, at: float) -> None:
    assert word.say({"on": on, "at": at})


def test_what_was_said_since_the_last_question() -> None:
    word = OwnWord()
    assert word.take(100.0) is None
    says(word, True, 101.0)
    assert word.has_news and word.take(103.0) == (101.0, 103.0) and not word.has_news
    assert word.take(104.0) == (103.0, 104.0), "it goes on although nothing more is said"
    says(word, False, 104.5)
    assert word.take(110.0) == (104.0, 104.5) and word.take(111.0) is None
    says(word, True, 112.0)
    says(word, False, 113.0)
    says(word, True, 114.0)
    assert word.take(115.0) == (112.0, 115.0)
    word.clear()
    assert word.take(116.0) is None


def test_a_camera_that_never_says_that_it_is_over_is_not_believed_for_ever() -> None:
    word = OwnWord()
    says(word, True, 100.0)
    assert word.take(100.0 + BELIEVED) is not None and word.take(101.0 + BELIEVED) is None
    says(word, False, 102.0 + BELIEVED)
    assert word.take(103.0 + BELIEVED) is None


@pytest.mark.parametrize(
    "body",
    [None, [], "x", {}, {"on": 1, "at": 1.0}, {"on": True}, {"on": True, "at": "1"}, {"on": True, "at": float("nan")}],
)
def test_odd_words_are_left_aside(body: Any) -> None:
    word = OwnWord()
    assert not word.say(body) and word.take(1.0) is None


def test_it_needs_no_second_look_and_is_one_event_with_what_is_found() -> None:
    happening = Happening()
    turn = happening.told(START, START + 1)
    span = happening.current
    assert turn.confirmed and turn.ended is None and span is not None
    for number in range(5):
        happening.look(START + 1 + number / 5, HERE)
    assert happening.current is span and span.started_at == START and span.last_at == START + 1.8


def test_pictures_that_are_looked_at_late_do_not_end_it() -> None:
    happening = Happening()
    happening.look(START, NOTHING)
    happening.told(START + 10, START + 10)
    assert happening.look(START + 8.5, NOTHING).ended is None and happening.current is not None


def test_it_ends_after_the_hold_and_a_long_one_is_several() -> None:
    happening = Happening()
    happening.told(START, START)
    assert happening.quiet(HOLD - 3) is None
    assert happening.quiet(HOLD + 3) is not None and happening.current is None
    spans = set()
    for second in range(int(2 * LONGEST) + 10):
        happening.told(START + second, START + second + 1)
        assert happening.current is not None
        spans.add(happening.current.uid)
    assert len(spans) == 3


def test_another_one_long_after_is_another_event() -> None:
    happening = Happening()
    happening.told(START, START)
    assert happening.told(START + HOLD + 1, START + HOLD + 1).ended is not None
    assert happening.told(START - 3600, START - 3600).ended is not None, "the clock was set back"


@pytest.fixture
def process(tmp_path: Path) -> Process:
    made = Process(tmp_path / "media")
    made.detection._wall = lambda: made.at
    made.opened()
    return made


def test_an_event_with_a_picture_and_a_recording_of_what_the_camera_says(process: Process) -> None:
    yard = Yard()
    process.jpegs(empty(yard, 2))
    assert process.detection.hear({"on": True, "at": process.at - 0.5}) == {"ok": True}
    began = process.at - 0.5
    process.jpegs(empty(yard, 4))
    process.detection.hear({"on": False, "at": process.at})
    process.jpegs(empty(yard, HOLD + 3))
    first, last = process.reports[0], process.reports[-1]
    assert (first.kind, first.started_at, first.ended_at, first.boxes) == ("motion", began, None, ())
    assert first.uid == last.uid and last.ended_at == pytest.approx(began + 4.5, abs=0.3)
    shown = cv2.imread(str(process.path(last.image)))
    assert shown is not None and shown.shape == (360, 640, 3)
    # As often as a detector would: that keeps the recording going.
    assert process.moves[0][0] == began and len(process.moves) > 4 * FPS / 3


def test_what_moves_in_the_picture_gives_the_better_one(process: Process) -> None:
    yard = Yard()
    process.jpegs(empty(yard, 4))
    process.detection.hear({"on": True, "at": process.at})
    process.jpegs(empty(yard, 3))
    assert not process.reports[-1].boxes
    process.jpegs(walk(yard, 30))
    assert process.reports[-1].boxes and len({one.uid for one in process.reports}) == 1


def test_where_motion_is_not_looked_for_its_word_does_not_count(process: Process) -> None:
    process.give(Orders(slug="yard", media=str(process.media), detect="off"))
    process.detection.hear({"on": True, "at": process.at})
    process.jpegs(empty(Yard(), 3))
    process.give(Orders(slug="yard", media=str(process.media), detect="background"))
    process.jpegs(empty(Yard(), 3))
    assert not process.reports and not process.moves


def test_while_no_pictures_come_it_counts_all_the_same(process: Process) -> None:
    process.detection.hear({"on": True, "at": process.at})
    process.quiet(3)
    assert process.reports[0].started_at == START and process.moves


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "footage").mkdir()
    made = Hub(tmp_path)
    yield made
    made.close()


@pytest.mark.processes
@pytest.mark.slow
def test_a_real_process_records_what_the_camera_says(hub: Hub) -> None:
    """Nothing moves in the first seconds of the demo scene."""
    orders = Orders(1, "yard", str(hub.folder / "footage"), str(hub.folder / "media"), "motion", detect="background")
    hub.start(SourceConfig("pattern"), orders=orders)
    hub.wait_state("online")
    at = time.time()
    told = {"type": "command", "id": "motion-1", "name": "motion", "body": {"on": True, "at": at}}
    for peer in hub.peers:
        hub.router.send(peer, told)
    first = hub.wait(lambda: hub.reported("event"), 5, "the event")[0]  # type: ignore[index]
    assert first["started_at"] == at and first["boxes"] == []
    opened = hub.wait(lambda: hub.reported("recording_opened"), 5, "the recording")[0]  # type: ignore[index]
    assert opened["trigger"] == "motion"
    picture = hub.wait(lambda: [one for one in hub.reported("event") if one["image"]], 5, "its picture")[0]  # type: ignore[index]
    assert clips.decoded((hub.folder / "media" / picture["image"]).read_bytes()).shape == (540, 960, 3)
    assert {one["id"]: one["body"] for one in hub.replies}["motion-1"] == {"ok": True}


def test_a_jpeg_camera_keeps_its_own_picture(process: Process) -> None:
    """As it came, not encoded once more."""
    data = clips.jpeg(3, 640, 360)
    process.send(Packet(data, True, process.at))
    process.detection.hear({"on": True, "at": process.at})
    process.detection.step()
    assert process.path(process.reports[-1].clean).read_bytes() == data
