"""Phones, tablets and laptops as cameras: their rows, and who may see what they send."""

from django.db import transaction

from accounts.models import Role, User
from camera import ports
from camera.access import Actor
from camera.models import Camera, Right, free_slug
from main.camera_changes import tell_engine

LONGEST_NAME = 60


def webcam_of(user: int | None) -> Camera | None:
    """The camera that this member's own phone or laptop is, once it has sent. Phones of guests have no keeper."""
    if user is None:
        return None
    return Camera.objects.filter(keeper_id=user, webcam=True, kind="push").order_by("pk").first()


def own_webcam(actor: Actor) -> Camera:
    """The same, made where there is none yet; two first starts at once make one camera."""
    assert actor.user_id is not None
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=actor.user_id)
        return webcam_of(user.pk) or _make(f"Webcam of {user.username}", f"webcam-{user.username}", user.pk, actor)


def guest_camera(name: str, actor: Actor) -> Camera:
    """A camera of the house for somebody's phone, which gets in by a join link."""
    with transaction.atomic():
        return _make(name, name, None, actor)


def _make(name: str, slug: str, keeper: int | None, actor: Actor) -> Camera:
    camera = Camera.objects.create(
        name=name[:LONGEST_NAME].strip(), slug=free_slug(slug), kind="push", webcam=True, keeper_id=keeper
    )
    told = {
        "name": camera.name,
        "source": camera.source,
        "keeper": camera.keeper.username if camera.keeper else "the house",
        "shared with all members": "nothing",
    }
    ports.on_change(actor.name, f"added camera {camera.slug}", {}, told)
    tell_engine(camera.pk)
    return camera


def seers(camera: Camera | None, user: int) -> list[str]:
    """Who may watch it live, by name, without `user`; `None`: a webcam that is yet to be made, shared with nobody."""
    names = list(User.objects.owners().exclude(pk=user).values_list("username", flat=True))
    if camera is None:
        return names
    grants = camera.grants.filter(right=Right.WATCH)
    if camera.keeper is not None and camera.keeper.role == Role.MEMBER:
        names += [camera.keeper.username]
    if grants.filter(user=None).exists():
        names += ["every member"]
    names += grants.filter(user__is_active=True).exclude(user__role=Role.OWNER).values_list("user__username", flat=True)
    mine = User.objects.filter(pk=user).values_list("username", flat=True).first()
    return [name for name in dict.fromkeys(names) if name != mine]
