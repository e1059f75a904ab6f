"""What each camera process is to do now: the camera's own settings, or the house's where it has none."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from camera.engine.ring_rows import Ring
from camera.models import Camera, RecordMode
from camera.orders import Orders
from camera.ports import Policy

logger = logging.getLogger(__name__)
_warned: set[str] = set()
SMALLEST_LIMIT = 1024 * 1024
# What is shown of the time before a ring at least. Seconds.
RING_ROLL = 10.0
# What a camera says it can do that has a button of its own.
DOORBELL = "doorbell"


def storage_of(policy: Policy) -> str:
    """The folder that new recordings go to; MEDIA_ROOT, with a warning, where the house's may not be used any more."""
    home = str(Path(settings.MEDIA_ROOT).resolve())
    if not policy.storage:
        return home
    if is_allowed(policy.storage):
        return str(Path(policy.storage).resolve())
    if policy.storage not in _warned:
        _warned.add(policy.storage)
        logger.warning("the recordings folder %s lies outside STORAGE_ROOTS; recording to %s", policy.storage, home)
    return home


def is_allowed(folder: str) -> bool:
    """Whether recordings may be put in `folder`: it is, or lies in, one of STORAGE_ROOTS or MEDIA_ROOT."""
    roots = [Path(root).resolve() for root in (settings.MEDIA_ROOT, *settings.STORAGE_ROOTS)]
    path = Path(folder)
    return path.is_absolute() and any(path.resolve().is_relative_to(root) for root in roots)


def mode_of(camera: Camera, policy: Policy) -> str:
    """off, watched, motion or always: when the camera is recorded by itself."""
    return camera.record or policy.record


def is_doorbell(camera: Camera) -> bool:
    """Whether it stands at a door, or has a button of its own."""
    return camera.doorbell or DOORBELL in camera.abilities


def can_ring(camera: Camera) -> bool:
    """Whether somebody may ring at any moment: a program with the camera's key may, too."""
    return is_doorbell(camera) or bool(camera.key_digest)


def largest_file(storage: str) -> int:
    """A tenth of the disk, in bytes: on a small one there must be older files to give up before the open one fills it.
    0 where that cannot be told."""
    try:
        found = os.statvfs(storage)
    except OSError:
        return 0
    return max(SMALLEST_LIMIT, found.f_blocks * found.f_frsize // 10)


def orders_for(
    camera: Camera,
    policy: Policy,
    reasons: tuple[str, ...] = (),
    holds: Mapping[str, str] | None = None,
    cut: tuple[str, ...] = (),
    ring: Ring | None = None,
) -> Orders:
    """The orders without their number. `reasons` are those from outside; `holds` says which folders may not be
    written to, and why: no recording goes there, and no picture into a MEDIA_ROOT that is not mounted. `cut` names
    files that are to end. `ring` goes on now: it is recorded unless the camera itself is never to be."""
    is_never = camera.record == RecordMode.OFF
    own = policy.pre_roll if camera.pre_roll is None else camera.pre_roll
    home, storage, holds = str(Path(settings.MEDIA_ROOT).resolve()), storage_of(policy), holds or {}
    return Orders(
        slug=camera.slug,
        storage=storage,
        media="" if holds.get(home, "disk_full") != "disk_full" else home,
        mode=mode_of(camera, policy),
        # Whoever rings came up to the door before: a recording of that is not to begin too late for the ring.
        pre_roll=max(own, RING_ROLL) if is_doorbell(camera) else own,
        post_roll=policy.post_roll if camera.post_roll is None else camera.post_roll,
        detect=camera.detect,
        sensitivity=camera.sensitivity,
        min_area=camera.min_area,
        reasons=reasons if ring is None or is_never else (*reasons, "ring"),
        hold=holds.get(storage, ""),
        most_bytes=largest_file(storage),
        cut=cut,
        stills_every=camera.stills_every,
        ring_roll=max(own, RING_ROLL) if can_ring(camera) and not is_never else 0.0,
        rang_at=0.0 if ring is None else ring.rang_at,
        ring="" if ring is None or ring.has_picture or ring.is_over else ring.uid,
    )
