"""What is marked goes: files first, then the row, and nothing else is ever touched."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from camera import paths
from camera.engine import files
from camera.engine.deletion import Deletion, claim
from camera.models import Camera, Event, Recording, Storage
from tests.keeping_house import Clock, event, media_files, recording, storage_at, write


@pytest.fixture
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    return settings.MEDIA_ROOT


@pytest.fixture
def storage(media: Path, db: None) -> Storage:
    return storage_at(media)


def test_a_marked_recording_goes_with_all_its_files(media: Path, storage: Storage, yard: Camera) -> None:
    gone = recording(storage, yard, age=3, playable="ready", delete_requested_at=timezone.now())
    stays = recording(storage, yard, age=3)
    happened = event(yard, media, recording=gone)

    assert Deletion()() == 1
    assert list(Recording.objects.all()) == [stays]
    assert not {name for name in media_files(media) if gone.uid in name}
    assert stays.path.exists()
    happened.refresh_from_db()
    assert happened.recording is None


def test_the_empty_folder_of_a_past_day_goes_and_todays_stays(media: Path, storage: Storage, yard: Camera) -> None:
    old = recording(storage, yard, age=3, delete_requested_at=timezone.now())
    new = recording(storage, yard, delete_requested_at=timezone.now())
    assert Deletion()() == 2
    assert not old.path.parent.exists()
    assert new.path.parent.is_dir()


def test_a_marked_event_goes_with_its_pictures_once_it_is_over(media: Path, storage: Storage, yard: Camera) -> None:
    now = timezone.now()
    over = event(yard, media, delete_requested_at=now)
    going_on = event(yard, media, delete_requested_at=now, ended_at=None, writer="token", changed_at=now)
    Deletion()()
    assert list(Event.objects.all()) == [going_on]
    assert not {name for name in media_files(media) if over.uid in name}
    Event.objects.update(ended_at=now)
    Deletion()()
    assert not Event.objects.exists()
    assert media_files(media) == set()


def test_an_open_recording_waits_while_it_is_written(media: Path, storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard, state="open", delete_requested_at=timezone.now())
    clock = Clock()
    deletion = Deletion(clock)
    with row.path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert deletion() == 0
        assert row.path.exists()
    assert deletion() == 0, "asked again at once"
    clock.forward(3)
    assert deletion() == 1, "its writer has died"
    assert media_files(media) == set()


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "link-folder"])
def test_what_is_no_ordinary_file_is_refused(kind: str, tmp_path: Path, storage: Storage, yard: Camera) -> None:
    precious = write(tmp_path / "precious.mp4", b"precious")
    row = recording(storage, yard, age=2, delete_requested_at=timezone.now())
    path = row.path
    path.unlink()
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        row.thumbnail_path.unlink()
        path.parent.rmdir()
        path.parent.symlink_to(tmp_path)
        write(tmp_path / path.name, b"precious")
    deletion = Deletion()
    assert deletion() == 0
    row.refresh_from_db()
    assert row.state == "damaged"
    assert row.detail.startswith("deleting was refused")
    assert precious.read_bytes() == b"precious"
    assert os.path.lexists(path)
    assert not deletion.pending().exists(), "it does not come up again at once"


@pytest.mark.parametrize(
    "name",
    ["../precious.mp4", "/etc/hostname", "precious.mp4", "recordings/../../precious.mp4", "recordings/yard/x.mp4"],
)
def test_a_row_that_names_something_else_removes_nothing(
    name: str, tmp_path: Path, storage: Storage, yard: Camera
) -> None:
    outside = write(tmp_path / "precious.mp4", b"precious")
    inside = write(Path(storage.path) / "precious.mp4", b"precious")
    row = recording(storage, yard, delete_requested_at=timezone.now())
    Recording.objects.filter(pk=row.pk).update(file=name)
    assert Deletion()() == 0
    assert outside.exists()
    assert inside.exists()


def test_an_events_picture_elsewhere_is_not_removed(media: Path, storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard)
    mark = event(yard, media, delete_requested_at=timezone.now())
    Event.objects.filter(pk=mark.pk).update(image=row.file)
    Deletion()()
    assert row.path.exists()
    assert Event.objects.exists()


def test_a_missing_file_is_no_obstacle(storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard, delete_requested_at=timezone.now())
    row.path.unlink()
    row.thumbnail_path.unlink()
    assert Deletion()() == 1


def test_a_storage_that_is_not_mounted_keeps_its_rows(tmp_path: Path, storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard, delete_requested_at=timezone.now())
    real = Path(storage.path)
    real.rename(tmp_path / "unplugged")
    clock = Clock()
    deletion = Deletion(clock)
    assert deletion() == 0
    real.mkdir()
    clock.forward(61)
    assert deletion() == 0, "an empty mount point is not an empty storage"
    assert Recording.objects.filter(pk=row.pk).exists()
    real.rmdir()
    (tmp_path / "unplugged").rename(real)
    clock.forward(61)
    assert deletion() == 1


def test_what_is_kept_or_open_cannot_be_claimed(storage: Storage, yard: Camera) -> None:
    kept = recording(storage, yard, kept_at=timezone.now())
    being_written = recording(storage, yard, state="open")
    free = recording(storage, yard)
    assert claim([kept.pk, being_written.pk, free.pk]) == [free.pk]
    assert claim([free.pk]) == []


def test_two_thousand_take_bounded_turns(storage: Storage, yard: Camera, django_assert_max_num_queries: Any) -> None:
    now = timezone.now()
    Recording.objects.bulk_create(
        Recording(
            camera=yard, storage=storage, uid=f"{number:08x}", state="closed", trigger="always", started_at=now,
            file=paths.recording_file("yard", now.timestamp(), f"{number:08x}"), delete_requested_at=now,
        )
        for number in range(2000)
    )  # fmt: skip
    deletion = Deletion()
    with django_assert_max_num_queries(20):
        assert deletion() == 50
    assert deletion.erase(Recording.objects.all()[:5], seconds=0) == 0, "no time is left"


def test_removing_looks_at_every_name_before_it_removes_one(tmp_path: Path) -> None:
    write(tmp_path / "a" / "1", b"")
    (tmp_path / "a" / "2").symlink_to(tmp_path)
    with pytest.raises(paths.UnsafePathError):
        files.remove(tmp_path, ["a/1", "a/2"])
    assert (tmp_path / "a" / "1").exists()


_KILLED = """
import os, random, signal, sys, threading, time
import tests.environment
os.environ["DATABASE_URL"], os.environ["MEDIA_ROOT"] = sys.argv[1], sys.argv[2]
os.environ["DJANGO_SETTINGS_MODULE"] = "surveillance.settings"
import django
django.setup()
from camera.engine.deletion import Deletion
from camera.models import Recording
threading.Timer(float(sys.argv[3]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
deletion = Deletion(batch=3)
print("ready", flush=True)
while True:
    deletion()
"""


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_killed_engine_leaves_no_file_without_a_row(media: Path, storage: Storage, yard: Camera) -> None:
    from django.db import connection

    url, rounds = f"sqlite:///{connection.settings_dict['NAME']}", 10
    base = Path(__file__).resolve().parent.parent
    cut_short = 0
    for turn in range(rounds):
        for _ in range(40):
            recording(storage, yard, age=2, delete_requested_at=timezone.now())
        delay = f"{0.004 + turn * 0.006:.3f}"
        run = subprocess.run(
            [sys.executable, "-c", _KILLED, url, str(media), delay],
            cwd=base,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == -9, run.stderr[-500:]
        owned = set(Recording.objects.values_list("uid", flat=True))
        left = {Path(name).stem.rpartition("_")[2] for name in media_files(media)}
        assert left <= owned, "a file has lost its row"
        cut_short += 0 < len(owned) < 40
        deletion = Deletion(batch=100)
        while deletion():
            continue
        assert not Recording.objects.exists()
        assert media_files(media) == set()
    assert cut_short, "no kill fell into the middle"
