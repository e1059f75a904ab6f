"""The demo scene."""

import itertools
import threading

import numpy as np
import pytest

from camera.detectors.motion import detector
from camera.packets import SourceConfig
from camera.sources import Request, open_source
from camera.sources.pattern import EVERY, FIRST, FPS, WALK, PatternSource, walker_at
from camera.video import clockbar, scene
from camera.video.grey import from_jpeg
from tests.peers import clips

pytestmark = pytest.mark.slow

NOON = 1_800_000_000.0


def source() -> PatternSource:
    return PatternSource(Request(SourceConfig("pattern"), threading.Event()))


def test_it_sends_jpegs_at_its_rate() -> None:
    stop = threading.Event()
    made = open_source(SourceConfig("pattern"), stop)
    packets = list(itertools.islice(made, 4))
    assert (made.info.codec, made.info.width, made.info.height) == ("mjpeg", 960, 540)
    assert clips.decoded(packets[0].data).shape == (540, 960, 3)
    assert packets[3].captured_at - packets[0].captured_at > 2 / FPS
    made.close()


def test_somebody_walks_through_now_and_then() -> None:
    seen = [walker_at(tenth / 10) is not None for tenth in range(int(EVERY * 30))]
    walks = [len(list(group)) for there, group in itertools.groupby(seen) if there]
    assert len(walks) == 3 and all(abs(walk / 10 - WALK) < 0.2 for walk in walks)
    assert abs(seen.index(True) / 10 - FIRST) < 0.2


def test_the_clock_moves_and_so_does_the_walker() -> None:
    camera = source()
    still, later = (clips.decoded(camera.picture(NOON + second, 0)) for second in (0, 1))
    left, top, right, bottom = scene.CLOCK_BOX
    changed = np.abs(still.astype(int) - later).max(axis=2) > 40
    assert changed[top:bottom, left:right].any()
    changed[top:bottom, left:right] = False
    assert not changed.any(), "with nobody there only the clock changes"
    walking = clips.decoded(camera.picture(NOON + 1, FIRST + WALK / 2))
    there = np.abs(walking.astype(int) - later).max(axis=2) > 40
    assert there.sum() > 3000 and not there[: scene.WALKER_TOP].any()


def test_only_the_bar_is_encoded_while_nothing_changes() -> None:
    camera = source()
    first, soon, later = (camera.picture(NOON + seconds, seconds) for seconds in (0, 0.9, 1.0))
    row = clockbar.last_row(first)
    assert soon[:row] == first[:row] and soon[row:] != first[row:]
    assert later[:row] != first[:row]


def test_every_picture_tells_its_capture_time() -> None:
    camera = source()
    for tenth in range(150):
        at = NOON + tenth / 9.7
        picture = clips.decoded(camera.picture(at, tenth / 10))
        assert clockbar.read(picture) == pytest.approx(at, abs=0.00051), "also while somebody walks by"


@pytest.mark.parametrize("method", ["background", "difference"])
def test_motion_detection_sees_the_walker_and_never_the_bar(method: str) -> None:
    """At the highest sensitivity; the looks fall at odd times, so that every bit of the bar changes."""
    camera, look = source(), detector(method, 100)
    moving = []
    for step in range(360):
        at = step * 0.2 + step * 0.0137 % 0.1
        grey = from_jpeg(camera.picture(NOON + at, at))
        assert grey is not None
        if look.look(grey, NOON + at).boxes:
            moving.append(at)
    assert len(moving) > 40
    assert not [at for at in moving if not FIRST <= at % EVERY < FIRST + WALK + 0.5]
