"""The programs of docs/senders/ by themselves: what they send, when they slow down, and what they keep."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from camera import keys
from tests.house import BASE, wait_for
from tests.push_house import TAKEN, PushHouse, jpeg, push_house

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SENDERS = BASE / "docs" / "senders"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def house(settings: Any, tmp_path: Path) -> Iterator[PushHouse]:
    settings.RUN_DIR = tmp_path
    with push_house() as house:
        yield house


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.jpg").write_bytes(jpeg(grey=number * 50))
    return folder


@pytest.fixture
def start(house: PushHouse, tmp_path: Path) -> Iterator[Start]:
    """Starts push_frames.py for the camera of the house; ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def make(*words: object, port: int = 0, key: str = "") -> "subprocess.Popen[str]":
        url = f"http://127.0.0.1:{port or house.web.port}/api/v1/cameras/pier/frames"
        command = [sys.executable, SENDERS / "push_frames.py", url, *words, "--spool", tmp_path / "spool"]
        environment = os.environ | {"CAMERA_KEY": key or house.key}
        running.append(
            subprocess.Popen(
                [str(word) for word in command], env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
        )  # fmt: skip
        return running[-1]

    yield make
    for program in running:
        program.kill()
        program.communicate()


def waiting(tmp_path: Path) -> int:
    return len(list((tmp_path / "spool").glob("*.jpg")))


def test_a_folder_is_sent_in_order_at_its_rate(house: PushHouse, pictures: Path, start: Start) -> None:
    program = start(pictures, "--rate", "10")
    out, _ = program.communicate(timeout=20)
    assert (program.returncode, out) == (0, "")
    assert [data for _, data, _ in house.engine.frames] == [jpeg(grey=number * 50) for number in range(4)]
    bodies = house.engine.bodies()
    # By when they were taken: of those that came, the first may be late.
    assert 0.28 < bodies[-1]["captured_at"] - bodies[0]["captured_at"] < 1.5
    assert {body["clock"] for body in bodies} == {"source"} and {body["kind"] for body in bodies} == {""}


def test_flagged_pictures_of_a_run_have_one_name(house: PushHouse, pictures: Path, start: Start) -> None:
    start(pictures, "--rate", "20", "--event", "spill").communicate(timeout=20)
    bodies = house.engine.bodies()
    assert len(bodies) == 4 and {body["kind"] for body in bodies} == {"spill"}
    assert len({body["sender_id"] for body in bodies}) == 1 and bodies[0]["sender_id"].startswith("spill-")


def test_what_finds_no_line_waits_on_the_disk(house: PushHouse, pictures: Path, start: Start, tmp_path: Path) -> None:
    program = start(pictures, "--rate", "10", "--event", "spill", "--event-id", "run 7", port=1)
    wait_for(lambda: waiting(tmp_path) == 4, 10, "four pictures on the disk")
    program.kill()
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    start(pictures / "0.jpg", "--event", "person").communicate(timeout=20)
    bodies = house.engine.bodies()
    assert [(body["kind"], body["sender_id"]) for body in bodies[1:]] == [("spill", "run 7")] * 4
    assert bodies[0]["kind"] == "person" and waiting(tmp_path) == 0
    times = [body["captured_at"] for body in bodies]
    assert times[1:] == sorted(times[1:]) and times[0] > times[-1]
    assert not list((tmp_path / "spool").iterdir())


def test_what_waits_for_one_camera_is_never_sent_to_another(pictures: Path, tmp_path: Path) -> None:
    programs = []
    for slug in ("pier", "door"):
        command = [sys.executable, SENDERS / "push_frames.py", f"http://127.0.0.1:1/api/v1/cameras/{slug}/frames"]
        command += [pictures / "0.jpg", "--event", "spill"]
        environment = os.environ | {"CAMERA_KEY": "fwc_x", "TMPDIR": str(tmp_path)}
        programs.append(subprocess.Popen([str(word) for word in command], env=environment, stderr=subprocess.DEVNULL))
    try:
        wait_for(lambda: len(list(tmp_path.glob("push-frames-*/*.jpg"))) == 2, 15, "two pictures on the disk")
        assert len({path.parent for path in tmp_path.glob("push-frames-*/*.jpg")}) == 2
    finally:
        for program in programs:
            program.kill()
            program.wait()


def test_a_flagged_picture_that_is_refused_for_now_is_sent_again(
    house: PushHouse, pictures: Path, start: Start, tmp_path: Path
) -> None:
    answers = [{"ok": False, "code": "busy", "error": "Later."} for _ in range(2)]
    house.engine.answer = lambda body: answers.pop() if answers else TAKEN
    began = time.monotonic()
    out, _ = start(pictures / "1.jpg", "--event", "spill").communicate(timeout=30)
    assert out.count("429: Later.") == 2
    assert time.monotonic() - began > 1 + 1  # what the two Retry-After said
    sent = house.engine.bodies()
    assert len(sent) == 3 and len({(body["sender_id"], body["captured_at"]) for body in sent}) == 1


def test_too_fast_a_program_slows_down(house: PushHouse, pictures: Path, start: Start, tmp_path: Path) -> None:
    refused = [False]

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        if refused[0]:
            return TAKEN
        refused[0] = True
        return {"ok": False, "code": "busy", "error": "Slower."}

    house.engine.answer = answer
    out, _ = start(pictures, "--rate", "500").communicate(timeout=20)
    assert "429: Slower." in out
    # In the second it was told to wait nothing was sent, and nothing kept: the house had newer ones to look forward to.
    assert len(house.engine.frames) < 4 and waiting(tmp_path) == 0


@pytest.mark.parametrize("wrong", ["fwc_wrong", "key\nof two lines"])
def test_a_wrong_key_ends_it_and_the_picture_stays(
    wrong: str, house: PushHouse, pictures: Path, start: Start, tmp_path: Path
) -> None:
    program = start(pictures, key=wrong)
    out, _ = program.communicate(timeout=20)
    assert program.returncode == 1 and ("401" in out or "cannot be right" in out) and wrong not in out
    assert house.engine.frames == [] and waiting(tmp_path) == 1


def test_a_full_spool_gives_up_the_oldest(house: PushHouse, tmp_path: Path, start: Start) -> None:
    large = tmp_path / "large"
    large.mkdir()
    for number in range(5):
        (large / f"{number}.jpg").write_bytes(jpeg(grey=number) + b"\0" * 400_000)
    start(large, "--rate", "20", "--event", "spill", "--spool-mb", "1", port=1)
    wait_for(lambda: any(path.read_bytes().startswith(jpeg(grey=4)) for path in (tmp_path / "spool").glob("*.jpg")), 10)
    assert waiting(tmp_path) == 2


def test_the_shell_program_sends_without_showing_the_key(house: PushHouse, pictures: Path, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{house.web.port}/api/v1/cameras/pier/frames"
    environment = os.environ | {"CAMERA_KEY": house.key, "EVENT": "person"}
    words = ["sh", "-x", SENDERS / "push_frames.sh", url, pictures / "0.jpg", pictures / "3.jpg"]
    run = subprocess.run(
        [str(word) for word in words], env=environment, capture_output=True, text=True, timeout=20, check=True
    )
    assert run.stdout.count('"taken": true') == 2
    commands = [line for line in run.stderr.splitlines() if "curl" in line]
    assert commands and not any(house.key in line for line in commands)
    assert [body["kind"] for body in house.engine.bodies()] == ["person", "person"]
    keys.revoke(house.camera)
    wait_for(
        lambda: (
            subprocess.run(
                [str(word) for word in words], env=environment, capture_output=True, timeout=20, check=False
            ).returncode
            == 1
        ),
        6,
        "the revoked key to be refused",
    )
