"""Asking for recordings to be deleted. They are gone from every page at once; the engine unlinks the files."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from camera import ports
from camera.access import Actor, may_delete
from camera.models import Camera, Recording, Right

# Ids in one UPDATE: databases limit the parameters of a statement.
AT_ONCE = 500


def request_delete(actor: Actor, recordings: Iterable[Recording]) -> int:
    """Mark `recordings` to be deleted, all or none of them; how many this call marked (others may have been quicker).

    Raises PermissionDenied when one of them is not `actor`'s to delete.
    """
    wanted = list(recordings)
    refuse_others(actor, wanted)
    now = timezone.now()
    marked = 0
    with transaction.atomic():
        for start in range(0, len(wanted), AT_ONCE):
            pks = [one.pk for one in wanted[start : start + AT_ONCE]]
            marked += Recording.objects.filter(pk__in=pks, delete_requested_at=None).update(delete_requested_at=now)
        if marked:
            ports.on_change(actor.name, _what(wanted), _facts(wanted), {})
    return marked


def refuse_others(actor: Actor, recordings: Iterable[Recording]) -> None:
    """Raises PermissionDenied unless `actor` may delete every one of `recordings`.

    What is marked to be kept goes only by the hand of somebody who manages its camera.
    """
    managed = set(Camera.objects.allowed(actor, Right.MANAGE).values_list("pk", flat=True))
    for one in recordings:
        if one.camera_id in managed:
            continue
        if not may_delete(actor, one):
            raise PermissionDenied("You may see this recording, but not delete it.")
        if one.kept and one.camera_id is not None:
            raise PermissionDenied("This recording is marked to be kept. Ask somebody who manages the camera.")


def _what(recordings: list[Recording]) -> str:
    if len(recordings) == 1:
        return f"recording {recordings[0].pk} of {recordings[0].camera_name} deleted"
    cameras = Counter(one.camera_name for one in recordings)
    name, _ = cameras.most_common(1)[0]
    return f"{len(recordings)} recordings of {name if len(cameras) == 1 else f'{len(cameras)} cameras'} deleted"


def _facts(recordings: list[Recording]) -> dict[str, Any]:
    """What can be told of them later, when the rows have gone."""
    return {
        "recordings": sorted(one.pk for one in recordings),
        "cameras": sorted({one.camera_name for one in recordings}),
        "from": min(one.started_at for one in recordings).isoformat(),
        "to": max(one.ended_at or one.started_at for one in recordings).isoformat(),
        "bytes": sum(one.bytes for one in recordings),
    }
