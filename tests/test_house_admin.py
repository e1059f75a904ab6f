"""Footage in the admin site: found, linked, marked and deleted after being asked; a camera's recording fields."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME as BOX
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Event, Recording
from main.models import AuditEntry
from tests.footage_cast import happened, recorded
from tests.test_admin import camera_fields, page_of

pytestmark = pytest.mark.django_db
RECORDINGS, EVENTS = "/admin/camera/recording/", "/admin/camera/event/"


@pytest.fixture
def owner(alice: User, client_of: Any) -> Client:
    return client_of(alice)  # type: ignore[no-any-return]


@pytest.fixture
def rows(yard: Camera) -> list[Recording]:
    now, gate = timezone.now(), Camera.objects.create(name="Gate", slug="gate", kind="pattern")
    made = [
        recorded(yard, now - timedelta(hours=1), thumbnail=True, bytes=84_000_000, seconds=62),
        recorded(yard, now - timedelta(hours=2), kept_at=now, kept_by="bob"),
        recorded(gate, now - timedelta(hours=3), state="interrupted", trigger="always"),
    ]
    happened(yard, now - timedelta(hours=1), made[0], image="events/yard/x.jpg", score=0.83)
    return made


def found(client: Client, path: str) -> set[int]:
    page = client.get(path)
    assert page.status_code == 200
    return {row.pk for row in page.context["cl"].result_list}


def text(reply: Any) -> str:
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", reply.content.decode()))


def test_recordings_are_searched_and_filtered(owner: Client, rows: list[Recording]) -> None:
    yard, kept, gate = (row.pk for row in rows)
    assert found(owner, RECORDINGS) == {yard, kept, gate}
    assert found(owner, f"{RECORDINGS}?q=gate") == found(owner, f"{RECORDINGS}?q={rows[2].uid}") == {gate}
    assert found(owner, f"{RECORDINGS}?kept=yes") == {kept} and found(owner, f"{RECORDINGS}?kept=no") == {yard, gate}
    assert found(owner, f"{RECORDINGS}?state__exact=interrupted") == {gate}
    assert found(owner, f"{RECORDINGS}?trigger__exact=always") == {gate}
    assert found(owner, f"{EVENTS}?recording__id__exact={yard}") == set(Event.objects.values_list("pk", flat=True))
    year = timezone.now().year
    assert found(owner, f"{RECORDINGS}?started_at__year={year - 2}") == set()
    assert 'class="toplinks"' in owner.get(RECORDINGS).content.decode()


def test_rows_tell_size_and_length_and_lead_on(owner: Client, rows: list[Recording]) -> None:
    row, page = rows[0], owner.get(RECORDINGS).content.decode()
    assert "84 MB" in page and "62 s" in page
    assert f'<img src="/recordings/{row.pk}/thumbnail/"' in page
    for to in (
        f"/recordings/{row.pk}/",
        f"{EVENTS}?recording__id__exact={row.pk}",
        page_of(Camera, "change", row.camera_id),
    ):
        assert f'href="{to}"' in page
    event = Event.objects.get()
    page = owner.get(EVENTS).content.decode()
    assert f'<img src="/events/{event.pk}/image/"' in page and "83%" in page
    assert f'href="{page_of(Recording, "change", row.pk)}"' in page and f'href="/events/{event.pk}/"' in page
    camera = owner.get(page_of(Camera, "change", row.camera_id)).content.decode()
    assert f"{RECORDINGS}?camera__id__exact={row.camera_id}" in camera and "/recordings/?camera=yard" in camera


def test_a_camera_that_has_gone_leaves_its_name(owner: Client, rows: list[Recording]) -> None:
    Recording.objects.update(camera=None)
    assert "Yard" in owner.get(RECORDINGS).content.decode()
    assert "Yard" in owner.get(page_of(Recording, "change", rows[0].pk)).content.decode()


def test_what_is_about_to_be_deleted_is_not_there(owner: Client, rows: list[Recording]) -> None:
    Recording.objects.filter(pk=rows[0].pk).update(delete_requested_at=timezone.now())
    assert rows[0].pk not in found(owner, RECORDINGS)
    assert owner.get(page_of(Recording, "change", rows[0].pk)).status_code == 302
    assert f"/recording/{rows[0].pk}/" not in owner.get(EVENTS).content.decode()


@pytest.mark.parametrize("model", [Recording, Event])
def test_rows_are_not_changed_by_hand(owner: Client, rows: list[Recording], model: Any) -> None:
    row = model.objects.first()
    before = list(model.objects.order_by("pk").values())
    assert owner.get(page_of(model, "add")).status_code == 403
    assert owner.post(page_of(model, "change", row.pk), {"camera_name": "mallory"}).status_code == 403
    assert owner.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    owner.post(page_of(model, "changelist"), {"action": "delete_selected", BOX: [row.pk], "post": "yes"})
    assert list(model.objects.order_by("pk").values()) == before


def test_keeping_and_no_longer(owner: Client, rows: list[Recording]) -> None:
    every = [row.pk for row in rows]
    owner.post(RECORDINGS, {"action": "keep", BOX: every})
    assert set(Recording.objects.values_list("kept_by", flat=True)) == {"alice", "bob"}
    assert not Recording.objects.filter(kept_at=None).exists()
    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor, entry.what) == ("alice", "2 recordings kept")
    assert entry.after["recordings"] == sorted({rows[0].pk, rows[2].pk})
    owner.post(RECORDINGS, {"action": "stop_keeping", BOX: every})
    assert not Recording.objects.exclude(kept_at=None).exists() and not Recording.objects.exclude(kept_by="").exists()
    owner.post(RECORDINGS, {"action": "stop_keeping", BOX: every})
    assert AuditEntry.objects.count() == 2


def test_deleting_recordings_asks_first(owner: Client, rows: list[Recording]) -> None:
    chosen = {"action": "delete_recordings", BOX: [rows[0].pk, rows[1].pk]}
    asked = owner.post(RECORDINGS, chosen)
    assert "2 recordings, 84 MB; 1 of them marked as kept" in text(asked) and "Stays:" in text(asked)
    assert not Recording.objects.exclude(delete_requested_at=None).exists() and not AuditEntry.objects.exists()
    done = owner.post(RECORDINGS, chosen | {"post": "yes"}, follow=True)
    assert "2 recordings deleted." in text(done)
    gone = Recording.objects.exclude(delete_requested_at=None)
    assert {row.pk for row in gone} == {rows[0].pk, rows[1].pk} and AuditEntry.objects.get().actor == "alice"


def test_deleting_events_asks_first_and_leaves_the_recordings(owner: Client, rows: list[Recording]) -> None:
    chosen = {"action": "delete_events", BOX: [Event.objects.get().pk]}
    assert "1 event, pictures and all" in text(owner.post(EVENTS, chosen))
    assert Event.objects.get().delete_requested_at is None
    owner.post(EVENTS, chosen | {"post": "yes"})
    assert Event.objects.get().delete_requested_at is not None and AuditEntry.objects.get().what == "1 event deleted"
    assert not Recording.objects.exclude(delete_requested_at=None).exists()


def test_more_than_a_form_carries_is_refused_in_words(
    owner: Client, rows: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("main.footage_actions.MOST", 2)
    chosen = {"action": "delete_recordings", BOX: [row.pk for row in rows]}
    assert "At most 2 at once" in text(owner.post(RECORDINGS, chosen, follow=True))
    assert not Recording.objects.exclude(delete_requested_at=None).exists()


@pytest.mark.parametrize("action", ["keep", "stop_keeping", "delete_recordings"])
def test_actions_are_the_owners(action: str, bob: User, client_of: Any, rows: list[Recording]) -> None:
    before = list(Recording.objects.order_by("pk").values())
    reply = client_of(bob).post(RECORDINGS, {"action": action, BOX: [row.pk for row in rows], "post": "yes"})
    assert reply.status_code in (302, 403) and list(Recording.objects.order_by("pk").values()) == before


def test_a_cameras_recording_fields_are_changed_here_too(owner: Client, yard: Camera) -> None:
    path = page_of(Camera, "change", yard.pk)
    own = {
        "source": "pattern:",
        "record": "motion",
        "pre_roll": "3",
        "days_kept": "2",
        "sensitivity": "70",
        "audio": "on",
    }
    assert owner.post(path, camera_fields(**own)).status_code == 302
    yard.refresh_from_db()
    assert (yard.record, yard.pre_roll, yard.post_roll, yard.days_kept) == ("motion", 3, None, 2)
    assert (yard.sensitivity, yard.audio, yard.version) == (70, True, 2)
    entry = AuditEntry.objects.get()
    assert (entry.before["record"], entry.after["record"], entry.after["days_kept"]) == ("", "motion", 2)
    assert owner.post(path, camera_fields(source="pattern:", sensitivity="0")).status_code == 200


def test_deleting_a_camera_tells_of_its_footage_and_stops_at_kept_ones(owner: Client, rows: list[Recording]) -> None:
    yard = rows[0].camera
    assert yard is not None
    path = page_of(Camera, "delete", yard.pk)
    assert "1 recording of Yard marked as kept" in text(owner.get(path))
    owner.post(path, {"post": "yes"})
    owner.post(page_of(Camera, "changelist"), {"action": "delete_selected", BOX: [yard.pk], "post": "yes"})
    assert (
        Camera.objects.filter(pk=yard.pk).exists() and not Recording.objects.exclude(delete_requested_at=None).exists()
    )
    Recording.objects.update(kept_at=None)
    assert "Yard: 2 recordings (84 MB) and 1 event" in text(owner.get(path))
    assert owner.post(path, {"post": "yes"}).status_code == 302
    assert not Camera.objects.filter(pk=yard.pk).exists()
    marked = Recording.objects.exclude(delete_requested_at=None)
    assert {row.pk for row in marked} == {
        rows[0].pk,
        rows[1].pk,
    } and Event.objects.get().delete_requested_at is not None
    assert AuditEntry.objects.get().before["footage"] == "2 recordings (84 MB) and 1 event"
