"""The one door: who may do what with which camera.

Everything that shows a camera, its name, its footage or its state comes through here. A stranger is told there is no
such camera (404); one who may see it but not act is refused (403).
"""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q
from django.http import Http404

from camera.addresses import NETWORK
from camera.models import Camera, Event, Recording, Right, TimeLapse

RIGHTS = frozenset(Right.values)
# What a program may do that has a camera's key: see what it has sent itself.
KEY_RIGHTS = frozenset({Right.WATCH.value, Right.PLAYBACK.value})


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, or something, that asks. `key` tells log-ins and tokens apart and is never a secret."""

    kind: str  # user | token | key | link | anonymous | system
    user_id: int | None = None
    role: str = ""
    name: str = ""
    key: str = ""
    # What a token may use of its user's rights; None: all of them.
    scopes: frozenset[str] | None = None
    # The only camera of a camera's key or a join link.
    camera: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether it is anybody at all; what it may do is asked camera by camera."""
        return (
            self.kind == "system"
            or self.user_id is not None
            or (self.kind in ("key", "link") and self.camera is not None)
        )

    @property
    def is_owner(self) -> bool:
        """Of everything: a token only when nothing is kept from it."""
        return self.role == "owner" and (self.scopes is None or self.scopes >= RIGHTS)

    def left(self, rights: frozenset[str]) -> frozenset[str]:
        """Those of `rights` that its scopes leave it."""
        return rights if self.scopes is None else rights & self.scopes


ANONYMOUS = Actor("anonymous")


def allowed_filter(actor: Actor, right: str) -> Q:
    """The condition on Camera under which `actor` has `right`; matches nothing for anybody unknown."""
    nothing = Q(pk__in=[])
    if right not in RIGHTS:
        raise ValueError(f"no such right: {right}")
    if actor.kind == "system":
        return Q()
    if actor.kind == "key":
        return Q(pk__in=[actor.camera]) if right in KEY_RIGHTS else nothing
    if actor.kind not in ("user", "token") or actor.user_id is None or not actor.left(frozenset({right})):
        return nothing
    if actor.role == "owner":
        return Q()
    mine = Q(grants__user_id=actor.user_id, grants__right=right)
    if actor.role == "member":
        return Q(keeper_id=actor.user_id) | mine | Q(grants__user=None, grants__right=right)
    return mine if actor.role in ("guest", "kiosk") else nothing


def rights_on(actor: Actor, camera: Camera) -> frozenset[str]:
    """Every right `actor` has on `camera`."""
    if actor.kind == "system":
        return RIGHTS
    if actor.kind == "key":
        return KEY_RIGHTS if actor.camera == camera.pk else frozenset()
    if actor.kind not in ("user", "token") or actor.user_id is None:
        return frozenset()
    if actor.role == "owner" or (actor.role == "member" and camera.keeper_id == actor.user_id):
        return actor.left(RIGHTS)
    if actor.role not in ("member", "guest", "kiosk"):
        return frozenset()
    to = Q(user_id=actor.user_id) | (Q(user=None) if actor.role == "member" else Q(pk__in=[]))
    return actor.left(frozenset(camera.grants.filter(to).values_list("right", flat=True)))


def camera_for(actor: Actor, slug: str, right: str) -> Camera:
    """The camera called `slug`, for one who has `right` on it.

    Raises Http404 for strangers and PermissionDenied for those who have another right on it but not this one.
    """
    camera = _called(slug)
    held = rights_on(actor, camera) if camera is not None else frozenset()
    if camera is None or not held:
        raise Http404("No such camera.")
    if right not in held:
        raise PermissionDenied(f"You may see this camera, but not {Right(right).label}.")
    return camera


def _called(slug: str) -> Camera | None:
    """The camera with that slug. What no slug can be a database may not even take: half of a character, or a zero."""
    return Camera.objects.filter(slug=slug).first() if slug.isascii() and slug.isprintable() else None


def camera_to_feed(actor: Actor, slug: str) -> Camera:
    """The camera called `slug`, for one who may send pictures as it: its key, a join link of it, or one who manages it.

    Raises Http404 for strangers and where the camera gets its pictures in another way, PermissionDenied as camera_for.
    """
    if actor.kind in ("key", "link"):
        camera = _called(slug)
        if camera is not None and camera.pk != actor.camera:
            camera = None
    else:
        camera = camera_for(actor, slug, Right.MANAGE)
    if camera is None or camera.kind != "push":
        raise Http404("No such camera.")
    return camera


def footage_filter(actor: Actor, right: str) -> Q:
    """The condition on Recording or Event under which `actor` has `right`. What has no camera (any more) is owners'."""
    if actor.kind == "system" or (
        actor.kind in ("user", "token") and actor.role == "owner" and actor.left(frozenset({right}))
    ):
        return Q()
    # Asked row by row, not as a list of cameras: by that SQLite would read everything of these cameras and sort it
    # instead of reading a page in the order it is shown in.
    return Q(Exists(Camera.objects.allowed(actor, right).filter(pk=OuterRef("camera")).order_by()))


def recording_for(actor: Actor, pk: int, right: str) -> Recording:
    """The recording, for one who has `right` on its camera. Raises Http404 and PermissionDenied as camera_for does."""
    found = Recording.objects.filter(pk=pk, delete_requested_at=None).select_related("camera", "storage").first()
    if found is None:
        raise Http404("No such recording.")
    _need(actor, found.camera, right, "recording")
    return found


def event_for(actor: Actor, pk: int, right: str) -> Event:
    """The event, for one who has `right` on its camera. Raises Http404 and PermissionDenied as camera_for does."""
    found = Event.objects.filter(pk=pk, delete_requested_at=None).select_related("camera", "recording").first()
    if found is None:
        raise Http404("No such event.")
    _need(actor, found.camera, right, "event")
    return found


def timelapse_for(actor: Actor, pk: int, right: str) -> TimeLapse:
    """The time-lapse, for one who has `right` on its camera. Raises Http404 and PermissionDenied as camera_for does."""
    found = TimeLapse.objects.filter(pk=pk, delete_requested_at=None).select_related("camera").first()
    if found is None:
        raise Http404("No such time-lapse.")
    _need(actor, found.camera, right, "time-lapse")
    return found


def rights_on_lost(actor: Actor) -> frozenset[str]:
    """Every right `actor` has on what belongs to no camera (any more)."""
    if actor.kind == "system":
        return RIGHTS
    return actor.left(RIGHTS) if actor.kind in ("user", "token") and actor.role == "owner" else frozenset()


def _need(actor: Actor, camera: Camera | None, right: str, what: str) -> None:
    held = rights_on_lost(actor) if camera is None else rights_on(actor, camera)
    if not held:
        raise Http404(f"No such {what}.")
    if right not in held:
        raise PermissionDenied(f"You may see this camera, but not {Right(right).label}.")


def may_delete(actor: Actor, recording: Recording) -> bool:
    """One who manages the camera may; so may one whose own viewing session was the only reason for the recording."""
    if recording.camera is None:
        return Right.MANAGE in rights_on_lost(actor)
    held = rights_on(actor, recording.camera)
    mine = bool(recording.reasons) and all(reason.startswith("session:") for reason in recording.reasons)
    return Right.MANAGE in held or (bool(held) and mine and recording.people == [actor.user_id])


def may_add(actor: Actor, kind: str) -> bool:
    """Members add their own network cameras and demo scenes; this machine's devices and files are the owners'."""
    if actor.kind == "system":
        return True
    if actor.kind not in ("user", "token") or not actor.left(frozenset({Right.MANAGE})):
        return False
    return actor.is_owner or (actor.role == "member" and kind in (*NETWORK, "pattern", "push"))
