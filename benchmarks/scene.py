"""The pictures the benchmarks' cameras send: drawn, noisy, with a number in them that a second encoder does not lose.

`stamp` puts number and time into a comment of the JPEG, which survives where the bytes are passed on; the watermark is
in the picture itself and survives decoding and encoding anew.
"""

import re
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Picture = np.ndarray[Any, np.dtype[np.uint8]]
# The watermark: for each bit a pair of squares, one light and one dark; which of them is light is the bit. The
# difference survives any change of brightness.
BITS, SQUARE = 12, 16
_LEAST_CONTRAST = 40.0
_STAMP = re.compile(rb"PICTURE number=(\d{10}) at=(\d{20})")
_START_OF_JPEG = b"\xff\xd8"
_COMMENT = b"\xff\xfe"


class Scene:
    """A yard of soft colours with sensor noise, in which something walks by."""

    def __init__(self, width: int, height: int, noise: float = 3.0) -> None:
        rng = np.random.default_rng(7)
        coarse = rng.integers(60, 180, (max(2, height // 60), max(2, width // 60), 3)).astype(np.uint8)
        self._ground = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        # More noise than a picture needs: each takes another piece of it.
        grain = cv2.GaussianBlur(rng.normal(0, noise, (height + 64, width + 64)), (0, 0), 1.0)
        self._grain = grain.round().astype(np.int16)[:, :, None]
        self._rng = rng

    def draw(self, number: int) -> Picture:
        """The picture with that number, BGR."""
        height, width = self._ground.shape[:2]
        down, right = (int(one) for one in self._rng.integers(0, 64, 2))
        noisy = self._ground + self._grain[down : down + height, right : right + width]
        picture = np.ascontiguousarray(noisy.clip(0, 255).astype(np.uint8))
        side = height // 5
        left = number * 9 % (width + side) - side
        cv2.rectangle(picture, (left, height // 2), (left + side // 2, height // 2 + side), (40, 60, 200), -1)
        draw_number(picture, number)
        return picture


def draw_number(picture: Picture, number: int) -> None:
    """Write the lowest bits of `number` into the upper left corner."""
    for bit in range(BITS):
        light = number >> bit & 1
        across = slice(bit * SQUARE, (bit + 1) * SQUARE)
        picture[:SQUARE, across] = 230 if light else 25
        picture[SQUARE : 2 * SQUARE, across] = 25 if light else 230


def read_number(jpeg: bytes) -> int | None:
    """The number in a picture, None where there is none (another size, or not a JPEG)."""
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE) if jpeg else None
    if grey is None or grey.shape[0] < 2 * SQUARE or grey.shape[1] < BITS * SQUARE:
        return None
    inner, found = slice(4, SQUARE - 4), 0
    for bit in range(BITS):
        pair = grey[: 2 * SQUARE, bit * SQUARE : (bit + 1) * SQUARE][:, inner]
        contrast = float(pair[:SQUARE][inner].mean()) - float(pair[SQUARE:][inner].mean())
        if abs(contrast) < _LEAST_CONTRAST:
            return None
        found |= int(contrast > 0) << bit
    return found


def stamp(jpeg: bytes, number: int, at_ns: int | None = None) -> bytes:
    """The same picture with number and time (monotonic ns, now where left out) in a comment behind its first mark."""
    text = b"PICTURE number=%010d at=%020d" % (number, time.monotonic_ns() if at_ns is None else at_ns)
    return _START_OF_JPEG + _COMMENT + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def read_stamp(start: bytes | bytearray) -> tuple[int, int] | None:
    """(number, monotonic ns) from the first bytes of a stamped JPEG, None where there is no stamp."""
    found = _STAMP.search(start)
    return (int(found[1]), int(found[2])) if found else None


def jpegs(count: int, width: int, height: int, quality: int = 80) -> list[bytes]:
    """`count` pictures, encoded; they are numbered from 0."""
    scene = Scene(width, height)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return [cv2.imencode(".jpg", scene.draw(number), options)[1].tobytes() for number in range(count)]


def write_jpegs(path: Path, pictures: list[bytes]) -> None:
    """One behind the other, each with its length before it (4 bytes, big-endian)."""
    path.write_bytes(b"".join(len(one).to_bytes(4, "big") + one for one in pictures))


def read_jpegs(path: Path) -> list[bytes]:
    """What `write_jpegs` wrote."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : end])
        at = end
    return found


def write_film(path: Path, seconds: float, fps: int, size: tuple[int, int], bits: int = 2_000_000) -> None:
    """An MP4 as a network camera's H.264 is: main profile, no B-frames, a key frame every two seconds."""
    import av

    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt, stream.bit_rate = "yuv420p", bits
        stream.gop_size = 2 * fps
        stream.codec_context.time_base = Fraction(1, fps)
        stream.options = {"preset": "superfast", "tune": "zerolatency", "profile": "main", "x264-params": "scenecut=0"}
        scene = Scene(*size)
        for number in range(round(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(scene.draw(number), format="bgr24").reformat(format="yuv420p")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
