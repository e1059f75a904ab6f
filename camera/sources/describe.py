"""Asks an RTSP camera what it offers before FFmpeg does: it names faults well and never follows a redirect."""

import re
import socket
import time
from dataclasses import dataclass, field

from camera.packets import Reason, SourceError
from camera.sources import Timeouts
from camera.sources.login import Login
from camera.sources.net import Target
from camera.sources.wire import connect

_HEAD_LIMIT = 32 * 1024
_BODY_LIMIT = 64 * 1024
# Payload type 26 is JPEG without an rtpmap line (RFC 3551).
_STATIC = {"26": "JPEG"}
ENCODINGS = frozenset({"H264", "H265", "AV1", "JPEG"})


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, list[str]] = field(default_factory=dict)
    body: str = ""


def describe(url: str, target: Target, login: Login, timeouts: Timeouts) -> str:
    """The camera's SDP. `url` is without credentials. Raises SourceError with what is wrong."""
    deadline = time.monotonic() + timeouts.open
    sock = connect(target, url.startswith("rtsps:"), timeouts.connect)
    try:
        # The first answer asks for a log-in; the second may say that its nonce was too old.
        for attempt in range(1, 4):
            reply = _ask(sock, url, attempt, login.header("DESCRIBE", url), deadline)
            if reply.status != 401 or not login.challenged(reply.headers.get("www-authenticate", [])):
                break
            if "close" in reply.headers.get("connection", []):
                sock.close()
                sock = connect(target, url.startswith("rtsps:"), timeouts.connect)
    except TimeoutError:
        raise SourceError(Reason.NO_SIGNAL, "it takes the connection but does not answer") from None
    except OSError:
        raise SourceError(Reason.NO_SIGNAL, "the connection to the camera broke") from None
    finally:
        sock.close()
    _judge(reply.status)
    check_encodings(reply.body)
    return reply.body


def check_encodings(sdp: str) -> None:
    """Refuse what Fairwatch does not decode before anything is decoded. Raises SourceError (BAD_STREAM)."""
    offered: list[str] = []
    video = False
    for line in sdp.splitlines():
        if line.startswith("m="):
            words = line[2:].split()
            video = words[:1] == ["video"]
            offered += [_STATIC[number] for number in words[3:] if video and number in _STATIC]
        elif video and (match := re.match(r"a=rtpmap:\d+ ([\w.-]{1,30})/", line)):
            offered.append(match[1].upper())
    if not offered:
        raise SourceError(Reason.BAD_STREAM, "the camera offers no video there")
    if not ENCODINGS & set(offered):
        raise SourceError(Reason.BAD_STREAM, f"it sends {', '.join(offered[:3])}, which Fairwatch does not read")


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise SourceError(Reason.REFUSED, "the camera points to another address; enter that one instead")
    known = {401: Reason.AUTH_FAILED, 403: Reason.AUTH_FAILED, 404: Reason.NOT_FOUND}
    reason = known.get(status, Reason.NO_SIGNAL if status >= 500 else Reason.BAD_STREAM)
    raise SourceError(reason, f"the camera answers {status}")


def _ask(sock: socket.socket, url: str, number: int, authorization: str | None, deadline: float) -> Reply:
    lines = [f"DESCRIBE {url} RTSP/1.0", f"CSeq: {number}", "Accept: application/sdp", "User-Agent: Fairwatch"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    sock.settimeout(max(0.1, deadline - time.monotonic()))
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(sock, deadline)
        if len(data) > _HEAD_LIMIT:
            raise SourceError(Reason.BAD_STREAM, "what answers there does not speak RTSP")
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    match = re.match(r"RTSP/1\.\d (\d{3})\b", first)
    if not match:
        raise SourceError(Reason.BAD_STREAM, "what answers there does not speak RTSP")
    headers: dict[str, list[str]] = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    size = headers.get("content-length", ["0"])[0]
    length = min(int(size) if re.fullmatch(r"\d{1,9}", size) else 0, _BODY_LIMIT)
    while len(body) < length:
        body += _receive(sock, deadline)
    return Reply(int(match[1]), headers, body[:length].decode("utf-8", "replace"))


def _receive(sock: socket.socket, deadline: float) -> bytes:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)
    data = sock.recv(8192)
    if not data:
        raise ConnectionResetError
    return data
