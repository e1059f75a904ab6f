"""A full disk: the oldest go, then recording is held, then it resumes. On real small file systems where allowed."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from camera import ports
from camera.engine import disk as disks
from camera.engine import storages
from camera.engine.deletion import Deletion
from camera.engine.disk import GIB, Disk, floor_of, holds
from camera.models import Camera, Event, Recording, Storage
from tests.keeping_house import Clock, event, recording, small_disk, storage_at

MB = 1024 * 1024


@pytest.fixture(autouse=True)
def _nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "_held", None)


@pytest.fixture
def tiny(tmp_path: Path, settings: Any, db: None) -> Any:
    """8 MB that are MEDIA_ROOT: floor 2 MB, held below 1 MB, resumed above 1.5 MB."""
    with small_disk(tmp_path / "media", 8) as folder:
        settings.MEDIA_ROOT = folder
        yield folder


def low() -> list[Event]:
    return list(Event.objects.filter(kind="system", label="disk_low", ended_at=None))


def fill(folder: Path, megabytes: float) -> Path:
    filler = folder / "filler"
    filler.write_bytes(bytes(int(megabytes * MB)))
    return filler


@pytest.mark.parametrize(
    ("size", "hourly", "floor"),
    [
        (8 * MB, 0, 2 * MB),
        (10 * GIB, 0, GIB),
        (100 * GIB, 0, 5 * GIB),
        (100 * GIB, 9 * GIB, 9 * GIB),
        (100 * GIB, 90 * GIB, 25 * GIB),
    ],
)
def test_the_floor(size: int, hourly: float, floor: int) -> None:
    assert floor_of(size, hourly) == floor


def test_the_oldest_unkept_go_and_recording_goes_on(tiny: Path, yard: Camera) -> None:
    storage = storage_at(tiny)
    kept = recording(storage, yard, age=9, size=MB, kept_at=timezone.now())
    rows = [recording(storage, yard, age=8 - number, size=MB) for number in range(5)]
    being_written = recording(storage, yard, age=20, size=100, state="open")
    clock = Clock()
    disk = Disk(Deletion(), clock)
    for _ in range(4):
        disk.check()
        clock.forward(1)
    left = set(Recording.objects.values_list("pk", flat=True))
    assert {kept.pk, being_written.pk, rows[-1].pk} <= left
    assert rows[0].pk not in left
    stat = os.statvfs(tiny)
    assert stat.f_bavail * stat.f_frsize >= 2.2 * MB
    assert [one.pk in left for one in rows] == sorted(one.pk in left for one in rows), "oldest first"
    assert holds() == {}
    clock.forward(30)
    disk.check()
    assert low() == []


def test_with_nothing_to_delete_recording_is_held_and_resumes_by_itself(tiny: Path, yard: Camera) -> None:
    storage = storage_at(tiny)
    kept = recording(storage, yard, size=2 * MB, kept_at=timezone.now())
    tail = recording(storage, yard, size=MB // 5, state="open")
    clock = Clock()
    disk = Disk(Deletion(), clock)
    assert disk.check() == []
    filler = fill(tiny, 4.2)
    began = disk.check()
    assert [one.pk for one in low()] == began, "below the floor there is an alarm"
    assert holds() == {}, "but recording goes on until half of it"
    filler = fill(tiny, 5.2)
    assert disk.check() == []
    part = tail.path
    Recording.objects.filter(pk=tail.pk).update(state="closed")
    part.rename(part.with_suffix(""))
    for _ in range(3):
        clock.forward(1)
        assert disk.check() == [], "one alarm"
    assert holds() == {str(tiny.resolve()): "disk_full"}
    assert set(Recording.objects.all()) == {kept, tail}, "giving up the tail would not have helped"
    filler = fill(tiny, 4.6)
    disk.check()
    assert holds(), "a little more is not enough to begin again"
    filler.unlink()
    clock.forward(1)
    assert disk.check() == []
    assert holds() == {}
    clock.forward(11)
    assert disk.check() == began
    assert low() == []


def test_event_pictures_go_last_and_the_events_stay(tiny: Path, yard: Camera) -> None:
    storage_at(tiny)
    old, new = event(yard, tiny, age=9), event(yard, tiny, age=1)
    events = [event(yard, tiny, age=5) for _ in range(8)]
    for one in (old, new, *events):
        one.picture_path().write_bytes(bytes(128 * 1024))
    fill(tiny, 5.5)
    disk = Disk(Deletion(), Clock())
    disk.check()
    assert Event.objects.filter(kind="motion").count() == 10
    old.refresh_from_db()
    assert old.image == ""
    assert not list((tiny / "events").rglob(f"*{old.uid}*"))


def test_a_file_that_is_still_read_does_not_cost_all_the_others(tiny: Path, yard: Camera) -> None:
    """Its space comes free when the reader ends; until then the disk looks as full as before."""
    storage = storage_at(tiny)
    rows = [recording(storage, yard, age=9 - number, size=int(0.7 * MB)) for number in range(9)]
    clock = Clock()
    disk = Disk(Deletion(), clock)
    readers = [row.path.open("rb") for row in rows]
    for _ in range(4):
        disk.check()
        clock.forward(1)
    assert Recording.objects.count() == 7
    for reader in readers:
        reader.close()


def test_an_empty_mount_point_is_never_written_to(tmp_path: Path, settings: Any, yard: Camera) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    mounted = tmp_path / "disk"
    with small_disk(mounted, 8):
        storage = storage_at(mounted, marked=False)
        recording(storage, yard)
        clock = Clock()
        disk = Disk(Deletion(), clock)
        assert disk.check() == []
        assert (mounted / storages.MARKER).exists(), "footage is there: it is marked"
        os.system(f"umount -l {mounted}")
        began = disk.check()
        stray = recording(storage, yard)
        assert disk.check() == [], "what was written there meanwhile makes it no storage"
        stray.path.unlink()
        shutil.rmtree(mounted / "recordings")
        assert Event.objects.get(pk__in=began).label == "storage_missing"
        assert holds() == {str(mounted): "storage_missing"}
        assert list(mounted.iterdir()) == []
        assert Disk(Deletion(), clock).check() == [], "a new engine knows the alarm"
        (mounted / storages.MARKER).touch()
        assert disk.check() == began
        assert holds() == {}


def test_before_the_first_check_nothing_may_start_into_an_empty_mount_point(
    tmp_path: Path, settings: Any, yard: Camera
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    storage = storage_at(tmp_path / "disk")
    recording(storage, yard)
    assert holds() == {}
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    assert holds() == {storage.path: "storage_missing"}


def test_a_read_only_disk_is_held(tmp_path: Path, settings: Any, yard: Camera) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    with small_disk(tmp_path / "disk", 8) as folder:
        storage_at(folder)
        disk = Disk(Deletion(), Clock())
        disk.check()
        assert holds() == {}
        os.system(f"mount -o remount,ro {folder}")
        disk.check()
        assert holds() == {str(folder): "storage_readonly"}
        assert Event.objects.filter(label="storage_missing", ended_at=None).count() == 1


def test_a_disk_that_refuses_writing_without_saying_so_is_held(tmp_path: Path, settings: Any, yard: Camera) -> None:
    """As ext4 after a fault: neither statvfs nor access tell of it."""
    settings.MEDIA_ROOT = tmp_path / "media"
    with small_disk(tmp_path / "disk", 8) as folder:
        storage_at(folder)
        disk = Disk(Deletion(), Clock())
        disk.check()
        marker = folder / storages.MARKER
        before = marker.stat().st_mtime_ns
        assert holds() == {} and marker.stat().st_mtime_ns == before
        assert os.system(f"mount --bind {marker} {marker} && mount -o remount,ro,bind {marker}") == 0
        try:
            assert os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY
            disk.check()
            assert holds() == {str(folder): "storage_readonly"}
        finally:
            os.system(f"umount {marker}")
        disk.check()
        assert holds() == {}


def test_an_alarm_tells_the_house_inside_its_rows_transaction(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    told: list[tuple[int, bool]] = []
    monkeypatch.setattr(ports, "on_event", lambda one, is_new: told.append((one.pk, is_new)))
    clock = Clock()
    disk = Disk(Deletion(), clock)
    disk.check()
    with django_assert_max_num_queries(4):
        clock.forward(1)
        disk.check()
    filler = fill(tiny, 7)
    disk.check()
    filler.unlink()
    clock.forward(20)
    disk.check()
    pk = Event.objects.get().pk
    assert told == [(pk, True), (pk, False)]


def test_the_hour_is_measured(tiny: Path, yard: Camera) -> None:
    storage = storage_at(tiny)
    row = recording(storage, yard, age=0.5)
    Recording.objects.filter(pk=row.pk).update(bytes=12 * 100 * MB)
    disk = Disk(Deletion(), Clock())
    disk.check()
    rate = disk._hourly(disk._disks({})[0])
    assert 99 * MB < rate < 101 * MB
    assert Storage.objects.count() == 1


def test_a_stray_file_makes_no_storage_of_a_mount_point_after_a_restart(
    tmp_path: Path, settings: Any, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    storage = storage_at(tmp_path / "media")
    for age in range(1, 7):
        recording(storage, yard, age=age)
    (tmp_path / "media").rename(tmp_path / "unplugged")
    monkeypatch.setattr(storages, "_devices", {})
    recording(storage, yard)
    event(yard, tmp_path / "media")
    Disk(Deletion(), Clock()).check()
    assert holds() == {storage.path: "storage_missing"}
    assert not (tmp_path / "media" / storages.MARKER).exists()
