"""The programs of docs/senders/ and curl against a real house: seen live, recorded, and kept as events."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.house import BASE, RealHouse, wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]
SENDERS = BASE / "docs" / "senders"


class Pier:
    """A real house with one camera that is sent to, recorded always."""

    def __init__(self, house: RealHouse) -> None:
        self.house = house
        alice = ("adduser", "alice", "--role", "owner"), ("addtoken", "alice", "test")
        self.token = house.arrange(*alice, ADDUSER_PASSWORD="correct horse battery").splitlines()[-1]
        run = subprocess.run(
            [sys.executable, "manage.py", "addcamera", "Pier", "push:", "--record", "always"],
            cwd=BASE, env=self.house.environment, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert run.stdout == "pier\n"
        self.key = re.findall(r"fwc_[\w-]+", run.stderr)[0]
        self.url = f"{self.house.url}/api/v1/cameras/pier/frames"
        self.pictures = house.folder / "pictures"
        self.pictures.mkdir()
        for number in range(10):
            image = Image.new("RGB", (640, 360), (60, 90, 120))
            ImageDraw.Draw(image).rectangle((60 * number, 100, 60 * number + 60, 250), fill=(220, 40, 40))
            image.save(self.pictures / f"{number}.jpg", quality=80)

    def camera(self) -> dict[str, Any]:
        return self.house.api("cameras/pier", self.token)

    def items(self, what: str) -> list[dict[str, Any]]:
        return self.house.api(f"{what}?camera=pier", self.token)["items"]  # type: ignore[return-value]

    def program(self, *words: str, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(word) for word in words], env=os.environ | {"CAMERA_KEY": self.key} | variables,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def python(self, *words: str) -> "subprocess.Popen[str]":
        return self.program(sys.executable, str(SENDERS / "push_frames.py"), self.url, *words)


@pytest.fixture(scope="module")
def pier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pier]:
    extra = {"CAMERA_PASSWORD": "oil and water", "PUSH_FPS": "20"}
    house = RealHouse(tmp_path_factory.mktemp("house"), extra=extra)
    try:
        house.start()
        yield Pier(house)
    finally:
        house.stop()


def ended(program: "subprocess.Popen[str]", seconds: float = 30) -> str:
    out, _ = program.communicate(timeout=seconds)
    assert program.returncode == 0, out
    return out


def test_curl_is_answered_and_its_picture_is_seen(pier: Pier) -> None:
    out = ended(pier.program("sh", str(SENDERS / "push_frames.sh"), pier.url, str(pier.pictures / "3.jpg")))
    assert '"taken": true' in out
    wait_for(lambda: pier.camera()["state"] == "online", 5, "the camera to be online")
    status, picture = pier.house.get("/live/pier/frame.jpg", Authorization=f"Bearer {pier.token}")
    assert status == 200 and picture == (pier.pictures / "3.jpg").read_bytes()
    assert (pier.camera()["width"], pier.camera()["codec"], pier.camera()["clock"]) == (640, "mjpeg", "arrival")


def test_a_wrong_key_is_told(pier: Pier) -> None:
    program = pier.program(
        "sh", str(SENDERS / "push_frames.sh"), pier.url, str(pier.pictures / "3.jpg"), CAMERA_KEY="no"
    )
    out, _ = program.communicate(timeout=20)
    assert program.returncode == 1 and "unauthorized" in out


def test_a_folder_is_sent_live_and_recorded(pier: Pier, tmp_path: Path) -> None:
    program = pier.python(str(pier.pictures), "--rate", "10", "--loop", "--spool", str(tmp_path / "spool"))
    try:
        wait_for(lambda: 7 < pier.camera()["fps"] < 13, 15, "ten pictures a second")
        assert pier.camera()["clock"] == "source"
        wait_for(lambda: any(one["state"] == "open" for one in pier.items("recordings")), 15, "a recording")
        status, picture = pier.house.get("/live/pier/frame.jpg", Authorization=f"Bearer {pier.token}")
        assert status == 200 and picture in {path.read_bytes() for path in pier.pictures.glob("*.jpg")}
    finally:
        program.terminate()
        program.communicate(timeout=10)
    assert not list((tmp_path / "spool").glob("*.jpg"))


def test_flagged_pictures_become_one_event(pier: Pier, tmp_path: Path) -> None:
    ended(pier.python(str(pier.pictures), "--rate", "4", "--event", "spill", "--spool", str(tmp_path / "spool")))
    (event,) = wait_for(lambda: [one for one in pier.items("events") if one["kind"] == "spill"], 5, "the event")  # type: ignore[misc, attr-defined]
    status, picture = pier.house.get(event["image"], Authorization=f"Bearer {pier.token}")
    assert status == 200 and picture.startswith(b"\xff\xd8")
    folder = pier.house.folder / "media" / "events" / "pier"
    assert len(list(folder.rglob("oil_spill_*.jpg"))) >= 10
    # The same picture once more, under the same name: nothing new.
    for _ in range(2):
        out = ended(
            pier.program(
                "curl", "-sS", "--data-binary", f"@{pier.pictures}/1.jpg", "-H", f"X-Camera-Auth: {pier.key}",
                "-H", "X-Event-Kind: person", "-H", "X-Event-Id: somebody", pier.url,
            )
        )  # fmt: skip
        assert json.loads(out)["event"]
    assert len([one for one in pier.items("events") if one["kind"] == "person"]) == 1


def test_what_was_taken_without_a_line_follows_when_there_is_one(pier: Pier, tmp_path: Path) -> None:
    """The house is away for a while: the pictures of that time become a recording of that time."""
    ended(pier.python(str(pier.pictures), "--rate", "10", "--spool", str(tmp_path / "spool")))
    pier.house.stop()
    began = time.time()
    program = pier.python(str(pier.pictures), "--rate", "2", "--loop", "--spool", str(tmp_path / "spool"))
    try:
        wait_for(lambda: len(list((tmp_path / "spool").glob("*.jpg"))) >= 6, 20, "pictures on the disk")
        time.sleep(8)
        back = time.time()
        pier.house.start()
        wait_for(lambda: len(list((tmp_path / "spool").glob("*.jpg"))) == 0, 40, "the spool to be empty")
        wait_for(lambda: pier.camera()["state"] == "online", 10, "live pictures")
        assert [one for one in wait_for(lambda: late(pier, began, back), 30, "a late recording")]  # type: ignore[attr-defined]
    finally:
        program.terminate()
        program.communicate(timeout=10)


def late(pier: Pier, began: float, back: float) -> list[dict[str, Any]]:
    """Recordings of the time in which the house was away."""
    at = [(datetime.fromisoformat(one["started_at"]).timestamp(), one) for one in pier.items("recordings")]
    return [one for started, one in at if began - 1 <= started < back - 5]


def test_the_spill_camera_takes_what_the_old_program_sends(pier: Pier) -> None:
    words = ["curl", "-sS", "-w", " %{http_code}", "--data-binary", f"@{pier.pictures}/5.jpg"]
    url = f"{pier.house.url}/api/upload_frame"

    def sent() -> bool:
        out = ended(pier.program(*words, "-H", "X-Camera-Auth: oil and water", "-H", "X-Oil-Spill-Detected: true", url))
        return out == "Frame received 200"

    wait_for(sent, 20, "the camera spill")
    events = pier.house.api("events?camera=spill", pier.token)["items"]
    assert [one["kind"] for one in events] == ["spill"]  # type: ignore[attr-defined]
    assert ended(pier.program(*words, "-H", "X-Camera-Auth: wrong", url)) == "Unauthorized 401"
