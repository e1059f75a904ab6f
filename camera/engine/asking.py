"""What web asks of the engine about a camera's pictures: whether a source opens, and that it be recorded."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError

from camera.engine.forwarding import Reply
from camera.engine.probe import test_connection
from camera.engine.requests import RequestError
from camera.engine.rows import Rows
from camera.engine.supervisor import Slot, Wanted
from camera.packets import StateName

logger = logging.getLogger(__name__)


class Asking:
    """Owned by the loop's thread; `later` brings there what other threads have found. `want` takes the cameras over as
    they are wanted now, `is_online` tells whether one gives pictures."""

    def __init__(
        self,
        rows: Rows,
        slots: dict[int, Slot],
        later: Callable[[Callable[[], None]], None],
        want: Callable[[list[Wanted]], None],
        state_of: Callable[[Slot], str],
    ) -> None:
        self._rows, self._slots, self._later, self._want, self._state_of = rows, slots, later, want, state_of
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="test-connection")

    def stop(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)

    def test(self, body: dict[str, Any], reply: Reply) -> None:
        """The command `test`."""

        def work() -> None:
            answer, picture = test_connection(body.get("source", {}))
            self._later(lambda: reply(answer, picture))

        self._workers.submit(work)

    def record(self, body: dict[str, Any], reply: Reply, deadline: float) -> None:
        """The command `record`."""
        self._rows.once(lambda: self._record(body, reply, deadline))

    def _record(self, body: dict[str, Any], reply: Reply, deadline: float) -> None:
        """In the rows thread. The answer says how it is once the camera process has its new orders."""
        # Whoever asked was told long ago that it did not work.
        if time.time() > deadline:
            return
        try:
            camera = self._rows.requests.ask(body)
            wanted = self._rows.requests.wanted()
        except RequestError as error:
            self._refuse(reply, error.code, str(error))
        except DatabaseError as error:
            logger.warning("a request to record was not written: %s", error)
            self._refuse(reply, "busy", "The database is busy. Try again in a moment.")
        else:
            self._later(lambda: self._recording(camera, wanted, reply))

    def _refuse(self, reply: Reply, code: str, words: str) -> None:
        self._later(lambda: reply({"ok": False, "code": code, "error": words}, b""))

    def _recording(self, camera: int, wanted: list[Wanted], reply: Reply) -> None:
        self._want(wanted)
        slot = self._slots.get(camera)
        if slot is None:
            reply({"ok": False, "code": "not_found", "error": "This camera is run by another engine."}, b"")
            return
        reasons = ["always"] if slot.orders.mode == "always" else []
        reasons += ["motion"] if "motion" in slot.state.reasons else []
        reasons += slot.orders.reasons
        can = self._state_of(slot) == StateName.ONLINE and not slot.orders.hold
        reply({"ok": True, "recording": bool(reasons) and can, "reasons": reasons}, b"")
