"""The stream that programs written for the oil-spill server know: whether it runs, what was flagged, when it stops.

Everything is read from the database, so that all web processes agree, and from what the hub has heard of the camera.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from camera import ports
from camera.keys import SPILL
from camera.live.hub import current_hub
from camera.models import Camera, Event, EventStill, HourUsage
from main.models import SiteSettings
from main.presence import GONE, Watch
from main.watchers import in_thread

logger = logging.getLogger(__name__)
# Running streams end this many seconds after the stream was stopped at the latest, whichever process was told.
LOOK_EVERY = 1.0
PROGRAM = f"the program of {SPILL}"


@dataclass(frozen=True, slots=True)
class Status:
    """`last_frame_at`: capture time of the newest picture, 0 before the first; `stills`: how many were flagged."""

    active: bool
    last_frame_at: float
    spill: bool
    stills: int


def status_of(camera: Camera) -> Status:
    last = last_frame_at(camera)
    return Status(is_open(camera, last), last, spill_goes_on(camera), flagged(camera).count())


def is_open(camera: Camera, last: float | None = None) -> bool:
    """What was last asked for; before anybody asked the first picture opens the stream."""
    wish = wanted()
    if wish is not None:
        return wish
    last = last_frame_at(camera) if last is None else last
    return last > 0 or HourUsage.objects.filter(camera=camera).exists() or camera.recordings.exists()


def wanted() -> bool | None:
    return SiteSettings.objects.filter(pk=1).values_list("videostream_open", flat=True).first()


def last_frame_at(camera: Camera) -> float:
    """Capture time of the newest picture that is known of; 0 for none. Older ones may come late: they do not count."""
    still = flagged(camera).order_by("-captured_at").values_list("captured_at", flat=True).first()
    return max(current_hub().state(camera.pk).last_frame_at or 0.0, still.timestamp() if still else 0.0)


def spills(camera: Camera) -> QuerySet[Event]:
    return Event.objects.filter(camera=camera, kind=Event.Kind.SPILL).remaining()


def spill_goes_on(camera: Camera) -> bool:
    return spills(camera).filter(ended_at=None).exists()


def flagged(camera: Camera) -> QuerySet[EventStill]:
    """Every picture in which a spill was flagged, oldest first."""
    return EventStill.objects.filter(event__in=spills(camera)).order_by("captured_at", "pk")


def stamp(moment: datetime) -> str:
    """YYYYMMDD_HHMMSS in UTC."""
    return f"{moment.astimezone(UTC):%Y%m%d_%H%M%S}"


def ask(*, is_open: bool) -> None:
    """Open or stop the stream from now on, whatever was asked before."""
    SiteSettings.load()
    with transaction.atomic():
        house = SiteSettings.objects.select_for_update().get(pk=1)
        before, house.videostream_open = house.videostream_open, is_open
        house.save(update_fields=["videostream_open"])
        words = {True: "open", False: "stopped", None: "open with the first picture"}
        ports.on_change(PROGRAM, "oil-spill stream", {"stream": words[before]}, {"stream": words[is_open]})


class Running:
    """The running streams of this process, all ended together when the stream is stopped. Of one event loop."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def running(self, watch: Watch) -> Iterator[None]:
        """`watch` is ended within LOOK_EVERY seconds of the stream's stop."""
        loop = asyncio.get_running_loop()
        self._watches.add(watch)
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._look(), name="videostream")
        try:
            yield
        finally:
            self._watches.discard(watch)

    async def _look(self) -> None:
        while self._watches:
            await asyncio.sleep(LOOK_EVERY)
            try:
                if await asyncio.to_thread(in_thread, wanted) is False:
                    for watch in list(self._watches):
                        watch.end(GONE)
            except DatabaseError as error:
                logger.warning("whether the stream was stopped is asked later: %s", error)


running_streams = Running()
