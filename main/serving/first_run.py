"""What a house gets when it is started for the first time: every USB camera that opens, else the demo scene."""

import logging
import re
from dataclasses import asdict
from pathlib import Path

from django.core.exceptions import ValidationError

from camera.addresses import parse_source
from camera.engine.probe import test_connection
from camera.models import Camera, RecordMode, free_slug
from camera.names import check_name
from main.models import SiteSettings

logger = logging.getLogger(__name__)


def add_first_cameras() -> list[Camera]:
    """Once in the house's life, and only when it has no camera yet. Returns the cameras added."""
    house = SiteSettings.load()
    if house.first_run_done:
        return []
    added: list[Camera] = []
    if not Camera.objects.exists():
        devices = sorted(Path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name))
        added = [add_device(path) for path in devices if device_opens(path)]
        added = added or [add_camera("Demo", "pattern:")]
    house.first_run_done = True
    house.save(update_fields=["first_run_done"])
    return added


def device_opens(path: Path) -> bool:
    """Whether the device gives a picture: many cameras have further nodes that are not for pictures."""
    if not re.fullmatch(r"video\d{1,3}", path.name):
        return False
    source = Camera(kind="v4l2", address=str(path)).source_config()
    answer, _ = test_connection(asdict(source))
    if not answer.get("ok"):
        logger.info("%s gives no picture: %s", path, answer.get("detail") or answer.get("reason"))
    return bool(answer.get("ok"))


def add_device(path: Path) -> Camera:
    name_file = Path("/sys/class/video4linux") / path.name / "name"
    name = name_file.read_text().strip()[:60] if name_file.is_file() else path.name
    try:
        check_name(name)
    except ValidationError:
        name = path.name
    return add_camera(name, f"device:{path}")


def add_camera(name: str, source: str) -> Camera:
    """A camera of the house's own, shared with nobody until an owner says so.

    It is recorded when something moves, so that a newcomer finds an event with its video after the first minutes.
    """
    address = parse_source(source)
    return Camera.objects.create(
        name=name, slug=free_slug(name), kind=address.kind, address=address.address, record=RecordMode.MOTION
    )
