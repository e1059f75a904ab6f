"""Reports become rows: once, whatever comes twice, late or from the wrong process."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from camera import ports
from camera.engine.footage_rows import FootageRows, TooEarlyError
from camera.engine.requests import Requests
from camera.engine.supervisor import Child
from camera.models import Camera, Event, Grant, Recording, RecordRequest, Storage
from camera.reports import BadReportError
from tests.engine_house import NOON, changed, child_of, closed, opened, seen

pytestmark = pytest.mark.django_db


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


def test_a_recording_from_beginning_to_end(footage: FootageRows, child: Child, yard: Camera, media: Path) -> None:
    footage.write(opened(child), child)
    row = Recording.objects.get()
    assert (row.state, row.camera, row.camera_name, row.camera_slug) == ("open", yard, "Yard", "yard")
    assert (row.storage.path, row.writer, row.trigger) == (str(media), child.token, "always")
    assert row.path == media / "recordings/yard/2026-03-01/12-00-00_0000000a.mp4.part"
    footage.write(changed(thumbnail=True), child)
    footage.write(closed(), child)
    row.refresh_from_db()
    assert (row.state, row.seconds, row.bytes, row.sha256, row.thumbnail) == ("closed", 60.0, 1000, "ab" * 32, True)
    assert row.ended_at == moment(NOON + 60) and row.reasons == ["always", "motion"]


def test_everything_may_come_twice(footage: FootageRows, child: Child) -> None:
    for report in (opened(child), changed(), closed()):
        footage.write(report, child)
        footage.write(report, child)
    before = Recording.objects.values().get()
    for report in (opened(child, reasons=["motion"]), changed(), closed()):
        footage.write(report, child)
    assert Recording.objects.values().get() == before


def test_an_engine_that_was_restarted_takes_them_again_too(footage: FootageRows, child: Child) -> None:
    for report in (opened(child), closed()):
        footage.write(report, child)
    before = Recording.objects.values().get()
    again = FootageRows(lambda camera, reasons: [])
    for report in (opened(child), closed()):
        again.write(report, child)
    assert Recording.objects.values().get() == before


def test_what_comes_too_early_is_asked_for_again(footage: FootageRows, child: Child) -> None:
    for report in (closed(), changed()):
        with pytest.raises(TooEarlyError):
            footage.write(report, child)
    footage.write(opened(child), child)
    footage.write(closed(), child)
    assert Recording.objects.get().state == "closed"


def test_web_s_columns_are_left_alone(footage: FootageRows, child: Child) -> None:
    footage.write(opened(child), child)
    footage.write(seen(child), child)
    now = moment(NOON)
    Recording.objects.update(kept_at=now, delete_requested_at=now)
    Event.objects.update(delete_requested_at=now)
    footage.write(changed(), child)
    footage.write(closed(), child)
    footage.write(seen(child, ended_at=NOON + 5), child)
    row = Recording.objects.get()
    assert (row.kept_at, row.delete_requested_at, Event.objects.get().delete_requested_at) == (now, now, now)


def test_an_empty_recording_leaves_no_row(footage: FootageRows, child: Child) -> None:
    footage.write(opened(child), child)
    footage.write(seen(child), child)
    empty = closed(bytes=0, sha256="")
    footage.write(empty, child)
    footage.write(empty, child)
    assert not Recording.objects.exists() and Event.objects.get().recording is None


def test_what_was_deleted_does_not_come_back(footage: FootageRows, child: Child) -> None:
    footage.write(opened(child), child)
    footage.write(seen(child), child)
    Recording.objects.all().delete()
    Event.objects.all().delete()
    for report in (opened(child), changed(), closed(), seen(child, ended_at=NOON + 9)):
        footage.write(report, child)
    assert not Recording.objects.exists() and not Event.objects.exists()


def test_only_places_it_was_told_are_taken(footage: FootageRows, child: Child, tmp_path: Path) -> None:
    other = opened(child_of(Camera(pk=child.wanted.camera, slug="gate", name="Gate"), child.wanted.orders.storage))
    for report in (other, opened(child_of(Camera(pk=1, slug="yard", name="Yard"), "/etc"))):
        with pytest.raises(BadReportError):
            footage.write(report, child)
    assert not Recording.objects.exists() and not Storage.objects.exists()


def test_a_folder_that_may_not_be_used_any_more_is_refused(footage: FootageRows, yard: Camera, media: Path) -> None:
    outside = child_of(yard, "/etc")
    with pytest.raises(BadReportError):
        footage.write(opened(outside), outside)


def test_other_processes_rows_are_not_touched(footage: FootageRows, child: Child, yard: Camera, media: Path) -> None:
    footage.write(opened(child), child)
    footage.write(seen(child), child)
    other = child_of(yard, media, token="other")
    for report in (opened(other), changed(), closed(), seen(other, score=1.0)):
        with pytest.raises(BadReportError):
            footage.write(report, other)
    assert Recording.objects.get().state == "open" and Event.objects.get().score == 0.5


def test_a_picture_of_another_camera_is_refused(footage: FootageRows, child: Child, media: Path) -> None:
    gate = child_of(Camera(pk=9, slug="gate", name="Gate"), media)
    with pytest.raises(BadReportError):
        footage.write(seen(gate), child)


def test_an_event_grows_and_ends_and_is_told_within_its_transaction(
    footage: FootageRows, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, bool]] = []
    monkeypatch.setattr(ports, "on_event", lambda event, is_new: told.append((event.uid, is_new)))
    event = footage.write(seen(child), child).event
    assert event is not None and event.ended_at is None
    ended = seen(child, ended_at=NOON + 8, score=0.9, boxes=((0.1, 0.1, 0.2, 0.2),))
    footage.write(ended, child)
    footage.write(seen(child), child)  # the first once more, late
    row = Event.objects.get()
    assert (row.ended_at, row.score, row.boxes) == (moment(NOON + 8), 0.9, [[0.1, 0.1, 0.2, 0.2]])
    assert told == [("0000000e", True), ("0000000e", False)]


def test_an_event_whose_outbox_fails_is_not_written(
    footage: FootageRows, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "on_event", lambda event, is_new: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        footage.write(seen(child), child)
    assert not Event.objects.exists()
    monkeypatch.undo()
    footage.write(seen(child), child)
    assert Event.objects.count() == 1


def test_an_event_gets_the_recording_that_shows_it(footage: FootageRows, child: Child) -> None:
    footage.write(opened(child, "0000000a"), child)
    footage.write(closed("0000000a"), child)
    footage.write(opened(child, "0000000b", NOON + 60), child)
    footage.write(seen(child, "000000e1", NOON + 30, ended_at=NOON + 40), child)
    footage.write(seen(child, "000000e2", NOON + 50), child)
    footage.write(seen(child, "000000e3", NOON + 70), child)
    footage.write(seen(child, "000000e4", NOON - 30, ended_at=NOON - 20), child)
    found = {event.uid: event.recording and event.recording.uid for event in Event.objects.all()}
    assert found == {"000000e1": "0000000a", "000000e2": "0000000a", "000000e3": "0000000b", "000000e4": None}


def test_a_recording_takes_the_event_it_was_begun_for(footage: FootageRows, child: Child, alice: User) -> None:
    gate = Camera.objects.create(name="Gate", slug="gate", kind="pattern", keeper=alice)
    other = child_of(gate, child.wanted.orders.storage, token="gate")
    footage.write(seen(child, "000000e1"), child)
    footage.write(seen(child, "000000e2", NOON - 60, ended_at=NOON - 50), child)
    footage.write(seen(other, "000000e3"), other)
    footage.write(opened(child, at=NOON - 5), child)
    assert [event.uid for event in Recording.objects.get().events.all()] == ["000000e1"]


def test_the_people_behind_the_reasons_stay_when_their_requests_go(
    child: Child, yard: Camera, bob: User, bob_records: Grant
) -> None:
    requests = Requests()
    until = datetime.now(UTC) + timedelta(hours=1)
    RecordRequest.objects.create(camera=yard, user_id=bob.pk, user_name="bob", until=until)
    requests.reasons({yard.pk: "off"})
    footage = FootageRows(requests.people)
    footage.write(opened(child, trigger="manual", reasons=["manual:bob"]), child)
    assert Recording.objects.get().people == [bob.pk]
    RecordRequest.objects.all().delete()
    requests.reasons({yard.pk: "off"})
    footage.write(closed(reasons=["manual:bob"]), child)
    assert Recording.objects.get().people == [bob.pk]


def test_a_camera_that_was_deleted_leaves_its_name(footage: FootageRows, child: Child, yard: Camera) -> None:
    Camera.objects.all().delete()
    footage.write(opened(child), child)
    footage.write(seen(child), child)
    row = Recording.objects.get()
    assert (row.camera, row.camera_name, row.camera_slug) == (None, "Yard", "yard")
    assert Event.objects.get().camera_name == "Yard"
