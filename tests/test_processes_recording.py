"""The real processes record: what was promised is there after a stop, a crash of a part and a crash of everything."""

import http.client
import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from camera.video.integrity import sha256_of
from tests.engine_house import plays
from tests.house import RealHouse, wait_for

pytestmark = pytest.mark.processes


class RecordingHouse(RealHouse):
    """A house whose rows and files the test looks at directly."""

    def rows(self, words: str = "", *values: Any) -> list[dict[str, Any]]:
        database = sqlite3.connect(f"file:{self.folder}/db.sqlite3?mode=ro", uri=True, timeout=20)
        database.row_factory = sqlite3.Row
        try:
            found = database.execute(f"SELECT * FROM camera_recording {words} ORDER BY id", values).fetchall()
        finally:
            database.close()
        return [dict(row) for row in found]

    def path(self, row: dict[str, Any]) -> Path:
        return self.folder / "media" / row["file"]

    def part(self, row: dict[str, Any]) -> Path:
        return self.folder / "media" / f"{row['file']}.part"

    def open_row(self, seconds: float = 15.0) -> dict[str, Any]:
        rows: Any = wait_for(lambda: [r for r in self.rows("WHERE state='open'") if self.part(r).exists()], seconds)
        return dict(rows[-1])

    def row(self, uid: str) -> dict[str, Any]:
        return self.rows("WHERE uid=?", uid)[0]

    def post(self, path: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        client.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
        reply = client.getresponse()
        answer = reply.read()
        client.close()
        assert reply.status == 200, answer
        return dict(json.loads(answer))

    def film_of(self, row: dict[str, Any], least: float = 0.5) -> None:
        """The row's file is what the row says, and plays."""
        path = self.path(row)
        assert path.exists() and not self.part(row).exists()
        assert (path.stat().st_size, sha256_of(path)) == (row["bytes"], row["sha256"])
        assert abs(plays(path) - row["seconds"]) < 0.5 and row["seconds"] > least


ALWAYS = ("addcamera", "Yard", "pattern:", "--record", "always")


def alice_and(house: RecordingHouse, *commands: tuple[str, ...]) -> list[str]:
    """An owner, and what else is to be done in the house; what the commands say, line by line."""
    alice = ("adduser", "alice", "--role", "owner")
    return house.arrange(alice, *commands, ADDUSER_PASSWORD="correct horse battery").splitlines()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[RecordingHouse]:
    house = RecordingHouse(tmp_path)
    house.start()
    yield house
    house.stop()


def kill(pid: int) -> float:
    """When it was killed, seconds since the epoch."""
    os.kill(pid, signal.SIGKILL)
    return time.time()


def ended_at(row: dict[str, Any]) -> float:
    return datetime.fromisoformat(f"{row['ended_at']}+00:00").timestamp()


def test_a_stop_closes_what_is_open(house: RecordingHouse) -> None:
    alice_and(house, ALWAYS)
    row = house.open_row()
    time.sleep(3)
    began = time.monotonic()
    house.stop()
    print(f"stopped in {time.monotonic() - began:.2f} s")
    row = house.row(row["uid"])
    assert (row["state"], row["trigger"], json.loads(row["reasons"])) == ("closed", "always", ["always"])
    house.film_of(row, 2.0)


def test_a_killed_camera_process_leaves_a_recording_that_plays(house: RecordingHouse) -> None:
    alice_and(house, ALWAYS)
    row = house.open_row()
    time.sleep(4)
    died = kill(house.pids("camera.process")[0])
    wait_for(lambda: house.row(row["uid"])["state"] != "open", 10, "its adoption")
    row = house.row(row["uid"])
    assert row["state"] == "interrupted" and row["detail"]
    house.film_of(row, 2.0)
    lost = died - ended_at(row)
    print(f"lost {lost:.2f} s")
    assert lost <= 1.0
    assert house.open_row()["uid"] != row["uid"]


def test_a_power_cut_loses_a_second_at_most(house: RecordingHouse) -> None:
    alice_and(house, ALWAYS)
    row = house.open_row()
    time.sleep(4)
    assert house.process is not None
    # The engine before its parent, which would start it again or let it end in peace.
    everyone = [*house.pids("engine"), house.process.pid, *house.pids("web")]
    died = [kill(pid) for pid in everyone][0]
    house.process.wait()
    assert house.row(row["uid"])["state"] == "open" and house.part(row).exists()
    house.start()
    wait_for(lambda: house.row(row["uid"])["state"] != "open", 15, "its adoption")
    row = house.row(row["uid"])
    assert row["state"] == "interrupted"
    house.film_of(row, 2.0)
    print(f"lost {died - ended_at(row):.2f} s")
    assert died - ended_at(row) <= 1.0


def test_a_killed_engine_loses_no_recording(house: RecordingHouse) -> None:
    alice_and(house, ALWAYS)
    row = house.open_row()
    time.sleep(3)
    kill(house.pids("engine")[0])
    wait_for(lambda: house.row(row["uid"])["state"] == "interrupted", 15, "its adoption")
    house.film_of(house.row(row["uid"]))
    assert house.open_row()["uid"] != row["uid"]


def test_two_who_ask_get_one_file(house: RecordingHouse) -> None:
    alice, bob = alice_and(
        house,
        ("adduser", "bob", "--role", "member"),
        ("addcamera", "Yard", "pattern:"),
        ("grant", "bob", "yard", "watch,record"),
        ("addtoken", "alice", "test"),
        ("addtoken", "bob", "test"),
    )[-2:]
    wait_for(lambda: house.api("cameras/yard", alice)["state"] == "online", 15, "the camera")
    assert house.post("cameras/yard/record", alice, {"on": True})["reasons"] == ["manual:alice"]
    row = house.open_row()
    answer = house.post("cameras/yard/record", bob, {"on": True})
    assert answer == {"recording": True, "reasons": ["manual:alice", "manual:bob"]}
    time.sleep(2)
    assert house.post("cameras/yard/record", alice, {"on": False})["reasons"] == ["manual:bob"]
    time.sleep(2)
    assert house.row(row["uid"])["state"] == "open"
    assert house.post("cameras/yard/record", bob, {"on": False}) == {"recording": False, "reasons": []}
    wait_for(lambda: house.row(row["uid"])["state"] == "closed", 10, "its end")
    [row] = house.rows()
    assert (json.loads(row["reasons"]), row["trigger"]) == (["manual:alice", "manual:bob"], "manual")
    assert len(json.loads(row["people"])) == 2
    house.film_of(row, 3.0)
