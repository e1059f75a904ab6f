"""The capture loop and its state, with a clock that moves only when told."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from camera.packets import Packet, Reason, SourceConfig, SourceError, StateName, StreamInfo
from camera.process.capture import Backoff, Capture, silence
from camera.process.freeze import FROZEN_AFTER
from camera.process.state import StateKeeper
from camera.sources import Source, Timeouts
from tests.peers import clips

Step = Packet | StreamInfo | Exception | float | Callable[[], None]


@dataclass
class FakeClock:
    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + 1_700_000_000

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return event.is_set()


@dataclass
class Sink:
    got: list[object] = field(default_factory=list)

    def opened(self, info: StreamInfo) -> None:
        self.got.append(info)

    def packet(self, packet: Packet) -> None:
        self.got.append(packet)

    def closed(self) -> None:
        self.got.append("closed")


@dataclass
class Scripted:
    """A source that does what its script says: packets, new infos, seconds that pass, errors, calls."""

    script: list[Step]
    clock: FakeClock
    info: StreamInfo = StreamInfo("h264", 640, 360)
    closed: bool = False

    def __iter__(self) -> Iterator[Packet]:
        for step in self.script:
            if isinstance(step, Packet):
                yield step
            elif isinstance(step, StreamInfo):
                self.info = step
            elif isinstance(step, Exception):
                raise step
            elif isinstance(step, float):
                self.clock.now += step
            else:
                step()

    def close(self) -> None:
        self.closed = True


class Scene:
    """A capture whose tries take one script each; an exception alone is a failure to open."""

    def __init__(self, *tries: list[Step] | Exception, config: SourceConfig | None = None) -> None:
        self.tries, self.clock, self.sink = list(tries), FakeClock(), Sink()
        self.sources: list[Scripted] = []
        self.online: list[bool] = []
        self.told: list[tuple[str, str | None]] = []
        self.keeper = StateKeeper(7, self.clock, self.online.append, self._changed)
        self.capture = Capture(config or SourceConfig("rtsp"), self._open, self.keeper, self.sink, self.clock)

    def _changed(self) -> None:
        state = self.keeper.state()
        self.told.append((state.state, state.reason))

    def _open(self, config: SourceConfig, stop: threading.Event, timeouts: Timeouts) -> Source:
        if not self.tries:
            stop.set()
            raise SourceError(Reason.NO_SIGNAL)
        script = self.tries.pop(0)
        if isinstance(script, Exception):
            raise script
        self.sources.append(Scripted(script, self.clock))
        return self.sources[-1]

    def run(self) -> "Scene":
        self.capture.run()
        return self


def packet(number: int = 0, key: bool = True, size: int = 5000) -> Packet:
    return Packet(number.to_bytes(4) * (size // 4), key, 1_700_000_000.0 + number, pts=number * 6000)


GONE = SourceError(Reason.NO_SIGNAL, "the camera hung up")


def test_a_camera_goes_online_with_its_first_picture_and_offline_with_its_last() -> None:
    scene = Scene([packet(1), packet(2, key=False), GONE]).run()
    assert scene.told == [("online", None), ("offline", "NO_SIGNAL")]
    assert scene.online == [True, False]
    assert scene.sink.got[0] == StreamInfo("h264", 640, 360) and scene.sink.got[-1] == "closed"
    assert [p.captured_at for p in scene.sink.got if isinstance(p, Packet)] == [1_700_000_001.0, 1_700_000_002.0]
    assert scene.sources[0].closed


def test_an_opened_stream_without_pictures_is_not_online() -> None:
    assert Scene([GONE]).run().online == []


def test_the_first_try_comes_at_once_and_the_others_later_and_later() -> None:
    waits = Scene(*[GONE] * 12).run().clock.waits
    assert waits[0] == 0
    for wait, planned in zip(waits[1:], (1, 2, 4, 8, 16, 32, 60, 60), strict=False):
        assert 0.8 * planned <= wait <= min(60, 1.2 * planned)
    assert max(waits) <= 60


def test_waits_are_spread_so_that_cameras_do_not_come_all_at_once() -> None:
    assert len({round(Scene(*[GONE] * 4).run().clock.waits[3], 6) for _ in range(8)}) > 1


def test_thirty_good_seconds_forgive_all_failures() -> None:
    good: list[Step] = [packet(1), 31.0, packet(2), GONE]
    short: list[Step] = [packet(1), 5.0, packet(2), GONE]
    waits = Scene(GONE, GONE, GONE, good, GONE, short, GONE).run().clock.waits
    assert waits[3] == 0 and waits[4] > 0.7 and waits[6] > waits[4]


def test_wrong_passwords_are_offered_seldom() -> None:
    waits = Scene(*[SourceError(Reason.AUTH_FAILED)] * 3).run().clock.waits
    assert min(waits) >= 24


def test_a_fault_nobody_thought_of_ends_one_try_only() -> None:
    scene = Scene([packet(1), ZeroDivisionError("S3CRETpw")], [packet(2), GONE]).run()
    assert scene.told[1] == ("offline", "BAD_STREAM") and scene.online == [True, False, True, False]
    assert "S3CRETpw" not in repr(scene.keeper.state())


def test_a_new_size_is_told_to_all() -> None:
    small, large = StreamInfo("h264", 640, 360), StreamInfo("hevc", 1280, 720)
    scene = Scene([packet(1), large, packet(2), GONE]).run()
    assert scene.sink.got[:4] == [small, packet(1), large, packet(2)]
    assert (scene.keeper.state().codec, scene.keeper.state().width) == ("hevc", 1280)


def test_since_and_last_frame_and_rate() -> None:
    steps: list[Step] = []
    for number in range(60):
        steps += [packet(number, key=number % 15 == 0), 1 / 15]
    looks: list[tuple[float, float | None, float]] = []
    scene = Scene()

    def look() -> None:
        state = scene.keeper.state()
        looks.append((state.fps, state.last_frame_at, state.since))

    scene.tries = [[*steps, look, GONE]]
    began = scene.clock.time()
    scene.run()
    assert looks[0][0] == pytest.approx(15, abs=0.3) and looks[0][1] == 1_700_000_059.0 and looks[0][2] == began
    after = scene.keeper.state()
    assert after.fps == 0 and after.last_frame_at == 1_700_000_059.0 and after.since > began


def test_a_picture_in_two_packets_counts_once() -> None:
    scene = Scene()
    steps: list[Step] = []
    for number in range(40):
        steps += [packet(number), packet(number), 0.1]
    rates: list[float] = []
    scene.tries = [[*steps, lambda: rates.append(scene.keeper.state().fps), GONE]]
    scene.run()
    assert rates[0] == pytest.approx(10, abs=0.5)


def test_a_source_that_hangs_is_stalled_and_comes_back() -> None:
    scene = Scene()
    scene.tries = [[packet(1), 10.5, scene.keeper.look, packet(2), GONE]]
    scene.run()
    assert scene.told == [("online", None), ("offline", "STALLED"), ("online", None), ("offline", "NO_SIGNAL")]
    assert scene.online == [True, False, True, False]


def test_a_camera_that_is_asked_seldom_may_be_quiet_for_longer() -> None:
    assert silence(SourceConfig("http", poll_fps=0.05), Timeouts()) == 60
    assert silence(SourceConfig("http", poll_fps=2), Timeouts()) == 10
    assert silence(SourceConfig("rtsp", poll_fps=0.05), Timeouts(silence=3)) == 3


def test_undecodable_pictures_are_a_bad_stream_until_one_can_be_decoded() -> None:
    scene = Scene()
    scene.tries = [
        [packet(1), lambda: scene.keeper.blind(True), packet(2), lambda: scene.keeper.blind(False), packet(3), GONE]
    ]
    scene.run()
    assert scene.told[:3] == [("online", None), ("offline", "BAD_STREAM"), ("online", None)]


def repeated(picture: Packet, seconds: int, per_second: int = 5) -> list[Step]:
    steps: list[Step] = []
    for _ in range(seconds * per_second):
        steps += [picture, 1 / per_second]
    return steps


def test_the_same_jpeg_for_a_minute_is_frozen_and_a_new_one_ends_it() -> None:
    same, other = Packet(clips.jpeg(1), True, 1.0), Packet(clips.jpeg(2), True, 2.0)
    mjpeg = StreamInfo("mjpeg", 320, 240)
    scene = Scene(
        [mjpeg, *repeated(same, int(FROZEN_AFTER) - 2), GONE], [mjpeg, *repeated(same, 70), other, GONE]
    ).run()
    assert scene.told == [
        ("online", None), ("offline", "NO_SIGNAL"), ("online", None), ("offline", "FROZEN"), ("online", None),
        ("offline", "NO_SIGNAL"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["file", "pattern"])
def test_films_and_drawings_are_never_frozen(kind: str) -> None:
    same = Packet(clips.jpeg(1), True, 1.0)
    scene = Scene([StreamInfo("mjpeg", 320, 240), *repeated(same, 200)], config=SourceConfig(kind)).run()
    assert ("offline", "FROZEN") not in scene.told


def test_a_dead_camera_stays_offline_between_the_tries() -> None:
    scene = Scene(GONE, GONE, SourceError(Reason.REFUSED, "x"), [packet(1), GONE]).run()
    assert scene.told[:3] == [("offline", "NO_SIGNAL"), ("offline", "REFUSED"), ("online", None)]
    assert StateName.CONNECTING not in [state for state, _ in scene.told]


def test_the_wait_is_never_longer_than_a_minute() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    assert max(backoff.next(0, Reason.NO_SIGNAL) for _ in range(100)) == 60
