"""What an ONVIF camera sends in malice, or where it points, is harmless."""

import asyncio
import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from camera.ptz.driver import Code, PtzError
from camera.ptz.onvif import OnvifDriver
from tests.peers import onvif_answers as say
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.onvif_kit import play, refused, warm

pytestmark = pytest.mark.slow


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


BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9)
)
ENVELOPE = say.envelope("<trt:GetProfilesResponse>%</trt:GetProfilesResponse>").decode().partition("\n")[2]


def hostile(inner: str, dtd: str = "") -> bytes:
    return (dtd + ENVELOPE.replace("%", inner)).encode()


PROFILE = '<trt:Profiles token="{0}" fixed="true"><tt:Name>{0}</tt:Name></trt:Profiles>'
HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "noughts": lambda: b"\x00" * 100_000,
    "html": lambda: b"<html><body>Log in!</body></html>",
    "text": lambda: b"no",
    "half": lambda: hostile(PROFILE.format("x"))[:-60],
    "bomb in a text": lambda: hostile(PROFILE.format("&j;"), BOMB + "]>"),
    "bomb in an attribute": lambda: hostile('<trt:Profiles token="&j;" fixed="true"/>', BOMB + "]>"),
    "a file": lambda: hostile(PROFILE.format("&f;"), "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/hostname'>]>"),
    "a file as DTD": lambda: hostile(PROFILE.format("x"), "<!DOCTYPE x SYSTEM 'file:///etc/hostname'>"),
    "in another encoding": lambda: hostile("&f;", "<!DOCTYPE x [<!ENTITY f 'y'>]>").decode().encode("utf-16"),
    "deep": lambda: hostile("<a>" * 25_000 + "</a>" * 25_000),
    "deeper": lambda: b"<a>" * 500_000,
    "many": lambda: hostile(PROFILE.format("x") * 40_000),
    "just not too many": lambda: hostile(PROFILE.format("x") * 14_900),
    "just not too many attributes": lambda: hostile(
        "<trt:Profiles {}/>".format(" ".join(f"a{i}='1'" for i in range(299))) * 700
    ),
    "one long word": lambda: hostile(PROFILE.format("x" * 1_900_000)),
    "many attributes": lambda: hostile("<trt:Profiles {}/>".format(" ".join(f'a{i}="1"' for i in range(100_000)))),
    "50 MB": lambda: hostile(PROFILE.format("x" * 50_000_000)),
    "another answer": lambda: say.envelope("<trt:GetVideoSourcesResponse/>"),
    "a fault of its own": lambda: say.envelope("<s:Fault><s:Code><s:Value>x:y:z</s:Value></s:Code></s:Fault>"),
    "a fault without its name": lambda: say.fault("Sender", "X", "no").replace(
        b"<s:Value>ter:X", b"<s:Value>unknown:X"
    ),
}


class Watch:
    """How long the loop stood still at most, in seconds, and how much the process grew, in bytes, from entering on."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self.held, self.grew, self._last = 0.0, 0, time.monotonic()

    async def __aenter__(self) -> "Watch":
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._note()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            self._note()

    def _note(self) -> None:
        now = time.monotonic()
        self.held, self._last = max(self.held, now - self._last), now
        self.grew = max(self.grew, self._process.memory_info().rss - self._before)


@pytest.mark.faults
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_answers_are_harmless(camera: OnvifCamera, what: str, impatient: float) -> None:
    async def scene(driver: OnvifDriver) -> tuple[Any, Watch]:
        await driver.describe()
        camera.answers["GetProfiles"] = HOSTILE[what]()
        said: Any = ""
        async with Watch() as watch:
            try:
                said = await driver.describe()
            except PtzError as error:
                assert error.code in (Code.FAILED, Code.UNREACHABLE)
        del camera.answers["GetProfiles"]
        await driver.describe()
        return said, watch

    begun = time.monotonic()
    said, watch = play(camera, scene)
    assert time.monotonic() - begun < 2 * impatient and watch.held < 0.7 and watch.grew < 100_000_000
    if said:
        # What could be read of it: nothing of ours, and nothing long.
        assert Path("/etc/hostname").read_text().strip() not in str(said) and len(str(said)) < 3000


def test_a_packed_answer_is_not_unpacked(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> Watch:
        await driver.describe()
        camera.answers["GetProfiles"] = gzip.compress(b"<a>" + b" " * 200_000_000)
        camera.headers["GetProfiles"] = {"Content-Encoding": "gzip"}
        async with Watch() as watch:
            with pytest.raises(PtzError) as caught:
                await driver.describe()
            assert caught.value.code == Code.FAILED
        return watch

    assert play(camera, scene).grew < 30_000_000
    # Not even a short one: it was not asked for packed.
    camera.answers["GetProfiles"] = gzip.compress(say.envelope(say.profiles(camera)))
    assert refused(camera, describe)[0] == Code.FAILED


@pytest.mark.parametrize(
    "answer", [b"<a/>" * 60_001, b"<a " + b"b='c' " * 301, b"<?xml?> <!DOCTYPE x><a/>", b"x", "<a/>".encode("utf-16")]
)
def test_some_answers_are_not_even_parsed(answer: bytes) -> None:
    from camera.ptz.onvif_faults import AnswerError
    from camera.ptz.onvif_line import _check

    with pytest.raises(AnswerError):
        _check(answer, 200)
    _check(b'\xef\xbb\xbf\n<?xml version="1.0"?>' + b"<a b='c'/>" * 30_000, 200)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_it_is_not_followed_elsewhere(camera: OnvifCamera, status: int) -> None:
    with OnvifCamera("127.0.0.3") as elsewhere:
        elsewhere.password = camera.password
        camera.statuses["GetProfiles"] = status
        camera.headers["GetProfiles"] = {"Location": f"http://127.0.0.3:{elsewhere.port}/onvif/trt"}
        assert refused(camera, describe)[0] == Code.FAILED
        assert not elsewhere.log


def test_services_elsewhere_are_not_asked(camera: OnvifCamera) -> None:
    with OnvifCamera("127.0.0.3") as elsewhere:
        camera.says = f"http://127.0.0.3:{elsewhere.port}"
        play(camera, describe)
        assert not elsewhere.log and camera.asked("GetProfiles")


def test_the_session_connects_to_the_camera_and_nowhere_else(camera: OnvifCamera) -> None:
    async def scene(driver: OnvifDriver) -> None:
        await driver.describe()
        session = driver._camera._entered.line.session  # type: ignore[union-attr]
        with OnvifCamera("127.0.0.3") as elsewhere:
            for host in ("127.0.0.3", "localhost"):
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(f"http://{host}:{elsewhere.port}/snapshot.jpg")
        assert (await session.get(f"http://127.0.0.2:{camera.port}/snapshot.jpg")).status == 404

    play(camera, scene)


def test_a_service_of_another_port_is_asked_at_the_camera_alone(camera: OnvifCamera) -> None:
    answer = say.services(camera)
    answer = answer.replace(f"{camera.says}/onvif/trt", "http://127.0.0.3:9/onvif/trt")
    camera.answers["GetServices"] = say.envelope(answer)
    # At 127.0.0.2:9 nobody listens; at 127.0.0.3 nobody may be asked.
    assert refused(camera, describe) == (Code.UNREACHABLE, "The camera at 127.0.0.2 cannot be reached.")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.2/x", "x", "http://a:99999/"])
def test_services_at_odd_addresses_are_none(camera: OnvifCamera, url: str) -> None:
    answer = say.services(camera).replace(f"{camera.says}/onvif/tptz", url)
    camera.answers["GetServices"] = say.envelope(answer)
    assert "pan_tilt" not in play(camera, describe).abilities
