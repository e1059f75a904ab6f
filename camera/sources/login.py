"""Answers to HTTP's and RTSP's log-in challenges: Digest (preferred) and Basic."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from urllib.request import parse_http_list, parse_keqv_list

_HASHES: dict[str, Callable[[bytes], str]] = {
    # MD5 is what cameras ask for; it is the protocol's choice and protects nothing of ours.
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


class Login:
    """One user's log-in at one camera. `challenged` takes the camera's challenges, `header` answers them."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._scheme = ""
        self._digest: dict[str, str] = {}
        self._count = 0

    def challenged(self, challenges: list[str]) -> bool:
        """Take WWW-Authenticate headers; True when they can be answered and asking again makes sense."""
        if not self._username and not self._password:
            return False
        before, nonce = self._scheme, self._digest.get("nonce")
        for scheme, words in sorted(map(_split, challenges), key=lambda c: c[0] != "digest"):
            if scheme == "digest" and _algorithm(words) in _HASHES and _can_auth(words):
                self._scheme, self._digest, self._count = scheme, words, 0
                # A stale or rotated nonce is a new chance; the same one again means the password is wrong.
                return before != scheme or (words.get("stale", "").lower() == "true" and words.get("nonce") != nonce)
            if scheme == "basic":
                self._scheme = scheme
                return before != scheme
        return False

    def header(self, method: str, uri: str) -> str | None:
        """The Authorization header for a request, or None while the camera has not asked for one."""
        if self._scheme == "basic":
            return "Basic " + base64.b64encode(f"{self._username}:{self._password}".encode()).decode()
        if self._scheme == "digest":
            return self._digest_answer(method, uri)
        return None

    def _digest_answer(self, method: str, uri: str) -> str:
        words = self._digest
        algorithm = words.get("algorithm", "MD5")
        hashed = _HASHES[_algorithm(words)]
        realm, nonce = words.get("realm", ""), words.get("nonce", "")
        self._count += 1
        count, cnonce = f"{self._count:08x}", secrets.token_hex(8)
        secret = hashed(f"{self._username}:{realm}:{self._password}".encode())
        if algorithm.lower().endswith("-sess"):
            secret = hashed(f"{secret}:{nonce}:{cnonce}".encode())
        request = hashed(f"{method}:{uri}".encode())
        answer = {"username": self._username, "realm": realm, "nonce": nonce, "uri": uri}
        bare = {"algorithm": algorithm} if "algorithm" in words else {}
        if "qop" in words:
            answer["response"] = hashed(f"{secret}:{nonce}:{count}:{cnonce}:auth:{request}".encode())
            answer["cnonce"] = cnonce
            bare |= {"qop": "auth", "nc": count}
        else:
            answer["response"] = hashed(f"{secret}:{nonce}:{request}".encode())
        if "opaque" in words:
            answer["opaque"] = words["opaque"]
        quoted = [f'{name}="{_escape(value)}"' for name, value in answer.items()]
        return "Digest " + ", ".join(quoted + [f"{name}={value}" for name, value in bare.items()])


def _split(challenge: str) -> tuple[str, dict[str, str]]:
    scheme, _, rest = challenge.strip().partition(" ")
    pairs = [item for item in parse_http_list(rest) if item.partition("=")[2]]
    return scheme.lower(), {name.lower(): value for name, value in parse_keqv_list(pairs).items()}


def _algorithm(words: dict[str, str]) -> str:
    return words.get("algorithm", "MD5").upper().removesuffix("-SESS")


def _can_auth(words: dict[str, str]) -> bool:
    return "qop" not in words or "auth" in [word.strip() for word in words["qop"].split(",")]


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
