"""Days, hours and minutes of stills as the house reckons them; files and folders are in UTC."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from camera.hours import HourUsage, TimeLapse
from camera.models import Camera
from camera.still_files import Still, stills_between
from camera.words import size
from main.log_filter import midnight

HOUR = timedelta(hours=1)
# Days on one page of the list.
DAYS = 31
MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of a day. `key` stands in addresses: "14", and "02b" for the hour that comes a second time."""

    key: str
    label: str
    begin: datetime
    end: datetime
    stills: list[Still]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a grid; `minute` and `count`: how many there are of its minute, where not all are shown."""

    still: Still
    minute: int
    count: int = 1

    @property
    def t(self) -> int:
        return int(self.still.at.timestamp())


@dataclass(slots=True)
class DayOf:
    """A day of one camera in the list."""

    day: date
    stills: int = 0
    bytes: int = 0
    film: TimeLapse | None = None

    @property
    def words(self) -> str:
        """«17,280 stills, 1.2 GB»."""
        if not self.stills:
            return "no stills any more"
        return stills_words(self.stills, self.bytes)


def stills_words(count: int, volume: int) -> str:
    """How many, and what they take where that has been counted."""
    return f"{count:,} still{'' if count == 1 else 's'}" + (f", {size(volume)}" if volume else "")


def parse_day(text: str) -> date | None:
    """A day of this century, written as 2026-11-21; None for anything else."""
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day is not None and 2000 <= day.year < 2100 else None


def bounds(day: date) -> tuple[datetime, datetime]:
    """From when to when that day lasts in the house: 23, 24 or 25 hours, in UTC."""
    return midnight(day).astimezone(UTC), midnight(day + timedelta(days=1)).astimezone(UTC)


def hours_of(day: date, stills: Iterable[Still]) -> list[Hour]:
    """The hours of that day with any of its `stills`, which are in order."""
    begin, end = bounds(day)
    by_hour: dict[int, list[Still]] = defaultdict(list)
    for one in stills:
        by_hour[(one.at - begin) // HOUR].append(one)
    return [_hour(begin + number * HOUR, end, found) for number, found in sorted(by_hour.items())]


def _hour(begin: datetime, end: datetime, stills: list[Still]) -> Hour:
    local = timezone.localtime(begin)
    twice = local.fold or timezone.localtime(begin + HOUR).fold and timezone.localtime(begin + HOUR).hour == local.hour
    label = f"{local:%H:%M %Z}" if twice else f"{local:%H:%M}"
    return Hour(f"{local:%H}{'b' if local.fold else ''}", label, begin, min(begin + HOUR, end), stills)


def pictures_of(hour: Hour) -> list[Picture]:
    """All of an hour when they are few, else one of each minute."""
    if len(hour.stills) <= MOST_SHOWN:
        return [Picture(one, minute_in(hour, one)) for one in hour.stills]
    by_minute: dict[int, list[Still]] = defaultdict(list)
    for one in hour.stills:
        by_minute[minute_in(hour, one)].append(one)
    return [Picture(found[0], minute, len(found)) for minute, found in sorted(by_minute.items())]


def minute_in(hour: Hour, still: Still) -> int:
    return int((still.at - hour.begin).total_seconds() // 60)


def days_of(cameras: list[Camera], last: date) -> dict[int, list[DayOf]]:
    """The days with stills or a time-lapse, newest first, by the camera's id: the DAYS up to `last`."""
    begin, end = bounds(last - timedelta(days=DAYS - 1))[0], bounds(last)[1]
    found: dict[int, dict[date, DayOf]] = {one.pk: {} for one in cameras}

    def of(camera: int, at: datetime) -> DayOf:
        day = timezone.localtime(at).date()
        return found[camera].setdefault(day, DayOf(day))

    for camera, hour, files, volume in _usage(cameras, begin, end):
        one = of(camera, max(hour, begin))
        one.stills, one.bytes = one.stills + files, one.bytes + volume
    films = TimeLapse.objects.filter(camera__in=found, begin__gte=begin, begin__lt=end, delete_requested_at=None)
    for film in films.order_by("pk"):
        if film.camera_id is not None:
            of(film.camera_id, film.begin).film = film
    return {pk: sorted(days.values(), key=lambda one: one.day, reverse=True) for pk, days in found.items()}


def _usage(cameras: list[Camera], begin: datetime, end: datetime) -> Iterator[tuple[int, datetime, int, int]]:
    """Camera, hour, files and bytes; of the hour that goes on as the folder has it where nobody has counted yet."""
    rows = HourUsage.objects.filter(kind=HourUsage.Kind.STILLS, camera__in=cameras, hour__gt=begin - HOUR, hour__lt=end)
    counted: set[tuple[int, datetime]] = set()
    for row in rows.only("camera", "hour", "files", "bytes", "delete_requested_at"):
        if row.camera_id is None:
            continue
        counted.add((row.camera_id, row.hour))
        if row.files and row.delete_requested_at is None:
            yield row.camera_id, row.hour, row.files, row.bytes
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    for one in cameras:
        if begin <= now < end and (one.pk, now) not in counted:
            files = len(stills_between(settings.MEDIA_ROOT, one.slug, now, now + HOUR))
            if files:
                yield one.pk, now, files, 0


def has_before(cameras: list[Camera], last: date) -> bool:
    """Whether there is anything before the DAYS up to `last`."""
    begin = bounds(last - timedelta(days=DAYS - 1))[0]
    hours = HourUsage.objects.filter(kind=HourUsage.Kind.STILLS, camera__in=cameras, hour__lt=begin)
    films = TimeLapse.objects.filter(camera__in=cameras, begin__lt=begin, delete_requested_at=None)
    return hours.filter(delete_requested_at=None, files__gt=0).exists() or films.exists()


def bytes_of(slug: str, begin: datetime, end: datetime) -> int:
    """What the stills of that time take, as far as they have been counted."""
    hours = HourUsage.objects.filter(kind=HourUsage.Kind.STILLS, camera_slug=slug, hour__gt=begin - HOUR, hour__lt=end)
    return sum(hours.filter(delete_requested_at=None).values_list("bytes", flat=True))
