"""Test media, made on the spot."""

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

Picture = np.ndarray[Any, np.dtype[np.uint8]]


def drawn(number: int, width: int = 320, height: int = 240) -> Picture:
    """A picture full of detail in which something moves; `number` tells which."""
    rng = np.random.default_rng(1)
    ground = cv2.resize(rng.integers(0, 255, (24, 32, 3), np.uint8), (width, height))
    place = (10 + number * 7 % (width - 60), height // 2)
    cv2.rectangle(ground, place, (place[0] + 40, place[1] + 40), (255, 255, 255), -1)
    cv2.putText(ground, str(number), (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 0, 0), 3)
    return np.asarray(ground, np.uint8)


def jpeg(number: int = 0, width: int = 320, height: int = 240) -> bytes:
    return cv2.imencode(".jpg", drawn(number, width, height), [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def flat(bgr: tuple[int, int, int], width: int = 320, height: int = 240) -> Picture:
    return np.full((height, width, 3), bgr, np.uint8)


def encode(
    pictures: list[Picture], codec: str = "libx264", gop: int = 10, rate: int = 15, full_range: bool = False
) -> list[av.Packet]:
    """Packets as a camera sends them: Annex B, parameter sets in the key frames, no B-frames."""
    height, width = pictures[0].shape[:2]
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, rate), Fraction(rate), gop
    context.color_range = 2 if full_range else 1
    options = {
        "libx264": {"preset": "ultrafast", "tune": "zerolatency", "crf": "20", "x264-params": "scenecut=0"},
        "libx265": {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none:repeat-headers=1"},
        "libsvtav1": {"preset": "12", "svtav1-params": "pred-struct=1"},
    }
    context.options = options.get(codec, {})
    made: list[av.Packet] = []
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(
            format="yuv420p", dst_colorspace=5, dst_color_range=2 if full_range else 1
        )
        frame.pts = number
        made += context.encode(frame)
    return made + context.encode(None)


def movie(
    path: Path, frames: int = 30, codec: str = "libx264", gop: int = 10, size: tuple[int, int] = (320, 240)
) -> Path:
    """A film of `frames` pictures at 15 a second; the container is told by the name."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=15)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.codec_context.options = {"preset": "ultrafast", "bf": "2"}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(drawn(number, *size), format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def annex_b(frames: int = 30, gop: int = 10, size: tuple[int, int] = (320, 240)) -> bytes:
    out = io.BytesIO()
    for packet in encode([drawn(n, *size) for n in range(frames)], gop=gop):
        out.write(bytes(packet))
    return out.getvalue()


def decoded(data: bytes) -> Picture:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)
