"""A camera's day on one axis: what was recorded, how much moved and what else happened, drawn as inline SVG."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import ceil, sqrt

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from camera.access import Actor
from camera.models import Camera, Event, Recording, Right
from camera.words import span as in_words
from main.coverage import LONGEST
from main.log_filter import midnight
from main.pages.strip_gaps import Hole, cause_words, gaps_of

# Spans nearer to each other than this are one: on the widest screen it is less than two pixels.
JOIN = 60.0
BIN = 300.0
# Heights in pixels, from the top: marks, motion, what was recorded, hours.
MOTION_TOP, MOTION_FOOT, HIGHEST, LOWEST = 14, 44, 30, 4
# A day has no more than this that could be told apart.
MOST = 5000
MARKS = {
    Event.Kind.PERSON: "P", Event.Kind.VEHICLE: "V", Event.Kind.ANIMAL: "A", Event.Kind.SPILL: "S",
    Event.Kind.RING: "R", Event.Kind.CAMERA_OFFLINE: "×",
}  # fmt: skip
Moment = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """Something on the axis. `x` and `width` in percent of the day, as SVG writes them; `y` and `height` in pixels."""

    x: str
    words: str
    url: str
    width: str = ""
    y: int = 0
    height: int = 0
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Hour:
    x: str
    label: str


@dataclass(slots=True)
class Strip:
    """One camera's day; `start` and `seconds` tell a script what the axis means."""

    camera: Camera
    start: float
    seconds: float
    hours: list[Hour]
    url: str
    spans: list[Shape] = field(default_factory=list)
    bars: list[Shape] = field(default_factory=list)
    marks: list[Shape] = field(default_factory=list)
    gaps: list[Shape] = field(default_factory=list)
    words: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """A day of the house in seconds since the epoch: 24 hours, or 23 or 25 when clocks are changed."""

    start: float
    end: float

    @classmethod
    def of(cls, day: date) -> "Axis":
        return cls(midnight(day).timestamp(), midnight(day + timedelta(days=1)).timestamp())

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def percent(self, at: float) -> str:
        return f"{100 * (min(max(at, self.start), self.end) - self.start) / self.seconds:.3f}%"

    def width(self, start: float, end: float) -> str:
        wide = 100 * (min(end, self.end) - max(start, self.start)) / self.seconds
        return f"{max(wide, 0.2):.3f}%"

    def hours(self) -> list[Hour]:
        """Every third full hour by the clocks of the house; an hour that comes twice stands twice."""
        moments = (self.start + 1800 * step for step in range(ceil(self.seconds / 1800)))
        local = ((at, timezone.localtime(datetime.fromtimestamp(at, UTC))) for at in moments)
        return [Hour(self.percent(at), f"{one:%H}") for at, one in local if one.minute == 0 and one.hour % 3 == 0]


def strips(actor: Actor, cameras: list[Camera], day: date) -> list[Strip]:
    """The day of each of `cameras`, which `actor` may look back at. Three queries for all of them."""
    axis = Axis.of(day)
    recorded, happened = _recorded(actor, cameras, axis), _happened(actor, cameras, axis)
    gaps = gaps_of(actor, cameras, axis.start, axis.end)
    return [_strip(camera, axis, recorded[camera.pk], happened[camera.pk], gaps[camera.pk]) for camera in cameras]


def clock(at: float) -> str:
    return f"{timezone.localtime(datetime.fromtimestamp(at, UTC)):%H:%M}"


def _between(axis: Axis) -> Q:
    start, end = datetime.fromtimestamp(axis.start, UTC), datetime.fromtimestamp(axis.end, UTC)
    return Q(started_at__lt=end, started_at__gte=start - LONGEST) & (Q(ended_at__gt=start) | Q(ended_at=None))


def _recorded(actor: Actor, cameras: list[Camera], axis: Axis) -> dict[int, list[Moment]]:
    """When each camera was recorded that day, oldest first."""
    rows = Recording.objects.allowed(actor, Right.PLAYBACK).filter(_between(axis), camera__in=[c.pk for c in cameras])
    fields = ("camera_id", "started_at", "ended_at", "seconds", "state")
    found: dict[int, list[Moment]] = defaultdict(list)
    for camera, started, ended, seconds, state in rows.order_by("started_at").values_list(*fields)[:MOST]:
        is_open = state == Recording.State.OPEN
        until = ended or (timezone.now() if is_open else started + timedelta(seconds=seconds))
        if camera is not None and state != Recording.State.MISSING and until.timestamp() > axis.start:
            found[camera].append((started.timestamp(), until.timestamp()))
    return found


def _happened(actor: Actor, cameras: list[Camera], axis: Axis) -> dict[int, list[tuple[str, float, float]]]:
    """The events of each camera that day: kind, beginning, end."""
    rows = Event.objects.allowed(actor, Right.PLAYBACK).filter(_between(axis), camera__in=[c.pk for c in cameras])
    found: dict[int, list[tuple[str, float, float]]] = defaultdict(list)
    fields = ("camera_id", "kind", "started_at", "ended_at")
    for camera, kind, started, ended in rows.order_by("started_at").values_list(*fields)[:MOST]:
        start = started.timestamp()
        if camera is not None and start >= axis.start - 3600:
            found[camera].append((kind, start, ended.timestamp() if ended else start + 1))
    return found


def _strip(
    camera: Camera, axis: Axis, recorded: list[Moment], happened: list[tuple[str, float, float]], gaps: list[Hole]
) -> Strip:
    url = reverse("recording_at", args=[camera.slug])
    joined = list(_join(recorded))
    motion = [(start, end) for kind, start, end in happened if kind == Event.Kind.MOTION]
    others = [(kind, start) for kind, start, _ in happened if kind in MARKS and start >= axis.start]
    total = sum(min(end, axis.end) - max(start, axis.start) for start, end in joined)
    words = f"recorded for {in_words(total)}" if joined else "nothing recorded"
    if motion:
        words += f", motion {len(motion)} times" if len(motion) > 1 else ", motion once"
    if gaps:
        lost = sum(min(end, axis.end) - max(start, axis.start) for start, end, _ in gaps)
        words += f", no pictures for {in_words(max(1.0, lost))}"
    return Strip(
        camera=camera,
        start=axis.start,
        seconds=axis.seconds,
        hours=axis.hours(),
        url=url,
        spans=[_span(axis, url, *one) for one in joined],
        bars=list(_bars(axis, url, motion)),
        marks=[_mark(axis, url, *one) for one in others],
        gaps=[_gap(axis, url, *one) for one in gaps],
        words=words,
    )


def _join(moments: Iterable[Moment]) -> Iterator[Moment]:
    """Spans that follow each other closely put together."""
    current: Moment | None = None
    for start, end in moments:
        if current is not None and start - current[1] < JOIN:
            current = (current[0], max(current[1], end))
            continue
        if current is not None:
            yield current
        current = (start, end)
    if current is not None:
        yield current


def _span(axis: Axis, url: str, start: float, end: float) -> Shape:
    first = max(start, axis.start)
    words = f"Recorded {clock(first)} to {clock(min(end, axis.end))}"
    return Shape(axis.percent(start), words, f"{url}?t={first:.0f}", axis.width(start, end))


def _gap(axis: Axis, url: str, start: float, end: float, cause: str) -> Shape:
    first, last = max(start, axis.start), min(end, axis.end)
    words = f"No pictures {clock(first)} to {clock(last)}: {cause_words(cause)}"
    return Shape(axis.percent(first), words, f"{url}?t={first:.0f}", axis.width(first, last))


def _bars(axis: Axis, url: str, motion: list[Moment]) -> Iterator[Shape]:
    """How much moved in each five minutes: the higher the longer, a little also counts."""
    moving: dict[int, float] = defaultdict(float)
    first_in: dict[int, float] = {}
    for start, end in motion:
        edges = _edges(axis, max(start, axis.start), min(max(end, start + 1), axis.end))
        for left, right in pairwise(edges):
            number = int((left - axis.start) // BIN)
            moving[number] += right - left
            first_in.setdefault(number, left)
    for number, seconds in sorted(moving.items()):
        left = axis.start + number * BIN
        height = max(LOWEST, round(HIGHEST * sqrt(min(1.0, seconds / BIN))))
        words = f"Motion {clock(left)} to {clock(left + BIN)}: {in_words(seconds)}"
        target = f"{url}?t={first_in[number]:.0f}"
        yield Shape(axis.percent(left), words, target, axis.width(left, left + BIN), MOTION_FOOT - height, height)


def _edges(axis: Axis, start: float, end: float) -> list[float]:
    """`start`, the borders of bins in between, `end`."""
    if end <= start:
        return []
    first = int((start - axis.start) // BIN) + 1
    borders = [axis.start + BIN * number for number in range(first, ceil((end - axis.start) / BIN))]
    return [start, *borders, end]


def _mark(axis: Axis, url: str, kind: str, at: float) -> Shape:
    words = f"{Event.Kind(kind).label.capitalize()} at {clock(at)}"
    return Shape(axis.percent(at), words, f"{url}?t={at:.0f}", letter=MARKS[Event.Kind(kind)])
