"""Stills at an interval: which pictures they are, what they cost the capture thread, and what stops them."""

import logging
import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from camera.orders import Orders
from camera.packets import Packet, StreamInfo
from camera.process.snapshots import Snapshots
from camera.video import nal
from tests import recording_kit as kit

# 12:00:02 on a day of no change.
NOON = datetime(2026, 11, 20, 12, 0, 2, tzinfo=UTC).timestamp()


class Desk:
    """A sink whose thread is turned by hand, one still after the other, with a clock that goes with the pictures."""

    def __init__(self, media: Path, info: StreamInfo, **orders: object) -> None:
        self.media, self.now = media, 0.0
        self.sink = Snapshots(clock=lambda: self.now)
        self.order(**orders)
        self.sink.opened(info)

    def order(self, **more: object) -> None:
        usual = {"slug": "yard", "media": str(self.media), "stills_every": 5.0}
        self.sink.take(Orders(1, **(usual | more)))  # type: ignore[arg-type]

    def send(self, packets: list[Packet]) -> None:
        for before, packet in zip([packets[0], *packets], packets, strict=False):
            self.now += abs(packet.captured_at - before.captured_at)
            self.sink.packet(packet)
            self.sink.step()

    def names(self) -> list[str]:
        return sorted(path.relative_to(self.media).as_posix() for path in self.media.rglob("*") if path.is_file())

    def clocks(self) -> list[str]:
        return [name.rpartition("/")[2].removesuffix(".jpg") for name in self.names()]


def shown(path: Path) -> tuple[int, int]:
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.shape[1], picture.shape[0]


def test_jpegs_are_kept_as_they_came_on_full_multiples_of_the_interval(tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("mjpeg"))
    packets = kit.camera("mjpeg", frames=100, every=0.2, start=NOON)
    desk.send(packets)
    assert desk.names() == [f"snapshots/yard/2026-11-20/12_00_{s:02d}.jpg" for s in (2, 5, 10, 15, 20)]
    first = next(one for one in packets if one.captured_at >= NOON + 3)
    assert (tmp_path / "snapshots/yard/2026-11-20/12_00_05.jpg").read_bytes() == first.data


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_of_other_codecs_one_key_frame_is_decoded(codec: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info(codec))
    # A key frame a second.
    desk.send(kit.camera(codec, frames=120, gop=10, every=0.1, start=NOON))
    assert desk.clocks() == ["12_00_02", "12_00_05", "12_00_10"]
    assert {shown(path) for path in tmp_path.rglob("*.jpg")} == {kit.SIZE}


def test_key_frames_that_are_rarer_than_stills_give_each_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("h264"))
    desk.send(kit.camera("h264", frames=60, gop=10, every=0.8, start=NOON - 2))
    assert desk.clocks() == ["12_00_00", "12_00_08", "12_00_16", "12_00_24", "12_00_32", "12_00_40"]


def test_a_key_frame_in_two_packets_is_put_together(tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("h264"))
    packets = []
    for one in kit.camera("h264", frames=30, gop=10, every=0.5, start=NOON):
        sets = nal.parameter_sets("h264", one.data) if one.key else b""
        if sets:
            # As some cameras send it: the sets alone, then the slices alone, at one time.
            slices = b"".join(
                b"\0\0\0\1" + unit for unit in nal.units(one.data) if nal.unit_type("h264", unit) not in (7, 8)
            )
            packets += [replace(one, data=sets), replace(one, data=slices)]
        else:
            packets.append(one)
    assert len(packets) == 33
    desk.send(packets)
    assert desk.clocks() == ["12_00_02", "12_00_07", "12_00_12"]
    assert {shown(path) for path in tmp_path.rglob("*.jpg")} == {kit.SIZE}


def test_the_halves_of_a_key_frame_are_one_picture(tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("h264"))
    key, *others = kit.camera("h264", frames=3, gop=10, every=0.5, start=NOON)
    half = len(key.data) - 400
    desk.sink.packet(replace(key, data=key.data[:half]))
    assert not desk.sink.step()
    # A further part begins with a start code; this one is none, but the decoder is given all of it in order.
    desk.sink.packet(replace(key, data=key.data[half:]))
    assert not desk.sink.step()
    desk.sink.packet(others[0])
    assert desk.sink.step()
    assert desk.sink._growing is desk.sink._ready is None


@pytest.mark.parametrize("orders", [{"stills_every": 0.0}, {"media": ""}, {"hold": "disk_full"}, {"slug": ""}])
def test_nothing_is_kept_where_nothing_is_to_be_kept(orders: dict[str, object], tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("h264"))
    desk.order(**orders)
    packets = kit.camera("h264", frames=60, gop=10, every=0.2, start=NOON)
    desk.send(packets)
    assert desk.names() == []
    assert desk.sink._growing is desk.sink._ready is None
    desk.order()
    desk.send(kit.camera("h264", frames=30, gop=10, every=0.2, start=NOON + 60))
    assert desk.clocks()[0] == "12_01_02"


def test_another_interval_counts_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("mjpeg"), stills_every=3600.0)
    desk.send(kit.camera("mjpeg", frames=20, every=1, start=NOON))
    assert desk.clocks() == ["12_00_02"]
    desk.order(stills_every=10.0)
    desk.send(kit.camera("mjpeg", frames=25, every=1, start=NOON + 20))
    assert desk.clocks() == ["12_00_02", "12_00_22", "12_00_30", "12_00_40"]


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    old = tmp_path / "snapshots/yard/2026-11-20/12_00_05.jpg"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"older")
    desk = Desk(tmp_path, kit.info("mjpeg"))
    desk.send(kit.camera("mjpeg", frames=10, every=1, start=NOON))
    assert old.read_bytes() == b"older"
    assert desk.clocks() == ["12_00_02", "12_00_05", "12_00_10"]


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_a_clock_that_is_set_does_not_stop_the_stills(step: float, tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("mjpeg"))
    desk.send(kit.camera("mjpeg", frames=10, every=1, start=NOON))
    before = len(desk.names())
    desk.now += 3
    desk.send(kit.camera("mjpeg", frames=10, every=1, start=NOON + step))
    assert len(desk.names()) >= before + 2


def test_a_clock_that_leaps_does_not_make_every_picture_a_still(tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("mjpeg"))
    for number, packet in enumerate(kit.camera("mjpeg", frames=100, every=0.1, start=NOON)):
        desk.now = number * 0.1
        desk.sink.packet(replace(packet, captured_at=NOON + number % 7 * 1000))
        desk.sink.step()
    assert len(desk.names()) <= 4


def test_a_fault_of_the_disk_is_told_once_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "snapshots").write_text("in the way")
    desk = Desk(tmp_path, kit.info("mjpeg"))
    with caplog.at_level(logging.ERROR):
        desk.send(kit.camera("mjpeg", frames=20, every=1, start=NOON))
    assert [one.message for one in caplog.records] == [
        "a still cannot be kept: Not a directory; the next one is tried again"
    ]
    (tmp_path / "snapshots").unlink()
    desk.send(kit.camera("mjpeg", frames=10, every=1, start=NOON + 20))
    assert desk.clocks() == ["12_00_25", "12_00_30"]


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    media, elsewhere = tmp_path / "media", tmp_path / "elsewhere"
    media.mkdir()
    elsewhere.mkdir()
    (media / "snapshots").symlink_to(elsewhere)
    desk = Desk(media, kit.info("mjpeg"))
    desk.send(kit.camera("mjpeg", frames=10, every=1, start=NOON))
    assert os.listdir(elsewhere) == []


def test_what_cannot_be_decoded_costs_one_still_only(tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("h264"))
    torn = [replace(one, data=one.data[:9] + os.urandom(200)) for one in kit.camera("h264", frames=3, start=NOON)]
    desk.send(torn)
    desk.send(kit.camera("h264", frames=30, gop=10, every=0.3, start=NOON + 5))
    assert desk.clocks() == ["12_00_07", "12_00_10", "12_00_13"][: len(desk.clocks())]
    assert len(desk.clocks()) >= 2


def test_no_more_than_two_pictures_are_held_while_the_disk_takes_its_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path, kit.info("mjpeg"))
    for packet in kit.camera("mjpeg", frames=60, every=1, start=NOON):
        desk.now += 1
        desk.sink.packet(packet)
    assert desk.sink.step()
    assert not desk.sink.step()
    assert len(desk.names()) == 1


def test_its_thread_writes_what_has_no_picture_after_it_and_ends(tmp_path: Path) -> None:
    sink = Snapshots()
    sink.take(Orders(1, "yard", media=str(tmp_path), stills_every=5.0))
    thread = threading.Thread(target=sink.run)
    thread.start()
    sink.opened(kit.info("h264"))
    sink.packet(kit.camera("h264", frames=1, start=NOON)[0])
    until = time.monotonic() + 10
    while not list(tmp_path.rglob("*.jpg")) and time.monotonic() < until:
        threading.Event().wait(0.02)
    sink.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert [path.name for path in tmp_path.rglob("*.jpg")] == ["12_00_02.jpg"]
