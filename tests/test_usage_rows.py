"""The rows of what each hour takes: counted from folders and recordings, true again after whatever happened."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from camera import paths
from camera.engine.deletion import Deletion
from camera.engine.usage import RECORDINGS, Usage
from camera.models import Camera, Event, HourUsage, Recording, Storage
from tests.keeping_house import Clock, event, recording, still, storage_at, write

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Row = tuple[str, str, datetime, int, int]


@pytest.fixture
def storage(tmp_path: Path, settings: Any, db: None) -> Storage:
    settings.MEDIA_ROOT = tmp_path / "media"
    return storage_at(tmp_path / "media")


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.wall = (NOON + timedelta(minutes=30)).timestamp()
    return made


def usage(clock: Clock, deletion: Deletion | None = None) -> Usage:
    return Usage(deletion or Deletion(clock), lambda: clock.wall, clock)


def rows(kind: str = "") -> list[Row]:
    found = HourUsage.objects.filter(kind=kind) if kind else HourUsage.objects.all()
    return list(
        found.order_by("kind", "camera_slug", "hour").values_list("kind", "camera_slug", "hour", "files", "bytes")
    )


def test_every_kind_is_counted_by_camera_and_hour(storage: Storage, yard: Camera, clock: Clock) -> None:
    media = Path(storage.path)
    for second in (0, 5, 10):
        still(media, "yard", NOON + timedelta(seconds=second), 100)
    still(media, "yard", NOON - timedelta(days=9), 70)
    still(media, "gone", NOON - timedelta(hours=1, seconds=1), 50)
    recording(storage, yard, started_at=NOON + timedelta(minutes=59), size=4000)
    recording(storage, yard, started_at=NOON + timedelta(minutes=1), size=1000)
    recording(storage, yard, started_at=NOON, size=500, delete_requested_at=timezone.now())
    at = NOON - timedelta(hours=3)
    name = paths.event_picture("yard", "motion", at.timestamp(), "0123abcd")
    write(media / name, b"12345")
    usage(clock).settle()
    assert rows() == [
        ("events", "yard", at, 1, 5),
        ("recordings", "yard", NOON, 2, 5000),
        ("stills", "gone", NOON - timedelta(hours=2), 1, 50),
        ("stills", "yard", NOON - timedelta(days=9), 1, 70),
        ("stills", "yard", NOON, 3, 300),
    ]
    assert dict(HourUsage.objects.values_list("camera_slug", "camera")) == {"yard": yard.pk, "gone": None}


def test_counting_twice_changes_nothing_and_a_crash_is_made_good(storage: Storage, yard: Camera, clock: Clock) -> None:
    media = Path(storage.path)
    still(media, "yard", NOON, 100)
    still(media, "yard", NOON - timedelta(days=1), 100)
    job = usage(clock)
    job.settle()
    before = list(HourUsage.objects.order_by("pk").values())
    job.settle()
    usage(clock).settle()
    assert list(HourUsage.objects.order_by("pk").values()) == before
    # What a crash in between may have left: a row too much, one too few, one with figures that are not true.
    HourUsage.objects.filter(hour=NOON).update(files=99, bytes=1)
    HourUsage.objects.exclude(hour=NOON).delete()
    HourUsage.objects.create(camera=yard, camera_slug="yard", hour=NOON - timedelta(days=1, hours=5), kind="stills")
    HourUsage.objects.create(camera=yard, camera_slug="yard", hour=NOON - timedelta(days=30), kind=RECORDINGS, bytes=9)
    usage(clock).settle()
    assert [row[2:] for row in rows()] == [(NOON - timedelta(days=1), 1, 100), (NOON, 1, 100)]


def test_the_hour_that_goes_on_follows_within_a_minute_and_once_more_after_its_end(
    storage: Storage, yard: Camera, clock: Clock
) -> None:
    media = Path(storage.path)
    job = usage(clock)
    job.settle()
    still(media, "yard", NOON + timedelta(minutes=31), 10)
    assert rows() == []
    clock.forward(61)
    turn(job)
    assert rows("stills") == [("stills", "yard", NOON, 1, 10)]
    still(media, "yard", NOON + timedelta(minutes=59, seconds=59), 10)
    clock.forward(1801)
    turn(job)
    assert rows("stills") == [("stills", "yard", NOON, 2, 20)]


def test_a_long_recording_is_counted_where_it_began(storage: Storage, yard: Camera, clock: Clock) -> None:
    began = NOON - timedelta(hours=7)
    row = recording(storage, yard, started_at=began, state="open", bytes=0)
    job = usage(clock)
    job.settle()
    assert rows() == [(RECORDINGS, "yard", began, 1, 0)]
    Recording.objects.filter(pk=row.pk).update(state="closed", bytes=7000)
    clock.forward(61)
    turn(job)
    assert rows() == [(RECORDINGS, "yard", began, 1, 7000)]


def test_what_deletion_took_is_counted_again_at_once(storage: Storage, yard: Camera, clock: Clock) -> None:
    media, at = Path(storage.path), NOON - timedelta(days=5)
    happened = event(yard, media, started_at=at)
    gone, stays = recording(storage, yard, started_at=at, size=300), recording(storage, yard, started_at=at, size=200)
    deletion = Deletion(clock)
    job = usage(clock, deletion)
    job.settle()
    Recording.objects.filter(pk=gone.pk).update(delete_requested_at=timezone.now())
    Event.objects.filter(pk=happened.pk).update(delete_requested_at=timezone.now())
    deletion()
    turn(job)
    assert rows() == [(RECORDINGS, "yard", at, 1, 200)]
    assert stays.path.exists()


def test_foreign_files_links_and_odd_names_count_for_nothing(storage: Storage, yard: Camera, clock: Clock) -> None:
    media = Path(storage.path)
    ours = still(media, "yard", NOON, 10)
    folder = ours.parent
    for name in ("holiday.jpg", "12_00_10.png", "12_00_10.jpg.part", "99_00_00.jpg", "12_61_00.jpg"):
        write(folder / name, b"x" * 1000)
    (folder / "12_00_20.jpg").symlink_to(ours)
    (folder / "12_00_30.jpg").mkdir()
    write(media / "snapshots" / "Not A Slug" / "2026-11-20" / "12_00_00.jpg", b"x")
    write(media / "snapshots" / "yard" / "2026-13-45" / "12_00_00.jpg", b"x")
    (media / "snapshots" / "linked").symlink_to(media / "snapshots" / "yard")
    usage(clock).settle()
    assert rows() == [("stills", "yard", NOON, 1, 10)]


def test_a_disk_that_is_not_there_takes_no_row_away(
    storage: Storage, yard: Camera, clock: Clock, tmp_path: Path
) -> None:
    media = Path(storage.path)
    still(media, "yard", NOON, 10)
    job = usage(clock)
    job.settle()
    media.rename(tmp_path / "unplugged")
    media.mkdir()
    for _ in range(4):
        clock.forward(61)
        turn(job)
    assert rows() == [("stills", "yard", NOON, 1, 10)]


def test_a_row_that_is_marked_is_deletions_to_remove(storage: Storage, yard: Camera, clock: Clock) -> None:
    HourUsage.objects.create(camera=yard, camera_slug="yard", hour=NOON, kind="stills", delete_requested_at=NOON)
    usage(clock).settle()
    assert HourUsage.objects.count() == 1


@pytest.mark.slow
def test_no_turn_holds_up_the_rows_thread(storage: Storage, yard: Camera) -> None:
    """Six thousand recordings and a day of stills: every turn stays short."""
    import time

    media, now = Path(storage.path), datetime.now(UTC)
    Recording.objects.bulk_create(
        Recording(
            camera=yard, camera_name="Yard", camera_slug="yard", storage=storage, uid=f"{number:08x}", bytes=1000,
            file=f"recordings/yard/x/{number}", state="closed", trigger="always",
            started_at=now - timedelta(seconds=number * 50),
        )
        for number in range(6_000)
    )  # fmt: skip
    day = media / "snapshots" / "yard" / f"{now - timedelta(days=1):%Y-%m-%d}"
    day.mkdir(parents=True)
    for second in range(0, 86_400, 30):
        (day / f"{second // 3600:02}_{second // 60 % 60:02}_{second % 60:02}.jpg").write_bytes(b"x")
    job = Usage(Deletion())
    turns = []
    while not job.rounds:
        job._step_due = 0.0
        began = time.thread_time()
        job()
        turns.append(time.thread_time() - began)
        time.sleep(0.001)
    assert len(turns) > 20 and max(turns) < 0.05, max(turns)
    assert sum(row[3] for row in rows(RECORDINGS)) == 6_000
    assert sum(row[3] for row in rows("stills")) == 2880


def turn(job: Usage) -> None:
    """Some seconds of the engine: what the worker finds is written in the turn after."""
    for _ in range(6):
        job()
        if job._task is not None:
            job._task.exception()
