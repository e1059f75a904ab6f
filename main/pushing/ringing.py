"""A doorbell that speaks HTTP: POST /api/v1/cameras/SLUG/ring with the camera's key, on the way of pushed pictures."""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from camera.commands import EngineDownError
from camera.live.hub import current_hub
from main.pushing import headers, lanes
from main.pushing.engine_words import CLOSING
from main.pushing.picture import Answer, BadPictureError
from main.pushing.reception import GoneError, Letter, opened
from main.pushing.replies import JSON, Reply, to_frames

# A finger, or a child's: so many at once, and then so many a second. Presses.
BURST, RATE = 30.0, 1.0
OLDEST_SECONDS = 7 * 86400.0
ENGINE_SECONDS = 4.0
BODY_SECONDS = 2.0
_MOST_CAMERAS = 1024
TOO_OFTEN = "This doorbell rings more often than anybody presses a button. Ring again in a second."
TOO_OLD = "X-Captured-At is more than a week ago; so late nobody is told any more."
ENGINE_DOWN = "The engine does not answer; nobody was told. Ring again in a few seconds, with the same X-Event-Id."
# The engine's codes: in HTTP, and after how many seconds it makes sense to ring again.
STATUSES = {"bad_request": (400, 0), "not_found": (404, 0), "disabled": (503, 5), "busy": (503, 1)}


class Bell:
    """How often each camera has rung lately. Bounded: with too many cameras the oldest is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def may_ring(self, camera: int) -> bool:
        now = self._clock()
        left, at = self._left.pop(camera, (BURST, now))
        left = min(BURST, left + (now - at) * RATE)
        may = left >= 1
        self._left[camera] = (left - 1 if may else left, now)
        if len(self._left) > _MOST_CAMERAS:
            self._left.popitem(last=False)
        return may


current_bell = Bell()


async def receive_ring(slug: str, letter: Letter) -> Reply:
    """Ring at the camera `slug`. Never raises: what went wrong is in the reply. Nothing is lost with a sender that goes
    away once its headers are here."""
    try:
        lock = await opened(slug, letter)
        said = headers.read(letter.values("x-captured-at"), ["ring"], letter.values("x-event-id"))
        if said.captured_at is not None and said.captured_at < time.time() - OLDEST_SECONDS:
            raise _refusal(400, "bad_time", TOO_OLD)
        if not current_bell.may_ring(lock.pk):
            raise _refusal(429, "too_many_requests", TOO_OFTEN, 1)
        if current_hub().closing:
            raise _refusal(503, "closing", CLOSING, 5)
        body = {"camera": lock.pk, "way": "key", "id": said.sender_id, "at": said.captured_at}
        reply = _told(await lanes.current_lanes().ask("ring", body, ENGINE_SECONDS))
    except BadPictureError as error:
        reply = to_frames(error.answer)
    except EngineDownError:
        reply = to_frames(Answer(503, "engine_down", ENGINE_DOWN, retry_after=2))
    # Nothing in the body matters, but until it is read the sender does not look for an answer.
    with suppress(GoneError, BadPictureError, TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            await letter.read()
    return reply


def _refusal(status: int, code: str, words: str, retry_after: int = 0) -> BadPictureError:
    return BadPictureError(Answer(status, code, words, retry_after=retry_after))


def _told(answer: dict[str, Any]) -> Reply:
    """Raises BadPictureError for what the engine refuses, EngineDownError for what cannot be read."""
    if answer.get("ok") is True:
        told = {
            "event": answer.get("event"),
            "new": answer.get("new") is True,
            "known": answer.get("known") is True,
            "server_time": datetime.now(UTC).isoformat(timespec="microseconds"),
        }
        return Reply(202, json.dumps(told).encode(), JSON)
    code, words = answer.get("code"), answer.get("error")
    if code not in STATUSES or not isinstance(words, str):
        raise EngineDownError("the engine's answer to a ring cannot be read")
    status, retry_after = STATUSES[code]
    raise _refusal(status, "camera_disabled" if code == "disabled" else str(code), words[:300], retry_after)
