"""Time-lapses: the process that makes one, for real, and the engine's job that runs it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from camera import paths
from camera.engine.deletion import Deletion
from camera.engine.timelapse import TimeLapses
from camera.models import Camera, TimeLapse
from camera.process import timelapse
from main.still_lists import bounds
from tests.keeping_house import Clock, media_files, small_disk, storage_at
from tests.stills_cast import counted, jpeg, kept

pytestmark = pytest.mark.processes
BASE = Path(__file__).resolve().parent.parent
DAY = date(2026, 11, 20)
BEGIN = datetime(2026, 11, 20, tzinfo=UTC)


def put(media: Path, at: datetime, body: bytes) -> Path:
    path = media / paths.still_file("yard", at.timestamp())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def run(media: Path, target: Path, **more: Any) -> "subprocess.CompletedProcess[str]":
    told = {"root": str(media), "slug": "yard", "begin": BEGIN.timestamp(), "end": BEGIN.timestamp() + 86400}
    return subprocess.run(
        [sys.executable, "-m", "camera.process.timelapse"],
        input=json.dumps(told | {"target": str(target)} | more) + "\n",
        cwd=BASE, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def greys(film: Path) -> list[int]:
    with av.open(str(film)) as made:
        return [round(float(frame.to_ndarray(format="gray")[80:100, 150:170].mean())) for frame in made.decode(video=0)]


def test_stills_become_a_film_in_their_order(tmp_path: Path) -> None:
    media, target = tmp_path / "media", tmp_path / "films" / "film.mp4"
    # Not of that day, and no still at all.
    put(media, BEGIN - timedelta(seconds=5), jpeg(19))
    put(media, BEGIN, jpeg(0)).with_name("note.txt").write_text("mine")
    for number in range(1, 12):
        put(media, BEGIN + timedelta(hours=number * 2), jpeg(number))
    made = run(media, target)
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-2:] == ["percent 100", "pictures 12"]
    with av.open(str(target)) as film:
        video = film.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height, video.average_rate) == (320, 180, 30)
    seen = greys(target)
    assert len(seen) == 12
    assert seen == sorted(seen)
    # As bright as the stills: 30 + 10 a picture, full range.
    assert all(abs(grey * 1.0 - (30 + 10 * number)) < 20 for number, grey in enumerate(seen))
    body = target.read_bytes()
    assert body.find(b"moov") < body.find(b"mdat"), "the index comes first"
    assert os.listdir(target.parent) == ["film.mp4"]


def test_other_sizes_are_fitted_and_torn_stills_left_out(tmp_path: Path) -> None:
    put(tmp_path, BEGIN, jpeg(5))
    put(tmp_path, BEGIN + timedelta(seconds=5), b"no picture")
    put(tmp_path, BEGIN + timedelta(seconds=10), jpeg(5)[:-200])
    put(tmp_path, BEGIN + timedelta(seconds=15), jpeg(5, (100, 300)))
    put(tmp_path, BEGIN + timedelta(seconds=20), jpeg(5, (641, 359)))
    link = tmp_path / paths.still_file("yard", BEGIN.timestamp() + 25)
    link.symlink_to(put(tmp_path, BEGIN + timedelta(seconds=30), jpeg(5)))
    os.mkfifo(tmp_path / paths.still_file("yard", BEGIN.timestamp() + 35))
    made = run(tmp_path, tmp_path / "film.mp4")
    assert made.stdout.splitlines()[-1] == "pictures 4", made.stdout + made.stderr
    with av.open(str(tmp_path / "film.mp4")) as film:
        frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert {frame.shape for frame in frames} == {(180, 320)}
    tall = frames[1]
    assert tall[:, :120].max() < 40 < tall[90, 160]
    assert np.abs(frames[2].astype(int) - frames[0]).max() < 12


def test_of_many_stills_it_takes_every_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = jpeg(1, (32, 18))
    for number in range(101):
        put(tmp_path, BEGIN + timedelta(seconds=5 * number), body)
    monkeypatch.setattr(timelapse, "MOST_PICTURES", 60)
    told = {"root": str(tmp_path), "slug": "yard", "begin": BEGIN.timestamp(), "end": BEGIN.timestamp() + 86400}
    wish = timelapse.Wish.from_dict(told | {"target": str(tmp_path / "film.mp4")})
    with open(os.devnull, "wb") as nowhere:
        assert timelapse.make(wish, timelapse.Progress(nowhere.fileno())) == 51


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, "there are no stills of that day any more"),
        ({"slug": "../.."}, "there are no stills of that day any more"),
        ({"begin": "soon"}, "the request could not be read"),
        ({"begin": float("inf")}, "the request could not be read"),
    ],
)
def test_what_cannot_be_made_has_a_reason(told: dict[str, Any], why: str, tmp_path: Path) -> None:
    made = run(tmp_path, tmp_path / "film.mp4", **told)
    assert made.returncode in (1, 2)
    assert made.stdout.splitlines()[-1] == f"failed {why}", made.stderr
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_a_reason(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    import cv2

    for number in range(20):
        noise = rng.integers(0, 255, (360, 640, 3), np.uint8)
        put(tmp_path, BEGIN + timedelta(seconds=5 * number), cv2.imencode(".jpg", noise)[1].tobytes())
    with small_disk(tmp_path / "disk", 1) as folder:
        (folder / "filler").write_bytes(bytes(1024 * 1024 - 16384))
        made = run(tmp_path, folder / "film.mp4")
        assert made.stdout.splitlines()[-1] == "failed there is no space left on the disk"
        assert os.listdir(folder) == ["filler"]


def test_it_knows_no_django() -> None:
    code = "import sys, camera.process.timelapse; print([m for m in sys.modules if m.startswith(('django', 'main'))])"
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=BASE, capture_output=True, text=True, check=True, timeout=30
    )
    assert made.stdout.strip() == "[]"


@pytest.fixture
def media(tmp_path: Path, settings: Any, db: None) -> Path:
    settings.MEDIA_ROOT = tmp_path
    storage_at(tmp_path)
    return tmp_path


def wanted(camera: Camera, **values: Any) -> TimeLapse:
    begin, end = bounds(DAY)
    usual = {"camera": camera, "camera_name": camera.name, "camera_slug": camera.slug, "day": DAY, "begin": begin,
             "end": end, "uid": paths.new_uid(), "wanted_by": "alice"}  # fmt: skip
    return TimeLapse.objects.create(**(usual | values))


def turn_until(job: TimeLapses, clock: Clock, done: Callable[[], bool]) -> None:
    until = time.monotonic() + 40
    while not done():
        assert time.monotonic() < until, "it takes too long"
        clock.forward(1)
        job()
        time.sleep(0.02)  # a real process works meanwhile


def state(row: TimeLapse) -> str:
    row.refresh_from_db()
    return row.state


def test_the_engine_makes_what_is_wanted(media: Path, yard: Camera) -> None:
    for number in range(10):
        kept(yard, BEGIN + timedelta(hours=number), jpeg(number))
    counted(yard, BEGIN + timedelta(hours=3), 1, 1, delete_requested_at=BEGIN)
    old, row = wanted(yard, state="ready"), wanted(yard)
    clock = Clock()
    job = TimeLapses(clock)
    turn_until(job, clock, lambda: state(row) == "ready")
    assert (row.pictures, row.percent, row.detail) == (9, 100, "")
    assert row.bytes == row.path.stat().st_size
    assert len(greys(row.path)) == 9
    assert row.made_at is not None
    old.refresh_from_db()
    assert old.delete_requested_at is not None, "the newer one takes its place"


def test_a_failure_is_told_on_the_row(media: Path, yard: Camera) -> None:
    row, clock = wanted(yard), Clock()
    job = TimeLapses(clock)
    turn_until(job, clock, lambda: state(row) == "failed")
    assert row.detail == "There are no stills of that day any more."
    assert media_files(media) == set()


def test_a_wish_that_is_taken_back_stops_the_process(media: Path, yard: Camera) -> None:
    for number in range(600):
        kept(yard, BEGIN + timedelta(seconds=number * 5), jpeg(number))
    row, other, clock = wanted(yard), wanted(yard), Clock()
    job = TimeLapses(clock)
    turn_until(job, clock, lambda: job._film is not None)
    assert job._film is not None
    process = job._film.process
    TimeLapse.objects.filter(pk=row.pk).update(delete_requested_at=BEGIN)
    clock.forward(1)
    job()
    assert process.poll() is not None
    assert not [name for name in media_files(media) if name.startswith("timelapse/")]
    # Nobody works at it, although the next one is begun at once: it may be deleted.
    assert state(row) == "wanted"
    assert job._film is not None
    Deletion()()
    assert list(TimeLapse.objects.values_list("pk", flat=True)) == [other.pk]
    job.stop()


def test_what_a_dead_engine_left_is_made_anew(media: Path, yard: Camera) -> None:
    kept(yard, BEGIN, jpeg(1))
    row, clock = wanted(yard, state="working", percent=40), Clock()
    job = TimeLapses(clock)
    turn_until(job, clock, lambda: state(row) == "ready")


def test_one_that_is_killed_is_tried_twice(media: Path, yard: Camera) -> None:
    for number in range(300):
        kept(yard, BEGIN + timedelta(seconds=number * 5), jpeg(number))
    row, clock = wanted(yard), Clock()
    job = TimeLapses(clock)
    for _ in range(2):
        turn_until(job, clock, lambda: job._film is not None)
        assert job._film is not None
        job._film.process.kill()
        job._film.process.wait()
        clock.forward(1)
        job()
    assert state(row) == "failed"
    assert row.detail == "The process that makes the film broke down."


def test_stopping_the_engine_leaves_the_wish(media: Path, yard: Camera) -> None:
    for number in range(300):
        kept(yard, BEGIN + timedelta(seconds=number * 5), jpeg(number))
    row, clock = wanted(yard), Clock()
    job = TimeLapses(clock)
    turn_until(job, clock, lambda: job._film is not None)
    assert job._film is not None
    process = job._film.process
    job.stop()
    assert process.poll() is not None
    assert state(row) == "working"
    again = TimeLapses(clock)
    turn_until(again, clock, lambda: state(row) == "ready")
