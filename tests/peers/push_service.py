"""A push service as browsers have them, and a browser behind it: it takes a message only with good VAPID (RFC 8292),
and decrypts it by RFC 8291 and 8188 alone, not with the library that encrypted it."""

import base64
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


@dataclass
class Browser:
    """One subscription: its keys never leave it."""

    endpoint: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def subscription(self) -> dict[str, Any]:
        keys = {"p256dh": b64(point(self.private.public_key())), "auth": b64(self.auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    def opened(self, body: bytes) -> dict[str, Any]:
        """The JSON inside an aes128gcm body of one record. Raises ValueError or InvalidTag."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        theirs, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= size and len(body) <= 4096
        shared = self.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, theirs))
        info = b"WebPush: info\0" + point(self.private.public_key()) + theirs
        ikm = mac(mac(self.auth, shared), info + b"\1")
        prk = mac(salt, ikm)
        key = mac(prk, b"Content-Encoding: aes128gcm\0\1")[:16]
        nonce = mac(prk, b"Content-Encoding: nonce\0\1")[:12]
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain[-1:] == b"\2"
        return dict(json.loads(plain[:-1]))


@dataclass
class Post:
    """One request that came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


def vapid_fault(authorization: str, origin: str, key: str) -> str:
    """What is wrong with a VAPID header for this origin and public key; empty when nothing is."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if scheme != "vapid" or parts.get("k") != key:
        return "another key"
    head, claims, signature = parts["t"].split(".")
    raw = unb64(signature)
    made = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, unb64(key))
        public.verify(made, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return "a bad signature"
    said = json.loads(unb64(claims))
    is_good = said["aud"] == origin and time.time() < said["exp"] <= time.time() + 86_400
    return "" if is_good and said["sub"].startswith(("mailto:", "https:")) else f"odd claims {said}"


class PushService:
    """An HTTP server that takes posts; also used as any target that answers, is slow, or drips.

    `answer`: the status for a post, or None to hang until `close`. `key`: the VAPID key that is asked for, if any.
    """

    def __init__(self, answer: Callable[[Post], int | None] = lambda post: 201, key: str = "", port: int = 0) -> None:
        self.answer, self.key = answer, key
        self.posts: list[Post] = []
        self.faults: list[str] = []
        self.headers: dict[str, str] = {}
        self._news = threading.Condition()
        self._over = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service._take(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the library's)
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        post = Post(handler.path, {name.lower(): value for name, value in handler.headers.items()}, body, time.time())
        status = self.answer(post)
        fault = vapid_fault(post.headers.get("authorization", ""), self.origin, self.key) if self.key else ""
        with self._news:
            self.posts.append(post)
            self.faults += [fault] if fault else []
            self._news.notify_all()
        if status is None:
            self._over.wait(120)
            return
        handler.send_response(403 if fault else status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def browser(self, name: str = "one") -> Browser:
        return Browser(f"{self.origin}/push/{name}")

    def wait(self, number: int, seconds: float = 30.0) -> list[Post]:
        """The posts, once there are so many."""
        with self._news:
            came = self._news.wait_for(lambda: len(self.posts) >= number, seconds)
            paths = [urlsplit(post.path).path for post in self.posts]
            assert came, f"{len(paths)} of {number} messages after {seconds} s: {paths}"
            return list(self.posts)

    def __enter__(self) -> "PushService":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
