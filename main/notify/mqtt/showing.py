"""Pictures that go to the broker are looked at there: a viewing session for each camera says so, in the log as well."""

import logging
from collections.abc import Iterable

from django.db import DatabaseError
from django.utils import timezone

from camera.models import Camera, Right
from main.actors import Login
from main.notify.mqtt.happening import THE_HOUSE
from main.viewings import Seen, Transport, Visitor, join, new_page_id, write_left, write_seen

logger = logging.getLogger(__name__)

# Sessions of single pictures are ended when nobody has kept them alive for half a minute.
KEEP_ALIVE = 10.0


class Showing:
    """`show` whenever it may have changed to whom pictures go. Belongs to one thread."""

    def __init__(self) -> None:
        self._visitor = Visitor(THE_HOUSE, Login())
        self._page = new_page_id()
        self._open: dict[int, int] = {}
        self._kept = float("-inf")

    def show(self, cameras: Iterable[int], clock: float) -> None:
        """Pictures of these cameras, and of no others, go out now. `clock`: monotonic seconds."""
        wanted = set(cameras)
        if wanted == set(self._open) and clock - self._kept < KEEP_ALIVE:
            return
        try:
            self._change(wanted)
            self._keep()
        except DatabaseError as error:
            logger.warning("MQTT: who looks cannot be written now: %s", error)
        self._kept = clock

    def _change(self, wanted: set[int]) -> None:
        now = timezone.now()
        over = [pk for pk in self._open if pk not in wanted]
        write_left([(Seen(self._open[pk]), now) for pk in over])
        for pk in over:
            del self._open[pk]
        new = wanted - set(self._open)
        for camera in Camera.objects.allowed(THE_HOUSE, Right.WATCH).filter(pk__in=new):
            self._open[camera.pk] = join(self._visitor, camera, self._page, Transport.FRAME, counts=False).pk

    def _keep(self) -> None:
        """What was ended meanwhile, because the house stood still for long, begins anew next time."""
        ended = write_seen([Seen(pk) for pk in self._open.values()])
        self._open = {camera: pk for camera, pk in self._open.items() if pk not in ended}
