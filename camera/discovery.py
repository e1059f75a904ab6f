"""Finds ONVIF cameras in the house's own network by WS-Discovery: one question by multicast, and what answers it."""

import ipaddress
import re
import select
import socket
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

import psutil

from camera.sources.net import Peer, is_allowed

GROUP: Peer = ("239.255.255.250", 3702)
LONGEST = 5.0
# UDP carries no more; what came in pieces is longer than any real answer.
_LARGEST = 65536
_MOST_REPLIES, _MOST_FOUND, _MOST_OF_ONE = 300, 200, 16
_DEEPEST, _MOST_TEXT = 30, 8192
# The question goes out again, since packets get lost, in seconds from the first.
_AGAIN = (0.0, 0.3, 1.0)
# Routers do not pass it on.
_HOPS = 1
_SCOPE = "onvif://www.onvif.org/"
_NAMES = ("dn:NetworkVideoTransmitter", "tds:Device")
_PROBE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" \
xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" \
xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl" \
xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><s:Header>\
<a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>\
<a:MessageID>urn:uuid:{number}</a:MessageID>\
<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>\
<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>\
<s:Body><d:Probe><d:Types>{kind}</d:Types></d:Probe></s:Body></s:Envelope>"""


@dataclass(frozen=True, slots=True)
class Found:
    """A camera that answered. `address`: onvif://HOST[:PORT][/PATH], as Camera.address has it."""

    address: str
    host: str
    name: str = ""
    model: str = ""
    known: bool = False


@dataclass(slots=True)
class _Match:
    """What one device says of itself, as it stands in the reply."""

    number: str = ""
    types: str = ""
    scopes: str = ""
    addresses: str = ""


class HostileError(ValueError):
    """The reply has what no device's reply has."""


def discover(
    seconds: float = 3.0,
    known: Collection[str] = (),
    to: Sequence[Peer] = (),
    allow_loopback: bool = False,
    interfaces: Iterable[str] | None = None,
) -> list[Found]:
    """Every camera that answers within `seconds` (at most 5), by address. Waits that long, so call it in a thread.

    `known`: hosts that are cameras already. `to`: where to ask instead of by multicast. `interfaces`: the IPv4
    addresses of this machine to ask from; all of them when left out, loopback only with `allow_loopback`.
    """
    seconds = min(max(seconds, 0.1), LONGEST)
    own = _interfaces(allow_loopback) if interfaces is None else list(interfaces)
    sockets = [sock for ip in own if (sock := _open(ip)) is not None]
    try:
        found = _Collection(allow_loopback)
        _ask(sockets, list(to) or [GROUP], time.monotonic() + seconds, found)
    finally:
        for sock in sockets:
            sock.close()
    return [replace(one, known=one.host in known) for one in found.sorted()]


def _interfaces(allow_loopback: bool) -> list[str]:
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    own = [
        one.address
        for name, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if name in up and one.family == socket.AF_INET
    ]
    return [ip for ip in own if allow_loopback or not ipaddress.ip_address(ip).is_loopback]


def _open(ip: str) -> socket.socket | None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ip))
        sock.bind((ip, 0))
    except OSError:
        sock.close()
        return None  # it went away meanwhile
    sock.setblocking(False)
    return sock


def _ask(sockets: list[socket.socket], to: list[Peer], deadline: float, found: "_Collection") -> None:
    questions = [_PROBE.format(number=uuid.uuid4(), kind=kind).encode() for kind in _NAMES]
    begun, asked = time.monotonic(), 0
    while sockets and (now := time.monotonic()) < deadline and not found.full:
        if asked < len(_AGAIN) and now - begun >= _AGAIN[asked]:
            asked += 1
            _send(sockets, questions, to)
        until = begun + _AGAIN[asked] if asked < len(_AGAIN) else deadline
        ready, _, _ = select.select(sockets, [], [], max(0.0, min(until, deadline) - now))
        for sock in ready:
            try:
                reply, sender = sock.recvfrom(_LARGEST)
            except OSError:
                continue  # a host that says nobody listens there
            found.take(reply, sender[0])


def _send(sockets: list[socket.socket], questions: list[bytes], to: list[Peer]) -> None:
    for sock in sockets:
        for question in questions:
            for place in to:
                try:
                    sock.sendto(question, place)
                except OSError:
                    continue  # no way there from this interface


@dataclass(slots=True)
class _Collection:
    """One entry for each device, however often and from wherever it answers."""

    allow_loopback: bool
    replies: int = 0
    _by_number: dict[str, Found] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return self.replies >= _MOST_REPLIES or len(self._by_number) >= _MOST_FOUND

    def take(self, reply: bytes, sender: str) -> None:
        """Replies that cannot be read are passed over. A device is where its reply came from, whatever it says."""
        self.replies += 1
        if not is_allowed(ipaddress.ip_address(sender), self.allow_loopback):
            return
        try:
            matches = read(reply)
        except (expat.ExpatError, ValueError, LookupError):
            return
        for match in matches:
            found = _found(match, sender)
            of_sender = sum(one.host == sender for one in self._by_number.values())
            if found is not None and of_sender < _MOST_OF_ONE:
                self._by_number.setdefault(match.number or found.address, found)

    def sorted(self) -> list[Found]:
        by_address = {one.address: one for one in reversed(self._by_number.values())}
        return sorted(by_address.values(), key=lambda one: (ipaddress.ip_address(one.host), one.address))


def read(reply: bytes) -> list[_Match]:
    """The devices in a reply. Raises ExpatError or ValueError for what is none, and for every DTD: without one there
    are no entities."""
    matches: list[_Match] = []
    path: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    fields = {"Types": "types", "Scopes": "scopes", "XAddrs": "addresses"}

    def refuse(*_: object) -> None:
        raise HostileError("a DTD")

    def begin(name: str, _: object) -> None:
        path.append(name.rpartition(" ")[2])
        if len(path) > _DEEPEST or len(matches) > _MOST_OF_ONE:
            raise HostileError("too much of it")
        if path[-1] == "ProbeMatch":
            matches.append(_Match())

    def text(words: str) -> None:
        where = "number" if path[-2:] == ["EndpointReference", "Address"] else fields.get(path[-1])
        if where is not None and "ProbeMatch" in path:
            said = getattr(matches[-1], where)
            setattr(matches[-1], where, (said + words)[:_MOST_TEXT])

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.CharacterDataHandler = begin, text
    parser.EndElementHandler = lambda _: path.pop()
    parser.Parse(reply, True)
    return matches


def _found(match: _Match, sender: str) -> Found | None:
    urls = [parts for word in match.addresses.split()[:20] if (parts := _web(word)) is not None]
    is_camera = "NetworkVideoTransmitter" in match.types or _SCOPE in match.scopes
    if not urls or not is_camera:
        return None
    # A device with several names itself at each of its addresses.
    best = next((parts for parts in urls if parts[0] == sender), urls[0])
    _, port, path = best
    tail = "" if path in ("", "/", "/onvif/device_service") else path
    address = f"onvif://{sender}{f':{port}' if port != 80 else ''}{tail}"
    return Found(address, sender, _scope(match.scopes, "name"), _scope(match.scopes, "hardware"))


def _web(word: str) -> tuple[str, int, str] | None:
    """Host, port and path of a web address; None for anything else."""
    try:
        parts = urlsplit(word)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.hostname or "", port, parts.path) if re.fullmatch(r"[\w./-]{0,200}", parts.path, re.ASCII) else None


def _scope(scopes: str, kind: str) -> str:
    """A word that the device says of itself, for instance its name; empty when it says none."""
    start = f"{_SCOPE}{kind}/"
    word = next((one[len(start) :] for one in scopes.split()[:100] if one.startswith(start)), "")
    return "".join(letter for letter in unquote(word).strip() if letter.isprintable())[:80]
