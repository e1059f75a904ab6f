"""Flagged pictures: looked at, kept, reported, acknowledged, answered — in that order, and each once."""

import csv
import hashlib
from pathlib import Path

import pytest

from camera.process.flagged import MOST_INSIDE
from camera.reports import PushedStill
from tests.conftest import shared_file
from tests.peers import clips
from tests.push_kit import Desk
from tests.recording_kit import START


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_answer_waits_for_the_row(desk: Desk) -> None:
    jpeg = clips.jpeg(1)
    desk.send(jpeg, at=START, kind="spill", sender_id="pump 4")
    desk.turn()
    (still,) = desk.stills
    assert not desk.answers
    assert (still.uid, still.kind, still.sender_id) == (still.still, "spill", "pump 4")
    assert (still.started_at, still.captured_at, still.bytes) == (START, START, len(jpeg))
    assert still.image.startswith("events/pier/2025-06-15/oil_spill_20250615_")
    assert (desk.media / still.image).read_bytes() == jpeg and still.sha256 == hashlib.sha256(jpeg).hexdigest()
    desk.acknowledge(still)
    assert desk.answers == [{"ok": True, "event": still.uid, "known": False}]
    assert [path.name for path in desk.pictures()] == [Path(still.image).name]


def test_it_is_seen_and_recorded_as_any_other(desk: Desk) -> None:
    jpeg = clips.jpeg(1)
    desk.send(jpeg, at=START, kind="person")
    desk.turn()
    (live,) = desk.live()
    assert live.packet.data is jpeg and desk.recorded.moves == [(START, START)]
    assert desk.recorded.pictures == [(START, jpeg)]
    desk.acknowledge(desk.stills[0])
    desk.flag(2, START + 3, "person")
    assert desk.recorded.moves == [(START, START), (START, START + 3)] and len(desk.recorded.pictures) == 1


def test_a_happening_is_one_event_with_every_picture_of_it(desk: Desk) -> None:
    stills = [desk.flag(number, START + number) for number in range(3)]
    assert {still.uid for still in stills} == {stills[0].still} and len({still.still for still in stills}) == 3
    assert not desk.ends
    desk.send(clips.jpeg(9), at=START + 3.5)
    desk.turn()
    (end,) = desk.ends
    assert (end.uid, end.kind, end.started_at, end.ended_at) == (stills[0].uid, "spill", START, START + 3.5)
    assert desk.answers[-1] == {"ok": True, "event": "", "known": False} and len(desk.pictures()) == 3
    assert desk.flag(4, START + 4).uid != stills[0].uid


def test_silence_ends_it(desk: Desk) -> None:
    desk.flag(1, START)
    desk.flag(2, START + 2)
    desk.clock.now += 30.5
    desk.turn()
    assert [end.ended_at for end in desk.ends] == [START + 2]


def test_late_and_live_happenings_do_not_mix(desk: Desk) -> None:
    late = [desk.flag(number, START - 3600 + number, late=True) for number in range(2)]
    live = desk.flag(5, START)
    desk.send(clips.jpeg(6), at=START + 1)
    desk.turn()
    assert [end.uid for end in desk.ends] == [live.uid]
    desk.send(clips.jpeg(7), at=START - 3590, late=True)
    desk.turn()
    assert (desk.ends[1].uid, desk.ends[1].ended_at) == (late[0].uid, START - 3590)
    assert desk.recorded.moves == [(START, START)] and [one.packet.captured_at for one in desk.live()] == [
        START, START + 1,
    ]  # fmt: skip


def test_the_same_once_more_leaves_nothing_behind(desk: Desk) -> None:
    desk.send(clips.jpeg(1), at=START, kind="spill", sender_id="a")
    desk.turn()
    desk.acknowledge(desk.stills[0], known=True, event="0000beef")
    assert desk.answers == [{"ok": True, "event": "0000beef", "known": True}] and not desk.pictures()
    desk.send(clips.jpeg(2), at=START + 5)
    desk.turn()
    assert [(end.uid, end.ended_at) for end in desk.ends] == [("0000beef", START)], "no longer than it was, and ended"


def test_it_goes_on_under_the_event_that_the_engine_knows(desk: Desk) -> None:
    desk.send(clips.jpeg(1), at=START, kind="spill", sender_id="a")
    desk.turn()
    first = desk.stills[0]
    desk.acknowledge(first, event="0000beef")
    second = desk.flag(2, START + 1, sender_id="a")
    assert first.uid != "0000beef" and second.uid == "0000beef" and second.still not in (first.still, second.uid)
    desk.flagged.stop()
    desk.flagged.run()
    assert [(end.uid, end.ended_at) for end in desk.ends] == [("0000beef", START + 1)]


def test_its_end_waits_for_the_name_of_the_event(desk: Desk) -> None:
    desk.send(clips.jpeg(1), at=START, kind="spill", sender_id="a")
    desk.send(clips.jpeg(2), at=START + 1)
    desk.turn()
    assert not desk.ends
    desk.acknowledge(desk.stills[0], event="0000beef")
    assert [(end.uid, end.ended_at) for end in desk.ends] == [("0000beef", START + 1)]


def test_what_the_engine_does_not_take_is_removed_and_told(desk: Desk) -> None:
    desk.send(clips.jpeg(1), at=START, kind="spill")
    desk.turn()
    desk.acknowledge(desk.stills[0], taken=False)
    assert [answer["code"] for answer in desk.answers] == ["disk"] and not desk.pictures()
    again = desk.flag(1, START + 1)
    assert again.uid == again.still != desk.stills[0].uid and again.started_at == START + 1
    desk.flagged.stop()
    desk.flagged.run()
    assert [end.uid for end in desk.ends] == [again.uid]


def test_no_place_to_write(desk: Desk) -> None:
    desk.order(media="")
    desk.send(clips.jpeg(1), at=START, kind="spill")
    desk.turn()
    assert [answer["code"] for answer in desk.answers] == ["disk"] and not desk.stills
    assert len(desk.live()) == 1, "it is seen all the same"
    desk.order()
    desk.media.write_bytes(b"a file where the folder should be")
    desk.send(clips.jpeg(2), at=START + 1, kind="spill")
    desk.turn()
    assert [answer["code"] for answer in desk.answers] == ["disk"] * 2 and not desk.stills
    desk.media.unlink()
    still = desk.flag(3, START + 2)
    assert still.uid == still.still and still.started_at == START + 2, "what could not be kept began no event"


def test_too_many_at_once_are_refused_and_the_others_answered(desk: Desk) -> None:
    for number in range(MOST_INSIDE + 2):
        desk.send(clips.jpeg(number), at=START + number, kind="spill")
    assert [answer["code"] for answer in desk.answers] == ["busy"] * 2
    desk.turn()
    for still in desk.stills:
        desk.acknowledge(still)
    assert len(desk.answers) == MOST_INSIDE + 2 and sum(answer["ok"] for answer in desk.answers) == MOST_INSIDE
    desk.flag(20, START + 20)
    assert desk.answers[-1]["ok"]


def test_nobody_waits_any_more(desk: Desk) -> None:
    desk.send(clips.jpeg(1), deadline=desk.clock.time() - 1, at=START, kind="spill")
    desk.turn()
    assert [answer["code"] for answer in desk.answers] == ["busy"] and not desk.stills and not desk.live()


def test_the_end_of_the_process_answers_and_ends_everything(desk: Desk) -> None:
    still = desk.flag(1, START)
    desk.send(clips.jpeg(2), at=START + 1, kind="spill")
    desk.turn()
    desk.send(clips.jpeg(3), at=START + 2, kind="spill")
    desk.flagged.stop()
    desk.flagged.run()
    assert [answer.get("code") for answer in desk.answers] == [None, "busy"] and not desk.ends
    desk.send(clips.jpeg(4), at=START + 3, kind="spill")
    assert desk.answers[-1]["code"] == "busy"
    (then,) = [then for one, then in desk.said if one is desk.stills[1]]
    assert then is not None
    then({"taken": True, "known": False, "event": still.uid})
    assert desk.flagged.settle() and desk.answers[-1]["ok"]
    assert [(end.uid, end.ended_at) for end in desk.ends] == [(still.uid, START + 1)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": -1.0}, {"at": float("nan")}, {"at": "now"}, {"at": True}, {"clock": "sundial"}, {"kind": "dragon"},
        {"kind": 7}, {"kind": "spill", "sender_id": "a\nb"}, {"kind": "spill", "sender_id": "x" * 101},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(desk: Desk, wrong: dict[str, object]) -> None:
    desk.send(clips.jpeg(), **wrong)
    desk.turn()
    assert [answer["code"] for answer in desk.answers] == ["bad_image"]
    assert not desk.said and not desk.live()


@pytest.mark.parametrize("data", [b"", b"GIF89a", clips.jpeg()[:100], b"\xff\xd8\xff" + bytes(500)])
def test_no_picture_at_all(desk: Desk, data: bytes) -> None:
    for kind in ("", "spill"):
        desk.send(data, kind=kind)
    desk.turn()
    assert [answer["code"] for answer in desk.answers] == ["bad_image"] * 2 and not desk.live()


@pytest.mark.faults
def test_real_broken_pictures_are_refused_or_kept_as_they_are(desk: Desk) -> None:
    """What a browser could not show either must never be kept as a proof; index.csv tells what OpenCV makes of each."""
    with shared_file("data/corrupt/index.csv").open() as index:
        rows = [row for row in csv.DictReader(index) if row["file"].endswith((".jpg", ".bin"))]
    assert len(rows) > 100
    for row in rows:
        jpeg, before = shared_file(f"data/corrupt/{row['file']}").read_bytes(), len(desk.answers)
        desk.send(jpeg, at=START, kind="spill")
        desk.turn()
        shown = len(desk.live())
        if len(desk.answers) > before:
            assert desk.answers[-1]["code"] == "bad_image" and not desk.answers[-1]["ok"] and not shown
        else:
            still = desk.stills[-1]
            assert (
                shown == 1
                and not row["opencv5_result"].startswith("NONE")
                and (desk.media / still.image).read_bytes() == jpeg
            )
            desk.acknowledge(still)
            assert desk.answers[-1]["ok"]
        assert len(desk.answers) == before + 1
    kept = desk.heard(PushedStill)
    assert 10 < len(kept) < len(rows) - 50 and len(desk.pictures()) == len(kept)
