"""Pictures that are sent here, each decided at once: live, late or flagged; and its sender's answer."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from camera.packets import Packet
from camera.process.answers import BAD_IMAGE, BUSY, Answer, Body, refusal, taken
from camera.process.flagged import Flagged
from camera.process.late import Late
from camera.reports import EVENT_KINDS
from camera.sources.push import Inbox, Push
from camera.video.jpeg import BadJpegError, check, marks

_LATEST = 2.5e11
_WORD = re.compile(r"[^\x00-\x1f\x7f]{0,100}")
# Capture times in whole seconds: pictures of the same second are told apart by this, or by when they came. Seconds.
LEAST_STEP = 0.001
# So long an older picture than the newest is one that was sent again. Seconds.
OVERTAKEN_FOR = 2.0


class Pushes:
    """`take` is called by the main loop's thread alone, and waits for nothing. A picture that a newer one has overtaken
    (its sender tried again) is not shown or filmed any more; a flagged one is still kept."""

    def __init__(self, inbox: Inbox, flagged: Flagged, late: Late, clock: Callable[[], float] = time.monotonic) -> None:
        self._inbox, self._flagged, self._late, self._clock = inbox, flagged, late, clock
        self._spread = Spread()
        # The newest live picture's capture time, and when it came (monotonic).
        self._newest, self._came = float("-inf"), float("-inf")

    def take(self, body: object, payload: bytes, deadline: float, answer: Answer) -> None:
        """One picture and what is known of it. `answer` is called exactly once, from any thread, now or later; nobody
        waits for it after `deadline` (seconds since the epoch). With `over` in the body there is no picture: the
        sender has stopped."""
        if isinstance(body, dict) and body.get("over") is True:
            self._inbox.leave()
            answer(taken())
            return
        try:
            push = read(body, payload, self._spread, self._clock())
        except ValueError as error:
            answer(refusal(BAD_IMAGE, f"This is not a picture Fairwatch can take: {error}."))
            return
        if not push.late and self._is_overtaken(push.packet.captured_at):
            push = replace(push, overtaken=True)
        if push.kind:
            self._flagged.put(push, deadline, answer)
        else:
            body = self._unflagged(push)
            if body["ok"]:
                self._flagged.plain(push)
            answer(body)

    def _unflagged(self, push: Push) -> Body:
        if push.late:
            return self._late.offer(push) or taken()
        return taken() if push.overtaken or self._inbox.put(push) else refusal(BUSY)

    def _is_overtaken(self, captured_at: float) -> bool:
        """A sender whose clock was set back is believed after a moment in which nothing newer has come."""
        now = self._clock()
        if captured_at < self._newest and now - self._came < OVERTAKEN_FOR:
            return True
        self._newest, self._came = captured_at, now
        return False


class Spread:
    """Senders that tell whole seconds send many pictures of one moment; shown and recorded, each needs its own."""

    def __init__(self) -> None:
        self._told = self._given = float("-inf")
        self._came = 0.0

    def __call__(self, told: float, now: float) -> float:
        """The capture time to go on with for one `told`, of a picture that came at `now` (monotonic)."""
        since, self._came = now - self._came, now
        if told == self._told:
            # Never into the second that has not been told yet.
            later = min(self._given + since, told + 1 - LEAST_STEP)
            self._given = max(later, self._given + LEAST_STEP)
        else:
            is_behind = self._told < told <= self._given
            self._told, self._given = told, self._given + LEAST_STEP if is_behind else told
        return self._given


def read(body: object, payload: bytes, spread: Spread, now: float) -> Push:
    """The command's body as values that hold what they promise. Raises ValueError."""
    if not isinstance(body, dict):
        raise ValueError("nothing is said about it")
    try:
        width, height = check(payload)
        if not marks(payload).usual:
            raise BadJpegError("a kind of JPEG that browsers do not show")
    except BadJpegError as error:
        raise ValueError(str(error)) from None
    captured_at, clock, late = _time(body.get("captured_at")), body.get("clock"), body.get("late") is True
    if clock not in ("arrival", "source"):
        raise ValueError("its clock is not known")
    if clock == "source" and not late:
        captured_at = spread(captured_at, now)
    kind, sender_id = _word(body, "kind"), _word(body, "sender_id")
    if kind not in ("", *EVENT_KINDS):
        raise ValueError("there is no such kind of event")
    return Push(Packet(payload, True, captured_at, clock), width, height, late, kind, sender_id if kind else "")


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LATEST:
        raise ValueError("its time makes no sense")
    return float(value)


def _word(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError(f"its {name} makes no sense")
    return value
