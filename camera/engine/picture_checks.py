"""The checks of what lies under MEDIA_ROOT beside recordings: pictures of events, stills and time-lapses."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db.models import Model, QuerySet

from camera import paths
from camera.engine import hours, storages, usage
from camera.engine.breaches import ADVICE, Breach, Owner, foreign, lies_there, remove
from camera.models import Event, EventStill, HourUsage, TimeLapse

Row = TypeVar("Row", bound=Model)
_PAGE = 200
_SOON = "the engine counts it within minutes"


def owners(engine_runs: bool) -> dict[str, Owner]:
    """Who answers for the files below each folder of MEDIA_ROOT."""
    return {"events": _event_owner, "snapshots": _still_owner(engine_runs), "timelapse": _timelapse_owner}


def lost() -> Iterator[Breach]:
    """Rows whose file is not there."""
    shown = Event.objects.filter(delete_requested_at=None, ended_at__isnull=False)
    for event in _paged(shown.exclude(image="", clean_image="")):
        for column in ("image", "clean_image"):
            name = getattr(event, column)
            if name and not lies_there(storages.home(), name):
                yield _lost_picture(event, column, name)
    for still in _paged(EventStill.objects.filter(event__delete_requested_at=None)):
        if not lies_there(storages.home(), still.image):
            subject = f"flagged picture {still.pk} ({still.image})"
            yield Breach(subject, "the picture is missing", ADVICE, _forget_still(still))
    for film in _paged(TimeLapse.objects.filter(delete_requested_at=None, state=TimeLapse.State.READY)):
        if not lies_there(storages.home(), film.file):
            yield Breach(f"time-lapse {film.pk} ({film.file})", "the film is missing", ADVICE, _forget_film(film))


def _paged(rows: "QuerySet[Row]") -> Iterator[Row]:
    """Page by page, so that no long read holds up the database."""
    last = 0
    while page := list(rows.filter(pk__gt=last).order_by("pk")[:_PAGE]):
        yield from page
        last = page[-1].pk


def _lost_picture(row: Event, column: str, name: str) -> Breach:
    def forget() -> str:
        Event.objects.filter(pk=row.pk, **{column: name}).update(**{column: ""})
        return "the event is without that picture now"

    return Breach(f"event {row.pk} ({name})", "the picture is missing", ADVICE, forget)


def _forget_still(row: EventStill) -> Callable[[], str]:
    def forget() -> str:
        EventStill.objects.filter(pk=row.pk, image=row.image).delete()
        return "the event is without that picture now"

    return forget


def _forget_film(row: TimeLapse) -> Callable[[], str]:
    def forget() -> str:
        told = {"state": TimeLapse.State.FAILED, "detail": "The film is missing; ask for it again."}
        TimeLapse.objects.filter(pk=row.pk, file=row.file).update(file="", bytes=0, **told)
        return "marked as failed"

    return forget


def _event_owner(root: str, names: list[str]) -> Iterator[tuple[str, Breach]]:
    stems = {name: name.removesuffix(paths.PART) for name in names}
    known: set[str] = set(EventStill.objects.filter(image__in=list(stems.values())).values_list("image", flat=True))
    for column in ("image", "clean_image"):
        known |= set(Event.objects.filter(**{f"{column}__in": list(stems.values())}).values_list(column, flat=True))
    for name, stem in stems.items():
        if not paths.PICTURE.fullmatch(stem) or not lies_there(root, name):
            yield name, foreign(f"{root}/{name}")
        elif name not in known:
            yield name, _left_over(root, name, "belongs to an event that is gone")


def _left_over(root: str, name: str, wrong: str) -> Breach:
    return Breach(f"{root}/{name}", wrong, ADVICE, lambda: remove(root, name))


def _still_owner(engine_runs: bool) -> Owner:
    def look(root: str, names: list[str]) -> Iterator[tuple[str, Breach]]:
        found = {name: hours.hour_in(hours.STILLS, name.removesuffix(paths.PART)) for name in names}
        at = [hour for hour in found.values() if hour is not None]
        rows = HourUsage.objects.filter(kind=HourUsage.Kind.STILLS, hour__in=set(at))
        known = set(rows.values_list("camera_slug", "hour"))
        for name, hour in found.items():
            slug = name.split("/")[1]
            if hour is None or not lies_there(root, name):
                yield name, foreign(f"{root}/{name}")
            elif name.endswith(paths.PART):
                yield name, _left_over(root, name, "was never finished")
            elif (slug, hour) not in known and engine_runs:
                yield name, Breach(f"{root}/{name}", "is not counted", _SOON)
            elif (slug, hour) not in known:
                yield name, Breach(f"{root}/{name}", "is not counted", ADVICE, _count(slug, name))

    return look


def _count(slug: str, name: str) -> Callable[[], str]:
    def count() -> str:
        for found in usage.of_day(hours.Day(hours.STILLS, slug, name.split("/")[2])):
            usage.write(found)
        return "counted"

    return count


def _timelapse_owner(root: str, names: list[str]) -> Iterator[tuple[str, Breach]]:
    found = {name: paths.TIMELAPSE.fullmatch(name.removesuffix(paths.PART)) for name in names}
    uids = [match.group(3) for match in found.values() if match]
    known = dict(TimeLapse.objects.filter(uid__in=uids).values_list("uid", "state"))
    for name, match in found.items():
        state = known.get(match.group(3)) if match else None
        if match is None or not lies_there(root, name):
            yield name, foreign(f"{root}/{name}")
        elif state is None:
            yield name, _left_over(root, name, "belongs to a time-lapse that is gone")
        elif state != TimeLapse.State.WORKING and (name.endswith(paths.PART) or state != TimeLapse.State.READY):
            yield name, _left_over(root, name, "is left over from a time-lapse that was not finished")
