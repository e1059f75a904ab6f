"""Rows of footage and viewings for tests: recordings, events and sessions without files or processes."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from camera.models import Camera, Event, Recording, Storage
from main.models import ViewingSession


def recorded(camera: Camera, at: datetime, seconds: float = 60, **values: Any) -> Recording:
    """A recording of that camera; open while `ended_at=None` and `state="open"` are given."""
    uid = uuid.uuid4().hex[:8]
    usual: dict[str, Any] = {
        "camera": camera, "camera_name": camera.name, "camera_slug": camera.slug,
        "storage": Storage.objects.get_or_create(path="/nowhere")[0], "uid": uid,
        "file": f"recordings/{camera.slug}/{at:%Y-%m-%d}/{at:%H-%M-%S}_{uid}.mp4",
        "state": "closed", "trigger": "motion", "reasons": ["motion"],
        "started_at": at, "ended_at": at + timedelta(seconds=seconds), "seconds": seconds, "bytes": 1000,
    }  # fmt: skip
    return Recording.objects.create(**(usual | values))


def happened(camera: Camera, at: datetime, recording: Recording | None = None, **values: Any) -> Event:
    """A motion of that camera."""
    usual: dict[str, Any] = {
        "camera": camera, "camera_name": camera.name, "camera_slug": camera.slug, "uid": uuid.uuid4().hex[:8],
        "kind": "motion", "started_at": at, "ended_at": at + timedelta(seconds=8), "recording": recording,
        "changed_at": at,
    }  # fmt: skip
    return Event.objects.create(**(usual | values))


def looked(user: User, camera: Camera, at: datetime, seconds: float | None = 180, **values: Any) -> ViewingSession:
    """A viewing session of that person; open while `seconds` is None."""
    end = None if seconds is None else at + timedelta(seconds=seconds)
    usual: dict[str, Any] = {
        "user": user, "user_name": user.username, "camera": camera, "camera_name": camera.name,
        "camera_slug": camera.slug, "key": uuid.uuid4().hex, "transport": "page", "device": "Firefox on Android",
        "started_at": at, "last_seen_at": end or at, "ended_at": end,
    }  # fmt: skip
    return ViewingSession.objects.create(**(usual | values))
