"""What space footage takes: by hour, by day, by camera and by kind; what is left, and which limits hold."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from camera.access import Actor
from camera.engine.selection import DISK_SHARE, STILLS_SHARE
from camera.models import Camera, Right, Storage
from camera.words import many, size
from main import footage_facts
from main import usage as reckoning
from main.actors import session_actor
from main.models import SiteSettings


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in force; `camera` for one of that camera's own, with `may_change` for a link to where it is set."""

    words: str
    camera: Camera | None = None
    may_change: bool = False


@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    """Of all cameras that one may play back, or of the one named in the address."""
    actor = session_actor(request)
    cameras = list(Camera.objects.allowed(actor, Right.PLAYBACK))
    slug = request.GET.get("camera", "")
    chosen = next((camera for camera in cameras if camera.slug == slug), None)
    if slug and chosen is None:
        raise Http404("No such camera.")
    all_of = reckoning.totals(actor, cameras)
    house = SiteSettings.load()
    context: dict[str, Any] = {
        "cameras": cameras,
        "chosen": chosen,
        "plots": reckoning.plots(actor, chosen),
        "totals": all_of,
        "together": reckoning.together(all_of),
        "all": size(sum(total.bytes for total in all_of)),
        "limits": _limits(actor, house, cameras),
        "is_owner": actor.is_owner,
        # Where the house keeps its footage, and how full that is, is its owners' to know.
        "disks": _disks(house) if actor.is_owner else [],
    }
    return render(request, "usage.html", context)


def _disks(house: SiteSettings) -> list[str]:
    told = []
    known = Storage.objects.order_by("path").values_list("path", flat=True)
    for folder in dict.fromkeys([footage_facts.folder_now(house), *known]):
        disk = footage_facts.disk_of(folder)
        if disk is None:
            told.append(f"{folder} cannot be reached. Is its disk connected and mounted?")
        else:
            told.append(f"{folder}: {size(disk[0])} free of {size(disk[1])}.")
    days = footage_facts.disk_days()
    if days is not None:
        told.append(
            f"At the pace of the last week there is room for {footage_facts.in_days(days)} of recordings; from then on "
            "the oldest make room for the newest."
        )
    return told


def _limits(actor: Actor, house: SiteSettings, cameras: list[Camera]) -> list[Limit]:
    most = (
        f"{house.gigabytes_kept:g} GB" if house.gigabytes_kept is not None else f"{DISK_SHARE * 100:g} % of each disk"
    )
    found = [
        Limit(f"Recordings are kept {many(house.recording_days, 'day')}, at most {most}; kept ones stay."),
        Limit(f"Stills are kept {many(house.still_days, 'day')}, at most {STILLS_SHARE * 100:g} % of the disk."),
        Limit(f"Events, their pictures and time-lapses are kept {many(house.event_days, 'day')}."),
    ]
    managed = set(Camera.objects.allowed(actor, Right.MANAGE).values_list("pk", flat=True))
    for camera in cameras:
        own = [f"{many(camera.days_kept, 'day')}"] if camera.days_kept is not None else []
        own += [f"at most {camera.gigabytes_kept:g} GB"] if camera.gigabytes_kept is not None else []
        if own:
            found.append(Limit(f"recordings are kept {', '.join(own)}.", camera, camera.pk in managed))
    return found
