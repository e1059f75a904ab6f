"""Pushed frames on their way through the engine: to the process of their camera, and its answer back to whoever sent.

Exactly one answer each. Owned by the loop's thread; nothing here waits.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from camera.engine.supervisor import Child, Slot
from camera.paths import UID

Reply = Callable[[dict[str, Any], bytes], None]
Send = Callable[[str, dict[str, Any], bytes], bool]

# Seconds that a frame may take all together, and what of them the answer's way back to web may take.
LONGEST = 5.0
WAY_BACK = 0.3
# Of one camera, sent to its process and not answered: each may be several megabytes.
MOST_WAITING = 16
# What a camera process may answer when it does not take a frame.
CODES = frozenset({"bad_image", "busy", "disk", "camera_down", "disabled", "not_found"})
_MOST_WORDS = 200

NOT_RUNNING = "The camera's process is not running yet. Send the picture again in a moment."
ENDED = "The camera's process ended before it had taken the picture. Send it again."
SILENT = "The camera's process did not answer in time. Send the picture again in a moment."
STOPPING = "The recording engine is stopping. Send the picture again in a moment."
TOO_MANY = "Too many pictures of this camera wait already. Send fewer, or wait for each answer."


@dataclass(slots=True)
class _Waiting:
    token: str
    until: float
    reply: Reply


def refusal(code: str, words: str) -> dict[str, Any]:
    """The answer that says why a frame is not taken."""
    return {"ok": False, "code": code, "error": words}


def checked(answer: object) -> dict[str, Any]:
    """What a camera process answered, and nothing but what the contract lets it say: a hostile stream may have taken
    it over."""
    values = answer if isinstance(answer, dict) else {}
    if values.get("ok") is True:
        event = values.get("event")
        is_uid = isinstance(event, str) and UID.fullmatch(event) is not None
        return {"ok": True, "event": event if is_uid else "", "known": values.get("known") is True}
    code, words = values.get("code"), values.get("error")
    if not (isinstance(code, str) and code in CODES and isinstance(words, str)):
        return refusal("camera_down", "The camera's process gave no answer that makes sense.")
    return refusal(code, "".join(one for one in words[:_MOST_WORDS] if one.isprintable()))


class Forwarding:
    """`slots` are the supervisor's, `send` brings a message to the process of a token and says whether it could."""

    def __init__(self, slots: dict[int, Slot], send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots, self._send, self._clock = slots, send, clock
        self._waiting: dict[str, _Waiting] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def frame(self, body: dict[str, Any], payload: bytes, deadline: float, reply: Reply) -> None:
        """Pass a frame on; `deadline` in seconds since the epoch. `reply` is called once, now or later."""
        camera = body.get("camera")
        slot = self._slots.get(camera) if type(camera) is int else None
        if slot is None or slot.wanted.source.kind != "push":
            reply(refusal("not_found", "There is no such camera that takes pictures."), b"")
            return
        if not slot.wanted.enabled:
            reply(refusal("disabled", "The camera is switched off. Switch it on in its settings."), b"")
            return
        child = slot.child
        if child is None or child.heard is None or child.killed:
            reply(refusal("camera_down", NOT_RUNNING), b"")
        elif sum(one.token == child.token for one in self._waiting.values()) >= MOST_WAITING:
            reply(refusal("busy", TOO_MANY), b"")
        else:
            self._pass_on(child, body, payload, deadline, reply)

    def _pass_on(self, child: Child, body: dict[str, Any], payload: bytes, deadline: float, reply: Reply) -> None:
        left = min(deadline - time.time(), LONGEST)
        self._count += 1
        ident = f"frame-{self._count}"
        message = {"type": "command", "id": ident, "name": "frame", "body": body, "deadline": deadline}
        if self._send(child.token, message, payload):
            self._waiting[ident] = _Waiting(child.token, self._clock() + max(left - WAY_BACK, left / 2), reply)
        else:
            reply(refusal("camera_down", NOT_RUNNING), b"")

    def answered(self, token: str, header: dict[str, Any]) -> None:
        """A process answers; words of another one than was asked do not count."""
        ident = header.get("id")
        waiting = self._waiting.get(ident) if isinstance(ident, str) else None
        if waiting is not None and waiting.token == token:
            del self._waiting[str(ident)]
            waiting.reply(checked(header.get("body")), b"")

    def ended(self, child: Child) -> None:
        """That process is gone: whoever waits for it need not any more."""
        self._give_up(lambda one: one.token == child.token, ENDED)

    def look(self) -> None:
        """Answer whoever has waited for too long. To be called many times a second."""
        now = self._clock()
        self._give_up(lambda one: now >= one.until, SILENT)

    def stop(self) -> None:
        """Nothing will be answered any more."""
        self._give_up(lambda _: True, STOPPING)

    def _give_up(self, concerns: Callable[[_Waiting], bool], words: str) -> None:
        for ident in [ident for ident, one in self._waiting.items() if concerns(one)]:
            self._waiting.pop(ident).reply(refusal("camera_down", words), b"")
