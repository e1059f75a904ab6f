"""A film in a loop as a camera."""

import itertools
import os
import threading
from pathlib import Path

import pytest

from camera.packets import Packet, Reason, SourceConfig, SourceError
from camera.sources import Request, Timeouts, open_source
from camera.sources.video_file import LONGEST, FileSource, Pace, open_inside
from camera.video.decode import Decoder
from tests.peers import clips


class Stage(Request):
    """A request whose waits take no time but are noted: a clock that moves by waiting."""

    now = 100.0

    def wait(self, seconds: float) -> bool:
        type(self).now += max(0.0, seconds)
        return self.stop.is_set()


def play(folder: Path, name: str) -> tuple[FileSource, type[Stage]]:
    clock = type("Clock", (Stage,), {"now": 100.0})
    request = clock(SourceConfig("file", name, files_root=str(folder)), threading.Event(), Timeouts())
    return FileSource(request, lambda: clock.now), clock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


FILMS = [("film.mp4", "libx264", "h264"), ("film.mkv", "libx265", "hevc"), ("film.avi", "mpeg4", "mpeg4")]
FILMS += [("film.mov", "mjpeg", "mjpeg"), ("film.ts", "libx264", "h264"), ("film.ivf", "libsvtav1", "av1")]


@pytest.mark.parametrize(("name", "encoder", "codec"), FILMS)
def test_a_film_plays_on_and_on_at_its_own_pace(folder: Path, name: str, encoder: str, codec: str) -> None:
    clips.movie(folder / name, frames=15, codec=encoder, gop=5)
    source, clock = play(folder, name)
    assert (source.info.codec, source.info.width, source.info.height) == (codec, 320, 240)
    times, packets = [], []
    for packet in itertools.islice(source, 35):
        packets.append(packet)
        times.append(clock.now)
    source.close()
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(0.03 < step < 0.14 for step in steps), "15 pictures a second, also where the film begins anew"
    stamps = [packet.dts for packet in packets]
    assert all(later > earlier for earlier, later in itertools.pairwise(stamps)), "time runs on over the loop"
    assert all(packet.pts is not None and packet.pts >= packet.dts for packet in packets)
    assert packets[0].key


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_packets_are_annex_b_and_every_picture_can_be_decoded(folder: Path, name: str) -> None:
    clips.movie(folder / name, frames=15, gop=5)
    source, _ = play(folder, name)
    packets: list[Packet] = list(itertools.islice(source, 30))
    assert all(packet.data.startswith((b"\0\0\1", b"\0\0\0\1")) for packet in packets)
    assert source.info.extradata.startswith(b"\0\0\0\1")
    decoder = Decoder(source.info)
    # Pictures that are shown after later ones stay in the decoder for a while.
    assert sum(len(decoder.decode(packet)) for packet in packets) >= 26
    source.close()


def test_a_stop_ends_it(folder: Path) -> None:
    clips.movie(folder / "film.mp4", frames=5)
    source, clock = play(folder, "film.mp4")
    packets = iter(source)
    next(packets)
    source._request.stop.set()
    assert next(packets, None) is None


NAMES = [
    "",
    ".",
    "..",
    "../film.mp4",
    "sub/film.mp4",
    "/etc/passwd",
    "a\0b",
    "file:film.mp4",
    "concat:a|b",
    "missing.mp4",
]


@pytest.mark.parametrize("name", NAMES)
def test_only_names_in_the_folder_are_opened(folder: Path, name: str) -> None:
    clips.movie(folder.parent / "film.mp4", frames=3)
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig("file", name, files_root=str(folder)), threading.Event())
    assert caught.value.reason in (Reason.REFUSED, Reason.NOT_FOUND)


def test_no_way_out_of_the_folder(folder: Path) -> None:
    outside = clips.movie(folder.parent / "secret.mp4", frames=3)
    (folder / "link.mp4").symlink_to(outside)
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    for name in ("link.mp4", "sub", "pipe.mp4"):
        with pytest.raises(SourceError) as caught:
            open_inside(str(folder), name)
        assert caught.value.reason == Reason.REFUSED
    with pytest.raises(SourceError):
        open_inside("", "secret.mp4")


SCRIPTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{film}'\n",
    "list.sdp": "v=0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\nc=IN IP4 127.0.0.1\n",
    "list.mp4": "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n",
    "list.avi": "[playlist]\nFile1={film}\n",
}


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_files_that_name_other_files_are_not_followed(folder: Path, name: str) -> None:
    film = clips.movie(folder / "film.ts", frames=3)
    (folder / name).write_text(SCRIPTS[name].format(film=film))
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig("file", name, files_root=str(folder)), threading.Event())
    assert caught.value.reason == Reason.BAD_STREAM


def test_a_codec_that_is_not_read(folder: Path) -> None:
    clips.movie(folder / "film.mkv", frames=3, codec="ffv1")
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig("file", "film.mkv", files_root=str(folder)), threading.Event())
    assert caught.value.reason == Reason.BAD_STREAM and "ffv1" in caught.value.detail


@pytest.mark.parametrize("left", [0, 1, 40, 700, 5000])
def test_a_film_cut_off_anywhere(folder: Path, left: int) -> None:
    path = clips.movie(folder / "film.mp4", frames=10)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(SourceError) as caught:
        source, _ = play(folder, "film.mp4")
        list(itertools.islice(source, 5))
    assert caught.value.reason == Reason.BAD_STREAM


def test_odd_time_stamps_neither_stop_nor_race() -> None:
    pace = Pace(0.0)
    pace.begin(0.1)
    due = [pace.step(stamp) for stamp in (5.0, 5.1, 905.0, 2.0, 2.1, None, None, 3.0)]
    steps = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert due[0] == 0 and all(1 / 121 < step <= LONGEST for step in steps)
    assert steps[0] == pytest.approx(0.1) and steps[1] == LONGEST
