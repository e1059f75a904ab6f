"""Answers to pushed pictures as HTTP replies, for the short cut and for Django alike."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from main.pushing.picture import Answer

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


def to_frames(answer: Answer) -> Reply:
    """The reply of POST /api/v1/cameras/SLUG/frames."""
    if answer.taken:
        body: dict[str, object] = {
            "taken": True,
            "late": answer.late,
            "event": answer.event or None,
            "rate": answer.rate,
            "server_time": datetime.now(UTC).isoformat(timespec="microseconds"),
        }
    else:
        body = {"error": {"code": answer.code, "message": answer.message}}
    return Reply(answer.status, json.dumps(body).encode(), JSON, _headers(answer))


def to_upload(answer: Answer) -> Reply:
    """The reply of POST /api/upload_frame: the words that programs for the oil-spill server know."""
    status, words = answer.status, answer.message
    if answer.taken:
        status, words = 200, "Frame received"
    elif answer.status in (401, 404):
        status, words = 401, "Unauthorized"
    elif answer.code == "bad_image":
        words = "Invalid image data"
    return Reply(status, words.encode(), TEXT, _headers(answer))


def _headers(answer: Answer) -> dict[str, str]:
    found = {}
    if answer.rate:
        found["X-Rate"] = f"{answer.rate:g}"
    if answer.retry_after:
        found["Retry-After"] = str(answer.retry_after)
    if answer.status == 401:
        found["WWW-Authenticate"] = 'X-Camera-Auth realm="Fairwatch"'
    return found
