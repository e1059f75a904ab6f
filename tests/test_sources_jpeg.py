"""JPEG markers, and the gate that lets JPEGs through."""

import random
import time

import cv2
import numpy as np
import pytest

from camera.packets import Reason, SourceError
from camera.sources.gate import JpegGate
from camera.video import jpeg, nal
from tests.conftest import shared_file
from tests.peers import clips

KINDS = {
    "baseline": [],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
    "optimised": [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("size", [(1, 1), (320, 240), (333, 17)])
def test_size_and_end_are_found_without_decoding(kind: str, size: tuple[int, int]) -> None:
    picture = cv2.resize(clips.drawn(1), size)
    data = cv2.imencode(".jpg", picture, KINDS[kind])[1].tobytes()
    assert jpeg.check(data) == size
    assert jpeg.end_of_picture(data) == len(data)
    assert jpeg.end_of_picture(data + b"\r\n--boundary\r\n" + data) == len(data)
    assert all(jpeg.end_of_picture(data[:cut]) is None for cut in (0, 2, 30, len(data) // 2, len(data) - 1))


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\x89PNG", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xc0\0\2", b"\xff\xd8\xff" * 99]
)
def test_what_is_no_jpeg(data: bytes) -> None:
    with pytest.raises(jpeg.BadJpegError):
        jpeg.check(data)


def test_bombs() -> None:
    data = bytearray(clips.jpeg())
    at = data.index(b"\xff\xc0") + 5
    for height, width in ((65535, 65535), (0, 100), (8001, 8000)):
        data[at : at + 4] = height.to_bytes(2) + width.to_bytes(2)
        with pytest.raises(jpeg.BadJpegError):
            jpeg.check(bytes(data))
    data[at : at + 4] = (60000).to_bytes(2) + (1).to_bytes(2)
    assert jpeg.check(bytes(data)) == (1, 60000)
    with pytest.raises(jpeg.BadJpegError):
        jpeg.check(clips.jpeg() + bytes(jpeg.MAX_BYTES))


def test_hostile_bytes_cost_no_time() -> None:
    chance = random.Random(5)
    whole = clips.jpeg()
    inputs = [bytes(chance.randrange(256) for _ in range(2000)) for _ in range(50)]
    inputs += [
        b"\xff\xd8" + b"\xff" * 4_000_000,
        b"\xff\xd8" + b"\xff\xd0" * 2_000_000,
        b"\xff\xd8" + b"\xff\xe0\0\2" * 500_000,
    ]
    for _ in range(200):
        broken = bytearray(whole)
        for _ in range(5):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        inputs.append(bytes(broken))
    began = time.monotonic()
    for data in inputs:
        jpeg.end_of_picture(data)
        jpeg.has_huffman_tables(data)
        try:
            assert all(side > 0 for side in jpeg.check(data))
        except jpeg.BadJpegError:
            continue
    assert time.monotonic() - began < 2


def test_corrupt_pictures_of_others() -> None:
    for path in sorted(shared_file("data/corrupt").glob("*.jpg")):
        data = path.read_bytes()
        jpeg.end_of_picture(data)
        try:
            width, height = jpeg.check(data)
        except jpeg.BadJpegError:
            continue
        assert 0 < width * height <= jpeg.MAX_PIXELS


def test_the_gate_has_patience_and_follows_the_size() -> None:
    gate = JpegGate(patience=3)
    assert gate.admit(clips.jpeg()) and (gate.info.width, gate.info.height) == (320, 240)
    info = gate.info
    assert not gate.admit(b"x") and not gate.admit(b"x")
    assert gate.admit(clips.jpeg(1)) and gate.info is info
    assert gate.admit(clips.jpeg(1, 64, 48)) and gate.info.width == 64
    with pytest.raises(SourceError) as caught:
        for _ in range(3):
            gate.admit(b"x")
    assert caught.value.reason == Reason.BAD_STREAM


@pytest.mark.parametrize(("encoder", "codec", "count"), [("libx264", "h264", 2), ("libx265", "hevc", 3)])
def test_parameter_sets_of_a_key_frame(encoder: str, codec: str, count: int) -> None:
    packets = [bytes(packet) for packet in clips.encode([clips.drawn(n) for n in range(3)], encoder)]
    sets = nal.parameter_sets(codec, packets[0])
    assert len(nal.units(sets)) == count
    assert nal.parameter_sets(codec, packets[1]) == b"" and nal.parameter_sets("av1", packets[0]) == b""
    assert nal.units(b"") == [] and nal.units(b"\0\0\0") == []


def test_encoding_a_decoded_picture_again_is_exact_enough() -> None:
    assert np.abs(clips.decoded(clips.jpeg(2)).astype(int) - clips.drawn(2)).mean() < 6
