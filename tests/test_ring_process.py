"""In a camera's process: a ring is recorded from ten seconds before it, and its picture kept."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camera import reports
from camera.orders import Orders
from camera.packets import Packet
from camera.paths import event_picture
from camera.process.doorbell import AFTER, AGAIN, RingPictures
from camera.process.ring import PacketRing
from tests.house import wait_for
from tests.peers import clips
from tests.recording_kit import START, Desk, Watch, camera, info, pictures

UID = "000000aa"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "footage")


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_a_ring_is_recorded_from_ten_seconds_before(desk: Desk, codec: str) -> None:
    bell = {"mode": "off", "ring_roll": 10.0}
    desk.order(**bell)
    desk.recorder.opened(info(codec))
    packets = camera(codec, frames=600)
    desk.send(packets[:300], turn_every=50)
    assert not desk.opened
    rang_at = packets[299].captured_at
    desk.order(**bell, reasons=("ring",), rang_at=rang_at)
    desk.send(packets[300:450], turn_every=50)
    (opened,) = desk.opened
    assert (opened.trigger, opened.reasons) == ("ring", ["ring"])
    assert 10.0 <= rang_at - opened.started_at <= 11.0
    desk.order(**bell)
    desk.send(packets[450:], turn_every=50)
    (closed,) = desk.closed
    assert closed.ended_at == pytest.approx(packets[449].captured_at + 1 / 15, abs=0.2)
    (file,) = desk.files()
    assert pictures(file) == pytest.approx((closed.ended_at - opened.started_at) * 15, abs=2)


def test_what_is_recorded_already_only_gets_another_reason(desk: Desk) -> None:
    always = {"mode": "always", "ring_roll": 10.0}
    desk.order(**always)
    desk.recorder.opened(info())
    packets = camera(frames=120)
    desk.send(packets[:60])
    desk.order(**always, reasons=("ring",), rang_at=packets[59].captured_at)
    desk.send(packets[60:])
    assert len(desk.opened) == 1 and desk.changed[-1].reasons == ["always", "ring"]


def test_two_rings_soon_after_each_other_show_nothing_twice(desk: Desk) -> None:
    bell = {"mode": "off", "ring_roll": 10.0}
    desk.recorder.opened(info())
    packets = camera(frames=600)
    for first, last in ((150, 300), (330, 480)):
        desk.order(**bell)
        desk.send(packets[first - 150 if first == 150 else 300 : first], turn_every=50)
        desk.order(**bell, reasons=("ring",), rang_at=packets[first - 1].captured_at)
        desk.send(packets[first:last], turn_every=50)
    desk.order(**bell)
    one, two = desk.opened
    assert two.started_at >= desk.closed[0].ended_at - 0.1 and two.started_at < packets[329].captured_at


def test_orders_that_make_no_sense_are_refused() -> None:
    for odd in ({"ring_roll": -1.0}, {"rang_at": float("nan")}):
        with pytest.raises(ValueError, match="no such time"):
            Orders.from_dict(odd)


class Pictures:
    """RingPictures whose thread is turned by hand."""

    def __init__(self, folder: Path, codec: str = "h264") -> None:
        self.media, self.clock, self.ring = folder / "media", Watch(), PacketRing(10.0)
        self.said: list[tuple[reports.RingPictured, Callable[[dict[str, Any]], None]]] = []
        self.shown: list[float] = []
        self.made = RingPictures(
            self._hear, self.ring.gop_until, lambda at, _: self.shown.append(at), self.clock.monotonic
        )
        self.info, self.packets = info(codec), camera(codec, frames=60)
        self.ring.opened(self.info)
        self.made.opened(self.info)
        self.orders = Orders(1, "yard", str(folder), str(self.media))
        self.made.take(self.orders)

    def _hear(self, kind: str, body: dict[str, Any], then: Any = None) -> None:
        report = reports.parse(kind, body)
        assert isinstance(report, reports.RingPictured)
        self.said.append((report, then))

    def send(self, packets: list[Packet]) -> None:
        for packet in packets:
            self.ring.packet(packet)
            self.made.packet(packet)

    def rings(self, at: float, uid: str = UID) -> None:
        self.orders = replace(self.orders, ring=uid, rang_at=at)
        self.made.take(self.orders)

    @property
    def path(self) -> Path:
        return self.media / event_picture("yard", "ring", self.orders.rang_at, UID)


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_the_first_picture_after_the_press_shows_who_stands_there(tmp_path: Path, codec: str) -> None:
    pictures = Pictures(tmp_path, codec)
    pictures.send(pictures.packets[:25])
    pictures.rings(pictures.packets[24].captured_at + 0.01)
    assert not pictures.made.step(), "one from before the press is not it yet"
    pictures.send(pictures.packets[25:26])
    assert pictures.made.step() and not pictures.made.step(), "once"
    ((report, _),) = pictures.said
    assert (report.uid, tmp_path / "media" / report.image) == (UID, pictures.path)
    assert pictures.shown == [pictures.packets[25].captured_at]
    data = pictures.path.read_bytes()
    assert clips.decoded(data).shape == (240, 320, 3)
    if codec == "mjpeg":
        assert data == pictures.packets[25].data, "as it came"


def test_when_none_comes_the_last_one_before_it_counts(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    pictures.send(pictures.packets[:25])
    pictures.rings(pictures.packets[24].captured_at + 0.5)
    pictures.clock.now += AFTER - 0.01
    assert not pictures.made.step()
    pictures.clock.now += 0.02
    assert pictures.made.step() and pictures.shown == [pictures.packets[24].captured_at]


def test_a_camera_that_is_away_gives_its_picture_when_it_is_back(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    pictures.made.closed()
    pictures.rings(START - 5)
    pictures.clock.now += 2
    assert not pictures.made.step() and not pictures.said
    pictures.send(pictures.packets[:1])
    assert pictures.made.step() and len(pictures.said) == 1
    pictures.rings(START + 1, "000000bb")
    assert not pictures.made.step()
    pictures.rings(START + 1, "")
    pictures.send(pictures.packets[20:30])
    assert not pictures.made.step(), "that ring is over"


def test_a_disk_that_takes_nothing_is_asked_again(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    pictures.media.write_text("a file where the folder should be")
    pictures.send(pictures.packets[:1])
    pictures.rings(START - 1)
    assert not pictures.made.step() and not pictures.said
    pictures.media.unlink()
    assert not pictures.made.step(), "not at once"
    pictures.clock.now += AGAIN
    assert pictures.made.step() and pictures.path.exists()


def test_the_picture_of_a_ring_that_is_deleted_goes_as_well(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    pictures.send(pictures.packets[:1])
    pictures.rings(START - 1)
    pictures.made.step()
    ((_, then),) = pictures.said
    then({"taken": True})
    assert pictures.path.exists()
    then({"taken": False})
    assert not pictures.path.exists()


def test_its_thread_needs_no_nudge_but_the_next_picture(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    pictures.made._clock = time.monotonic
    thread = threading.Thread(target=pictures.made.run)
    thread.start()
    try:
        pictures.rings(START)
        pictures.send(pictures.packets[:1])
        wait_for(lambda: pictures.said, 10, "the picture")
    finally:
        pictures.made.stop()
        thread.join(10)
    assert not thread.is_alive()
