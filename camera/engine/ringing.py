"""Somebody rings: what is asked of the engine about it, stored before anybody is told."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError

from camera.engine import ring_rows, rows
from camera.engine.forwarding import Reply, refusal
from camera.engine.ring_rows import Press, RingError, Rung
from camera.engine.rows import Rows
from camera.models import Event, RingPress

logger = logging.getLogger(__name__)

# Presses that wait for the database.
MOST_WAITING = 500
BUSY = "The house is busy; the ring is told as soon as it can be stored. Try again in a moment to be sure."
FULL = "Too many rings wait to be stored. Try again in a few seconds."
NO_EVENT = "There is no such event."


class Ringing:
    """Owned by the loop's thread; `later` brings back there what the rows thread has done.
    `happened` is called with camera and event once that is committed."""

    def __init__(
        self,
        rows_thread: Rows,
        later: Callable[[Callable[[], None]], None],
        happened: Callable[[int | None, int], None],
    ) -> None:
        self._rows, self._later, self._happened = rows_thread, later, happened
        self._waiting = 0
        rows_thread.also([self._step])

    def ask(self, name: str, body: dict[str, Any], deadline: float, reply: Reply) -> None:
        """The command `ring` or `tell`; `deadline` in seconds since the epoch."""
        if name == "ring":
            self.ring(body, reply, deadline)
        else:
            self.tell(body, reply)

    def ring(self, body: dict[str, Any], reply: Reply, deadline: float) -> None:
        """The command `ring`. Whoever is told «busy» may ask again under the same id; the press is not forgotten."""
        try:
            press = ring_rows.read(body, time.time())
        except RingError as error:
            reply(refusal(error.code, str(error)), b"")
            return
        if self._waiting >= MOST_WAITING:
            reply(refusal("busy", FULL), b"")
            return
        self._waiting += 1
        self._rows.keep(_Pressed(self, press, reply, deadline))

    def camera_rang(self, camera: int, at: float) -> None:
        """A camera says that somebody pressed its own button."""
        self.ring({"camera": camera, "way": RingPress.Way.CAMERA.value, "at": at}, _nobody, float("inf"))

    def tell(self, body: dict[str, Any], reply: Reply) -> None:
        """The command `tell`: something about an event has changed that is not in its row."""
        pk = body.get("event")
        if type(pk) is not int or not 0 < pk < 2**63:
            reply(refusal("bad_request", NO_EVENT), b"")
            return
        self._rows.once(lambda: self._tell(pk, reply))

    def _tell(self, pk: int, reply: Reply) -> None:
        """In the rows thread."""
        try:
            found = Event.objects.filter(pk=pk).values_list("camera").first()
        except DatabaseError as error:
            logger.warning("an event could not be told of: %s", error)
            self._later(lambda: reply(refusal("busy", "The database is busy. Try again in a moment."), b""))
            return
        if found is None:
            self._later(lambda: reply(refusal("not_found", NO_EVENT), b""))
            return
        camera = found[0]

        def told() -> None:
            self._happened(camera, pk)
            reply({"ok": True}, b"")

        self._later(told)

    def begin(self) -> None:
        """In the rows thread, once, before the first step."""
        self._rows.requests.rings.begin()

    def _step(self) -> None:
        """In the rows thread, once a second: end what is over. Raises what the database raises."""
        for rung in self._rows.requests.rings.step():
            self._announce(rung)

    def _announce(self, rung: Rung) -> None:
        self._later(lambda: self._happened(rung.camera, rung.event))

    def stored(self, rung: Rung, reply: Reply) -> None:
        """In the rows thread: the press is committed."""

        def told() -> None:
            self._waiting -= 1
            if not rung.is_known:
                self._happened(rung.camera, rung.event)
            reply({"ok": True, "event": rung.event, "new": rung.is_new, "known": rung.is_known}, b"")

        self._later(told)
        if not rung.is_known:
            # It is to be recorded, and its picture to be kept.
            self._rows.look()

    def refused(self, error: RingError, reply: Reply) -> None:
        """In the rows thread: the press is none."""

        def told() -> None:
            self._waiting -= 1
            reply(refusal(error.code, str(error)), b"")

        self._later(told)

    def put_off(self, reply: Reply) -> None:
        """In the rows thread: it is tried again, and nobody waits any more."""
        self._later(lambda: reply(refusal("busy", BUSY), b""))

    def press(self, press: Press) -> Rung:
        return self._rows.requests.rings.press(press)


class _Pressed:
    """One press on its way into the database: called until it is there. Answers once."""

    def __init__(self, ringing: Ringing, press: Press, reply: Reply, deadline: float) -> None:
        self._ringing, self._press, self._reply, self._deadline = ringing, press, reply, deadline

    def __call__(self) -> None:
        try:
            rung = self._ringing.press(self._press)
        except RingError as error:
            self._ringing.refused(error, self._reply)
        except (OperationalError, InterfaceError):
            # The next try may take as long again, and others go before it.
            if time.time() + 2 * (rows.BUSY_SECONDS + rows.RETRY_AFTER) > self._deadline:
                self._ringing.put_off(self._reply)
                self._reply = _nobody
            raise
        except DatabaseError as error:
            logger.error("a ring was not taken: %s", error)
            self._ringing.refused(RingError("busy", BUSY), self._reply)
        else:
            self._ringing.stored(rung, self._reply)


def _nobody(answer: dict[str, Any], payload: bytes) -> None:
    """Nobody waits for the answer."""
