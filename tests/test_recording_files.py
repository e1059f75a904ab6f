"""The recorder, turned by hand: when files begin and end, what is in them, and what is reported."""

from dataclasses import replace
from pathlib import Path

import pytest

from camera.packets import Packet
from camera.video.repair import duration_of
from tests.peers import clips
from tests.recording_kit import START, Desk, camera, info, pictures, stamps


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "footage")


def test_it_records_from_the_last_key_frame_on(desk: Desk) -> None:
    desk.recorder.opened(info())
    packets = camera(frames=60)
    desk.order()
    desk.send(packets[:26])
    assert not desk.said and not desk.recorder.recording
    desk.order(reasons=("session:4",))
    assert desk.recorder.recording and desk.recorder.reasons == ("session:4",)
    (opened,) = desk.opened
    assert opened.started_at == packets[20].captured_at and opened.trigger == "session"
    assert (opened.codec, opened.width, opened.height, opened.audio) == ("h264", 320, 240, False)
    assert opened.file.startswith("recordings/yard/2025-06-15/15-06-4") and opened.file.endswith(f"_{opened.uid}.mp4")
    desk.send(packets[26:40])
    desk.order()
    assert not desk.recorder.recording and desk.recorder.reasons == ()
    (closed,) = desk.closed
    assert closed.state == "closed" and closed.detail == "" and closed.reasons == ["session:4"]
    assert closed.seconds == pytest.approx(20 / 15, abs=0.001) and closed.ended_at == pytest.approx(
        packets[40].captured_at
    )
    (file,) = desk.files()
    assert len(stamps(file)) == pictures(file) == 20 and duration_of(file) == pytest.approx(20 / 15, abs=0.001)
    assert clips.decoded(file.with_suffix(".jpg").read_bytes()).shape == (240, 320, 3)
    assert sorted(path.suffix for path in file.parent.iterdir()) == [".jpg", ".mp4"]
    desk.send(packets[40:])
    assert len(desk.opened) == 1


def test_two_reasons_make_one_file_and_it_lasts_as_long_as_one_of_them(desk: Desk) -> None:
    desk.recorder.opened(info())
    packets = camera(frames=90)
    desk.order(reasons=("session:4",))
    desk.send(packets[:20])
    desk.order(reasons=("session:4", "session:5", "watched"))
    desk.send(packets[20:40])
    desk.order(reasons=("session:5",))
    assert desk.recorder.reasons == ("session:5",)
    desk.send(packets[40:70])
    desk.order()
    (closed,) = desk.closed
    assert closed.reasons == ["session:4", "session:5", "watched"] and len(desk.opened) == 1
    assert [one.reasons for one in desk.changed if not one.thumbnail or len(one.reasons) > 1] == [closed.reasons]
    assert any(one.thumbnail for one in desk.changed)
    assert len(stamps(desk.files()[0])) == 70


def test_recording_always_is_cut_every_five_minutes_without_losing_a_picture(desk: Desk) -> None:
    desk.recorder.opened(info())
    packets = camera(frames=700, every=1.0)
    desk.order(mode="always", reasons=("session:1",))
    desk.send(packets, turn_every=7)
    assert desk.recorder.reasons == ("always", "session:1")
    assert [one.started_at - START for one in desk.opened] == [0, 300, 600]
    assert {one.trigger for one in desk.opened} == {"always"}
    assert [closed.ended_at - START for closed in desk.closed] == [300, 600]
    desk.recorder.stop()
    desk.turn()
    counts = [len(stamps(file)) for file in desk.files()]
    assert counts == [300, 300, 100] == [pictures(file) for file in desk.files()]


def test_a_cut_waits_for_a_key_frame(desk: Desk) -> None:
    desk.recorder.opened(info())
    packets = camera(frames=400, every=1.0)
    packets = [replace(one, key=one.key and number % 30 == 0) for number, one in enumerate(packets)]
    packets = packets[:290] + [replace(one, key=False) for one in packets[290:320]] + packets[320:]
    desk.order(mode="always")
    desk.send(packets, turn_every=10)
    assert [one.started_at - START for one in desk.opened] == [0, 330]


def test_a_recording_that_somebody_asked_for_is_cut_after_an_hour(desk: Desk) -> None:
    desk.recorder.opened(info())
    desk.order(reasons=("manual:bob",))
    packets = camera(frames=3700, every=1.0)
    desk.send(packets[:1])
    desk.send(packets[1:], turn_every=100)
    assert [one.started_at - START for one in desk.opened] == [0, 3600]
    assert {one.trigger for one in desk.opened} == {"manual"}


def test_another_size_makes_another_file(desk: Desk) -> None:
    desk.order(mode="always")
    desk.recorder.opened(info())
    desk.send(camera(frames=25))
    desk.recorder.opened(info(size=(640, 360)))
    desk.send(camera(frames=25, size=(640, 360), start=START + 10)[5:])
    desk.recorder.closed()
    desk.turn()
    assert not desk.recorder.recording
    assert [(one.width, one.height) for one in desk.opened] == [(320, 240), (640, 360)]
    assert [len(stamps(file)) for file in desk.files()] == [25, 15], "the next file begins with a key frame"


def test_another_size_is_noticed_although_the_source_says_nothing(desk: Desk) -> None:
    desk.order(mode="always")
    desk.recorder.opened(info())
    desk.send(camera(frames=20) + camera(frames=20, size=(640, 360), start=START + 20 / 15))
    desk.recorder.closed()
    desk.turn()
    assert [pictures(file) for file in desk.files()] == [20, 20]


def test_a_camera_that_goes_ends_the_file_and_one_that_comes_back_begins_one(desk: Desk) -> None:
    desk.order(mode="always")
    for start in (START, START + 100):
        desk.recorder.opened(info())
        desk.send(camera(frames=20, start=start))
        desk.recorder.closed()
        desk.turn()
    assert [closed.seconds for closed in desk.closed] == pytest.approx([20 / 15] * 2, abs=0.001)
    assert [one.started_at for one in desk.opened] == [START, START + 100]


def test_a_hold_ends_recording_in_words_until_it_is_lifted(desk: Desk) -> None:
    desk.recorder.opened(info())
    packets = camera(frames=90)
    desk.order(mode="always")
    desk.send(packets[:20])
    desk.order(mode="always", hold="disk_full")
    assert desk.closed[0].state == "closed" and "full" in desk.closed[0].detail and not desk.recorder.recording
    desk.send(packets[20:55])
    assert len(desk.opened) == 1
    desk.order(mode="always")
    desk.send(packets[55:60])
    assert desk.opened[1].started_at == packets[50].captured_at


def test_the_next_file_goes_to_the_new_place(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    desk.recorder.opened(info())
    desk.order(mode="always")
    desk.send(camera(frames=15))
    desk.folder = other
    desk.order(mode="always")
    desk.recorder.closed()
    desk.turn()
    desk.recorder.opened(info())
    desk.send(camera(frames=15, start=START + 50))
    assert [one.storage for one in desk.opened] == [str(tmp_path / "footage"), str(other)]
    assert (tmp_path / "footage" / desk.opened[0].file).exists()


def moving(desk: Desk, packets: list[Packet], findings: list[float], lag: float = 0.4) -> None:
    """Packets come, and each finding is told `lag` seconds after its picture, with the first of its event."""
    due = sorted(findings)
    for packet in packets:
        desk.send([packet])
        while due and packet.captured_at >= START + due[0] + lag:
            desk.recorder.moved(START + findings[0], START + due.pop(0))
            desk.turn()


def test_motion_is_recorded_with_what_went_before_and_what_follows(desk: Desk) -> None:
    desk.recorder.opened(info())
    desk.order(mode="motion", detect="background", pre_roll=5.0, post_roll=10.0)
    moving(desk, camera(frames=600, every=0.1), [20.0, 20.2, 21.0, 24.0])
    (opened,), (closed,) = desk.opened, desk.closed
    assert opened.started_at == START + 15.0 and opened.trigger == "motion"
    assert closed.ended_at == pytest.approx(START + 34.1) and closed.reasons == ["motion"]
    assert not desk.recorder.recording


def test_motion_that_comes_again_within_the_event_makes_a_second_file(desk: Desk) -> None:
    desk.recorder.opened(info())
    desk.order(mode="motion", detect="background", pre_roll=5.0, post_roll=3.0)
    moving(desk, camera(frames=600, every=0.1), [20.0, 35.0])
    assert [one.started_at - START for one in desk.opened] == [15.0, 30.0]
    assert [one.ended_at - START for one in desk.closed] == pytest.approx([23.1, 38.1])


def test_the_roll_before_does_not_repeat_what_is_already_in_a_file(desk: Desk) -> None:
    desk.recorder.opened(info())
    desk.order(mode="motion", detect="background", pre_roll=10.0, post_roll=3.0)
    moving(desk, camera(frames=600, every=0.1), [20.0, 26.0])
    first, second = desk.opened
    assert first.started_at == START + 10
    assert second.started_at == START + 23, "from the key frame before the place where the first one ends"


def test_somebody_watching_joins_the_recording_of_motion(desk: Desk) -> None:
    desk.recorder.opened(info())
    desk.order(mode="motion", detect="background", pre_roll=1.0, post_roll=3.0)
    packets = camera(frames=300, every=0.1)
    moving(desk, packets[:120], [10.0])
    desk.order(mode="motion", detect="background", pre_roll=1.0, post_roll=3.0, reasons=("watched",))
    assert desk.recorder.reasons == ("motion", "watched")
    desk.send(packets[120:200])
    assert desk.recorder.reasons == ("watched",), "the motion is over, the watching is not"
    desk.order(mode="motion", detect="background", pre_roll=1.0, post_roll=3.0)
    assert [one.reasons for one in desk.closed] == [["motion", "watched"]]
    assert len(stamps(desk.files()[0])) == 200 - 90


def test_motion_does_not_matter_in_another_mode(desk: Desk) -> None:
    desk.recorder.opened(info())
    desk.order(mode="watched", detect="background")
    moving(desk, camera(frames=200, every=0.1), [5.0, 6.0])
    assert not desk.opened


@pytest.mark.slow
def test_jpegs_are_recorded_too_and_cut_anywhere(desk: Desk) -> None:
    desk.order(mode="always")
    desk.recorder.opened(info("mjpeg", size=(321, 241)))
    packets = camera("mjpeg", 640, every=0.5, size=(321, 241))
    desk.send(packets[:1])
    desk.send(packets[1:], turn_every=20)
    desk.recorder.stop()
    desk.turn()
    assert [len(stamps(file)) for file in desk.files()] == [600, 40]
    assert {(one.codec, one.width, one.height) for one in desk.opened} == {("h264", 320, 240)}
    assert desk.opened[1].started_at == packets[600].captured_at
    assert all(one.state == "closed" for one in desk.closed)


def test_a_clock_that_is_set_back_does_not_make_motion_last(desk: Desk) -> None:
    desk.recorder.opened(info())
    desk.order(mode="motion", detect="background", pre_roll=1.0, post_roll=3.0)
    moving(desk, camera(frames=120, every=0.1), [11.0])
    assert desk.recorder.recording
    desk.send(camera(frames=50, every=0.1, start=START - 3600))
    assert not desk.recorder.recording and len(desk.closed) == 1


@pytest.mark.parametrize(("step", "passed"), [(-3600.0, 4.0), (86400.0, 4.0), (0.5, 4.5)])
def test_the_end_of_a_recording_when_the_clock_is_set_meanwhile(desk: Desk, step: float, passed: float) -> None:
    desk.recorder.opened(info())
    desk.order(mode="always")
    desk.send(camera(frames=30))
    desk.send([replace(one, captured_at=one.captured_at + step) for one in camera(frames=60)[30:]])
    desk.recorder.closed()
    desk.turn()
    assert desk.closed[0].seconds == pytest.approx(4.0, abs=0.001)
    assert desk.closed[0].ended_at - START == pytest.approx(passed, abs=0.01)


def test_a_file_that_somebody_deleted_ends_and_another_takes_over(desk: Desk) -> None:
    desk.recorder.opened(info())
    packets = camera(frames=60)
    desk.order(mode="always")
    desk.send(packets[:15])
    (first,) = desk.opened
    desk.order(mode="always", cut=(first.uid,))
    desk.send(packets[15:])
    desk.order()
    assert [one.uid for one in desk.opened] == [one.uid for one in desk.closed] and len(desk.opened) == 2
    assert sum(pictures(file) for file in desk.files()) == 60  # nothing between them is lost


def test_a_file_ends_by_size_where_the_disk_is_small(desk: Desk) -> None:
    desk.recorder.opened(info())
    packets = camera(frames=90)
    size = sum(len(packet.data) for packet in packets)
    desk.order(mode="always", most_bytes=size // 4)
    desk.send(packets)
    desk.order()
    assert 3 <= len(desk.closed) <= 5
    assert sum(pictures(file) for file in desk.files()) == 90
    assert all(one.bytes < size // 2 for one in desk.closed)


def test_the_picture_of_an_event_stands_for_the_file_that_holds_it(desk: Desk) -> None:
    desk.recorder.opened(info("mjpeg"))
    packets = camera("mjpeg", frames=40)
    desk.order(mode="always")
    desk.send(packets[:10])
    (file,) = desk.folder.rglob("*.mp4.part")
    thumbnail = Path(str(file).removesuffix(".mp4.part") + ".jpg")
    first = thumbnail.read_bytes()
    desk.recorder.pictured(packets[0].captured_at - 5, clips.jpeg(200))  # of before: not in it
    desk.turn()
    assert thumbnail.read_bytes() == first
    event = clips.jpeg(25, 640, 360)
    desk.recorder.pictured(packets[20].captured_at, event)  # the file is not there yet
    desk.turn()
    assert thumbnail.read_bytes() == first
    desk.send(packets[10:])
    shown = clips.decoded(thumbnail.read_bytes())
    wanted = clips.decoded(event)[::2, ::2]
    assert shown.shape == (180, 320, 3) and abs(shown.astype(int) - wanted.astype(int)).mean() < 12
    desk.order()
