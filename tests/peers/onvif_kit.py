"""Drives the unmodified ONVIF library, through our driver, against the ONVIF camera of the tests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from camera.ptz.driver import Code, Login, PtzError
from camera.ptz.onvif import OnvifDriver
from tests.peers.onvif_camera import OnvifCamera

SERVICES = ("devicemgmt", "media", "ptz", "imaging", "events")
T = TypeVar("T")
Scene = Callable[[OnvifDriver], Awaitable[T]]


def login(camera: OnvifCamera, password: str | None = None, allow_loopback: bool = True) -> Login:
    secret = camera.password if password is None else password
    return Login(camera.address, camera.username, secret, allow_loopback=allow_loopback)


def play(camera: OnvifCamera, scene: Scene[T], password: str | None = None, allow_loopback: bool = True) -> T:
    """What `scene` returns; afterwards the driver is closed, and nothing of it may be left in the loop."""

    async def run() -> T:
        before = asyncio.all_tasks()
        driver = OnvifDriver(login(camera, password, allow_loopback))
        try:
            return await scene(driver)
        finally:
            await driver.close()
            assert asyncio.all_tasks() <= before, asyncio.all_tasks()

    return asyncio.run(run())


def refused(camera: OnvifCamera, scene: Scene[object], password: str | None = None) -> tuple[Code, str]:
    """With what and in which words the camera, or we, do not do that. No password stands in them."""
    error = failed(camera, scene, password)
    assert camera.password not in str(error)
    return error.code, str(error)


def failed(camera: OnvifCamera, scene: Scene[object], password: str | None = None) -> PtzError:
    try:
        done = play(camera, scene, password)
    except PtzError as error:
        return error
    raise AssertionError(f"no error, but {done}")


def warm() -> None:
    """Load what is loaded once in a process, so that it does not count for a test that shortens the times."""
    from onvif.client import _WSDL_PATH
    from onvif.definition import SERVICES as ALL

    from camera.ptz.onvif_line import definitions_loaded

    async def load() -> None:
        for name in SERVICES:
            one = ALL[name]
            await definitions_loaded(f"{_WSDL_PATH}/{one['wsdl']}", f"{{{one['ns']}}}{one['binding']}")

    asyncio.run(load())
