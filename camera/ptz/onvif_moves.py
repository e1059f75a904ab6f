"""How an ONVIF camera moves: what its node can do, and the commands for it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from zeep.exceptions import Fault

from camera.ptz.driver import Code, Preset, PtzError
from camera.ptz.onvif_faults import names

# A movement ends by itself after this, should the house fall silent; it is repeated before that while it goes on.
RUNS = timedelta(seconds=5)
AGAIN = 2.0
# A step of a camera that knows only steps, as a part of its range.
STEP = 0.1
# How long one command may take, in seconds.
_PATIENCE = 4.0
MOST_PRESETS = 300
NO_MOTOR = "This camera has no motor."
NO_ZOOM = "This camera cannot zoom."
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axes:
    """One way of moving: the ranges of its values, None for what it does not move."""

    x: Range | None = None
    y: Range | None = None
    zoom: Range | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """What a camera's motor can do. `profile` and `runs`: as its commands want them."""

    profile: str
    continuous: Axes = Axes()
    relative: Axes = Axes()
    absolute: Axes = Axes()
    presets: bool = False
    home: bool = False
    runs: timedelta = RUNS

    @property
    def pan_tilt(self) -> bool:
        return any(axes.x is not None for axes in (self.continuous, self.relative, self.absolute))

    @property
    def zoom(self) -> bool:
        return any(axes.zoom is not None for axes in (self.continuous, self.relative, self.absolute))


async def reach(ptz: Any, profile: str, configuration: Any) -> Reach:
    """Ask the camera what its motor can do."""
    node = await ptz.GetNode({"NodeToken": configuration.NodeToken})
    spaces = node.SupportedPTZSpaces
    return Reach(
        profile,
        _axes(spaces.ContinuousPanTiltVelocitySpace, spaces.ContinuousZoomVelocitySpace),
        _axes(spaces.RelativePanTiltTranslationSpace, spaces.RelativeZoomTranslationSpace),
        _axes(spaces.AbsolutePanTiltPositionSpace, spaces.AbsoluteZoomPositionSpace),
        presets=(node.MaximumNumberOfPresets or 0) > 0,
        home=bool(node.HomeSupported),
        runs=await _runs(ptz, configuration),
    )


def _axes(pan_tilt: Any, zoom: Any) -> Axes:
    x = y = far = None
    # The generic space is the first one; others are degrees or parts of the picture.
    if pan_tilt:
        chosen = next((one for one in pan_tilt if "Generic" in str(one.URI)), pan_tilt[0])
        x, y = _range(chosen.XRange), _range(chosen.YRange)
    if zoom:
        chosen = next((one for one in zoom if "Generic" in str(one.URI)), zoom[0])
        far = _range(chosen.XRange)
    return Axes(x, y, far)


def _range(said: Any) -> Range:
    try:
        low, high = float(said.Min), float(said.Max)
    except (AttributeError, TypeError, ValueError):
        return (-1.0, 1.0)
    # False for nan as well.
    return (low, high) if -1e6 < low < high < 1e6 else (-1.0, 1.0)


async def _runs(ptz: Any, configuration: Any) -> timedelta:
    """For how long a movement may go on at most, as far as the camera allows what we want."""
    try:
        options = await ptz.GetConfigurationOptions({"ConfigurationToken": configuration.token})
        low, high = options.PTZTimeout.Min, options.PTZTimeout.Max
        return min(max(RUNS, low), high) if timedelta() < high and low <= high else RUNS
    except (Fault, AttributeError, TypeError):
        return RUNS


class Motor:
    """Moves one camera."""

    def __init__(self, ptz: Any, can: Reach) -> None:
        self._ptz, self._can = ptz, can
        self._going: tuple[float, float, float] | None = None
        self._said_at = 0.0

    async def move(self, pan: float, tilt: float, zoom: float) -> None:
        can, wanted = self._can, (_whole(pan), _whole(tilt), _whole(zoom))
        if not can.pan_tilt and (pan or tilt):
            raise PtzError(Code.NOT_SUPPORTED, NO_MOTOR)
        if not can.zoom and zoom and not (pan or tilt):
            raise PtzError(Code.NOT_SUPPORTED, NO_ZOOM)
        turns, zooms = bool(pan or tilt), bool(zoom and can.zoom)
        for axes, way in (
            (can.continuous, self._continuous),
            (can.relative, self._relative),
            (can.absolute, self._absolute),
        ):
            if (axes.x is not None or not turns) and (axes.zoom is not None or not zooms):
                await way(*wanted)
                return
        # Turns in one way and zooms in another: what is asked for first is done.
        await self.move(pan, tilt, 0.0)

    async def _continuous(self, pan: float, tilt: float, zoom: float) -> None:
        now = time.monotonic()
        # Some cameras stutter when they are told the same again and again.
        if (pan, tilt, zoom) == self._going and now - self._said_at < min(AGAIN, self._can.runs.total_seconds() / 2):
            return
        velocity = _vector(self._can.continuous, pan, tilt, zoom)
        self._going, self._said_at = (pan, tilt, zoom), now
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._ptz.ContinuousMove(
                    {"ProfileToken": self._can.profile, "Velocity": velocity, "Timeout": self._can.runs}
                )
        except BaseException:
            self._going = None
            raise

    async def _relative(self, pan: float, tilt: float, zoom: float) -> None:
        step = _vector(self._can.relative, pan * STEP, tilt * STEP, zoom * STEP)
        async with asyncio.timeout(_PATIENCE):
            await self._ptz.RelativeMove({"ProfileToken": self._can.profile, "Translation": step})

    async def _absolute(self, pan: float, tilt: float, zoom: float) -> None:
        axes = self._can.absolute
        async with asyncio.timeout(_PATIENCE):
            position = (await self._ptz.GetStatus({"ProfileToken": self._can.profile})).Position
            before, after, target = [], [], {}
            if axes.x and axes.y and position.PanTilt is not None:
                before += [float(position.PanTilt.x), float(position.PanTilt.y)]
                after += [_on(before[0], pan, axes.x), _on(before[1], tilt, axes.y)]
                target["PanTilt"] = {"x": after[0], "y": after[1]}
            if axes.zoom and position.Zoom is not None:
                before.append(float(position.Zoom.x))
                after.append(_on(before[-1], zoom, axes.zoom))
                target["Zoom"] = {"x": after[-1]}
            if before == after:
                raise PtzError(Code.AT_THE_END, "It cannot move any further that way.")
            await self._ptz.AbsoluteMove({"ProfileToken": self._can.profile, "Position": target})

    async def stop(self) -> None:
        """Asks twice where the first time fails; the camera's own time-out is the third chance."""
        self._going = None
        words = {"ProfileToken": self._can.profile, "PanTilt": self._can.pan_tilt, "Zoom": self._can.zoom}
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._ptz.Stop(words)
        except (Fault, TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(_PATIENCE):
                # Without more words it stops everything; some take no others.
                await self._ptz.Stop({"ProfileToken": self._can.profile})

    async def presets(self) -> list[Preset]:
        found = await self._ptz.GetPresets({"ProfileToken": self._can.profile}) or []
        return [
            Preset(str(one.token)[:100], str(one.Name or one.token).strip()[:100])
            for one in found[:MOST_PRESETS]
            if one.token
        ]

    async def go(self, preset: str) -> None:
        await self._with(preset, self._ptz.GotoPreset)

    async def delete(self, preset: str) -> None:
        await self._with(preset, self._ptz.RemovePreset)

    async def _with(self, preset: str, ask: Any) -> None:
        self._going = None
        try:
            await ask({"ProfileToken": self._can.profile, "PresetToken": preset})
        except Fault as error:
            # Cameras have many words for a position they do not know.
            if "NotAuthorized" not in names(error) and preset not in {one.token for one in await self.presets()}:
                raise PtzError(Code.NO_PRESET, "The camera does not know that position any more.") from None
            raise

    async def save(self, name: str) -> Preset:
        known = {one.name: one.token for one in await self.presets()}
        words = {"ProfileToken": self._can.profile, "PresetName": name}
        if name in known:
            words["PresetToken"] = known[name]
        token = await self._ptz.SetPreset(words)
        return Preset(str(token or known.get(name, ""))[:100], name)

    async def home(self) -> None:
        self._going = None
        await self._ptz.GotoHomePosition({"ProfileToken": self._can.profile})


def _whole(value: float) -> float:
    """Within -1 … 1."""
    return max(-1.0, min(1.0, float(value)))


def _scaled(value: float, of: Range) -> float:
    """-1 … 1 as a value of the camera's range; a range that begins at nought knows one direction only."""
    return round(value * (of[1] if value >= 0 else max(0.0, -of[0])), 4)


def _vector(axes: Axes, pan: float, tilt: float, zoom: float) -> dict[str, dict[str, float]]:
    words: dict[str, dict[str, float]] = {}
    if axes.x is not None and axes.y is not None:
        words["PanTilt"] = {"x": _scaled(pan, axes.x), "y": _scaled(tilt, axes.y)}
    if axes.zoom is not None:
        words["Zoom"] = {"x": _scaled(zoom, axes.zoom)}
    return words


def _on(position: float, part: float, of: Range) -> float:
    """A step on from there, within the range."""
    return round(max(of[0], min(of[1], position + part * STEP * (of[1] - of[0]))), 4)
