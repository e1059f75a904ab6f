"""One ONVIF camera: entered once, asked by the library, every word of it within a time, every fault in words."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import ClientError
from zeep.exceptions import Error as ZeepError
from zeep.exceptions import Fault

from camera.addresses import host_and_port
from camera.ptz import onvif_media as media
from camera.ptz import onvif_moves as moves
from camera.ptz.driver import Can, Code, Description, Login, Motion, Preset, PtzError, Switches
from camera.ptz.onvif_events import PARTING, Events, has_button
from camera.ptz.onvif_faults import AnswerError, RefusedError, is_refusal, refusals, told
from camera.ptz.onvif_line import Line
from camera.sources import net

log = logging.getLogger(__name__)

# How long a method may take in seconds.
LONGEST = 9.5
# A camera that was entered this lately and refuses something does not mean the log-in.
_FRESH = 30.0
# What it takes to ask for its button counts for that time. Seconds.
_BUTTON = 2.5
_PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
_IMAGING = "http://www.onvif.org/ver20/imaging/wsdl"
_EVENTS = "http://www.onvif.org/ver10/events/wsdl"
T = TypeVar("T")


@dataclass(slots=True)
class Entered:
    """A camera whose log-in was taken, and what it said of itself."""

    line: Line
    host: str
    model: str
    firmware: str
    profiles: list[media.Profile]
    events: Events
    motor: moves.Motor | None = None
    can: moves.Reach | None = None
    night: frozenset[str] = frozenset()
    has_button: bool = False
    at: float = field(default_factory=time.monotonic)

    @property
    def source(self) -> str:
        return next((one.source for one in self.profiles if one.source), "")

    def abilities(self) -> frozenset[Can]:
        can = self.can
        offered = {
            Can.PAN_TILT: can is not None and can.pan_tilt,
            Can.ZOOM: can is not None and can.zoom,
            Can.PRESETS: can is not None and can.presets,
            Can.HOME: can is not None and can.home,
            Can.NIGHT: len(self.night) > 1,
            Can.EVENTS: _EVENTS in self.line.xaddrs,
            Can.DOORBELL: self.has_button,
        }
        return frozenset(ability for ability, there in offered.items() if there)

    async def leave(self) -> None:
        await self.events.close()
        with contextlib.suppress(Exception):
            await self.line.close()


class OnvifCamera:
    """The methods are the driver's (camera/ptz/driver.py). `late`: seconds that the first of them has waited."""

    def __init__(self, login: Login, late: float = 0.0) -> None:
        self._login, self._late = login, late
        self._host = host_and_port(login.address)[0]
        self._door = asyncio.Lock()
        self._entered: Entered | None = None

    async def describe(self) -> Description:
        try:
            return await self._do(self._describe)
        except PtzError:
            # It may be another camera by now: next time it is entered afresh.
            await self._leave()
            raise

    async def _describe(self, it: Entered) -> Description:
        # Asked anew: it also tells whether the camera is still there.
        it.profiles = await media.profiles(it.line)
        return Description(
            it.model,
            it.firmware,
            it.abilities(),
            await media.streams(it.line, it.profiles, it.host),
            await media.snapshot(it.line, it.profiles, it.host),
        )

    async def move(self, pan: float, tilt: float, zoom: float) -> None:
        if not (pan or tilt or zoom):
            await self.stop()
            return
        await self._do(lambda it: _motor(it).move(pan, tilt, zoom))

    async def stop(self) -> None:
        async def stop(it: Entered) -> None:
            if it.motor is not None:
                await it.motor.stop()

        await self._do(stop)

    async def presets(self) -> list[Preset]:
        return await self._do(lambda it: _motor(it).presets())

    async def go(self, preset: str) -> None:
        await self._do(lambda it: _motor(it).go(preset))

    async def save(self, name: str) -> Preset:
        return await self._do(lambda it: _motor(it).save(name))

    async def delete(self, preset: str) -> None:
        await self._do(lambda it: _motor(it).delete(preset))

    async def home(self) -> None:
        await self._do(lambda it: _motor(it).home())

    async def switches(self) -> Switches:
        async def ask(it: Entered) -> Switches:
            return Switches(night=await media.night(it.line, it.source) if it.night else None)

        return await self._do(ask)

    async def switch(self, what: Can, value: bool | str) -> None:
        async def ask(it: Entered) -> None:
            if what != Can.NIGHT or value not in it.night:
                raise PtzError(Code.NOT_SUPPORTED, "This camera has no such switch.")
            await media.set_night(it.line, it.source, str(value))

        await self._do(ask)

    async def motion(self) -> list[Motion]:
        begun = time.monotonic()

        async def wait(it: Entered) -> list[Motion]:
            if Can.EVENTS not in it.abilities():
                raise PtzError(Code.NOT_SUPPORTED, "This camera does not tell of movement.")
            return await it.events.wait(LONGEST - (time.monotonic() - begun))

        return await self._do(wait, 0.0)

    async def close(self) -> None:
        await self._leave()

    async def _do(self, work: Callable[[Entered], Awaitable[T]], farewell: float | None = None) -> T:
        """Enter if need be, work, and tell every fault as a PtzError; seconds for a `farewell` are left over."""
        late, self._late = self._late, 0.0
        try:
            async with asyncio.timeout(LONGEST - late - (PARTING if farewell is None else farewell)):
                it = await self._enter()
                try:
                    return await work(it)
                except Exception as error:
                    if not is_refusal(error):
                        raise
                return await self._again(it, work)
        except Exception as error:
            # A broken line is no reason to leave: the session makes another, and a stop may not wait for more.
            raise told(error, self._host) from None

    async def _again(self, it: Entered, work: Callable[[Entered], Awaitable[T]]) -> T:
        """After a refusal: the camera's clock may have been put right, or its password changed; else it is its user
        who may not do that."""
        if time.monotonic() - it.at > _FRESH:
            await self._leave()
            it = await self._enter()
            try:
                return await work(it)
            except Exception as error:
                if not is_refusal(error):
                    raise
        raise PtzError(Code.FAILED, "The camera does not allow its user that. Give it more rights in the camera.")

    async def _leave(self) -> None:
        it, self._entered = self._entered, None
        if it is not None:
            await it.leave()

    async def _enter(self) -> Entered:
        async with self._door:
            if self._entered is None:
                refusals.check(self._login)
                try:
                    self._entered = await _entered(self._login)
                except Exception as error:
                    refusals.note(self._login, error)
                    raise
                refusals.forget(self._login)
            return self._entered


def _motor(it: Entered) -> moves.Motor:
    if it.motor is None:
        raise PtzError(Code.NOT_SUPPORTED, moves.NO_MOTOR)
    return it.motor


async def _entered(login: Login) -> Entered:
    host, port = host_and_port(login.address)
    target = await asyncio.to_thread(net.resolve, host, port, login.allow_loopback)
    line = Line(target, urlsplit(login.address).path, login.username, login.password)
    try:
        device = await _with_its_clock(line)
        # The first question that wants the log-in; asked once, since cameras count wrong ones.
        information = await device.GetDeviceInformation()
        await line.find_services()
        it = Entered(
            line,
            host,
            media.model(information),
            media.clean(information.FirmwareVersion),
            await media.profiles(line),
            Events(line),
        )
        await _find_motor(it)
        await _find_night(it)
        await _find_button(it)
    except BaseException:
        await line.close()
        raise
    return it


async def _with_its_clock(line: Line) -> Any:
    """The device service, its log-ins dated by the camera's own clock: with another date they are refused."""
    device = await line.create_devicemgmt_service()
    try:
        line.dt_diff = _clock((await device.authless_GetSystemDateAndTime()).UTCDateTime) - datetime.now(UTC)
    except (Fault, RefusedError, AttributeError, TypeError, ValueError):
        return device  # it does not tell strangers, or not in a way one can read
    await line.forget(device)
    return await line.create_devicemgmt_service()


def _clock(said: Any) -> datetime:
    date, clock = said.Date, said.Time
    return datetime(date.Year, date.Month, date.Day, clock.Hour, clock.Minute, min(clock.Second, 59), tzinfo=UTC)


async def _find_motor(it: Entered) -> None:
    moved = next((one for one in it.profiles if one.ptz is not None), None)
    if moved is None or _PTZ not in it.line.xaddrs:
        return
    ptz = await it.line.create_ptz_service()
    try:
        it.can = await moves.reach(ptz, moved.token, moved.ptz)
    except (Fault, AttributeError, TypeError, AnswerError):
        return  # some list a motor they have not
    it.motor = moves.Motor(ptz, it.can)


async def _find_night(it: Entered) -> None:
    if _IMAGING not in it.line.xaddrs or not it.source:
        return
    with contextlib.suppress(Fault, AttributeError, TypeError, AnswerError):
        it.night = await media.night_modes(it.line, it.source)


async def _find_button(it: Entered) -> None:
    """As far as the camera says; whoever cannot is a doorbell when the house says so."""
    if _EVENTS not in it.line.xaddrs:
        return
    try:
        async with asyncio.timeout(_BUTTON):
            it.has_button = await has_button(it.line)
    except (ZeepError, ClientError, OSError, AttributeError, TypeError, ValueError, AnswerError, RefusedError) as error:
        log.info("%s does not say whether it has a button (%s)", it.host, type(error).__name__)
