"""The motion detector on labelled clips: events found, missed and false, and what a look costs.

    python -m benchmarks.motion [--method background|difference] [--sensitivity 50] [--min-area 0.15] [--spans] [CLIP …]
    python -m benchmarks.motion --cost      CPU for each packet of a 1920x1080 H.264 camera of 15 pictures a second

`quiet`: the share of looks at nothing that were taken for motion all the same. Findings are confirmed ones.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from camera.detectors.motion import detector
from camera.orders import Orders
from camera.packets import Packet, StreamInfo
from camera.process.detection import Detection, Pace
from camera.process.happening import Confirmation
from camera.process.live import LiveSlot
from camera.process.transcode import Transcoder
from camera.video.decode import Decoder
from camera.video.grey import Grey, GreyMaker, from_jpeg

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "motion"
# Findings closer together than this are one when compared with the labels, which lie closer than an event's hold.
MERGE = 2.0


@dataclass
class Result:
    """Of one clip. Frames are numbers of the looks' frames."""

    looks: list[int] = field(default_factory=list)
    hits: set[int] = field(default_factory=set)
    seconds: float = 0.0


def pictures(path: Path, fps: float, roi: list[int] | None) -> Iterator[tuple[int, Grey]]:
    """(frame number, small grey picture) five times a second, made as the camera process makes it."""
    pace, make = Pace(), GreyMaker()
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        context = video.codec_context
        info = StreamInfo(context.name, context.width, context.height, context.extradata or b"")
        decoder = Decoder(info, lean=True)
        number = 0
        for piece in container.demux(video):
            if piece.size == 0:
                continue
            packet = Packet(bytes(piece), piece.is_keyframe, number / fps)
            number += 1
            if info.codec == "mjpeg":
                grey = from_jpeg(packet.data) if pace.due(packet.captured_at) else None
                if grey is not None:
                    yield number - 1, _cut(grey, info, roi)
                continue
            for frame, at in decoder.decode(packet):
                if pace.due(at):
                    yield round(at * fps), _cut(make(frame), info, roi)


def _cut(grey: Grey, info: StreamInfo, roi: list[int] | None) -> Grey:
    if roi is None:
        return grey
    by = grey.shape[1] / info.width
    x, y, width, height = (round(value * by) for value in roi)
    return grey[y : y + height, x : x + width].copy()


def run(path: Path, label: dict[str, Any], options: argparse.Namespace) -> Result:
    result, confirmed = Result(), Confirmation()
    look = detector(options.method, options.sensitivity, options.min_area).look
    for number, grey in pictures(path, label["fps"], label.get("roi_xywh")):
        start = time.thread_time()
        finding = look(grey, number / label["fps"])
        result.seconds += time.thread_time() - start
        result.looks.append(number)
        if confirmed.add(number / label["fps"], finding) is not None:
            result.hits.add(number)
    return result


def spans(hits: set[int], fps: float) -> list[tuple[int, int]]:
    """Confirmed findings joined over short pauses."""
    made: list[tuple[int, int]] = []
    for number in sorted(hits):
        if made and number - made[-1][1] <= MERGE * fps:
            made[-1] = made[-1][0], number
        else:
            made.append((number, number))
    return made


def judge(result: Result, label: dict[str, Any]) -> dict[str, Any]:
    tolerance = max(label["tolerance_frames"], label["fps"] / 2)
    ignored = [*label.get("ignore", [])]
    low, high = label["valid_range"]

    def within(number: int, pairs: list[list[int]], spare: float = 0.0) -> bool:
        return any(first - spare <= number <= last + spare for first, last in pairs)

    looks = [n for n in result.looks if low <= n <= high and not within(n, ignored)]
    hits = [n for n in looks if n in result.hits]
    events = label["events"]
    true = [n for n in hits if within(n, events, tolerance)]
    there = [n for n in looks if within(n, events)]
    grouped = spans(set(hits), label["fps"])
    found = sum(any(a - tolerance <= last and b + tolerance >= first for a, b in grouped) for first, last in events)
    false = sum(not any(a - tolerance <= last and b + tolerance >= first for first, last in events) for a, b in grouped)
    return {
        "found": found,
        "labelled": len(events),
        "false": false,
        "precision": len(true) / len(hits) if hits else None,
        "recall": sum(n in result.hits for n in there) / len(there) if there else None,
        "quiet": (len(hits) - len(true)) / max(1, len(looks) - len(there)),
        "ms": result.seconds * 1000 / max(1, len(result.looks)),
        "spans": grouped,
    }


def camera(name: str, rate: int = 15, seconds: int = 15) -> list[Packet]:
    """The clip as a 1920x1080 H.264 camera of 4 Mbit/s and a key frame every two seconds would send it."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.gop_size = 1920, 1080, "yuv420p", 2 * rate
    encoder.time_base, encoder.framerate, encoder.bit_rate = Fraction(1, rate), Fraction(rate), 4_000_000
    encoder.options = {"preset": "veryfast", "tune": "zerolatency"}
    made: list[av.Packet[Any]] = []
    with av.open(str(DATA / name)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == rate * seconds:
                break
            large = frame.reformat(1920, 1080, "yuv420p")
            large.pts = number
            made += encoder.encode(large)
    return [Packet(bytes(one), one.is_keyframe, 1e9 + n / rate, pts=one.pts) for n, one in enumerate(made)]


def cost(packets: list[Packet], detect: str, is_watched: bool) -> tuple[float, int]:
    """CPU in ms for each packet, transcoder and detection together, and how many reports were made."""
    reports: list[str] = []
    with tempfile.TemporaryDirectory() as media:
        gop = [packets[0]]
        slot = LiveSlot(lambda: None)
        slot.open(True)
        transcoder = Transcoder(slot, lambda blind: None)
        detection = Detection(
            lambda kind, body: reports.append(kind), lambda a, b: None, lambda at: (StreamInfo("h264"), list(gop))
        )
        detection.take(Orders(slug="bench", media=media, detect=detect))
        transcoder.tap = detection.offer
        transcoder.detect(detection.wanted)
        transcoder.watch(is_watched)
        for sink in (transcoder, detection):
            sink.opened(StreamInfo("h264", 1920, 1080))
        start = time.thread_time()
        for packet in packets:
            gop = [packet] if packet.key else [*gop, packet]
            transcoder.packet(packet)
            while transcoder.step():
                pass
            detection.step()
        spent = time.thread_time() - start
    return spent * 1000 / len(packets), len(reports)


def costs() -> None:
    for title, name in (
        ("a quiet scene", "night_ir_hevc_tail.mp4"),
        ("people all the time", "vtest_pets09_480x360.mp4"),
    ):
        packets = camera(name)
        for words, detect, watched in (
            ("nobody watches, no detection", "off", False),
            ("detection alone", "background", False),
            ("detection alone, frame difference", "difference", False),
            ("watched, no detection", "off", True),
            ("watched, with detection", "background", True),
        ):
            spent, reports = cost(packets, detect, watched)
            print(f"{title:22}{words:36}{spent:7.2f} ms a packet{spent * 1.5:7.1f} % of a core  {reports} reports")


def clips(options: argparse.Namespace) -> None:
    print(f"{'clip':28}{'events':>8}{'false':>7}{'precision':>11}{'recall':>8}{'quiet hit':>11}{'ms a look':>11}")
    for name, label in json.loads((DATA / "labels.json").read_text()).items():
        path = DATA / label["file"]
        if options.clips and name not in options.clips:
            continue
        if not path.exists():
            print(f"{name:28} is not here")
            continue
        told = judge(run(path, label, options), label)
        shares = [f"{told[key]:.2f}" if told[key] is not None else "-" for key in ("precision", "recall", "quiet")]
        print(
            f"{name:28}{told['found']:>4}/{told['labelled']:<3}{told['false']:>7}"
            f"{shares[0]:>11}{shares[1]:>8}{shares[2]:>11}{told['ms']:>11.2f}"
        )
        if options.spans:
            print("   ", told["spans"])


def main() -> None:
    parser = argparse.ArgumentParser(description="The motion detector on labelled clips.")
    parser.add_argument("clips", nargs="*")
    parser.add_argument("--method", default="background", choices=["background", "difference"])
    parser.add_argument("--sensitivity", type=int, default=50)
    parser.add_argument("--min-area", type=float, default=0.15)
    parser.add_argument("--spans", action="store_true", help="print the frames of each event")
    parser.add_argument("--cost", action="store_true", help="measure CPU instead")
    options = parser.parse_args()
    if not (DATA / "labels.json").exists():
        print("The labelled clips are not here; nothing is measured.")
    elif options.cost:
        costs()
    else:
        clips(options)


if __name__ == "__main__":
    main()
