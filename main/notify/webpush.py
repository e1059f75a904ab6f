"""Web Push (RFC 8030, 8291, 8292): a browser's subscription, and a message to it. Made of plain values only."""

import base64
import binascii
import json
import re
import time
from urllib.parse import urlsplit

from main.notify.jobs import Action, Job, Message, Outcome, Result, again
from main.notify.wire import WireError, judged, post, public_target

SECONDS = 15.0
# Before it is encrypted; the services take 4096 afterwards.
MOST_BYTES = 3000
LONGEST_ENDPOINT = 1000
# A ring that is told hours later is one that was missed, which the page of missed ones tells as well. Seconds.
RING_LASTS, REST_LASTS = 3600, 86_400
URGENT = frozenset({"ring", "spill"})
TOKEN_LASTS = 12 * 3600


class BadSubscriptionError(ValueError):
    """It is no subscription that messages can be sent to; the words are for people."""


def subscription(found: object, loopback: bool) -> str:
    """A browser's PushSubscription as it is kept: JSON of endpoint and keys. Raises BadSubscriptionError."""
    if not isinstance(found, dict) or not isinstance(found.get("keys"), dict):
        raise BadSubscriptionError("A subscription has an endpoint and keys.")
    endpoint, keys = found.get("endpoint"), found["keys"]
    if not isinstance(endpoint, str) or not _is_address(endpoint, loopback):
        raise BadSubscriptionError("The endpoint of a subscription is an https address.")
    point, auth = (_bytes(keys.get(name)) for name in ("p256dh", "auth"))
    if len(point) != 65 or point[0] != 4 or len(auth) != 16 or not _on_curve(point):
        raise BadSubscriptionError("The keys of the subscription are not those of a browser.")
    return json.dumps({"endpoint": endpoint, "keys": {"p256dh": keys["p256dh"], "auth": keys["auth"]}})


def host_of(target: str) -> str:
    return urlsplit(json.loads(target)["endpoint"]).hostname or ""


def _is_address(endpoint: str, loopback: bool) -> bool:
    if len(endpoint) > LONGEST_ENDPOINT or re.search(r"[^\x21-\x7e]|\\", endpoint):
        return False
    try:
        parts = urlsplit(endpoint)
        # An IPv6 literal cannot be signed for (RFC 8292's audience, as py_vapid takes it), and no service has one.
        host = parts.hostname or ""
        usual = bool(host) and ":" not in host and (parts.port or 443) > 0 and not parts.username and not parts.password
    except ValueError:
        return False
    return usual and (parts.scheme == "https" or (loopback and parts.scheme == "http"))


def _bytes(value: object) -> bytes:
    if not isinstance(value, str) or len(value) > 200 or not value.isascii():
        return b""
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return b""


def _on_curve(point: bytes) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        return False
    return True


def payload(message: Message) -> bytes:
    """The JSON that the service worker gets, at most MOST_BYTES: words that are too long are cut."""
    picture = None if message.picture_of is None else f"/notifications/picture/{message.picture_of}/"
    values: dict[str, object] = {
        "v": 1,
        "title": message.title,
        "body": message.body,
        "tag": message.tag,
        "url": message.path,
        "topic": message.topic,
        "image": picture,
        "actions": [_action(one) for one in message.actions],
        "badge": message.badge,
        "at": int(message.at),
    }
    for longest in (1000, 300, 80):
        made = json.dumps(
            values | {"title": message.title[: longest // 2], "body": message.body[:longest]},
            ensure_ascii=False, separators=(",", ":"),
        ).encode()  # fmt: skip
        if len(made) <= MOST_BYTES:
            break
    return made


def _action(one: Action) -> dict[str, str]:
    return {"action": one.action, "title": one.title, "url": one.url}


def send(job: Job) -> Outcome:
    """Encrypt for the browser and hand over to its push service."""
    # Heavy, and most houses send nothing for hours.
    from py_vapid import Vapid
    from pywebpush import WebPusher, WebPushException

    kept = json.loads(job.target)
    parts = urlsplit(kept["endpoint"])
    try:
        body = bytes(WebPusher(kept).encode(payload(job.message))["body"])
    except (WebPushException, ValueError):
        return Outcome(Result.GONE, "its keys cannot be used")
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time.time()) + TOKEN_LASTS,
        "sub": _contact(job.house.url),
    }
    headers = Vapid.from_string(job.house.vapid).sign(claims) | {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(RING_LASTS if job.message.topic == "ring" else REST_LASTS),
        "Urgency": "high" if job.message.topic in URGENT else "normal",
        # One that still waits at the service gives way to a later one of the same name.
        "Topic": re.sub(r"[^A-Za-z0-9_-]", "", job.message.tag)[:32] or "house",
    }
    try:
        return judged(post(kept["endpoint"], headers, body, public_target(job.house.loopback), SECONDS))
    except WireError as error:
        return again(str(error))


def _contact(url: str) -> str:
    """Whom the service may tell of trouble: an https or mailto address, which some insist on."""
    parts = urlsplit(url)
    is_fit = parts.scheme == "https" and re.fullmatch(r"[\w-]+\.[\w.-]+", parts.hostname or "")
    return f"https://{parts.hostname}" if is_fit else "mailto:fairwatch@example.org"
