"""The demo scene."""

import itertools
import threading

import numpy as np

from camera.packets import SourceConfig
from camera.sources import Request, open_source
from camera.sources.pattern import EVERY, FIRST, FPS, WALK, PatternSource, walker_at
from camera.video import scene
from tests.peers import clips

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


def test_nothing_is_encoded_while_nothing_changes() -> None:
    camera = source()
    first = camera.picture(NOON, 0)
    assert camera.picture(NOON + 0.9, 0.9) is first
    assert camera.picture(NOON + 1.0, 1.0) is not first
