"""Events of the house itself, open while a fault lasts: one for each label, however often it is told."""

import logging
from datetime import UTC, datetime

from django.db import transaction

from camera import ports
from camera.models import Event
from camera.paths import new_uid

logger = logging.getLogger(__name__)


class Alarm:
    """One kind of fault. An open event that is deleted by hand is not made again before the fault has ended once."""

    def __init__(self, label: str) -> None:
        self.label = label
        self._known = False
        self._open: int | None = None

    def set(self, on: bool) -> list[int]:
        """The fault is there or not; the ids of events that began or ended by this."""
        if not self._known:
            rows = Event.objects.filter(kind=Event.Kind.SYSTEM, label=self.label, ended_at=None, camera=None)
            self._open = rows.values_list("pk", flat=True).first()
            self._known = True
        if on == (self._open is not None):
            return []
        return [self._begin()] if on else self._end()

    def _begin(self) -> int:
        at = datetime.now(UTC)
        with transaction.atomic():
            event = Event.objects.create(
                uid=new_uid(), kind=Event.Kind.SYSTEM, label=self.label, started_at=at, changed_at=at
            )
            ports.on_event(event, True)
        self._open = event.pk
        return event.pk

    def _end(self) -> list[int]:
        at = datetime.now(UTC)
        with transaction.atomic():
            event = Event.objects.select_for_update().filter(pk=self._open or 0, ended_at=None).first()
            if event is not None:
                event.ended_at = max(at, event.started_at)
                event.changed_at = at
                event.save(update_fields=["ended_at", "changed_at"])
                ports.on_event(event, False)
        self._open = None
        return [event.pk] if event is not None else []
