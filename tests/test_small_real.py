"""Small pictures of real camera processes, over a real bus."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from camera import bus
from camera.packets import SourceConfig
from camera.process.small import GLANCE_EVERY
from camera.sources import pattern
from tests.peers import clips
from tests.peers.hub import Hub, Picture
from tests.test_push_process import PUSH, Sender, start

pytestmark = pytest.mark.slow


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "footage").mkdir()
    made = Hub(tmp_path)
    yield made
    made.close()


def watch(hub: Hub, kind: str) -> list[Picture]:
    """What comes of that kind from now on."""
    socket = bus.connect(hub.context, zmq.SUB, hub.ends.media_out, 100)
    socket.subscribe(bus.topic(kind, 7))
    hub.unwatch()
    hub.viewers[7], hub.pictures[7] = socket, []
    return hub.pictures[7]


def test_a_glance_at_the_demo_camera(hub: Hub) -> None:
    """A picture at once, few while nobody walks, each one while somebody does; and the state says so."""
    began = time.time()
    hub.start(SourceConfig("pattern"))
    hub.wait_state("online")
    pictures = watch(hub, bus.GLANCE)
    asked = time.time()
    first = hub.wait_pictures(1, seconds=3)[0]
    assert first.came_at - asked < 1 and first.came_at - first.header["t"] < 0.5
    assert (first.header["w"], first.header["h"], first.header["every"]) == (640, 360, GLANCE_EVERY)
    assert clips.decoded(first.data).shape == (360, 640, 3)
    hub.wait(lambda: hub.state().moving, pattern.FIRST + 5, "somebody to walk")
    calm = [picture for picture in pictures if picture.header["t"] < began + pattern.FIRST]
    assert len(calm) <= pattern.FIRST / (GLANCE_EVERY - 0.3) + 1, len(calm)
    moving = hub.wait_pictures(12)
    steps = [later.header["t"] - one.header["t"] for one, later in itertools.pairwise(moving)]
    assert sorted(steps)[6] < 1.5 / pattern.FPS


def test_coded_pictures_of_a_film_are_reduced(hub: Hub, tmp_path: Path) -> None:
    clips.movie(tmp_path / "film.mp4", frames=90, gop=15, size=(1280, 720))
    hub.start(SourceConfig("file", "film.mp4", files_root=str(tmp_path)))
    hub.wait_state("online")
    for kind in (bus.GLANCE, bus.SMALL):
        watch(hub, kind)
        pictures = hub.wait_pictures(3)
        assert {(one.header["w"], one.header["h"]) for one in pictures} == {(640, 360)}
        assert clips.decoded(pictures[-1].data).shape == (360, 640, 3)
    assert hub.state().width == 1280, "the camera's own size"


def test_pictures_that_are_pushed_are_reduced(hub: Hub) -> None:
    start(hub, source=PUSH)
    sender = Sender(hub)
    sender.push(clips.jpeg(1, 1280, 720), time.time())
    hub.wait_state("online")
    pictures = watch(hub, bus.GLANCE)
    hub.wait(lambda: pictures, 3, "the newest, though it was there before")
    assert (pictures[0].header["w"], pictures[0].header["h"]) == (640, 360)
    small = clips.jpeg(2)
    pictures = watch(hub, bus.SMALL)
    hub.wait(lambda: pictures, 3, "the newest of this kind")
    sender.push(small, time.time())
    hub.wait(lambda: pictures[-1].data == small, 3, "one that is small, untouched")
