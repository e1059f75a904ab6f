"""What a crash leaves behind: every file is made whole and has a row that says so; what is not ours stays untouched."""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from camera.engine import mending, storages
from camera.engine.adoption import AGAIN, MOUNTED_EVERY, Adoption
from camera.engine.footage_rows import FootageRows
from camera.models import Camera, Event, Recording
from camera.paths import PART
from camera.video.integrity import sha256_of
from tests.engine_house import NOON, child_of, closed, film, opened, plays, seen

pytestmark = pytest.mark.django_db
FILE = "recordings/yard/2026-03-01/12-00-00_0000000a.mp4"


class Scene:
    """Adoption with a clock of its own, whose worker is waited for."""

    def __init__(self, media: Path, yard: Camera) -> None:
        self.now = 0.0
        self.media, self.live, self.told = media, set[str](), list[int]()
        self.kept: list[Callable[[], object]] = []
        self.adoption = Adoption(
            lambda: frozenset(self.live),
            self.kept.append,
            lambda camera, event: self.told.append(event),
            lambda: self.now,
        )
        self.child = child_of(yard, media)
        self.footage = FootageRows(lambda camera, reasons: [])

    @property
    def path(self) -> Path:
        return self.media / FILE

    def open(self) -> None:
        self.footage.write(opened(self.child), self.child)

    def step(self, seconds: float = 0.0) -> None:
        """A turn, and what comes of it."""
        self.now += seconds
        for _ in range(3):
            self.adoption.step()
            self.adoption._worker.submit(int).result(20)
            kept, self.kept[:] = list(self.kept), []
            for task in kept:
                task()

    def old(self, path: Path) -> None:
        os.utime(path, (NOON, NOON))


@pytest.fixture
def scene(yard: Camera, settings: Any, tmp_path: Path) -> Iterator[Scene]:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path, [tmp_path]
    storages.fault(str(tmp_path), None)  # marks it as used
    scene = Scene(tmp_path, yard)
    yield scene
    scene.adoption.stop()


def part(path: Path) -> Path:
    return path.with_name(path.name + PART)


def test_what_the_disk_does_not_let_be_mended_is_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    film(part(scene.path), 3, torn=True)
    scene.open()

    def refused(path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(mending, "repair", refused)
        scene.step()
        scene.step(AGAIN)
    assert Recording.objects.get().state == "open"
    scene.step(MOUNTED_EVERY)
    scene.step()
    assert Recording.objects.get().state == "interrupted" and scene.path.exists()


def test_a_torn_file_becomes_an_interrupted_recording_that_plays(scene: Scene) -> None:
    scene.open()
    film(part(scene.path), 3.0, torn=True)
    scene.step()
    row = Recording.objects.get()
    assert row.state == "interrupted" and "cut short" in row.detail
    assert scene.path.exists() and not part(scene.path).exists()
    assert 2.0 < row.seconds <= 3.0 and abs(plays(scene.path) - row.seconds) < 0.2
    assert row.ended_at == datetime.fromtimestamp(NOON, UTC) + timedelta(seconds=row.seconds)
    assert (row.bytes, row.sha256) == (scene.path.stat().st_size, sha256_of(scene.path))


def test_a_file_that_is_being_written_is_left_alone(scene: Scene) -> None:
    scene.open()
    film(part(scene.path), torn=True)
    scene.old(part(scene.path))
    with part(scene.path).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        scene.step()
        assert Recording.objects.get().state == "open" and part(scene.path).exists()
    scene.step(AGAIN)
    assert Recording.objects.get().state == "interrupted"


def test_the_rows_of_living_processes_are_left_alone(scene: Scene) -> None:
    scene.open()
    scene.footage.write(seen(scene.child), scene.child)
    scene.live.add(scene.child.token)
    scene.step()
    assert Recording.objects.get().state == "open" and Event.objects.get().ended_at is None
    assert scene.told == []


def test_a_crash_between_renaming_and_reporting_loses_nothing(scene: Scene) -> None:
    scene.open()
    film(scene.path)
    scene.step()
    row = Recording.objects.get()
    assert (row.state, row.detail, row.sha256) == ("closed", "", sha256_of(scene.path))
    assert abs(row.seconds - 3.0) < 0.15
    scene.footage.write(closed(sha256=row.sha256), scene.child)  # its report comes after all
    assert Recording.objects.get().state == "closed"


def test_a_row_whose_file_is_nowhere_is_missing(scene: Scene) -> None:
    scene.open()
    scene.step()
    row = Recording.objects.get()
    assert row.state == "missing" and row.ended_at is not None and row.detail


def test_a_file_with_nothing_in_it_goes_with_its_row(scene: Scene) -> None:
    scene.open()
    part(scene.path).parent.mkdir(parents=True)
    part(scene.path).write_bytes(b"\0\0\0\x18ftypisom")
    scene.step()
    assert not Recording.objects.exists() and not part(scene.path).exists()


def test_a_large_file_that_cannot_be_read_is_kept_and_called_damaged(scene: Scene) -> None:
    scene.open()
    part(scene.path).parent.mkdir(parents=True)
    part(scene.path).write_bytes(b"no film" * 20_000)
    scene.step()
    row = Recording.objects.get()
    assert (row.state, row.bytes) == ("damaged", 140_000) and scene.path.exists()


@pytest.mark.parametrize("slug", ["yard", "gone"])
def test_files_without_a_row_get_one(scene: Scene, slug: str) -> None:
    scene.open()
    Recording.objects.all().delete()
    torn, whole = (scene.media / f"recordings/{slug}/2026-03-01/12-00-0{n}_0000000{n}.mp4" for n in (1, 2))
    film(part(torn), torn=True)
    film(whole)
    scene.old(part(torn))
    scene.old(whole)
    scene.step()
    found = {row.uid: row for row in Recording.objects.all()}
    assert [(uid, row.state) for uid, row in sorted(found.items())] == [
        ("00000001", "interrupted"), ("00000002", "closed")
    ]  # fmt: skip
    row = found["00000001"]
    assert (row.camera_slug, row.camera is None) == (slug, slug == "gone") and row.reasons == [] and row.detail
    assert row.started_at == datetime.fromtimestamp(NOON + 1, UTC) and row.sha256 == sha256_of(torn)


def test_foreign_files_are_never_touched(scene: Scene) -> None:
    folder = scene.path.parent
    folder.mkdir(parents=True)
    names = ["notes.txt", "12-00-00_0000000a.mp4.bak", "12-00-00_zzzzzzzz.mp4", "99-00-00_0000000a.mp4", "x.mp4.part"]
    (scene.media / "secret").write_bytes(b"x" * 100_000)
    for name in names:
        (folder / name).write_bytes(b"mine")
        scene.old(folder / name)
    (folder / "12-00-01_0000000b.mp4").symlink_to(scene.media / "secret")
    (folder / "12-00-02_0000000c.mp4").mkdir()
    os.mkfifo(folder / "12-00-03_0000000d.mp4")
    before = sorted(folder.iterdir())
    scene.step()
    assert not Recording.objects.exists() and sorted(folder.iterdir()) == before
    assert all((folder / name).read_bytes() == b"mine" for name in names)


def test_a_young_finished_file_waits_for_its_report(scene: Scene) -> None:
    film(scene.path)
    scene.step()
    assert not Recording.objects.exists()
    os.utime(scene.path, (time.time() - 11, time.time() - 11))
    scene.step(AGAIN)
    assert Recording.objects.get().state == "closed"


def test_its_late_report_tells_what_the_file_could_not(scene: Scene) -> None:
    film(scene.path)
    scene.old(scene.path)
    scene.step()
    assert Recording.objects.get().reasons == []
    scene.footage.write(opened(scene.child, reasons=["motion"], trigger="motion"), scene.child)
    row = Recording.objects.get()
    assert (row.state, row.trigger, row.reasons, row.writer) == ("closed", "motion", ["motion"], scene.child.token)


def test_what_is_deleted_while_it_is_mended_stays_deleted(scene: Scene) -> None:
    scene.open()
    film(part(scene.path), torn=True)
    scene.adoption.step()
    scene.adoption._worker.submit(int).result(20)
    Recording.objects.all().delete()
    scene.step()
    assert not Recording.objects.exists() and not scene.path.exists()


def test_open_events_of_dead_processes_end(scene: Scene) -> None:
    scene.footage.write(seen(scene.child), scene.child)
    Event.objects.create(
        uid="0000000f", kind="camera_offline", started_at=datetime.now(UTC), changed_at=datetime.now(UTC)
    )
    last = datetime.fromtimestamp(NOON + 5, UTC)
    Event.objects.filter(uid="0000000e").update(changed_at=last)
    scene.step()
    ended = Event.objects.get(uid="0000000e")
    assert ended.ended_at == last and ended.changed_at > last and scene.told == [ended.pk]
    assert Event.objects.get(uid="0000000f").ended_at is None


def test_a_disk_that_comes_back_brings_its_recordings(scene: Scene) -> None:
    scene.open()
    away = scene.media.with_name("away")
    film(part(scene.path), torn=True)
    scene.old(part(scene.path))
    scene.media.rename(away)
    scene.media.mkdir()
    scene.step()
    row = Recording.objects.get()
    assert row.state == "missing" and "looked for again" in row.detail
    scene.media.rmdir()
    away.rename(scene.media)
    scene.step(MOUNTED_EVERY)
    assert Recording.objects.get().state == "interrupted"


def test_many_files_are_compared_a_few_at_a_time(scene: Scene, django_assert_max_num_queries: Any) -> None:
    scene.path.parent.mkdir(parents=True)
    for number in range(1200):
        path = scene.path.with_name(f"12-00-00_{number:08x}.mp4")
        path.touch()
        scene.old(path)
    rows = [opened(scene.child, f"{number:08x}") for number in range(1200)]
    for one in rows[:2]:
        scene.footage.write(one, scene.child)
    row = Recording.objects.all()[0]
    Recording.objects.bulk_create(
        Recording(
            uid=one.uid, file=one.file, storage=row.storage, started_at=row.started_at, state="closed", sha256="a"
        )
        for one in rows[2:]
    )
    Recording.objects.update(state="closed", sha256="a")
    scene.adoption.step()
    scene.adoption._worker.submit(int).result(20)
    for _ in range(3):
        with django_assert_max_num_queries(1):
            scene.adoption._compare()
    assert not scene.adoption._found and not scene.kept
