"""The plain values that pass between the rooms: no framework, no pixels, no I/O."""

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# It is told to browsers, so nothing else may stand there.
FILM_CODECS = re.compile(r"[A-Za-z0-9.]{0,60}(,mp4a\.[0-9.]{2,6})?")


class StateName(StrEnum):
    """How a camera stands, by its connection and not by its viewers."""

    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    PAUSED = "paused"
    DISABLED = "disabled"


class Reason(StrEnum):
    """Why a camera is not online."""

    NO_SIGNAL = "NO_SIGNAL"
    STALLED = "STALLED"
    FROZEN = "FROZEN"
    AUTH_FAILED = "AUTH_FAILED"
    REFUSED = "REFUSED"
    NOT_FOUND = "NOT_FOUND"
    BAD_STREAM = "BAD_STREAM"
    PRIVACY = "PRIVACY"
    ENGINE_DOWN = "ENGINE_DOWN"


REASON_TEXT: dict[str, str] = {
    Reason.NO_SIGNAL: "the camera does not answer",
    Reason.STALLED: "the camera stopped sending pictures",
    Reason.FROZEN: "the camera sends the same picture again and again",
    Reason.AUTH_FAILED: "the camera refuses the user name or password",
    Reason.REFUSED: "the address is not allowed or the camera refuses the connection",
    Reason.NOT_FOUND: "the address exists but has no stream, file or device there",
    Reason.BAD_STREAM: "what the camera sends is not a stream Fairwatch can show",
    Reason.PRIVACY: "a privacy pause is on",
    Reason.ENGINE_DOWN: "the recording engine is not running; it is started again by itself",
}


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source sends. `codec`: mjpeg, h264, hevc, av1, mpeg4 or rawvideo; sizes in pixels, 0 when unknown."""

    codec: str
    width: int = 0
    height: int = 0
    extradata: bytes = b""
    pix_fmt: str = ""
    # Seconds per tick of a packet's pts and dts.
    time_base: float = 1 / 90000
    # What sound comes along, when it is wanted and there is any.
    audio: "AudioInfo | None" = None


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """The sound of a source. `codec`: aac, pcm_mulaw, pcm_alaw, pcm_s16le … by FFmpeg's names; `rate` in Hz."""

    codec: str
    rate: int
    channels: int
    extradata: bytes = b""
    time_base: float = 1 / 8000


@dataclass(frozen=True, slots=True)
class AudioPacket:
    """One compressed piece of sound as the camera sent it; `pts` in ticks of its AudioInfo."""

    data: bytes
    captured_at: float
    pts: int | None = None


@dataclass(frozen=True, slots=True)
class Packet:
    """One compressed picture as the camera sent it. `captured_at`: seconds since the epoch."""

    data: bytes
    key: bool
    captured_at: float
    clock: str = "arrival"
    pts: int | None = None
    dts: int | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A JPEG ready to be shown. `data` is shared by every viewer and never copied."""

    data: bytes
    captured_at: float
    width: int = 0
    height: int = 0
    seq: int = 0
    # Seconds from picture to picture that the camera is asked for; 0 when it sends as it likes.
    every: float = 0.0


@dataclass(frozen=True, slots=True)
class CameraState:
    """What the engine says of a camera once a second and at each change."""

    camera: int
    state: str
    reason: str | None = None
    # Free words for people, already free of credentials ("401 Unauthorized", "restarting after a crash").
    detail: str = ""
    since: float = 0.0
    clock: str = "arrival"
    fps: float = 0.0
    width: int = 0
    height: int = 0
    codec: str = ""
    # A file is open, and for what: `always`, `motion`, `watched`, `session:12`, `manual:bob`.
    recording: bool = False
    reasons: tuple[str, ...] = ()
    last_frame_at: float | None = None
    # The number of the newest orders that the camera process has taken.
    orders: int = 0
    # What browsers must know to play it untouched, by RFC 6381: `avc1.64001f`, with its sound `avc1.64001f,mp4a.40.2`;
    # empty where it cannot be had.
    film: str = ""
    film_sound: str = ""
    # Something moves in the picture, as far as anybody looks (small tiles are being watched, or motion is looked for).
    moving: bool = False
    # Who moves the camera just now, "" for nobody. The engine's word; its process has no say in it.
    mover: str = ""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CameraState":
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        return cls(**known | {"reasons": tuple(known.get("reasons", ()))})


def sound(state: CameraState) -> CameraState:
    """`state` when all its values are of the right kind. A camera process that a hostile stream has taken over may say
    anything; that must not spoil what viewers of the others see. Raises ValueError without a camera's number."""
    if type(state.camera) is not int:
        raise ValueError("no camera")
    words = (
        state.state, state.reason or "", state.detail, state.clock, state.codec, state.film, state.film_sound,
        state.mover,
    )  # fmt: skip
    numbers = (state.since, state.fps, state.last_frame_at or 0.0)
    good = (
        all(isinstance(word, str) and len(word) <= 300 for word in words)
        and state.state in set(StateName)
        and (state.reason or Reason.NO_SIGNAL) in set(Reason)
        and state.clock in ("arrival", "source")
        and isinstance(state.recording, bool)
        and isinstance(state.moving, bool)
        and all(FILM_CODECS.fullmatch(one) for one in (state.film, state.film_sound))
        and type(state.orders) is int
        and all(isinstance(one, str) and len(one) <= 200 for one in state.reasons[:100])
        and all(type(size) is int and 0 <= size < 100_000 for size in (state.width, state.height))
        # Until the year 9999: later ones no calendar knows.
        and all(isinstance(one, int | float) and math.isfinite(one) and 0 <= one < 2.5e11 for one in numbers)
    )
    return state if good else CameraState(state.camera, StateName.OFFLINE, Reason.BAD_STREAM)


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """How to open a camera. Everything a camera process needs to know, and nothing of the house."""

    kind: str
    # The address without credentials: an URL, /dev/videoN, a file name, or empty for the test pattern.
    address: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    # rtsp: "tcp" or "udp"; http: pictures a second asked of a single-JPEG address.
    transport: str = "tcp"
    poll_fps: float = 2.0
    # Whether sound is wanted.
    audio: bool = False
    # A smaller stream of the same camera, opened beside the first where motion is looked for; empty for none.
    detect_address: str = ""
    allow_loopback: bool = False
    files_root: str = ""


class SourceError(Exception):
    """A source cannot be opened or read; `reason` names it, `detail` tells people more, never a credential."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
