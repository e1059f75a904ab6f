"""Cameras that are more than a stream: what they can do, asked and told by their makers' protocols. Engine only.

A kind is one line in KINDS and one module, imported on first use: a library that is missing breaks its kind alone.
"""

import importlib
from typing import cast

from camera.ptz.driver import Code, Driver, Login, PtzError

KINDS: dict[str, str] = {
    "tapo": "camera.ptz.tapo:TapoDriver",
    "onvif": "camera.ptz.onvif:OnvifDriver",
}


def driver_for(login: Login) -> Driver:
    """The control of that camera, not entered yet. Raises PtzError where there is none for its kind of address."""
    kind = login.address.partition(":")[0]
    if kind not in KINDS:
        raise PtzError(Code.NOT_SUPPORTED, "This camera cannot be moved or switched from here.")
    module, _, name = KINDS[kind].partition(":")
    try:
        made = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise PtzError(Code.FAILED, f"A library for this kind of camera is missing ({error.name}).") from None
    return cast(Driver, made(login))
