"""CPU per frame of the ways from a decoded H.264 picture to a JPEG, at about equal quality.

    python benchmarks/live_jpeg.py [CLIP] [--frames 60]

CLIP is any video; without one a noisy drawn scene is used. It is scaled to 1280x720 and 1920x1080, encoded once with
libx264 (BT.709, limited range, as cameras send) and decoded; what is timed is the conversion and the JPEG encoder.
PSNR is that of the decoded JPEG against the exact RGB of the picture.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

cv2.setNumThreads(1)
SIZES = ((1280, 720), (1920, 1080))


def drawn(count: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(1)
    base = cv2.resize(rng.integers(0, 255, (36, 64, 3), np.uint8), (1920, 1080), interpolation=cv2.INTER_CUBIC)
    for i in range(count):
        picture = np.roll(base, i * 8, axis=1)
        cv2.putText(picture, f"{i:05}", (200, 500), cv2.FONT_HERSHEY_SIMPLEX, 8, (250, 250, 250), 12)
        yield np.clip(picture.astype(np.int16) + rng.normal(0, 3, picture.shape).astype(np.int16), 0, 255).astype(
            np.uint8
        )


def read(clip: str, count: int) -> Iterator[np.ndarray]:
    with av.open(clip) as container:
        for frame in itertools.islice(container.decode(video=0), count):
            yield frame.to_ndarray(format="bgr24")


def decoded(pictures: list[np.ndarray], width: int, height: int) -> list[av.VideoFrame]:
    """The pictures through libx264 and back: yuv420p, limited range, BT.709."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuv420p", Fraction(1, 15)
    encoder.options = {"preset": "veryfast", "crf": "20", "tune": "zerolatency", "colorspace": "bt709"}
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames: list[av.VideoFrame] = []
    for number, picture in enumerate(pictures):
        rgb = av.VideoFrame.from_ndarray(cv2.resize(picture, (width, height)), format="bgr24")
        frame = rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        frame.pts = number
        frames += [out for packet in encoder.encode(frame) for out in decoder.decode(packet)]
    return frames


def mjpeg(frame: av.VideoFrame, quality: int) -> "av.VideoCodecContext":
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base, encoder.thread_count, encoder.color_range = Fraction(1, 90000), 1, 2
    encoder.qmin = encoder.qmax = quality
    encoder.options = {"huffman": "default"}
    return encoder


def through_pyav(quality: int, **conversion: object) -> Callable[[av.VideoFrame], bytes]:
    made: dict[str, av.VideoCodecContext] = {}
    reformatter = VideoReformatter()

    def encode(frame: av.VideoFrame) -> bytes:
        encoder = made.setdefault("it", made.get("it") or mjpeg(frame, quality))
        full = reformatter.reformat(frame, format="yuvj420p", threads=1, **conversion)
        full.pts = None
        return b"".join(bytes(packet) for packet in encoder.encode(full))

    return encode


def through_cv2(quality: int, **conversion: object) -> Callable[[av.VideoFrame], bytes]:
    reformatter = VideoReformatter()

    def encode(frame: av.VideoFrame) -> bytes:
        picture = reformatter.reformat(frame, format="bgr24", threads=1, **conversion).to_ndarray()
        return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()

    return encode


def through_cv2_i420(quality: int) -> Callable[[av.VideoFrame], bytes]:
    """OpenCV's own conversion: fast, but always BT.601."""

    def encode(frame: av.VideoFrame) -> bytes:
        picture = cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420)
        return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()

    return encode


RANGE = {"src_color_range": ColorRange.MPEG, "dst_color_range": ColorRange.JPEG}
MATRIX = {"src_colorspace": Colorspace.ITU709, "dst_colorspace": Colorspace.ITU601}
WAYS: dict[str, Callable[[], Callable[[av.VideoFrame], bytes]]] = {
    "PyAV mjpeg q4, range only": lambda: through_pyav(4, **RANGE),
    "PyAV mjpeg q4, range only, point": lambda: through_pyav(4, **RANGE, interpolation=Interpolation.POINT),
    "PyAV mjpeg q4, range and matrix": lambda: through_pyav(4, **RANGE, **MATRIX),
    "PyAV mjpeg q5, range only": lambda: through_pyav(5, **RANGE),
    "cv2 q80, swscale bgr24": lambda: through_cv2(80, src_colorspace=Colorspace.ITU709, **RANGE),
    "cv2 q75, swscale bgr24": lambda: through_cv2(75, src_colorspace=Colorspace.ITU709, **RANGE),
    "cv2 q70, swscale bgr24": lambda: through_cv2(70, src_colorspace=Colorspace.ITU709, **RANGE),
    "cv2 q80, cv2 I420 (BT.601)": lambda: through_cv2_i420(80),
}


def measure(way: Callable[[av.VideoFrame], bytes], frames: list[av.VideoFrame], exact: list[np.ndarray]) -> str:
    way(frames[0])
    start = time.process_time()
    pictures = [way(frame) for frame in frames]
    spent = (time.process_time() - start) / len(frames) * 1000
    psnr = np.mean(
        [
            cv2.PSNR(cv2.imdecode(np.frombuffer(p, np.uint8), 1), e)
            for p, e in zip(pictures[::7], exact[::7], strict=True)
        ]
    )
    return f"{spent:6.2f} ms  {np.mean([len(p) for p in pictures]) / 1000:6.1f} kB  {psnr:5.1f} dB"


def exact_bgr(frame: av.VideoFrame) -> np.ndarray:
    best = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    made = frame.reformat(format="bgr24", src_colorspace=Colorspace.ITU709, interpolation=best, **RANGE)
    return made.to_ndarray()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?")
    parser.add_argument("--frames", type=int, default=60)
    arguments = parser.parse_args()
    pictures = list(read(arguments.clip, arguments.frames) if arguments.clip else drawn(arguments.frames))
    for width, height in SIZES:
        frames = decoded(pictures, width, height)
        exact = [exact_bgr(frame) for frame in frames]
        for name, make in WAYS.items():
            print(f"{width}x{height}  {name:34}", measure(make(), frames, exact))


if __name__ == "__main__":
    main()
