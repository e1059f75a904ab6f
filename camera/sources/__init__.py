"""The ways pictures come in. A kind is one line in KINDS and one module, imported on first use."""

import importlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, cast

from camera.addresses import Address, AddressError, parse_source
from camera.loading import LOADING
from camera.packets import AudioPacket, Packet, Reason, SourceConfig, SourceError, StreamInfo

if TYPE_CHECKING:
    from camera.sources.push import Inbox

KINDS: dict[str, str] = {
    "rtsp": "camera.sources.rtsp:open_rtsp",
    "http": "camera.sources.http_source:open_http",
    "tapo": "camera.sources.asked:open_asked",
    "onvif": "camera.sources.asked:open_asked",
    "v4l2": "camera.sources.v4l2:open_device",
    "file": "camera.sources.video_file:open_file",
    "pattern": "camera.sources.pattern:open_pattern",
    "push": "camera.sources.push:open_push",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Source(Protocol):
    """An open source. Iterating gives packets until it breaks, by SourceError and never by ending, or until `stop`;
    among them those of sound where config.audio wants it.

    `info` tells what is sent; it is replaced by a new object when size or codec change.
    """

    info: StreamInfo

    def __iter__(self) -> Iterator[Packet | AudioPacket]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. `silence`: a picture must come within it."""

    resolve: float = 5.0
    connect: float = 5.0
    open: float = 10.0
    silence: float = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """What an opener gets. `stop` ends every wait. `inbox`: where pictures arrive that are sent here, if anywhere."""

    config: SourceConfig
    stop: threading.Event
    timeouts: Timeouts = Timeouts()
    inbox: "Inbox | None" = None

    def wait(self, seconds: float) -> bool:
        """Sleep; True when it is time to end."""
        return self.stop.wait(max(0.0, seconds))


Opener = Callable[[Request], Source]


def open_source(
    config: SourceConfig, stop: threading.Event, timeouts: Timeouts | None = None, inbox: "Inbox | None" = None
) -> Source:
    """Open the source described by `config`. Raises SourceError; its detail never holds a credential."""
    if config.kind not in KINDS:
        raise SourceError(Reason.REFUSED, "there is no such kind of camera")
    if _CONTROL.search(config.address + config.username + config.password):
        raise SourceError(Reason.REFUSED, "address, user name and password may have no control characters")
    config = replace(config, address=_checked(config).address)
    module, _, name = KINDS[config.kind].partition(":")
    try:
        with LOADING:
            opener = cast(Opener, getattr(importlib.import_module(module), name))
    except ImportError as error:
        raise SourceError(Reason.NOT_FOUND, f"a library for this kind of camera is missing ({error.name})") from None
    return opener(Request(config, stop, timeouts or Timeouts(), inbox))


def every(source: Source) -> float:
    """Nominal seconds between two pictures of a camera that is asked for each one, 0 for all others."""
    return float(getattr(source, "every", 0.0))


def _checked(config: SourceConfig) -> Address:
    """The address once more, whoever wrote the configuration. Raises SourceError (REFUSED)."""
    try:
        found = parse_source(Address(config.kind, config.address).source)
    except AddressError as error:
        raise SourceError(Reason.REFUSED, str(error)) from None
    if found.kind != config.kind or config.address != config.address.strip():
        raise SourceError(Reason.REFUSED, "the address is not one of this kind of camera")
    return found
