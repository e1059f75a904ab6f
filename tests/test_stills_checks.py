"""checkmedia knows whose stills, time-lapses and flagged pictures are, and leaves foreign files alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from camera import paths
from camera.engine.loop import take_lock
from camera.models import Camera, EventStill, HourUsage, TimeLapse
from tests.keeping_house import event, hour_of_stills, storage_at, write
from tests.test_keeping_checks import check
from tests.test_stills_retention import flagged, timelapse


@pytest.fixture
def media(tmp_path: Path, settings: Any, db: None) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.RUN_DIR = tmp_path / "run"
    storage_at(tmp_path / "media")
    return tmp_path / "media"


def test_a_sound_house_has_no_breach(media: Path, yard: Camera) -> None:
    hour_of_stills(yard, media, age=1)
    timelapse(yard, media)
    flagged(event(yard, media), media, 1, datetime.now(UTC))
    # Younger than five minutes: its hour is counted in a moment.
    write(media / paths.still_file("yard", (datetime.now(UTC) - timedelta(hours=9)).timestamp()), b"x", age=0)
    assert check() == (0, [])


def test_stills_that_no_row_counts_are_counted_by_repair(media: Path, yard: Camera) -> None:
    hour_of_stills(yard, media, age=30)
    HourUsage.objects.all().delete()
    code, lines = check()
    assert code == 1 and len(lines) == 3 and all("is not counted" in line for line in lines)
    assert check("--repair")[0] == 0
    assert HourUsage.objects.get().files == 3
    assert check() == (0, [])


def test_counting_is_left_to_an_engine_that_runs(media: Path, yard: Camera, settings: Any) -> None:
    hour_of_stills(yard, media, age=30, count=1)
    HourUsage.objects.all().delete()
    with take_lock(settings.RUN_DIR, settings.ENGINE_NAME):
        code, lines = check("--repair")
    assert code == 1 and "the engine counts it" in lines[0] and not HourUsage.objects.exists()


def test_foreign_files_are_told_and_stay(media: Path, yard: Camera) -> None:
    hour_of_stills(yard, media, age=30)
    precious = write(media / "precious.jpg", b"mine")
    notes = [
        write(media / "snapshots" / "notes.txt", b"mine"),
        write(media / "snapshots" / "yard" / "2026-11-20" / "holiday.jpg", b"mine"),
        write(media / "snapshots" / "yard" / "2026-11-20" / "99_00_00.jpg", b"mine"),
        write(media / "timelapse" / "yard" / "film.mp4", b"mine"),
    ]
    link = media / "snapshots" / "yard" / "2026-11-20" / "12_34_56.jpg"  # no still of the hour above
    link.symlink_to(precious)
    import os

    os.utime(link, (1, 1), follow_symlinks=False)
    code, lines = check("--repair")
    assert code == 1 and len(lines) == 5 and all("foreign" in line for line in lines)
    assert all(note.read_bytes() == b"mine" for note in [*notes, precious]) and link.is_symlink()


def test_leftovers_of_our_own_are_removed_by_repair(media: Path, yard: Camera) -> None:
    hour_of_stills(yard, media, age=30)
    film, half = timelapse(yard, media), timelapse(yard, media, state="wanted", file="")
    still = flagged(event(yard, media), media, 1, datetime.now(UTC))
    path = still.path
    TimeLapse.objects.filter(pk=film.pk).delete()
    EventStill.objects.all().delete()
    write(media / (paths.timelapse_file("yard", half.day, half.uid) + ".part"), b"half")
    write(media / "snapshots" / "yard" / "2026-11-20" / "12_00_00.jpg.part", b"half")
    code, lines = check()
    assert code == 1 and len(lines) == 5
    assert check("--repair")[0] == 0
    assert not path.exists() and not film.path.exists() and not list(media.rglob("*.part"))
    assert check() == (0, [])


def test_a_film_being_made_is_left_alone(media: Path, yard: Camera) -> None:
    film = timelapse(yard, media, state="working", file="")
    write(media / (paths.timelapse_file("yard", film.day, film.uid) + ".part"), b"half")
    assert check("--repair") == (0, [])
    assert list(media.rglob("*.part"))


def test_a_lost_flagged_picture_and_a_lost_film_are_forgotten(media: Path, yard: Camera) -> None:
    film = timelapse(yard, media)
    still = flagged(event(yard, media), media, 1, datetime.now(UTC))
    film.path.unlink()
    still.path.unlink()
    code, lines = check()
    assert code == 1 and len(lines) == 2
    assert check("--repair")[0] == 0
    film.refresh_from_db()
    assert film.state == "failed" and film.file == "" and not EventStill.objects.exists()
    assert check() == (0, [])
