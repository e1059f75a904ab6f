"""Cameras that go and come back, as events: by a clock that the test moves."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from accounts.models import User
from camera import ports
from camera.engine.event_rows import moment
from camera.engine.outages import KEEPS_FAILING, LABELS, LONG_ENOUGH, START_GRACE, Outages
from camera.engine.supervisor import Wanted
from camera.leaving import let_go
from camera.models import Camera, Event
from camera.packets import CameraState, Reason, SourceConfig
from tests.engine_house import NOON
from tests.keeping_house import Clock

pytestmark = pytest.mark.django_db
RESTARTED = {"state": "connecting", "reason": "NO_SIGNAL", "detail": "the camera process is being restarted"}


class Watch:
    """The engine's outages with a clock of our own; states are said as the supervisor would."""

    def __init__(self, camera: Camera, clock: Clock) -> None:
        self.camera, self.clock = camera, clock
        self.published: list[tuple[int | None, int]] = []
        self.outages = Outages(lambda *about: self.published.append(about), clock, lambda: clock.wall)
        self.enabled, self.kind = True, camera.kind
        self.want()
        self.outages.step()

    def want(self, address: str = "", *, gone: bool = False) -> None:
        source = SourceConfig(self.kind, address)
        self.outages.want([] if gone else [Wanted(self.camera.pk, self.enabled, source)])

    def says(self, state: str, reason: str | None = None, **values: Any) -> None:
        self.outages.heard(CameraState(self.camera.pk, state, reason, **values))
        self.outages.step()

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.clock.forward(1)
            self.outages.step()


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.wall = NOON
    return made


@pytest.fixture
def watch(yard: Camera, clock: Clock) -> Watch:
    """Yard is online, and the engine's start is long past."""
    watch = Watch(yard, clock)
    watch.says("connecting")
    watch.says("online")
    watch.wait(START_GRACE)
    return watch


def test_a_camera_that_is_gone_for_long_is_an_event_and_ends_when_it_is_back(watch: Watch, yard: Camera) -> None:
    went = watch.clock.wall
    watch.says("offline", "NO_SIGNAL")
    watch.wait(LONG_ENOUGH - 1)
    assert not Event.objects.exists()
    watch.wait(1)
    event = Event.objects.get()
    assert (event.kind, event.camera, event.camera_name) == ("camera_offline", yard, "Yard")
    assert (event.started_at, event.ended_at, event.writer) == (moment(went), None, "")
    assert event.label == "the camera does not answer" and watch.published == [(yard.pk, event.pk)]
    for reason in ("STALLED", "AUTH_FAILED", "NO_SIGNAL"):
        watch.says("offline", reason)
        watch.says("connecting")
        watch.wait(20)
    back = watch.clock.wall
    watch.says("online")
    event.refresh_from_db()
    assert event.ended_at == moment(back) and Event.objects.count() == 1
    assert watch.published == [(yard.pk, event.pk)] * 2


def test_short_ones_are_none(watch: Watch) -> None:
    for _ in range(5):
        watch.says("offline", "STALLED")
        watch.wait(8)
        watch.says("online")
        watch.wait(3)
    watch.wait(60)
    assert not Event.objects.exists()


def test_a_process_that_is_restarted_is_none_and_one_that_keeps_failing_is_one(watch: Watch) -> None:
    watch.says(**RESTARTED)
    watch.wait(2)
    watch.says("connecting")
    watch.wait(1)
    watch.says("online")
    watch.wait(60)
    assert not Event.objects.exists()
    for _ in range(6):
        watch.says(**RESTARTED)
        watch.wait(1)
        watch.says("connecting")
        watch.wait(1)
    assert Event.objects.get().label == KEEPS_FAILING


def test_a_push_camera_without_frames_is_one_at_once_from_its_last_picture_on(watch: Watch) -> None:
    watch.kind = "push"
    watch.want()
    watch.says("online")
    last = watch.clock.wall
    watch.wait(10)
    watch.says("offline", "NO_SIGNAL", last_frame_at=last)
    assert Event.objects.get().started_at == moment(last)
    watch.says("online")
    assert Event.objects.get().ended_at == moment(watch.clock.wall)


def test_a_sender_that_sends_seldom_is_told_of_once_and_when_it_stays_away_for_longer(watch: Watch) -> None:
    watch.kind = "push"
    watch.want()
    for _ in range(5):
        watch.says("online", last_frame_at=watch.clock.wall)
        watch.wait(10)
        watch.says("offline", "NO_SIGNAL")
        watch.wait(50)
    assert Event.objects.count() == 1
    watch.wait(40)
    assert Event.objects.count() == 1
    watch.wait(20)
    assert [event.ended_at is None for event in Event.objects.order_by("pk")] == [False, True]


def test_one_that_sent_for_a_while_is_told_of_at_once_however_long_it_was_away_before(watch: Watch) -> None:
    watch.kind = "push"
    watch.want()
    for seconds in (600, 60):
        watch.says("online", last_frame_at=watch.clock.wall)
        watch.wait(60)
        watch.says("offline", "NO_SIGNAL")
        watch.wait(seconds)
    assert Event.objects.count() == 2


@pytest.mark.parametrize("last", [0.0, NOON - 9e9, 2e11])
def test_a_last_picture_of_long_ago_or_of_the_future_says_nothing(watch: Watch, last: float) -> None:
    went = watch.clock.wall
    watch.says("offline", "NO_SIGNAL", last_frame_at=last)
    watch.wait(LONG_ENOUGH)
    assert Event.objects.get().started_at == moment(went)


def test_one_that_never_was_online_is_none(yard: Camera, clock: Clock) -> None:
    watch = Watch(yard, clock)
    watch.says("connecting")
    watch.says("offline", "NO_SIGNAL")
    watch.wait(300)
    assert not Event.objects.exists()


def test_a_phone_in_somebody_s_hand_is_none(watch: Watch) -> None:
    Camera.objects.update(webcam=True)
    watch.says("offline", "NO_SIGNAL")
    watch.wait(60)
    assert not Event.objects.exists()


def switched_off(watch: Watch) -> None:
    watch.enabled = False
    watch.want()
    watch.says("disabled")


def changed(watch: Watch) -> None:
    watch.want("another")
    watch.says("connecting")


def deleted(watch: Watch) -> None:
    let_go(watch.camera)
    Camera.objects.all().delete()
    watch.want(gone=True)
    watch.outages.step()


def paused(watch: Watch) -> None:
    watch.says("paused", "PRIVACY")


@pytest.mark.parametrize("what", [switched_off, changed, deleted, paused])
@pytest.mark.parametrize("seconds", [5, 30])
def test_what_people_do_to_the_camera_ends_it_or_makes_none(
    watch: Watch, what: Callable[[Watch], None], seconds: int
) -> None:
    watch.says("offline", "NO_SIGNAL")
    watch.wait(seconds)
    now = watch.clock.wall
    what(watch)
    watch.wait(60)
    expected = [moment(now)] if seconds > LONG_ENOUGH else []
    assert list(Event.objects.values_list("ended_at", flat=True)) == expected


def test_an_engine_that_ends_makes_none(watch: Watch) -> None:
    watch.outages.stop()
    watch.says("offline", "NO_SIGNAL")
    watch.wait(60)
    assert not Event.objects.exists()


def test_an_engine_that_was_restarted_finds_the_open_one(watch: Watch, yard: Camera, clock: Clock) -> None:
    watch.says("offline", "NO_SIGNAL")
    watch.wait(30)
    Camera.objects.update(state="offline")
    clock.forward(5)
    later = Watch(yard, clock)
    later.says("connecting")
    later.says("offline", "NO_SIGNAL")
    later.wait(300)
    assert Event.objects.get().ended_at is None
    later.says("online")
    assert Event.objects.get().ended_at == moment(clock.wall)


def test_after_the_start_cameras_have_a_while_to_come_back(yard: Camera, clock: Clock) -> None:
    Camera.objects.update(state="online")
    for seconds, count in ((START_GRACE - 5, 0), (START_GRACE + 5, 1)):
        watch = Watch(yard, clock)
        watch.says("connecting")
        watch.says("offline", "NO_SIGNAL")
        watch.wait(seconds)
        watch.says("online")
        watch.wait(60)
        assert Event.objects.count() == count
    slow = Watch(yard, clock)
    slow.says("connecting")
    slow.wait(START_GRACE + 60)
    assert Event.objects.count() == 1, "it only takes long to open its source"


def test_there_is_never_more_than_one_open(watch: Watch, yard: Camera) -> None:
    known = Event.objects.create(
        camera=yard, uid="000000aa", kind="camera_offline", started_at=moment(NOON), changed_at=moment(NOON)
    )
    watch.says("offline", "NO_SIGNAL")
    watch.wait(30)
    watch.says("online")
    assert Event.objects.get() == known and Event.objects.get().ended_at == moment(watch.clock.wall)


def test_one_whose_camera_was_deleted_between_engines_is_ended(watch: Watch, clock: Clock, yard: Camera) -> None:
    watch.says("offline", "NO_SIGNAL")
    watch.wait(30)
    Camera.objects.all().delete()
    clock.forward(5)
    Watch(yard, clock)
    assert Event.objects.get().ended_at == moment(clock.wall)


def test_one_that_was_deleted_by_hand_is_not_made_again_before_the_camera_was_back(watch: Watch) -> None:
    watch.says("offline", "NO_SIGNAL")
    watch.wait(30)
    Event.objects.all().delete()
    watch.says("offline", "STALLED")
    watch.wait(60)
    assert not Event.objects.exists()
    watch.says("online")
    watch.says("offline", "STALLED")
    watch.wait(60)
    assert Event.objects.count() == 1


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_a_clock_that_is_set_makes_none_and_ends_none_before_it_began(watch: Watch, step: float) -> None:
    watch.says("offline", "STALLED")
    watch.clock.wall += step
    watch.wait(5)
    assert not Event.objects.exists()
    watch.wait(30)
    watch.says("online")
    event = Event.objects.get()
    assert event.ended_at is not None and event.ended_at >= event.started_at


def test_a_locked_database_delays_it_and_loses_nothing(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(event: Event, is_new: bool) -> None:
        raise OperationalError("database is locked")

    went = watch.clock.wall
    watch.says("offline", "NO_SIGNAL")
    monkeypatch.setattr(ports, "on_event", locked)
    with pytest.raises(OperationalError):
        watch.wait(LONG_ENOUGH)
    monkeypatch.undo()
    watch.wait(5)
    assert Event.objects.get().started_at == moment(went)
    monkeypatch.setattr(ports, "on_event", locked)
    back = watch.clock.wall
    with pytest.raises(OperationalError):
        watch.says("online")
    monkeypatch.undo()
    watch.wait(5)
    assert Event.objects.get().ended_at == moment(back)


def test_all_cameras_at_once_make_one_each(yard: Camera, alice: User, clock: Clock) -> None:
    gate = Camera.objects.create(name="Gate", slug="gate", kind="rtsp", keeper=alice)
    watches = [Watch(camera, clock) for camera in (yard, gate)]
    for watch in watches:
        watch.says("online")
        watch.says("offline", "NO_SIGNAL")
    clock.forward(LONG_ENOUGH)
    for watch in watches:
        watch.outages.step()
    assert sorted(Event.objects.values_list("camera_slug", flat=True)) == ["gate", "yard"]


def test_every_reason_has_words_that_fit() -> None:
    assert set(LABELS) == set(Reason)
    assert all(0 < len(label) <= 60 for label in (*LABELS.values(), KEEPS_FAILING))
