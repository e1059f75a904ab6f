"""Damaged and hostile streams as sources, each in a process of its own as in the house: no crash, no hang."""

import random
import time
from pathlib import Path

import pytest

from camera.packets import SourceConfig
from camera.sources import Timeouts
from tests.conftest import shared_file
from tests.peers import clips
from tests.peers.http_camera import Visit, http_camera, multipart
from tests.peers.hub import probe

pytestmark = pytest.mark.faults

QUICK = Timeouts(resolve=1, connect=1, open=2, silence=1)
REASONS = {"BAD_STREAM", "NO_SIGNAL", "STALLED", "REFUSED", "NOT_FOUND"}


def check(folder: Path, name: str) -> dict[str, object]:
    began = time.monotonic()
    answer, picture = probe(SourceConfig("file", name, files_root=str(folder)), QUICK)
    assert time.monotonic() - began < 13
    if answer["ok"]:
        assert picture.startswith(b"\xff\xd8")
    else:
        assert answer["reason"] in REASONS and answer["detail"]
    return answer


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("BA_MW_D.264", "h264"),
        ("Cisco_Men_whisper_640x320_CABAC_Bframe_9.264", "h264"),
        ("girlshy.h265", "hevc"),
        ("exo_sample_fragmented.mp4", "h264"),
        ("exo_sample_h264.ts", "h264"),
        ("exo_sample_h265.ts", "hevc"),
    ],
)
def test_streams_of_others_are_shown(name: str, codec: str) -> None:
    answer = check(shared_file(f"data/streams/{name}").parent, name)
    assert answer["ok"] and answer["codec"] == codec


def test_a_multipart_stream_of_others_is_read() -> None:
    body = shared_file("data/streams/office_40f_multipart.mjpeg").read_bytes()
    boundary = body.partition(b"\n")[0].strip().lstrip(b"-").decode()

    def answer(visit: Visit) -> None:
        visit.reply("200 OK", [f"Content-Type: multipart/x-mixed-replace; boundary={boundary}"], length=False)
        visit.send(body)
        visit.wait()

    with http_camera(answer) as camera:
        found, picture = probe(SourceConfig("http", camera.url, allow_loopback=True), QUICK)
    assert found["ok"] and picture in body


def test_corrupt_files_of_others() -> None:
    folder = shared_file("data/corrupt")
    videos = sorted(
        p.name for p in folder.iterdir() if p.suffix in (".mp4", ".264", ".h264", ".bin", ".mkv", ".avi", ".ts")
    )
    for name in videos[:: max(1, len(videos) // 12)]:
        check(folder, name)


def test_corrupt_pictures_of_others_as_a_stream() -> None:
    pictures = [path.read_bytes() for path in sorted(shared_file("data/corrupt").glob("*.jpg"))]
    with http_camera(multipart(pictures)) as camera:
        answer, _ = probe(SourceConfig("http", camera.url, allow_loopback=True), QUICK)
    assert answer["ok"] or answer["reason"] in REASONS


def test_a_film_with_flipped_bytes(tmp_path: Path) -> None:
    chance = random.Random(2)
    whole = clips.movie(tmp_path / "film.ts", frames=30).read_bytes()
    for number in range(4):
        broken = bytearray(whole)
        for _ in range(40 * (number + 1)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        (tmp_path / f"broken{number}.ts").write_bytes(broken)
        check(tmp_path, f"broken{number}.ts")
