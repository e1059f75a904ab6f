"""What an ONVIF camera refuses, breaks or sends in malice is told in words, in time, and disturbs nobody else."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camera.ptz.driver import Code, Login, PtzError
from camera.ptz.onvif import OnvifDriver
from tests.peers import onvif_answers as say
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.onvif_kit import failed, login, play, refused, warm

WRONG = "The camera refuses the user name or password."


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    from camera.ptz.onvif_faults import refusals

    refusals.clear()
    with OnvifCamera() as one:
        yield one
    refusals.clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """The times that a camera has, shortened; how long a method may take then, in seconds."""
    from camera.ptz import onvif_camera, onvif_events, onvif_moves

    warm()
    monkeypatch.setattr(onvif_camera, "LONGEST", 1.2)
    monkeypatch.setattr(onvif_camera, "PARTING", 0.2)
    monkeypatch.setattr(onvif_events, "PARTING", 0.2)
    monkeypatch.setattr(onvif_moves, "_PATIENCE", 0.3)
    return 3.0


def describe(driver: OnvifDriver) -> Any:
    return driver.describe()


def test_every_method_ends_within_ten_seconds() -> None:
    from camera.ptz import onvif, onvif_camera, onvif_events, onvif_moves

    assert onvif_camera.LONGEST < 10 and onvif.PATIENCE < onvif_camera.LONGEST - onvif_events.PARTING
    # Two tries of a stop, and the farewell after a fault, are within it.
    assert 2 * onvif_moves._PATIENCE <= onvif_camera.LONGEST - onvif_events.PARTING
    assert onvif_events.HELD + onvif_events._MARGIN + onvif_events.PARTING < onvif_camera.LONGEST


def test_a_wrong_password_is_sent_once_and_not_again_at_once(camera: OnvifCamera) -> None:
    first = failed(camera, describe, "wrong")
    assert (first.code, str(first)) == (Code.WRONG_PASSWORD, WRONG)
    assert [one.name for one in camera.log] == ["GetSystemDateAndTime", "GetDeviceInformation"]
    # Whoever asks next, with whatever driver, is told from memory.
    second = failed(camera, describe, "wrong")
    assert second.code == Code.WRONG_PASSWORD and 5 < second.wait <= 10 and len(camera.log) == 2
    assert play(camera, describe).model == "Muster Turret 5"


def test_a_wrong_password_is_tried_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    from camera.ptz.onvif_faults import Refusals, RefusedError

    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    known, wrong, waits = Refusals(), Login("onvif://10.0.0.9", "admin", "x"), []
    for _ in range(7):
        known.note(wrong, RefusedError())
        with pytest.raises(PtzError) as caught:
            known.check(wrong)
        waits.append(caught.value.wait)
        now[0] += caught.value.wait
        known.check(wrong)
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    known.check(Login("onvif://10.0.0.9", "admin", "y"))
    known.note(wrong, RefusedError())
    known.forget(wrong)
    known.check(wrong)


def test_what_was_refused_is_remembered_in_bounds() -> None:
    from camera.ptz.onvif_faults import Refusals, RefusedError

    known = Refusals()
    for number in range(1000):
        known.note(Login("onvif://10.0.0.9", "admin", str(number)), RefusedError())
    assert len(known._known) <= 200


@pytest.mark.parametrize(("status", "headers", "wait"), [(423, {}, 300), (429, {"Retry-After": "120"}, 120)])
def test_a_camera_that_locks_everybody_out_is_left_alone(
    camera: OnvifCamera, status: int, headers: dict[str, str], wait: float
) -> None:
    camera.statuses["GetDeviceInformation"], camera.headers["GetDeviceInformation"] = status, headers
    error = failed(camera, describe)
    words = f"The camera takes no log-ins for now. Try again in {wait // 60} minutes."
    assert (error.code, str(error), error.wait) == (Code.LOCKED_OUT, words, wait)
    before = len(camera.log)
    # With another password neither: it would only lengthen it.
    assert failed(camera, describe, "another").code == Code.LOCKED_OUT and len(camera.log) == before


def test_a_user_with_too_few_rights_is_told_so(camera: OnvifCamera) -> None:
    camera.forbidden = {"ContinuousMove"}
    code, words = refused(camera, lambda driver: driver.move(1, 0, 0))
    assert code == Code.FAILED and words.startswith("The camera does not allow its user that.")
    play(camera, describe)  # it is not taken for a wrong password


@pytest.mark.parametrize("user", ["a:b", "", "\x01", "ü" * 100])
def test_odd_user_names_are_refused_as_others_are(camera: OnvifCamera, user: str) -> None:
    async def scene(_: OnvifDriver) -> Code:
        driver = OnvifDriver(Login(camera.address, user, "x", allow_loopback=True))
        with pytest.raises(PtzError) as caught:
            await driver.describe()
        await driver.close()
        return caught.value.code

    assert play(camera, scene) in (Code.WRONG_PASSWORD, Code.FAILED)


@pytest.mark.parametrize("where", ["onvif://127.0.0.9:1", "onvif://nobody.invalid", "onvif://192.0.2.1:80"])
def test_a_camera_that_is_not_there_is_told_in_time(where: str, impatient: float) -> None:
    async def scene() -> PtzError:
        driver = OnvifDriver(Login(where, "admin", "x", allow_loopback=True))
        with pytest.raises(PtzError) as caught:
            await driver.describe()
        await driver.close()
        return caught.value

    begun = time.monotonic()
    error = asyncio.run(scene())
    assert error.code == Code.UNREACHABLE and time.monotonic() - begun < impatient
    assert where.removeprefix("onvif://").partition(":")[0] in str(error)


@pytest.mark.parametrize(
    "where", ["onvif://169.254.169.254", "onvif://0.0.0.0", "onvif://[::1]:80", "onvif://224.0.0.1"]
)
def test_addresses_that_no_camera_has_are_not_asked(where: str) -> None:
    async def scene() -> None:
        driver = OnvifDriver(Login(where, "admin", "x"))
        with pytest.raises(PtzError, match="an address of this machine or a reserved one"):
            await driver.describe()
        await driver.close()

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["hang", "trickle"])
@pytest.mark.parametrize(
    ("operation", "ask"),
    [
        ("GetSystemDateAndTime", describe),
        ("GetDeviceInformation", describe),
        ("GetProfiles", describe),
        ("ContinuousMove", lambda driver: driver.move(1, 0, 0)),
        ("Stop", lambda driver: driver.stop()),
        ("GetPresets", lambda driver: driver.presets()),
    ],
)
def test_a_camera_that_hangs_is_given_up_in_time(
    camera: OnvifCamera, operation: str, ask: Any, how: str, impatient: float
) -> None:
    getattr(camera, how).add(operation)
    begun = time.monotonic()
    assert refused(camera, ask) == (Code.UNREACHABLE, "The camera at 127.0.0.2 does not answer in time.")
    assert time.monotonic() - begun < impatient


def test_a_camera_that_hangs_holds_up_no_other(camera: OnvifCamera, impatient: float) -> None:
    async def scene(driver: OnvifDriver) -> float:
        with OnvifCamera("127.0.0.3") as hung:
            other = OnvifDriver(login(hung))
            await driver.describe()
            await other.describe()
            hung.hang.add("*")
            waits = [asyncio.create_task(other.move(1, 0, 0)), asyncio.create_task(other.motion())]
            await asyncio.to_thread(hung.wait_for, "ContinuousMove")
            begun = time.monotonic()
            for pan in (0.1, 0.2, 0.3):
                await driver.move(pan, 0, 0)
            await driver.stop()
            took = time.monotonic() - begun
            assert not waits[0].done()
            await asyncio.gather(*waits, return_exceptions=True)
            await other.close()
            return took

    assert play(camera, scene) < 0.5


@pytest.mark.parametrize(
    "body",
    [
        "<tt:UTCDateTime/>",
        "",
        "<tt:UTCDateTime><tt:Time><tt:Hour>99</tt:Hour><tt:Minute>0</tt:Minute><tt:Second>0</tt:Second></tt:Time><tt:Date>"
        "<tt:Year>0</tt:Year><tt:Month>13</tt:Month><tt:Day>77</tt:Day></tt:Date></tt:UTCDateTime>",
    ],
)
def test_a_clock_that_cannot_be_read_is_passed_over(camera: OnvifCamera, body: str) -> None:
    camera.answers["GetSystemDateAndTime"] = say.envelope(
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
        f"<tt:DaylightSavings>false</tt:DaylightSavings>{body}</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )
    assert play(camera, describe).model == "Muster Turret 5"


ALONE = """
import asyncio, os, socket, sys, time
connect, allowed, read = socket.socket.connect, [], []

def only_the_camera(self, place):
    if isinstance(place, tuple) and place[0] != "127.0.0.2":
        raise AssertionError(f"asked for {place}")
    return connect(self, place)

socket.socket.connect = only_the_camera
home = os.environ["HOME"]
from camera.ptz.driver import Login
from camera.ptz.onvif import OnvifDriver
assert "zeep" not in sys.modules and "onvif" not in sys.modules, "loaded before it is needed"

async def longest_hold(held):
    while True:
        begun = time.monotonic()
        await asyncio.sleep(0.005)
        held[0] = max(held[0], time.monotonic() - begun)

async def main():
    held = [0.0]
    task = asyncio.create_task(longest_hold(held))
    await asyncio.sleep(0)
    begun = time.monotonic()
    driver = OnvifDriver(Login(sys.argv[1], "admin", sys.argv[2], allow_loopback=True))
    await driver.describe()
    took = time.monotonic() - begun
    await driver.move(1, 0, 0)
    await driver.close()
    task.cancel()
    assert not os.listdir(home), os.listdir(home)
    print(took, held[0])

asyncio.run(main())
"""


@pytest.mark.processes
def test_nothing_is_fetched_or_kept_and_the_loop_is_not_held_up_while_loading(
    camera: OnvifCamera, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", ALONE, camera.address, camera.password],
        env={"HOME": str(tmp_path), "http_proxy": "http://127.0.0.9:1", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    took, held = map(float, done.stdout.split())
    # Most of `took` is loading; on the loop it would be held for about as long.
    assert held < 0.1 + took / 3 and camera.moving == (1.0, 0.0, 0.0)
