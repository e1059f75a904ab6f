"""The stills that may be shown: those in the folders, without the hours that are about to be deleted."""

from datetime import UTC, datetime

from django.conf import settings

from camera.hours import HourUsage
from camera.still_files import Still, still_at, stills_between


def deleted_hours(slug: str, begin: datetime, end: datetime) -> set[datetime]:
    """The hours (their beginnings, UTC) of which that camera's stills are about to be deleted."""
    first = begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    marked = HourUsage.objects.filter(camera_slug=slug, kind=HourUsage.Kind.STILLS, hour__gte=first, hour__lt=end)
    return set(marked.filter(delete_requested_at__isnull=False).values_list("hour", flat=True))


def stills_of(slug: str, begin: datetime, end: datetime) -> list[Still]:
    """Those captured from `begin` up to before `end`, oldest first."""
    return stills_between(settings.MEDIA_ROOT, slug, begin, end, deleted_hours(slug, begin, end))


def still_of(slug: str, day: str, clock: str) -> Still | None:
    """The still that is called so (day and clock of UTC); None for odd names and hours that are about to go. Whether
    its file is there shows when it is opened."""
    found = still_at(slug, day, clock)
    return None if found is None or deleted_hours(slug, found.at, found.at.replace(microsecond=1)) else found
