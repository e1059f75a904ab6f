"""The clock that programs read from a picture."""

import cv2
import numpy as np
import pytest

from camera.video import clockbar

GROUND = (112, 116, 120)
AT = 1_800_000_000.123


def whole(at: float, width: int = 960, height: int = 540) -> clockbar.Picture:
    """A grey picture of the usual size with the bar, then made as large as asked for."""
    picture = np.full((540, 960, 3), 90, np.uint8)
    picture[-clockbar.ROWS :] = clockbar.draw(at, GROUND)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(picture: clockbar.Picture, restart: int = 0) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, 80, cv2.IMWRITE_JPEG_RST_INTERVAL, restart]
    return cv2.imencode(".jpg", picture, options)[1].tobytes()


def test_the_check_sum_is_the_usual_one() -> None:
    assert clockbar.check_sum(b"123456789") == 0xF4


@pytest.mark.parametrize("at", [0.001, AT, 1_795_278_123.999, 4_000_000_000.5])
def test_what_is_drawn_is_read(at: float) -> None:
    assert clockbar.read(whole(at)) == pytest.approx(at, abs=1e-6)


@pytest.mark.parametrize("size", [(1920, 1080), (640, 360), (480, 270), (320, 180), (963, 541)])
def test_it_is_read_from_any_size(size: tuple[int, int]) -> None:
    assert clockbar.read(whole(AT, *size)) == AT


def test_brightness_contrast_and_noise_do_no_harm() -> None:
    rng = np.random.default_rng(4)
    picture = whole(AT).astype(np.float32) * 0.8 + 30 + rng.normal(0, 2, (540, 960, 1))
    assert clockbar.read(np.clip(picture, 0, 255).astype(np.uint8)) == AT


def test_what_is_no_clock_is_not_read() -> None:
    assert clockbar.read(np.full((540, 960), 116, np.uint8)) is None
    assert clockbar.read(np.full((90, 160), 116, np.uint8)) is None
    wrong = whole(AT)
    wrong[-clockbar.ROWS :, 320:336] = wrong[-clockbar.ROWS :, 320:336][:, ::-1]
    assert clockbar.read(wrong) is None, "one bit turned round"


def test_the_bar_is_put_into_a_finished_jpeg_and_nothing_else_changes() -> None:
    rng = np.random.default_rng(4)
    picture = cv2.resize(rng.integers(0, 255, (54, 96, 3), np.uint8), (960, 540))
    made = jpeg(np.asarray(picture, np.uint8), restart=60)
    spliced = clockbar.splice(made, jpeg(clockbar.draw(AT, GROUND)))
    before, after = (cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in (made, spliced))
    assert before is not None and after is not None
    rows = 540 // 16 * 16
    assert (before[: rows - 2] == after[: rows - 2]).all()
    assert clockbar.read(np.asarray(after, np.uint8)) == AT and clockbar.read(np.asarray(before, np.uint8)) is None


def test_without_restart_markers_there_is_nothing_to_put_it_into() -> None:
    with pytest.raises(ValueError, match="restart"):
        clockbar.splice(jpeg(np.full((540, 960, 3), 90, np.uint8)), jpeg(clockbar.draw(AT, GROUND)))
