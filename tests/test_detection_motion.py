"""The motion detectors on drawn scenes: who moves is found and where; light, noise and specks are not."""

import numpy as np
import pytest

from camera.detectors.motion import LEARN_LOOKS, Detector, detector
from camera.detectors.shapes import MOST_BOXES, merged
from camera.orders import Finding
from tests.motion_scenes import EVERY, HEIGHT, WIDTH, Grey, Yard

METHODS = ["background", "difference"]


class Look:
    """A detector and the time."""

    def __init__(self, made: Detector) -> None:
        self.made, self.now = made, 1000.0

    def __call__(self, grey: Grey) -> Finding:
        self.now += EVERY
        return self.made.look(grey, self.now)

    def learn(self, yard: Yard, looks: int = 25) -> None:
        for _ in range(looks):
            assert not self(yard.picture()).boxes


@pytest.fixture(params=METHODS)
def look(request: pytest.FixtureRequest) -> Look:
    return Look(detector(request.param))


@pytest.fixture
def background() -> Look:
    return Look(detector("background"))


def walk(look: Look, yard: Yard, steps: int = 12) -> list[Finding]:
    return [look(yard.picture(30 + 14 * step)) for step in range(steps)]


def test_who_walks_is_found_and_where(look: Look) -> None:
    yard = Yard()
    look.learn(yard)
    found = walk(look, yard)
    assert sum(bool(finding.boxes) for finding in found) >= 11
    x, y, width, height = found[-1].boxes[0]
    assert x - 0.08 <= (30 + 14 * 11) / WIDTH <= x + width and abs(y - 90 / HEIGHT) < 0.06
    assert abs(height - 60 / HEIGHT) < 0.08 and 0 < found[-1].score < 1


def test_the_first_seconds_only_teach(look: Look) -> None:
    yard = Yard()
    assert not any(finding.boxes for finding in walk(look, yard, LEARN_LOOKS))


def test_a_camera_of_one_picture_in_two_seconds_teaches_no_longer_than_it_must() -> None:
    slow, yard = detector("background"), Yard()
    for second in range(0, 12, 2):
        assert not slow.look(yard.picture(), second).boxes
    assert slow.look(yard.picture(100), 12.0).boxes


@pytest.mark.parametrize("noise", [1.0, 4.0])
def test_noise_is_nothing(look: Look, noise: float) -> None:
    look.learn(Yard(noise=noise), 100)


@pytest.mark.parametrize("light", [0.35, 0.6, 0.85, 1.15, 1.4])
def test_light_that_changes_at_once_is_nothing_and_who_comes_then_is_found(look: Look, light: float) -> None:
    yard = Yard()
    look.learn(yard)
    yard.light = light
    look.learn(yard, 60)
    assert sum(bool(finding.boxes) for finding in walk(look, yard)) >= 10


@pytest.mark.parametrize("lamp", [0.4, 1.5])
def test_a_lamp_that_lights_one_side_is_nothing(background: Look, lamp: float) -> None:
    yard = Yard()
    background.learn(yard)
    yard.lamp = lamp
    background.learn(yard, 40)
    yard.lamp = 0
    background.learn(yard, 40)
    assert sum(bool(finding.boxes) for finding in walk(background, yard)) >= 10


@pytest.mark.parametrize(("ratio", "is_found"), [(1.08, False), (0.93, False), (1.3, True), (0.75, True)])
def test_a_plain_patch_a_little_brighter_is_sun_and_a_plain_thing_is_somebody(
    background: Look, ratio: float, is_found: bool
) -> None:
    """Nothing on a pavement tells whether it is the same one: only how much it differs."""
    yard = Yard(contrast=0.0)
    background.learn(yard)
    found = []
    for step in range(8):
        picture = yard.picture()
        part = picture[60:110, 100 + 10 * step : 150 + 10 * step]
        part[:] = np.clip(part * ratio, 0, 255)
        found.append(bool(background(picture).boxes))
    assert found == [is_found] * 8


def test_another_scene_at_once_is_nothing_and_is_learnt_soon(background: Look) -> None:
    yard, other = Yard(), Yard()
    other._ground = np.ascontiguousarray(other._ground[::-1, ::-1])
    background.learn(yard)
    background.learn(other, 60)
    assert sum(bool(finding.boxes) for finding in walk(background, other)) >= 10


@pytest.mark.slow
def test_dusk_is_nothing_and_who_comes_at_night_is_found(look: Look) -> None:
    yard = Yard()
    look.learn(yard)
    for step in range(600):
        yard.light = 1 - 0.75 * step / 600
        assert not look(yard.picture()).boxes, step
    assert sum(bool(finding.boxes) for finding in walk(look, yard)) >= 10


def test_who_comes_while_the_exposure_swings_is_found(background: Look) -> None:
    yard = Yard()
    background.learn(yard)
    found = []
    for step in range(14):
        yard.light = 1 - 0.04 * min(step, 10)
        found.append(background(yard.picture(20 + 16 * step, 60, 70, 90)))
    assert sum(bool(finding.boxes) for finding in found) >= 13
    assert all(len(finding.boxes) <= 3 for finding in found), "the rest of the picture is no motion"


def test_specks_all_over_are_nothing(look: Look) -> None:
    yard, random = Yard(), np.random.default_rng(9)
    look.learn(yard)
    for _ in range(60):
        picture = yard.picture()
        for x, y in random.integers(0, (WIDTH - 4, HEIGHT - 4), (12, 2)):
            picture[y : y + 3, x : x + 3] = 255
        assert not look(picture).boxes


def test_what_is_smaller_than_wanted_is_nothing() -> None:
    for percent, is_found in ((0.1, True), (1.0, False)):
        look, yard = Look(detector("background", 50, percent)), Yard()
        look.learn(yard)
        found = [look(yard.picture(40 + 14 * step, 100, 14, 14)) for step in range(8)]
        assert all(bool(finding.boxes) is is_found for finding in found), percent


def test_sensitivity_decides_on_who_hardly_stands_out() -> None:
    hits = []
    for sensitivity in (10, 90):
        look, yard = Look(detector("background", sensitivity)), Yard(contrast=0.1)
        look.learn(yard)
        found = [look(yard.picture(40 + 14 * step, tone=8)) for step in range(10)]
        hits.append(sum(bool(finding.boxes) for finding in found))
    assert hits[0] == 0 and hits[1] >= 9, hits


def test_who_stands_is_found_for_a_while_and_leaves_no_ghost(background: Look) -> None:
    yard = Yard()
    background.learn(yard, 200)
    walk(background, yard)
    standing = [bool(background(yard.picture(200)).boxes) for _ in range(100)]
    assert sum(standing[:40]) == 40
    gone = [bool(background(yard.picture()).boxes) for _ in range(20)]
    assert not any(gone)


def test_another_size_starts_anew(look: Look) -> None:
    yard = Yard()
    look.learn(yard)
    small = [np.ascontiguousarray(yard.picture(30 + 14 * step)[::2, ::2]) for step in range(10)]
    assert not any(look(picture).boxes for picture in small)


def test_after_a_long_hole_the_scene_is_learnt_anew(look: Look) -> None:
    yard = Yard()
    look.learn(yard)
    look.now += 3600
    assert not any(finding.boxes for finding in walk(look, yard))


def test_a_larger_and_whole_one_scores_higher(background: Look) -> None:
    yard = Yard()
    background.learn(yard)
    coming, small, large = (
        background(yard.picture(*place)).score for place in ((-12, 90, 24, 60), (140, 90, 24, 60), (120, 60, 60, 100))
    )
    assert 0 < coming < small < large <= 1


def test_boxes_that_touch_become_one() -> None:
    assert merged([(0, 0, 10, 10), (50, 50, 5, 5), (12, 0, 10, 10), (24, 4, 4, 4)], 3) == [
        (0, 0, 28, 10),
        (50, 50, 5, 5),
    ]


def test_there_are_never_more_boxes_than_a_report_may_hold(background: Look) -> None:
    yard = Yard()
    background.learn(yard)
    picture = yard.picture()
    for x in range(10, 300, 40):
        for y in range(10, 160, 40):
            picture[y : y + 14, x : x + 14] = 255 if (x + y) // 40 % 2 else 0
    boxes = background(picture).boxes
    assert len(boxes) == MOST_BOXES and all(0 <= value <= 1 for box in boxes for value in box)
