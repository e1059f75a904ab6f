"""What recording costs: CPU milliseconds per packet, for H.264 that is copied and JPEGs that are encoded.

Run: .venv/bin/python -m benchmarks.record [--seconds 20]
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from camera.orders import Orders
from camera.packets import Packet, StreamInfo
from camera.process.recorder import Recorder

RATE = 15


def scene(number: int, width: int, height: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """A picture with detail, a sensor's noise, and something that moves."""
    rng = np.random.default_rng(number)
    ground = cv2.resize(np.random.default_rng(1).integers(0, 255, (36, 64, 3), np.uint8), (width, height))
    cv2.rectangle(ground, (number * 8 % (width - 200), height // 3), (number * 8 % (width - 200) + 200, height // 2),
                  (250, 250, 250), -1)  # fmt: skip
    noise = cv2.resize(rng.integers(0, 10, (height // 2, width // 2, 3), np.uint8), (width, height))
    return np.asarray(cv2.add(ground, noise), np.uint8)


def h264(count: int, width: int, height: int) -> Iterator[tuple[bytes, bool]]:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, RATE), Fraction(RATE), 2 * RATE
    context.bit_rate = 4_000_000
    context.options = {"preset": "veryfast", "tune": "zerolatency"}
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(scene(number, width, height), format="bgr24")
        frame.pts = number
        for packet in context.encode(frame):
            yield bytes(packet), bool(packet.is_keyframe)


def jpegs(count: int, width: int, height: int) -> Iterator[tuple[bytes, bool]]:
    for number in range(count):
        quality = [cv2.IMWRITE_JPEG_QUALITY, 75]
        yield cv2.imencode(".jpg", scene(number, width, height), quality)[1].tobytes(), True


def measure(codec: str, pieces: list[tuple[bytes, bool]], size: tuple[int, int], count: int, record: bool) -> str:
    """One line of figures for `count` packets through the ring and, if so, into files."""
    said: list[tuple[str, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(lambda kind, body: said.append((kind, body)))
        recorder.take(Orders(1, "bench", folder, mode="always" if record else "off"))
        recorder.opened(StreamInfo(codec, *size))
        began = time.process_time()
        for number in range(count):
            data, key = pieces[number % len(pieces)]
            stamp = number * 90000 // RATE if codec == "h264" else None
            recorder.packet(Packet(data, key, 1.75e9 + number / RATE, "arrival", stamp, stamp))
            if record:
                recorder.step()
        spent = time.process_time() - began
        recorder.stop()
        recorder.step()
        recorder.closeup.stop()
        closing = time.process_time()
        recorder.closeup.run()
        closing = time.process_time() - closing
        written = sum(path.stat().st_size for path in Path(folder).rglob("*.mp4"))
    kilobytes = sum(len(data) for data, _ in pieces) / len(pieces) / 1000
    each = 1000 * spent / count
    return (
        f"{codec:6} {size[0]}x{size[1]}  {kilobytes:6.1f} kB a packet  {each:7.3f} ms each = {each * RATE / 10:5.2f} % "
        f"of a core at {RATE} a second; {written / 1e6:6.1f} MB written, close-up {1000 * closing:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="of each camera")
    count = parser.parse_args().seconds * RATE
    cv2.setNumThreads(1)
    for size in ((1280, 720), (1920, 1080)):
        for codec, make in (("h264", h264), ("mjpeg", jpegs)):
            pieces = list(make(4 * RATE, *size))
            print("not recorded:", measure(codec, pieces, size, count, record=False))
            print("recorded:    ", measure(codec, pieces, size, count, record=True))


if __name__ == "__main__":
    main()
