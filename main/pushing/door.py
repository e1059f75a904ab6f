"""A short cut for pushed pictures and rings, past Django: thirty pictures a second from each of many cameras come this
way.

What it does not take as a matter of course — other methods, plain HTTP where TLS is wanted — goes on to Django.
"""

import re
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from main.pushing.headers import refuse
from main.pushing.picture import Answer
from main.pushing.reception import GoneError, Letter, receive, receive_upload
from main.pushing.replies import Reply, to_frames, to_upload
from main.pushing.ringing import receive_ring

FRAMES = re.compile(r"/api/v1/cameras/([a-z0-9][a-z0-9-]{0,59})/frames")
RING = re.compile(r"/api/v1/cameras/([a-z0-9][a-z0-9-]{0,59})/ring")
UPLOAD = "/api/upload_frame"
WRONG_HOST = "Fairwatch does not go by this name; the setting ALLOWED_HOSTS says by which it does."
_SAFE = [
    (b"cache-control", b"private, no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


def most_bytes(path: str) -> int | None:
    """The most bytes a body to this path may have, None where pictures are not sent."""
    return settings.PUSH_MAX_BYTES if path in (UPLOAD, "/webcam/frames/") or FRAMES.fullmatch(path) else None


class PushDoor:
    """Wraps an ASGI application and answers pushed pictures and rings itself."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive_more: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive_more, send)
            return
        match = FRAMES.fullmatch(scope["path"]) or RING.fullmatch(scope["path"])
        if (match is None and scope["path"] != UPLOAD) or _to_be_redirected(scope):
            await self.app(scope, receive_more, send)
            return
        letter = _letter(scope, receive_more)
        try:
            reply = await _answered(scope["path"], match.group(1) if match else "", letter)
        except GoneError:
            return
        await _send(send, reply, scope, letter)


async def _answered(path: str, slug: str, letter: Letter) -> Reply:
    to_reply = to_upload if path == UPLOAD else to_frames
    if not _right_host(letter):
        return to_reply(Answer(400, "bad_request", WRONG_HOST))
    if RING.fullmatch(path):
        return await receive_ring(slug, letter)
    return to_reply(await (receive_upload(letter) if path == UPLOAD else receive(slug, letter)))


def _to_be_redirected(scope: Any) -> bool:
    return bool(settings.SECURE_SSL_REDIRECT) and scope.get("scheme") == "http"


def _right_host(letter: Letter) -> bool:
    hosts = letter.values("host")
    return len(hosts) == 1 and validate_host(split_domain_port(hosts[0])[0], settings.ALLOWED_HOSTS)


def _letter(scope: Any, receive_more: Any) -> Letter:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(_text(value.strip(b" \t")))
    client = scope.get("client")

    async def read() -> bytes:
        return await read_body(receive_more)

    return Letter(client[0] if client else "", headers, read)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def read_body(receive_more: Any) -> bytes:
    """The whole body. Raises GoneError when it breaks off, BadPictureError (413) when it is too large."""
    pieces, taken = [], 0
    while True:
        message = await receive_more()
        if message["type"] != "http.request":
            raise GoneError
        piece = message.get("body", b"")
        taken += len(piece)
        if taken > settings.PUSH_MAX_BYTES:
            raise refuse(413, "too_large", f"A picture may have at most {settings.PUSH_MAX_BYTES} bytes.")
        pieces.append(piece)
        if not message.get("more_body"):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _send(send: Any, reply: Reply, scope: Any, letter: Letter) -> None:
    headers = [
        *_SAFE,
        (b"content-type", reply.content_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in reply.headers.items()),
    ]
    if scope.get("scheme") == "https" and settings.SECURE_HSTS_SECONDS:
        headers.append((b"strict-transport-security", f"max-age={settings.SECURE_HSTS_SECONDS}".encode()))
    if reply.status >= 400 and not letter.values("content-length"):
        # Nobody knows how much of the body is still to come.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
