"""Files: every picture back, with the time it was taken at, from every kind of camera."""

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from camera.packets import Packet, SourceConfig, StreamInfo
from camera.sources import Request
from camera.sources.video_file import FileSource
from camera.video import nal
from camera.video.faults import MuxError
from camera.video.mux import Mp4Writer
from camera.video.repair import duration_of
from camera.video.thumbnail import thumbnail
from tests.peers import clips
from tests.recording_kit import START, camera, info, pictures, stamps


def written(path: Path, packets: list[Packet], codec: str = "h264", **more: object) -> Mp4Writer:
    writer = Mp4Writer(path, info(codec, **more), packets[0])  # type: ignore[arg-type]
    for packet in packets:
        writer.write(packet)
    writer.close()
    return writer


@pytest.mark.parametrize(("codec", "tag"), [("h264", "avc1"), ("hevc", "hvc1"), ("av1", "av01")])
def test_pictures_are_copied_untouched(tmp_path: Path, codec: str, tag: str) -> None:
    packets = camera(codec, 30)
    writer = written(tmp_path / "a.mp4", packets, codec)
    assert stamps(tmp_path / "a.mp4") == [(number * 6000, number * 6000) for number in range(30)]
    assert writer.seconds == pytest.approx(2.0) and pictures(tmp_path / "a.mp4") == 30
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.codec_tag == tag and (stream.width, stream.height) == (320, 240)
        copied = [bytes(packet) for packet in container.demux(stream) if packet.size]
    if codec == "h264":
        ends = [nal.units(packet.data)[-1] for packet in packets]
        assert all(copy.endswith(end) for copy, end in zip(copied, ends, strict=True))


def film(folder: Path, name: str, codec: str) -> tuple[StreamInfo, list[Packet]]:
    """30 packets of a film file as camera."""
    clips.movie(folder / name, frames=30, gop=10, codec=codec)
    never = type("Never", (), {"is_set": lambda self: False, "wait": lambda self, seconds: False})()
    source = FileSource(Request(SourceConfig("file", name, files_root=str(folder)), never), lambda: 0.0)
    packets = list(itertools.islice(source, 30))
    source.close()
    return source.info, packets


def test_pictures_out_of_order_keep_their_times(tmp_path: Path) -> None:
    """B-frames."""
    told, packets = film(tmp_path, "film.mp4", "libx264")
    assert any(packet.pts != packet.dts for packet in packets)
    writer = Mp4Writer(tmp_path / "a.mp4", told, packets[0])
    for packet in packets:
        writer.write(packet)
    writer.close()
    times = stamps(tmp_path / "a.mp4")
    assert pictures(tmp_path / "a.mp4") == 30
    assert [dts for _, dts in times] == sorted({dts for _, dts in times}) and all(pts >= dts for pts, dts in times)
    shown = sorted(pts for pts, _ in times)
    assert {later - earlier for earlier, later in itertools.pairwise(shown)} == {6000}


def test_an_old_film_is_encoded(tmp_path: Path) -> None:
    told, packets = film(tmp_path, "film.avi", "mpeg4")
    packets = [replace(packet, captured_at=START + number / 15) for number, packet in enumerate(packets)]
    assert told.codec == "mpeg4"
    writer = Mp4Writer(tmp_path / "a.mp4", told, packets[0])
    for packet in packets:
        writer.write(packet)
    writer.close()
    assert (writer.codec, writer.size) == ("h264", (320, 240)) and pictures(tmp_path / "a.mp4") == 30


def test_the_first_packet_of_an_rtsp_camera_has_no_time(tmp_path: Path) -> None:
    packets = camera(frames=20)
    packets[0] = replace(packets[0], pts=None, dts=None)
    written(tmp_path / "a.mp4", packets)
    times = [dts for _, dts in stamps(tmp_path / "a.mp4")]
    assert times[0] == 0 and times[1] == pytest.approx(6000, abs=10) and len(times) == 20


def shifted(packets: list[Packet], at: int, ticks: int, seconds: float = 0.0) -> list[Packet]:
    """From packet `at` on the camera's clock differs, and so much time passed."""
    return packets[:at] + [
        replace(one, pts=(one.pts or 0) + ticks, dts=(one.dts or 0) + ticks, captured_at=one.captured_at + seconds)
        for one in packets[at:]
    ]


@pytest.mark.parametrize(
    ("ticks", "seconds", "step"),
    [
        (90000 * 3600, 0.0, 1 / 15),
        (-50 * 90000, 0.0, 1 / 15),
        (-12000, 0.0, 1 / 15),
        (5 * 90000, 5.0, 5 + 1 / 15),
        (2**33, 1e9, 1 / 15),
        (-(2**33), 10.0, 10 + 1 / 15),
    ],
)
def test_a_clock_that_jumps_does_not_stretch_the_film_but_a_pause_does(
    tmp_path: Path, ticks: int, seconds: float, step: float
) -> None:
    writer = written(tmp_path / "a.mp4", shifted(camera(frames=30), 15, ticks, seconds))
    times = [dts for _, dts in stamps(tmp_path / "a.mp4")]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert steps[14] == pytest.approx(step * 90000, abs=5)
    assert set(steps[:14] + steps[15:]) == {6000}
    assert writer.seconds == pytest.approx(2 - 1 / 15 + step, abs=0.01)


def test_pictures_that_are_sent_again_between_newer_ones_do_not_stretch_the_film(tmp_path: Path) -> None:
    packets = camera("mjpeg", 60, every=0.1)
    again = [[one, replace(one, captured_at=one.captured_at - 3)] for one in packets[30:40]]
    mixed = packets[:30] + list(itertools.chain(*again)) + packets[40:]
    writer = written(tmp_path / "a.mp4", mixed, "mjpeg")
    assert writer.seconds == pytest.approx(6.0, abs=0.15)
    with av.open(str(tmp_path / "a.mp4")) as container:
        shown = [(frame.pts or 0) / 90000 for frame in container.decode(video=0)]
    assert len(shown) == 70 and shown == sorted(set(shown))
    assert shown[-20:] == pytest.approx([packet.captured_at - START for packet in packets[40:]], abs=0.15)


def test_pictures_that_come_in_parts_do_not_slow_the_film_down(tmp_path: Path) -> None:
    doubled = [part for packet in camera(frames=30) for part in (packet, replace(packet, key=False))]
    assert written(tmp_path / "a.mp4", doubled).seconds == pytest.approx(2.0, abs=0.01)


def test_parameter_sets_may_be_known_beforehand_only(tmp_path: Path) -> None:
    packets = camera(frames=10)
    sets = nal.parameter_sets("h264", packets[0].data)
    bare = [unit for unit in nal.units(packets[0].data) if nal.unit_type("h264", unit) not in (7, 8)]
    packets[0] = replace(packets[0], data=b"".join(b"\0\0\0\1" + unit for unit in bare))
    written(tmp_path / "a.mp4", packets, extradata=sets)
    assert pictures(tmp_path / "a.mp4") == 10


@pytest.mark.parametrize("size", [(320, 240), (641, 361)])
def test_jpegs_become_a_film_that_every_browser_plays(tmp_path: Path, size: tuple[int, int]) -> None:
    packets = camera("mjpeg", 30, size=size, every=0.2)
    packets[20:] = [replace(one, captured_at=one.captured_at + 0.5) for one in packets[20:]]
    writer = written(tmp_path / "a.mp4", packets, "mjpeg", size=size)
    assert writer.seconds == pytest.approx(duration_of(tmp_path / "a.mp4"), abs=0.002) == pytest.approx(6.5, abs=0.01)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.pix_fmt == "yuvj420p"
        assert (stream.width, stream.height) == (size[0] // 2 * 2, size[1] // 2 * 2)
        frames = list(container.decode(stream))
    expected = [round((packet.captured_at - START) * 90000) for packet in packets]
    assert [frame.pts for frame in frames] == pytest.approx(expected, abs=20)
    keys = [(frame.pts or 0) / 90000 for frame in frames if frame.key_frame]
    assert max(later - earlier for earlier, later in itertools.pairwise(keys)) <= 4
    # Chromium takes range and matrix for what they are only with all four of them.
    seen = {(one.color_range, one.colorspace, one.color_primaries, one.color_trc) for one in frames}
    assert seen == {(2, 5, 1, 1)}


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (0, 0, 255), (200, 120, 40)])
@pytest.mark.parametrize("size", [(320, 240), (1920, 1080)])
def test_colours_of_jpegs_are_kept(tmp_path: Path, colour: tuple[int, int, int], size: tuple[int, int]) -> None:
    jpeg = cv2.imencode(".jpg", clips.flat(colour, *size))[1].tobytes()
    written(tmp_path / "a.mp4", [Packet(jpeg, True, START)] * 2, "mjpeg", size=size)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
    seen = frame.to_ndarray(format="bgr24", src_colorspace=frame.colorspace, src_color_range=2)[100, 100]
    assert seen.tolist() == pytest.approx(colour, abs=4)


def test_raw_pictures_are_encoded(tmp_path: Path) -> None:
    grey = np.full((240, 320, 2), (235, 128), np.uint8).tobytes()
    packets = [Packet(grey, True, START + number / 10) for number in range(5)]
    written(tmp_path / "a.mp4", packets, "rawvideo", pix_fmt="yuyv422", time_base=1e-6)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 5 and abs(int(frames[0].to_ndarray()[10, 10]) - 235) <= 1


def test_a_damaged_jpeg_is_left_out(tmp_path: Path) -> None:
    packets = camera("mjpeg", 10)
    packets[4] = replace(packets[4], data=b"\xff\xd8\xff" + b"\0" * 400)
    written(tmp_path / "a.mp4", packets, "mjpeg")
    assert pictures(tmp_path / "a.mp4") == 9


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "mjpeg"])
@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0\1\x67", b"\x12\0" + b"\xff" * 500, b"\0\0\1" * 300])
def test_nonsense_is_refused_in_plain_words(tmp_path: Path, codec: str, data: bytes) -> None:
    size = (0, 0)
    with pytest.raises(MuxError):
        Mp4Writer(tmp_path / "a.mp4", info(codec, size=size), Packet(data, True, START))


def test_a_thumbnail_of_every_kind() -> None:
    for codec in ("h264", "hevc", "av1", "mjpeg"):
        size = (640, 360)
        made = thumbnail(info(codec, size), camera(codec, 3, size=size))
        assert made is not None and clips.decoded(made).shape == (180, 320, 3), codec
        expected = cv2.resize(clips.drawn(0, *size), (320, 180), interpolation=cv2.INTER_AREA)
        assert np.abs(clips.decoded(made).astype(int) - expected).mean() < 8, codec
    assert thumbnail(info(), [Packet(b"nonsense", True, START)]) is None


@pytest.mark.slow
def test_a_file_that_ends_without_a_picture_ends_nothing_else(tmp_path: Path) -> None:
    """FFmpeg crashes, and its process with it, where a header was written and then no picture could be."""
    code = (
        "import sys; from camera.video.mux import Mp4Writer; from tests.recording_kit import camera, info\n"
        "for codec in ('mjpeg', 'h264', 'hevc', 'av1'):\n"
        "    writer = Mp4Writer(sys.argv[1], info(codec), camera(codec, 3)[0])\n"
        "    writer.close()\n    print(codec, writer.seconds)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "empty.mp4")]
    base = Path(__file__).resolve().parent.parent
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=base, check=False)
    assert run.returncode == 0, run.stderr
    assert {"mjpeg 0.0", "h264 0.0", "hevc 0.0", "av1 0.0"} <= set(run.stdout.splitlines())
