"""What moving cameras needs of the database: read and written by the rows thread alone."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F

from camera import vault
from camera.addresses import CONTROLLED, NETWORK, AddressError, host_and_port, parse_source
from camera.engine.movable import Control
from camera.models import Camera, Detect
from camera.ptz.driver import Description, Login, Stream

_LONGEST_ADDRESS = 500
_MODEL = 80


def control_of(camera: Camera) -> Control | None:
    """How that camera is moved and switched; None for one that cannot be."""
    if camera.kind not in CONTROLLED:
        return None
    password, cloud_password = vault.unseal(camera.sealed_password), vault.unseal(camera.sealed_cloud_password)
    login = Login(
        str(camera.address), camera.username, password or "", cloud_password or "", settings.ALLOW_LOOPBACK_CAMERAS
    )
    return Control(
        login=login,
        slug=camera.slug,
        version=camera.version,
        speed=camera.move_speed,
        pan_inverted=camera.pan_inverted,
        tilt_inverted=camera.tilt_inverted,
        hears=camera.detect != Detect.OFF,
        doorbell=camera.doorbell,
        lacks_streams=not camera.stream_address,
        is_lost=camera.address_lost or password is None or cloud_password is None,
    )


def usable(streams: tuple[Stream, ...]) -> list[str]:
    """Addresses of those that can be opened, the largest first; without credentials, whatever the camera says."""
    found: list[str] = []
    for stream in streams:
        try:
            address = parse_source(stream.url)
        except AddressError:
            continue
        if address.kind in NETWORK - CONTROLLED and len(address.address) <= _LONGEST_ADDRESS:
            found.append(address.address)
    return found


def learn(camera: int, control: Control, found: Description) -> bool:
    """Keep what the camera says of itself; True when that starts its pictures. Of a row that has changed since it was
    asked nothing is written: it is asked anew."""
    row = Camera.objects.filter(pk=camera).first()
    if row is None or row.version != control.version or str(row.address) != control.login.address:
        return False
    news: dict[str, Any] = {"abilities": sorted(str(can) for can in found.abilities), "model": found.model[:_MODEL]}
    news = {name: value for name, value in news.items() if getattr(row, name) != value}
    streams = usable(found.streams) if not row.stream_address else []
    if streams:
        news |= {"stream_address": streams[0], "version": F("version") + 1}
    if not news:
        return False
    same = Camera.objects.filter(pk=camera, version=control.version)
    if streams:
        same = same.filter(stream_address="")
    return bool(same.update(**news)) and bool(streams)


def known_hosts() -> set[str]:
    """The hosts of all cameras, in small letters."""
    found: set[str] = set()
    for camera in Camera.objects.only("kind", "address", "stream_address"):
        for address in (str(camera.address), str(camera.stream_address)):
            if urlsplit(address).scheme and camera.kind in NETWORK:
                found.add(host_and_port(address)[0].lower())
    return found
