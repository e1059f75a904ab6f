"""Real camera processes on a real bus, started as the engine starts them, with real cameras in front of them."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from camera import bus
from camera.engine import supervisor
from camera.packets import Reason, SourceConfig
from camera.sources import Timeouts
from tests.house import wait_for
from tests.peers import clips
from tests.peers.http_camera import HttpCamera, Visit, http_camera, multipart, single, with_login
from tests.peers.hub import Hub, probe
from tests.peers.rtsp import fake_camera, gstreamer, liar

pytestmark = pytest.mark.slow

QUICK = Timeouts(resolve=1, connect=1, open=1, silence=1)
PATTERN = SourceConfig("pattern")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path)
    yield made
    made.close()


def config(camera: HttpCamera, **more: object) -> SourceConfig:
    return SourceConfig("http", camera.url, allow_loopback=True, **more)  # type: ignore[arg-type]


def paced(pictures: Iterator[bytes], rate: float = 20.0) -> Iterator[bytes]:
    for picture in pictures:
        yield picture
        time.sleep(1 / rate)


def test_jpegs_reach_the_viewer_byte_for_byte(hub: Hub) -> None:
    sent = [clips.jpeg(number) + (b"\0" * number) for number in range(12)]
    with http_camera(multipart(paced(itertools.cycle(sent)))) as camera:
        hub.watch()
        hub.start(config(camera))
        pictures = hub.wait_pictures(15)
    assert all(picture.data in sent for picture in pictures)
    assert len({picture.data for picture in pictures}) > 8
    headers = [picture.header for picture in pictures]
    assert all(set(header) == {"t", "seq", "w", "h", "every"} for header in headers)
    assert all((header["w"], header["h"], header["every"]) == (320, 240, 0) for header in headers)
    assert all(later["seq"] > earlier["seq"] for earlier, later in itertools.pairwise(headers))
    # The hub looks every 50 ms: what comes on top of that is the process's doing.
    assert all(-0.01 < picture.came_at - picture.header["t"] < 0.5 for picture in pictures)


def test_nothing_is_sent_while_nobody_looks_and_states_come_every_second(hub: Hub) -> None:
    hub.start(PATTERN)
    state = hub.wait_state("online")
    assert (state.codec, state.width, state.height, state.reason) == ("mjpeg", 960, 540, None)
    count = len(hub.states[7])
    hub.wait(lambda: len(hub.states[7]) >= count + 2, 4, "two more states")
    hub.wait(lambda: hub.state().fps == pytest.approx(10, abs=3), 5, "the rate, once it is more than a first guess")
    last = hub.state().last_frame_at
    assert last is not None and abs(last - time.time()) < 3


def test_every_newcomer_gets_the_newest_picture_at_once(hub: Hub) -> None:
    """A picture every 20 s: who comes in between need not wait, and is told how old it is."""
    with http_camera(single(itertools.cycle([clips.jpeg(1)]))) as camera:
        hub.start(config(camera, poll_fps=0.05))
        hub.wait_state("online")
        hub.watch()
        first = hub.wait_pictures(1, seconds=3)[0]
        hub.watch()
        again = hub.wait_pictures(1, seconds=3)[0]
    assert again.data == first.data == clips.jpeg(1)
    assert again.header == first.header, "an old picture keeps its capture time"
    assert first.header["every"] == 20, "who looks can tell a slow camera from an old picture"


@pytest.mark.processes
def test_an_old_picture_is_not_shown_after_the_camera_went(hub: Hub) -> None:
    seen = threading.Event()

    def one_picture(visit: Visit) -> None:
        if len(visit.camera.asked) > 1:
            seen.wait(1)
            visit.reply("503 Busy")
            return
        multipart([clips.jpeg(1)])(visit)

    with http_camera(one_picture) as camera:
        hub.start(config(camera), timeouts=QUICK)
        hub.wait_state("online")
        stalled = hub.wait_state("offline", Reason.STALLED)
        assert stalled.last_frame_at is not None and stalled.fps == 0
        seen.set()
        refused = hub.wait_state("offline", Reason.NO_SIGNAL)
        assert "503" in refused.detail
        hub.watch()
        count = len(hub.states[7])
        hub.wait(lambda: len(hub.states[7]) >= count + 2, 5, "two more states")
        assert not hub.pictures[7]


def test_it_comes_back_with_another_size(hub: Hub) -> None:
    first, second = [clips.jpeg(n) for n in range(4)], [clips.jpeg(n, 640, 360) for n in range(40)]
    tries = iter([first])

    def answer(visit: Visit) -> None:
        pictures = next(tries, None)
        if pictures is None:
            multipart(paced(iter(second)))(visit)
            return
        visit.reply("200 OK", ["Content-Type: multipart/x-mixed-replace; boundary=b"], length=False)
        for picture in pictures:
            visit.send(b"--b\r\n\r\n" + picture + b"\r\n")
        visit.sock.shutdown(socket.SHUT_RDWR)

    with http_camera(answer) as camera:
        hub.watch()
        hub.start(config(camera))
        hub.wait(lambda: any(p.header["w"] == 640 for p in hub.pictures[7]), 8, "the larger pictures")
        hub.wait(lambda: (now := hub.state()).state == "online" and now.width == 640, 5, "the state to tell the size")
    offline = [state for state in hub.states[7] if state.state == "offline"]
    assert offline and offline[0].reason == Reason.NO_SIGNAL


def test_a_film_is_shown_from_the_first_moment_somebody_looks(hub: Hub, tmp_path: Path) -> None:
    clips.movie(tmp_path / "film.mp4", frames=60, gop=30)
    hub.start(SourceConfig("file", "film.mp4", files_root=str(tmp_path)))
    assert hub.wait_state("online").codec == "h264"
    hub.watch()
    began = time.time()
    pictures = hub.wait_pictures(10)
    assert pictures[0].came_at - began < 2 and clips.decoded(pictures[0].data).shape == (240, 320, 3)
    assert all(-0.01 < picture.came_at - picture.header["t"] < 1 for picture in pictures[1:])
    hub.unwatch()
    hub.watch()
    assert clips.decoded(hub.wait_pictures(1)[0].data).shape == (240, 320, 3)


@pytest.mark.peers
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_real_rtsp_camera_is_watched(hub: Hub, codec: str) -> None:
    with gstreamer(codec=codec, user="admin", password="p@ss/w:o#rd", width=640, height=360) as url:
        hub.watch()
        source = SourceConfig("rtsp", url, "admin", "p@ss/w:o#rd", allow_loopback=True)
        hub.start(source)
        pictures = hub.wait_pictures(20, seconds=15)
        assert {clips.decoded(picture.data).shape for picture in pictures} == {(360, 640, 3)}
        assert hub.wait_state("online").width == 640
        # The colour bars of the test picture: the second one is yellow, the sixth red.
        bars = clips.decoded(pictures[-1].data)
        assert bars[50, 640 * 3 // 14].tolist() == pytest.approx([0, 255, 255], abs=12)
        assert bars[50, 640 * 11 // 14].tolist() == pytest.approx([0, 0, 255], abs=12)


@pytest.mark.peers
@pytest.mark.parametrize(
    ("argument", "reason"), [("--stop-after", Reason.NO_SIGNAL), ("--freeze-after", Reason.STALLED)]
)
def test_a_camera_that_breaks_is_named_and_read_again(hub: Hub, tmp_path: Path, argument: str, reason: Reason) -> None:
    with fake_camera(tmp_path, argument, "4") as url:
        hub.watch()
        hub.start(SourceConfig("rtsp", url, allow_loopback=True), timeouts=Timeouts(open=5, silence=1))
        hub.wait_pictures(3)
        broken = hub.wait_state("offline", reason)
        assert broken.detail
        if reason == Reason.NO_SIGNAL:
            hub.wait_state("online")
            hub.wait_pictures(3)


def test_no_secret_is_where_others_can_read_it(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The house's secrets never reach the process; the camera's own password stays inside it."""
    monkeypatch.setenv("SECRET_KEY", "h0use-S3CRET")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:h0use-S3CRET@db/x")
    words = "c4mera-S3CRET#@/"
    log = (tmp_path / "log").open("wb")
    with http_camera(with_login("digest", "admin", words, multipart(paced(itertools.cycle([clips.jpeg()]))))) as camera:
        process = hub.start(config(camera, username="admin", password=words), stderr=log.fileno())
        hub.wait_state("online")
        place = Path(f"/proc/{process.pid}")
        for name in ("environ", "cmdline"):
            shown = (place / name).read_bytes()
            assert b"S3CRET" not in shown and b"SECRET_KEY" not in shown and b"DATABASE_URL" not in shown
    hub.wait_state("offline")
    log.close()
    assert (tmp_path / "log").read_bytes() and b"S3CRET" not in (tmp_path / "log").read_bytes()
    assert "S3CRET" not in repr(hub.states)


def test_a_process_knows_neither_django_nor_the_rooms_above(hub: Hub, tmp_path: Path) -> None:
    """All that a real process has loaded by the end of its life, watched and decoding."""
    clips.movie(tmp_path / "film.mp4", frames=20)
    listing = tmp_path / "modules"
    code = (
        "import atexit, sys, os\nimport camera.process.__main__ as it\ncode = it.main()\n"
        f"open({str(listing)!r}, 'w').write('\\n'.join(sys.modules))\nos._exit(code)"
    )
    told = {"camera": 7, "token": "t", "source": asdict(SourceConfig("file", "film.mp4", files_root=str(tmp_path)))}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        env=supervisor.camera_environment(),
        cwd=supervisor.BASE_DIR,
    )
    hub.processes.append(process)
    assert process.stdin
    hub.watch()
    process.stdin.write(json.dumps(told | {"endpoints": hub.ends.as_dict()}).encode() + b"\n")
    process.stdin.flush()
    hub.wait_pictures(3)
    process.terminate()
    assert process.wait(3) == 0
    loaded = {name.partition(".")[0] for name in listing.read_text().split()}
    assert {"camera", "av", "cv2", "zmq"} <= loaded
    assert not loaded & {"django", "main", "accounts", "surveillance", "allauth", "channels", "ninja"}


def test_pass_through_loads_no_codec(hub: Hub) -> None:
    with http_camera(multipart(paced(itertools.cycle([clips.jpeg(1), clips.jpeg(2)])))) as camera:
        hub.watch()
        process = hub.start(config(camera))
        hub.wait_pictures(5)
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "cv2" not in maps and "libavcodec" not in maps


def test_limits(hub: Hub) -> None:
    process = psutil.Process(hub.start(PATTERN).pid)
    hub.wait_state("online")
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_NOFILE)[0] == 256
    assert process.rlimit(psutil.RLIMIT_AS)[0] == 4 * 1024**3
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert process.num_fds() < 40 and process.memory_info().vms < 1024**3


@pytest.mark.parametrize("how", ["SIGTERM", "stdin"])
def test_it_ends_cleanly(hub: Hub, how: str) -> None:
    process = hub.start(PATTERN)
    hub.wait_state("online")
    if how == "SIGTERM":
        process.terminate()
    else:
        assert process.stdin
        process.stdin.close()
    assert process.wait(2) == 0


@pytest.mark.processes
@pytest.mark.parametrize("kind", ["rtsp", "http"])
def test_it_ends_in_time_while_an_open_hangs(hub: Hub, kind: str) -> None:
    with liar(lambda camera, *_: "" if camera.over.wait() else "") as silent:
        process = hub.start(SourceConfig(kind, f"{kind}://127.0.0.1:{silent.port}/x", allow_loopback=True))
        wait_for(lambda: silent.asked, 5, "the question")
        hub.wait_state("connecting")
        process.terminate()
        assert process.wait(2) == 0


@pytest.mark.processes
def test_it_dies_with_its_engine(hub: Hub) -> None:
    code = (
        "import sys, json, time; from camera.engine import supervisor; "
        "p = supervisor.spawn(json.loads(sys.argv[1])); print(p.pid, flush=True); time.sleep(60)"
    )
    told = {"camera": 7, "token": "t", "source": asdict(PATTERN), "endpoints": hub.ends.as_dict()}
    engine = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(told)], stdout=subprocess.PIPE, cwd=supervisor.BASE_DIR
    )
    hub.processes.append(engine)
    assert engine.stdout
    child = psutil.Process(int(engine.stdout.readline()))
    hub.wait_state("online")
    os.kill(engine.pid, signal.SIGKILL)
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 3, "the child's end")


@pytest.mark.processes
def test_it_survives_the_engines_bus_going_away_and_coming_back(hub: Hub, tmp_path: Path) -> None:
    hub.watch()
    hub.start(PATTERN)
    hub.wait_pictures(2)
    hub.router.close()
    hub.router = bus.Router(hub.context, hub.ends.reports)
    heard = len(hub.states[7])
    hub.wait(lambda: len(hub.states[7]) > heard, 5, "a state on the new bus")
    hub.wait_pictures(2)


def test_a_command_it_does_not_know_is_answered(hub: Hub) -> None:
    hub.start(PATTERN)
    hub.wait_state("online")
    hub.router.send(b"token-7-0", {"type": "command", "id": "c1", "name": "dance"})
    hub.wait(lambda: hub.replies, 3, "the reply")
    assert hub.replies == [{"type": "reply", "id": "c1", "body": {"error": "unknown command"}}]


@pytest.mark.parametrize(
    "line", [b"", b"{}\n", b"nonsense\n", b'{"source": {"kind": 3}}\n', b"[1]\n", b'{"source":{"kind":"pattern"}}\n']
)
def test_a_configuration_that_cannot_be_read(line: bytes) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "camera.process"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=supervisor.BASE_DIR
    )
    _, errors = process.communicate(line, timeout=10)
    assert process.returncode == 2 and b"Traceback" not in errors and b"configuration" in errors


def test_probe_shows_a_picture_and_what_it_is(tmp_path: Path) -> None:
    answer, picture = probe(PATTERN)
    assert (answer["ok"], answer["codec"], answer["width"], answer["height"]) == (True, "mjpeg", 960, 540)
    assert clips.decoded(picture).shape == (540, 960, 3) and answer["seconds"] < 5
    clips.movie(tmp_path / "film.mkv", codec="libx265")
    answer, picture = probe(SourceConfig("file", "film.mkv", files_root=str(tmp_path)))
    assert (answer["codec"], clips.decoded(picture).shape) == ("hevc", (240, 320, 3))


def test_probe_passes_a_jpeg_on_untouched() -> None:
    with http_camera(single(itertools.repeat(clips.jpeg(5)))) as camera:
        answer, picture = probe(config(camera))
    assert answer["ok"] and picture == clips.jpeg(5)


def test_probe_names_what_is_wrong() -> None:
    with http_camera(with_login("basic", "a", "b", multipart([]))) as camera:
        answer, picture = probe(config(camera, username="a", password="wr0ng-S3CRET"))
    assert not picture and answer == {
        "ok": False,
        "reason": "AUTH_FAILED",
        "detail": "the camera answers 401 Unauthorized",
    }
    answer, _ = probe(SourceConfig("http", "http://127.0.0.1/"))
    assert answer["reason"] == "REFUSED"
    answer, _ = probe(SourceConfig("v4l2", "/dev/video9999"))
    assert answer["reason"] == "REFUSED"


def test_probe_of_a_stream_without_pictures_ends_in_time() -> None:
    with http_camera(multipart([])) as camera:
        began = time.monotonic()
        answer, _ = probe(config(camera), QUICK)
    assert answer["reason"] == "STALLED" and time.monotonic() - began < 4
