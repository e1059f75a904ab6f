"""Frozen pictures are noticed, quiet ones are not taken for frozen."""

import random

import cv2
import numpy as np
import pytest

from camera.packets import Packet, StreamInfo
from camera.process.freeze import FreezeWatch
from tests.peers import clips

pytestmark = pytest.mark.faults

# Pictures a second of the videos here.
RATE = 4


def verdicts(codec: str, packets: list[Packet], rate: float, size: tuple[int, int] = (320, 240)) -> list[bool]:
    watch = FreezeWatch(StreamInfo(codec, *size))
    return [watch.frozen(packet, number / rate) for number, packet in enumerate(packets)]


def video(pictures: list["clips.Picture"], seconds: int, gop: int = 2 * RATE) -> list[Packet]:
    """So many seconds of `pictures` in a loop, encoded as one stream."""
    looped = [pictures[number % len(pictures)] for number in range(seconds * RATE)]
    return [Packet(bytes(p), p.is_keyframe, 0.0) for p in clips.encode(looped, gop=gop)]


def test_a_frozen_encoder_is_noticed_after_a_minute() -> None:
    found = verdicts("h264", video([clips.drawn(1)], 75), RATE)
    assert not any(found[: 60 * RATE]) and found[-1]


def test_a_quiet_night_is_not_frozen() -> None:
    """Nothing moves but the sensor's noise, be it as little as one step of brightness here and there."""
    chance = np.random.default_rng(3)
    dark = (clips.drawn(1) // 8).astype(np.uint8)
    night = [cv2.add(dark, (chance.random(dark.shape) < 0.02).astype(np.uint8)) for _ in range(97)]
    assert not any(verdicts("h264", video(night, 75), RATE))


@pytest.mark.parametrize("colour", [(0, 0, 0), (16, 16, 16), (255, 255, 255)])
def test_pitch_dark_is_not_frozen(colour: tuple[int, int, int]) -> None:
    plain = clips.flat(colour, 640, 360)
    assert not any(verdicts("h264", video([plain], 75), RATE, (640, 360)))
    jpeg = cv2.imencode(".jpg", plain)[1].tobytes()
    assert not any(verdicts("mjpeg", [Packet(jpeg, True, 0.0)] * 800, 10, (640, 360)))


def test_a_short_film_in_a_loop_is_not_frozen() -> None:
    loop = video([clips.drawn(number) for number in range(2 * RATE)], 2)
    assert not any(verdicts("h264", loop * 40, RATE))


def test_equal_jpegs_are_frozen_and_almost_equal_ones_not() -> None:
    same = Packet(clips.jpeg(1), True, 0.0)
    assert verdicts("mjpeg", [same] * 700, 10)[-1]
    chance = random.Random(1)
    noisy = []
    for _ in range(50):
        picture = clips.drawn(1)
        picture[chance.randrange(240), chance.randrange(320)] ^= 255
        noisy.append(Packet(cv2.imencode(".jpg", picture)[1].tobytes(), True, 0.0))
    assert not any(verdicts("mjpeg", noisy * 14, 10))


def test_a_picture_asked_for_every_twenty_seconds_needs_more_than_a_minute() -> None:
    same = [Packet(clips.jpeg(1), True, 0.0)] * 12
    found = verdicts("mjpeg", same, 0.05)
    assert not any(found[:9]) and found[-1]
