"""Flagged pictures become rows: an event with its stills, once, whatever comes twice or from the wrong process."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from camera import ports
from camera.engine.footage_rows import FootageRows
from camera.engine.supervisor import Child
from camera.models import Camera, Event, EventStill
from camera.reports import BadReportError, PushedStill, parse
from tests.engine_house import NOON, child_of, closed, opened, seen
from tests.push_scene import still

pytestmark = pytest.mark.django_db
FIRST, SECOND, THIRD = "000000f1", "000000f2", "000000f3"


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path, [tmp_path]
    return tmp_path


@pytest.fixture
def child(yard: Camera, media: Path) -> Child:
    return child_of(yard, media)


@pytest.fixture
def footage() -> FootageRows:
    return FootageRows(lambda camera, reasons: [])


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def over(child: Child, uid: str, ended_at: float, **values: Any) -> Any:
    return seen(child, uid, kind="spill", ended_at=ended_at, image="", score=0.0, **values)


def test_an_event_with_its_stills_from_beginning_to_end(footage: FootageRows, child: Child, yard: Camera) -> None:
    footage.write(opened(child), child)
    footage.write(closed(), child)
    first = still("yard", FIRST, at=NOON + 1)
    told = footage.write(first, child)
    assert (told.uid, told.known) == (FIRST, False) and told.event is not None
    footage.write(still("yard", SECOND, of=FIRST, at=NOON + 2), child)
    event = Event.objects.get()
    assert (event.uid, event.kind, event.camera, event.writer) == (FIRST, "spill", yard, child.token)
    assert (event.image, event.ended_at, event.started_at) == (first.image, None, moment(NOON))
    assert event.recording is not None and event.recording.uid == "0000000a"
    assert [(one.uid, one.captured_at) for one in event.stills.all()] == [
        (FIRST, moment(NOON + 1)),
        (SECOND, moment(NOON + 2)),
    ]
    footage.write(over(child, FIRST, NOON + 5), child)
    event.refresh_from_db()
    assert (event.ended_at, event.image) == (moment(NOON + 5), first.image)


def test_each_may_come_twice_also_to_an_engine_that_was_restarted(footage: FootageRows, child: Child) -> None:
    reports = [still("yard", FIRST), still("yard", SECOND, of=FIRST), over(child, FIRST, NOON + 9)]
    for report in reports:
        footage.write(report, child)
    before = (list(Event.objects.values()), list(EventStill.objects.values()))
    for again in (footage, FootageRows(lambda camera, reasons: [])):
        for report in reports:
            told = again.write(report, child)
            # Its own file is the row's: were it `known`, the process would remove it.
            assert (told.uid, told.known, told.event) == (FIRST, False, None)
    assert (list(Event.objects.values()), list(EventStill.objects.values())) == before


def test_without_a_sender_s_name_the_same_picture_is_a_still_each_time(footage: FootageRows, child: Child) -> None:
    footage.write(still("yard", FIRST, sha256="ab" * 32), child)
    assert not footage.write(still("yard", SECOND, of=FIRST, sha256="ab" * 32), child).known
    assert EventStill.objects.count() == 2 and Event.objects.count() == 1


def test_with_a_sender_s_name_the_same_picture_is_known(footage: FootageRows, child: Child) -> None:
    footage.write(still("yard", FIRST, sha256="ab" * 32, sender_id="pier-7"), child)
    before = Event.objects.values().get()
    told = footage.write(still("yard", SECOND, of=FIRST, sha256="ab" * 32, sender_id="pier-7"), child)
    assert (told.uid, told.known, told.event) == (FIRST, True, None)
    told = footage.write(still("yard", THIRD, sha256="ab" * 32, sender_id="pier-7"), child)
    assert (told.uid, told.known) == (FIRST, True)
    assert EventStill.objects.count() == 1 and Event.objects.values().get() == before


def test_another_picture_by_the_same_name_joins_the_event_and_makes_it_longer(
    footage: FootageRows, child: Child
) -> None:
    footage.write(still("yard", FIRST, sender_id="pier-7"), child)
    footage.write(over(child, FIRST, NOON + 5), child)
    told = footage.write(still("yard", SECOND, at=NOON + 60, sender_id="pier-7"), child)
    assert told.uid == FIRST and told.event is not None
    event = Event.objects.get()
    assert event.stills.count() == 2 and event.ended_at == moment(NOON + 60)
    # The process knows it by the name it gave itself; it ends by the same rule as ever.
    footage.write(over(child, SECOND, NOON + 62), child)
    event.refresh_from_db()
    assert event.ended_at == moment(NOON + 62)
    footage.write(over(child, FIRST, NOON + 9000), child)
    event.refresh_from_db()
    assert event.ended_at == moment(NOON + 90), "an hour without any picture is not part of it"


def test_a_new_process_takes_the_event_over_by_its_sender_s_name(
    footage: FootageRows, child: Child, yard: Camera, media: Path
) -> None:
    footage.write(still("yard", FIRST, sender_id="pier-7"), child)
    other = child_of(yard, media, token="other")
    with pytest.raises(BadReportError):
        footage.write(over(other, FIRST, NOON + 5), other)
    footage.write(still("yard", SECOND, sender_id="pier-7"), other)
    event = Event.objects.get()
    assert event.writer == "other" and event.image.endswith(f"{FIRST}.jpg")
    with pytest.raises(BadReportError):
        footage.write(over(child, FIRST, NOON + 5), child)
    footage.write(over(other, SECOND, NOON + 9), other)
    event.refresh_from_db()
    assert event.ended_at == moment(NOON + 9) and Event.objects.count() == 1
    footage.write(still("yard", THIRD, sha256=SECOND * 8, sender_id="pier-7"), child)
    assert Event.objects.get().writer == child.token, "also by a picture that is known"


def test_the_same_name_at_another_camera_is_another_event(
    footage: FootageRows, child: Child, media: Path, alice: Any
) -> None:
    gate = Camera.objects.create(name="Gate", slug="gate", kind="push", keeper=alice)
    other = child_of(gate, media, token="gate")
    footage.write(still("yard", FIRST, sender_id="7", sha256="ab" * 32), child)
    assert not footage.write(still("gate", SECOND, sender_id="7", sha256="ab" * 32), other).known
    assert Event.objects.count() == 2


def test_a_hostile_process_reaches_nothing_of_others(
    footage: FootageRows, child: Child, media: Path, alice: Any
) -> None:
    gate = Camera.objects.create(name="Gate", slug="gate", kind="push", keeper=alice)
    other = child_of(gate, media, token="gate")
    footage.write(still("yard", FIRST, sender_id="7"), child)
    footage.write(seen(child, "000000e1"), child)
    before = (list(Event.objects.values()), list(EventStill.objects.values()))
    for report in (
        still("yard", SECOND),  # a picture in the other's folder
        still("gate", FIRST),  # the other's picture under its own name
        still("gate", SECOND, of=FIRST),  # joins the other's event
        still("gate", SECOND, of=FIRST, sender_id="7"),
        still("gate", SECOND, of="000000e1"),
        over(child_of(gate, media), FIRST, NOON + 5),
    ):
        with pytest.raises(BadReportError):
            footage.write(report, other)
    assert (list(Event.objects.values()), list(EventStill.objects.values())) == before


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "camera_offline"}, {"kind": "system"}, {"image": "events/yard/../../x.jpg"}, {"sha256": "x"},
        {"image": "recordings/yard/2026-03-01/12-00-00_000000f1.mp4"}, {"bytes": 0}, {"sender_id": "a\nb"},
        {"still": "000000f9"}, {"captured_at": float("nan")}, {"sender_id": "x" * 101}, {"uid": "../x"},
    ],
)  # fmt: skip
def test_what_a_report_may_not_say(odd: dict[str, Any]) -> None:
    good = still("yard")
    body = {name: getattr(good, name) for name in PushedStill.__dataclass_fields__ if name != "KIND"}
    assert parse(PushedStill.KIND, body) == good
    with pytest.raises(BadReportError):
        parse(PushedStill.KIND, body | odd)


def test_what_somebody_deleted_does_not_come_back_but_what_goes_on_is_kept(footage: FootageRows, child: Child) -> None:
    footage.write(still("yard", FIRST), child)
    Event.objects.all().delete()
    told = footage.write(still("yard", FIRST), child)
    assert told.known and not Event.objects.exists(), "its file is gone; a second one is of no use"
    footage.write(over(child, FIRST, NOON + 1), child)
    assert not Event.objects.exists()
    footage.write(still("yard", SECOND, of=FIRST, at=NOON + 2), child)
    assert Event.objects.get().stills.get().uid == SECOND
    footage.write(over(child, FIRST, NOON + 3), child)
    assert Event.objects.get().ended_at == moment(NOON + 3)


@pytest.mark.parametrize("name", ["", "pier-7"])
def test_what_comes_while_its_event_is_being_deleted_is_another_event(
    footage: FootageRows, child: Child, name: str
) -> None:
    footage.write(still("yard", FIRST, sender_id=name), child)
    Event.objects.update(delete_requested_at=moment(NOON))
    told = footage.write(still("yard", SECOND, of=FIRST, at=NOON + 1, sender_id=name), child)
    assert told.uid == SECOND and not told.known
    footage.write(still("yard", THIRD, of=FIRST, at=NOON + 2, sender_id=name), child)
    footage.write(over(child, FIRST, NOON + 4), child)
    old, new = Event.objects.get(uid=FIRST), Event.objects.get(uid=SECOND)
    assert old.ended_at is not None and old.stills.count() == 1, "it can go"
    assert (new.stills.count(), new.ended_at, new.sender_id) == (2, moment(NOON + 4), name)
    assert new.delete_requested_at is None


def test_events_are_told_within_the_transaction_and_a_fault_leaves_nothing(
    footage: FootageRows, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "on_event", lambda event, is_new: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        footage.write(still("yard", FIRST), child)
    assert not Event.objects.exists() and not EventStill.objects.exists()
    heard: list[tuple[str, bool]] = []
    monkeypatch.setattr(ports, "on_event", lambda event, is_new: heard.append((event.uid, is_new)))
    assert not footage.write(still("yard", FIRST), child).known
    footage.write(still("yard", SECOND, of=FIRST), child)
    assert heard == [(FIRST, True), (FIRST, False)]


def test_the_camera_was_deleted_meanwhile(footage: FootageRows, child: Child) -> None:
    Camera.objects.all().delete()
    footage.write(still("yard", FIRST, sender_id="7"), child)
    footage.write(still("yard", SECOND, of=FIRST, sender_id="7"), child)
    event = Event.objects.get()
    assert (event.camera, event.camera_slug, event.stills.count()) == (None, "yard", 2)
