"""Fills the ports of camera and accounts: what the rooms below need from this one."""

from collections.abc import Iterable
from typing import Any

from allauth.account.signals import password_changed
from django.conf import settings

from accounts import ports as accounts_ports
from accounts.models import User
from camera import ports
from camera.access import Actor
from camera.models import Camera, Right
from main.models import AuditEntry, SiteSettings, ViewingSession
from main.notify import channels, outbox
from main.notify.mqtt.topics import USER as MQTT_USER
from main.references import references


def house_policy() -> ports.Policy:
    house = SiteSettings.load()
    return ports.Policy(
        viewer_fps=house.viewer_fps,
        record=house.record,
        pre_roll=house.pre_roll,
        post_roll=house.post_roll,
        storage=house.recordings_path,
        recording_days=house.recording_days,
        event_days=house.event_days,
        still_days=house.still_days,
        gigabytes=house.gigabytes_kept,
        manual_hours=house.manual_hours,
    )


def watched_cameras() -> set[int]:
    """Cameras with an open viewing session that counts."""
    open_now = ViewingSession.objects.filter(ended_at=None, left_at=None, counts=True, camera__isnull=False)
    return set(open_now.order_by().values_list("camera_id", flat=True).distinct())


def open_sessions(sessions: Iterable[int]) -> set[int]:
    """Which of these viewing sessions still go on; one that was left may come back within seconds."""
    return set(ViewingSession.objects.filter(pk__in=list(sessions), ended_at=None).values_list("pk", flat=True))


def may_record(asked: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these (user, camera) pairs still hold: active people with the right to record there."""
    pairs = set(asked)
    found: set[tuple[int, int]] = set()
    if settings.MQTT_URL is not None and settings.MQTT_URL.commands:
        # Nobody of the house has this number: what the broker asks for.
        found |= {(user, camera) for user, camera in pairs if user == MQTT_USER}
    for user in User.objects.filter(pk__in={user for user, _ in pairs}, is_active=True):
        actor = Actor("user", user.pk, user.role, user.username)
        cameras = Camera.objects.allowed(actor, Right.RECORD).filter(pk__in={camera for _, camera in pairs})
        found |= {(user.pk, camera) for camera in cameras.order_by().values_list("pk", flat=True)}
    return pairs & found


def write_audit(actor: str, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Record a change; only the values that differ are kept."""
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    if changed:
        AuditEntry.objects.create(
            actor=actor,
            what=what,
            before={name: before[name] for name in sorted(changed) if name in before},
            after={name: after[name] for name in sorted(changed) if name in after},
        )


def connect() -> None:
    ports.policy = house_policy
    ports.watched = watched_cameras
    ports.open_sessions = open_sessions
    ports.may_record = may_record
    ports.references = references
    ports.on_event = outbox.announce
    password_changed.connect(channels.keep_after_password, dispatch_uid="keep_after_password")
    ports.on_change = accounts_ports.on_change = write_audit
    accounts_ports.signups_open = lambda: SiteSettings.load().signups_open
