"""The live socket's `move`: one camera after another is moved as long as its messages come.

Each camera that a socket moves has a task. It has at most one question at the engine, and asks next with what was said
last. Silence, a message that says zero, the tile's end and the socket's end all stop it; the engine does the same by
itself when it hears nothing more.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import zmq.asyncio
from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404

from camera.access import Actor
from camera.commands import AsyncCommands, EngineDownError
from camera.live.hub import current_hub
from camera.models import Camera, Right
from camera.packets import Reason
from camera.ptz.driver import Code
from main.actors import Login, again
from main.camera_changes import engine_commands
from main.moving import ENGINE_SECONDS, Motion, MoveRefusedError, body_for, controlled, number, understood
from main.watchers import RIGHTS_EVERY, in_thread

# Messages repeat within this; then it is silence. Seconds.
SILENCE = 0.5
# How long the engine goes on by itself after each question, so that one message may be late. Seconds.
HELD = 0.7
STOP_SECONDS = 3.0
# Cameras that one socket moves at the same time.
MOST_AT_ONCE = 4
LONGEST_SLUG = 60
NO_CAMERA = 0
WORDS = {
    "not_found": "No such camera.",
    "engine_down": "The engine is down, so no camera can be moved now.",
    "busy": "The house is busy; try again in a few seconds.",
    "too_many": f"At most {MOST_AT_ONCE} cameras are moved at once.",
}
Tell = Callable[..., Awaitable[None]]


class WrongMoveError(ValueError):
    """What was sent is no movement; the message says why."""


def wanted_move(value: object) -> tuple[str, Motion]:
    """The camera's slug and how it is to move. Raises WrongMoveError."""
    slug = value.get("camera") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(slug, str) or not 0 < len(slug) <= LONGEST_SLUG:
        raise WrongMoveError("move takes {camera, pan, tilt, zoom}.")
    found = [number(value.get(name, 0), -1, 1) for name in ("pan", "tilt", "zoom")]
    if None in found:
        raise WrongMoveError("pan, tilt and zoom are numbers from -1 to 1.")
    return slug, Motion(*(one or 0.0 for one in found))


@dataclass(slots=True, eq=False)
class Wheel:
    """One camera in the hands of one socket. `motion`: the newest that was said and not asked for yet."""

    motion: Motion | None
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def turn(self, motion: Motion) -> None:
        self.motion = motion
        self.bell.set()

    async def next(self) -> Motion | None:
        """The newest motion, waited for; None after silence."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENCE):
                await self.bell.wait()
        self.bell.clear()
        motion, self.motion = self.motion, None
        return motion


class Steering:
    """What one socket moves. `tell(code, message, camera=slug)` says what cannot be done, once for each movement."""

    def __init__(self, login: Login, tell: Tell) -> None:
        self._login, self._tell = login, tell
        self._holder = f"socket-{uuid.uuid4().hex}"
        self._wheels: dict[str, Wheel] = {}
        # Those that stop just now: the next movement of the same camera waits for them.
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._over = False

    async def take(self, slug: str, motion: Motion) -> None:
        """Move that camera so from now on. Waits for nobody."""
        wheel = self._wheels.get(slug)
        if motion.still and wheel is not None:
            self.stop(slug)
        elif wheel is not None:
            wheel.turn(motion)
        elif len(self._wheels) >= MOST_AT_ONCE:
            await self._tell("busy", WORDS["too_many"], camera=slug)
        elif not self._over:
            self._wheels[slug] = wheel = Wheel(motion)
            wheel.bell.set()
            wheel.task = asyncio.create_task(self._drive(slug, wheel, self._stopping.get(slug)), name=f"move-{slug}")

    def stop(self, slug: str) -> None:
        """At once; nothing happens where it does not move by this socket."""
        wheel = self._wheels.pop(slug, None)
        if wheel is not None and wheel.task is not None:
            self._stopping[slug] = wheel.task
            wheel.task.add_done_callback(lambda task: self._stopped(slug, task))
            wheel.task.cancel()

    def leave(self) -> None:
        """Stop everything; may be called twice."""
        self._over = True
        for slug in list(self._wheels):
            self.stop(slug)

    def _stopped(self, slug: str, task: "asyncio.Task[None]") -> None:
        if self._stopping.get(slug) is task:
            del self._stopping[slug]

    async def _drive(self, slug: str, wheel: Wheel, before: "asyncio.Task[None] | None") -> None:
        """Until it is cancelled, or nothing more is said."""
        helm, turned = current_helm(), _Turned()
        try:
            if before is not None:
                await asyncio.wait([before], timeout=STOP_SECONDS)
            await self._turns(slug, wheel, helm, turned)
        except _Refused as refusal:
            if refusal.code == Code.BUSY:
                # Another one moves it, and is not to be stopped by us.
                turned.camera = None
            await self._halt(helm, turned)
            await self._refused(slug, wheel, refusal)
        finally:
            if self._wheels.get(slug) is wheel:
                del self._wheels[slug]
            await self._halt(helm, turned)

    async def _halt(self, helm: "Helm", turned: "_Turned") -> None:
        camera, turned.camera = turned.camera, None
        if camera is not None and turned.actor is not None:
            await helm.stop(body_for(turned.actor, camera, "move", self._holder))

    async def _turns(self, slug: str, wheel: Wheel, helm: "Helm", turned: "_Turned") -> None:
        checked = -RIGHTS_EVERY
        camera, actor = None, None
        while (motion := await wheel.next()) is not None:
            if camera is None or actor is None or time.monotonic() - checked >= RIGHTS_EVERY:
                camera, actor = await _admitted(self._login, slug)
                checked = time.monotonic()
            turned.camera, turned.actor = camera, actor
            await helm.move(body_for(actor, camera, "move", self._holder), motion)
            if motion.still:
                turned.camera = None
                return

    async def _refused(self, slug: str, wheel: Wheel, refusal: "_Refused") -> None:
        """Told once; what is repeated until it is let go is not asked for again."""
        if not self._over:
            await self._tell(refusal.code, str(refusal), camera=slug)
        while (motion := await wheel.next()) is not None and not motion.still:
            continue


@dataclass(slots=True)
class _Turned:
    """What is to be stopped in the end."""

    camera: Camera | None = None
    actor: Actor | None = None


class _Refused(Exception):  # noqa: N818 (an answer, no fault)
    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


async def _admitted(login: Login, slug: str) -> tuple[Camera, Actor]:
    """The camera and who moves it. Raises _Refused: whoever cannot be asked about does not move it."""
    try:
        return await sync_to_async(in_thread, thread_sensitive=False)(_ask_right, login, slug)
    except Http404:
        raise _Refused("not_found", WORDS["not_found"]) from None
    except PermissionDenied as refusal:
        raise _Refused("forbidden", str(refusal)) from None
    except MoveRefusedError as refusal:
        raise _Refused(refusal.code, str(refusal)) from None
    except DatabaseError:
        raise _Refused("busy", WORDS["busy"]) from None


def _ask_right(login: Login, slug: str) -> tuple[Camera, Actor]:
    actor = again(login)
    return controlled(actor, slug, Right.MOVE), actor


class Helm:
    """The process's line to the engine for movements. Belongs to one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._context = zmq.asyncio.Context()
        self._commands = AsyncCommands(self._context, engine_commands())

    async def move(self, body: dict[str, Any], motion: Motion) -> None:
        """Raises _Refused."""
        if current_hub().state(NO_CAMERA).reason == Reason.ENGINE_DOWN:
            raise _Refused("engine_down", WORDS["engine_down"])
        values = {"pan": motion.pan, "tilt": motion.tilt, "zoom": motion.zoom, "seconds": HELD}
        try:
            answer, _ = await self._commands.ask("ptz", body | values, seconds=ENGINE_SECONDS)
            understood(answer)
        except EngineDownError:
            raise _Refused("engine_down", WORDS["engine_down"]) from None
        except MoveRefusedError as refusal:
            raise _Refused(refusal.code, str(refusal)) from None
        except DatabaseError:
            raise _Refused("busy", WORDS["busy"]) from None

    async def stop(self, body: dict[str, Any]) -> None:
        """Never raises: the engine stops by itself what it hears nothing more of."""
        values = {"pan": 0.0, "tilt": 0.0, "zoom": 0.0, "seconds": HELD}
        with suppress(EngineDownError, zmq.ZMQError):
            await self._commands.ask("ptz", body | values, seconds=STOP_SECONDS)

    async def close(self) -> None:
        """Nothing happens in another event loop than the one it runs in."""
        if self.loop is not asyncio.get_running_loop():
            return
        self._commands.close()
        self._context.term()
        _forget(self)


_current: Helm | None = None


def _forget(helm: Helm) -> None:
    global _current  # noqa: PLW0603 (one for each process)
    if _current is helm:
        _current = None


def current_helm() -> Helm:
    """The process's, made in the running event loop and closed with the hub."""
    global _current  # noqa: PLW0603 (one for each process)
    if _current is None or _current.loop is not asyncio.get_running_loop():
        _current = Helm()
        current_hub().on_stop.append(_current.close)
    return _current
