"""The real processes: what is killed comes back, what should not notice does not."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import RealHouse, wait_for

pytestmark = pytest.mark.processes
BACK_SECONDS = 5.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("house"), fresh=True)
    house.start()
    yield house
    house.stop()


@pytest.fixture(scope="module")
def alices(house: RealHouse) -> str:
    """Her token; she keeps two cameras."""
    said = house.arrange(
        ("createsuperuser", "--noinput"),
        ("addcamera", "Yard", "pattern:"),
        ("addcamera", "Gate", "pattern:"),
        ("addtoken", "alice", "test"),
        DJANGO_SUPERUSER_USERNAME="alice",
        DJANGO_SUPERUSER_PASSWORD="correct horse battery",
        DJANGO_SUPERUSER_EMAIL="a@example.org",
    )
    return said.splitlines()[-1]


@pytest.fixture
def token(house: RealHouse, alices: str) -> str:
    wait_for(lambda: online(house, alices, "yard") and online(house, alices, "gate"), 15, "both cameras")
    return alices


def camera(house: RealHouse, token: str, slug: str) -> dict[str, Any]:
    return house.api(f"cameras/{slug}", token)


def online(house: RealHouse, token: str, slug: str) -> bool:
    try:
        return camera(house, token, slug)["state"] == "online"
    except OSError:
        return False


def pid_of(house: RealHouse, name: str, count: int = 1) -> int:
    return int(wait_for(lambda: len(house.pids(name)) == count and house.pids(name)[0], 5, f"{count} of {name}"))  # type: ignore[call-overload]


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def picture(house: RealHouse, token: str, slug: str) -> bool:
    try:
        return house.get(f"/live/{slug}/frame.jpg", Authorization=f"Bearer {token}")[0] == 200
    except OSError:
        return False


def test_kill_the_web_process(house: RealHouse, token: str) -> None:
    before, cameras = pid_of(house, "web"), sorted(house.pids("camera.process"))
    os.kill(before, signal.SIGKILL)
    began = time.monotonic()
    wait_for(
        lambda: house.pids("web") not in ([], [before]) and picture(house, token, "yard"),
        BACK_SECONDS,
        "web and a picture",
    )
    print(f"web back with a picture after {time.monotonic() - began:.2f} s")
    assert sorted(house.pids("camera.process")) == cameras


def test_kill_a_camera_process(house: RealHouse, token: str) -> None:
    cameras = house.pids("camera.process")
    assert len(cameras) == 2
    web, engine = pid_of(house, "web"), pid_of(house, "engine")
    os.kill(cameras[0], signal.SIGKILL)
    began = time.monotonic()
    wait_for(
        lambda: len(house.pids("camera.process")) == 2 and cameras[0] not in house.pids("camera.process"), BACK_SECONDS
    )
    wait_for(lambda: picture(house, token, "yard") and picture(house, token, "gate"), BACK_SECONDS, "both pictures")
    print(f"camera process back with a picture after {time.monotonic() - began:.2f} s")
    assert cameras[1] in house.pids("camera.process")
    assert (pid_of(house, "web"), pid_of(house, "engine")) == (web, engine)


def test_kill_the_engine(house: RealHouse, token: str) -> None:
    cameras, engine, web = house.pids("camera.process"), pid_of(house, "engine"), pid_of(house, "web")
    os.kill(engine, signal.SIGKILL)
    began = time.monotonic()
    wait_for(lambda: not any(alive(pid) for pid in cameras), 2, "the end of its camera processes")
    wait_for(
        lambda: len(house.pids("camera.process")) == 2 and online(house, token, "yard"), BACK_SECONDS, "the cameras"
    )
    wait_for(lambda: picture(house, token, "yard") and picture(house, token, "gate"), BACK_SECONDS, "pictures")
    print(f"engine back with pictures after {time.monotonic() - began:.2f} s")
    assert pid_of(house, "web") == web and pid_of(house, "engine") != engine


def test_a_hung_camera_process_is_replaced(house: RealHouse, token: str) -> None:
    victim = house.pids("camera.process")[0]
    # One that has not said a word yet is given longer.
    wait_for(lambda: time.time() - Path(f"/proc/{victim}").stat().st_ctime > 5, 10, "its first words")
    wait_for(lambda: online(house, token, "yard") and online(house, token, "gate"), 15, "both cameras")
    os.kill(victim, signal.SIGSTOP)
    wait_for(lambda: not alive(victim), 20, "the end of the hung process")
    wait_for(lambda: len(house.pids("camera.process")) == 2 and online(house, token, "yard"), 10, "its successor")


def test_camera_processes_know_no_secret(house: RealHouse, token: str) -> None:
    for pid in house.pids("camera.process"):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"SECRET" not in environment and b"DATABASE" not in environment
        assert b"only-for-the-tests" not in environment + Path(f"/proc/{pid}/cmdline").read_bytes()
        assert "django" not in Path(f"/proc/{pid}/maps").read_text()
        assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()


def test_a_second_engine_is_refused(house: RealHouse) -> None:
    with pytest.raises(AssertionError, match="runs already"):
        house.manage("engine")


def test_a_taken_port_is_named(house: RealHouse) -> None:
    with pytest.raises(AssertionError, match=f"port {house.port}"):
        house.manage("serve", "--bind", f"127.0.0.1:{house.port}")


def test_a_new_camera_is_seen_without_a_restart_and_a_viewing_is_logged(house: RealHouse, token: str) -> None:
    house.manage("addcamera", "Shed", "pattern:", "--slug", "shed")
    wait_for(lambda: online(house, token, "shed"), 6, "the new camera")
    assert picture(house, token, "shed")
    items = house.api("viewings?camera=shed", token)["items"]
    assert [(item["user"], item["camera"], item["transport"]) for item in items] == [("alice", "shed", "frame")]  # type: ignore[attr-defined]


def test_a_large_body_is_refused_before_it_is_stored(house: RealHouse) -> None:
    import http.client

    client = http.client.HTTPConnection("127.0.0.1", house.port, timeout=10)
    client.putrequest("POST", "/nowhere/")
    client.putheader("Transfer-Encoding", "chunked")
    client.endheaders()
    sent = 0
    try:
        for _ in range(300):
            client.send(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
            sent += 1
    except OSError:
        pass
    assert sent < 300
    client.close()
    assert house.healthy()


def test_healthz_names_the_part_that_is_down(house: RealHouse, token: str) -> None:
    os.kill(pid_of(house, "engine"), signal.SIGSTOP)
    engine = pid_of(house, "engine")
    try:
        status, body = wait_for(lambda: (got := house.get("/healthz"))[0] == 503 and got, 10, "503")  # type: ignore[misc]
        assert json.loads(body)["engine"] == "down"
        assert camera(house, token, "yard")["reason"] == "ENGINE_DOWN"
    finally:
        os.kill(engine, signal.SIGCONT)
    wait_for(house.healthy, 10, "health")


def test_a_stopped_house_leaves_nothing_running(tmp_path: Path) -> None:
    house = RealHouse(tmp_path, fresh=True)
    house.start("--first-run")
    wait_for(lambda: house.pids("camera.process"), 10, "the demo camera")
    assert house.process
    everyone = [house.process.pid, *house.pids("web"), *house.pids("engine"), *house.pids("camera.process")]
    began = time.monotonic()
    house.stop()
    assert time.monotonic() - began < 8
    assert house.process.returncode == 0
    assert not any(alive(pid) for pid in everyone)
    assert "Added the camera Demo" in house.log()
