"""Live film out of real camera processes, on a real bus: cameras of other makers, real clips, newcomers at once."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import psutil
import pytest
import zmq

from camera import bus, films
from camera.films import INIT, KEY, Batch
from camera.packets import SourceConfig
from tests.conftest import shared_file
from tests.film_kit import film, media, read, times
from tests.peers import clips
from tests.peers.hub import Hub
from tests.peers.rtsp import fake_camera, gstreamer

pytestmark = pytest.mark.slow


@dataclass
class Viewer:
    """Somebody who subscribes to one kind of film and keeps all that comes."""

    hub: Hub
    kind: str = bus.FILM
    batches: list[Batch] = field(default_factory=list)
    # Seconds from a picture's capture to its coming.
    ages: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = bus.connect(self.hub.context, zmq.SUB, self.hub.ends.media_out, 1000)
        time.sleep(0.2)  # until the connection stands: only what the subscription takes is to be measured
        self.began = time.monotonic()
        self.socket.subscribe(bus.topic(self.kind, 7))

    def wait(self, until: Callable[[], object], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, f"{len(self.batches)} messages only"
            if not self.socket.poll(100):
                continue
            _, header, payload = self.socket.recv_multipart()
            batch = films.unpack(json.loads(header), payload)
            self.ages += [] if batch.replay else [time.time() - batch.pieces[-1].captured_at]
            self.batches.append(batch)
            self.hub.pump()

    def pictures(self, count: int, seconds: float = 15.0) -> list[Batch]:
        self.wait(lambda: sum(times(one)[0] == 1 for one in media(self.batches)) >= count, seconds)
        return self.batches


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path)
    made.seats = []  # type: ignore[attr-defined]
    yield made
    for viewer in made.seats:  # type: ignore[attr-defined]
        viewer.socket.close()
    made.close()


def sit(hub: Hub, kind: str = bus.FILM) -> Viewer:
    viewer = Viewer(hub, kind)
    hub.seats.append(viewer)  # type: ignore[attr-defined]
    return viewer


def check(batches: list[Batch]) -> None:
    """One film that FFmpeg reads to its end, without a hole, in steps that a browser goes along with."""
    batches = batches[next(n for n, batch in enumerate(batches) if batch.pieces[0].kind == INIT) :]
    assert batches[0].pieces[1].kind == KEY
    assert len({batch.epoch for batch in batches}) == 1
    numbers = [batch.first + n for batch in batches for n, _ in enumerate(media([batch]))]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    found = read(film(batches))
    assert len(found.shown) == len(found.stamps) == sum(times(one)[0] == 1 for one in media(batches))
    for track in (1, 2):
        line = [times(one) for one in media(batches) if times(one)[0] == track]
        assert all(0 < b[1] - a[1] < 2 * a[2] for a, b in itertools.pairwise(line))
    # FFmpeg knows in which order pictures are shown only when the fourth comes.
    shown = [pts for pts, _ in found.stamps][4:]
    assert len(set(shown)) == len(shown) and shown[-1] > shown[0]
    assert [pts for pts, _, _ in found.shown if pts > max(pts for pts, _ in found.stamps[:4])] == sorted(
        pts for pts in shown if pts > max(pts for pts, _ in found.stamps[:4])
    )
    ages = [one.captured_at for one in media(batches)]
    assert max(ages) - min(ages) < 60 and abs(time.time() - ages[-1]) < 5


@pytest.mark.peers
@pytest.mark.parametrize(
    ("codec", "told"), [("h264", "avc1."), ("h264-b", "avc1."), ("h264-slices", "avc1."), ("h265", "hvc1.")]
)
def test_a_real_rtsp_camera_with_sound(hub: Hub, codec: str, told: str) -> None:
    with gstreamer(codec=codec, sound="aac") as url:
        hub.start(SourceConfig("rtsp", url, audio=True, allow_loopback=True))
        hub.wait(lambda: hub.states.get(7) and hub.state().film_sound, 15, "how to play it")
        state = hub.state()
        assert state.film.startswith(told) and state.film_sound == state.film + ",mp4a.40.2"
        silent, loud = sit(hub), sit(hub, bus.FILM_SOUND)
        for viewer in (silent, loud):
            check(viewer.pictures(45))
        assert silent.batches[0].mime == films.mime(state.film) and loud.batches[0].mime == films.mime(state.film_sound)
        heard = read(film(loud.batches)).sound
        assert len(heard) > 45 * 44100 / 1024 / 15 * 0.8
        assert {b - a for a, b in itertools.pairwise(heard)} == {1024}, "sound without a break"


@pytest.mark.peers
def test_a_camera_that_sends_no_sound_and_stamps_its_pictures(hub: Hub, tmp_path: Path) -> None:
    with fake_camera(tmp_path, "--fps", "15") as url:
        hub.start(SourceConfig("rtsp", url, allow_loopback=True))
        hub.wait(lambda: hub.states.get(7) and hub.state().film, 15, "how to play it")
        viewer = sit(hub)
        check(viewer.pictures(40))
        assert hub.state().film_sound == "" and sorted(viewer.ages)[len(viewer.ages) // 2] < 0.05


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("vtest_pets09_480x360.mp4", "avc1.4d4015"),
        ("dvrscan_traffic_camera.mp4", "avc1.4d401f"),
        ("night_ir_hevc_tail.mp4", "hvc1.1.6.L120"),
    ],
)
def test_real_footage(hub: Hub, name: str, told: str) -> None:
    path = shared_file(f"data/motion/{name}")
    hub.start(SourceConfig("file", name, files_root=str(path.parent)))
    hub.wait(lambda: hub.states.get(7) and hub.state().film, 15, "how to play it")
    assert hub.state().film == told
    check(sit(hub).pictures(40))


def test_a_newcomer_sees_a_picture_at_once_however_far_apart_key_frames_are(hub: Hub, tmp_path: Path) -> None:
    """Ten seconds between key frames; who comes gets all since the last one within some milliseconds."""
    long_film(tmp_path / "long.mp4")
    hub.start(SourceConfig("file", "long.mp4", files_root=str(tmp_path)))
    hub.wait(lambda: hub.states.get(7) and hub.state().film, 15, "how to play it")
    time.sleep(4)
    waited = []
    for _ in range(5):
        viewer = sit(hub)
        viewer.wait(lambda viewer=viewer: any(batch.replay for batch in viewer.batches))  # type: ignore[misc]
        # Others watch already: what they get may come a moment before.
        batch = viewer.batches[-1]
        assert batch.first == 0 and len(media([batch])) >= 100
        assert time.time() - batch.pieces[-1].captured_at < 0.3
        waited.append(time.monotonic() - viewer.began)
    assert sorted(waited)[2] < 0.1, waited
    check(sit(hub).pictures(200))


def long_film(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "tune": "zerolatency"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.codec_context.gop_size = 300
        for number in range(310):
            frame = av.VideoFrame.from_ndarray(clips.drawn(number, 640, 360), format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_watching_ends_and_the_process_is_quiet_again(hub: Hub, tmp_path: Path) -> None:
    clips.movie(tmp_path / "film.mp4", frames=60, gop=30)
    process = psutil.Process(hub.start(SourceConfig("file", "film.mp4", files_root=str(tmp_path))).pid)
    hub.wait(lambda: hub.states.get(7) and hub.state().film, 15, "how to play it")
    first = sit(hub)
    first.pictures(20)
    first.socket.close()
    hub.seats.remove(first)  # type: ignore[attr-defined]
    time.sleep(0.5)
    before = process.num_ctx_switches().voluntary
    time.sleep(1)
    idle = process.num_ctx_switches().voluntary - before
    again = sit(hub)
    again.pictures(20)
    before = process.num_ctx_switches().voluntary
    time.sleep(1)
    assert idle < process.num_ctx_switches().voluntary - before, "it was woken for nobody"
    assert again.batches[0].replay and again.batches[0].epoch == first.batches[0].epoch
