"""Cameras that move and have switches: the engine is asked for somebody, for it alone enters cameras.

Everything here waits for the engine, so call it from a thread; main/steering.py moves them over the live socket.
"""

import math
from dataclasses import dataclass
from typing import Any

from camera.access import Actor, camera_for
from camera.addresses import CONTROLLED
from camera.commands import EngineDownError, ask_engine
from camera.live.hub import current_hub
from camera.models import Camera, Right
from camera.ptz.driver import Can, Code, Preset, Switches
from main.camera_changes import engine_commands

# A camera answers the engine within ten seconds or not at all.
ENGINE_SECONDS = 12.0
SECONDS_WITHOUT_ENGINE = 2.0
LONGEST_MOVE = 5.0
LONGEST_NAME = 60
NOT_MOVABLE = "This camera cannot be moved or switched from here."
# By what the engine calls it. The camera's own faults are those of a machine behind this one.
STATUSES: dict[str, int] = {
    Code.BUSY: 409,
    Code.NOT_SUPPORTED: 409,
    Code.AT_THE_END: 409,
    Code.PRIVACY: 409,
    Code.NO_PRESET: 404,
    Code.WRONG_PASSWORD: 502,
    Code.LOCKED_OUT: 502,
    Code.UNREACHABLE: 502,
    Code.FAILED: 502,
    "bad_request": 400,
}
NIGHT = ("auto", "on", "off")


class MoveRefusedError(Exception):
    """It was not done. `code` names why (Code or bad_request), the message is for people."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = str(code)

    @property
    def status(self) -> int:
        """The HTTP status that says the same."""
        return STATUSES.get(self.code, 409)


@dataclass(frozen=True, slots=True)
class Motion:
    """How a camera is to move, each -1 … 1: right, up and closer are positive."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0

    @property
    def still(self) -> bool:
        return not (self.pan or self.tilt or self.zoom)


@dataclass(frozen=True, slots=True)
class Info:
    """What the engine knows of a camera that moves. `moving_by`: the name of who moves it, or empty."""

    abilities: frozenset[str] = frozenset()
    model: str = ""
    presets: tuple[Preset, ...] = ()
    switches: Switches = Switches()
    moving_by: str = ""


def may_move(camera: Camera) -> bool:
    """Whether it is of a kind that can have a motor, and its engine has found one."""
    movable = {Can.PAN_TILT, Can.ZOOM, Can.PRESETS, Can.HOME}
    return camera.kind in CONTROLLED and bool(movable & set(abilities_of(camera)))


def is_learnt(camera: Camera) -> bool:
    """Whether the engine has heard what the camera can; for kinds that are never asked there is nothing to hear."""
    return camera.kind not in CONTROLLED or bool(camera.abilities or camera.model)


def abilities_of(camera: Camera) -> list[str]:
    """Those that the engine has found, in the order of Can."""
    told = camera.abilities if isinstance(camera.abilities, list) else []
    return [str(one) for one in Can if one in told]


# What can be asked for. Each raises Http404, PermissionDenied, MoveRefusedError, EngineDownError and OperationalError
# (the house is busy).


def move(actor: Actor, slug: str, motion: Motion, seconds: float) -> None:
    """Begin to move; the engine stops the camera after `seconds` (at most 5). Stops at once where the motion is still.

    One who asks again before that goes on."""
    values = {"pan": motion.pan, "tilt": motion.tilt, "zoom": motion.zoom, "seconds": seconds}
    _ask(actor, slug, Right.MOVE, "move", values)


def go(actor: Actor, slug: str, preset: str) -> None:
    """To the preset with that token or name."""
    _ask(actor, slug, Right.MOVE, "goto", {"preset": checked_name(preset)})


def home(actor: Actor, slug: str) -> None:
    _ask(actor, slug, Right.MOVE, "home", {})


def save(actor: Actor, slug: str, name: str) -> None:
    """Keep where it looks now under that name; a preset that has the name already gets the new one."""
    _ask(actor, slug, Right.MANAGE, "save", {"name": checked_name(name)})


def delete(actor: Actor, slug: str, preset: str) -> None:
    _ask(actor, slug, Right.MANAGE, "delete", {"preset": checked_name(preset)})


def switch(actor: Actor, slug: str, what: Can, value: bool | str) -> None:
    """PRIVACY, LED and ALARM take True or False, NIGHT auto, on or off."""
    _ask(actor, slug, Right.MANAGE, "switch", {"what": str(what), "value": value})


def info(actor: Actor, slug: str, right: Right) -> Info:
    """Presets and switches, for one who has `right`; at most ten seconds old."""
    return _info(_ask(actor, slug, right, "info", {}))


def checked_name(text: str) -> str:
    """A preset's name or token as it may go to a camera. Raises MoveRefusedError."""
    name = text.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise MoveRefusedError("bad_request", f"A preset has a name of at most {LONGEST_NAME} printable characters.")
    return name


def controlled(actor: Actor, slug: str, right: str) -> Camera:
    """The camera, for one who has `right` on it. Raises Http404, PermissionDenied, and MoveRefusedError where it is of
    a kind that nobody can move."""
    camera = camera_for(actor, slug, right)
    if camera.kind not in CONTROLLED:
        raise MoveRefusedError(Code.NOT_SUPPORTED, NOT_MOVABLE)
    return camera


def body_for(actor: Actor, camera: Camera, do: str, holder: str) -> dict[str, Any]:
    """What the engine's command `ptz` takes from everybody."""
    return {"camera": camera.pk, "do": do, "by": actor.name, "user": actor.user_id, "holder": holder}


def _ask(actor: Actor, slug: str, right: Right, do: str, values: dict[str, Any]) -> dict[str, Any]:
    camera = controlled(actor, slug, right)
    # One log-in or token holds a camera, however many requests it sends.
    body = body_for(actor, camera, do, actor.key or f"{actor.kind}-{actor.user_id}") | values
    seconds = ENGINE_SECONDS if current_hub().engine_up() else SECONDS_WITHOUT_ENGINE
    answer, _ = ask_engine(engine_commands(), "ptz", body, seconds=seconds)
    return understood(answer)


def understood(answer: dict[str, Any]) -> dict[str, Any]:
    """The engine's answer when it did what was asked. Raises MoveRefusedError."""
    if answer.get("ok") is True:
        return answer
    code, words = answer.get("code"), answer.get("error")
    if not isinstance(words, str) or not words:
        raise EngineDownError("the engine's answer to ptz cannot be read")
    raise MoveRefusedError(code if isinstance(code, str) and code else Code.FAILED, words[:300])


def _info(answer: dict[str, Any]) -> Info:
    """What came of the camera may be anything; what is odd is left out."""
    abilities, told = answer.get("abilities"), answer.get("presets")
    presets = [_preset(one) for one in told[:200]] if isinstance(told, list) else []
    switches = answer.get("switches")
    return Info(
        frozenset(one for one in Can if one in abilities) if isinstance(abilities, list) else frozenset(),
        str(answer.get("model") or "")[:80],
        tuple(one for one in presets if one is not None),
        _switches(switches) if isinstance(switches, dict) else Switches(),
        str(answer.get("moving_by") or "")[:150],
    )


def _preset(told: object) -> Preset | None:
    token, name = (told.get("token"), told.get("name")) if isinstance(told, dict) else (None, None)
    if not isinstance(token, str) or not isinstance(name, str) or not token:
        return None
    return Preset(token[:100], (name or token)[:LONGEST_NAME])


def _switches(told: dict[str, Any]) -> Switches:
    on = {name: value for name in ("privacy", "led", "alarm") if isinstance(value := told.get(name), bool)}
    night = told.get("night")
    return Switches(**on, night=night if night in NIGHT else None)


def number(value: object, low: float, high: float) -> float | None:
    """`value` when it is a finite number within the limits, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if low <= value <= high else None
