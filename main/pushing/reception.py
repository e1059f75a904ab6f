"""What happens with a pushed picture before it takes its lane: the key first, then the headers, the body last."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from django.conf import settings

from camera.keys import LONGEST, SPILL, Lock, guessable
from camera.live.hub import current_hub
from main.pushing import headers, lanes
from main.pushing.engine_words import closing
from main.pushing.headers import Said, refuse
from main.pushing.keyring import KeysUnknownError, current_keyring, current_wrong_keys
from main.pushing.picture import Answer, BadPictureError, Pushed

logger = logging.getLogger(__name__)
BODY_SECONDS = 30.0
NO_KEY = "Send the camera's key in the header X-Camera-Auth. Whoever manages the camera can make a new one on its page."
NO_CAMERA = "The key does not belong to this camera."
NO_PICTURES = "With this key one may ring at the camera; it takes no pictures that are sent to it."
WRONG_TOO_OFTEN = "Too many wrong keys came from your address. Try again in a minute."
DISABLED = "This camera is switched off; its pictures are not taken."
KEYS_UNKNOWN = "The house cannot say now which keys hold. Try again in a few seconds."
TOO_SLOW = "The picture took more than half a minute to arrive."


class GoneError(Exception):
    """The sender went away before the picture was whole: nobody is there to be answered."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A request with a picture, as any server may hand it over. Headers by small name, each value as often as it came.

    `read` gives the whole body, of at most PUSH_MAX_BYTES or with BadPictureError (413); it may raise GoneError.
    """

    address: str
    headers: dict[str, list[str]]
    read: Callable[[], Awaitable[bytes]] = field(repr=False)

    def values(self, name: str) -> list[str]:
        return self.headers.get(name, [])


async def receive(slug: str, letter: Letter) -> Answer:
    """Take a picture in for the camera `slug` (POST /api/v1/cameras/SLUG/frames). Raises GoneError alone."""
    try:
        lock = _sends(await opened(slug, letter))
        said = headers.read(letter.values("x-captured-at"), letter.values("x-event-kind"), letter.values("x-event-id"))
        return await _take(lock, said, letter)
    except BadPictureError as error:
        return error.answer


async def receive_upload(letter: Letter) -> Answer:
    """Take a picture in for the camera `spill` as the oil-spill server does (POST /api/upload_frame)."""
    found = any(value.strip().lower() in ("true", "1") for value in letter.values("x-oil-spill-detected"))
    try:
        lock = _sends(await opened(SPILL, letter))
        ids = letter.values("x-event-id") if found else []
        said = headers.read(letter.values("x-captured-at"), [SPILL] if found else [], ids)
        return await _take(lock, said, letter)
    except BadPictureError as error:
        return error.answer


def _sends(lock: Lock) -> Lock:
    if not lock.pushes:
        raise refuse(404, "not_found", NO_PICTURES)
    return lock


async def opened(slug: str, letter: Letter) -> Lock:
    """The lock of the camera `slug`, by the key in the letter; wrong keys are counted. Raises BadPictureError."""
    given = letter.values("x-camera-auth")
    counts = not given or guessable(given[0])
    wait = current_wrong_keys.too_many(letter.address) if counts else 0
    if wait:
        answer = Answer(429, "too_many_wrong_keys", WRONG_TOO_OFTEN, float(settings.PUSH_FPS), retry_after=wait)
        raise BadPictureError(answer)
    if len(given) != 1 or not given[0] or len(given[0]) > LONGEST:
        if given:
            current_wrong_keys.note(letter.address)
        raise refuse(401, "unauthorized", NO_KEY)
    try:
        lock, known = await current_keyring.open(slug, given[0])
    except KeysUnknownError:
        raise BadPictureError(Answer(503, "busy", KEYS_UNKNOWN, retry_after=5)) from None
    if lock is None and not known:
        if counts:
            current_wrong_keys.note(letter.address)
        raise refuse(401, "unauthorized", NO_KEY)
    if lock is None:
        raise refuse(404, "not_found", NO_CAMERA)
    if not lock.enabled:
        raise refuse(503, "camera_disabled", DISABLED)
    return lock


async def _take(lock: Lock, said: Said, letter: Letter) -> Answer:
    headers.check_type(letter.values("content-type"))
    if current_hub().closing:
        return closing()
    lane = lanes.lane(lock.pk)
    refused = lane.refusal(said.kind, said.late)
    if refused is not None:
        return refused
    with lane.reading():
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await letter.read()
        except TimeoutError:
            raise refuse(408, "too_slow", TOO_SLOW) from None
    data, width, height = headers.look(body)
    at = time.time() if said.captured_at is None else said.captured_at
    return await lanes.send(lock.pk, Pushed(data, width, height, at, said.clock, said.late, said.kind, said.sender_id))
