"""A button at the door: each press goes to the engine, and what the engine did not take is kept and told later."""

import json
import logging
import os
import queue
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from camera.commands import EngineDownError

logger = logging.getLogger(__name__)

# A finger does not press twice within this, a worn contact does. Seconds.
REST = 0.4
# Of one try, and from a try that failed to the next. Seconds.
ASK_SECONDS, RETRY = 3.0, 2.0
# What is kept of presses that nobody could be told of; the oldest go.
MOST_KEPT = 500
# The engine takes nothing older. Seconds.
OLDEST = 7 * 86400.0

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Press:
    """`at`: seconds since the epoch; `id`: what the engine knows it by when it is told twice."""

    at: float
    id: str


class Spool:
    """The presses that are not told yet, in a file: they outlive this program. One program has it at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.kept = self._read()

    def _read(self) -> list[Press]:
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                values = json.loads(line)
                found.append(Press(float(values["at"]), str(values["id"])[:100]))
            except (ValueError, TypeError, KeyError):
                continue  # torn by a power cut
        return found[-MOST_KEPT:]

    def add(self, press: Press) -> None:
        """Keep it before it is told. A disk that does not take it is no reason not to ring."""
        self.kept = [*self.kept, press][-MOST_KEPT:]
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(press)) + "\n")
        except OSError as error:
            logger.warning("a press cannot be kept on the disk: %s", error)

    def drop(self, press: Press) -> None:
        """It was told, or never will be."""
        self.kept = [one for one in self.kept if one.id != press.id]
        part = self._path.with_suffix(".part")
        try:
            if not self.kept:
                self._path.unlink(missing_ok=True)
                return
            part.write_text("".join(json.dumps(asdict(one)) + "\n" for one in self.kept), encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            logger.warning("the presses on the disk cannot be brought up to date: %s", error)

    def sync(self) -> None:
        """See that a power cut leaves it; only worth the wait when the engine is away."""
        try:
            with self._path.open("rb") as file:
                os.fsync(file.fileno())
        except OSError:
            return  # told of when it was written


class Doorbell:
    """`press` from any thread; `step` is the loop's body. `ask` sends the command `ring` to the engine; it may raise
    EngineDownError."""

    def __init__(
        self,
        spool: Spool,
        camera: str,
        ask: Ask,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._spool, self._camera, self._ask, self._clock, self._wall = spool, camera, ask, clock, wall
        self._pressed: queue.SimpleQueue[Press | None] = queue.SimpleQueue()
        self._last = float("-inf")
        self._not_before = float("-inf")
        self._stopped = False
        # Why nobody was told of the last press; "" where all is well.
        self.trouble = ""

    def press(self) -> None:
        """Somebody presses the button now."""
        now = self._clock()
        if now - self._last >= REST:
            self._last = now
            self._pressed.put(Press(self._wall(), uuid.uuid4().hex))

    def stop(self) -> None:
        """End `run` soon; from any thread or signal handler."""
        self._stopped = True
        self._pressed.put(None)

    def run(self) -> None:
        while not self._stopped:
            self.step(self._patience())

    def _patience(self) -> float | None:
        """Seconds until what is kept is to be tried again; None where nothing is."""
        return max(0.0, self._not_before - self._clock()) if self._spool.kept else None

    def step(self, patience: float | None = 0.0) -> bool:
        """Wait for a press, and tell what is to be told; False when there was nothing to do."""
        try:
            press = self._pressed.get(timeout=patience)
        except queue.Empty:
            press = None
        if press is not None:
            self._spool.add(press)
            self._not_before = float("-inf")
        if not self._spool.kept or self._clock() < self._not_before or self._stopped:
            return False
        # The newest first: somebody stands there now.
        self._tell(self._spool.kept[-1])
        return True

    def _tell(self, press: Press) -> None:
        if self._wall() - press.at > OLDEST:
            logger.warning("a press of more than a week ago is told to nobody")
            self._spool.drop(press)
            return
        body = {"slug": self._camera, "way": "pin", "id": press.id, "at": press.at}
        try:
            answer = self._ask(body)
        except EngineDownError:
            answer = {"code": "busy", "error": "The engine does not answer."}
        if answer.get("ok") is True:
            self._spool.drop(press)
            self.trouble = ""
            logger.info("rang at %s: event %s", self._camera, answer.get("event"))
        elif answer.get("code") == "busy":
            self._wait(str(answer.get("error")))
        else:
            self.trouble = str(answer.get("error"))
            logger.error("nobody was told of a ring: %s", self.trouble)
            self._spool.drop(press)

    def _wait(self, why: str) -> None:
        self._spool.sync()
        self._not_before = self._clock() + RETRY
        if not self.trouble:
            logger.warning("a ring is kept and told later: %s", why)
        self.trouble = why
