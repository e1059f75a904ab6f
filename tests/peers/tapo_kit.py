"""A driver of ours before a Tapo camera of the tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import pytest

from camera.ptz.driver import Login, PtzError
from camera.ptz.tapo import TapoDriver
from tests.peers.tapo_camera import CLOUD_PASSWORD

T = TypeVar("T")


class Addressed(Protocol):
    @property
    def address(self) -> str: ...


def login(camera: Addressed, **more: Any) -> Login:
    given = {"username": "viewer", "password": "stream secret 3", "cloud_password": CLOUD_PASSWORD, **more}
    return Login(camera.address, allow_loopback=True, **given)


@asynccontextmanager
async def driving(camera: Addressed, deadline: float = 9.5, **more: Any) -> AsyncIterator[TapoDriver]:
    driver = TapoDriver(login(camera, **more), deadline)
    try:
        yield driver
    finally:
        await driver.close()


def drive(camera: Addressed, what: Callable[[TapoDriver], Awaitable[T]], **more: Any) -> T:
    """What `what` gives, done with a driver of its own."""

    async def go() -> T:
        async with driving(camera, **more) as driver:
            return await what(driver)

    return asyncio.run(go())


async def failure(doing: Awaitable[Any]) -> PtzError:
    with pytest.raises(PtzError) as caught:
        await doing
    return caught.value
