"""Pictures that their sender flagged: decoded, kept and reported before the answer, beside everything else."""

import contextlib
import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from camera.loading import LOADING
from camera.orders import Orders
from camera.paths import UID, UnsafePathError, event_picture, inside, new_uid
from camera.process.answers import BAD_IMAGE, BUSY, DISK, Answer, Body, refusal, taken
from camera.process.flagspan import FlagSpan, FlagSpans, Turn
from camera.process.late import Late
from camera.process.stills import put
from camera.process.writer import words
from camera.reports import EventSeen, PushedStill
from camera.sources.push import Inbox, Push

logger = logging.getLogger(__name__)

# Flagged pictures that may be under way at once, those included that wait for the engine.
MOST_INSIDE = 8
# An event's end is looked for so often while nothing comes. Seconds.
PATIENCE = 1.0

Then = Callable[[dict[str, Any]], None]


class Report(Protocol):
    """What is to become a row; `then` gets the engine's acknowledgement."""

    def __call__(self, kind: str, body: dict[str, Any], then: Then | None = None) -> None: ...


class Motion(Protocol):
    """The recorder, as far as it is asked here."""

    def moved(self, started_at: float, last_at: float) -> None: ...

    def pictured(self, captured_at: float, jpeg: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class _Job:
    """A picture and who waits for its answer; without one, a picture that is not flagged and so ends an event."""

    push: Push
    deadline: float = 0.0
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """A picture that lies on the disk, and the event it belongs to."""

    job: _Job
    span: FlagSpan
    path: Path


class Flagged:
    """`put`, `plain` and `take` are called by the main loop's thread and wait for nothing; `run` is its own thread."""

    def __init__(
        self,
        report: Report,
        inbox: Inbox,
        late: Late,
        recorder: Motion,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
    ) -> None:
        """`clock` counts seconds of silence, `today` is what deadlines are told by."""
        self._report, self._inbox, self._late, self._recorder = report, inbox, late, recorder
        self._clock, self._today = clock, today
        self._changed = threading.Condition()
        self._orders = Orders()
        self._jobs: deque[_Job] = deque()
        self._acks: deque[tuple[_Kept, dict[str, Any]]] = deque()
        self._inside = 0
        # Whether a picture that is not flagged may end an event.
        self._is_open = False
        self._stopped = False
        # What follows belongs to its own thread.
        self._spans = {False: FlagSpans(), True: FlagSpans()}
        self._complaint = ""

    # What others ask and say.

    def take(self, orders: Orders) -> None:
        self._orders = orders

    def put(self, push: Push, deadline: float, answer: Answer) -> None:
        """A flagged picture; `answer` is called exactly once, as a rule by the thread."""
        with self._changed:
            is_welcome = self._inside < MOST_INSIDE and not self._stopped
            if is_welcome:
                self._inside += 1
                self._is_open = True
                self._jobs.append(_Job(push, deadline, answer))
                self._changed.notify()
        if not is_welcome:
            answer(refusal(BUSY))

    def plain(self, push: Push) -> None:
        """A picture that is not flagged has been taken. Costs nothing while no event goes on."""
        if not self._is_open:
            return
        with self._changed:
            last = self._jobs[-1] if self._jobs else None
            if last is None or last.answer is not None or last.push.late != push.late:
                self._jobs.append(_Job(push))
                self._changed.notify()

    def stop(self) -> None:
        """End. What has not been begun is refused, what goes on is ended; acknowledgements go to `settle`."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    # Its own thread.

    def run(self) -> None:
        while not self._stopped:
            try:
                self.step(PATIENCE)
            except Exception:  # whatever it is, the next picture's sender waits for an answer
                logger.exception("flagged pictures: a step failed in an unknown way")
        for job in self._jobs:
            if job.answer is not None:
                self._answer(job.answer, refusal(BUSY))
        self._jobs.clear()
        self.settle()
        for spans in self._spans.values():
            self._over(spans.end())

    def step(self, patience: float = 0.0) -> bool:
        """Do the next thing; False when there was none within `patience` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._acks or self._stopped, patience)
            job = self._jobs.popleft() if self._jobs and not self._acks and not self._stopped else None
        if job is not None:
            self._do(job)
        has_settled = self.settle()
        for spans in self._spans.values():
            self._over(spans.quiet(self._clock()))
        with self._changed:
            self._is_open = bool(self._jobs) or any(spans.current for spans in self._spans.values())
        return job is not None or has_settled

    def settle(self) -> bool:
        """Draw the conclusions from what the engine has acknowledged; also by the main thread once `run` is over."""
        found = False
        while self._acks:
            self._settled(*self._acks.popleft())
            found = True
        return found

    def _do(self, job: _Job) -> None:
        if job.answer is None:
            self._over(self._spans[job.push.late].plain(job.push.packet.captured_at))
            return
        try:
            refused = self._flagged(job)
        except Exception:  # one odd picture must not end this thread, nor leave its sender without an answer
            logger.exception("a flagged picture could not be kept in an unknown way")
            refused = refusal(DISK)
        if refused is not None:
            self._answer(job.answer, refused)

    def _flagged(self, job: _Job) -> Body | None:
        """Keep one; why it is refused, None when its answer comes with the engine's acknowledgement."""
        push, at = job.push, job.push.packet.captured_at
        refused = refusal(BUSY) if self._today() > job.deadline else self._pass_on(push)
        if refused is not None:
            return refused
        if not self._orders.media or not self._orders.slug:
            return refusal(DISK, "The picture cannot be stored: there is no place for it. Send it again later.")
        turn = self._spans[push.late].flag(at, push.kind, push.sender_id, self._clock())
        self._over(turn.ended)
        if not push.late:
            self._recorder.moved(turn.span.started_at, at)
            if turn.is_first:
                self._recorder.pictured(at, push.packet.data)
        try:
            self._keep(job, turn)
        except (OSError, UnsafePathError) as error:
            self._drop(turn.span, push.late)
            if words(error) != self._complaint:
                logger.error("flagged pictures cannot be kept: %s", words(error))
            self._complaint = words(error)
            return refusal(DISK, f"The picture cannot be stored: {words(error)}. Send it again later.")
        return None

    def _pass_on(self, push: Push) -> Body | None:
        """Let it be seen and recorded as any other; why that cannot be. A late one goes on once it is acknowledged."""
        if not _decodes(push.packet.data):
            return refusal(BAD_IMAGE)
        if push.late:
            return self._late.refusal()
        return None if push.overtaken or self._inbox.put(push) else refusal(BUSY)

    def _keep(self, job: _Job, turn: Turn) -> None:
        """Write and report it. Raises OSError or UnsafePathError."""
        orders, push, span = self._orders, job.push, turn.span
        data, at = push.packet.data, push.packet.captured_at
        still = span.uid if turn.is_first else new_uid()
        image = event_picture(orders.slug, push.kind, at, still)
        path = inside(orders.media, image)
        put(path, data)
        self._complaint = ""
        span.waiting += 1
        kept = _Kept(job, span, path)
        digest = hashlib.sha256(data).hexdigest()
        told = PushedStill(
            span.uid, still, push.kind, span.started_at, at, image, digest, len(data), push.sender_id
        )  # fmt: skip
        self._report(told.KIND, asdict(told), lambda header: self._acknowledged(kept, header))

    def _acknowledged(self, kept: _Kept, header: dict[str, Any]) -> None:
        """The engine has answered; called by the main loop's thread."""
        with self._changed:
            self._acks.append((kept, header))
            self._changed.notify()

    def _settled(self, kept: _Kept, header: dict[str, Any]) -> None:
        span, push = kept.span, kept.job.push
        is_taken, is_known = header.get("taken") is True, header.get("known") is True
        span.waiting -= 1
        if is_taken:
            event = header.get("event")
            span.uid = event if isinstance(event, str) and UID.fullmatch(event) else span.uid
            span.taken += 1
            span.fresh += not is_known
        if is_known or not is_taken:
            with contextlib.suppress(OSError):
                kept.path.unlink(missing_ok=True)
        elif push.late:
            self._late.add(push)
        if not is_taken:
            self._drop(span, push.late)
        self._over(span if span.ended_at is not None else None)
        if kept.job.answer is not None:
            self._answer(kept.job.answer, taken(span.uid, known=is_known) if is_taken else refusal(DISK))

    def _drop(self, span: FlagSpan, late: bool) -> None:
        """One of its pictures could not be kept; an event without any is none."""
        if not span.waiting and not span.taken:
            self._spans[late].forget(span)

    def _over(self, span: FlagSpan | None) -> None:
        """Report the end of an event, once the engine has said under which uid. Where its sender has only sent again
        what was there, it is no longer for that."""
        if span is None or span.waiting or not span.taken:
            return
        ended_at = span.ended_at if span.fresh and span.ended_at is not None else span.last_at
        seen = EventSeen(span.uid, span.kind, span.started_at, max(span.started_at, ended_at))
        self._report(seen.KIND, asdict(seen))

    def _answer(self, answer: Answer, body: Body) -> None:
        with self._changed:
            self._inside -= 1
        answer(body)


def _decodes(jpeg: bytes) -> bool:
    """Whether a picture comes of it. An eighth of the size is enough to know: all of the data is read for it."""
    with LOADING:
        import cv2
        import numpy as np

    try:
        return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_COLOR_8) is not None
    except cv2.error:
        return False
