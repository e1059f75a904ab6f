"""Cameras that are not saved yet: what one says of itself, and which there are in the house's network."""

import asyncio
import contextlib
import importlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from django.conf import settings

from camera.addresses import CONTROLLED, AddressError, parse_source
from camera.commands import EngineDownError, ask_engine
from camera.engine.movable import Link, Make
from camera.ptz import driver_for
from camera.ptz.driver import Code, Description, Login, PtzError

# Asked at once; who comes then is to try again.
MOST_DESCRIBED = 4
LONGEST_DISCOVERY, LONGEST_DESCRIPTION = 5.0, 15.0
_MOST_FOUND = 200
_FIELD = 500
Answer = dict[str, Any]


class Asked:
    """Lives in the loop of moving.py. `known` gives the hosts of the cameras there are."""

    def __init__(self, make: Make, known: Callable[[], Awaitable[set[str]]]) -> None:
        self._make, self._known = make, known
        self._described = 0
        self._discovers = False

    async def describe(self, body: Answer) -> Answer:
        """The answer to the command of that name. Raises PtzError."""
        login = read_login(body.get("login"))
        if self._described >= MOST_DESCRIBED:
            raise PtzError(Code.BUSY, "Other cameras are being asked just now. Try again in a moment.")
        self._described += 1
        try:
            return {"ok": True} | told(await description(login, self._make))
        finally:
            self._described -= 1

    async def discover(self, body: Answer) -> Answer:
        """The answer to the command of that name. Raises PtzError."""
        seconds = body.get("seconds", LONGEST_DISCOVERY)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
            raise PtzError(Code.FAILED, "The seconds are a number.")
        if self._discovers:
            raise PtzError(Code.BUSY, "Somebody is looking for cameras just now. Try again in a moment.")
        self._discovers = True
        try:
            return {"ok": True, "found": await self._found(min(max(0.1, float(seconds)), LONGEST_DISCOVERY))}
        finally:
            self._discovers = False

    async def _found(self, seconds: float) -> list[Answer]:
        try:
            discover = importlib.import_module("camera.discovery").discover
        except ImportError as error:
            raise PtzError(
                Code.NOT_SUPPORTED, f"Looking for cameras is not available here ({error.name} is missing)."
            ) from None
        known = await self._known()
        loopback = settings.ALLOW_LOOPBACK_CAMERAS
        # It waits for answers, and is no coroutine.
        cameras = await asyncio.to_thread(discover, seconds, known=known, allow_loopback=loopback)
        return [asdict(one) for one in cameras[:_MOST_FOUND]]


def ask_camera(endpoint: str, values: dict[str, str]) -> Answer:
    """For a command line: what the camera with that log-in says of itself, as the command `describe` answers it. By
    the engine where that runs (it may stand in another network), else by ourselves. Takes up to 15 s."""
    with contextlib.suppress(EngineDownError):
        ask_engine(endpoint, "ping", {}, seconds=1.0)
        return ask_engine(endpoint, "describe", {"login": values}, seconds=LONGEST_DESCRIPTION)[0]
    try:
        return {"ok": True} | told(asyncio.run(description(read_login(values), driver_for)))
    except PtzError as error:
        return {"ok": False, "code": str(error.code), "error": str(error)}


async def description(login: Login, make: Make) -> Description:
    """What that camera says of itself; nothing stays open. Raises PtzError."""
    link = Link(login, make)
    try:
        return await link.use(lambda driver: driver.describe())
    finally:
        await link.close()


def told(found: Description) -> Answer:
    """As it goes over COMMAND."""
    return {
        "model": found.model,
        "firmware": found.firmware,
        "abilities": sorted(str(can) for can in found.abilities),
        "streams": [asdict(stream) for stream in found.streams],
        "snapshot": found.snapshot,
    }


def read_login(values: object) -> Login:
    """The log-in of a camera that is to be asked. Raises PtzError."""
    fields = ("address", "username", "password", "cloud_password")
    told = [values.get(name, "") for name in fields] if isinstance(values, dict) else []
    words = [word for word in told if isinstance(word, str) and len(word) <= _FIELD]
    if len(words) < len(fields):
        raise PtzError(Code.FAILED, "The description of the camera cannot be read.")
    try:
        address = parse_source(words[0])
    except AddressError as error:
        raise PtzError(Code.FAILED, str(error)) from None
    if address.kind not in CONTROLLED:
        raise PtzError(Code.NOT_SUPPORTED, "A camera of this kind cannot be asked what it is.")
    username, password = words[1] or address.username, words[2] or address.password
    return Login(address.address, username, password, words[3], settings.ALLOW_LOOPBACK_CAMERAS)
