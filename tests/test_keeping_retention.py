"""Retention takes the oldest, by age and by bytes, and never what is kept; a clock set wrong empties nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from camera import paths, ports
from camera.engine import storages
from camera.engine.retention import GB, Retention
from camera.models import Camera, Event, Recording, Storage
from tests.keeping_house import Clock, event, recording, storage_at

Policies = Callable[..., None]


@pytest.fixture
def storage(tmp_path: Path, settings: Any, db: None) -> Storage:
    settings.MEDIA_ROOT = tmp_path
    return storage_at(tmp_path)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Policies:
    def rule(**values: Any) -> None:
        monkeypatch.setattr(ports, "policy", lambda: ports.Policy(**values))

    return rule


def retention(clock: Clock, size: int = 10**15) -> Retention:
    return Retention(lambda: clock.wall, clock, disk_size=lambda folder: (1, size))


def marked() -> set[int]:
    return set(Recording.objects.exclude(delete_requested_at=None).values_list("pk", flat=True))


def test_age_counts_by_the_camera_or_else_by_the_house(storage: Storage, yard: Camera, house: Policies) -> None:
    house(recording_days=14)
    garden = Camera.objects.create(name="Garden", slug="garden", kind="pattern", days_kept=3)
    gone = [recording(storage, yard, age=14.01), recording(storage, garden, age=3.01), recording(storage, age=15)]
    for age, camera in ((13.99, yard), (2.99, garden), (0, yard)):
        recording(storage, camera, age=age)
    recording(storage, yard, age=100, kept_at=timezone.now())
    recording(storage, yard, age=100, state="open")
    assert retention(Clock())() == 3
    assert marked() == {one.pk for one in gone}


def test_events_go_by_their_own_days_but_not_those_of_a_kept_recording(
    storage: Storage, yard: Camera, house: Policies, tmp_path: Path
) -> None:
    house(recording_days=14, event_days=60)
    kept = recording(storage, yard, age=61, kept_at=timezone.now())
    recording(storage, yard)
    old = event(yard, tmp_path, age=61)
    event(yard, tmp_path, age=61, recording=kept)
    event(yard, tmp_path, age=59)
    event(None, tmp_path, age=61, kind="system", ended_at=None)
    retention(Clock())()
    assert list(Event.objects.exclude(delete_requested_at=None)) == [old]


def test_a_cameras_own_gigabytes_touch_no_other_camera(storage: Storage, yard: Camera, house: Policies) -> None:
    house()
    Camera.objects.filter(pk=yard.pk).update(gigabytes_kept=0.01)
    garden = Camera.objects.create(name="Garden", slug="garden", kind="pattern")
    rows = [recording(storage, yard, age=9 - number) for number in range(6)]
    recording(storage, garden, age=12)
    Recording.objects.update(bytes=3_000_000)
    # 18 MB of yard, 10 MB allowed: three files go.
    assert retention(Clock())() == 3
    assert marked() == {one.pk for one in rows[:3]}


def test_the_houses_gigabytes_take_the_oldest_of_all_and_never_what_is_kept(
    storage: Storage, yard: Camera, house: Policies
) -> None:
    house(gigabytes=0.005)
    garden = Camera.objects.create(name="Garden", slug="garden", kind="pattern")
    rows = [recording(storage, camera, age=9 - number) for number in range(4) for camera in (yard, garden)]
    Recording.objects.filter(pk=rows[0].pk).update(kept_at=timezone.now())
    Recording.objects.update(bytes=1_000_000)
    assert retention(Clock())() == 3
    assert marked() == {one.pk for one in rows[1:4]}


def test_without_a_limit_four_fifths_of_the_disk_are_used(storage: Storage, yard: Camera, house: Policies) -> None:
    house()
    rows = [recording(storage, yard, age=9 - number) for number in range(9)]
    Recording.objects.update(bytes=GB)
    assert retention(Clock(), size=10 * GB)() == 1
    assert marked() == {rows[0].pk}


def test_it_works_once_a_minute_and_when_asked(storage: Storage, yard: Camera, house: Policies) -> None:
    house(recording_days=1)
    clock = Clock()
    job = retention(clock)
    recording(storage, yard)
    assert job() == 0
    recording(storage, yard, age=2)
    clock.forward(30)
    assert job() == 0
    job.ask()
    assert job() == 1
    recording(storage, yard, age=2)
    clock.forward(61)
    assert job() == 1


@pytest.mark.parametrize("step", [3600 * 24 * 365, 3600 * 24 * 15, 120])
def test_after_a_step_of_the_clock_no_pass_takes_more_than_a_tenth(
    step: int, storage: Storage, yard: Camera, house: Policies
) -> None:
    house(recording_days=14, gigabytes=1e-9)
    clock = Clock()
    job = retention(clock)
    many(storage, yard, 100, age=13)
    Recording.objects.update(kept_at=timezone.now())
    job()
    Recording.objects.update(kept_at=None)
    clock.wall += step
    for _ in range(3):
        before = Recording.objects.remaining().count()
        clock.forward(61)
        assert job() <= before / 10
    assert Recording.objects.remaining().count() >= 72


@pytest.mark.slow
def test_after_a_step_age_counts_once_an_hour(storage: Storage, yard: Camera, house: Policies) -> None:
    house(recording_days=14)
    clock = Clock()
    job = retention(clock)
    many(storage, yard, 100, age=1)
    job()
    clock.wall += 3600 * 24 * 365
    taken = 0
    for _ in range(119):
        clock.forward(60)
        taken += job()
    assert taken == 10 + 9, "two hours, a tenth each"
    for _ in range(26 * 60):
        clock.forward(60)
        job()
    assert not Recording.objects.remaining().exists(), "a clock that stays so is believed after a day"


def test_a_start_far_from_when_the_house_last_worked_is_careful_too(
    storage: Storage, yard: Camera, house: Policies
) -> None:
    house(recording_days=14)
    many(storage, yard, 50, age=40)
    clock = Clock()
    storages.alive(clock.wall - 3 * 24 * 3600)
    job = retention(clock)
    assert job() == 5
    assert retention(clock)() == 4, "a restart does not end the care"
    storages.alive(clock.wall)
    assert retention(clock)() == 41


def test_a_clock_in_1970_takes_nothing_and_what_lies_in_the_future_is_left(
    storage: Storage, yard: Camera, house: Policies
) -> None:
    house(recording_days=14, gigabytes=1e-9)
    many(storage, yard, 50, age=20)
    clock = Clock()
    clock.wall = 1000.0
    assert retention(clock)() == 0
    Recording.objects.update(started_at=timezone.now() + timedelta(days=400))
    assert retention(Clock())() == 0


def test_summer_time_is_no_step(storage: Storage, yard: Camera, house: Policies, settings: Any) -> None:
    house(recording_days=1)
    settings.TIME_ZONE = "Europe/Berlin"
    clock = Clock()
    clock.wall = datetime(2026, 10, 25, 0, 59, 30, tzinfo=UTC).timestamp()
    storages.alive(clock.wall)
    recording(storage, yard, started_at=datetime(2026, 10, 25, 0, 0, tzinfo=UTC))
    old = recording(storage, yard, started_at=datetime(2026, 10, 24, 1, 0, 20, tzinfo=UTC))
    job = retention(clock)
    assert job() == 0
    clock.forward(61)
    assert job() == 1
    assert marked() == {old.pk}


def test_two_thousand_take_few_queries_and_several_passes(
    storage: Storage, yard: Camera, house: Policies, django_assert_max_num_queries: Any
) -> None:
    house(recording_days=14, event_days=60)
    many(storage, yard, 2000, age=20)
    recording(storage, yard)
    job = retention(Clock())
    with django_assert_max_num_queries(16):
        assert job() == 500
    assert job() == 500, "the next pass follows at once"
    assert Recording.objects.aggregate(sum=Sum("bytes"))["sum"]


def many(storage: Storage, camera: Camera, count: int, age: float) -> None:
    """Rows without files, as old as told and a little less each."""
    at = datetime.now(UTC) - timedelta(days=age)
    Recording.objects.bulk_create(
        Recording(
            camera=camera, camera_name="Yard", camera_slug="yard", storage=storage, uid=f"{number:08x}", bytes=1000,
            file=paths.recording_file("yard", at.timestamp() + number, f"{number:08x}"), state="closed",
            trigger="always", started_at=at + timedelta(seconds=number),
        )
        for number in range(count)
    )  # fmt: skip
