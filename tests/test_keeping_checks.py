"""checkmedia: one line per breach, repair of what can be repaired, and foreign files left alone."""

import fcntl
import io
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command

from camera import paths
from camera.engine.loop import take_lock
from camera.models import Camera, Event, Recording, Storage
from tests.conftest import shared_file
from tests.keeping_house import aged, event, recording, storage_at, write


@pytest.fixture
def storage(tmp_path: Path, settings: Any, db: None) -> Storage:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.RUN_DIR = tmp_path / "run"
    return storage_at(tmp_path / "media")


def check(*options: str) -> tuple[int, list[str]]:
    out = io.StringIO()
    try:
        call_command("checkmedia", *options, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


def test_a_sound_house_has_no_breach(storage: Storage, yard: Camera) -> None:
    rows = [recording(storage, yard, age=number, playable="ready") for number in range(3)]
    recording(storage, yard, state="interrupted")
    event(yard, django_settings.MEDIA_ROOT, recording=rows[0])
    media = Path(storage.path)
    write(media / "camera-files" / "clip.mp4", b"x")
    write(media / "recordings" / "yard" / "just-now.txt", b"x", age=0)
    assert check() == (0, [])


def test_a_missing_file_is_told_once_and_marked_by_repair(storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard)
    row.path.unlink()
    code, lines = check()
    assert code == 1
    assert len(lines) == 1
    assert f"recording {row.pk}" in lines[0]
    assert "the file is missing" in lines[0]
    assert check("--repair")[0] == 0
    row.refresh_from_db()
    assert row.state == "missing"
    assert check() == (0, [])


def test_a_file_that_came_back_is_noticed(storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard)
    Recording.objects.update(state="missing", detail="the file is missing")
    assert check()[0] == 1
    assert check("--repair")[0] == 0
    row.refresh_from_db()
    assert (row.state, row.detail) == ("closed", "")


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 1000])
def test_a_file_that_is_not_what_was_recorded_is_damaged(data: bytes, storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard)
    row.path.write_bytes(data)
    assert check()[0] == 1
    check("--repair")
    row.refresh_from_db()
    assert row.state == "damaged"
    assert row.path.read_bytes() == data


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "outside"])
def test_what_is_no_ordinary_file_is_never_opened(kind: str, tmp_path: Path, storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard)
    path, data = row.path, row.path.read_bytes()
    path.unlink()
    other = write(tmp_path / "other.mp4", data)
    if kind == "link":
        path.symlink_to(other)
        aged(path)
    elif kind == "fifo":
        os.mkfifo(path)
        aged(path)
    elif kind == "folder":
        path.mkdir()
    else:
        Recording.objects.update(file="../other.mp4")
    began = time.monotonic()
    code, lines = check()
    assert time.monotonic() - began < 5
    assert code == 1
    assert any("cannot be read" in line for line in lines)
    assert other.read_bytes() == data


def test_foreign_files_are_told_and_stay(storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard)
    media = Path(storage.path)
    notes = [
        write(media / "recordings" / "notes.txt", b"mine"),
        write(row.path.with_name("holiday.mp4"), b"mine"),
        write(media / "events" / "yard" / "photo.jpg", b"mine"),
        write(media / "recordings" / "bad\nname\x1b[2J.txt", b"mine"),
    ]
    code, lines = check("--repair")
    assert code == 1
    assert len(lines) == len(notes), "one line each, whatever the name"
    assert all("foreign" in line for line in lines)
    assert all(line.isprintable() for line in lines)
    assert all(note.read_bytes() == b"mine" for note in notes)


def test_leftovers_of_our_own_are_removed_by_repair(storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard)
    stays = row.thumbnail_path
    gone = recording(storage, yard, playable="ready")
    gone.path.unlink()
    Recording.objects.filter(pk=gone.pk).delete()
    lost = event(yard, Path(storage.path))
    Event.objects.all().delete()
    half = write(row.path.with_name(row.path.name + ".part"), b"half")
    code, lines = check()
    assert code == 1
    assert len(lines) == 5
    assert check("--repair")[0] == 0
    assert stays.exists()
    assert row.path.exists()
    assert not half.exists()
    assert not gone.thumbnail_path.exists()
    assert not lost.picture_path().exists()
    assert check() == (0, [])


def test_a_lost_picture_is_forgotten(storage: Storage, yard: Camera) -> None:
    happened = event(yard, Path(storage.path))
    happened.picture_path().unlink()
    assert check()[0] == 1
    assert check("--repair")[0] == 0
    happened.refresh_from_db()
    assert happened.image == ""
    assert happened.clean_image


def test_an_orphan_is_adopted_when_no_engine_runs(storage: Storage, yard: Camera) -> None:
    name = paths.recording_file("yard", time.time() - 900, paths.new_uid())
    path = Path(storage.path, name)
    path.parent.mkdir(parents=True)
    shutil.copy(shared_file("data/motion/parkinglot_walk.mp4"), path)
    aged(path)
    code, lines = check()
    assert code == 1
    assert "has no row" in lines[0]
    assert check("--repair")[0] == 0
    row = Recording.objects.get(file=name)
    assert row.state == "closed"
    assert row.camera == yard
    assert check() == (0, [])


def test_an_open_row_without_a_writer_is_settled(storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard, state="open", bytes=0, sha256="")
    with row.path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert check() == (0, []), "it is being written"
    assert check()[0] == 1
    assert check("--repair")[0] == 0
    assert not Recording.objects.filter(state="open").exists()


def test_adoption_is_left_to_an_engine_that_runs(storage: Storage, yard: Camera, settings: Any) -> None:
    orphan = write(Path(storage.path, paths.recording_file("yard", time.time(), paths.new_uid())), b"orphan")
    recording(storage, yard, state="open")
    with take_lock(settings.RUN_DIR, settings.ENGINE_NAME):
        code, lines = check("--repair")
    assert code == 1
    assert len(lines) == 1
    assert "the engine" in lines[0]
    assert orphan.exists()


def test_an_unmounted_storage_is_one_breach_and_no_row_is_touched(
    tmp_path: Path, storage: Storage, yard: Camera
) -> None:
    other = storage_at(tmp_path / "disk")
    for _ in range(3):
        recording(other, yard)
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    code, lines = check("--repair")
    assert code == 1
    assert len(lines) == 1
    assert "is not there" in lines[0]
    assert not Recording.objects.exclude(state="closed").exists()
    assert not (tmp_path / "disk").exists()


def test_many_rows_take_few_queries(storage: Storage, yard: Camera, django_assert_max_num_queries: Any) -> None:
    for _ in range(300):
        recording(storage, yard, size=8)
    with django_assert_max_num_queries(25):
        assert check() == (0, [])
