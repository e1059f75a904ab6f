"""What every kind of camera control offers the engine, and how it says that something did not work."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Can(StrEnum):
    """An ability. Pages show only what the camera in question has."""

    PAN_TILT = "pan_tilt"
    ZOOM = "zoom"
    PRESETS = "presets"
    HOME = "home"
    PRIVACY = "privacy"
    LED = "led"
    ALARM = "alarm"
    NIGHT = "night"
    EVENTS = "events"
    DOORBELL = "doorbell"


class Code(StrEnum):
    """Why something did not work."""

    UNREACHABLE = "unreachable"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 (a name, not a password)
    LOCKED_OUT = "locked_out"
    NOT_SUPPORTED = "not_supported"
    NO_PRESET = "no_preset"
    AT_THE_END = "at_the_end"
    PRIVACY = "privacy"
    BUSY = "busy"
    FAILED = "failed"


class PtzError(Exception):
    """`code` names it, the message is for people and free of credentials. `wait`: seconds until it is worth another
    try; 0 where that is not known."""

    def __init__(self, code: Code, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.code, self.wait = code, wait


@dataclass(frozen=True, slots=True)
class Login:
    """How to reach and enter one camera. `address` as in Camera.address, for instance tapo://192.168.1.20 or
    onvif://192.168.1.21:8000. `cloud_password`: Tapo's account, which opens the control side of its cameras."""

    address: str
    username: str = ""
    password: str = field(default="", repr=False)
    cloud_password: str = field(default="", repr=False)
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    token: str
    name: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A picture stream of the camera: an rtsp:// URL without credentials; sizes in pixels, 0 when unknown."""

    url: str
    name: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Description:
    """What a camera says of itself. `streams`: the largest first."""

    model: str = ""
    firmware: str = ""
    abilities: frozenset[Can] = frozenset()
    streams: tuple[Stream, ...] = ()
    # A URL that gives one JPEG, without credentials; empty where there is none.
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Switches:
    """How its switches stand; None for what it does not have or say. `night`: auto, on or off."""

    privacy: bool | None = None
    led: bool | None = None
    alarm: bool | None = None
    night: str | None = None


@dataclass(frozen=True, slots=True)
class Motion:
    """The camera's own word that something moves (`on`) or has stopped; or, with `pressed`, that somebody presses its
    button, which says nothing of movement. `at`: seconds since the epoch."""

    on: bool
    at: float
    pressed: "Button | None" = None


class Button(StrEnum):
    """What of a camera was pressed."""

    DOORBELL = "doorbell"
    # A contact that somebody has wired to it: a button, if the house says that the camera is a doorbell.
    INPUT = "input"


class Driver(Protocol):
    """One camera, used by one task at a time in the engine's asyncio loop. Nothing blocks the loop; every method ends
    within ten seconds and raises PtzError and nothing else. Pan, tilt and zoom are -1 … 1: right, up and closer are
    positive, as one sees the picture of a camera that stands upright."""

    async def describe(self) -> Description:
        """Enter the camera if it is not entered yet, and say what it is and can do."""

    async def move(self, pan: float, tilt: float, zoom: float) -> None:
        """Begin to move, or go on moving in another way, until `stop`. Called again about every 0.4 s while it is to go
        on, with the same or other values; a camera that knows only steps makes one of them each time."""

    async def stop(self) -> None:
        """Stop at once. Also right when nothing moves."""

    async def presets(self) -> list[Preset]: ...

    async def go(self, preset: str) -> None:
        """To the preset with that token."""

    async def save(self, name: str) -> Preset:
        """The position now, under a new name or over the preset that has that name."""

    async def delete(self, preset: str) -> None: ...

    async def home(self) -> None: ...

    async def switches(self) -> Switches: ...

    async def switch(self, what: Can, value: bool | str) -> None:
        """PRIVACY, LED and ALARM take True or False, NIGHT auto, on or off."""

    async def motion(self) -> list[Motion]:
        """Wait up to ten seconds for what the camera itself says; empty when nothing came. Only with EVENTS.
        May be waiting while another task uses the other methods."""

    async def close(self) -> None:
        """Give everything back. Never raises."""
