"""The Tapo camera of the tests against programs of other makers, and ours against what real cameras said."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from kasa import Credentials, DeviceConfig
from kasa.deviceconfig import DeviceConnectionParameters, DeviceEncryptionType, DeviceFamily
from kasa.transports.sslaestransport import SslAesTransport
from pytapo import Tapo

from camera.ptz.driver import Can
from tests.conftest import shared_file
from tests.peers.tapo_camera import CLOUD_PASSWORD, TapoCamera
from tests.peers.tapo_device import Device
from tests.peers.tapo_kit import drive


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("generation", ["old", "new", "newest"])
@pytest.mark.slow
def test_the_stand_in_lets_pytapo_in_as_it_is(generation: str) -> None:
    with TapoCamera(generation=generation) as camera:
        tapo = Tapo("127.0.0.1", "admin", CLOUD_PASSWORD, cloudPassword=CLOUD_PASSWORD, controlPort=camera.port)
        tapo.moveMotor(10, -5)
        tapo.close()
        tapo.asyncHandler._loop.close()
        assert camera.commands("motorMove")[0].params == {"motor": {"move": {"x_coord": "10", "y_coord": "-5"}}}


@pytest.mark.parametrize("generation", ["old", "new"])
def test_the_stand_in_lets_python_kasa_in(generation: str) -> None:
    """Another program by other people, with a log-in of its own."""
    led = {"method": "getLedStatus", "params": {"led": {"name": ["config"]}}}
    way = DeviceConnectionParameters(DeviceFamily.SmartIpCamera, DeviceEncryptionType.Aes, https=True)

    async def ask(port: int) -> Any:
        login = Credentials("admin", CLOUD_PASSWORD)
        transport = SslAesTransport(config=DeviceConfig("127.0.0.1", None, port, login, connection_type=way))
        try:
            return await transport.send(json.dumps({"method": "multipleRequest", "params": {"requests": [led]}}))
        finally:
            await transport.close()

    with TapoCamera(generation=generation) as camera:
        answer = asyncio.run(ask(camera.port))
    assert answer["result"]["responses"][0]["result"] == {"led": {"config": {"enabled": "on"}}}


RECORDED = ["C100_4.0_1.3.14", "C210(EU)_2.0_1.4.3", "C210_2.0_1.3.11", "C220(EU)_1.0_1.2.5", "C520WS(US)_1.0_1.2.8",
            "TC70_3.0_1.3.11"]  # fmt: skip


class Recorded(Device):
    """Answers as a real camera did when it was recorded."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.answers: dict[str, Any] = json.loads(file.read_text())

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        method = request["method"]
        if method == "get":
            said = dict(self.answers.get(f"get_{next(k for k in request if k != 'method')}", {}).get("get", {}))
            return {**said, "error_code": 0 if said else -40106}
        result = self.answers.get(method)
        return {"method": method, "result": result or {}, "error_code": -40106 if result is None else 0}


@pytest.mark.parametrize("name", RECORDED)
def test_understands_what_real_cameras_said(name: str) -> None:
    device = Recorded(shared_file(f"data/protocol/kasa_smartcam/{name}.json"))
    with TapoCamera(device=device) as camera:
        told = drive(camera, lambda driver: driver.describe())
    assert told.model == name.partition("_")[0].partition("(")[0]
    assert told.firmware.startswith(name.rpartition("_")[2])
    assert (Can.PAN_TILT in told.abilities) == (told.model != "C100")
    assert {Can.PRIVACY, Can.LED, Can.NIGHT} <= told.abilities
    width, height = told.streams[0].width, told.streams[0].height
    assert width >= 1280 and height >= 720
