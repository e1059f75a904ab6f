"""What an ONVIF camera is and shows: its make, its streams, its single picture, and its filter for the night."""

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from zeep.exceptions import Fault

from camera.addresses import AddressError, parse_source
from camera.ptz.driver import Stream
from camera.ptz.onvif_line import Line

# A recorder with many cameras has hundreds; the first are its first camera's.
MOST_PROFILES = 12
# For how long a slow camera is asked for more streams, in seconds.
_PATIENCE = 4.0
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_CODECS = {"JPEG": "mjpeg", "MPEG4": "mpeg4", "H264": "h264", "H265": "hevc"}
_SECRET = re.compile(r"(?i)(us(e)?r(name)?|pass(word|wd)?|pwd|psw|auth|token)")
# What some makers put in the path instead: /user=admin_password=abc_channel=1.sdp
_IN_PATH = re.compile(r"(?i)(?<![a-z])(user(?:name)?|pass(?:word|wd)?|pwd)=[^_/&;]*")
NIGHT_TO_FILTER = {"auto": "AUTO", "on": "OFF", "off": "ON"}
FILTER_TO_NIGHT = {word: night for night, word in NIGHT_TO_FILTER.items()}


@dataclass(frozen=True, slots=True)
class Profile:
    """One stream as the camera offers it; `ptz` is the library's description of the motor behind it, or None."""

    token: str
    name: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0
    source: str = ""
    ptz: Any = None


def clean(text: Any, longest: int = 100) -> str:
    """A camera's own words as they may be shown."""
    return "".join(letter for letter in str(text or "").strip()[:longest] if letter.isprintable())


def model(information: Any) -> str:
    maker, name = clean(information.Manufacturer), clean(information.Model)
    return name if name.lower().startswith(maker.lower()) else f"{maker} {name}".strip()


async def profiles(line: Line) -> list[Profile]:
    """The largest first; none of a camera that knows only the newer service for them, which the library does not."""
    if MEDIA not in line.xaddrs:
        return []
    media = await line.create_media_service()
    found = [_profile(one) for one in (await media.GetProfiles() or [])[:MOST_PROFILES] if one.token]
    return sorted(found, key=lambda one: -one.width * one.height)


def _profile(said: Any) -> Profile:
    encoder, source = said.VideoEncoderConfiguration, said.VideoSourceConfiguration
    size = getattr(encoder, "Resolution", None)
    return Profile(
        str(said.token),
        clean(said.Name),
        _CODECS.get(str(getattr(encoder, "Encoding", "")).upper(), ""),
        _pixels(getattr(size, "Width", 0)),
        _pixels(getattr(size, "Height", 0)),
        str(getattr(source, "SourceToken", "") or ""),
        said.PTZConfiguration,
    )


def _pixels(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < 100_000 else 0


async def streams(line: Line, known: list[Profile], host: str) -> tuple[Stream, ...]:
    """Each address once, in the order of `known`; what the camera does not tell, or not in time, is left out."""
    if not known:
        return ()
    media, until = await line.create_media_service(), time.monotonic() + _PATIENCE
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    found: dict[str, Stream] = {}
    for one in known:
        if found and time.monotonic() > until:
            break
        try:
            said = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": one.token})
        except Fault:
            continue
        url = here(line, getattr(said, "Uri", ""), host, "rtsp")
        if url:
            found.setdefault(url, Stream(url, one.name, one.codec, one.width, one.height))
    return tuple(found.values())


async def snapshot(line: Line, known: list[Profile], host: str) -> str:
    """Where one JPEG is to be had; empty when the camera names no such place."""
    if not known:
        return ""
    media = await line.create_media_service()
    try:
        said = await media.GetSnapshotUri({"ProfileToken": known[0].token})
    except Fault:
        return ""
    return here(line, getattr(said, "Uri", ""), host, "http")


def here(line: Line, said: Any, host: str, kind: str) -> str:
    """An address that the camera names, at the host that was reached and without credentials; empty when it is of
    another kind. Cameras name 0.0.0.0, an address from before they moved, or one that is no camera at all."""
    try:
        address = parse_source(str(said or "")[:1000])
    except AddressError:
        return ""
    if address.kind != kind:
        return ""
    parts = urlsplit(address.address)
    query = urlencode([pair for pair in parse_qsl(parts.query, True) if not _SECRET.fullmatch(pair[0])], safe="/:,")
    path = _IN_PATH.sub(r"\1=", parts.path)
    # A query of another form than name=value is some cameras' own: `?real_stream`.
    kept = parts.query if "=" not in parts.query else query
    return urlunsplit(parts._replace(netloc=line.netloc(parts, host), path=path, query=kept))


async def night_modes(line: Line, source: str) -> frozenset[str]:
    """Which of auto, on and off the camera's filter against infrared light can be put to."""
    imaging = await line.create_imaging_service()
    options = await imaging.GetOptions({"VideoSourceToken": source})
    modes = {str(mode).upper() for mode in (getattr(options, "IrCutFilterModes", None) or [])}
    return frozenset(FILTER_TO_NIGHT[mode] for mode in modes & set(FILTER_TO_NIGHT))


async def night(line: Line, source: str) -> str | None:
    imaging = await line.create_imaging_service()
    settings = await imaging.GetImagingSettings({"VideoSourceToken": source})
    return FILTER_TO_NIGHT.get(str(getattr(settings, "IrCutFilter", "")).upper())


async def set_night(line: Line, source: str, value: str) -> None:
    imaging = await line.create_imaging_service()
    words = {"IrCutFilter": NIGHT_TO_FILTER[value]}
    await imaging.SetImagingSettings({"VideoSourceToken": source, "ImagingSettings": words, "ForcePersistence": True})
