"""Webhooks: a POST of JSON, signed so that the other side knows whose it is (docs/notifications.md has the rules)."""

import base64
import hashlib
import hmac
import json
import re
import time
from urllib.parse import urlsplit

from main.notify.jobs import Job, Outcome, again
from main.notify.pictures import small
from main.notify.wire import WireError, house_target, judged, post

SECONDS = 15.0
LONGEST = 1000
GONE, REFUSED = frozenset({410}), frozenset({400, 413, 422})


def is_address(url: str) -> bool:
    """Whether a webhook may be entered at all; its host is checked whenever it is used."""
    if len(url) > LONGEST or re.search(r"[^\x21-\x7e]|\\", url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """«v1=» and the hex HMAC-SHA256 of the timestamp, a dot, and the body as it is sent."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def send(job: Job) -> Outcome:
    body, timestamp = _body(job), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Fairwatch",
        "X-Fairwatch-Delivery": str(job.delivery),
        "X-Fairwatch-Timestamp": timestamp,
        "X-Fairwatch-Signature": signature(job.secret, timestamp, body),
    } | _login(job.target)
    try:
        reply = post(job.target, headers, body, house_target(job.house.loopback), SECONDS)
    except WireError as error:
        return again(str(error))
    return judged(reply, GONE, REFUSED)


def _login(url: str) -> dict[str, str]:
    """Name and password that stand in the address, as a header."""
    parts = urlsplit(url)
    if not parts.username:
        return {}
    words = f"{parts.username}:{parts.password or ''}".encode()
    return {"Authorization": "Basic " + base64.b64encode(words).decode()}


def _body(job: Job) -> bytes:
    message = job.message
    values: dict[str, object] = {
        "v": 1,
        "delivery": job.delivery,
        "house": job.house.name,
        "topic": message.topic or "trial",
        "title": message.title,
        "body": message.body,
        "url": job.house.url + message.path if job.house.url else None,
        "at": int(message.at),
        "events": message.facts.get("events") or ([message.facts] if message.facts else []),
        "picture": _picture(job),
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _picture(job: Job) -> dict[str, str] | None:
    path = small(job.house.run_dir, job.picture) if job.picture is not None else None
    if path is None:
        return None
    return {"type": "image/jpeg", "base64": base64.b64encode(path.read_bytes()).decode()}
