"""The camera `spill` and its flagged pictures for tests, without processes."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.models import User
from camera import paths
from camera.models import Camera, Event, EventStill
from tests.footage_cast import happened
from tests.live_house import DOT

PASSWORD = "a pier in the rain 7"


def spill_camera(keeper: User | None) -> Camera:
    return Camera.objects.create(name="Spill", slug="spill", kind="push", keeper=keeper)


def spilled(camera: Camera, *times: datetime, **values: Any) -> Event:
    """A spill with a flagged picture on the disk for each of `times`; it goes on."""
    event = happened(camera, times[0], **{"kind": "spill", "ended_at": None} | values)
    stills = [flagged(event, at, event.uid if number == 0 else paths.new_uid()) for number, at in enumerate(times)]
    event.image = stills[0].image
    event.save(update_fields=["image"])
    return event


def flagged(event: Event, at: datetime, uid: str) -> EventStill:
    name = paths.event_picture(event.camera_slug, "spill", at.timestamp(), uid)
    data = DOT + uid.encode()
    path = Path(settings.MEDIA_ROOT) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    return EventStill.objects.create(event=event, uid=uid, captured_at=at, image=name, sha256=sha256, bytes=len(data))
