"""Times without pictures, as rows: by a clock that the test moves."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from accounts.models import User
from camera import ports
from camera.engine import storages
from camera.engine.event_rows import moment
from camera.engine.gaps import MOST_FORGOTTEN, SAME, SHORTEST, Gaps, forget
from camera.engine.supervisor import Wanted
from camera.models import Camera, Gap
from camera.packets import CameraState, SourceConfig
from tests.engine_house import NOON
from tests.keeping_house import Clock

pytestmark = pytest.mark.django_db


class Watch:
    """The engine's gaps with a clock of our own; states are said as the loop says them."""

    def __init__(self, camera: Camera, clock: Clock) -> None:
        self.camera, self.clock = camera, clock
        self.gaps = Gaps(clock, lambda: clock.wall)
        self.want()
        self.gaps.step()

    def want(self, *, gone: bool = False) -> None:
        self.gaps.want([] if gone else [Wanted(self.camera.pk, True, SourceConfig("pattern"))])

    def says(self, state: str, reason: str | None = None, **values: Any) -> None:
        self.gaps.heard(CameraState(self.camera.pk, state, reason, **values))
        self.gaps.step()

    def wait(self, seconds: float) -> float:
        """Let it pass; what the time was before."""
        before = self.clock.wall
        for _ in range(round(seconds)):
            self.clock.forward(1)
            self.gaps.step()
        return before

    def rows(self) -> list[tuple[str, float, float | None]]:
        """(cause, beginning, end) of each, in seconds since NOON."""
        return [
            (one.cause, one.started_at.timestamp() - NOON, one.ended_at and one.ended_at.timestamp() - NOON)
            for one in Gap.objects.order_by("pk")
        ]


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.wall = NOON
    return made


@pytest.fixture
def watch(yard: Camera, clock: Clock) -> Watch:
    watch = Watch(yard, clock)
    watch.says("connecting")
    watch.says("online")
    return watch


def test_a_gap_begins_when_the_camera_goes_and_ends_when_it_is_back(watch: Watch) -> None:
    watch.wait(100)
    watch.says("offline", "STALLED")
    assert watch.rows() == [("STALLED", 100, None)]
    watch.wait(50)
    watch.says("online")
    assert watch.rows() == [("STALLED", 100, 150)]


def test_it_begins_with_the_last_picture(watch: Watch) -> None:
    watch.wait(100)
    watch.says("offline", "STALLED", last_frame_at=NOON + 90)
    watch.says("online")
    watch.wait(500)
    watch.says("offline", "NO_SIGNAL", last_frame_at=NOON + 90)
    assert [began for _, began, _ in watch.rows()] == [90, 600], "an old picture says nothing"


def test_a_camera_that_never_was_there_has_none(yard: Camera, clock: Clock) -> None:
    watch = Watch(yard, clock)
    for state, reason in (("connecting", None), ("offline", "NO_SIGNAL"), ("connecting", None), ("offline", "REFUSED")):
        watch.says(state, reason)
        watch.wait(30)
    assert not watch.rows()


def test_one_absence_is_one_gap_under_its_first_name(watch: Watch) -> None:
    watch.says("offline", "STALLED")
    for reason in ("NO_SIGNAL", None, "AUTH_FAILED", "NO_SIGNAL"):
        watch.wait(10)
        watch.says("offline" if reason else "connecting", reason)
    watch.wait(10)
    watch.says("online")
    assert watch.rows() == [("STALLED", 0, 50)]


def test_privacy_is_a_gap_of_its_own(watch: Watch) -> None:
    watch.says("paused", "PRIVACY", last_frame_at=NOON - 20)
    watch.wait(60)
    watch.says("online")
    assert watch.rows() == [("PRIVACY", 0, 60)]


def test_a_camera_that_falls_silent_because_of_privacy_is_told_as_that(watch: Watch) -> None:
    watch.says("offline", "STALLED")
    watch.wait(SAME)
    watch.says("paused", "PRIVACY")
    assert watch.rows() == [("PRIVACY", 0, None)]


def test_privacy_that_begins_or_ends_while_the_camera_is_away_divides_the_gap(watch: Watch) -> None:
    watch.says("offline", "NO_SIGNAL")
    watch.wait(SAME + 1)
    watch.says("paused", "PRIVACY")
    watch.wait(10)
    watch.says("connecting")
    watch.wait(10)
    watch.says("offline", "NO_SIGNAL")
    watch.wait(10)
    watch.says("online")
    assert watch.rows() == [("NO_SIGNAL", 0, 31), ("PRIVACY", 31, 51), ("NO_SIGNAL", 51, 61)]


def test_another_address_is_no_gap_when_it_is_quick_and_one_when_it_is_not(watch: Watch) -> None:
    watch.says("connecting")
    watch.wait(SHORTEST - 1)
    watch.says("online")
    assert not watch.rows()
    watch.says("connecting")
    watch.wait(5)
    watch.says("connecting")
    watch.wait(5)
    watch.says("online")
    assert watch.rows() == [("NO_SIGNAL", 1, 11)]


def test_a_camera_that_is_switched_off_has_none(watch: Watch, yard: Camera) -> None:
    watch.says("offline", "NO_SIGNAL")
    watch.wait(10)
    Camera.objects.update(enabled=False)
    watch.says("disabled")
    assert watch.rows() == [("NO_SIGNAL", 0, 10)]
    watch.wait(10)
    Camera.objects.update(enabled=True)
    watch.says("connecting")
    watch.says("offline", "NO_SIGNAL")
    watch.wait(10)
    assert len(watch.rows()) == 1, "it has not been there again"


def test_a_camera_that_goes_to_another_engine_or_is_deleted_has_none(watch: Watch, yard: Camera) -> None:
    watch.says("offline", "NO_SIGNAL")
    watch.wait(10)
    watch.want(gone=True)
    watch.gaps.step()
    assert watch.rows() == [("NO_SIGNAL", 0, 10)]
    watch.want()
    watch.says("online")
    yard.delete()
    watch.says("offline", "NO_SIGNAL")
    watch.wait(5)
    assert not watch.rows()


def test_silent_webcams_have_none(watch: Watch) -> None:
    Camera.objects.update(webcam=True)
    watch.says("offline", "NO_SIGNAL")
    watch.wait(100)
    watch.says("online")
    assert not watch.rows()


def test_the_engines_own_absence_is_a_gap(watch: Watch, yard: Camera) -> None:
    watch.wait(10)
    watch.gaps.end()
    assert watch.rows() == [("ENGINE_DOWN", 10, None)]
    watch.clock.forward(60)
    later = Watch(yard, watch.clock)
    later.says("connecting")
    later.wait(3)
    later.says("online")
    assert later.rows() == [("ENGINE_DOWN", 10, 73)]


def test_a_camera_that_is_away_when_the_engine_is_back_is_away_for_its_own_reason(watch: Watch, yard: Camera) -> None:
    watch.gaps.end()
    watch.clock.forward(60)
    later = Watch(yard, watch.clock)
    later.says("connecting")
    later.wait(3)
    later.says("offline", "NO_SIGNAL")
    later.wait(10)
    later.says("online")
    assert later.rows() == [("ENGINE_DOWN", 0, 63), ("NO_SIGNAL", 63, 73)]


def test_what_a_killed_engine_left_open_goes_on(watch: Watch, yard: Camera) -> None:
    watch.says("offline", "STALLED")
    watch.clock.forward(100)
    later = Watch(yard, watch.clock)
    later.says("connecting")
    later.says("offline", "NO_SIGNAL")
    later.wait(10)
    later.says("online")
    assert later.rows() == [("STALLED", 0, 110)]


def test_a_killed_engine_leaves_a_gap_from_when_it_last_worked(
    yard: Camera, clock: Clock, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / storages.MARKER).touch()
    storages.alive(NOON - 40)
    Camera.objects.update(state="online")
    watch = Watch(yard, clock)
    watch.says("connecting")
    watch.wait(2)
    watch.says("online")
    assert watch.rows() == [("ENGINE_DOWN", -40, 2)]


def test_what_was_left_open_of_cameras_that_are_off_is_closed(yard: Camera, clock: Clock, alice: User) -> None:
    phone = Camera.objects.create(name="Phone", slug="phone", kind="push", webcam=True, keeper=alice)
    for camera in (yard, phone):
        Gap.objects.create(camera=camera, cause="NO_SIGNAL", started_at=moment(NOON - 50))
    Gap.objects.create(camera=yard, cause="NO_SIGNAL", started_at=moment(NOON - 30))
    Camera.objects.filter(pk=yard.pk).update(enabled=False)
    watch = Watch(yard, clock)
    assert {end for _, _, end in watch.rows()} == {-30, 0}


def test_a_clock_that_was_set_back_ends_none_before_it_began(watch: Watch) -> None:
    watch.says("offline", "NO_SIGNAL")
    watch.clock.wall -= 3600
    watch.says("online")
    assert watch.rows() == [("NO_SIGNAL", 0, 0)]


def test_nothing_is_lost_while_the_database_takes_nothing(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    create = Gap.objects.create
    faults = [OperationalError("locked")] * 3

    def refuse(**values: Any) -> Gap:
        if faults:
            raise faults.pop()
        return create(**values)

    monkeypatch.setattr(Gap.objects, "create", refuse)
    watch.gaps.heard(CameraState(watch.camera.pk, "offline", "NO_SIGNAL"))
    watch.clock.forward(5)
    watch.gaps.heard(CameraState(watch.camera.pk, "online"))
    for _ in range(3):
        with pytest.raises(OperationalError):
            watch.gaps.step()
    watch.gaps.step()
    assert watch.rows() == [("NO_SIGNAL", 0, 5)]


def test_old_ones_go_with_the_recordings(yard: Camera, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "policy", lambda: ports.Policy(recording_days=14))
    shed = Camera.objects.create(name="Shed", slug="shed", kind="pattern", keeper=alice, days_kept=3)
    now = moment(NOON)
    for camera, days in ((yard, 20), (yard, 13), (shed, 13), (shed, 2)):
        end = now - timedelta(days=days)
        Gap.objects.create(camera=camera, cause="STALLED", started_at=end - timedelta(hours=1), ended_at=end)
    Gap.objects.create(camera=yard, cause="STALLED", started_at=now - timedelta(days=100))
    assert forget(now) == 2
    left = [(one.camera.slug, one.ended_at and (now - one.ended_at).days) for one in Gap.objects.order_by("pk")]
    assert left == [("yard", 13), ("shed", 2), ("yard", None)]


def test_a_clock_that_is_years_ahead_takes_a_few_at_a_time(watch: Watch, yard: Camera) -> None:
    end = moment(NOON)
    Gap.objects.bulk_create(
        Gap(camera=yard, cause="STALLED", started_at=end, ended_at=end) for _ in range(MOST_FORGOTTEN + 10)
    )
    watch.clock.wall += 3e8
    watch.wait(10)
    assert Gap.objects.count() == MOST_FORGOTTEN + 10, "it was looked at a moment ago"
    watch.clock.forward(3600)
    watch.gaps.step()
    assert Gap.objects.count() == 10
