"""What the sender of a picture is told: one of these bodies, for each picture exactly once."""

from collections.abc import Callable
from typing import Any

Body = dict[str, Any]
Answer = Callable[[Body], None]

BAD_IMAGE, BUSY, DISK, NOT_FOUND = "bad_image", "busy", "disk", "not_found"
_WORDS = {
    BAD_IMAGE: "The picture cannot be decoded. Send it again as an ordinary JPEG.",
    BUSY: "Pictures come faster than they can be stored. Send this one again in a moment.",
    DISK: "The picture cannot be stored. Look at the house's disk, then send it again.",
    NOT_FOUND: "This camera takes no pictures that are sent to it.",
}


def taken(event: str = "", *, known: bool = False) -> Body:
    """The picture is taken. `event`: the uid of the event it belongs to; `known`: that event had it already."""
    return {"ok": True, "event": event, "known": known}


def refusal(code: str, why: str = "") -> Body:
    """The picture is not taken; `why` in words for people, the usual ones of that code when empty."""
    return {"ok": False, "code": code, "error": why or _WORDS[code]}
