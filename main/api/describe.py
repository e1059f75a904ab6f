"""Events and recordings as the contract tells them; also what /ws/events/ sends."""

from typing import Any

from django.urls import reverse

from camera.models import Event, Recording
from main.api.schemas import utc


def event(row: Event) -> dict[str, Any]:
    """One event; read it with its camera and recording."""
    recording = row.recording
    return {
        "id": row.pk,
        "camera": (row.camera.slug if row.camera else row.camera_slug) or None,
        "kind": row.kind,
        "started_at": utc(row.started_at),
        "ended_at": utc(row.ended_at),
        "score": round(row.score, 3),
        "label": row.label,
        "boxes": row.boxes,
        "image": reverse("event_image", args=[row.pk]) if row.image else None,
        "recording": recording.pk if recording and recording.delete_requested_at is None else None,
    }


def recording(row: Recording) -> dict[str, Any]:
    """One recording; read it with its camera."""
    return {
        "id": row.pk,
        "camera": row.camera.slug if row.camera else row.camera_slug,
        "started_at": utc(row.started_at),
        "ended_at": utc(row.ended_at),
        "state": row.state,
        "trigger": row.trigger,
        "bytes": row.bytes,
        "sha256": row.sha256,
        "file": f"/recordings/{row.pk}/file/",
    }
