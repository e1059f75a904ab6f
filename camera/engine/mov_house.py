"""The engine as those see it who move cameras: where they tell what they found, and what is to be kept."""

from collections.abc import Callable
from typing import Any

from camera import ports
from camera.engine.mov_rows import known_hosts, learn
from camera.engine.movable import Control
from camera.engine.rows import Rows
from camera.engine.supervisor import Supervisor
from camera.ptz.driver import Description, Motion


class MovingHouse:
    """`send` brings a message to the camera process of a token, `look_again` has a camera's state told anew, `rang` is
    called with the camera and the time when somebody presses its own button."""

    def __init__(
        self,
        rows: Rows,
        supervisor: Supervisor,
        send: Callable[[str, dict[str, Any]], None],
        look_again: Callable[[int], None],
        rang: Callable[[int, float], None],
    ) -> None:
        self._rows, self._supervisor, self._send, self._rang = rows, supervisor, send, rang
        self.look_again = look_again
        self._count = 0

    def stirred(self, camera: int, motion: Motion) -> None:
        """The camera's own word goes to its process, which finds motion, where one runs; its button rings."""
        if motion.pressed is not None:
            self._rang(camera, motion.at)
            return
        slot = self._supervisor.slots.get(camera)
        if slot is not None and slot.child is not None:
            self._count += 1
            body = {"on": motion.on, "at": motion.at}
            told = {"type": "command", "id": f"motion-{self._count}", "name": "motion", "body": body}
            self._send(slot.child.token, told)

    def learn(self, camera: int, control: Control, found: Description) -> None:
        """Keep what a camera said of itself; its process is started with the streams it named."""

        def write() -> None:
            if learn(camera, control, found):
                self._rows.look()

        self._rows.keep(write)

    def audit(self, who: str, what: str, values: dict[str, Any]) -> None:
        self._rows.keep(lambda: ports.on_change(who, what, {}, values))

    def hosts(self, tell: Callable[[set[str]], None]) -> None:
        self._rows.once(lambda: tell(known_hosts()))
