"""Several tiles on one line that takes less than all of them bring: each has its turn."""

import pytest

from camera.live.feed import Bell, Feed
from camera.packets import Frame
from main.actors import Login
from main.live_forms import TileWish
from main.live_sending import LiveSending
from main.presence import Row, Watch
from main.watchers import Watchers
from tests.livesocket_stage import Stage

SIZE = 50_000


async def nothing(message: object) -> None:
    """Where nothing is to be told."""


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(monkeypatch)
    feeds: dict[int, Feed] = {}
    monkeypatch.setattr(stage.hub, "feed", lambda camera, kind: feeds.setdefault(camera, Feed(camera)))
    monkeypatch.setattr(stage.hub, "live", lambda feed: feed.newest)
    return stage


def opened(stage: Stage, cameras: range) -> LiveSending:
    """A socket whose tiles show these cameras, announced."""
    sending = LiveSending(stage.hub, Watchers(), stage.line, nothing, nothing)
    for camera in cameras:
        watch = Watch(Login(), Bell(), camera, row=Row(camera))
        sending.add(f"camera-{camera}", watch, TileWish(), manages=False)
    for tile in sending.tiles.values():
        tile.announced = True
    return sending


def picture(stage: Stage, camera: int) -> None:
    stage.hub.feed(camera, "jpeg").put(Frame(bytes(SIZE), 1.0))


def test_a_camera_with_many_pictures_does_not_keep_the_others_from_a_thin_line(stage: Stage) -> None:
    sending = opened(stage, range(4))
    for tick in range(600):  # 20 s
        stage.now += 1 / 30
        stage.take(4_000)  # a megabit a second: 48 pictures
        for camera in range(4):
            if tick % (2 if camera == 0 else 6) == 0:
                picture(stage, camera)
    sent = [tile.watch.row.bytes // SIZE for tile in sending.tiles.values() if tile.watch.row]
    assert sum(sent) >= 40 and max(sent) - min(sent) <= 2
