"""How a Tapo camera lets somebody in: the log-in of older firmware, and the encrypted one that came after it."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad, unpad

SESSION_OVER, NEEDS_NONCE, BLOCKED, WRONG = -40401, -40413, -40404, -40411

Answer = tuple[int, dict[str, Any]]


class Gate:
    """Counts what comes without a right password, as cameras do, and closes for a while when it is too much."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self.tries, self._until = 0, 0.0

    @property
    def seconds_left(self) -> int:
        return max(0, round(self._until - time.monotonic()))

    def close(self) -> None:
        self._until = time.monotonic() + self.seconds

    def open(self) -> None:
        self.tries, self._until = 0, 0.0

    def count(self) -> dict[str, int]:
        self.tries += 1
        if self.tries >= self.most:
            self.close()
        return {"time": self.tries, "max_time": self.most}


@dataclass
class Session:
    """What is talked with after the log-in. Without `key` in plain words."""

    key: bytes = b""
    start: bytes = b""
    tag_secret: str = ""
    seq: int = 0

    def open_letter(self, body: bytes, headers: dict[str, str]) -> dict[str, Any] | None:
        """The request within, or None when it is not from whom it should be."""
        letter = json.loads(body)
        if not self.key:
            return letter  # type: ignore[no-any-return]
        seq = int(headers.get("seq", "-1"))
        if seq < self.seq or headers.get("tapo_tag") != _sha(self.tag_secret + body.decode() + str(seq)):
            return None
        self.seq = seq + 1
        sealed = base64.b64decode(letter["params"]["request"])
        return json.loads(unpad(AES.new(self.key, AES.MODE_CBC, self.start).decrypt(sealed), 16))  # type: ignore[no-any-return]

    def seal(self, answer: dict[str, Any]) -> dict[str, Any]:
        if not self.key:
            return answer
        sealed = AES.new(self.key, AES.MODE_CBC, self.start).encrypt(pad(json.dumps(answer).encode(), 16))
        return {"error_code": 0, "seq": self.seq, "result": {"response": base64.b64encode(sealed).decode()}}


@dataclass
class Door:
    """`accounts`: passwords by user. `log` is told of each step: discover, hello (no password shown yet) or proof."""

    accounts: dict[str, str]
    gate: Gate
    log: Callable[[str], None]
    sessions: dict[str, Session] = field(default_factory=dict)

    def login(self, params: dict[str, Any]) -> Answer:
        """HTTP status and body. Raises KeyError for what is not understood."""
        self.log(step_of(params))
        if left := self.gate.seconds_left:
            return 200, {"error_code": SESSION_OVER, "data": {"code": BLOCKED, "sec_left": left}}
        return self._login(params)

    def _login(self, params: dict[str, Any]) -> Answer:
        raise NotImplementedError

    def _let_in(self, session: Session, **more: Any) -> Answer:
        self.gate.open()
        stok = secrets.token_hex(16)
        self.sessions[stok] = session
        return 200, {"error_code": 0, "result": {"stok": stok, "user_group": "root", **more}}


class OldDoor(Door):
    def _login(self, params: dict[str, Any]) -> Answer:
        if "password" not in params:
            offer = {"code": SESSION_OVER, "encrypt_type": ["1", "2"], "key": "", "nonce": secrets.token_hex(8).upper()}
            return 200, {"error_code": SESSION_OVER, "result": {"data": offer}}
        password = self.accounts.get(params["username"])
        if password is not None and params["password"] == _md5(password):
            return self._let_in(Session())
        return 401, {"error_code": SESSION_OVER, "result": {"data": {"code": WRONG, **self.gate.count()}}}


class NewDoor(Door):
    """`digest_passwd` proves the password; the camera's own proof comes before, so that a wrong one is never sent."""

    nonce = ""

    def _login(self, params: dict[str, Any]) -> Answer:
        if "digest_passwd" in params:
            return self._check(params)
        self.nonce = secrets.token_hex(8).upper()
        data = {"code": SESSION_OVER, "encrypt_type": ["3"], "key": "", "nonce": self.nonce, **self.gate.count()}
        if "cnonce" in params:
            secret = self._secret(params)
            confirm = _sha(params["cnonce"] + secret + self.nonce)
            data["device_confirm"] = confirm + self.nonce + params["cnonce"]
        return 200, {"error_code": NEEDS_NONCE, "result": {"data": data}}

    def _secret(self, params: dict[str, Any]) -> str:
        return _sha(self.accounts.get(params.get("username", ""), secrets.token_hex(8)))

    def _check(self, params: dict[str, Any]) -> Answer:
        secret, theirs, ours = self._secret(params), params["cnonce"], self.nonce
        if not ours or params["digest_passwd"] != _sha(secret + theirs + ours) + theirs + ours:
            return 200, {"error_code": SESSION_OVER, "result": {"data": {"code": WRONG, **self.gate.count()}}}
        mixed = _sha(theirs + secret + ours)
        key, start = (hashlib.sha256(f"{kind}{theirs}{ours}{mixed}".encode()).digest()[:16] for kind in ("lsk", "ivb"))
        session = Session(key, start, _sha(secret + theirs), seq=secrets.randbelow(900) + 100)
        self.nonce = ""
        return self._let_in(session, start_seq=session.seq)


def step_of(params: dict[str, Any]) -> str:
    if "sub_method" in params:
        return str(params["sub_method"])
    return "proof" if "digest_passwd" in params or "password" in params else "hello"


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest().upper()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest().upper()
