"""Cameras that are asked what they are and where their pictures are, and cameras that are looked for in the network.

The engine asks them; what it brings back comes from strangers and is looked at here. Call from a thread.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from camera import vault
from camera.access import Actor, allowed_filter
from camera.addresses import CONTROLLED, NETWORK, AddressError, host_and_port, parse_source
from camera.commands import EngineDownError, ask_engine
from camera.live.hub import current_hub
from camera.models import Camera, Right
from camera.packets import Reason
from camera.ptz.driver import Can, Code, Stream
from camera.redact import redact
from main.camera_changes import engine_commands
from main.moving import MoveRefusedError, understood
from main.try_source import CODECS, Outcome, failed, try_source

DESCRIBE_SECONDS = 17.0
SECONDS_WITHOUT_ENGINE = 3.0
DISCOVER_SECONDS = 4.0
MOST_STREAMS, MOST_FOUND = 16, 200
# A smaller stream than this tells too little of what moves. Pixels of height.
LOWEST = 180
ABILITIES = {
    Can.PAN_TILT: "turns and tilts",
    Can.ZOOM: "zooms",
    Can.PRESETS: "keeps positions",
    Can.HOME: "knows a home",
    Can.PRIVACY: "has a privacy mode",
    Can.LED: "has a lamp that can be switched",
    Can.ALARM: "has an alarm",
    Can.NIGHT: "has a switch for night vision",
    Can.EVENTS: "tells what it sees move",
}
ADVICE = {
    Code.UNREACHABLE: "Is the camera switched on and in this network? Check the host and the port of the address.",
    Code.WRONG_PASSWORD: "Type user name and passwords again. A camera may lock its log-in after a few wrong ones.",
    Code.LOCKED_OUT: "Wait that long; each further try begins the time anew.",
}
NO_STREAM = "The camera answers, but does not say where its pictures are. Type the address of the pictures."


@dataclass(frozen=True, slots=True)
class Described:
    """What a camera says of itself; `streams` are on its own host, the largest first."""

    model: str = ""
    abilities: tuple[str, ...] = ()
    streams: tuple[Stream, ...] = ()

    @property
    def main(self) -> str:
        return self.streams[0].url if self.streams else ""

    @property
    def small(self) -> str:
        """The smallest that still shows something, for motion detection; empty where there is one stream alone."""
        others = self.streams[1:]
        known = [one for one in others if one.height >= LOWEST]
        if known:
            return min(known, key=lambda one: one.width * one.height).url
        unknown = [one for one in others if not one.height]
        return unknown[0].url if unknown else ""

    def facts(self) -> tuple[str, ...]:
        """In words, one sentence each."""
        can = ", ".join(ABILITIES[Can(one)] for one in self.abilities)
        return tuple(
            line
            for line in (
                f"Model: {self.model}." if self.model else "",
                f"It {can}." if can else "It has no motor and no switches that can be used from here.",
                *(f"Stream {number}: {_in_words(one)}." for number, one in enumerate(self.streams, 1)),
            )
            if line
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A camera in the network. `camera`: the one of the house at that host, as far as whoever looks may know of it."""

    address: str
    host: str
    name: str
    model: str
    camera: Camera | None = None


def describe(camera: Camera) -> Described:
    """Ask a camera, which need not be saved. Raises MoveRefusedError and EngineDownError."""
    login = {
        "address": str(camera.address),
        "username": camera.username,
        "password": vault.unseal(camera.sealed_password) or "",
        "cloud_password": vault.unseal(camera.sealed_cloud_password) or "",
    }
    seconds = DESCRIBE_SECONDS if current_hub().engine_up() else SECONDS_WITHOUT_ENGINE
    answer, _ = ask_engine(engine_commands(), "describe", {"login": login}, seconds=seconds)
    try:
        return _described(understood(answer), str(camera.address))
    except MoveRefusedError as refusal:
        # Its words may repeat what it was sent.
        raise MoveRefusedError(refusal.code, redact(str(refusal), _secrets(login))) from None


def _secrets(login: dict[str, str]) -> list[str]:
    return [login["password"], login["cloud_password"]]


def try_camera(camera: Camera, is_new: bool) -> Outcome:
    """«Test connection» of a camera that is asked first: what it is, then its picture. Fills in the streams it named
    where `camera` has none; is the camera new, the small one as well. Nothing is saved."""
    try:
        found = describe(camera)
    except MoveRefusedError as refusal:
        return Outcome(False, str(refusal), advice=ADVICE.get(Code(refusal.code), "") if _is_code(refusal.code) else "")
    except EngineDownError:
        return failed(Reason.ENGINE_DOWN)
    take_streams(camera, found, is_new)
    if not camera.stream_address:
        return Outcome(False, NO_STREAM, facts=found.facts())
    return replace(try_source(camera.source_config()), facts=found.facts())


def _is_code(code: str) -> bool:
    return code in set(Code)


def find_streams(camera: Camera, is_new: bool) -> str:
    """Before a camera is saved whose streams nobody has named: ask it. Why it did not work, in words; else nothing."""
    if camera.kind not in CONTROLLED or camera.stream_address:
        return ""
    try:
        found = describe(camera)
    except MoveRefusedError as refusal:
        return str(refusal)
    except EngineDownError:
        return "The engine is away."
    take_streams(camera, found, is_new)
    return "" if camera.stream_address else NO_STREAM


def take_streams(camera: Camera, found: Described, is_new: bool) -> None:
    if not camera.stream_address:
        camera.stream_address = found.main
        if is_new and not camera.detect_address:
            camera.detect_address = found.small


def _described(answer: dict[str, Any], address: str) -> Described:
    told, abilities = answer.get("streams"), answer.get("abilities")
    streams = [_stream(one, address) for one in told[:MOST_STREAMS]] if isinstance(told, list) else []
    return Described(
        _words(answer.get("model"), 80),
        tuple(str(one) for one in Can if one in abilities) if isinstance(abilities, list) else (),
        tuple(one for one in streams if one is not None),
    )


def _stream(told: object, address: str) -> Stream | None:
    """A stream as it can be opened: on the camera's own host, whatever address the camera thinks it has, for its
    password goes nowhere else."""
    if not isinstance(told, dict):
        return None
    try:
        found = parse_source(str(told.get("url") or ""))
        if found.kind not in ("rtsp", "http") or len(found.address) > 500:
            return None
        url = _moved(found.address, host_and_port(address)[0])
    except (AddressError, ValueError):
        return None
    width, height = (size if type(size := told.get(name)) is int and 0 <= size < 100_000 else 0 for name in SIZES)
    return Stream(url, _words(told.get("name"), 60), _words(told.get("codec"), 20), width, height)


SIZES = ("width", "height")


def _moved(url: str, host: str) -> str:
    parts = urlsplit(url)
    netloc = (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else "")
    return urlunsplit(parts._replace(netloc=netloc))


def _words(told: object, longest: int) -> str:
    """What a stranger says, without what cannot be shown."""
    return "".join(sign for sign in str(told or "") if sign.isprintable())[:longest].strip()


def _in_words(stream: Stream) -> str:
    size = f"{stream.width}×{stream.height}" if stream.width and stream.height else ""
    parts = [stream.name, size, CODECS.get(stream.codec, stream.codec.upper())]
    return " ".join(part for part in parts if part) or "the camera says no more of it"


def discover(actor: Actor) -> list[Found]:
    """The cameras that answer in the network now, those the house does not have first. Raises MoveRefusedError and
    EngineDownError."""
    seconds = DISCOVER_SECONDS + 4 if current_hub().engine_up() else SECONDS_WITHOUT_ENGINE
    answer, _ = ask_engine(engine_commands(), "discover", {"seconds": DISCOVER_SECONDS}, seconds=seconds)
    told = understood(answer).get("found")
    known = _by_host(actor)
    found = [_found(one, known) for one in told[:MOST_FOUND]] if isinstance(told, list) else []
    return sorted((one for one in found if one), key=lambda one: (one.camera is not None, one.name.lower(), one.host))


def _found(told: object, known: dict[str, Camera]) -> Found | None:
    if not isinstance(told, dict):
        return None
    try:
        address = parse_source(str(told.get("address") or ""))
        host = host_and_port(address.address)[0]
    except (AddressError, ValueError, KeyError):
        return None
    if address.kind not in NETWORK or address.username or address.password:
        return None
    name = _words(told.get("name"), 60)
    return Found(address.address, host, name, _words(told.get("model"), 80), known.get(host))


def _by_host(actor: Actor) -> dict[str, Camera]:
    """The network cameras that `actor` may watch or change, by host: of others not even that they are here is told."""
    mine = allowed_filter(actor, Right.WATCH) | allowed_filter(actor, Right.MANAGE)
    return dict(_hosts(Camera.objects.filter(mine, kind__in=NETWORK).distinct()))


def _hosts(cameras: Iterable[Camera]) -> Iterable[tuple[str, Camera]]:
    for camera in cameras:
        try:
            yield host_and_port(str(camera.address))[0], camera
        except (ValueError, KeyError):
            continue
