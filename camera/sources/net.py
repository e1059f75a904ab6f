"""Which hosts a camera may have. Names are resolved here, once, and what was checked is what gets connected to."""

import ipaddress
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from camera.packets import Reason, SourceError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Peer = tuple[str, int]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
# Cloud providers' metadata services that do not already lie in the link-local range.
_METADATA = {ipaddress.ip_address(a) for a in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254")}


@dataclass(frozen=True, slots=True)
class Target:
    """A checked place to connect to. `host` is the name as the user gave it, `ip` the literal that was checked."""

    host: str
    ip: str
    port: int

    @property
    def netloc(self) -> str:
        """`ip:port` as it stands in an URL."""
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


def resolve(host: str, port: int, allow_loopback: bool, seconds: float = 5.0) -> Target:
    """The checked address of `host`. Raises SourceError: NO_SIGNAL for an unknown name, REFUSED when not allowed."""
    found = _addresses(host, port, seconds)
    allowed = [address for address in found if is_allowed(address, allow_loopback)]
    if not allowed:
        raise SourceError(Reason.REFUSED, f"{host} is an address of this machine or a reserved one")
    # Cameras at home speak IPv4 nearly always; an IPv6 answer without a route would cost a whole time-out.
    return Target(host, str(min(allowed, key=lambda address: address.version)), port)


def is_allowed(address: IpAddress, allow_loopback: bool) -> bool:
    """Whether a camera may be there: not at a loopback, link-local, multicast, reserved or metadata address."""
    inner = embedded(address)
    if inner is not None:
        return is_allowed(inner, allow_loopback)
    if address.is_loopback:
        return allow_loopback
    if isinstance(address, ipaddress.IPv4Address) and address in _THIS_NETWORK:
        return False
    closed = address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    return not closed and address not in _METADATA


def embedded(address: IpAddress) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, so that it is judged as such."""
    if not isinstance(address, ipaddress.IPv6Address) or address.is_loopback or address.is_unspecified:
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in _NAT64 or int(address) < 1 << 32:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _addresses(host: str, port: int, seconds: float) -> list[IpAddress]:
    answers: list[str] = []
    failed: list[OSError] = []

    def ask() -> None:
        try:
            answers.extend(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else OSError(str(error)))

    # getaddrinfo knows no time-out of its own.
    asker = threading.Thread(target=ask, name="resolver", daemon=True)
    asker.start()
    asker.join(seconds)
    if not answers:
        why = "is not known to the name server" if failed else "could not be looked up in time"
        raise SourceError(Reason.NO_SIGNAL, f"{host} {why}")
    return [ipaddress.ip_address(answer.partition("%")[0]) for answer in answers]


def tcp_peers() -> set[Peer]:
    """Whom this process has TCP connections to, by (IP literal, port)."""
    return _tcp_ends(socket.socket.getpeername)


def tcp_names() -> set[Peer]:
    """The near ends of this process's TCP sockets, by (IP literal, port)."""
    return _tcp_ends(socket.socket.getsockname)


def _tcp_ends(which: Callable[[socket.socket], Any]) -> set[Peer]:
    ends: set[Peer] = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (a folder of numbers)
        try:
            handle = os.dup(int(name))
        except OSError:
            continue  # closed meanwhile
        end = _end(handle, which)
        if end is not None:
            ends.add(end)
    return ends


def _end(handle: int, which: Callable[[socket.socket], Any]) -> Peer | None:
    """One end of a TCP connection; closes `handle`."""
    try:
        sock = socket.socket(fileno=handle)
    except OSError:
        os.close(handle)  # not a socket
        return None
    with sock:
        if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
            return None
        try:
            ip, port = which(sock)[:2]
        except OSError:
            return None  # not connected
    return str(ipaddress.ip_address(ip.partition("%")[0])), port
