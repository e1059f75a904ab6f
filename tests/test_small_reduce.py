"""Pictures for small tiles: their size, what they look like, and JPEGs of odd kinds."""

import io
import threading
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from camera.packets import SourceConfig
from camera.sources import Request
from camera.sources.pattern import PatternSource
from camera.video import clockbar, reduce
from tests.peers import clips

SIZES = [(641, 400), (960, 540), (1280, 720), (1281, 721), (1920, 1080), (1080, 1920), (2592, 1944), (5200, 600)]


def psnr(data: bytes, wanted: clips.Picture) -> float:
    return float(cv2.PSNR(clips.decoded(data), wanted))


def whole(picture: clips.Picture, *options: int) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90, *options])[1].tobytes()


@pytest.mark.parametrize("size", SIZES)
def test_a_jpeg_is_reduced_to_640_pixels_and_looks_the_same(size: tuple[int, int]) -> None:
    picture = clips.drawn(3, *size)
    made = reduce.of_jpeg(whole(picture))
    assert made is not None and max(made.width, made.height) == 640
    assert clips.decoded(made.data).shape == (made.height, made.width, 3)
    assert abs(made.width / made.height - size[0] / size[1]) < 0.02 * size[0] / size[1]
    wanted = cv2.resize(picture, (made.width, made.height), interpolation=cv2.INTER_AREA)
    assert psnr(made.data, np.asarray(wanted, np.uint8)) > 26


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (320, 240), (16, 16)])
def test_one_that_is_small_already_passes_untouched(size: tuple[int, int]) -> None:
    data = whole(np.zeros((size[1], size[0], 3), np.uint8))
    made = reduce.of_jpeg(data)
    assert made is not None and made.data is data and (made.width, made.height) == size


def tagged(picture: clips.Picture, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).save(out, "JPEG", quality=92, exif=exif)
    return out.getvalue()


# As the EXIF standard has it: what must be done to the stored rows to show the picture upright.
UPRIGHT: dict[int, Any] = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_turned_picture_is_shown_as_browsers_show_the_whole_one(orientation: int) -> None:
    picture = clips.drawn(5, 1280, 720)
    made = reduce.of_jpeg(tagged(picture, orientation))
    assert made is not None
    wanted = np.ascontiguousarray(UPRIGHT[orientation](picture))
    assert (made.width, made.height) == ((640, 360) if orientation < 5 else (360, 640))
    assert psnr(made.data, np.asarray(cv2.resize(wanted, (made.width, made.height)), np.uint8)) > 22
    assert not Image.open(io.BytesIO(made.data)).getexif(), "else it would be turned twice"


def test_grey_and_progressive_ones_are_reduced() -> None:
    picture = clips.drawn(1, 1280, 720)
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    for data in (whole(grey), whole(picture, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)):
        made = reduce.of_jpeg(data)
        assert made is not None and (made.width, made.height) == (640, 360)


@pytest.mark.parametrize("shape", [(8000, 8000), (30000, 60), (60, 30000), (700, 1)])
@pytest.mark.slow
def test_huge_and_narrow_ones_within_the_limits_are_reduced(shape: tuple[int, int]) -> None:
    made = reduce.of_jpeg(whole(np.full((*shape, 3), 90, np.uint8)))
    assert made is not None and max(made.width, made.height) <= 640 and min(made.width, made.height) >= 1
    assert abs(int(clips.decoded(made.data).mean()) - 90) < 3


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xff\xd8\xff", clips.jpeg(0, 1280, 720)[:300], clips.jpeg()[:2] + b"\xff" * 500]
)
def test_what_is_no_jpeg_gives_nothing(data: bytes) -> None:
    assert reduce.of_jpeg(data) is None


def test_one_that_is_cut_off_is_shown_as_far_as_it_goes_or_not_at_all() -> None:
    data = whole(clips.drawn(0, 1280, 720))
    made = reduce.of_jpeg(data[: len(data) // 2])
    assert made is None or (made.width, made.height) == (640, 360)


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "yuv422p", "nv12", "yuv420p10le", "bgr24"])
@pytest.mark.parametrize("size", [(1280, 720), (1366, 768), (1080, 1920), (640, 360), (322, 242)])
def test_a_frame_of_any_kind_is_reduced_in_its_colours(name: str, size: tuple[int, int]) -> None:
    picture = clips.drawn(4, *size)
    matrix = 1 if size[0] > 1024 or size[1] > 576 else 5
    frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
    if name != "bgr24":
        full = 2 if name == "yuvj420p" else 1
        frame = frame.reformat(format=name, dst_colorspace=matrix, dst_color_range=full)
        frame.colorspace, frame.color_range = matrix, full
    made = reduce.FrameReducer()(frame)
    assert (made.width, made.height) == reduce.fitted(*size) and max(made.width, made.height) <= 640
    wanted = np.asarray(cv2.resize(picture, (made.width, made.height), interpolation=cv2.INTER_AREA), np.uint8)
    assert psnr(made.data, wanted) > 25
    assert np.abs(clips.decoded(made.data).mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 3


def test_the_demo_cameras_clock_can_still_be_read() -> None:
    """Its bar is a few pixels high and low in contrast: what the delay on small tiles is measured by."""
    source = PatternSource(Request(SourceConfig("pattern"), threading.Event()))
    for seconds in (1.0, 12.0):
        made = reduce.of_jpeg(source.picture(1_800_000_000.125 + seconds, seconds))
        assert made is not None and made.width == 640
        assert clockbar.read(clips.decoded(made.data)) == 1_800_000_000.125 + seconds
