"""The sound track of a recording: AAC as it came, PCM encoded, silence where nothing came."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from camera.packets import AudioInfo, AudioPacket
from camera.video.sound import SoundTrack, keepable

OPTIONS = {"movflags": "hybrid_fragmented", "frag_duration": "500000", "flush_packets": "1"}


def tone(rate: int, pieces: int) -> tuple[bytes, list[bytes]]:
    """(AudioSpecificConfig, AAC pieces of 1024 samples) of a 440 Hz tone."""
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, "mono", "fltp"
    made: list[bytes] = []
    for number in range(pieces):
        at = (np.arange(1024) + number * 1024) / rate
        wave = (0.5 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, number * 1024, Fraction(1, rate)
        made += [bytes(packet) for packet in encoder.encode(frame)]
    return bytes(encoder.extradata or b""), made


def record(path: Path, info: AudioInfo, pieces: list[tuple[float, AudioPacket]]) -> None:
    with av.open(str(path), "w", format="mp4", options=OPTIONS) as out:
        video = out.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        track = SoundTrack(info)
        track.attach(out)
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            out.mux(video.encode(frame))
            for at, piece in pieces:
                if number / 10 <= at < (number + 1) / 10:
                    track.write(out, piece, at)
        out.mux(video.encode(None))
        track.finish(out)


def heard(path: Path) -> tuple[str, int, np.ndarray]:
    """(codec, rate, samples)"""
    with av.open(str(path)) as film:
        stream = film.streams.audio[0]
        samples = [frame.to_ndarray().astype(np.float32)[0] for frame in film.decode(stream)]
        return stream.codec_context.name, stream.codec_context.sample_rate, np.concatenate(samples)


def pitch(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum)) * rate / len(samples)


def test_aac_is_copied_byte_by_byte(tmp_path: Path) -> None:
    extradata, pieces = tone(16000, 46)
    info = AudioInfo("aac", 16000, 1, extradata, 1 / 16000)
    at = [(number * 1024 / 16000, AudioPacket(piece, 0, number * 1024)) for number, piece in enumerate(pieces)]
    record(tmp_path / "a.mp4", info, at)
    with av.open(str(tmp_path / "a.mp4")) as film:
        copied = [bytes(packet) for packet in film.demux(film.streams.audio[0]) if packet.size]
    assert copied == [piece.data for _, piece in at]
    codec, rate, samples = heard(tmp_path / "a.mp4")
    assert (codec, rate) == ("aac", 16000)
    assert pitch(samples, rate) == pytest.approx(440, abs=3)


def test_aac_with_headers_of_its_own_loses_them(tmp_path: Path) -> None:
    config, pieces = tone(16000, 40)
    sizes = [len(piece) + 7 for piece in pieces]
    heads = [bytes([0xFF, 0xF1, 0x60, 0x40, size >> 3, (size & 7) << 5 | 31, 0xFC]) for size in sizes]
    for name, given in (
        ("bare", pieces),
        ("headed", [head + piece for head, piece in zip(heads, pieces, strict=True)]),
    ):
        timed = [(n * 0.064, AudioPacket(piece, n * 0.064, n * 1024)) for n, piece in enumerate(given)]
        record(tmp_path / f"{name}.mp4", AudioInfo("aac", 16000, 1, config, 1 / 16000), timed)
    bare, headed = (heard(tmp_path / f"{name}.mp4")[2] for name in ("bare", "headed"))
    assert len(bare) > 30_000 and np.array_equal(bare, headed)


@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw", "pcm_s16be"])
def test_pcm_is_encoded_and_sounds_the_same(tmp_path: Path, codec: str) -> None:
    encoder = av.CodecContext.create(codec, "w")
    encoder.sample_rate, encoder.layout, encoder.format = 8000, "mono", "s16"
    wave = (12000 * np.sin(2 * np.pi * 440 * np.arange(24000) / 8000)).astype(np.int16)
    pieces = []
    for number in range(150):
        frame = av.AudioFrame.from_ndarray(wave[None, number * 160 : (number + 1) * 160], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 8000, number * 160
        data = b"".join(bytes(packet) for packet in encoder.encode(frame))
        pieces.append((number * 0.02, AudioPacket(data, 0, number * 160)))
    record(tmp_path / "p.mp4", AudioInfo(codec, 8000, 1), pieces)
    name, rate, samples = heard(tmp_path / "p.mp4")
    assert (name, rate) == ("aac", 8000)
    assert len(samples) / rate == pytest.approx(3.0, abs=0.3)
    assert pitch(samples, rate) == pytest.approx(440, abs=4)


def test_a_hole_in_the_sound_stays_where_it_was(tmp_path: Path) -> None:
    extradata, pieces = tone(16000, 40)
    info = AudioInfo("aac", 16000, 1, extradata, 1 / 16000)
    # Nothing between 0.64 s and 2 s.
    early = [(n * 0.064, AudioPacket(piece, 0, n * 1024)) for n, piece in enumerate(pieces[:10])]
    late = [(2 + n * 0.064, AudioPacket(piece, 0, 32000 + n * 1024)) for n, piece in enumerate(pieces[10:20])]
    record(tmp_path / "h.mp4", info, early + late)
    with av.open(str(tmp_path / "h.mp4")) as film:
        times = [float(p.pts * p.time_base) for p in film.demux(film.streams.audio[0]) if p.size and p.pts is not None]
    assert max(b - a for a, b in zip(times, times[1:], strict=False)) == pytest.approx(1.42, abs=0.1)


@pytest.mark.parametrize(("codec", "kept"), [("aac", True), ("pcm_alaw", True), ("opus", False), ("mp3", False)])
def test_what_can_be_kept(codec: str, kept: bool) -> None:
    assert keepable(codec) is kept


def test_parameters_that_cannot_be_read_are_refused_with_words(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "x.mp4"), "w") as out, pytest.raises(ValueError, match="sound"):
        SoundTrack(AudioInfo("aac", 16000, 1, b"")).attach(out)
