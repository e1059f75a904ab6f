"""USB cameras: what is asked of the driver; the real thing where this machine has one."""

import itertools
import threading
from pathlib import Path

import av
import cv2
import pytest

from camera.packets import Reason, SourceConfig, SourceError
from camera.sources import open_source
from camera.sources.v4l2 import capture_time, openings, with_huffman_tables
from camera.video.jpeg import has_huffman_tables
from tests.peers import clips

DEVICES = sorted(str(path) for path in Path("/dev").glob("video[0-9]*"))


def test_mjpeg_is_asked_for_first_then_h264_then_raw() -> None:
    tries = openings("/dev/video3")
    assert [one.options.get("input_format") for one in tries] == ["mjpeg", "h264", None]
    assert all(one.file == "/dev/video3" and one.format == "video4linux2" for one in tries)
    assert all("rawvideo" in one.codecs and one.options["timestamps"] == "abs" for one in tries)
    assert all(one.options["protocol_whitelist"] == "file" for one in tries)


NAMES = [
    "/dev/video0 ",
    "/dev/video",
    "/dev/video1234",
    "/dev/videos",
    "/dev/../etc/passwd",
    "/dev/video0\n",
    "$(id)",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_other_devices_are_refused(name: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig("v4l2", name), threading.Event())
    assert caught.value.reason == Reason.REFUSED


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig("v4l2", "/dev/video987"), threading.Event())
    assert caught.value.reason == Reason.NOT_FOUND


def test_missing_huffman_tables_are_put_in() -> None:
    whole = clips.jpeg(3)
    at = whole.index(b"\xff\xc4")
    bare = bytearray(whole)
    while (at := bare.find(b"\xff\xc4")) >= 0:
        del bare[at : at + 2 + int.from_bytes(bare[at + 2 : at + 4])]
    assert has_huffman_tables(whole) and not has_huffman_tables(bytes(bare))
    repaired = with_huffman_tables(av.Packet(bytes(bare)), bytes(bare))
    assert has_huffman_tables(repaired)
    assert cv2.PSNR(clips.decoded(repaired), clips.decoded(whole)) > 50


def test_what_cannot_be_repaired_stays_as_it_is() -> None:
    assert with_huffman_tables(av.Packet(b"nonsense"), b"nonsense") == b"nonsense"


@pytest.mark.parametrize(
    ("pts", "expected"),
    [(99_900_000, (99.9, "source")), (100_050_000, (100.0, "source")), (50_000_000, (100.0, "arrival")),
     (200_000_000, (100.0, "arrival")), (None, (100.0, "arrival"))],
)  # fmt: skip
def test_the_drivers_stamp_counts_when_it_is_believable(pts: int | None, expected: tuple[float, str]) -> None:
    assert capture_time(pts, 1e-6, 100.0) == (pytest.approx(expected[0]), expected[1])


@pytest.mark.skipif(not DEVICES, reason="this machine has no /dev/video*")
def test_a_real_device() -> None:
    failures = []
    for device in DEVICES:
        try:
            source = open_source(SourceConfig("v4l2", device), threading.Event())
        except SourceError as error:
            failures.append(str(error))
            continue
        packets = list(itertools.islice(source, 5))
        source.close()
        assert len(packets) == 5 and packets[0].key
        return
    pytest.skip(f"no device gives pictures: {failures}")
