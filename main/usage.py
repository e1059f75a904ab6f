"""What space is used: sums of HourUsage for the page, and the plots and tables made of them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Min, QuerySet, Sum
from django.utils import timezone

from camera.access import Actor, footage_filter
from camera.models import Camera, HourUsage, Right
from camera.words import size

HOURS, DAYS = 48, 30
# From the foot of each bar to its top.
KINDS = (HourUsage.Kind.RECORDINGS, HourUsage.Kind.STILLS, HourUsage.Kind.EVENTS)
WORDS = {"recordings": "recordings", "stills": "stills", "events": "pictures of events"}
ONE = {"recordings": "recording", "stills": "still", "events": "picture"}
# Of the plot, in pixels: where its bars stand and how high they are.
FOOT, HEIGHT = 172.0, 160.0
# A column's short name, its full one, and what may stand under it on the axis.
Words = Callable[[datetime], tuple[str, str, str]]
# Columns between two labels of the time axis.
LABEL_EVERY = {HOURS: 6, DAYS: 5}
UNITS = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0))


class Seen(NamedTuple):
    """One row: what a camera has of one kind in one hour."""

    camera: str
    kind: str
    hour: datetime
    files: int
    bytes: int


@dataclass(slots=True)
class Kind:
    """Of one kind in one column, or in all."""

    kind: str
    bytes: int = 0
    files: int = 0
    oldest: datetime | None = None

    @property
    def words(self) -> str:
        return WORDS[self.kind]

    @property
    def told(self) -> str:
        return size(self.bytes) if self.files else "–"

    @property
    def counted(self) -> str:
        return f"{self.files:,} {ONE[self.kind]}{'s' if self.files != 1 else ''}"


@dataclass(slots=True)
class Part:
    """A piece of a bar, in pixels from the top."""

    kind: str
    y: str
    height: str


@dataclass(slots=True)
class Column:
    """One hour or day. `x` and `width` in percent of the plot."""

    at: datetime
    label: str
    full: str
    kinds: list[Kind]
    x: str = ""
    width: str = ""
    middle: str = ""
    parts: list[Part] = field(default_factory=list)
    tick: str = ""
    # A label for which a narrow screen has no room.
    spare: bool = False

    @property
    def bytes(self) -> int:
        return sum(kind.bytes for kind in self.kinds)

    @property
    def told(self) -> str:
        return size(self.bytes) if self.bytes else "nothing"

    @property
    def words(self) -> str:
        """«Fri 20 Nov, 14:00 to 15:00: 1.2 GB; recordings 1.1 GB, stills 90 MB»."""
        parts = ", ".join(f"{kind.words} {kind.told}" for kind in self.kinds if kind.bytes)
        return f"{self.full}: {self.told}" + (f"; {parts}" if parts else "")


class Line(NamedTuple):
    """A line of the scale: pixels from the top, and its value in the scale's unit."""

    y: str
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    name: str
    title: str
    unit: str
    per: str
    columns: list[Column]
    lines: list[Line]

    @property
    def bytes(self) -> int:
        return sum(column.bytes for column in self.columns)

    @property
    def sums(self) -> list[Kind]:
        return [Kind(kind, *_sums(self.columns, index)) for index, kind in enumerate(KINDS)]


def _sums(columns: Iterable[Column], index: int) -> tuple[int, int]:
    kinds = [column.kinds[index] for column in columns]
    return sum(kind.bytes for kind in kinds), sum(kind.files for kind in kinds)


def rows(actor: Actor, camera: Camera | None = None) -> QuerySet[HourUsage]:
    """What `actor` may look back at, of all cameras or of this one, without what is about to go."""
    found = HourUsage.objects.filter(footage_filter(actor, Right.PLAYBACK)).exclude(delete_requested_at__isnull=False)
    return found if camera is None else found.filter(camera=camera)


def plots(actor: Actor, camera: Camera | None, now: datetime | None = None) -> list[Plot]:
    """The last hours and the last days, by the house's clock. One query."""
    local = timezone.localtime(now)
    # Rows are of hours in UTC: where clocks are off by half an hour the columns say so.
    hour = local.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [hour - timedelta(hours=HOURS - 1 - number) for number in range(HOURS)]
    days = [_midnight(local, DAYS - 1 - number) for number in range(DAYS)]
    seen = rows(actor, camera).filter(hour__gte=min(hours[0], days[0]), hour__lt=hour + timedelta(hours=1)).order_by()
    found = [Seen(*row) for row in seen.values_list("camera_slug", "kind", "hour", "files", "bytes")]
    by_hour = _columns(hours, ((one.hour, one) for one in found), _hour_words)
    by_day = _columns(days, ((_midnight(timezone.localtime(one.hour), 0), one) for one in found), _day_words)
    return [
        _plot("hours", f"Written in each of the last {HOURS} hours", "hour", by_hour),
        _plot("days", f"Written on each of the last {DAYS} days", "day", by_day),
    ]


def _midnight(local: datetime, days: int) -> datetime:
    """The beginning of the day so many days before, in UTC: also where the clock is changed in between."""
    day = local.date() - timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=local.tzinfo).astimezone(UTC)


def _hour_words(at: datetime) -> tuple[str, str, str]:
    local, until = timezone.localtime(at), timezone.localtime(at + timedelta(hours=1))
    tick = f"{local:%H:%M}" if local.hour else f"{local:%a}"
    return f"{local:%H:%M}", f"{local:%a} {local.day} {local:%b}, {local:%H:%M} to {until:%H:%M}", tick


def _day_words(at: datetime) -> tuple[str, str, str]:
    local = timezone.localtime(at)
    return f"{local:%a} {local.day} {local:%b}", f"{local:%A} {local.day} {local:%B}", f"{local.day} {local:%b}"


def _columns(times: list[datetime], found: Iterator[tuple[datetime, Seen]], words: Words) -> list[Column]:
    columns = {}
    for at in times:
        label, full, tick = words(at)
        columns[at] = Column(at, label, full, [Kind(kind) for kind in KINDS], tick=tick)
    place = {kind.value: index for index, kind in enumerate(KINDS)}
    for at, one in found:
        column = columns.get(at)
        if column is not None and one.kind in place:
            kind = column.kinds[place[one.kind]]
            kind.bytes += one.bytes
            kind.files += one.files
    return list(columns.values())


def _plot(name: str, title: str, per: str, columns: list[Column]) -> Plot:
    top, step, unit, length = _scale(max((column.bytes for column in columns), default=0))
    every = LABEL_EVERY[len(columns)]
    share = 100 / len(columns)
    for number, column in enumerate(columns):
        column.x, column.width = f"{number * share + share * 0.1:.3f}%", f"{share * 0.8:.3f}%"
        column.middle = f"{(number + 0.5) * share:.3f}%"
        # From the newest backwards, so that now has a label.
        ago, rest = divmod(len(columns) - 1 - number, every)
        column.tick, column.spare = "" if rest else column.tick, ago % 2 == 1
        foot = FOOT
        for kind in column.kinds:
            height = kind.bytes / top * HEIGHT
            if kind.bytes:
                # What is there is seen, however little it is.
                height = max(height, 1.0)
                column.parts.append(Part(kind.kind, f"{foot - height:.1f}", f"{height:.1f}"))
                foot -= height
    count = round(top / step)
    lines = [Line(f"{FOOT - HEIGHT * step * n / top:.1f}", f"{step * n / length:g}") for n in range(count + 1)]
    return Plot(name, title, unit, per, columns, lines)


def _scale(most: int) -> tuple[float, float, str, float]:
    """The top of the scale and its step in bytes, and the unit: three to five steps of 1, 2 or 5."""
    unit, length = next(((unit, length) for unit, length in UNITS if most >= length), ("kB", 1e3))
    value = max(most / length, 1e-9) if most else 1.0
    step = 10.0**-6
    while value / step > 5:
        digit = f"{step:e}"[0]
        step *= 2.5 if digit == "2" else 2
    steps = -(-value // step) or 1
    return steps * step * length, step * length, unit, length


@dataclass(slots=True)
class Total:
    """Everything of one camera."""

    name: str
    slug: str
    kinds: list[Kind]

    @property
    def bytes(self) -> int:
        return sum(kind.bytes for kind in self.kinds)

    @property
    def told(self) -> str:
        return size(self.bytes)


def totals(actor: Actor, cameras: list[Camera]) -> list[Total]:
    """Each camera with what it takes, the most first; what no camera has any more by its slug. One query."""
    names = {camera.slug: camera.name for camera in cameras}
    sums = rows(actor).order_by().values("camera_slug", "kind")
    found: dict[str, dict[str, Kind]] = defaultdict(lambda: {kind.value: Kind(kind.value) for kind in KINDS})
    for camera in cameras:
        found[camera.slug]
    for row in sums.annotate(taken=Sum("bytes"), count=Sum("files"), first=Min("hour")):
        kind = row["kind"]
        found[row["camera_slug"]][kind] = Kind(kind, row["taken"] or 0, row["count"] or 0, row["first"])
    all_of = [
        Total(names.get(slug, slug), slug if slug in names else "", list(kinds.values()))
        for slug, kinds in found.items()
    ]
    return sorted(all_of, key=lambda total: (-total.bytes, total.name))


def together(all_of: list[Total]) -> list[Kind]:
    """The sums of all, by kind, with the oldest of each."""
    found = [Kind(kind.value) for kind in KINDS]
    for total in all_of:
        for into, kind in zip(found, total.kinds, strict=True):
            into.bytes += kind.bytes
            into.files += kind.files
            if kind.oldest is not None and (into.oldest is None or kind.oldest < into.oldest):
                into.oldest = kind.oldest
    return found
