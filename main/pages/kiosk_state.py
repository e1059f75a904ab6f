"""What a screen shows: words alone, never a picture."""

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token

from accounts.models import Device
from camera.access import Actor
from camera.live.hub import current_hub
from camera.models import Camera, RecordMode, Right
from camera.packets import StateName
from main import rings
from main.actors import user_actor
from main.models import SiteSettings
from main.pages.kiosk_texts import texts_of
from main.viewings import names_watching

# From what is recorded most to what is not at all.
KEEPS = ("always", "ring", "never")


def actor_of(device: Device) -> Actor:
    return user_actor(device.user, f"device-{device.pk}")


def state_of(request: HttpRequest, device: Device) -> dict[str, Any]:
    """Everything its page needs; times are seconds since the epoch, or ISO UTC in rings."""
    house, actor, hub = SiteSettings.load(), actor_of(device), current_hub()
    cameras = list(Camera.objects.allowed(actor, Right.WATCH))
    own = next((camera for camera in cameras if camera.pk == device.camera), None)
    watching = names_watching(camera.pk for camera in cameras)
    keeps = min((keeps_of(camera, house) for camera in cameras), key=KEEPS.index, default="never")
    return {
        "house": house.site_name,
        "screen": device.name,
        "camera": own.slug if own is not None else None,
        "camera_name": own.name if own is not None else "",
        "texts": texts_of(house.kiosk_texts),
        "filmed": any(camera.enabled for camera in cameras),
        "watching": sorted({name for names in watching.values() for name in names}),
        "recorded": keeps != "never",
        "keeps": keeps,
        "recording": any(hub.state(camera.pk).recording for camera in cameras),
        "rings": [rings.as_json(ring) | {"image": None} for ring in rings.rings_now(actor)],
        "online": own is not None and own.enabled and hub.state(own.pk).state == StateName.ONLINE,
        "engine": hub.engine_up(),
        "language": device.language,
        "silent": device.silent,
        "zone": house.time_zone,
        "now": time.time(),
        "version": settings.VERSION,
        "csrf": get_token(request),
    }


def keeps_of(camera: Camera, house: SiteSettings) -> str:
    """always: recorded at one time or another; ring: only when somebody rings; never: by the camera's own wish."""
    if (camera.record or house.record) != RecordMode.OFF:
        return "always"
    return "never" if camera.record == RecordMode.OFF else "ring"
