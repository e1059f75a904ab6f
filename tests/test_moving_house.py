"""A whole house with a camera that speaks ONVIF: added by its host, watched, looked at small, moved, and let go."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.house import wait_for
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.rtsp import gstreamer
from tests.test_processes_recording import RecordingHouse, alice_and

pytestmark = [pytest.mark.processes, pytest.mark.peers]
HOST = "127.0.0.2"


@pytest.fixture
def onvif() -> Iterator[OnvifCamera]:
    with ExitStack() as stack:
        streams = [
            stack.enter_context(gstreamer(address=HOST, pattern=pattern, width=width, height=height))
            for pattern, width, height in (("checkers-8", 1280, 720), ("ball", 320, 240))
        ]
        main, small = (stream.replace("127.0.0.1", HOST) for stream in streams)
        yield stack.enter_context(OnvifCamera(host=HOST, stream_uri=main, small_uri=small))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[RecordingHouse]:
    house = RecordingHouse(tmp_path)
    house.start()
    yield house
    house.stop()


def test_it_is_added_by_its_host_seen_moved_and_stopped_with_the_house(
    house: RecordingHouse, onvif: OnvifCamera
) -> None:
    login = ("--username", onvif.username, "--password", onvif.password)
    added = ("addcamera", "Yard", onvif.address, *login, "--record", "motion")
    slug, token = alice_and(house, added, ("addtoken", "alice", "tests"))[-2:]
    assert slug == "yard"

    def camera() -> dict[str, Any]:
        return house.api("cameras/yard", token)

    wait_for(lambda: camera()["state"] == "online", 20, "its pictures")
    assert (camera()["width"], camera()["height"]) == (1280, 720)
    # Only in the small stream does anything move.
    events: Any = wait_for(lambda: house.api("events?camera=yard&kind=motion", token)["items"], 20, "the ball")
    assert events[0]["boxes"]
    wait_for(lambda: "motion is looked for in the smaller stream" in house.log(), 5, "its word")

    house.post("cameras/yard/move", token, {"pan": 0})
    delays: list[float] = []
    for number in range(5):
        before = len(onvif.asked("ContinuousMove"))
        pressed = time.monotonic()
        house.post("cameras/yard/move", token, {"pan": 1 if number % 2 else -1, "seconds": 5})
        delays.append(onvif.asked("ContinuousMove")[before].at - pressed)
        house.post("cameras/yard/move", token, {"pan": 0})
    assert sorted(delays)[2] < 0.15, delays
    house.post("cameras/yard/move", token, {"tilt": 1, "seconds": 5})
    stops = len(onvif.asked("Stop"))
    house.stop()
    assert len(onvif.asked("Stop")) > stops and onvif.password not in house.log()
