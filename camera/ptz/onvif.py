"""ONVIF cameras. The door only: what speaks the protocol takes seconds to load, and is loaded in a thread."""

import asyncio
import importlib
import time
from typing import TYPE_CHECKING

from camera.ptz.driver import Can, Code, Description, Login, Motion, Preset, PtzError, Switches

if TYPE_CHECKING:
    from camera.ptz.onvif_camera import OnvifCamera

# How long loading is waited for, in seconds. It counts for the method that waits.
PATIENCE = 5.0


class OnvifDriver:
    """One ONVIF camera at `onvif://HOST[:PORT][/PATH]`; the path of its device service is /onvif/device_service where
    none is given."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._camera: OnvifCamera | None = None

    async def _loaded(self) -> "OnvifCamera":
        if self._camera is None:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    module = await asyncio.to_thread(importlib.import_module, "camera.ptz.onvif_camera")
            except ImportError as error:
                raise PtzError(Code.FAILED, f"A library for ONVIF cameras is missing ({error.name}).") from None
            except TimeoutError:
                raise PtzError(Code.BUSY, "What speaks to ONVIF cameras is still being loaded.", 5.0) from None
            # Two tasks may have waited.
            self._camera = self._camera or module.OnvifCamera(self._login, time.monotonic() - begun)
        return self._camera

    async def describe(self) -> Description:
        return await (await self._loaded()).describe()

    async def move(self, pan: float, tilt: float, zoom: float) -> None:
        await (await self._loaded()).move(pan, tilt, zoom)

    async def stop(self) -> None:
        await (await self._loaded()).stop()

    async def presets(self) -> list[Preset]:
        return await (await self._loaded()).presets()

    async def go(self, preset: str) -> None:
        await (await self._loaded()).go(preset)

    async def save(self, name: str) -> Preset:
        return await (await self._loaded()).save(name)

    async def delete(self, preset: str) -> None:
        await (await self._loaded()).delete(preset)

    async def home(self) -> None:
        await (await self._loaded()).home()

    async def switches(self) -> Switches:
        return await (await self._loaded()).switches()

    async def switch(self, what: Can, value: bool | str) -> None:
        await (await self._loaded()).switch(what, value)

    async def motion(self) -> list[Motion]:
        return await (await self._loaded()).motion()

    async def close(self) -> None:
        if self._camera is not None:
            await self._camera.close()
