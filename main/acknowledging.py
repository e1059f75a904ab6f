"""Somebody of the house has seen to an event, and may say what about it."""

import unicodedata
from typing import Any

from django import forms
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from accounts.models import Role
from camera import ports
from camera.access import Actor
from camera.models import Event

# Those somebody should have seen to; others may be acknowledged as well.
ASKING = (Event.Kind.SPILL, Event.Kind.RING, Event.Kind.CAMERA_OFFLINE)
LONGEST_NOTE = 500
# Control characters and half letters.
UNSEEN = ("Cc", "Cs")


class AcknowledgeForm(forms.Form):
    """Field note: plain words, or nothing."""

    note = forms.CharField(
        label="Note",
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": f"A note has at most {LONGEST_NOTE} letters."},
    )

    def __init__(self, data: Any = None, **more: Any) -> None:
        super().__init__(_one_letter_a_line(data) if data is not None else None, **more)

    def clean_note(self) -> str:
        note = str(self.cleaned_data["note"])
        if any(unicodedata.category(one) in UNSEEN and one not in "\n\t" for one in note):
            raise forms.ValidationError("The note holds control characters; write it in plain words.")
        return note


def _one_letter_a_line(data: Any) -> dict[str, str]:
    """Browsers send two letters for each new line, of which people know but one."""
    return {"note": str(data.get("note", "")).replace("\r\n", "\n").replace("\r", "\n")}


def may_acknowledge(actor: Actor) -> bool:
    """Of those who may look back at its camera: members and owners."""
    return actor.kind == "user" and actor.role in (Role.OWNER, Role.MEMBER)


def acknowledge(actor: Actor, event: Event, note: str) -> None:
    """Write down that `actor` has seen to it; again: the note is changed. Raises Http404 when it is gone meanwhile."""
    with transaction.atomic():
        row = Event.objects.select_for_update().filter(pk=event.pk, delete_requested_at=None).first()
        if row is None:
            raise Http404("No such event.")
        before = _told(row)
        again = row.acknowledged_at is not None
        row.acknowledged_at, row.acknowledged_by, row.note = timezone.now(), actor.name, note
        row.save(update_fields=["acknowledged_at", "acknowledged_by", "note"])
        what = f"{'note of ' if again else ''}event {row.pk} of {row.camera_name or 'the house'}"
        ports.on_change(actor.name, f"{what} {'changed' if again else 'acknowledged'}", before, _told(row))


def _told(row: Event) -> dict[str, Any]:
    by = {"acknowledged by": row.acknowledged_by} if row.acknowledged_at else {}
    return by | ({"note": row.note} if row.note else {})
