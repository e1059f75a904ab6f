"""What is known of one camera that can be moved or switched: what it is, how its switches stand, what it says moves."""

import asyncio
import contextlib
import logging
import math
import time
from dataclasses import dataclass
from typing import Any, Protocol

from camera.engine.movable import LOST, Control, Link, Make
from camera.ptz.driver import Button, Can, Code, Description, Driver, Motion, PtzError, Switches

logger = logging.getLogger(__name__)

# How the privacy switch stands is looked at so often; what was learnt is told again for so long. Seconds.
POLL, FRESH = 10.0, 10.0
# After a failure: seconds to the next try, doubled each time.
RETRY, LONGEST_RETRY = 5.0, 300.0
# After so many failures nobody knows any more how the switch stands.
FORGET_AFTER = 3
# A camera's clock that is further off than this is not believed. Seconds.
CLOCK_OFF = 10.0
# From one question for motion to the next: after news, and after none. Seconds.
_HEAR_EVERY, _HEAR_NOTHING = 0.1, 0.5
_MOST_NEWS = 20
_NO_STREAMS = PtzError(Code.NOT_SUPPORTED, "The camera names no stream of pictures.")


@dataclass(frozen=True, slots=True)
class Shown:
    """What pages are to see of it. `private_since`: seconds since the epoch, 0 while privacy is off; `trouble`: why
    nobody knows where its pictures are, since `trouble_since`."""

    mover: str = ""
    private_since: float = 0.0
    trouble: PtzError | None = None
    trouble_since: float = 0.0


class Host(Protocol):
    """Where a camera's control tells what it has to tell; none of these waits."""

    def shown(self, camera: int, shown: Shown) -> None: ...

    def learnt(self, camera: int, control: Control, found: Description) -> None: ...

    def stirred(self, camera: int, motion: Motion) -> None: ...

    def wrote(self, who: str, what: str, values: dict[str, Any]) -> None: ...


class Standing:
    """Asks once what the camera is; then looks at the privacy switch and hears of motion, where it has these. `busy`
    is set while the line is somebody else's."""

    def __init__(self, camera: int, control: Control, host: Host, make: Make) -> None:
        self.control, self.link = control, Link(control.login, make)
        if control.is_lost:
            self.link.refuse(PtzError(Code.WRONG_PASSWORD, LOST))
        self.found: Description | None = None
        self.busy = False
        self._camera, self._host = camera, host
        self._shown = Shown()
        self._switches: tuple[float, Switches] = -math.inf, Switches()
        self._says_motion = self._is_mute = False
        self._again = asyncio.Event()
        self._hearing: asyncio.Task[None] | None = None
        self._watching = asyncio.create_task(self._watch(), name="camera-watch")

    def change(self, control: Control) -> None:
        """The row has changed, but neither address nor log-in."""
        before, self.control = self.control, control
        if control.version != before.version and not control.is_lost:
            self.link.forgive()
            self._again.set()
        if self.found is not None:
            self._listen()
            # What was learnt is not written over a row that has changed meanwhile.
            self._host.learnt(self._camera, control, self.found)

    def mute(self) -> None:
        """Somebody else tells pages of this camera from now on."""
        self._is_mute = True

    async def close(self) -> None:
        """Give everything back."""
        tasks = [task for task in (self._watching, self._hearing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._quiet()
        await self.link.close()

    async def enter(self) -> Description:
        """What the camera is, asked once. Raises PtzError."""
        if self.found is None:
            found = await self.link.use(self._describe)
            self._host.learnt(self._camera, self.control, found)
            is_blind = self.control.lacks_streams and not found.streams
            self.tell(trouble=_NO_STREAMS if is_blind else None, trouble_since=time.time() if is_blind else 0.0)
            self._listen()
        assert self.found is not None
        return self.found

    async def switches(self) -> Switches:
        """How they stand, or stood a moment ago. Raises PtzError."""
        at, switches = self._switches
        return switches if self.is_fresh(at) else await self._look_at_switches()

    def is_fresh(self, at: float) -> bool:
        """Whether what was learnt then is to be told again; anything is while the line is somebody else's."""
        return now() - at <= FRESH or (self.busy and at > -math.inf)

    async def switch(self, can: Can, value: bool | str) -> None:
        """Raises PtzError."""
        self._switches = -math.inf, Switches()
        await self.link.use(lambda driver: driver.switch(can, value))
        if can == Can.PRIVACY:
            self._be_private(bool(value))
            self._again.set()

    def tell(self, **news: Any) -> None:
        """Let pages see what has changed."""
        values = {name: getattr(self._shown, name) for name in Shown.__slots__} | news
        if (shown := Shown(**values)) != self._shown:
            self._shown = shown
            if not self._is_mute:
                self._host.shown(self._camera, shown)

    async def _watch(self) -> None:
        failures = 0
        while True:
            self._again.clear()
            wait: float | None
            try:
                wait = POLL if await self._look() else None
                failures = 0
            except PtzError as error:
                failures += 1
                wait = _pause(error, failures)
                self._failed(error, failures)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._again.wait()

    async def _look(self) -> bool:
        """Whether there is anything to look at again. Raises PtzError."""
        found = await self.enter()
        if Can.PRIVACY not in found.abilities:
            return False
        if not self.busy:
            await self._look_at_switches()
        return True

    def _failed(self, error: PtzError, failures: int) -> None:
        if failures == 1:
            logger.info("camera %s: %s", self._camera, error)
        if failures >= FORGET_AFTER:
            self.tell(private_since=0.0)
        if self.found is None:
            self.tell(trouble=error, trouble_since=self._shown.trouble_since or time.time())

    async def _describe(self, driver: Driver) -> Description:
        if self.found is None:
            self.found = await driver.describe()
        return self.found

    async def _look_at_switches(self) -> Switches:
        switches = await self.link.use(lambda driver: driver.switches())
        self._switches = now(), switches
        self._be_private(bool(switches.privacy))
        return switches

    def _be_private(self, on: bool) -> None:
        if on != bool(self._shown.private_since):
            self.tell(private_since=time.time() if on else 0.0)

    def _listen(self) -> None:
        """Hear of motion and of its button from now on, or no longer."""
        abilities = self.found.abilities if self.found is not None else frozenset[Can]()
        rings = self.control.doorbell or Can.DOORBELL in abilities
        wanted = (self.control.hears or rings) and Can.EVENTS in abilities
        if wanted and self._hearing is None:
            self._hearing = asyncio.create_task(self._hear(), name="camera-motion")
        elif not wanted and self._hearing is not None:
            self._hearing.cancel()
            self._hearing = None
            self._quiet()

    async def _hear(self) -> None:
        failures = 0
        while True:
            began = now()
            try:
                news = await self.link.motion()
                self._ring(news)
                for motion in [one for one in news if one.pressed is None][-_MOST_NEWS:]:
                    self._stir(motion)
                failures, wait = 0, began + (_HEAR_EVERY if news else _HEAR_NOTHING) - now()
            except PtzError as error:
                failures += 1
                wait = _pause(error, failures)
                # What it would have said meanwhile nobody knows.
                self._quiet()
            await asyncio.sleep(max(0.0, wait))

    def _ring(self, news: list[Motion]) -> None:
        """Presses that come together are one: whoever floods us rings once."""
        pressed = [one for one in news if one.pressed is not None]
        if not self.control.doorbell:
            pressed = [one for one in pressed if one.pressed != Button.INPUT]
        if pressed:
            self._host.stirred(self._camera, pressed[0])

    def _stir(self, motion: Motion) -> None:
        if motion.on and not self.control.hears:
            return
        wall = time.time()
        self._says_motion = motion.on
        at = motion.at if abs(motion.at - wall) < CLOCK_OFF else wall
        self._host.stirred(self._camera, Motion(motion.on, at))

    def _quiet(self) -> None:
        if self._says_motion:
            self._stir(Motion(False, time.time()))


def _pause(error: PtzError, failures: int) -> float:
    """Seconds to the next try after so many failures, the last of them this one."""
    return max(error.wait, min(RETRY * 2.0 ** min(failures - 1, 10), LONGEST_RETRY))


def now() -> float:
    """By the clock of the running loop. Seconds."""
    return asyncio.get_running_loop().time()
