"""Events of cameras that are gone for longer than a moment, and of their return.

The loop's thread hands over what it hears of cameras; the rows thread makes the events. Nothing is told of a camera
that never was online, nor of one that was switched off, changed or deleted, nor while the engine itself starts or
stops. What was open when an engine ended is found again by the next one.
"""

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from camera import ports
from camera.engine.supervisor import Wanted
from camera.models import Camera, Event
from camera.packets import REASON_TEXT, CameraState, Reason, SourceConfig, StateName
from camera.paths import new_uid

# Shorter ones are no event. Seconds.
LONG_ENOUGH = 10.0
# After the engine's start cameras that were online before get so long to come back: after a power cut the network does
# too. Seconds.
START_GRACE = 60.0
# A sender that was there for no longer than this has sent a picture and no more: it is one that sends seldom, and what
# counts is whether it stays away for much longer than before. Seconds.
SELDOM, SELDOM_LEAST, SELDOM_MOST = 15.0, 30.0, 3600.0
# The last picture tells when a camera went if it is no older than this. Seconds.
_LAST_PICTURE = 60.0
NOTHING_SENT = "no pictures are being sent"
KEEPS_FAILING = "the program that reads the camera keeps failing"
# Shorter words where the usual ones are too long for a label.
LABELS: dict[str, str] = REASON_TEXT | {
    Reason.REFUSED: "the address is not allowed, or the connection is refused",
    Reason.ENGINE_DOWN: "the recording engine is not running",
}


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the loop's thread hands over: a camera's state, or None when it is gone or quite another one now. `waited`:
    it has been without pictures for LONG_ENOUGH already."""

    camera: int
    state: CameraState | None
    at: float
    wall: float
    waited: bool = False


@dataclass(slots=True)
class _Line:
    """What is known of one camera. `due`: when an event is to be made of it (monotonic); `went` and `back` by the wall
    clock."""

    was_online: bool = False
    # Since this engine began to look.
    was_seen: bool = False
    went: float | None = None
    due: float | None = None
    label: str = ""
    # Its open event, and when that ended if it did.
    event: int | None = None
    back: float | None = None
    # When it came and went (monotonic), and for how long it was away the last time.
    came_at: float | None = None
    left_at: float | None = None
    away: float = 0.0


class Outages:
    """`heard`, `want` and `stop` are the loop's thread's to call, `begin` and `step` the rows thread's. `publish` is
    called with camera and id of each event that began or ended, once that is committed."""

    def __init__(
        self,
        publish: Callable[[int | None, int], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._publish, self._clock, self._wall = publish, clock, wall
        self._handed: queue.SimpleQueue[_Heard] = queue.SimpleQueue()
        self._wanted: dict[int, tuple[SourceConfig, bool]] = {}
        self._is_stopped = self._has_begun = False
        self._started = clock()
        self._lines: dict[int, _Line] = {}
        # Events to end whose cameras are gone, and when they did.
        self._left: dict[int, float] = {}

    def heard(self, state: CameraState) -> None:
        """A camera's state has changed."""
        source, _ = self._wanted.get(state.camera, (None, False))
        is_push = source is not None and source.kind == "push"
        waited = is_push and (state.state, state.reason) == (StateName.OFFLINE, Reason.NO_SIGNAL)
        self._hand_over(state.camera, state, waited=waited)

    def want(self, cameras: list[Wanted]) -> None:
        """These cameras are the engine's now: one that has gone or was changed begins anew."""
        before, self._wanted = self._wanted, {one.camera: (one.source, one.enabled) for one in cameras}
        for camera, was in before.items():
            if self._wanted.get(camera) != was:
                self._hand_over(camera, None)

    def stop(self) -> None:
        """The engine ends: what cameras do from now on is its doing."""
        self._is_stopped = True

    def _hand_over(self, camera: int, state: CameraState | None, *, waited: bool = False) -> None:
        if not self._is_stopped:
            self._handed.put(_Heard(camera, state, self._clock(), self._wall(), waited))

    def begin(self) -> None:
        """Take up what the engine before this one knew, before its states are written over. Once."""
        if self._has_begun:
            return
        mine = dict(Camera.objects.filter(engine__in=("", settings.ENGINE_NAME)).values_list("pk", "state"))
        opened = list(
            Event.objects.filter(kind=Event.Kind.CAMERA_OFFLINE, ended_at=None).values_list("camera_id", "pk")
        )
        self._lines = {camera: _Line(was_online=state == StateName.ONLINE) for camera, state in mine.items()}
        for camera, event in opened:
            if camera is None:
                self._left[event] = self._wall()
            elif camera in mine:
                self._lines[camera] = _Line(was_online=True, went=self._wall(), event=event)
        self._has_begun = True

    def step(self) -> None:
        """Make and end the events that are due. Raises what the database raises; the next call goes on."""
        self.begin()
        while not self._handed.empty():
            self._take(self._handed.get())
        for event, at in list(self._left.items()):
            self._end(event, at)
            del self._left[event]
        for camera, line in self._lines.items():
            if line.event is not None and line.back is not None:
                self._end(line.event, line.back)
                line.event = line.back = None
            if line.due is not None and line.went is not None and self._clock() >= line.due:
                line.event = self._begin(camera, line.went, line.label)
                line.due = None

    def _take(self, heard: _Heard) -> None:
        state = heard.state
        if state is None or state.state == StateName.DISABLED:
            line = self._lines.pop(heard.camera, _Line())
            if line.event is not None:
                self._left[line.event] = heard.wall if line.back is None else line.back
            return
        line = self._lines.setdefault(heard.camera, _Line())
        if state.state in (StateName.ONLINE, StateName.PAUSED):
            is_online = state.state == StateName.ONLINE
            line.was_online, line.was_seen = line.was_online or is_online, line.was_seen or is_online
            line.went = line.due = None
            if is_online:
                line.away = heard.at - line.left_at if line.left_at is not None else line.away
                line.came_at, line.left_at = heard.at, None
            if line.event is not None and line.back is None:
                line.back = heard.wall
        elif state.reason is not None and line.was_online:
            # Without a reason it is only about to open its source.
            self._out(line, heard, state)

    def _out(self, line: _Line, heard: _Heard, state: CameraState) -> None:
        due = heard.at + (_more_patience(line, heard.at) if heard.waited else LONG_ENOUGH)
        if not line.was_seen:
            due = max(due, self._started + START_GRACE)
        if line.went is None:
            last = state.last_frame_at or 0.0
            line.went = last if heard.wall - _LAST_PICTURE <= last <= heard.wall else heard.wall
            line.due, line.left_at = due, heard.at
        elif line.due is not None:
            line.due = min(line.due, due)
        words = NOTHING_SENT if heard.waited else LABELS[str(state.reason)]
        line.label = KEEPS_FAILING if state.state == StateName.CONNECTING else words

    def _begin(self, camera: int, went: float, label: str) -> int | None:
        row = Camera.objects.filter(pk=camera, webcam=False).first()
        if row is None:
            return None
        known = Event.objects.filter(kind=Event.Kind.CAMERA_OFFLINE, camera=row, ended_at=None).first()
        if known is not None:
            return known.pk
        with transaction.atomic():
            event = Event.objects.create(
                camera=row, camera_name=row.name, camera_slug=row.slug, uid=new_uid(), kind=Event.Kind.CAMERA_OFFLINE,
                label=label, started_at=datetime.fromtimestamp(went, UTC), changed_at=timezone.now(),
            )  # fmt: skip
            ports.on_event(event, True)
        self._publish(camera, event.pk)
        return event.pk

    def _end(self, pk: int, at: float) -> None:
        with transaction.atomic():
            event = Event.objects.select_for_update().filter(pk=pk, ended_at=None).first()
            if event is None:
                return
            # A clock that was set back must not end it before it began.
            event.ended_at = max(event.started_at, datetime.fromtimestamp(at, UTC))
            event.changed_at = timezone.now()
            event.save(update_fields=["ended_at", "changed_at"])
            ports.on_event(event, False)
        self._publish(event.camera_id, event.pk)


def _more_patience(line: _Line, now: float) -> float:
    """Seconds that a sender may still stay away after LONG_ENOUGH without a picture."""
    is_seldom = line.came_at is not None and now - line.came_at <= SELDOM
    return min(SELDOM_MOST, max(SELDOM_LEAST, 2 * line.away)) if is_seldom and line.away else 0.0
