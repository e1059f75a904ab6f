"""SOURCE words into a checked kind and address. The allow-list of schemes lives here; sources check again."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

KINDS: dict[str, str] = {
    "rtsp": "RTSP network camera",
    "http": "HTTP camera (MJPEG stream or single picture)",
    "tapo": "Tapo camera",
    "onvif": "ONVIF camera",
    "v4l2": "USB camera on this machine",
    "file": "Video file, played in a loop",
    "pattern": "Demo scene",
    "push": "Program or browser that sends its pictures here",
}
_SCHEMES = {
    "rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http", "tapo": "tapo", "onvif": "onvif"
}  # fmt: skip
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "tapo": 443, "onvif": 80}
# Kinds that are asked by their maker's protocol where their streams are, and can be moved and switched.
CONTROLLED = frozenset({"tapo", "onvif"})
# Kinds that are reached over the network and may need a user name and password.
NETWORK = frozenset({"rtsp", "http"}) | CONTROLLED
_DEVICE = re.compile(r"/dev/video\d{1,3}")
_FILE = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}")
EXAMPLES = (
    "rtsp://192.168.1.20/stream1, http://192.168.1.21/video.mjpg, tapo://192.168.1.22, onvif://192.168.1.23, "
    "device:/dev/video0, file:NAME.mp4, push: or pattern:"
)


class AddressError(ValueError):
    """The address is not one a camera may have; the message tells people what to write instead."""


@dataclass(frozen=True, slots=True)
class Address:
    """`address` is free of credentials; these come apart as `username` and `password`."""

    kind: str
    address: str
    username: str = ""
    password: str = ""

    @property
    def source(self) -> str:
        """The SOURCE word again, as `addcamera` takes it."""
        prefix = {"v4l2": "device:", "file": "file:", "pattern": "pattern:", "push": "push:"}.get(self.kind, "")
        return prefix + self.address


def parse_source(source: str) -> Address:
    """Read a SOURCE word. Raises AddressError for every scheme that is not on the list."""
    source = source.strip()
    scheme, colon, rest = source.partition(":")
    scheme = scheme.lower()
    if not colon:
        raise AddressError(f"An address starts with its kind, for instance {EXAMPLES}.")
    if scheme in _SCHEMES:
        return _network(scheme, source)
    if scheme == "device":
        if not _DEVICE.fullmatch(rest):
            raise AddressError("A device is written device:/dev/video0 (a number from 0 to 999).")
        return Address("v4l2", rest)
    if scheme == "file":
        if not _FILE.fullmatch(rest) or rest in (".", "..") or rest.startswith("."):
            raise AddressError("A file is named without a folder, for instance file:yard.mp4; it lies in CAMERA_FILES.")
        return Address("file", rest)
    if scheme in ("pattern", "push"):
        if rest:
            raise AddressError(f"{KINDS[scheme]}: this takes no address, write {scheme}: alone.")
        return Address(scheme, "")
    raise AddressError(f"Fairwatch does not open {scheme[:20]}: addresses. Use for instance {EXAMPLES}.")


def _network(scheme: str, source: str) -> Address:
    if re.search(r"[\s\x00-\x1f\x7f\\]", source):
        raise AddressError("An address has no blanks or control characters in it.")
    _, slashes, tail = source.partition("://")
    if not slashes:
        raise AddressError(f"A network address starts with {scheme}://, for instance {EXAMPLES}.")
    # Everything up to the last @ before the path is credentials, so "p@ss#1" needs no escaping; a "/" does (%2F).
    end = min((i for i in (tail.find("/"), tail.find("?")) if i >= 0), default=len(tail))
    login, _, host_part = tail[:end].rpartition("@")
    username, _, password = (unquote(word) for word in login.partition(":"))
    tail = host_part + tail[end:]
    try:
        parts = urlsplit(f"{scheme}://{tail}")
        port = parts.port
    except ValueError:
        raise AddressError("The host or port of the address cannot be read.") from None
    if "@" in parts.path + parts.query:
        # Most likely the rest of a password with a "/" or "?" in it, which must not be kept as part of the address.
        raise AddressError("Write / ? and @ inside a password as %2F %3F and %40, and an @ behind the host as %40.")
    host = parts.hostname or ""
    if not host or not re.fullmatch(r"[A-Za-z0-9._:%-]{1,253}", host):
        raise AddressError("The address names no host, for instance rtsp://192.168.1.20/stream1.")
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    path, query = (quote(words, safe="/%:!$&'()*+,;=~-._?[]{}|") for words in (parts.path, parts.query))
    return Address(_SCHEMES[scheme], urlunsplit((scheme, netloc, path, query, "")), username, password)


def host_and_port(address: str) -> tuple[str, int]:
    """Host and port of a network camera's address."""
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]
