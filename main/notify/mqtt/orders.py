"""What the broker asks for, done one after another in a thread of its own: the engine may let itself be waited for.

Only what is named in topics.py, in plain payloads, and never more than the house allows: the engine limits movements
and recordings as for everybody, and here a camera may be asked a few times a second.
"""

import json
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connections

from camera import ports
from camera.access import camera_for
from camera.addresses import CONTROLLED
from camera.commands import EngineDownError, ask_engine
from camera.models import Camera, Right
from main.camera_changes import engine_commands
from main.moving import ENGINE_SECONDS, MoveRefusedError, abilities_of, understood
from main.notify.mqtt.discovery import BUTTONS
from main.notify.mqtt.happening import THE_HOUSE
from main.notify.mqtt.topics import NAME, OFF, ON, PRESS, USER, Act, Names

logger = logging.getLogger(__name__)

# What waits at most, and for how long it is still meant; what one camera and all may be asked, and in how many seconds.
MOST_WAITING, MEANT = 20, 5.0
MOST_ASKED, MOST_IN_ALL, WITHIN = 8, 60, 4.0
# Lines in the log about what is not done, in a minute.
MOST_TOLD, MINUTE = 20, 60.0
# One press of a button moves for so long, in seconds.
STEP = 0.5
# An alarm that nobody stops is stopped after so many seconds, by whoever runs then.
ALARM_SECONDS = 60.0
RECORD_SECONDS = 4.0
WAYS: dict[Act, dict[str, float]] = {
    Act.LEFT: {"pan": -1.0},
    Act.RIGHT: {"pan": 1.0},
    Act.UP: {"tilt": 1.0},
    Act.DOWN: {"tilt": -1.0},
    Act.CLOSER: {"zoom": 1.0},
    Act.FARTHER: {"zoom": -1.0},
}


class Orders:
    """`take` never waits and may be called from any thread. `done` is called, in this one's own thread, after each
    order, so that its effect can be told."""

    def __init__(self, names: Names, alarms: Path, done: Callable[[], None]) -> None:
        self._names, self._done = names, done
        self._queue: queue.Queue[tuple[str, Act, str, float] | None] = queue.Queue(MOST_WAITING)
        # When what was let in came, and for which slug.
        self._asked: deque[tuple[float, str]] = deque()
        self._told_full = float("-inf")
        self._told: deque[float] = deque()
        self._alarms = _Alarms(alarms)
        self._thread = threading.Thread(target=self._run, name="mqtt-orders", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Wait for what is being done, but not for long."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(2.0)

    def take(self, topic: str, payload: bytes) -> None:
        asked = self._names.asked(topic)
        if asked is None:
            self._refuse("nothing is known of %.100r", topic)
            return
        slug, act = asked
        word = payload[:10].decode(errors="replace")
        if len(payload) > 10 or word not in ((ON, OFF) if act == Act.RECORD else (PRESS,)):
            self._refuse("%s takes %s, and not what came", topic, "ON or OFF" if act == Act.RECORD else PRESS)
        elif self._is_too_much(slug):
            self._too_much("more is asked than is done, %d things in %d s: %s", MOST_ASKED, int(WITHIN), slug)
        else:
            try:
                self._queue.put_nowait((slug, act, word, time.monotonic()))
            except queue.Full:
                self._too_much("too much is asked at once; what came for %s is left out", slug)

    def _is_too_much(self, slug: str) -> bool:
        """Cheap, for a flood comes through here."""
        now = time.monotonic()
        while self._asked and now - self._asked[0][0] >= WITHIN:
            self._asked.popleft()
        if len(self._asked) >= MOST_IN_ALL or sum(one == slug for _, one in self._asked) >= MOST_ASKED:
            return True
        self._asked.append((now, slug))
        return False

    def _too_much(self, words: str, *values: object) -> None:
        """Told once a minute."""
        now = time.monotonic()
        if now - self._told_full > MINUTE:
            self._told_full = now
            logger.warning("MQTT: " + words, *values)

    def _refuse(self, words: str, *values: object) -> None:
        """Told a few times a minute: whoever writes to the broker must not fill the log."""
        now = time.monotonic()
        while self._told and now - self._told[0] > MINUTE:
            self._told.popleft()
        if len(self._told) < MOST_TOLD:
            self._told.append(now)
            logger.warning("MQTT: " + words, *values)

    # In the thread.

    def _run(self) -> None:
        try:
            while True:
                try:
                    order = self._queue.get(timeout=1.0)
                except queue.Empty:
                    order = ("", Act.QUIET, "", 0.0)
                if order is None:
                    return
                self._turn(order)
        finally:
            connections.close_all()

    def _turn(self, order: tuple[str, Act, str, float]) -> None:
        slug, act, word, at = order
        try:
            for camera in self._alarms.over():
                self._stop_alarm(camera)
            if slug and time.monotonic() - at <= MEANT:
                self._do(slug, act, word)
                self._done()
        except Exception:
            # The thread's top: one order that fails must not end all that come after.
            logger.exception("MQTT: an order failed")

    def _do(self, slug: str, act: Act, word: str) -> None:
        try:
            camera = _admitted(slug, act)
            if act == Act.RECORD:
                _record(camera, on=word == ON)
            else:
                # Noted before it sounds, and forgotten after it is quiet.
                if act == Act.ALARM:
                    self._alarms.note(camera.pk, True)
                _ptz(camera, act)
                if act == Act.QUIET:
                    self._alarms.note(camera.pk, False)
        except _RefusedError as refusal:
            self._refuse("%s of %s is not done: %s", act, slug, refusal)

    def _stop_alarm(self, pk: int) -> None:
        camera = Camera.objects.filter(pk=pk).first()
        if camera is None:
            self._alarms.note(pk, False)
            return
        try:
            _ptz(camera, Act.QUIET)
        except _RefusedError as refusal:
            logger.warning("MQTT: the alarm of %s cannot be stopped now: %s", camera.slug, refusal)
            self._alarms.later(pk)
        else:
            self._alarms.note(pk, False)


class _RefusedError(Exception):
    """Its words are for people."""


def _admitted(slug: str, act: Act) -> Camera:
    """The camera, where it has what is asked for. Raises _RefusedError."""
    camera = Camera.objects.allowed(THE_HOUSE, Right.RECORD).filter(slug=slug).first()
    if camera is None:
        raise _RefusedError("there is no such camera")
    if not camera.enabled:
        raise _RefusedError("the camera is switched off")
    if act != Act.RECORD:
        can = next(can for can, buttons in BUTTONS.items() if act in buttons)
        if camera.kind not in CONTROLLED or can not in abilities_of(camera):
            raise _RefusedError("the camera cannot do that")
    return camera_for(THE_HOUSE, slug, Right.MANAGE)


def _record(camera: Camera, *, on: bool) -> None:
    """Until it is switched off, or the house's limit for recordings by hand ends it. Raises _RefusedError."""
    body = {"camera": camera.pk, "on": on, "session": None, "user": USER, "name": NAME}
    answer = _ask("record", body, RECORD_SECONDS)
    if not isinstance(answer.get("recording"), bool):
        raise _RefusedError(str(answer.get("error") or "the engine says nothing that can be read")[:300])
    try:
        ports.on_change(NAME, f"asked for a recording of camera {camera.slug}", {}, {"record": "on" if on else "off"})
    except DatabaseError as error:
        logger.warning("MQTT: the audit could not be written: %s", error)


def _ptz(camera: Camera, act: Act) -> None:
    """One step, the home position, or the alarm; the engine writes the audit. Raises _RefusedError."""
    body: dict[str, Any] = {"camera": camera.pk, "by": NAME, "user": None, "holder": "mqtt"}
    if act in WAYS:
        body |= {"do": "move", "seconds": STEP} | {"pan": 0.0, "tilt": 0.0, "zoom": 0.0} | WAYS[act]
    elif act == Act.HOME:
        body |= {"do": "home"}
    else:
        body |= {"do": "switch", "what": "alarm", "value": act == Act.ALARM}
    try:
        understood(_ask("ptz", body, ENGINE_SECONDS))
    except MoveRefusedError as refusal:
        raise _RefusedError(str(refusal)) from None
    except EngineDownError as error:
        raise _RefusedError(str(error)) from None


def _ask(name: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
    try:
        answer, _ = ask_engine(engine_commands(), name, body, seconds=seconds)
    except EngineDownError:
        raise _RefusedError("the engine is down") from None
    return answer


class _Alarms:
    """Which alarms are to be stopped, and when (seconds since the epoch): in a file, for whoever runs then."""

    AGAIN = 5.0

    def __init__(self, path: Path) -> None:
        self._path = path
        self._due: dict[int, float] = {}
        try:
            told = json.loads(path.read_text())
            self._due = {int(camera): float(at) for camera, at in told.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self._due = {}

    def note(self, camera: int, sounds: bool) -> None:
        """Before it sounds, and after it was stopped."""
        if sounds:
            self._due[camera] = time.time() + ALARM_SECONDS
        elif self._due.pop(camera, None) is None:
            return
        self._write()

    def later(self, camera: int) -> None:
        self._due[camera] = time.time() + self.AGAIN

    def over(self) -> list[int]:
        now = time.time()
        # A clock that was set back must not leave a siren on.
        return [camera for camera, at in self._due.items() if at <= now or at > now + ALARM_SECONDS]

    def _write(self) -> None:
        try:
            partial = self._path.with_suffix(".part")
            partial.write_text(json.dumps(self._due))
            partial.replace(self._path)
        except OSError as error:
            logger.warning("MQTT: which alarms sound cannot be noted: %s", error)
