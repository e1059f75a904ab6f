"""Stills go by hours: by age, by their share of the disk, first of all when a disk runs full; never a foreign file."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from camera import paths, ports
from camera.engine import disk as disks
from camera.engine.deletion import Deletion
from camera.engine.disk import GIB, Disk, floor_of
from camera.engine.retention import Retention
from camera.leaving import footage_of, let_go
from camera.models import Camera, Event, EventStill, HourUsage, Recording, Storage, TimeLapse
from tests.keeping_house import (
    Clock,
    event,
    hour_of_stills,
    media_files,
    recording,
    storage_at,
    write,
)

Policies = Callable[..., None]


@pytest.fixture
def media(tmp_path: Path, settings: Any, db: None) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    storage_at(tmp_path / "media")
    return tmp_path / "media"


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Policies:
    def rule(**values: Any) -> None:
        monkeypatch.setattr(ports, "policy", lambda: ports.Policy(**values))

    return rule


def retention(clock: Clock, size: int = 10**15) -> Retention:
    return Retention(lambda: clock.wall, clock, disk_size=lambda folder: (1, size))


def marked() -> set[int]:
    return set(HourUsage.objects.exclude(delete_requested_at=None).values_list("pk", flat=True))


def timelapse(camera: Camera, media: Path, age: float = 0.0, **values: Any) -> TimeLapse:
    now = timezone.now()
    row = TimeLapse.objects.create(
        camera=camera, camera_name=camera.name, camera_slug=camera.slug, day=now.date(), begin=now, end=now,
        uid=paths.new_uid(), wanted_by="bob", state="ready", bytes=4,
    )  # fmt: skip
    name = paths.timelapse_file(camera.slug, row.day, row.uid)
    write(media / name, b"film")
    TimeLapse.objects.filter(pk=row.pk).update(**({"file": name, "wanted_at": now - timedelta(days=age)} | values))
    row.refresh_from_db()
    return row


def flagged(happened: Event, media: Path, number: int, captured_at: datetime) -> EventStill:
    uid = f"{number:08x}"
    name = paths.event_picture("yard", "spill", captured_at.timestamp(), uid)
    write(media / name, b"flagged")
    return EventStill.objects.create(
        event=happened, uid=uid, captured_at=captured_at, image=name, sha256="0" * 64, bytes=7
    )


def test_hours_older_than_the_days_kept_go_whole(media: Path, yard: Camera, house: Policies) -> None:
    house(still_days=2)
    old = [hour_of_stills(yard, media, age=age) for age in (50, 49)]
    for age in (48, 47, 1, 0):
        hour_of_stills(yard, media, age=age)
    recording(Storage.objects.get(), yard, age=1)
    assert retention(Clock())() == 2
    assert marked() == {one.pk for one in old}
    assert not Recording.objects.exclude(delete_requested_at=None).exists()


def test_all_stills_take_a_tenth_of_the_disk_and_the_oldest_go(media: Path, yard: Camera, house: Policies) -> None:
    house(still_days=20)
    garden = Camera.objects.create(name="Garden", slug="garden", kind="pattern")
    hours = [hour_of_stills(camera, media, age=age) for age in (9, 8, 7) for camera in (yard, garden)]
    ahead = hour_of_stills(yard, media, age=-30)
    HourUsage.objects.update(bytes=1000)
    # 7 kB of stills on a disk of 45 kB, 4.5 kB allowed: three hours go.
    assert retention(Clock(), size=45_000)() == 3
    assert marked() == {one.pk for one in hours[:3]} and ahead.pk not in marked()


def test_the_hour_that_goes_on_is_never_taken_for_room(media: Path, yard: Camera, house: Policies) -> None:
    house(still_days=2)
    hour_of_stills(yard, media, age=0)
    assert retention(Clock(), size=10)() == 0


def test_after_a_step_of_the_clock_no_pass_takes_more_than_a_tenth(media: Path, yard: Camera, house: Policies) -> None:
    house(still_days=2)
    for age in range(1, 41):
        hour_of_stills(yard, media, age=age, count=0)
    clock = Clock()
    job = retention(clock)
    assert job() == 0
    clock.wall += 3600 * 24 * 365
    clock.forward(61)
    assert job() == 4
    clock.forward(61)
    assert job() == 0, "age counts once an hour then"
    clock.forward(3600)
    assert job() == 3


def test_a_marked_hour_goes_with_its_files_and_nothing_else(media: Path, yard: Camera) -> None:
    gone = hour_of_stills(yard, media, age=30, delete_requested_at=timezone.now())
    stays = hour_of_stills(yard, media, age=31)
    # In one folder when the day does not change between; else beside it.
    day = media / "snapshots" / "yard" / f"{gone.hour:%Y-%m-%d}"
    name = f"{gone.hour:%H}_10_00.jpg"
    write(day / (name + ".part"), b"half")
    (day / f"{gone.hour:%H}_20_00.jpg").symlink_to(write(media / "precious.jpg", b"precious"))
    (day / f"{gone.hour:%H}_30_00.jpg").mkdir()
    foreign = {write(day / f"{gone.hour:%H}_holiday.jpg", b"mine"), write(day / f"{gone.hour:%H}_10_00.png", b"mine")}
    assert Deletion()() == 1
    assert list(HourUsage.objects.all()) == [stays]
    left = {path for path in day.iterdir() if path.name.startswith(f"{gone.hour:%H}")}
    assert foreign < left and len(left) == 4, "a link and a folder are somebody else's"
    assert (media / "precious.jpg").read_bytes() == b"precious"
    kept = media / "snapshots" / "yard" / f"{stays.hour:%Y-%m-%d}"
    assert len(list(kept.glob(f"{stays.hour:%H}_00_*.jpg"))) == 3


def test_the_empty_folder_of_a_day_goes(media: Path, yard: Camera) -> None:
    hour_of_stills(yard, media, age=72, delete_requested_at=timezone.now())
    assert Deletion()() == 1
    assert list((media / "snapshots" / "yard").iterdir()) == []


def test_a_folder_that_is_a_link_is_not_followed(media: Path, yard: Camera, tmp_path: Path) -> None:
    row = hour_of_stills(yard, media, age=30, delete_requested_at=timezone.now())
    day = media / "snapshots" / "yard" / f"{row.hour:%Y-%m-%d}"
    day.rename(tmp_path / "elsewhere")
    day.symlink_to(tmp_path / "elsewhere")
    assert Deletion()() == 0
    assert len(list((tmp_path / "elsewhere").iterdir())) == 3 and HourUsage.objects.exists()


def test_a_large_hour_goes_in_short_turns(media: Path, yard: Camera) -> None:
    row = hour_of_stills(yard, media, age=30, count=300, delete_requested_at=timezone.now())

    class Slow(Clock):
        def __call__(self) -> float:
            self.now += 0.005
            return self.now

    deletion = Deletion(Slow())
    turns = 0
    while HourUsage.objects.filter(pk=row.pk).exists():
        deletion()
        turns += 1
        assert turns < 20
    assert turns > 1 and media_files(media) == set()


def test_the_last_picture_of_a_camera_that_goes_is_waited_for(media: Path, yard: Camera) -> None:
    row = hour_of_stills(yard, media, age=0, delete_requested_at=timezone.now())
    assert Deletion()() == 0
    HourUsage.objects.filter(pk=row.pk).update(delete_requested_at=timezone.now() - timedelta(seconds=11))
    assert Deletion()() == 1


def test_an_unplugged_disk_keeps_the_rows(media: Path, yard: Camera, tmp_path: Path) -> None:
    hour_of_stills(yard, media, age=30, delete_requested_at=timezone.now())
    media.rename(tmp_path / "unplugged")
    media.mkdir()
    assert Deletion()() == 0 and HourUsage.objects.exists()


def test_timelapses_go_by_the_days_of_events(media: Path, yard: Camera, house: Policies) -> None:
    house(event_days=60)
    old, new = timelapse(yard, media, age=61), timelapse(yard, media, age=59)
    busy = timelapse(yard, media, age=61, state="working")
    assert retention(Clock())() == 2
    assert Deletion()() == 1
    assert set(TimeLapse.objects.all()) == {new, busy}
    assert not old.path.exists() and new.path.exists() and busy.path.exists()


@pytest.mark.parametrize("name", ["precious.mp4", "../precious.mp4", "snapshots/yard/2026-11-20/12_00_00.jpg"])
def test_a_timelapse_that_names_something_else_removes_nothing(name: str, media: Path, yard: Camera) -> None:
    outside, inside = write(media.parent / "precious.mp4", b"p"), write(media / "precious.mp4", b"p")
    timelapse(yard, media, file=name, delete_requested_at=timezone.now())
    assert Deletion()() == 0
    assert outside.exists() and inside.exists() and TimeLapse.objects.exists()


def test_an_event_goes_with_every_flagged_picture(media: Path, yard: Camera) -> None:
    at = datetime.now(UTC) - timedelta(days=3)
    happened = event(yard, media, age=3, kind="spill", delete_requested_at=timezone.now())
    other = event(yard, media, age=3)
    stills = [flagged(happened, media, number, at + timedelta(seconds=number)) for number in range(250)]
    beside = flagged(other, media, 999, at)
    deletion = Deletion()
    for _ in range(4):
        deletion()
    assert list(Event.objects.all()) == [other] and list(EventStill.objects.all()) == [beside]
    assert not any(one.path.exists() for one in stills)
    assert beside.path.exists()


def test_a_flagged_picture_elsewhere_is_not_removed(media: Path, yard: Camera) -> None:
    precious = write(media / "precious.jpg", b"precious")
    happened = event(yard, media, age=3, delete_requested_at=timezone.now())
    still = flagged(happened, media, 1, timezone.now())
    EventStill.objects.filter(pk=still.pk).update(image="precious.jpg")
    assert Deletion()() == 0
    assert precious.exists() and Event.objects.exists()


def test_a_camera_takes_its_stills_and_timelapses_along(media: Path, yard: Camera) -> None:
    hour_of_stills(yard, media, age=30)
    timelapse(yard, media)
    recording(Storage.objects.get(), yard, age=2, size=2_000_000)
    garden = Camera.objects.create(name="Garden", slug="garden", kind="pattern")
    hour_of_stills(garden, media, age=30)
    assert str(footage_of(yard)) == "1 recording (2.0 MB), 3 stills (300 B) and 1 time-lapse (4 B)"
    # Pictures that no row counts yet go too.
    write(media / paths.still_file("yard", datetime.now(UTC).timestamp()), b"x")
    let_go(yard)
    yard.delete()
    HourUsage.objects.exclude(delete_requested_at=None).update(
        delete_requested_at=timezone.now() - timedelta(minutes=1)
    )
    deletion = Deletion()
    for _ in range(3):
        deletion()
    assert set(HourUsage.objects.values_list("camera_slug", flat=True)) == {"garden"}
    assert all(name.startswith("snapshots/garden/") for name in media_files(media))


def test_a_full_disk_takes_stills_first_then_recordings_then_pictures(
    media: Path, yard: Camera, house: Policies, monkeypatch: pytest.MonkeyPatch
) -> None:
    house()
    size = 100 * GIB
    floor = floor_of(size, 0)
    hours = [hour_of_stills(yard, media, age=30 - number, bytes=floor // 4) for number in range(3)]
    rows = [recording(Storage.objects.get(), yard, age=9 - number) for number in range(3)]
    Recording.objects.update(bytes=floor // 4)
    happened = event(yard, media, age=1)
    free = [0]

    def statvfs(_: str) -> os.statvfs_result:
        there = HourUsage.objects.count() + Recording.objects.count()
        blocks = (free[0] + (6 - there) * (floor // 4)) // 4096
        return os.statvfs_result((4096, 4096, size // 4096, blocks, blocks, 0, 0, 0, 0, 255))

    monkeypatch.setattr(disks, "_held", None)
    clock = Clock()
    watch = Disk(Deletion(clock), clock, statvfs)
    free[0] = int(floor * 0.9)
    watch.check()
    assert not HourUsage.objects.filter(pk=hours[0].pk).exists(), "the oldest hours first"
    assert HourUsage.objects.filter(pk=hours[2].pk).exists() and Recording.objects.count() == 3
    free[0] = int(floor * 0.2)
    for _ in range(3):
        clock.forward(6)
        watch.check()
    assert not HourUsage.objects.exists()
    assert not Recording.objects.filter(pk=rows[0].pk).exists() and Recording.objects.exists()
    happened.refresh_from_db()
    assert happened.image, "pictures of events last of all"
