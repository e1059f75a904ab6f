"""What counts as motion for small tiles: on real clips with known events, and on the demo camera."""

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from camera.detectors.change import FORGET_AFTER, Change
from camera.packets import SourceConfig
from camera.process.small import COMPARE_EVERY, HOLD
from camera.sources import Request, pattern
from camera.video.grey import Grey, GreyMaker, from_jpeg
from tests.conftest import shared_file
from tests.motion_scenes import Yard

# Key frames of a usual camera. Seconds.
KEY_DISTANCE = 2.0
# Looks at nothing that make a share.
FEWEST = 10
Look = tuple[float, Grey]


def looks(path: Path, label: dict[str, Any], every: float) -> Iterator[Look]:
    """(seconds, small grey picture), where the labels count."""
    make, due = GreyMaker(), 0.0
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            assert isinstance(frame, av.VideoFrame)
            at = number / label["fps"]
            if at + 1e-6 < due:
                continue
            due, grey = at + every, make(frame)
            by = grey.shape[1] / frame.width
            x, y, width, height = (round(one * by) for one in label.get("roi_xywh", (0, 0, 10**6, 10**6)))
            yield at, grey[y : y + height, x : x + width].copy()


def judged(name: str, every: float) -> tuple[float, float]:
    """Of the looks while something moves, and of those while nothing does, the shares taken for motion: NaN where
    there are too few to tell."""
    label = json.loads(shared_file("data/motion/labels.json").read_text())[name]
    change, until = Change(), -math.inf
    told: dict[bool, list[bool]] = {True: [], False: []}
    events = [(first / label["fps"], last / label["fps"]) for first, last in label["events"]]
    ignored = [(first / label["fps"], last / label["fps"]) for first, last in label.get("ignore", [])]
    low, high = (one / label["fps"] for one in label["valid_range"])
    for at, grey in looks(shared_file(f"data/motion/{label['file']}"), label, every):
        if change.look(grey, at):
            until = at + HOLD
        if not low <= at <= high or any(first <= at <= last for first, last in ignored):
            continue
        if any(first <= at <= last for first, last in events):
            told[True].append(at < until)
        elif not any(first - 0.5 <= at <= last + HOLD + max(0.5, every) for first, last in events):
            told[False].append(at < until)
    moving, quiet = told[True], told[False]
    return (
        sum(moving) / len(moving) if moving else math.nan,
        sum(quiet) / len(quiet) if len(quiet) >= FEWEST else math.nan,
    )


@pytest.mark.parametrize("every", [COMPARE_EVERY, KEY_DISTANCE])
@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("parkinglot_walk", 0.95, 0.0),
        ("intel_car", 0.75, 0.1),
        pytest.param("cdnet_office", 0.9, 0.0, marks=pytest.mark.slow),
        pytest.param("cdnet_highway", 0.95, math.nan, marks=pytest.mark.slow),
        pytest.param("shopdoor_cctv", 0.95, 0.1, marks=pytest.mark.slow),
        pytest.param("dvrscan_traffic_camera", 0.5, 0.0, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_motion_of_real_clips_is_seen(name: str, least: float, most: float, every: float) -> None:
    moving, quiet = judged(name, every)
    assert moving >= least
    assert not quiet > most


@pytest.mark.parametrize(
    ("name", "most"),
    [("dvrscan_brightness_change", 0.35), pytest.param("night_ir_hevc_tail", 0.15, marks=pytest.mark.slow)],
)
def test_light_and_insects_are_rarely_motion(name: str, most: float) -> None:
    assert judged(name, COMPARE_EVERY)[1] <= most


def test_the_demo_cameras_clock_is_no_motion_and_its_walker_is() -> None:
    source = pattern.PatternSource(Request(SourceConfig("pattern"), threading.Event()))
    change, moves = Change(), []
    for look in range(round((pattern.FIRST + pattern.WALK + 3) / COMPARE_EVERY)):
        seconds = look * COMPARE_EVERY
        grey = from_jpeg(source.picture(1_800_000_000.0 + seconds, seconds))
        assert grey is not None
        if change.look(grey, seconds):
            moves.append(seconds)
    first, last = pattern.FIRST, pattern.FIRST + pattern.WALK
    assert moves and first < moves[0] <= first + 1.5 and last - 1.5 <= moves[-1] <= last + COMPARE_EVERY
    assert len(moves) >= 0.8 * (moves[-1] - moves[0]) / COMPARE_EVERY


def test_the_noise_of_a_dark_night_is_no_motion_and_somebody_in_it_is() -> None:
    yard = Yard(noise=7, light=0.5)
    change = Change()
    assert not any(change.look(yard.picture(), look * COMPARE_EVERY) for look in range(40))
    assert [change.look(yard.picture(60 + 12 * step), 20 + step * COMPARE_EVERY) for step in range(5)].count(True) >= 4


def test_of_a_scene_seen_long_ago_nothing_is_known() -> None:
    yard, change = Yard(), Change()
    assert not change.look(yard.picture(), 0.0) and not change.look(yard.picture(100), FORGET_AFTER + 1)
    assert change.look(yard.picture(200), FORGET_AFTER + 2)
    assert not change.look(yard.picture(20)[:90], FORGET_AFTER + 3), "another size"


def test_another_view_at_once_is_the_camera_and_not_somebody() -> None:
    yard, change = Yard(contrast=2.0), Change()
    assert not change.look(yard.picture(), 0.0)
    assert not change.look(yard.picture()[:, ::-1].copy(), 0.5) and change.look(yard.picture(100)[:, ::-1].copy(), 1.0)
