"""The newest log-in of Tapo cameras, SPAKE2+, from the camera's side: neither end ever shows the password."""

import base64
import hashlib
import hmac
import json
import secrets
import struct
from dataclasses import dataclass
from typing import Any

from Crypto.Cipher import AES
from pytapo.transport.tpap import spake2p as curve

from tests.peers.tapo_logins import SESSION_OVER, Answer, Door, Session

ITERATIONS = 1000
NEEDS_SPAKE = -40211


@dataclass
class SpakeSession(Session):
    """Letters of a number, the ciphertext and its seal (AES-128-CCM)."""

    nonce: bytes = b""

    def open_letter(self, body: bytes, headers: dict[str, str]) -> dict[str, Any] | None:
        seq = struct.unpack(">I", body[:4])[0]
        if seq < self.seq:
            return None
        self.seq = seq + 1
        return json.loads(self._cipher(seq).decrypt_and_verify(body[4:-16], body[-16:]))  # type: ignore[no-any-return]

    def seal(self, answer: dict[str, Any]) -> Any:
        cipher = self._cipher(self.seq)
        return struct.pack(">I", self.seq) + cipher.encrypt(json.dumps(answer).encode()) + cipher.digest()

    def _cipher(self, seq: int) -> Any:
        return AES.new(self.key, AES.MODE_CCM, nonce=self.nonce[:8] + struct.pack(">I", seq), mac_len=16)


@dataclass
class _Offer:
    """What was said in pake_register."""

    w0: int
    verifier: Any
    y: int
    share: bytes
    context: bytes


class NewestDoor(Door):
    """`hash_kind`: in which form this camera holds the password, md5 or sha256."""

    hash_kind = "md5"
    _offer: _Offer | None = None

    def _login(self, params: dict[str, Any]) -> Answer:
        step = params.get("sub_method")
        if step == "discover":
            return 200, {"error_code": 0, "result": {"tpap": {"pake": [2], "tls": 1, "user_hash_type": 0}}}
        if step == "pake_register":
            return self._register(params)
        if step == "pake_share" and self._offer is not None:
            return self._share(params, self._offer)
        return 200, {"error_code": NEEDS_SPAKE, "result": {}}

    def _register(self, params: dict[str, Any]) -> Answer:
        salt, random, y = secrets.token_bytes(16), secrets.token_bytes(32), secrets.randbelow(curve.N - 1) + 1
        hashed = curve.md5_hex if self.hash_kind == "md5" else curve.sha256_hex_upper
        key = hashlib.pbkdf2_hmac("sha256", hashed(self.accounts["admin"]).encode(), salt, ITERATIONS, 80)
        w0, w1 = (int.from_bytes(half, "big") % curve.N for half in (key[:40], key[40:]))
        share = curve.encode_point(curve.pt_add(curve.pt_mul(y, curve.G_POINT), curve.pt_mul(w0, curve.N_POINT)))
        context = hashlib.sha256(curve.CONTEXT_TAG + base64.b64decode(params["user_random"]) + random).digest()
        self._offer = _Offer(w0, curve.pt_mul(w1, curve.G_POINT), y, share, context)
        said = {"dev_salt": salt, "dev_random": random, "dev_share": share}
        encoded = {name: base64.b64encode(value).decode() for name, value in said.items()}
        return 200, {"error_code": 0, "result": {**encoded, "iterations": ITERATIONS, "cipher_suites": 1}}

    def _share(self, params: dict[str, Any], offer: _Offer) -> Answer:
        self._offer = None
        theirs = base64.b64decode(params["user_share"])
        ke = self._agree(theirs, offer)
        confirm = curve.hkdf_sha256(ke, None, b"ConfirmationKeys", 64)
        expected = hmac.new(confirm[:32], offer.share, hashlib.sha256).digest()
        if base64.b64decode(params["user_confirm"]) != expected:
            return 200, {"error_code": SESSION_OVER, "data": {"code": SESSION_OVER, **self.gate.count()}}
        shared = curve.hkdf_sha256(ke, None, b"SharedKey", 32)
        key, nonce = (
            curve.hkdf_sha256(shared, b"tp-kdf-salt-" + name, b"tp-kdf-info-" + name, 32)
            for name in (b"aes128-key", b"aes128-iv")
        )
        session = SpakeSession(key=key[:16], nonce=nonce[:12], seq=secrets.randbelow(900) + 100)
        ours = hmac.new(confirm[32:], theirs, hashlib.sha256).digest()
        return self._let_in(session, start_seq=session.seq, expired=3600, dev_confirm=base64.b64encode(ours).decode())

    def _agree(self, theirs: bytes, offer: _Offer) -> bytes:
        point = curve.pt_add(curve.decode_point(theirs), curve.pt_neg(curve.pt_mul(offer.w0, curve.M_POINT)))
        parts = (
            offer.context, b"", b"", curve.encode_point(curve.M_POINT), curve.encode_point(curve.N_POINT), theirs,
            offer.share, curve.encode_point(curve.pt_mul(offer.y, point)),
            curve.encode_point(curve.pt_mul(offer.y, offer.verifier)), offer.w0.to_bytes(32, "big"),
        )  # fmt: skip
        return hashlib.sha256(b"".join(struct.pack("<Q", len(part)) + part for part in parts)).digest()
