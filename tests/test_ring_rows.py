"""Presses as rows: which of them are one ring, what is told twice, and how a ring ends."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from camera import ports
from camera.engine.event_rows import ring_pictured
from camera.engine.footage_rows import FootageRows
from camera.engine.ring_rows import LONGEST, OLDEST, TOGETHER, Press, RingError, Rings, Rung, read
from camera.models import Camera, Event, RingPress
from camera.paths import event_picture
from camera.reports import BadReportError, RingPictured
from tests.engine_house import NOON, child_of, opened, seen

pytestmark = pytest.mark.django_db


class Clock:
    """Both clocks; `at` is the wall's."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return NOON + self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rings(clock: Clock) -> Rings:
    return Rings(clock, clock.wall)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    found: list[tuple[int, bool]] = []
    monkeypatch.setattr(ports, "on_event", lambda event, is_new: found.append((event.pk, is_new)))
    return found


def press(yard: Camera, at: float = 0.0, name: str = "", way: str = "key") -> Press:
    return Press(yard.pk, way, NOON + at, name)


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(NOON + at, UTC)


def test_presses_soon_after_each_other_are_one_ring(
    rings: Rings, clock: Clock, yard: Camera, told: list[tuple[int, bool]]
) -> None:
    pk = rings.press(press(yard)).event
    for clock.now in (TOGETHER - 1, 2 * TOGETHER - 2):
        assert rings.press(press(yard, clock.now)) == Rung(yard.pk, pk)
        assert rings.step() == []
    event = Event.objects.get()
    assert (event.label, event.started_at, event.ended_at, event.kind) == ("pressed 3 times", moment(0), None, "ring")
    clock.now += TOGETHER
    assert rings.step() == [Rung(yard.pk, pk)] and rings.step() == []
    event.refresh_from_db()
    assert event.ended_at == moment(2 * TOGETHER - 2)
    assert told == [(pk, True), (pk, False), (pk, False), (pk, False)]
    clock.now += 1
    assert rings.press(press(yard, clock.now)).is_new


def test_the_same_press_told_twice_is_one(rings: Rings, yard: Camera, told: list[tuple[int, bool]]) -> None:
    first = rings.press(press(yard, name="one"))
    assert rings.press(press(yard, name="one")) == Rung(yard.pk, first.event, is_known=True)
    assert Rings().press(press(yard, 5, name="one")).is_known, "also to an engine that was restarted"
    assert RingPress.objects.count() == 1 and len(told) == 1
    Event.objects.all().delete()
    assert rings.press(press(yard, name="one")).is_known, "a ring that somebody deleted does not ring again"
    assert not Event.objects.exists()


def test_a_camera_s_own_button_that_bounces_is_one_press(rings: Rings, yard: Camera) -> None:
    rings.press(press(yard, way="camera"))
    assert rings.press(press(yard, 0.8, way="camera")).is_known
    assert not rings.press(press(yard, 1.5, way="camera")).is_known
    assert RingPress.objects.count() == 2


def test_what_is_told_late_is_over_at_once_and_not_recorded(rings: Rings, clock: Clock, yard: Camera) -> None:
    clock.now = 7200.0
    assert rings.press(press(yard)).is_new
    event = Event.objects.get()
    assert (event.started_at, event.ended_at) == (moment(0), moment(0))
    assert rings.of(yard.pk, 10.0) is None and rings.step() == []
    # One of the same minute that comes after it in any order.
    for at in (10.0, -5.0):
        assert rings.press(press(yard, at)) == Rung(yard.pk, event.pk)
    event.refresh_from_db()
    assert (event.started_at, event.ended_at, event.label) == (moment(-5), moment(10), "pressed 3 times")
    assert rings.press(press(yard, 40)).is_new


def test_a_ring_that_is_over_goes_on_with_a_late_press(rings: Rings, clock: Clock, yard: Camera) -> None:
    pk = rings.press(press(yard)).event
    clock.now = TOGETHER + 0.5
    rings.step()
    assert rings.press(press(yard, TOGETHER - 1)).event == pk
    assert Event.objects.get().ended_at is None
    clock.now += TOGETHER
    rings.step()
    assert Event.objects.get().ended_at == moment(TOGETHER - 1)


def test_a_button_that_never_rests_is_told_of_anew(rings: Rings, clock: Clock, yard: Camera) -> None:
    events = set()
    while clock.now <= LONGEST + 30:
        events.add(rings.press(press(yard, clock.now)).event)
        rings.step()
        clock.now += 15
    assert len(events) == 2


def test_how_long_it_is_recorded(rings: Rings, clock: Clock, yard: Camera) -> None:
    pk = rings.press(press(yard)).event
    for clock.now, post_roll, is_recorded in ((5, 0, True), (TOGETHER - 1, 5, True), (25, 5, False), (25, 60, True)):
        ring = rings.of(yard.pk, post_roll)
        assert (ring is not None) == is_recorded
    assert ring is not None and (ring.event, ring.rang_at, ring.is_over) == (pk, NOON, False)
    rings.step()
    after = rings.of(yard.pk, 60)
    assert after is not None and after.is_over
    assert rings.of(yard.pk + 1, 60) is None


def test_an_engine_takes_up_what_the_one_before_it_left(rings: Rings, clock: Clock, yard: Camera) -> None:
    pk = rings.press(press(yard)).event
    clock.now = 8.0
    after = Rings(clock, clock.wall)
    after.begin()
    ring = after.of(yard.pk, 10)
    assert ring is not None and (ring.event, ring.rang_at) == (pk, NOON)
    told = Rung(yard.pk, pk)
    assert after.step() == [told], "the one before it may have ended before it told of it"
    clock.now = 12.0
    assert (after.step(), after.step()) == ([told], [])
    clock.now = TOGETHER
    assert after.step() == [told]
    assert Event.objects.get().ended_at == moment(0)
    assert Rings(clock, clock.wall).step() == []


def test_a_deleted_ring_does_not_go_on(rings: Rings, clock: Clock, yard: Camera) -> None:
    first = rings.press(press(yard)).event
    Event.objects.update(delete_requested_at=moment(1))
    second = rings.press(press(yard, 2)).event
    assert second != first
    Event.objects.filter(pk=second).delete()
    clock.now = 60
    assert [rung.event for rung in rings.step()] == [first]


def test_who_cannot_be_rung_at(rings: Rings, yard: Camera) -> None:
    with pytest.raises(RingError) as caught:
        rings.press(Press(yard.pk + 1, "key", NOON))
    assert caught.value.code == "not_found"
    Camera.objects.update(engine="another")
    with pytest.raises(RingError) as caught:
        rings.press(Press("yard", "key", NOON))
    assert caught.value.code == "not_found"
    Camera.objects.update(engine="", enabled=False)
    with pytest.raises(RingError) as caught:
        rings.press(Press("yard", "key", NOON))
    assert caught.value.code == "disabled" and not Event.objects.exists()


@pytest.mark.parametrize(
    "odd",
    [
        {}, {"camera": True}, {"camera": None, "slug": "yard"}, {"way": "window"}, {"id": "x" * 101}, {"id": 5},
        {"slug": "a\0b"}, {"camera": 2**70},
        {"camera": -1}, {"id": "a\nb"}, {"at": "1"}, {"at": True}, {"at": float("nan")}, {"at": NOON - OLDEST - 1},
    ],
)  # fmt: skip
def test_nonsense_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(RingError) as caught:
        read(({"slug": "yard", "way": "pin"} | odd) if odd else {}, NOON)
    assert caught.value.code == "bad_request"


def test_a_button_with_a_wrong_clock_rings_now() -> None:
    body = {"slug": "yard", "way": "pin"}
    assert read(body | {"at": NOON + 500}, NOON) == read(body, NOON) == Press("yard", "pin", NOON)
    assert read({"camera": 3, "way": "key", "id": "a", "at": NOON - 60}, NOON) == Press(3, "key", NOON - 60, "a")


def test_its_picture_and_its_recording(rings: Rings, yard: Camera, tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path, [tmp_path]
    child, footage = child_of(yard, tmp_path), FootageRows(lambda camera, reasons: [])
    rings.press(press(yard))
    event = Event.objects.get()
    image = event_picture("yard", "ring", NOON, event.uid)
    written = footage.write(RingPictured(event.uid, image), child)
    assert written.event == event and (written.uid, written.known) == (event.uid, False)
    footage.write(opened(child, at=NOON - 10, trigger="ring", reasons=["ring"]), child)
    event.refresh_from_db()
    assert event.image == image and event.recording is not None and event.recording.trigger == "ring"
    assert footage.write(RingPictured(event.uid, image), child).event == event, "a report may come twice"


def test_a_process_shows_the_rings_of_its_own_camera_and_nothing_else(
    rings: Rings, yard: Camera, tmp_path: Path
) -> None:
    other = Camera.objects.create(name="Gate", slug="gate", kind="pattern")
    rings.press(press(other))
    event = Event.objects.get()
    child = child_of(yard, tmp_path)
    for uid, slug in ((event.uid, "yard"), (event.uid, "gate"), ("0000000c", "yard")):
        with pytest.raises(BadReportError):
            ring_pictured(RingPictured(uid, event_picture(slug, "ring", NOON, uid)), child)
    with pytest.raises(BadReportError):
        FootageRows(lambda camera, reasons: []).write(seen(child_of(other, tmp_path), event.uid, kind="ring"), child)
    assert Event.objects.get().image == ""
