"""What the engine says of a picture, as an answer to its sender."""

from typing import Any

from django.conf import settings

from camera.commands import EngineDownError
from main.pushing.picture import Answer, Pushed

# The engine's codes and what they are in HTTP.
# A camera that it does not know (yet), and that has a key, was added or deleted a moment ago.
STATUSES = {"bad_image": 400, "busy": 429, "disk": 503, "camera_down": 503, "disabled": 503, "not_found": 503}
ENGINE_DOWN = "The engine does not answer; the picture was not taken. Try again in a few seconds."
CLOSING = "Fairwatch is being restarted. Try again in a few seconds."


def understood(reply: dict[str, Any], pushed: Pushed) -> Answer:
    """The engine's reply as an answer to the sender. Raises EngineDownError for one that cannot be read."""
    rate = float(settings.PUSH_FPS)
    if reply.get("ok") is True:
        return Answer(202, rate=rate, event=str(reply.get("event") or "")[:40], late=pushed.late)
    code, error = reply.get("code"), reply.get("error")
    status = STATUSES.get(code) if isinstance(code, str) else None
    if status is None or not isinstance(error, str):
        raise EngineDownError("the engine's answer to a picture cannot be read")
    told = {"busy": "too_many_requests", "disabled": "camera_disabled", "not_found": "camera_down"}.get(
        str(code), str(code)
    )
    return Answer(status, told, error[:300], rate, retry_after={429: 1, 503: 5}.get(status, 0))


def engine_down(rate: float) -> Answer:
    return Answer(503, "engine_down", ENGINE_DOWN, rate, retry_after=2)


def closing() -> Answer:
    return Answer(503, "closing", CLOSING, float(settings.PUSH_FPS), retry_after=5)
