"""Who may send pictures as which camera from a browser, asked at the start and again while they send.

For the socket and for single posts alike. All of it reads the database: call it from a thread.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from accounts.models import JoinLink, Role, digest
from camera import ports
from camera.access import Actor, camera_to_feed
from camera.models import Camera, Right
from main.actors import Login, again, user_actor
from main.models import SiteSettings
from main.webcams import own_webcam, webcam_of

LONGEST_SECRET = 200
# A join link's last use is written at most this often.
USE_NOTED_EVERY = timedelta(minutes=1)

LOGGED_OUT, GONE, LINK_OVER, DISABLED = "logged_out", "gone", "link_over", "disabled"


class RefusedError(Exception):
    """May not send (any more); the code is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Feeder:
    """One who may send as `camera`, and how they proved it."""

    login: Login
    camera: int
    slug: str
    name: str
    house: str = ""


def link_login(secret: str) -> Login:
    """The log-in of somebody who holds a join link; whether the link holds is asked by `admit`."""
    return Login(link_digest=digest(secret) if 0 < len(secret) <= LONGEST_SECRET else "nothing")


def admit(login: Login, slug: str = "") -> Feeder:
    """Let one in: a join link's holder to its camera, others to the camera `slug`, or to their own webcam without one.

    The own webcam is made here when it is missing. Raises RefusedError.
    """
    camera = _of_link(login, slug) if login.link_digest else _of_person(login, slug)
    if not camera.enabled:
        raise RefusedError(DISABLED, f"{camera.name} is switched off. It can be switched on under Cameras.")
    return Feeder(login, camera.pk, camera.slug, camera.name, SiteSettings.load().site_name)


def ask_again(feeder: Feeder) -> None:
    """Raises RefusedError when they may not send as this camera any more."""
    camera = Camera.objects.filter(pk=feeder.camera).first()
    # A camera that is gone is told as such, but a log-in or link that is over comes first.
    now = admit(feeder.login, camera.slug if camera is not None else feeder.slug)
    if now.camera != feeder.camera:
        raise _gone()


def _of_person(login: Login, slug: str) -> Camera:
    actor = again(login)
    if actor.user_id is None:
        raise RefusedError(LOGGED_OUT, "You are not logged in (any more). Log in again, then start again.")
    try:
        if slug:
            return camera_to_feed(actor, slug)
        if actor.role not in (Role.OWNER, Role.MEMBER) or not actor.left(frozenset({Right.MANAGE.value})):
            raise RefusedError("not_allowed", "Members and owners have a webcam here. Ask an owner for a join link.")
        own = webcam_of(actor.user_id)
        return camera_to_feed(actor, own.slug) if own is not None else own_webcam(actor)
    except (Http404, PermissionDenied):
        raise _gone() from None


def _of_link(login: Login, slug: str) -> Camera:
    """A link ends with its time, when it is taken back, and when its maker may not manage the camera any more."""
    link = JoinLink.objects.valid_digest(login.link_digest)
    camera = Camera.objects.filter(pk=link.camera).first() if link is not None else None
    if link is None or camera is None:
        raise _link_over()
    try:
        camera_to_feed(user_actor(link.made_by), camera.slug)
    except (Http404, PermissionDenied):
        raise _link_over() from None
    if slug and slug != camera.slug:
        raise _gone()
    _note_use(link, camera, again(login))
    return camera


def _note_use(link: JoinLink, camera: Camera, actor: Actor) -> None:
    now = timezone.now()
    if link.last_used_at is not None and now - link.last_used_at < USE_NOTED_EVERY:
        return
    with transaction.atomic():
        first = JoinLink.objects.filter(pk=link.pk, last_used_at=None).update(last_used_at=now)
        if first:
            told = {"camera": camera.slug, "made by": link.made_by.username}
            ports.on_change(actor.name, f"used a join link of camera {camera.slug} for the first time", {}, told)
        else:
            JoinLink.objects.filter(pk=link.pk).update(last_used_at=now)


def _gone() -> RefusedError:
    return RefusedError(GONE, "There is no such camera for you to send as (any more).")


def _link_over() -> RefusedError:
    return RefusedError(LINK_OVER, "This link has ended or was taken back. Ask for a new one.")
