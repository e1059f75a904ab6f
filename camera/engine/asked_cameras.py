"""Cameras that are not saved yet: what one says of itself, and which there are in the house's network."""

import asyncio
import importlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from django.conf import settings

from camera.addresses import CONTROLLED, AddressError, parse_source
from camera.engine.movable import Link, Make
from camera.ptz.driver import Code, Description, Login, PtzError

# Asked at once; who comes then is to try again.
MOST_DESCRIBED = 4
LONGEST_DISCOVERY = 5.0
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
        # It listens on sockets of its own, and is no coroutine.
        cameras = await asyncio.to_thread(discover, seconds)
        known = await self._known()
        return [
            {"address": one.address, "host": one.host, "name": one.name, "model": one.model}
            | {"known": one.host.lower() in known}
            for one in cameras[:_MOST_FOUND]
        ]


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
