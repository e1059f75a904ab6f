"""The detector on real clips with known events, as the camera process sees them. benchmarks/motion.py measures more."""

import argparse
import json
from typing import Any

import pytest

from benchmarks.motion import judge, run
from tests.conftest import shared_file

OPTIONS = argparse.Namespace(method="background", sensitivity=50, min_area=0.15)


def judged(name: str) -> dict[str, Any]:
    label = json.loads(shared_file("data/motion/labels.json").read_text())[name]
    return judge(run(shared_file(f"data/motion/{label['file']}"), label, OPTIONS), label)


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("parkinglot_walk", 1),
        ("intel_car", 3),
        pytest.param("cdnet_office", 1, marks=pytest.mark.slow),
        pytest.param("shopdoor_cctv", 3, marks=pytest.mark.slow),
        pytest.param("dvrscan_traffic_camera", 3, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_every_event_of_a_clip_is_found(name: str, events: int) -> None:
    told = judged(name)
    assert (told["found"], told["labelled"]) == (events, events)
    assert told["precision"] >= 0.9


@pytest.mark.parametrize(
    "name",
    [
        "dvrscan_brightness_change",
        "wallflower_wavingtrees",
        pytest.param("night_ir_hevc_tail", marks=pytest.mark.slow),
    ],
)
def test_light_trees_and_insects_are_no_event(name: str) -> None:
    assert judged(name)["spans"] == []
