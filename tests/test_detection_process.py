"""Detection in the camera process: real pictures in, reports and files out; the threads are the test itself."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from camera.orders import Orders
from camera.packets import Packet, StreamInfo
from camera.process.detection import MOST_PICTURES, REPLACE_EVERY, Detection
from camera.process.happening import HOLD
from camera.process.live import LiveSlot
from camera.process.ring import PacketRing
from camera.process.transcode import Transcoder
from camera.reports import EventSeen, parse
from tests.motion_scenes import Grey, Yard, coloured
from tests.peers import clips

pytestmark = pytest.mark.slow

START = 1_800_000_000.0
FPS = 10


class Process:
    """What stands round the detection in a camera process."""

    def __init__(self, media: Path, **orders: Any) -> None:
        self.now, self.at = 0.0, START
        self.reports: list[EventSeen] = []
        self.moves: list[tuple[float, float]] = []
        self.ring = PacketRing(30)
        self.detection = Detection(self.report, self.moved, self.ring.gop_until, lambda: self.now)
        self.transcoder = Transcoder(LiveSlot(lambda: None), lambda blind: None, lambda: self.now)
        self.transcoder.tap = self.detection.offer
        self.media = media
        self.give(Orders(slug="yard", media=str(media), detect="background"))

    def give(self, orders: Orders) -> None:
        self.detection.take(orders)
        self.transcoder.detect(self.detection.wanted)

    def report(self, kind: str, body: dict[str, Any]) -> None:
        seen = parse(kind, body)
        assert isinstance(seen, EventSeen)
        self.reports.append(seen)

    def moved(self, first: float, last: float) -> None:
        self.moves.append((first, last))

    def opened(self, codec: str = "mjpeg") -> None:
        info = StreamInfo(codec, 640, 360)
        self.ring.opened(info)
        self.detection.opened(info)
        if codec != "mjpeg":
            self.transcoder.opened(info)

    def send(self, packet: Packet) -> None:
        for sink in (self.ring, self.detection, self.transcoder):
            sink.packet(packet)
        while self.transcoder.step():
            pass
        self.detection.step()
        self.now += 1 / FPS
        self.at = START + self.now

    def jpegs(self, pictures: list[Grey]) -> None:
        for picture in pictures:
            data = cv2.imencode(".jpg", coloured(picture), [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
            self.send(Packet(data, True, self.at))

    def quiet(self, seconds: float) -> None:
        """The camera is away."""
        for _ in range(round(seconds)):
            self.now += 1
            self.detection.step()

    def path(self, name: str) -> Path:
        return self.media / name


@pytest.fixture
def process(tmp_path: Path) -> Process:
    made = Process(tmp_path / "media")
    made.opened()
    return made


def empty(yard: Yard, seconds: float) -> list[Grey]:
    return [yard.picture() for _ in range(round(seconds * FPS))]


def walk(yard: Yard, steps: int = 30) -> list[Grey]:
    return [yard.picture(20 + 7 * step) for step in range(steps)]


def shown(path: Path) -> "np.ndarray[Any, np.dtype[np.int64]]":
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture, np.int64)


def test_a_walk_is_one_event_with_pictures_and_is_told_at_its_beginning_and_its_end(process: Process) -> None:
    yard = Yard()
    process.jpegs(empty(yard, 5))
    assert process.reports == [] and process.moves == []
    process.jpegs(walk(yard, 7))
    (first,) = process.reports
    # The second look that saw it; the picture comes with the first word.
    assert first.ended_at is None and first.image and START + 5 <= first.started_at <= START + 5.3
    assert process.path(first.image).exists() and process.path(first.clean).exists()
    process.jpegs(walk(yard, 30)[7:] + empty(yard, HOLD + 1))
    last = process.reports[-1]
    assert {seen.uid for seen in process.reports} == {first.uid} and last.kind == "motion"
    assert last.ended_at is not None and abs(last.ended_at - (START + 8)) < 0.5
    assert process.moves[-1] == (first.started_at, last.ended_at) and 0 < last.score <= 1
    assert not [path for path in process.media.rglob("*") if path.suffix == ".part"]


def test_the_clean_picture_is_the_cameras_own_and_the_other_has_the_boxes(process: Process) -> None:
    yard = Yard()
    process.jpegs(empty(yard, 5) + walk(yard, 7))
    (seen,) = process.reports
    sent = {entry.piece.data for entry in process.ring._entries if isinstance(entry.piece, Packet)}
    assert process.path(seen.clean).read_bytes() in sent
    changed = np.abs(shown(process.path(seen.image)) - shown(process.path(seen.clean))).max(axis=2) > 60
    x, y, width, height = (round(v * s) for v, s in zip(seen.boxes[0], (640, 360) * 2, strict=True))
    assert changed[y + height // 2 - 5 : y + height // 2 + 5, max(0, x - 6) : x + 6].any(axis=1).all(), "left side"
    changed[max(0, y - 8) : y + height + 8, max(0, x - 8) : x + width + 8] = False
    assert changed.mean() < 0.002, "nothing else is drawn"


def test_a_better_picture_replaces_the_first_but_not_too_often(process: Process) -> None:
    yard = Yard()
    process.jpegs(empty(yard, 5))
    coming = [yard.picture(150 - step, 170 - 1.6 * step, 10 + step, 10 + 2 * step) for step in range(80)]
    process.jpegs(coming)
    times = [seen.score for seen in process.reports]
    assert 2 <= len(times) <= min(MOST_PICTURES, 8 / REPLACE_EVERY + 1) and times == sorted(times)
    first, last = process.reports[0], process.reports[-1]
    assert (first.image, first.clean) == (last.image, last.clean) and last.boxes[0][3] > first.boxes[0][3]
    assert len(list(process.media.rglob("*.jpg"))) == 2


@pytest.mark.slow
def test_two_walks_a_minute_apart_are_two_events(process: Process) -> None:
    yard = Yard()
    process.jpegs(empty(yard, 5) + walk(yard) + empty(yard, 57) + walk(yard) + empty(yard, HOLD + 1))
    ended = [seen for seen in process.reports if seen.ended_at]
    assert len(ended) == 2 and ended[0].uid != ended[1].uid
    assert 59 < ended[1].started_at - ended[0].started_at < 61


def test_who_stands_for_twenty_seconds_is_one_event(process: Process) -> None:
    yard = Yard()
    standing = [yard.picture(230) for _ in range(20 * FPS)]
    process.jpegs(empty(yard, 5) + walk(yard) + standing + walk(yard)[::-1] + empty(yard, HOLD + 1))
    assert len({seen.uid for seen in process.reports}) == 1


def test_a_camera_that_goes_away_ends_its_event_after_the_hold(process: Process) -> None:
    yard = Yard()
    process.jpegs(empty(yard, 5) + walk(yard))
    process.detection.closed()
    process.quiet(HOLD - 2)
    assert process.reports[-1].ended_at is None
    process.quiet(4)
    assert process.reports[-1].ended_at == process.moves[-1][1]


def test_an_event_is_ended_when_the_process_stops(process: Process) -> None:
    yard = Yard()
    process.jpegs(empty(yard, 5) + walk(yard))
    process.detection.stop()
    process.detection.run()
    assert process.reports[-1].ended_at == process.moves[-1][1]


def test_orders_to_detect_nothing_end_the_event_and_the_work(process: Process) -> None:
    yard = Yard()
    process.jpegs(empty(yard, 5) + walk(yard))
    process.give(Orders(slug="yard", media=str(process.media)))
    told = len(process.reports)
    assert not process.detection.wanted
    process.jpegs(walk(yard) * 3)
    assert process.reports[-1].ended_at and len(process.reports) == told + 1


def test_a_full_disk_costs_the_picture_and_not_the_event(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    # A file where the folder should be: no write works, as on a full disk.
    process.media.write_bytes(b"")
    yard = Yard()
    with caplog.at_level(logging.ERROR):
        process.jpegs(empty(yard, 5) + walk(yard, 30) + walk(yard, 30)[::-1] + empty(yard, HOLD + 1))
    assert process.reports[0].image == "" and process.reports[0].boxes and process.reports[-1].ended_at
    assert len([line for line in caplog.messages if "picture" in line]) == 1


def test_pictures_that_are_none_are_passed_over(process: Process) -> None:
    yard = Yard()
    for data in (b"", b"\xff\xd8\xff", clips.jpeg()[:300], b"x" * 1000):
        process.send(Packet(data, True, process.at))
    process.jpegs(empty(yard, 5) + walk(yard, 7))
    assert len(process.reports) == 1


def coded(pictures: list[Grey], encoder: str) -> Iterator[Packet]:
    for number, piece in enumerate(clips.encode([coloured(one) for one in pictures], encoder, 2 * FPS, FPS)):
        yield Packet(bytes(piece), piece.is_keyframe, START + number / FPS, pts=piece.pts, dts=piece.dts)


@pytest.mark.parametrize(("encoder", "codec"), [("libx264", "h264"), ("libx265", "hevc"), ("libsvtav1", "av1")])
def test_coded_video_is_decoded_for_it_and_its_pictures_are_whole(encoder: str, codec: str, tmp_path: Path) -> None:
    process, yard = Process(tmp_path), Yard()
    process.opened(codec)
    pictures = empty(yard, 4) + walk(yard, 13)
    for packet in coded(pictures, encoder):
        process.send(packet)
    (seen,) = process.reports
    assert START + 4 <= seen.started_at <= START + 4.4
    clean = shown(process.path(seen.clean))
    assert clean.shape == (360, 640, 3)
    errors = [np.abs(clean - coloured(picture)).mean() for picture in pictures]
    # The very picture in which it was confirmed, without the blocks of a decoder that saves work.
    best = int(np.argmin(errors))
    assert errors[best] < 9 and 0.19 < best / FPS - (seen.started_at - START) < 0.61


def test_where_pictures_take_long_the_event_is_told_first(tmp_path: Path) -> None:
    process, yard = Process(tmp_path), Yard()
    process.opened("h264")
    process.detection._stills.seconds = 3.0
    for packet in coded(empty(yard, 4) + walk(yard, 7), "libx264"):
        process.send(packet)
    first, second = process.reports
    assert first.uid == second.uid and first.boxes and not first.image and second.image
    assert process.detection._stills.seconds < 3.0


def test_what_fails_is_told_once_and_the_next_picture_is_looked_at(
    process: Process, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = Yard()

    def fails(*_: object) -> None:
        process.detection._stopped = len(failures) == 2
        failures.append(1)
        raise RuntimeError("an odd picture")

    failures: list[int] = []
    monkeypatch.setattr(process.detection, "step", fails)
    process.detection.run()
    assert len(failures) == 3 and len([line for line in caplog.messages if "starts anew" in line]) == 1
    monkeypatch.undo()
    process.detection._stopped = False
    process.jpegs(empty(yard, 5) + walk(yard, 7))
    assert len(process.reports) == 1


def test_coded_video_whose_key_frame_is_gone_gives_an_event_without_a_picture(tmp_path: Path) -> None:
    process, yard = Process(tmp_path), Yard()
    process.opened("h264")
    process.detection._stills._gop = lambda at: None
    for packet in coded(empty(yard, 4) + walk(yard, 13), "libx264"):
        process.send(packet)
    assert process.reports[0].image == "" and process.reports[0].boxes
