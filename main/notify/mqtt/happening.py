"""Which cameras there are for the broker, and what goes on there, out of the rows."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from camera.access import Actor
from camera.models import Camera, Event, RecordRequest, Right
from main.notify.mqtt.discovery import Subject
from main.notify.mqtt.topics import NAME, USER, State

THE_HOUSE = Actor("system", name=NAME)
Kind = Event.Kind
SENSED: dict[str, frozenset[State]] = {
    Kind.MOTION: frozenset({State.MOTION}),
    Kind.PERSON: frozenset({State.MOTION, State.PERSON}),
    Kind.VEHICLE: frozenset({State.MOTION}),
    Kind.ANIMAL: frozenset({State.MOTION}),
    Kind.RING: frozenset({State.RING}),
}
# An event without an end that nobody has touched for so long was left behind by a crash.
ALIVE, RING_ALIVE = timedelta(minutes=15), timedelta(seconds=60)
# What began so long ago at most is told of although it is over already; what is told of later is no news.
NEWS = timedelta(seconds=30)
# For so long it is told of then, in seconds.
AT_LEAST = 2.0
MOST_READ = 1000


@dataclass(frozen=True, slots=True)
class Rows:
    """As the database has it now. `asked`: the cameras that the broker has asked to record."""

    cameras: tuple[Subject, ...] = ()
    asked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Row:
    pk: int
    camera: int
    kind: str
    started_at: datetime
    ended_at: datetime | None
    changed_at: datetime


@dataclass(slots=True)
class Happening:
    """`look` reads the rows, `sensed` tells what of it is going on. Belongs to one thread."""

    clock: Callable[[], float] = time.monotonic
    _open: list[_Row] = field(default_factory=list)
    # Events that have been told of, or were over before anybody could be told.
    _known: set[int] = field(default_factory=set)
    # (camera, kind, until when it is told of at least, by the clock)
    _held: list[tuple[int, str, float]] = field(default_factory=list)
    _has_looked: bool = False

    def look(self) -> None:
        """Raises DatabaseError."""
        now = timezone.now()
        rows = _changed(now)
        self._open = [row for row in rows if row.ended_at is None and _is_alive(row, now)]
        until = self.clock() + AT_LEAST
        self._held = [one for one in self._held if one[2] > self.clock()]
        if self._has_looked:
            news = [row for row in rows if row.pk not in self._known and now - NEWS <= row.started_at <= now + NEWS]
            self._held += [(row.camera, row.kind, until) for row in news]
        self._known, self._has_looked = {row.pk for row in rows}, True

    def sensed(self) -> dict[int, set[State]]:
        """By camera: what is on."""
        now = self.clock()
        going_on = [(row.camera, row.kind) for row in self._open]
        going_on += [(camera, kind) for camera, kind, until in self._held if until > now]
        found: dict[int, set[State]] = {}
        for camera, kind in going_on:
            found.setdefault(camera, set()).update(SENSED[kind])
        return found


def _changed(now: datetime) -> list[_Row]:
    recent = Q(ended_at=None) | Q(changed_at__gte=now - 2 * NEWS)
    rows = Event.objects.filter(recent, changed_at__gte=now - ALIVE, kind__in=list(SENSED), camera__isnull=False)
    names = ("pk", "camera_id", "kind", "started_at", "ended_at", "changed_at", "delete_requested_at")
    found = rows.order_by("-changed_at").values_list(*names)[:MOST_READ]
    return [_Row(*row[:-1]) for row in found if row[-1] is None]


def _is_alive(row: _Row, now: datetime) -> bool:
    return row.changed_at >= now - (RING_ALIVE if row.kind == Kind.RING else ALIVE)


def read_rows(*, stills: bool) -> Rows:
    """The cameras of the house as they are discovered; `stills`: whether pictures go out at all. Raises
    DatabaseError."""
    cameras = Camera.objects.allowed(THE_HOUSE, Right.WATCH).order_by("pk")
    subjects = tuple(
        Subject(
            camera.pk, camera.slug, camera.name, camera.model,
            frozenset(map(str, camera.abilities if isinstance(camera.abilities, list) else ())),
            stills and camera.stills_every > 0,
        )
        for camera in cameras
    )  # fmt: skip
    asked = RecordRequest.objects.filter(user_id=USER, session=None, until__gt=timezone.now())
    return Rows(subjects, frozenset(asked.values_list("camera_id", flat=True)))
