"""The listening socket and the words about where the house is to be found."""

import socket
from collections.abc import Callable

import segno

from main.serving.certificates import Certificates
from surveillance.environment import machine_addresses

SEND_BUFFER = 262_144
# A viewer that takes nothing for this long is dropped by the kernel, even with a full window.
USER_TIMEOUT_MS = 10_000
BACKLOG = 512


class BindError(ValueError):
    """The address to listen on is no address, or taken; the message says which and what to do."""


def split_bind(bind: str) -> tuple[str, int]:
    """HOST:PORT (or [v6]:PORT) apart. Raises BindError."""
    host, colon, port = bind.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise BindError(f"--bind {bind}: write HOST:PORT, for instance 0.0.0.0:8000")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 (a household site is for the household's network)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket whose accepted connections hold little and give up on viewers that stop reading."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise BindError(f"cannot listen on {host} port {port}: {error.strerror}. Set PORT to a free one.") from None
    sock.set_inheritable(True)
    return sock


def base_url(host: str, port: int, tls: str) -> str:
    """The URL a phone in the same network can open."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 (compared, not bound)
        host = machine_addresses()[0]
    # Behind a proxy the address people use is the proxy's, which is not known here; this one is for the proxy.
    scheme = "https" if tls == "local" else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def announce(base: str, secret: str | None, say: Callable[[str], object]) -> None:
    """Tell where the house is, with a QR code: of the one-time link before it is set up, then of the https address."""
    say(f"\nFairwatch is at {base}/")
    if secret is not None:
        link = f"{base}/setup/{secret}/"
        say(f"It has no owner yet. Open this link once to become the owner:\n  {link}\n")
        say_qr(link, say)
    elif base.startswith("https:"):
        say_qr(f"{base}/", say)


def announce_authority(base: str, certificates: Certificates, say: Callable[[str], object]) -> None:
    """Tell how a device comes to trust the house (TLS=local)."""
    say(f"A device trusts it after one step, once: open {base.replace('https:', 'http:')}/tls/ there and follow it.")
    say(f"The certificate to install is {certificates.authority}")
    say(f"Its SHA-256 fingerprint, to compare:\n  {certificates.fingerprint}")


def say_qr(link: str, say: Callable[[str], object]) -> None:
    say("\n".join(qr_lines(segno.make(link, error="l").matrix)))


def qr_lines(matrix: tuple[bytearray, ...]) -> list[str]:
    """A QR matrix as terminal lines, two modules a character, dark on light with a quiet zone of two."""
    width = len(matrix[0]) + 4
    rows = [[0] * width] * 2 + [[0, 0, *row, 0, 0] for row in matrix] + [[0] * width] * 3
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    pairs = zip(rows[::2], rows[1::2], strict=False)
    return [
        "".join(blocks[int(bool(upper)), int(bool(lower))] for upper, lower in zip(*pair, strict=True))
        for pair in pairs
    ]
