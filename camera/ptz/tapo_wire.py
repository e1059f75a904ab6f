"""The one connection to a Tapo camera: bounded in time and size, and cut short from another thread when it hangs."""

import contextlib
import json
import logging
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPSConnectionPool

_LARGEST_ANSWER = 1 << 20
_CONNECT_S = 4.0
# What shows a password to the camera, whichever generation of the log-in it is.
_PROOFS = ('"digest_passwd"', '"password"', '"pake_share"')
_MOST_PROOFS = 2


class CutShortError(Exception):
    """The call's time is over. Not one of requests' own errors: those are tried anew."""


class EndlessLoginError(CutShortError):
    """The camera lets in and forgets, again and again."""


class _WithoutSessionTokens(logging.Filter):
    """The path of each request to a camera carries the token of the session."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "/stok=" not in record.getMessage()


_without_tokens = _WithoutSessionTokens()
logging.getLogger("urllib3.connectionpool").addFilter(_without_tokens)


class _Context(ssl.SSLContext):
    """Cameras have certificates of their own making and old ciphers. Keeps a second handle of the newest socket, by
    which another thread can end whatever waits on it, the handshake too."""

    handle: socket.socket | None = None

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        self.let_go()
        self.handle = sock.dup()
        return super().wrap_socket(sock, *arguments, **options)

    def let_go(self) -> None:
        handle, self.handle = self.handle, None
        if handle is not None:
            handle.close()


def _context() -> _Context:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


class _Pool(HTTPSConnectionPool):
    def _validate_conn(self, conn: Any) -> None:
        # Without the warning of each request that nobody vouches for the certificate.
        if conn.is_closed:
            conn.connect()


class _Adapter(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool}


class Wire(requests.Session):
    """One camera's connection. Follows no redirect, asks no proxy, keeps no more than 1 MiB of an answer. Used by one
    thread at a time; only `cut` may come from another."""

    def __init__(self) -> None:
        super().__init__()
        self._context = _context()
        self.trust_env = False
        self.adapters.clear()
        self.mount("https://", _Adapter(self._context))
        self._until, self._is_cut, self._proofs = 0.0, False, 0
        # What the camera said last to somebody who wants to log in.
        self.login_answer: dict[str, Any] = {}

    def begin(self, until: float) -> None:
        """A new call, which ends at `until` (monotonic)."""
        self._until, self._is_cut, self._proofs = until, False, 0
        self.login_answer = {}

    def cut(self, until: float) -> None:
        """End what goes on if it was to end by `until`. From any thread."""
        if self._until > until:
            return
        self._is_cut = True
        handle = self._context.handle
        if handle is not None:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

    def request(self, method: str, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        is_login = urlsplit(str(url)).path in ("", "/")
        if is_login:
            self.login_answer = {}
            self._count(options)
        left = self._left()
        options |= {"timeout": (min(_CONNECT_S, left), left), "allow_redirects": False, "verify": False, "stream": True}
        response = super().request(method, url, **options)
        self._read(response)
        if is_login:
            self._remember(response)
        return response

    def _count(self, options: dict[str, Any]) -> None:
        shown = str(options.get("data") or options.get("json"))
        self._proofs += any(word in shown for word in _PROOFS)
        if self._proofs > _MOST_PROOFS:
            raise EndlessLoginError

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if self._is_cut or left <= 0:
            raise CutShortError
        return left

    def _read(self, response: requests.Response) -> None:
        pieces, total = [], 0
        for piece in response.iter_content(8192):
            self._left()
            total += len(piece)
            if total > _LARGEST_ANSWER:
                response.close()
                raise requests.exceptions.ContentDecodingError("an answer of more than 1 MiB")
            pieces.append(piece)
        # What Response.content makes of itself when it is read at once.
        response._content, response._content_consumed = b"".join(pieces), True

    def _remember(self, response: requests.Response) -> None:
        try:
            answer = json.loads(response.content)
        except ValueError:
            return
        if isinstance(answer, dict):
            self.login_answer = answer

    def leave(self) -> None:
        self.close()
        self._context.let_go()
