"""What people ask of one camera that can be moved or switched, one after another."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from camera.engine.mov_state import Host, Standing, now
from camera.engine.movable import Control, Make
from camera.engine.movement import Course, Movement, Who
from camera.ptz.driver import Can, Code, Description, Preset, PtzError, Switches

_NAME, _WHO = 60, 150
# What waits for one camera at most.
MOST_WAITING = 16
SWITCHES = {"privacy": Can.PRIVACY, "led": Can.LED, "alarm": Can.ALARM, "night": Can.NIGHT}
_NIGHT = ("auto", "on", "off")
Answer = dict[str, Any]


class Mover:
    """Lives in the loop of moving.py. `ask` answers the command `ptz`; `change` and `close` follow the camera's row."""

    def __init__(self, camera: int, control: Control, host: Host, make: Make) -> None:
        self._host = host
        self._standing = Standing(camera, control, host, make)
        self._link = self._standing.link
        self._movement: Movement | None = None
        self._presets: tuple[float, list[Preset]] = -math.inf, []
        self._waiting = 0
        self._handlers: dict[str, Callable[[Answer, Who], Awaitable[Answer]]] = {
            "move": self._move, "goto": self._goto, "save": self._save, "delete": self._delete, "home": self._home,
            "switch": self._switch, "info": self._info,
        }  # fmt: skip

    @property
    def control(self) -> Control:
        return self._standing.control

    def change(self, control: Control) -> None:
        """The row has changed, but neither address nor log-in."""
        self._standing.change(control)

    async def close(self) -> None:
        """Stop the camera first, then give everything back."""
        self._standing.mute()
        await self._stop(self._movement)
        await self._standing.close()

    async def ask(self, body: Answer) -> Answer:
        """The answer to a `ptz` command, {"ok": True, …}. Raises PtzError."""
        name, holder = body.get("by"), body.get("holder", "")
        if not (isinstance(name, str) and 0 < len(name) <= _WHO and isinstance(holder, str) and len(holder) <= _WHO):
            raise PtzError(Code.FAILED, "The command does not say who gives it.")
        handler = self._handlers.get(str(body.get("do")))
        if handler is None:
            raise PtzError(Code.FAILED, "There is no such command for cameras.")
        if self._waiting >= MOST_WAITING:
            raise PtzError(Code.BUSY, "Too much is asked of this camera at once. Try again in a moment.")
        self._waiting += 1
        try:
            return {"ok": True} | await handler(body, Who(name, holder))
        finally:
            self._waiting -= 1

    # To move.

    async def _move(self, body: Answer, who: Who) -> Answer:
        course, seconds = read_course(body)
        current = self._mine(who)
        if course.stands:
            if current is None and self._standing.found is not None:
                # Nothing is known to move here; whoever presses «stop» means it.
                await self._link.use(lambda driver: driver.stop())
            await self._stop(current)
            return {}
        if self._standing.found is not None:
            check(self._standing.found, course)
        if current is None:
            current = self._movement = Movement(who, self._link, self._ready, self._driven, self._ended)
            self._standing.busy = True
            self._standing.tell(mover=who.name)
        current.go(course, seconds)
        if (error := await asyncio.shield(current.begun)) is not None:
            raise error
        return {}

    def _mine(self, who: Who) -> Movement | None:
        """The movement that goes on, if it is theirs. Raises PtzError (BUSY) where it is somebody else's."""
        current = self._movement
        if current is not None and current.who.holder != who.holder:
            raise PtzError(Code.BUSY, f"{current.who.name} is moving it just now.")
        return current

    async def _ready(self, course: Course) -> None:
        check(await self._standing.enter(), course)

    def _driven(self, course: Course) -> tuple[float, float, float]:
        return course.driven(self.control)

    @staticmethod
    async def _stop(current: Movement | None) -> None:
        if current is not None:
            current.end()
            await current.over()

    def _ended(self, movement: Movement) -> None:
        self._movement, self._standing.busy = None, False
        self._standing.tell(mover="")
        if movement.has_moved:
            values = {"direction": ", ".join(movement.directions)[:100], "seconds": round(movement.seconds, 1)}
            self._wrote(movement.who, "moved camera {}", values)

    def _wrote(self, who: Who, what: str, values: dict[str, Any]) -> None:
        self._host.wrote(who.name, what.format(self.control.slug), values)

    # To send it to a position.

    async def _placing(self, who: Who, needs: Can) -> None:
        """Before the camera is sent somewhere, or asked where it stands. Raises PtzError."""
        self._mine(who)
        await self._need(needs)
        await self._stop(self._mine(who))

    async def _need(self, needs: Can) -> None:
        if needs not in (await self._standing.enter()).abilities:
            raise PtzError(Code.NOT_SUPPORTED, "This camera cannot do that.")

    async def _goto(self, body: Answer, who: Who) -> Answer:
        await self._placing(who, Can.PRESETS)
        preset = await self._preset(body.get("preset"))
        await self._link.use(lambda driver: driver.go(preset.token))
        self._wrote(who, "sent camera {} to a position", {"position": preset.name})
        return {}

    async def _home(self, body: Answer, who: Who) -> Answer:
        await self._placing(who, Can.HOME)
        await self._link.use(lambda driver: driver.home())
        self._wrote(who, "sent camera {} to a position", {"position": "home"})
        return {}

    async def _save(self, body: Answer, who: Who) -> Answer:
        name = body.get("name")
        if not isinstance(name, str) or not name.strip() or len(name) > _NAME or not name.isprintable():
            raise PtzError(Code.FAILED, f"A position needs a name of at most {_NAME} letters.")
        await self._placing(who, Can.PRESETS)
        saved = await self._link.use(lambda driver: driver.save(name.strip()))
        self._presets = -math.inf, []
        self._wrote(who, "saved a position of camera {}", {"position": saved.name})
        return {"preset": {"token": saved.token, "name": saved.name}}

    async def _delete(self, body: Answer, who: Who) -> Answer:
        await self._need(Can.PRESETS)
        preset = await self._preset(body.get("preset"))
        await self._link.use(lambda driver: driver.delete(preset.token))
        self._presets = -math.inf, []
        self._wrote(who, "deleted a position of camera {}", {"position": preset.name})
        return {}

    async def _preset(self, wanted: object) -> Preset:
        """By its token, or else by its name. Raises PtzError."""
        for is_again in (False, True) if isinstance(wanted, str) else ():
            presets = await self._known_presets(again=is_again)
            found = [one for one in presets if one.token == wanted]
            found += [one for one in presets if one.name.casefold() == str(wanted).casefold()]
            if found:
                return found[0]
        raise PtzError(Code.NO_PRESET, "The camera knows no such position.")

    async def _known_presets(self, *, again: bool = False) -> list[Preset]:
        if again or not self._standing.is_fresh(self._presets[0]):
            presets = await self._link.use(lambda driver: driver.presets())
            self._presets = now(), presets
        return self._presets[1]

    # To switch, and to know.

    async def _switch(self, body: Answer, who: Who) -> Answer:
        what, value = str(body.get("what")), body.get("value")
        can = SWITCHES.get(what)
        is_good = isinstance(value, str) and value in _NIGHT if can == Can.NIGHT else isinstance(value, bool)
        if can is None or not is_good or not isinstance(value, bool | str):
            raise PtzError(Code.FAILED, "There is no such switch, or it cannot be set so.")
        await self._need(can)
        await self._standing.switch(can, value)
        self._wrote(who, "switched camera {}", {what: value})
        return {}

    async def _info(self, body: Answer, who: Who) -> Answer:
        found = await self._standing.enter()
        presets = await self._known_presets() if Can.PRESETS in found.abilities else []
        has_switches = bool(found.abilities & set(SWITCHES.values()))
        switches = await self._standing.switches() if has_switches else Switches()
        return {
            "abilities": sorted(str(can) for can in found.abilities),
            "model": found.model,
            "presets": [{"token": one.token, "name": one.name} for one in presets],
            "switches": {name: getattr(switches, name) for name in SWITCHES},
            "moving_by": self._movement.who.name if self._movement is not None else None,
        }


def check(found: Description, course: Course) -> None:
    """Raises PtzError where the camera cannot go that way."""
    if (course.pan or course.tilt) and Can.PAN_TILT not in found.abilities:
        raise PtzError(Code.NOT_SUPPORTED, "This camera has no motor.")
    if course.zoom and Can.ZOOM not in found.abilities:
        raise PtzError(Code.NOT_SUPPORTED, "This camera cannot zoom.")


def read_course(body: Answer) -> tuple[Course, float]:
    """Where to, and for how many seconds. Raises PtzError for what is no number or out of range."""
    values = [body.get(name, 0.0) for name in ("pan", "tilt", "zoom")]
    seconds: Any = body.get("seconds", 0.5)
    if not all(_is_number(one) for one in (*values, seconds)):
        raise PtzError(Code.FAILED, "Pan, tilt, zoom and seconds are numbers.")
    if not (all(-1 <= one <= 1 for one in values) and seconds >= 0):
        raise PtzError(Code.FAILED, "Pan, tilt and zoom are from -1 to 1, and seconds are not below 0.")
    return Course(*map(float, values)), float(seconds)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def refusal(error: PtzError) -> Answer:
    """The answer that says why something did not work."""
    return {"ok": False, "code": str(error.code), "error": str(error)}
