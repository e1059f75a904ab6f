"""What the tests of moving share: a camera's control that does what the test says, and time that passes at once."""

import asyncio
import selectors
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from camera.engine.mov_state import Shown
from camera.engine.movable import Control
from camera.engine.mover import Mover
from camera.engine.moving import refusal
from camera.ptz.driver import Can, Description, Login, Motion, Preset, PtzError, Stream, Switches

EVERYTHING = frozenset(Can) - {Can.EVENTS, Can.DOORBELL}
Call = tuple[float, str, tuple[Any, ...]]


class ScriptedDriver:
    """A camera's control in memory. `faults` has errors by method, raised once each in their order; `delays` how many
    seconds a method takes. All that were made stand in `made`, by address."""

    made: dict[str, list["ScriptedDriver"]] = defaultdict(list)
    # What the next one is made with, by address.
    told: dict[str, dict[str, Any]] = {}

    def __init__(self, login: Login) -> None:
        self.login = login
        self.calls: list[Call] = []
        self.faults: dict[str, list[PtzError]] = defaultdict(list)
        self.delays: dict[str, float] = {}
        self.description = Description("C200", "1.0", EVERYTHING, (Stream("rtsp://10.9.9.9/stream1"),))
        self.kept = [Preset("1", "Door"), Preset("2", "Gate")]
        self.stand = Switches(privacy=False, led=True, alarm=False, night="auto")
        self.news: list[Motion | PtzError] = []
        self.is_closed = False
        vars(self).update(self.told.get(login.address, {}))
        self.made[login.address].append(self)

    async def _call(self, name: str, *values: Any) -> None:
        self.calls.append((asyncio.get_running_loop().time(), name, values))
        if name in self.delays:
            await asyncio.sleep(self.delays[name])
        if self.faults[name]:
            raise self.faults[name].pop(0)

    async def describe(self) -> Description:
        await self._call("describe")
        return self.description

    async def move(self, pan: float, tilt: float, zoom: float) -> None:
        await self._call("move", pan, tilt, zoom)

    async def stop(self) -> None:
        await self._call("stop")

    async def presets(self) -> list[Preset]:
        await self._call("presets")
        return list(self.kept)

    async def go(self, preset: str) -> None:
        await self._call("go", preset)

    async def save(self, name: str) -> Preset:
        await self._call("save", name)
        self.kept.append(Preset(str(len(self.kept) + 1), name))
        return self.kept[-1]

    async def delete(self, preset: str) -> None:
        await self._call("delete", preset)
        self.kept = [one for one in self.kept if one.token != preset]

    async def home(self) -> None:
        await self._call("home")

    async def switches(self) -> Switches:
        await self._call("switches")
        return self.stand

    async def switch(self, what: Can, value: bool | str) -> None:
        await self._call("switch", what, value)
        self.stand = replace(self.stand, **{str(what): value})

    async def motion(self) -> list[Motion]:
        await self._call("motion")
        if not self.news:
            await asyncio.sleep(10)
            return []
        news = self.news.pop(0)
        if isinstance(news, PtzError):
            raise news
        return [news]

    async def close(self) -> None:
        self.calls.append((asyncio.get_running_loop().time(), "close", ()))
        self.is_closed = True

    def names(self, *only: str) -> list[str]:
        return [name for _, name, _ in self.calls if not only or name in only]

    def times(self, name: str) -> list[float]:
        return [at for at, called, _ in self.calls if called == name]


class _Leap(selectors.SelectSelector):
    """Waits for nothing: the time that would have passed has."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing will ever happen"
            # Rounded for the eye, but never down: a timer that comes too soon would come again and again.
            self.now = max(round(self.now + timeout, 9), self.now + timeout)
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock leaps to the next thing that is due."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        return self._leap.now


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it to its end, with all that it has begun."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(scene())


class House:
    """What a mover tells, and a camera it moves. To be made inside the loop."""

    def __init__(self, hears: bool = False, lacks_streams: bool = False, **control: Any) -> None:
        address = "tapo://10.9.9.9"
        self.login = Login(address, "cam", "S3CRETpw", "C10UDpw")
        usual = {"speed": 1.0} | control
        self.control = Control(self.login, slug="yard", hears=hears, lacks_streams=lacks_streams, **usual)
        self.drivers: list[ScriptedDriver] = []
        self.views: list[Shown] = []
        self.motions: list[Motion] = []
        self.kept: list[Description] = []
        self.written: list[tuple[str, str, dict[str, Any]]] = []
        self.prepare: Callable[[ScriptedDriver], None] = lambda driver: None

    def begin(self) -> Mover:
        self.mover = Mover(7, self.control, self, self._make)
        return self.mover

    def _make(self, login: Login) -> ScriptedDriver:
        driver = ScriptedDriver(login)
        self.prepare(driver)
        self.drivers.append(driver)
        return driver

    @property
    def driver(self) -> ScriptedDriver:
        return self.drivers[-1]

    @property
    def view(self) -> Shown:
        return self.views[-1] if self.views else Shown()

    def shown(self, camera: int, shown: Shown) -> None:
        self.views.append(shown)

    def learnt(self, camera: int, control: Control, found: Description) -> None:
        self.kept.append(found)

    def stirred(self, camera: int, motion: Motion) -> None:
        self.motions.append(motion)

    def wrote(self, who: str, what: str, values: dict[str, Any]) -> None:
        self.written.append((who, what, values))

    async def ask(self, do: str, by: str = "bob", holder: str = "", **values: Any) -> dict[str, Any]:
        """The answer to a command, as web would get it."""
        body = {"camera": 7, "do": do, "by": by, "user": 1, "holder": holder or f"{by}-page", **values}
        try:
            return await self.mover.ask(body)
        except PtzError as error:
            return refusal(error)

    async def settled(self) -> None:
        """Until what was begun at this moment is done; no time passes."""
        for _ in range(30):
            await asyncio.sleep(0)
