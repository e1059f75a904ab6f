"""Presses of doorbells as rows: one event for those that come soon after each other, and how long each is recorded."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from camera import ports
from camera.engine.event_rows import Memory, moment, recording_of
from camera.models import Camera, Event, RingPress
from camera.paths import new_uid

# Presses with no more than this between them are one ring. Seconds.
TOGETHER = 20.0
# A button that never rests is told of again after so long. Seconds.
LONGEST = 600.0
# What was pressed while there was no line is told later, but not for ever. Seconds.
OLDEST = 7 * 86400.0
# A camera that says twice within so long that somebody rings means one press. Seconds.
BOUNCE = 1.0
# Web needs a moment to find an engine that was started again. Seconds.
_TELL_AGAIN = 3.0
# Longer than any post-roll.
_REMEMBERED = 3600.0
_MOST_ID = 100
_WAYS = frozenset(RingPress.Way.values)


class RingError(Exception):
    """There can be no such ring; `code` names it, the message says it to people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Press:
    """`camera`: its key or its slug; `at`: when the button was pressed, seconds since the epoch."""

    camera: int | str
    way: str
    at: float
    sender_id: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """What became of a press. `is_new`: it began the event; `is_known`: it had been told before."""

    camera: int
    event: int
    is_new: bool = False
    is_known: bool = False


@dataclass(slots=True)
class Ring:
    """A ring that goes on, or went on a moment ago. `rang_at`: its first press; `last`: its last one (monotonic)."""

    event: int
    uid: str
    camera: int
    rang_at: float
    last: float
    has_picture: bool = False
    is_over: bool = False


def read(body: dict[str, Any], now: float) -> Press:
    """The command's body, pressed `now` where it says no time, or one to come. Raises RingError."""
    camera: Any = body.get("camera", body.get("slug"))
    way, sender_id, at = body.get("way"), body.get("id") or "", body.get("at")
    is_slug = isinstance(camera, str) and camera.isascii() and camera.isprintable()
    is_pk = type(camera) is int and 0 < camera < 2**63
    if (
        not (is_slug or is_pk)
        or way not in _WAYS
        or not isinstance(sender_id, str)
        or len(sender_id) > _MOST_ID
        or not sender_id.isprintable()
    ):
        raise RingError("bad_request", "The ring cannot be read.")
    if at is None:
        return Press(camera, str(way), now, sender_id)
    # Written so that NaN is refused.
    if isinstance(at, bool) or not isinstance(at, int | float) or not at >= now - OLDEST:
        raise RingError("bad_request", "The ring has no time, or is older than a week.")
    return Press(camera, str(way), min(float(at), now), sender_id)


class Rings:
    """Used by the rows thread alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock, self._wall = clock, wall
        self._rings: dict[int, Ring] = {}
        self._has_begun = False
        # Those that were taken up: the engine before this one may have ended before it told of them.
        self._untold: list[Ring] = []
        self._tell_until = 0.0
        # What was told here: sent once more after its row was deleted, it must not ring again.
        self._made: Memory[tuple[int, str], int] = Memory()

    def begin(self) -> None:
        """Take up the rings that the engine before this one left going on. Once; `step` tells of them."""
        if self._has_begun:
            return
        mine = Event.objects.filter(
            kind=Event.Kind.RING, ended_at=None, writer="", camera__engine__in=("", settings.ENGINE_NAME)
        )
        for event in mine.exclude(pk__in=list(self._rings)).order_by("pk"):
            press = event.presses.order_by("-at").first()
            since = self._wall() - press.at.timestamp() if press is not None else TOGETHER
            since = min(max(since, 0.0), TOGETHER)
            self._rings[event.pk] = self._going_on(event, self._clock() - since)
            self._untold.append(self._rings[event.pk])
        self._has_begun = True
        self._tell_until = self._clock() + _TELL_AGAIN

    def of(self, camera: int, post_roll: float) -> Ring | None:
        """The newest ring of that camera for which it is to be recorded now."""
        since = self._clock() - max(TOGETHER, post_roll)
        rings = [ring for ring in self._rings.values() if ring.camera == camera and ring.last > since]
        return max(rings, key=lambda ring: ring.event, default=None)

    def pictured(self, event: int) -> None:
        """That ring has its picture."""
        if event in self._rings:
            self._rings[event].has_picture = True

    def press(self, press: Press) -> Rung:
        """The rows of one press, committed. Raises RingError and DatabaseError."""
        try:
            return self._pressed(press)
        except IntegrityError:
            # Its camera was deleted a moment ago, or another engine has written the same press.
            return self._pressed(press)

    def _pressed(self, press: Press) -> Rung:
        with transaction.atomic():
            camera = _camera(press.camera)
            known = self._known(camera, press)
            if known is not None:
                return Rung(camera.pk, known, is_known=True)
            event = _near(camera, press)
            is_new = event is None
            event = _new_event(camera, press) if event is None else event
            self._write(event, camera, press, is_new)
            ports.on_event(event, is_new)
        if event.ended_at is None:
            self._remember(event)
        if press.sender_id:
            self._made.put((camera.pk, press.sender_id), event.pk)
        return Rung(camera.pk, event.pk, is_new=is_new)

    def _known(self, camera: Camera, press: Press) -> int | None:
        """The event of a press that was told before."""
        if press.sender_id:
            found = camera.ring_presses.filter(sender_id=press.sender_id).values_list("event", flat=True).first()
            return found or self._made.get((camera.pk, press.sender_id))
        if press.way != RingPress.Way.CAMERA:
            return None
        near = (moment(press.at - BOUNCE), moment(press.at + BOUNCE))
        return camera.ring_presses.filter(way=press.way, at__range=near).values_list("event", flat=True).first()

    def _write(self, event: Event, camera: Camera, press: Press, is_new: bool) -> None:
        at = moment(press.at)
        if not is_new:
            last = max(at, event.presses.order_by("-at").values_list("at", flat=True)[0])
            count = event.presses.count() + 1
            event.started_at, event.label = min(event.started_at, at), f"pressed {count} times"
        else:
            last = at
        is_over = self._wall() - last.timestamp() > TOGETHER
        event.ended_at, event.changed_at = (last if is_over else None), timezone.now()
        if event.recording_id is None:
            event.recording = recording_of(event)
        told = ["started_at", "ended_at", "label", "changed_at", "recording"]
        event.save(update_fields=None if is_new else told)
        RingPress.objects.create(event=event, camera=camera, at=at, way=press.way, sender_id=press.sender_id)

    def _remember(self, event: Event) -> None:
        ring = self._rings.get(event.pk)
        if ring is None:
            self._rings[event.pk] = self._going_on(event, self._clock())
        else:
            ring.last, ring.is_over, ring.rang_at = self._clock(), False, event.started_at.timestamp()

    @staticmethod
    def _going_on(event: Event, last: float) -> Ring:
        has_picture = bool(event.image)
        return Ring(event.pk, event.uid, event.camera_id or 0, event.started_at.timestamp(), last, has_picture)

    def step(self) -> list[Rung]:
        """End the rings whose last press is long ago; those to be told of. Raises what the database raises."""
        self.begin()
        now = self._clock()
        ended = [Rung(ring.camera, ring.event) for ring in self._untold]
        if now >= self._tell_until:
            self._untold = []
        for ring in list(self._rings.values()):
            if not ring.is_over and now - ring.last >= TOGETHER:
                if _end(ring.event):
                    ended.append(Rung(ring.camera, ring.event))
                ring.is_over = True
            elif now - ring.last >= _REMEMBERED:
                del self._rings[ring.event]
        return ended


def _camera(name: int | str) -> Camera:
    mine = Camera.objects.filter(engine__in=("", settings.ENGINE_NAME))
    camera = mine.filter(pk=name).first() if isinstance(name, int) else mine.filter(slug=name).first()
    if camera is None:
        raise RingError("not_found", "There is no such camera.")
    if not camera.enabled:
        raise RingError("disabled", "The camera is switched off. Switch it on in its settings.")
    return camera


def _near(camera: Camera, press: Press) -> Event | None:
    """The ring this press belongs to."""
    at, around = moment(press.at), timedelta(seconds=TOGETHER)
    presses = camera.ring_presses.filter(
        at__range=(at - around, at + around),
        event__delete_requested_at=None,
        event__started_at__gt=at - timedelta(seconds=LONGEST),
    )
    found = presses.select_related("event").order_by("-event").first()
    return found.event if found is not None else None


def _new_event(camera: Camera, press: Press) -> Event:
    return Event(
        camera=camera, camera_name=camera.name, camera_slug=camera.slug, uid=new_uid(), kind=Event.Kind.RING,
        started_at=moment(press.at),
    )  # fmt: skip


def _end(pk: int) -> bool:
    """Whether there was something to end."""
    with transaction.atomic():
        event = Event.objects.select_for_update().filter(pk=pk, ended_at=None).first()
        if event is None:
            return False
        last = event.presses.order_by("-at").values_list("at", flat=True).first()
        event.ended_at = max(event.started_at, last or datetime.now(UTC))
        event.changed_at = timezone.now()
        event.save(update_fields=["ended_at", "changed_at"])
        ports.on_event(event, False)
    return True
