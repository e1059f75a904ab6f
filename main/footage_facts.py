"""What is kept now, and how long the disk lasts: a few sums for the settings page and the bar of the house."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Min, Sum
from django.utils import timezone

from camera.engine.disk import floor_of
from camera.engine.retention import DISK_SHARE
from camera.models import Event, HourUsage, Recording
from camera.words import many, size, span
from main.models import SiteSettings

# The pace is told from this many days; with less than the second figure it is not known yet.
PACE_DAYS, LEAST_DAYS = 7, 0.25
KEPT_FOR = 60


@dataclass(frozen=True, slots=True)
class Held:
    """What lies in one storage folder."""

    folder: str
    recordings: int
    bytes: int


def held() -> list[Held]:
    """What lies in each storage, the most first. Rows about to be deleted still take their room."""
    rows = Recording.objects.order_by().values("storage__path").annotate(count=Count("pk"), bytes=Sum("bytes"))
    found = [Held(row["storage__path"], row["count"], row["bytes"] or 0) for row in rows]
    return sorted(found, key=lambda one: -one.bytes)


def folder_now(house: SiteSettings) -> str:
    """As Storage rows have it."""
    return str(Path(house.recordings_path or settings.MEDIA_ROOT).resolve())


def disk_of(folder: str) -> tuple[int, int] | None:
    """Bytes free and in all on the disk of `folder`; None where it cannot be reached."""
    try:
        usage = shutil.disk_usage(_nearest(Path(folder)))
    except OSError:
        return None
    return usage.free, usage.total


def _nearest(path: Path) -> Path:
    """`path`, or where it will be made: MEDIA_ROOT comes into being with the first recording."""
    return path if path.exists() or path != settings.MEDIA_ROOT else path.parent


def where_facts(house: SiteSettings) -> list[str]:
    """For «Where do recordings go?»: the disk of the present folder, and where older recordings lie."""
    folder = folder_now(house)
    disk = disk_of(folder)
    found = held()
    here = next((one for one in found if one.folder == folder), Held(folder, 0, 0))
    facts = [f"Now they go to {folder}, where {_told(here)}."]
    if disk is None:
        facts.append("That folder cannot be reached. Is its disk connected and mounted? Nothing is recorded meanwhile.")
    else:
        facts.append(f"Its disk has {size(disk[0])} free of {size(disk[1])}.")
    facts += [f"Earlier recordings stay in {one.folder}: {_told(one)}." for one in found if one.folder != folder]
    return facts


def _told(one: Held) -> str:
    return f"{many(one.recordings, 'recording')} take {size(one.bytes)}".replace(
        "1 recording take", "1 recording takes"
    )


def kept_facts(house: SiteSettings) -> list[str]:
    """For «How long is footage kept?»: what the present values have come to."""
    recordings = Recording.objects.filter(delete_requested_at=None).aggregate(
        count=Count("pk"), bytes=Sum("bytes"), kept=Count("kept_at"), oldest=Min("started_at")
    )
    if not recordings["count"]:
        facts = ["There are no recordings yet."]
    else:
        oldest = span((timezone.now() - recordings["oldest"]).total_seconds())
        told = f"{size(recordings['bytes'] or 0)} in {many(recordings['count'], 'recording')}"
        facts = [f"Now: {told}; the oldest is of {oldest} ago."]
        if recordings["kept"]:
            facts.append(f"{many(recordings['kept'], 'recording')} marked as kept: never deleted by age or for room.")
    events = Event.objects.filter(delete_requested_at=None).aggregate(count=Count("pk"), oldest=Min("started_at"))
    if events["count"]:
        oldest = span((timezone.now() - events["oldest"]).total_seconds())
        facts.append(f"{many(events['count'], 'event')}; the oldest is of {oldest} ago.")
    stills = HourUsage.objects.filter(kind=HourUsage.Kind.STILLS, delete_requested_at=None).aggregate(
        files=Sum("files"), bytes=Sum("bytes"), oldest=Min("hour")
    )
    if stills["files"]:
        oldest = span((timezone.now() - stills["oldest"]).total_seconds())
        facts.append(f"{stills['files']:,} stills ({size(stills['bytes'])}); the oldest are of {oldest} ago.")
    days = disk_days()
    if days is not None:
        facts.append(f"At the pace of the last week there is room for {in_days(days)} of recordings.")
    return facts


def disk_days() -> float | None:
    """Days of recordings that fit at the pace of the last week; None while not known. Reckoned once a minute."""
    found = cache.get("disk_days", False)
    if found is False:
        found = _disk_days(SiteSettings.load())
        cache.set("disk_days", found, KEPT_FOR)
    return found  # type: ignore[no-any-return]


def _disk_days(house: SiteSettings) -> float | None:
    now = timezone.now()
    late = Recording.objects.filter(started_at__gt=now - timedelta(days=PACE_DAYS)).order_by()
    pace = late.aggregate(bytes=Sum("bytes"), first=Min("started_at"))
    if not pace["bytes"]:
        return None
    days = (now - pace["first"]).total_seconds() / 86_400
    folder = folder_now(house)
    disk = disk_of(folder)
    if disk is None or days < LEAST_DAYS:
        return None
    used = Recording.objects.filter(storage__path=folder).aggregate(bytes=Sum("bytes"))["bytes"] or 0
    free, total = disk
    room = min(DISK_SHARE * total, used + max(0, free - floor_of(total, 0)))
    if house.gigabytes_kept is not None:
        room = min(room, house.gigabytes_kept * 1e9)
    return float(room * days / pace["bytes"])


def in_days(days: float) -> str:
    """«11 days», «less than a day», «over a year»."""
    if days < 1:
        return "less than a day"
    if days >= 366:
        return "over a year"
    return many(int(days), "day")
