"""Rings for tests: rows as the engine writes them."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from camera.models import Camera, Event, RingPress
from tests.footage_cast import happened


def ringing(camera: Camera, ago: float = 0.0, presses: int = 1, **values: Any) -> Event:
    """A ring whose last press was `ago` seconds ago and one before each second; it goes on while less than 20 s have
    passed, as the engine has it."""
    last = timezone.now() - timedelta(seconds=ago)
    first = last - timedelta(seconds=presses - 1)
    usual: dict[str, Any] = {"kind": "ring", "ended_at": last if ago > 20 else None, "changed_at": timezone.now()}
    row = happened(camera, first, **(usual | values))
    for turn in range(presses):
        pressed(row, first + timedelta(seconds=turn))
    return row


def pressed(row: Event, at: datetime, **values: Any) -> RingPress:
    return RingPress.objects.create(event=row, camera=row.camera, at=at, **({"way": "key"} | values))
