"""H.264 copies of recordings that browsers cannot play, made by a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.utils import timezone

from camera import paths
from camera.engine.deletion import Deletion
from camera.engine.playable import PlayableCopies
from camera.models import Camera, Recording, Storage
from tests.keeping_house import Clock, media_files, recording, small_disk, storage_at

pytestmark = pytest.mark.processes
BASE = Path(__file__).resolve().parent.parent
RATE = 10


def hevc_clip(path: Path, pictures: int = 30, size: tuple[int, int] = (162, 122), codec: str = "libx265") -> Path:
    """A square that moves, with a tone, of `pictures` pictures at 10 a second."""
    with av.open(str(path), "w", format="mp4") as made:
        options = {"x265-params": "log-level=none:pools=1"} if codec == "libx265" else {}
        video = made.add_stream(codec, rate=RATE, options=options)
        video.width, video.height = size
        video.pix_fmt = "yuv420p" if codec == "libx265" else "yuv444p"
        sound = made.add_stream("aac", rate=8000, layout="mono")
        for number in range(pictures):
            picture = np.full((size[1], size[0], 3), 40, np.uint8)
            picture[20:60, number % 100 : number % 100 + 40] = 220
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            made.mux(video.encode(frame))
            tone = np.sin(np.arange(800) * 0.3).astype(np.float32)[None]
            piece = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = 8000, number * 800, Fraction(1, 8000)
            made.mux(sound.encode(piece))
        made.mux(video.encode(None))
        made.mux(sound.encode(None))
    return path


def run_copy(source: Path, target: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "camera.process.playable"],
        input=json.dumps({"source": str(source), "target": str(target)}) + "\n",
        cwd=BASE, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_hevc_clip_becomes_h264_with_its_sound_and_times(tmp_path: Path) -> None:
    source, target = hevc_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    run = run_copy(source, target)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "percent 100"
    with av.open(str(source)) as given, av.open(str(target)) as made:
        video, sound = made.streams.video[0], made.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == (162, 122)
        assert sound.codec_context.name == "aac"
        times = [[frame.time for frame in one.decode(video=0)] for one in (given, made)]
        assert len(times[1]) == 30
        assert np.allclose(times[0], times[1], atol=0.002)
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", "out.mp4"]


def test_an_uneven_size_is_cut_to_an_even_one(tmp_path: Path) -> None:
    source = hevc_clip(tmp_path / "in.mp4", 5, (63, 47), "libx264")
    assert run_copy(source, tmp_path / "out.mp4").returncode == 0
    with av.open(str(tmp_path / "out.mp4")) as made:
        assert (made.streams.video[0].width, made.streams.video[0].height) == (62, 46)


@pytest.mark.parametrize("kind", ["garbage", "link", "fifo", "missing", "playlist"])
def test_what_is_no_recording_gives_a_reason_and_no_file(kind: str, tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    if kind == "garbage":
        source.write_bytes(os.urandom(5000))
    elif kind == "link":
        source.symlink_to(hevc_clip(tmp_path / "real.mp4", 3))
    elif kind == "fifo":
        os.mkfifo(source)
    elif kind == "playlist":
        source.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")
    run = run_copy(source, target)
    assert run.returncode == 1
    assert run.stdout.startswith("failed ")
    assert not target.exists()
    assert not target.with_name("out.mp4.part").exists()


def test_a_full_disk_is_a_reason(tmp_path: Path) -> None:
    source = hevc_clip(tmp_path / "in.mp4", 60)
    with small_disk(tmp_path / "disk", 1) as folder:
        (folder / "filler").write_bytes(bytes(1024 * 1024 - 8192))
        run = run_copy(source, folder / "out.mp4")
        assert run.stdout.splitlines()[-1] == "failed there is no space left on the disk"
        assert os.listdir(folder) == ["filler"]


def test_it_knows_no_secret_and_no_django(tmp_path: Path) -> None:
    code = "import sys, camera.process.playable; print([m for m in sys.modules if m.startswith(('django', 'main'))])"
    run = subprocess.run([sys.executable, "-c", code], cwd=BASE, capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.strip() == "[]"


@pytest.fixture
def storage(tmp_path: Path, settings: Any, db: None) -> Storage:
    settings.MEDIA_ROOT = tmp_path
    return storage_at(tmp_path)


def wanted(storage: Storage, yard: Camera, pictures: int = 20, size: tuple[int, int] = (160, 120)) -> Recording:
    row = recording(storage, yard, codec="hevc", playable_wanted_at=timezone.now())
    hevc_clip(row.path, pictures, size)
    return row


def turn_until(copies: PlayableCopies, done: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it takes too long"
        began = time.monotonic()
        copies()
        assert time.monotonic() - began < 2, "a turn must not wait for the copy"
        time.sleep(0.05)


def state(row: Recording) -> str:
    row.refresh_from_db()
    return row.playable


def test_what_is_asked_for_is_made_one_at_a_time(storage: Storage, yard: Camera) -> None:
    first, second = wanted(storage, yard), wanted(storage, yard)
    recording(storage, yard)
    copies = PlayableCopies()
    copies()
    assert (state(first), state(second)) == ("working", "")
    turn_until(copies, lambda: state(second) == "ready")
    assert state(first) == "ready"
    assert first.playable_percent == 100
    for row in (first, second):
        with av.open(str(row.playable_path)) as made:
            assert made.streams.video[0].codec_context.name == "h264"
    assert Recording.objects.filter(playable="ready").count() == 2


def test_what_cannot_be_read_fails_and_may_be_asked_for_again(storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard, playable_wanted_at=timezone.now())
    copies = PlayableCopies()
    turn_until(copies, lambda: state(row) == "failed")
    assert row.playable_wanted_at is None
    assert "could not be read" in row.detail
    copies()
    assert state(row) == "failed"
    hevc_clip(row.path, 5)
    Recording.objects.update(playable_wanted_at=timezone.now())
    turn_until(copies, lambda: state(row) == "ready")


def test_a_deleted_recording_stops_its_copy(storage: Storage, yard: Camera, tmp_path: Path) -> None:
    row = wanted(storage, yard, 150, (640, 480))
    copies, deletion = PlayableCopies(), Deletion()
    turn_until(copies, lambda: Path(str(row.playable_path) + ".part").exists())
    Recording.objects.update(delete_requested_at=timezone.now())
    assert deletion() == 0, "the copy is stopped first"
    assert copies._copy is not None
    process = copies._copy.process
    copies()
    assert process.poll() == -signal.SIGKILL
    assert deletion() == 1
    assert media_files(tmp_path) == set()


def test_an_engine_that_died_leaves_a_copy_to_begin_anew(storage: Storage, yard: Camera) -> None:
    row = wanted(storage, yard, 100, (640, 480))
    dead = PlayableCopies()
    turn_until(dead, lambda: Path(str(row.playable_path) + ".part").exists())
    assert dead._copy is not None
    dead._copy.process.kill()
    dead._copy.process.wait()
    assert state(row) == "working"
    turn_until(PlayableCopies(), lambda: state(row) == "ready")
    assert not Path(str(row.playable_path) + ".part").exists()


def test_a_killed_copy_is_tried_twice(storage: Storage, yard: Camera) -> None:
    row = wanted(storage, yard, 150, (640, 480))
    copies = PlayableCopies()
    for _ in range(2):
        turn_until(copies, lambda: copies._copy is not None)
        assert copies._copy is not None
        copies._copy.process.kill()
        copies._copy.process.wait()
        copies()
    assert state(row) == "failed"
    assert "broke down" in row.detail


def test_a_copy_that_hangs_is_killed(storage: Storage, yard: Camera) -> None:
    row = wanted(storage, yard, 150, (640, 480))
    clock = Clock()
    copies = PlayableCopies(clock)
    copies()
    assert copies._copy is not None
    process = copies._copy.process
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.1)
    copies()
    clock.forward(61)
    copies()
    assert process.poll() == -signal.SIGKILL
    assert state(row) == "failed"


def test_a_row_that_names_something_else_gives_no_copy(storage: Storage, yard: Camera) -> None:
    row = recording(storage, yard, playable_wanted_at=timezone.now())
    Recording.objects.update(file="../" + row.file)
    copies = PlayableCopies()
    copies()
    assert state(row) == "failed"
    assert copies._copy is None
    assert paths.playable_of(row.file).endswith(".h264.mp4")
