"""Times of which there are no pictures of a camera, as rows with their cause.

The loop's thread hands over what it hears of cameras; the rows thread writes. A gap begins when a camera leaves online
and ends when it is online again, is switched off, or goes. Of one that never was online there is none, nor of a webcam,
which comes and goes. What was open when an engine ended goes on with the next one.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest

from camera import ports
from camera.engine import storages
from camera.engine.supervisor import Wanted
from camera.models import Camera, Gap
from camera.packets import CameraState, Reason, StateName

logger = logging.getLogger(__name__)

# Away without a reason for less than this is no gap: a process that is started again with other settings. Seconds.
SHORTEST = 2.0
# The last picture tells when the gap began if it is no older than this. Seconds.
_LAST_PICTURE = 60.0
# A camera that goes silent and then says that privacy is on went silent because of it. Seconds.
SAME = 30.0
# These end where another reason is heard; the others are one gap under the first name.
_EXACT = frozenset({Reason.PRIVACY, Reason.ENGINE_DOWN})
# Old rows go so often, and so many at a time.
FORGET_EVERY, MOST_FORGOTTEN = 3600.0, 500


@dataclass(frozen=True, slots=True)
class _Heard:
    """A camera's state (None: it is the engine's no longer), and when that was, by both clocks."""

    camera: int
    state: CameraState | None
    at: float
    wall: float


@dataclass(slots=True)
class _Line:
    """What is known of one camera. `went`: since when it is away (wall), `due`: when that is a gap without a reason
    having been heard (monotonic). `gap`: its open row, with its cause and beginning."""

    was_online: bool = False
    went: float | None = None
    due: float | None = None
    gap: int | None = None
    cause: str = ""
    began: float = 0.0


class Gaps:
    """`heard` and `want` are the loop's thread's to call, `begin`, `step` and `end` the rows thread's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock, self._wall = clock, wall
        self._handed: deque[_Heard] = deque()
        self._wanted: frozenset[int] = frozenset()
        self._lines: dict[int, _Line] = {}
        self._has_begun = self._is_over = False
        self._forget_due = clock()

    def heard(self, state: CameraState) -> None:
        """A camera's state has changed."""
        self._handed.append(_Heard(state.camera, state, self._clock(), self._wall()))

    def want(self, cameras: list[Wanted]) -> None:
        """These cameras are the engine's now."""
        before, self._wanted = self._wanted, frozenset(one.camera for one in cameras)
        for camera in before - self._wanted:
            self._handed.append(_Heard(camera, None, self._clock(), self._wall()))

    def begin(self) -> None:
        """Take up what the engine before this one left, before its states are written over. Once."""
        if self._has_begun:
            return
        self._lines = {}
        mine = Camera.objects.filter(engine__in=("", settings.ENGINE_NAME))
        gaps = Gap.objects.filter(camera__in=mine, ended_at=None).order_by("pk")
        for pk, camera, cause, at in gaps.values_list("pk", "camera_id", "cause", "started_at"):
            if camera in self._lines:
                # One camera is away once.
                self._close(self._lines[camera], at.timestamp())
            self._lines[camera] = _Line(True, went=at.timestamp(), gap=pk, cause=cause, began=at.timestamp())
        for pk, enabled, webcam, state in mine.values_list("pk", "enabled", "webcam", "state"):
            line = self._lines.setdefault(pk, _Line())
            if not enabled or webcam:
                self._close(line, self._wall())
            elif line.gap is None and state == StateName.ONLINE:
                line.was_online = True
                self._open(pk, line, Reason.ENGINE_DOWN, self._last_alive())
        self._has_begun = True

    def step(self) -> None:
        """Write what is due. Raises what the database raises; the next call goes on."""
        self.begin()
        while self._handed:
            self._take(self._handed[0])
            self._handed.popleft()
        now = self._clock()
        for camera, line in self._lines.items():
            if line.due is not None and now >= line.due and line.went is not None:
                self._open(camera, line, Reason.NO_SIGNAL, line.went)
        if now >= self._forget_due:
            self._forget_due = now + FORGET_EVERY
            forget(datetime.fromtimestamp(self._wall(), UTC))

    def end(self) -> None:
        """The engine ends: from now on nothing is recorded of cameras that are online."""
        if self._has_begun and not self._is_over:
            self.step()
            for camera, line in self._lines.items():
                if line.was_online and line.went is None and line.gap is None:
                    self._open(camera, line, Reason.ENGINE_DOWN, self._wall())
            self._is_over = True

    def _last_alive(self) -> float:
        """About when the engine before this one ended."""
        now = self._wall()
        return min(now, storages.last_alive() or now)

    def _take(self, heard: _Heard) -> None:
        state = heard.state
        if state is None or state.state == StateName.DISABLED:
            self._close(self._lines.get(heard.camera, _Line()), heard.wall)
            self._lines.pop(heard.camera, None)
            return
        line = self._lines.setdefault(heard.camera, _Line())
        if state.state == StateName.ONLINE:
            self._close(line, heard.wall)
            line.was_online, line.went, line.due = True, None, None
        elif line.was_online:
            self._away(heard.camera, line, heard, state)

    def _away(self, camera: int, line: _Line, heard: _Heard, state: CameraState) -> None:
        if line.went is None:
            last = state.last_frame_at or 0.0
            is_recent = heard.wall - _LAST_PICTURE <= last <= heard.wall and state.reason != Reason.PRIVACY
            line.went = last if is_recent else heard.wall
        if state.reason is None:
            # It is only about to open its source.
            if line.gap is None:
                line.due = heard.at + SHORTEST
        elif line.gap is None:
            self._open(camera, line, state.reason, line.went)
        elif state.reason != line.cause and (state.reason in _EXACT or line.cause in _EXACT):
            self._rename(camera, line, state.reason, heard.wall)

    def _rename(self, camera: int, line: _Line, cause: str, wall: float) -> None:
        """The gap goes on for another reason."""
        if cause == Reason.PRIVACY and line.cause not in _EXACT and wall - line.began <= SAME:
            Gap.objects.filter(pk=line.gap or 0).update(cause=cause)
            line.cause = cause
        else:
            self._close(line, wall)
            line.went = wall
            self._open(camera, line, cause, wall)

    def _open(self, camera: int, line: _Line, cause: str, began: float) -> None:
        row = Camera.objects.filter(pk=camera, webcam=False, enabled=True).first()
        if row is not None:
            made = Gap.objects.create(camera=row, cause=cause, started_at=datetime.fromtimestamp(began, UTC))
            line.gap, line.cause, line.began = made.pk, cause, began
            line.went = began if line.went is None else line.went
        line.due = None

    def _close(self, line: _Line, at: float) -> None:
        if line.gap is None:
            return
        # A clock that was set back must not end it before it began.
        ended = Greatest(F("started_at"), datetime.fromtimestamp(at, UTC))
        Gap.objects.filter(pk=line.gap, ended_at=None).update(ended_at=ended)
        line.gap, line.cause = None, ""


def forget(now: datetime) -> int:
    """Remove gaps that ended before the recordings that are kept; how many. Of those that go on none goes."""
    house = ports.policy().recording_days
    kept = Camera.objects.filter(days_kept__isnull=False).values_list("pk", "days_kept")
    own = {camera: days for camera, days in kept if days is not None}
    old = list(
        Gap.objects.filter(ended_at__lt=now - timedelta(days=house))
        .exclude(camera__in=own)
        .values_list("pk", flat=True)[:MOST_FORGOTTEN]
    )
    for camera, days in own.items():
        theirs = Gap.objects.filter(camera=camera, ended_at__lt=now - timedelta(days=days))
        old += theirs.values_list("pk", flat=True)[: max(0, MOST_FORGOTTEN - len(old))]
    Gap.objects.filter(pk__in=old).delete()
    return len(old)
