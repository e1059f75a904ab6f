"""The camera that programs written for the oil-spill server send to. It is there wherever CAMERA_PASSWORD is set."""

import logging

from django.conf import settings
from django.db import transaction

from camera import ports
from camera.keys import SPILL
from camera.models import Camera

logger = logging.getLogger(__name__)
NAME = "Spill"


def make_spill(owner: int | None) -> Camera | None:
    """See that the camera `spill` is there if CAMERA_PASSWORD is set, kept by the person `owner`; where there is nobody
    yet its keeper stays empty until the next call. None when there is no such camera. Raises DatabaseError."""
    if not settings.CAMERA_PASSWORD:
        return None
    with transaction.atomic():
        camera = Camera.objects.select_for_update().filter(slug=SPILL).first()
        if camera is None:
            camera = Camera.objects.create(name=NAME, slug=SPILL, kind="push", keeper_id=owner)
            told = {"name": NAME, "source": camera.source, "keeper": _keeper(camera)}
            ports.on_change("engine", f"added camera {SPILL}", {}, told)
        elif camera.kind != "push":
            logger.error(
                "CAMERA_PASSWORD is set, but the camera %s is no push: camera, so nothing can be sent to it by that "
                "password. Delete that camera, or add it anew under another slug, and start again.", SPILL,
            )  # fmt: skip
            return None
        elif camera.keeper_id is None and owner is not None:
            camera.keeper_id = owner
            camera.save(update_fields=["keeper"])
            ports.on_change("engine", f"changed camera {SPILL}", {"keeper": "the house"}, {"keeper": _keeper(camera)})
    return camera


def _keeper(camera: Camera) -> str:
    return camera.keeper.get_username() if camera.keeper is not None else "the house"
