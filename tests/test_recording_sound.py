"""Sound in a recording, beside the pictures and never in their way."""

import math
import struct
from pathlib import Path

import av
import pytest

from camera.packets import AudioInfo, AudioPacket
from camera.video.mux import Mp4Writer
from camera.video.repair import duration_of
from tests.recording_kit import START, Desk, camera, info, pictures

TONE = AudioInfo("pcm_s16le", 8000, 1)
PIECE = 0.04


def tone(seconds: float, start: float = START) -> list[AudioPacket]:
    """A beep in pieces of 40 ms."""
    samples = round(8000 * PIECE)
    made = []
    for number in range(round(seconds / PIECE)):
        wave = [round(9000 * math.sin((number * samples + n) * 0.35)) for n in range(samples)]
        made.append(AudioPacket(struct.pack(f"<{samples}h", *wave), start + number * PIECE, number * samples))
    return made


def mixed(desk: Desk, frames: int, sound: list[AudioPacket]) -> None:
    left = list(sound)
    for packet in camera(frames=frames):
        while left and left[0].captured_at <= packet.captured_at:
            desk.recorder.audio(left.pop(0))
        desk.send([packet])


def test_sound_goes_into_the_file_with_the_pictures(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "footage")
    desk.recorder.opened(info(audio=TONE))
    desk.order(mode="always")
    mixed(desk, 60, tone(4.0))
    desk.recorder.closed()
    desk.turn()
    assert desk.opened[0].audio is True
    (file,) = desk.files()
    assert pictures(file) == 60
    with av.open(str(file)) as container:
        sound = container.streams.audio[0]
        assert sound.codec_context.name == "aac"
        heard = sum(frame.samples for frame in container.decode(sound)) / sound.codec_context.sample_rate
    assert heard == pytest.approx(4.0, abs=0.3)


def test_pictures_do_not_wait_for_sound_that_has_stopped(tmp_path: Path) -> None:
    """What is on the disk at any moment is at most a good half second behind, sound or no sound."""
    path = tmp_path / "a.mp4"
    packets = camera(frames=150)
    writer = Mp4Writer(path, info(audio=TONE), packets[0])
    sound = tone(1.0)
    for packet in packets:
        while sound and sound[0].captured_at <= packet.captured_at:
            writer.audio(sound.pop(0))
        writer.write(packet)
    assert duration_of(path) >= 10 - 1.2
    writer.close()
    assert pictures(path) == 150


def test_sound_that_cannot_be_kept_costs_no_pictures(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "footage")
    desk.recorder.opened(info(audio=AudioInfo("adpcm_g726", 8000, 1)))
    desk.order(mode="always")
    mixed(desk, 20, tone(1.0))
    desk.recorder.closed()
    desk.turn()
    assert desk.opened[0].audio is False and pictures(desk.files()[0]) == 20
