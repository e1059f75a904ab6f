"""Late pictures: films at their own times, whatever the order and pace they arrive in."""

import shutil
from pathlib import Path

import av
import pytest

from camera.process.late import LONGEST, MOST_WAITING, PATIENCE
from camera.reports import RecordingChanged, RecordingClosed, RecordingOpened
from tests.conftest import shared_file
from tests.peers import clips
from tests.push_kit import Desk
from tests.recording_kit import START, pictures, stamps

THEN = START - 3600


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def send(desk: Desk, *seconds: float, **more: object) -> None:
    """Late pictures, each numbered by its place, written as they come."""
    for number, at in enumerate(seconds):
        desk.send(clips.jpeg(number), at=THEN + at, late=True, **more)
        desk.turn()


def over(desk: Desk) -> list[Path]:
    """Nothing more comes: the finished films."""
    desk.clock.now += PATIENCE + 0.1
    desk.turn()
    return [desk.folder / "footage" / one.file for one in desk.heard(RecordingOpened) if film(desk, one).exists()]


def film(desk: Desk, opened: RecordingOpened) -> Path:
    return desk.folder / "footage" / opened.file


def test_a_run_of_pictures_is_one_film_true_to_its_times(desk: Desk) -> None:
    send(desk, 0, 0.5, 1, 4, 4.5)
    (opened,) = desk.heard(RecordingOpened)
    assert (opened.trigger, opened.reasons, opened.started_at) == ("always", ["always"], THEN)
    assert (opened.width, opened.height, opened.codec) == (320, 240, "h264")
    assert not desk.heard(RecordingClosed)
    (path,) = over(desk)
    (closed,) = desk.heard(RecordingClosed)
    assert closed.state == "closed" and closed.bytes == path.stat().st_size
    assert closed.ended_at == pytest.approx(THEN + 5, abs=0.51) and closed.seconds == pytest.approx(5, abs=0.51)
    assert [round(pts / 90000, 2) for pts, _ in stamps(path)] == [0, 0.5, 1, 4, 4.5]
    assert [answer["ok"] for answer in desk.answers] == [True] * 5 and not desk.live() and not desk.recorded.moves
    assert path.with_suffix(".jpg").exists() and desk.heard(RecordingChanged)[-1].thumbnail


def test_its_pictures_are_those_that_were_sent(desk: Desk) -> None:
    send(desk, 0, 1, 2)
    (path,) = over(desk)
    with av.open(str(path)) as container:
        shown = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    for number, picture in enumerate(shown):
        off = [abs(picture.astype(int) - clips.drawn(other)).mean() for other in range(3)]
        assert off.index(min(off)) == number and off[number] < 12


def test_one_picture_alone_is_a_film(desk: Desk) -> None:
    send(desk, 7)
    (path,) = over(desk)
    assert pictures(path) == 1 and desk.heard(RecordingClosed)[0].seconds > 0


@pytest.mark.parametrize("next_at", [40.5, -5.0], ids=["a gap", "back"])
def test_a_gap_or_a_step_back_begins_another(desk: Desk, next_at: float) -> None:
    send(desk, 0, 10, next_at, next_at + 1)
    paths = over(desk)
    assert [one.started_at - THEN for one in desk.heard(RecordingOpened)] == [0, next_at]
    assert [pictures(path) for path in paths] == [2, 2]


def test_another_size_begins_another(desk: Desk) -> None:
    send(desk, 0, 1)
    for at in (2, 3):
        desk.send(clips.jpeg(at, 640, 360), at=THEN + at, late=True)
    desk.turn()
    over(desk)
    assert [(one.width, one.started_at - THEN) for one in desk.heard(RecordingOpened)] == [(320, 0), (640, 2)]


def test_a_film_lasts_five_minutes_at_most(desk: Desk) -> None:
    send(desk, *range(0, int(LONGEST) + 20, 10))
    over(desk)
    assert [one.started_at - THEN for one in desk.heard(RecordingOpened)] == [0, LONGEST + 10]
    assert [round(one.seconds) for one in desk.heard(RecordingClosed)] == [LONGEST, 0]


def test_orders_cut_it_short(desk: Desk) -> None:
    send(desk, 0, 1)
    desk.order(cut=(desk.heard(RecordingOpened)[0].uid,))
    send(desk, 2, 3)
    desk.order(most_bytes=1)
    send(desk, 4, 5)
    over(desk)
    assert [one.started_at - THEN for one in desk.heard(RecordingOpened)] == [0, 2, 4, 5]


def test_what_is_sent_again_because_the_answer_was_lost_is_there_once(desk: Desk) -> None:
    for number in (0, 1, 1, 1, 2):
        desk.send(clips.jpeg(number), at=THEN + number, late=True)
        desk.turn()
    assert [pictures(path) for path in over(desk)] == [3] and len(desk.answers) == 5


def test_senders_that_tell_whole_seconds_lose_nothing(desk: Desk) -> None:
    send(desk, *(number // 5 for number in range(20)))
    (path,) = over(desk)
    times = [pts / 90000 for pts, _ in stamps(path)]
    assert len(times) == 20 and all(abs(time - number // 5) < 0.21 for number, time in enumerate(times))


@pytest.mark.parametrize("mode", ["off", "watched"])
def test_a_camera_that_would_not_have_recorded_files_nothing(desk: Desk, mode: str) -> None:
    desk.order(mode=mode)
    send(desk, 0, 1)
    assert not over(desk) and [answer["ok"] for answer in desk.answers] == [True, True]
    still = desk.flag(3, THEN + 2, late=True)
    assert (desk.media / still.image).exists() and not over(desk)


def test_flagged_ones_are_in_the_film_too_and_once(desk: Desk) -> None:
    desk.order(mode="motion")
    first = desk.flag(0, THEN, late=True, sender_id="a")
    desk.send(clips.jpeg(0), at=THEN, kind="spill", late=True, sender_id="a")
    desk.turn()
    desk.acknowledge(desk.stills[-1], known=True, event=first.uid)
    desk.flag(1, THEN + 1, late=True, sender_id="a")
    (path,) = over(desk)
    assert pictures(path) == 2 and desk.heard(RecordingOpened)[0].trigger == "motion"


@pytest.mark.parametrize(("orders", "words"), [({"hold": "disk_full"}, "disk is full"), ({"storage": ""}, "no place")])
def test_no_recording_is_no_promise(desk: Desk, orders: dict[str, str], words: str) -> None:
    desk.order(**orders)
    send(desk, 0)
    send(desk, 1, kind="spill")
    assert [answer["code"] for answer in desk.answers] == ["disk", "disk"]
    assert all(words in answer["error"] for answer in desk.answers) and not desk.said
    desk.order()
    send(desk, 2)
    assert desk.answers[-1]["ok"] and len(over(desk)) == 1


def test_what_was_promised_is_written_when_the_disk_is_back(desk: Desk) -> None:
    shutil.rmtree(desk.folder / "footage")
    send(desk, 0, 1)
    assert [answer["ok"] for answer in desk.answers] == [True, True] and not desk.said
    (desk.folder / "footage").mkdir()
    desk.turn()
    assert not desk.said, "it is not asked at every turn"
    desk.clock.now += PATIENCE
    desk.turn()
    assert [pictures(path) for path in over(desk)] == [2]


def test_too_many_are_refused_and_the_others_kept(desk: Desk) -> None:
    for number in range(MOST_WAITING + 3):
        desk.send(clips.jpeg(number % 9), at=THEN + number, late=True)
    assert [answer["code"] for answer in desk.answers if not answer["ok"]] == ["busy"] * 3
    desk.turn()
    assert [pictures(path) for path in over(desk)] == [MOST_WAITING]


def test_the_end_of_the_process_writes_what_was_taken(desk: Desk) -> None:
    for number in range(5):
        desk.send(clips.jpeg(number), at=THEN + number, late=True)
    desk.late.stop()
    desk.late.run()
    (closed,) = desk.heard(RecordingClosed)
    assert closed.state == "closed" and pictures(film(desk, desk.heard(RecordingOpened)[0])) == 5
    desk.send(clips.jpeg(7), at=THEN + 7, late=True)
    assert desk.answers[-1]["code"] == "busy"


@pytest.mark.faults
def test_real_broken_pictures_leave_no_film_of_nothing(desk: Desk) -> None:
    """Nobody decodes them before they are taken, so the film may have holes; whatever is left of it plays."""
    files = sorted(shared_file("data/corrupt").glob("*.jpg"))
    for number, file in enumerate(files):
        desk.send(file.read_bytes(), at=THEN + 40 * number, late=True)
        desk.send(clips.jpeg(1), at=THEN + 40 * number + 1, late=True)
        desk.turn()
    paths = over(desk)
    opened, closed = desk.heard(RecordingOpened), desk.heard(RecordingClosed)
    assert len(files) > 100 and len(opened) == len(closed) > len(files)
    assert len(desk.answers) == 2 * len(files) and all(answer["ok"] for answer in desk.answers[1::2])
    assert {one.uid for one in closed if one.bytes} == {one.uid for one in opened if film(desk, one) in paths}
    assert len(paths) >= len(files) and all(pictures(path) for path in paths)
    assert not list((desk.folder / "footage").rglob("*.part"))
