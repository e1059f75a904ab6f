"""The slot where the newest picture wins, without any transport."""

import asyncio
import struct
import time

import pytest

from camera.live.feed import Bell, Feed, Pace, Picture
from camera.packets import Frame


def test_a_part_is_built_once_and_says_when_the_picture_was_taken() -> None:
    picture = Picture(Frame(b"JPEGBYTES", 1700000000.1234567))
    head, body = picture.part().split(b"\r\n\r\n")
    assert head.split(b"\r\n") == [b"Content-Type: image/jpeg", b"Content-Length: 9", b"X-Timestamp: 1700000000.123457"]
    assert body == b"JPEGBYTES\r\n--frame\r\n"
    assert picture.part() is picture.part()


def test_a_message_is_channel_kind_time_and_picture() -> None:
    picture = Picture(Frame(b"JPEGBYTES", 12.5))
    assert picture.message(7) == struct.pack(">BBd", 7, 3, 12.5) + b"JPEGBYTES"
    assert picture.message(7) is picture.message(7)
    assert picture.message(8) != picture.message(7)


def test_the_newest_picture_wins_and_every_viewer_is_woken() -> None:
    async def scene() -> None:
        feed, bells = Feed(1), [Bell(), Bell()]
        for bell in bells:
            feed.add(bell)
        for n in range(5):
            feed.put(Frame(b"x", float(n)))
        for bell in bells:
            await asyncio.wait_for(bell.wait(60), 1)
        assert feed.newest is not None and feed.newest.frame.captured_at == 4.0
        # Both have been woken for all five; nothing is waiting for them any more.
        started = time.monotonic()
        await bells[0].wait(0.05)
        assert time.monotonic() - started >= 0.04

    asyncio.run(scene())


def test_a_feed_knows_since_when_nobody_listens() -> None:
    feed, bell = Feed(1), Bell()
    with feed.listening(bell):
        assert feed.idle_since is None and feed.viewers == 1
    assert feed.viewers == 0 and feed.idle_since is not None


def test_a_bell_wakes_whoever_waits_at_once() -> None:
    async def scene() -> None:
        bell = Bell()
        waiting = asyncio.create_task(bell.wait(60))
        await asyncio.sleep(0)
        bell.ring()
        await asyncio.wait_for(waiting, 1)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("camera_fps", "limit", "expected"), [(30, 15, 15), (20, 15, 15), (10, 15, 10), (60, 1, 1), (15, 15, 15)]
)
def test_a_viewer_gets_the_limit_by_skipping(camera_fps: float, limit: float, expected: float) -> None:
    pace, seconds = Pace(), 20
    # Pictures come a little early and late by turns.
    times = [n / camera_fps + (0.004 if n % 2 else 0) for n in range(int(camera_fps * seconds))]
    passed = sum(pace.ready(100 + at, limit) for at in times)
    assert passed == pytest.approx(expected * seconds, rel=0.06, abs=1)


def test_a_viewer_that_was_away_gets_no_burst() -> None:
    pace = Pace()
    assert pace.ready(0.0, 10)
    assert [pace.ready(60 + n * 0.001, 10) for n in range(5)] == [True, False, False, False, False]


def test_a_picture_held_back_goes_out_when_no_newer_one_comes() -> None:
    pace = Pace()
    assert [pace.ready(100.0 + n * 0.03, 10) for n in range(3)] == [True, True, False]
    left = pace.patience(100.06, 10)
    assert 0.05 < left < 0.2
    assert pace.ready(100.06 + left, 10)
