"""Flagged pictures, hours and time-lapses in the admin site: read-only, and deleted by a mark for the engine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Event, EventStill, HourUsage, Recording, TimeLapse
from main.models import AuditEntry
from tests.keeping_house import event, hour_of_stills, storage_at
from tests.test_stills_retention import flagged, timelapse

MODELS = (EventStill, HourUsage, TimeLapse)


@pytest.fixture
def owner(alice: User, client_of: Any) -> Client:
    return client_of(alice)  # type: ignore[no-any-return]


@pytest.fixture
def media(tmp_path: Path, settings: Any, yard: Camera) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    storage_at(tmp_path / "media")
    hour_of_stills(yard, tmp_path / "media", age=3)
    timelapse(yard, tmp_path / "media")
    flagged(event(yard, tmp_path / "media", kind="spill"), tmp_path / "media", 7, datetime.now(UTC))
    return tmp_path / "media"


def page_of(model: Any, what: str, pk: int | None = None) -> str:
    return reverse(f"admin:camera_{model._meta.model_name}_{what}", args=[pk] if pk is not None else [])


def act(owner: Client, model: Any, action: str, pk: int, **more: str) -> str:
    data = {"action": action, "_selected_action": [str(pk)], **more}
    return owner.post(page_of(model, "changelist"), data, follow=True).content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_they_are_read_only(owner: Client, media: Path, model: Any) -> None:
    row = model.objects.get()
    assert owner.get(page_of(model, "add")).status_code == 403
    assert owner.post(page_of(model, "change", row.pk), {"bytes": "1"}).status_code == 403
    assert owner.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert "yard" in owner.get(page_of(model, "changelist"), {"q": "yard"}).content.decode().lower()
    assert 'class="field-' not in owner.get(page_of(model, "changelist"), {"q": "zebra"}).content.decode()


def test_hours_of_stills_are_marked_after_being_asked(owner: Client, media: Path) -> None:
    row = HourUsage.objects.get()
    assert "/snapshots/yard/" in owner.get(page_of(HourUsage, "changelist")).content.decode()
    asked = act(owner, HourUsage, "delete_stills", row.pk)
    assert "3 stills, 300 B" in asked and HourUsage.objects.get().delete_requested_at is None
    assert "1 hour of stills deleted." in act(owner, HourUsage, "delete_stills", row.pk, post="yes")
    assert HourUsage.objects.get().delete_requested_at is not None
    assert AuditEntry.objects.get().before == {"hours of stills": [row.pk]}
    assert "/snapshots/yard/" not in owner.get(page_of(HourUsage, "changelist")).content.decode()


def test_rows_that_only_count_are_not_deleted(owner: Client, media: Path) -> None:
    HourUsage.objects.update(kind="recordings")
    said = act(owner, HourUsage, "delete_stills", HourUsage.objects.get().pk, post="yes")
    assert "the other rows only count" in said and HourUsage.objects.get().delete_requested_at is None


def test_time_lapses_and_flagged_pictures_with_their_event(owner: Client, media: Path) -> None:
    assert "1 time-lapse deleted." in act(owner, TimeLapse, "delete_timelapses", TimeLapse.objects.get().pk, post="yes")
    still = EventStill.objects.get()
    assert "1 event with all their pictures" in act(owner, EventStill, "delete_events_of", still.pk)
    assert "1 event deleted." in act(owner, EventStill, "delete_events_of", still.pk, post="yes")
    assert TimeLapse.objects.get().delete_requested_at and Event.objects.get().delete_requested_at
    assert AuditEntry.objects.count() == 2


def test_a_cameras_key_is_told_by_its_age_alone(owner: Client, yard: Camera) -> None:
    path = reverse("admin:camera_camera_change", args=[yard.pk])
    assert "stills_every" in owner.get(path).content.decode()
    Camera.objects.filter(pk=yard.pk).update(key_digest="d1" * 32, key_made_at=timezone.now() - timedelta(days=1))
    page = owner.get(path).content.decode()
    assert f"since {timezone.localtime() - timedelta(days=1):%Y-%m-%d}" in page and "d1d1" not in page


def test_times_in_names_are_by_the_houses_clock() -> None:
    at = datetime(2026, 11, 20, 23, tzinfo=UTC)
    seen = Event(kind="spill", camera_name="Yard", started_at=at)
    shown = (Recording(camera_name="Yard", started_at=at), seen, EventStill(event=seen, captured_at=at))
    with timezone.override("Europe/Berlin"):
        for one in (*shown, HourUsage(camera_slug="yard", hour=at)):
            assert "2026-11-21 00:00" in str(one)
