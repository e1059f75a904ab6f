"""The real processes while somebody rings: the still, ten seconds from before, and whatever of them dies meanwhile."""

import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from camera.video.integrity import sha256_of
from tests.engine_house import plays
from tests.house import BASE, RealHouse, wait_for
from tests.peers import clips
from tests.peers.onvif_camera import OnvifCamera

pytestmark = pytest.mark.processes
KEY = re.compile(r"fwc_[\w-]{43}")


class DoorHouse(RealHouse):
    """A house with a camera at the door."""

    key = ""

    def rows(self, table: str, words: str = "", *values: Any) -> list[dict[str, Any]]:
        database = sqlite3.connect(f"file:{self.folder}/db.sqlite3?mode=ro", uri=True, timeout=20)
        database.row_factory = sqlite3.Row
        try:
            found = database.execute(f"SELECT * FROM {table} {words} ORDER BY id", values).fetchall()
        finally:
            database.close()
        return [dict(row) for row in found]

    def rings(self) -> list[dict[str, Any]]:
        return self.rows("camera_event", "WHERE kind='ring'")

    def add_door(self, source: str, *more: str) -> None:
        self.furnish()
        run = subprocess.run(
            [sys.executable, "manage.py", "addcamera", "Door", source, "--doorbell", *more],
            cwd=BASE, env=self.environment, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert run.stdout == "door\n"
        (self.key,) = KEY.findall(run.stderr)

    def ring(self, path: str = "ring", **headers: str) -> tuple[int, dict[str, Any]]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            client.request("POST", f"/api/v1/cameras/door/{path}", headers={"X-Camera-Auth": self.key} | named)
            reply = client.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            client.close()

    def until_rung(self, **headers: str) -> dict[str, Any]:
        """Ring again and again, as a program at the door does."""

        def rung() -> dict[str, Any] | None:
            try:
                status, answer = self.ring(**headers)
            except (OSError, http.client.HTTPException):
                return None
            return answer if status == 202 else None

        return dict(wait_for(rung, 40, "a ring that is taken"))  # type: ignore[call-overload]

    def online_for(self, seconds: float) -> None:
        """The camera gives pictures, and has for so long."""
        self.until_state("online")
        time.sleep(seconds)

    def until_state(self, state: str) -> None:
        wait_for(lambda: self.rows("camera_camera")[0]["state"] == state, 30, f"the camera to be {state}")

    def ring_row(self, condition: Any, what: str, seconds: float = 40) -> dict[str, Any]:
        wait_for(lambda: self.rings() and condition(self.rings()[-1]), seconds, what)
        return self.rings()[-1]

    def picture(self, row: dict[str, Any]) -> bytes:
        return (self.folder / "media" / row["image"]).read_bytes()


def at(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[DoorHouse]:
    house = DoorHouse(tmp_path)
    yield house
    house.stop()


@pytest.mark.parametrize("source", ["pattern:", "file:door.mp4"])
def test_a_ring_has_its_picture_and_the_ten_seconds_before(house: DoorHouse, source: str) -> None:
    (house.folder / "files").mkdir(parents=True)
    clips.movie(house.folder / "files" / "door.mp4", frames=60, gop=15)
    house.add_door(source)
    house.start()
    house.online_for(13)
    began = time.time()
    status, answer = house.ring(X_Event_Id="one")
    took = time.time() - began
    assert (status, answer["new"]) == (202, True)
    row = house.ring_row(lambda row: row["image"], "the picture", 10)
    print(f"{source} rung in {took:.3f} s, picture after {time.time() - began:.3f} s")
    assert clips.decoded(house.picture(row)).shape[1] >= 320
    time.sleep(5)
    second = time.time()
    for _ in range(2):
        again = house.ring()[1]
        assert (again["event"], again["new"], again["known"]) == (answer["event"], False, False)
    row = house.ring_row(lambda row: row["ended_at"], "its end", 60)
    assert (len(house.rings()), row["label"]) == (1, "pressed 3 times")
    assert abs(at(row["started_at"]) - began) < 3 and abs(at(row["ended_at"]) - second) < 3
    wait_for(lambda: [one["state"] for one in house.rows("camera_recording")] == ["closed"], 30, "the recording")
    (film,) = house.rows("camera_recording")
    assert (film["trigger"], json.loads(film["reasons"]), film["id"]) == ("ring", ["ring"], row["recording_id"])
    assert 9.5 <= began - at(film["started_at"]) <= 13.5
    assert at(film["ended_at"]) >= second + 19
    path = house.folder / "media" / film["file"]
    assert sha256_of(path) == film["sha256"] and abs(plays(path) - film["seconds"]) < 1.5
    assert house.manage("checkmedia") is not None


def test_a_camera_process_that_dies_while_somebody_rings(house: DoorHouse) -> None:
    house.add_door("pattern:")
    house.start()
    house.online_for(3)
    assert house.ring(X_Event_Id="one")[0] == 202
    os.kill(house.pids("camera.process")[0], signal.SIGKILL)
    row = house.ring_row(lambda row: row["image"] and row["recording_id"], "picture and recording")
    assert house.picture(row)[:2] == b"\xff\xd8"
    house.ring_row(lambda row: row["ended_at"], "its end", 60)

    def all_ended() -> bool:
        states = {one["state"] for one in house.rows("camera_recording")}
        return bool(states) and states <= {"closed", "interrupted"}

    wait_for(all_ended, 30, "the recordings")
    films = house.rows("camera_recording")
    assert "ring" in json.loads(films[-1]["reasons"]) and len(house.rings()) == 1
    assert at(films[-1]["ended_at"]) >= at(row["started_at"]) + 19, "it is recorded to the end of the ring"


def test_whatever_dies_a_ring_is_told_once(house: DoorHouse) -> None:
    house.add_door("pattern:")
    house.start()
    house.online_for(0)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: house.ring(X_Event_Id="one"), range(20)))
    assert [status for status, _ in answers] == [202] * 20
    assert sum(answer["new"] for _, answer in answers) == 1 and sum(answer["known"] for _, answer in answers) == 19
    event = answers[0][1]["event"]
    for number, victim in enumerate(("engine", "web")):
        name = f"press {number}"
        with ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(house.until_rung, X_Event_Id=name) for _ in range(3)]
            os.kill(house.pids(victim)[0], signal.SIGKILL)
            told = [one.result() for one in waiting]
        assert len({one["event"] for one in told}) == 1, "sent again it is the same press"
        wait_for(house.healthy, 40, "the house to be well again")
    presses = house.rows("camera_ringpress")
    assert [one["sender_id"] for one in presses] == ["one", "press 0", "press 1"]
    last = house.ring_row(lambda row: all(one["ended_at"] for one in house.rings()), "the end of every ring", 60)
    ends = {one["event_id"]: at(one["at"]) for one in presses}
    assert abs(at(last["ended_at"]) - ends[last["id"]]) < 0.001, "the engine that came after it has ended it"
    assert presses[0]["event_id"] == event


def test_a_camera_that_is_away_rings_without_a_picture(house: DoorHouse) -> None:
    house.add_door("rtsp://127.0.0.1:9/door", "--record", "off")
    house.start()
    house.until_state("offline")
    pressed = time.time() - 30
    assert house.ring(X_Captured_At=str(pressed), X_Event_Id="earlier")[1]["new"]
    row = house.ring_row(lambda row: row["ended_at"], "the ring of before", 10)
    assert at(row["started_at"]) == at(row["ended_at"]) == pytest.approx(pressed, abs=0.01)
    assert house.ring()[1]["new"], "that was another ring"
    row = house.ring_row(lambda row: row["ended_at"], "its end", 60)
    assert (len(house.rings()), row["image"], row["recording_id"]) == (2, "", None)
    assert not house.rows("camera_recording")


def test_a_camera_s_own_button_rings(house: DoorHouse) -> None:
    with OnvifCamera(host="127.0.0.2") as camera:
        camera.topics.append("tns1:RuleEngine/MyRuleDetector/Visitor")
        house.arrange(("adduser", "alice", "--role", "owner"), ADDUSER_PASSWORD="correct horse battery")
        house.start()
        words = ["--username", camera.username, "--password", camera.password, "--record", "off"]
        assert house.manage("addcamera", "Door", camera.address, *words) == "door"
        wait_for(lambda: "doorbell" in json.loads(house.rows("camera_camera")[0]["abilities"]), 40, "what it can do")
        wait_for(lambda: camera.subscriptions, 40, "its ear")
        began = time.time()
        for on in (True, False):
            camera.tell(on, "RuleEngine/MyRuleDetector/Visitor", "State")
        row = house.ring_row(lambda row: True, "the ring", 20)
        assert abs(at(row["started_at"]) - began) < 5
        (press,) = house.rows("camera_ringpress")
        assert (press["way"], press["event_id"], len(house.rings())) == ("camera", row["id"], 1)
