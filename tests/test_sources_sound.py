"""Sound of a real RTSP camera, taken only where it is wanted."""

import itertools
import threading
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from camera.packets import AudioPacket, Packet, SourceConfig
from camera.sources import Timeouts, open_source
from tests.peers.rtsp import gstreamer

CONFIG = SourceConfig("rtsp", audio=True, allow_loopback=True)


def take(config: SourceConfig, sounds: int, most: int = 400) -> tuple[object, list[AudioPacket], list[Packet]]:
    """What the source is, and its packets until there are `sounds` pieces of sound, at most `most` packets."""
    source = open_source(config, threading.Event(), Timeouts())
    heard: list[AudioPacket] = []
    seen: list[Packet] = []
    try:
        for packet in itertools.islice(source, most):
            (heard if isinstance(packet, AudioPacket) else seen).append(packet)  # type: ignore[arg-type]
            if len(heard) >= sounds:
                break
        return source.info, heard, seen
    finally:
        source.close()


@pytest.mark.peers
@pytest.mark.parametrize(("sound", "codec", "rate"), [("pcma", "pcm_alaw", 8000), ("pcmu", "pcm_mulaw", 8000)])
def test_pcm_comes_along(sound: str, codec: str, rate: int) -> None:
    with gstreamer(sound=sound) as url:
        info, heard, seen = take(replace(CONFIG, address=url), sounds=10)
    assert info.audio is not None  # type: ignore[attr-defined]
    assert (info.audio.codec, info.audio.rate, info.audio.channels) == (codec, rate, 1)  # type: ignore[attr-defined]
    assert len(heard) == 10 and seen
    assert all(len(packet.data) >= 80 for packet in heard)


@pytest.mark.peers
def test_aac_comes_along_with_what_its_decoder_needs() -> None:
    with gstreamer(sound="aac") as url:
        info, heard, _ = take(replace(CONFIG, address=url), sounds=5)
    assert info.audio is not None and info.audio.codec == "aac"  # type: ignore[attr-defined]
    assert len(info.audio.extradata) >= 2 and len(heard) == 5  # type: ignore[attr-defined]


@pytest.mark.peers
def test_sound_that_is_not_wanted_or_cannot_be_kept_is_left_out() -> None:
    with gstreamer(sound="pcma") as url:
        info, heard, seen = take(replace(CONFIG, address=url, audio=False), sounds=1, most=30)
        assert info.audio is None and not heard and len(seen) == 30  # type: ignore[attr-defined]
    with gstreamer(sound="opus") as url:
        info, heard, seen = take(replace(CONFIG, address=url), sounds=1, most=30)
        assert info.audio is None and not heard and len(seen) == 30  # type: ignore[attr-defined]


def test_the_sound_of_a_file_comes_along_and_its_passes_are_one_stream(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "clip.mp4"), "w") as clip:
        video = clip.add_stream("libx264", rate=30, options={"preset": "ultrafast", "g": "10"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = clip.add_stream("aac", rate=16000)
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 20, np.uint8), format="rgb24")
            clip.mux(video.encode(frame))
            tone = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            tone.sample_rate = 16000
            clip.mux(sound.encode(tone))
        clip.mux(video.encode(None))
        clip.mux(sound.encode(None))
    config = SourceConfig("file", "clip.mp4", audio=True, files_root=str(tmp_path))
    source = open_source(config, threading.Event())
    infos = []
    kinds = []
    for packet in itertools.islice(source, 60):
        kinds.append(type(packet))
        infos.append(source.info)
    source.close()
    assert kinds.count(AudioPacket) > 10 and kinds.count(Packet) > 20
    assert infos[-1].audio is not None and infos[-1].audio.codec == "aac"
    # The parameter sets are found at the first picture; from there on nothing changes from pass to pass.
    assert len({id(info) for info in infos}) <= 2


def test_aac_with_headers_of_its_own_is_told_what_its_decoder_needs(tmp_path: Path) -> None:
    """In a transport stream each frame has an ADTS header, and there is no configuration beside it."""
    with av.open(str(tmp_path / "clip.ts"), "w", format="mpegts") as clip:
        video = clip.add_stream("libx264", rate=15, options={"preset": "ultrafast", "g": "10"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = clip.add_stream("aac", rate=16000)
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 9, np.uint8), format="rgb24")
            clip.mux(video.encode(frame))
            tone = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            tone.sample_rate = 16000
            clip.mux(sound.encode(tone))
        clip.mux(video.encode(None))
        clip.mux(sound.encode(None))
    info, heard, _ = take(SourceConfig("file", "clip.ts", audio=True, files_root=str(tmp_path)), sounds=5)
    assert info.audio is not None  # type: ignore[attr-defined]
    assert (info.audio.codec, info.audio.rate, info.audio.extradata) == ("aac", 16000, bytes.fromhex("1410"))  # type: ignore[attr-defined]
    assert len(heard) == 5 and all(packet.data[:2] == b"\xff\xf1" for packet in heard)
