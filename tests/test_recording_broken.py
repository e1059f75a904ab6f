"""Recordings that break off: killed processes, full and slow disks, and the repair of what is left."""

import contextlib
import errno
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from camera.orders import Orders
from camera.process.recorder import Recorder
from camera.video.integrity import sha256_of
from camera.video.mux import Mp4Writer
from camera.video.repair import RepairError, duration_of, repair
from tests.recording_kit import START, Desk, camera, info, pictures, stamps

pytestmark = pytest.mark.faults
ROOT = Path(__file__).resolve().parents[1]
KILLED = """
import os, signal, sys
from tests.recording_kit import camera, info
from camera.video.mux import Mp4Writer
codec, path = sys.argv[1:]
packets = camera(codec, 100, gop=50)
writer = Mp4Writer(path, info(codec), packets[0])
for packet in packets:
    writer.write(packet)
os.kill(os.getpid(), signal.SIGKILL)
"""
LIMITED = """
import resource, sys
from pathlib import Path
from tests.recording_kit import START, Desk, camera, info

desk = Desk(Path(sys.argv[1]))
desk.recorder.opened(info())
desk.order(mode="always")
packets = camera(frames=300)
desk.send(packets[:1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
desk.send(packets[1:100])
assert not desk.recorder.recording and len(desk.opened) == 1, desk.said
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
desk.send(packets[100:110])
assert len(desk.opened) == 1, "not before five seconds have passed"
desk.clock.now += 5
desk.send(packets[110:200])
desk.recorder.closed()
desk.turn()
for one in desk.closed:
    print(one.state, one.bytes, one.seconds, one.sha256, one.detail, sep="|")
for one in desk.opened:
    print(one.file)
"""


def run(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_a_killed_writer_loses_half_a_second_at_most(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.mp4"
    assert run(KILLED, codec, str(path)).returncode == -signal.SIGKILL
    before = path.stat().st_size
    done = repair(path)
    assert done.bytes == path.stat().st_size == before - done.cut
    count = len(stamps(path))
    assert count == pictures(path) >= 100 - 0.6 * 15
    assert done.seconds == pytest.approx(count / 15, abs=0.01)
    assert repair(path).cut == 0, "once is enough"


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file as it is while it is written, of four pieces."""
    path = tmp_path_factory.mktemp("torn") / "a.mp4"
    packets = camera(frames=40, gop=20, size=(80, 48))
    writer = Mp4Writer(path, info(size=(80, 48)), packets[0])
    for packet in packets:
        writer.write(packet)
    data = path.read_bytes()
    writer.close()
    return data


def test_a_file_torn_anywhere_is_cut_to_what_plays(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "a.mp4"
    found: dict[float, int] = {}
    edges = [match.start() for match in re.finditer(b"moov|moof|mdat", torn)]
    near = {place for edge in edges for place in range(edge - 25, edge + 25)}
    for place in sorted({*near, *range(0, len(torn), 97), len(torn)}):
        path.write_bytes(torn[:place])
        try:
            seconds = duration_of(path)
        except RepairError:
            assert not found
            with contextlib.suppress(RepairError):
                repair(path)
            assert path.stat().st_size == place, "what cannot be repaired stays as it is"
            continue
        if seconds not in found or place % 50 == 0:
            done = repair(path)
            assert path.read_bytes() == torn[: done.bytes] and done.bytes + done.cut == place
            assert done.seconds == pytest.approx(seconds, abs=0.001) == pytest.approx(pictures(path) / 15, abs=0.01)
            assert found.setdefault(seconds, done.bytes) == done.bytes
    assert list(found) == sorted(found) and len(found) >= 4 and max(found) >= 32 / 15


def test_a_damaged_file_is_never_a_surprise(tmp_path: Path, torn: bytes) -> None:
    """Whatever bytes a hostile camera brought into a file: repaired or refused, at once, and never made longer."""
    path, rng = tmp_path / "a.mp4", random.Random(2)
    for _ in range(600):
        data = bytearray(torn)
        for _ in range(rng.choice([1, 3, 20])):
            at = rng.randrange(1500) if rng.random() < 0.8 else rng.randrange(len(data))
            data[at] = rng.choice([0, 1, 0xFF, rng.randrange(256)])
        path.write_bytes(data)
        began = time.monotonic()
        try:
            done = repair(path)
        except RepairError:
            assert path.read_bytes() == data
        else:
            assert 0 < done.bytes <= len(data) and 0 < done.seconds <= 7 * 24 * 3600
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, b"\0\0\0\1mdat" + b"\xff" * 8, os.urandom(3000)])
def test_what_is_no_film_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(RepairError):
        repair(tmp_path / "a.mp4")
    with pytest.raises(RepairError):
        duration_of(tmp_path / "a.mp4")


def test_a_link_is_not_followed(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "b.mp4").write_bytes(torn[:-5])
    (tmp_path / "a.mp4").symlink_to(tmp_path / "b.mp4")
    with pytest.raises(OSError, match="symbolic links"):
        repair(tmp_path / "a.mp4")
    assert (tmp_path / "b.mp4").stat().st_size == len(torn) - 5


def test_a_disk_that_takes_no_more_breaks_the_file_off_and_is_tried_again(tmp_path: Path) -> None:
    done = run(LIMITED, str(tmp_path / "footage"), "200000")
    assert done.returncode == 0, done.stderr[-2000:]
    first, second, *names = [line for line in done.stdout.splitlines() if line]
    state, size, seconds, digest, detail = first.split("|")
    broken, whole = (tmp_path / "footage" / name for name in names)
    assert state == "interrupted" and "disk" in detail and int(size) == broken.stat().st_size <= 200_000
    assert digest == sha256_of(broken) and float(seconds) == pytest.approx(pictures(broken) / 15, abs=0.01)
    assert pictures(broken) >= 20
    assert second.startswith("closed|") and pictures(whole) == 90
    assert not list((tmp_path / "footage").rglob("*.part"))


def test_a_file_without_one_whole_piece_is_removed(tmp_path: Path) -> None:
    done = run(LIMITED, str(tmp_path / "footage"), "500")
    assert done.returncode == 0, done.stderr[-2000:]
    first, second, removed, whole = [line for line in done.stdout.splitlines() if line]
    assert first.startswith("interrupted|0|0.0||the disk") and second.startswith("closed|")
    assert not (tmp_path / "footage" / removed).exists()
    assert sorted(path.name for path in (tmp_path / "footage").rglob("*.*")) == [
        Path(whole).with_suffix(".jpg").name, Path(whole).name
    ]  # fmt: skip


def test_a_disk_that_does_not_sync_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path / "footage")
    desk.recorder.opened(info())
    desk.order(mode="always")
    desk.send(camera(frames=20))

    def broken(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        desk.recorder.closed()
        desk.turn()
    assert not desk.closed and list((tmp_path / "footage").rglob("*.mp4.part"))
    assert desk.recorder.closeup.step()
    (closed,) = desk.closed
    assert closed.state == "closed" and closed.bytes == desk.files()[0].stat().st_size


def test_a_file_that_somebody_deletes_meanwhile_is_told_so(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "footage")
    desk.recorder.opened(info())
    desk.order(mode="always")
    desk.send(camera(frames=20))
    next((tmp_path / "footage").rglob("*.part")).unlink()
    desk.recorder.closed()
    desk.turn()
    assert (desk.closed[0].state, desk.closed[0].bytes) == ("interrupted", 0) and "deleted" in desk.closed[0].detail


def test_a_folder_that_may_not_be_written_to_is_no_end(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "footage")
    desk.recorder.opened(info())
    (tmp_path / "footage" / "recordings").write_text("a file where a folder should be")
    desk.order(mode="always")
    packets = camera(frames=60)
    desk.send(packets[:20])
    assert not desk.said
    (tmp_path / "footage" / "recordings").unlink()
    desk.clock.now += 5
    desk.send(packets[20:])
    assert desk.opened[0].started_at == packets[20].captured_at


def test_a_folder_that_leads_elsewhere_is_not_used(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "footage")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "footage" / "recordings").symlink_to(elsewhere)
    desk.recorder.opened(info())
    desk.order(mode="always")
    desk.send(camera(frames=20))
    assert not desk.said and not [path for path in elsewhere.rglob("*") if path.is_file()]


def test_what_cannot_be_recorded_is_tried_now_and_then(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "footage")
    desk.recorder.opened(info("av1"))
    desk.order(mode="always")
    desk.send([one for one in camera(frames=30)])
    assert not desk.said and not list((tmp_path / "footage").rglob("*.part"))


def test_a_disk_that_stands_still_holds_up_no_picture(tmp_path: Path) -> None:
    """The recorder's thread hangs in a write; capture goes on, and nothing is lost once the disk is back."""
    (tmp_path / "footage").mkdir()
    said: list[tuple[str, dict[str, object]]] = []
    recorder = Recorder(lambda kind, body: said.append((kind, body)))
    stuck, free = threading.Event(), threading.Event()
    write = Mp4Writer.write

    def slow(self: Mp4Writer, packet: object) -> None:
        stuck.set()
        assert free.wait(20)
        write(self, packet)  # type: ignore[arg-type]

    packets = camera(frames=600)
    threads = [threading.Thread(target=work) for work in (recorder.run, recorder.closeup.run)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mp4Writer, "write", slow)
        for thread in threads:
            thread.start()
        recorder.take(Orders(1, "yard", str(tmp_path / "footage"), mode="always"))
        recorder.opened(info())
        recorder.packet(packets[0])
        assert stuck.wait(10)
        began = time.monotonic()
        for packet in packets[1:]:
            recorder.packet(packet)
        assert time.monotonic() - began < 1
        free.set()
        recorder.stop()
        for thread in threads:
            thread.join(20)
    assert [kind for kind, _ in said if kind == "recording_closed"] == ["recording_closed"]
    (file,) = (tmp_path / "footage").rglob("*.mp4")
    assert len(stamps(file)) == 600


def test_a_disk_that_is_too_slow_leaves_a_hole_and_no_broken_picture(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "footage")
    packets = camera(frames=300, gop=10)
    desk.recorder.ring._max_bytes = sum(len(one.data) for one in packets) // 4
    desk.recorder.opened(info())
    desk.order(mode="always")
    desk.send(packets[:25])
    desk.send(packets[25:], turn_every=1000)
    desk.recorder.closed()
    desk.turn()
    (file,) = desk.files()
    times = [pts for pts, _ in stamps(file)]
    assert 60 < len(times) < 300 and pictures(file) == len(times)
    assert times[-1] == pytest.approx(299 * 6000, abs=10), "the hole is in the film as time that passed"
    assert desk.closed[0].ended_at == pytest.approx(START + 20, abs=0.05)
