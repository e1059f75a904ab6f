"""Whoever is sent a picture of an event stands in the log: once for what a page shows, once for each taken away."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from camera import keys, paths
from camera.models import Camera, Event, EventStill, Grant
from main.models import LogLine, ViewingSession
from tests.footage_cast import happened

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ClientOf = Callable[[User | None], Client]
JPEG = b"\xff\xd8picture\xff\xd9"


@pytest.fixture
def bob_looks_back(bob: User, yard: Camera) -> list[Grant]:
    return [Grant.objects.create(camera=yard, user=bob, right=right) for right in ("playback", "export")]


def pictured(camera: Camera, kind: str = "motion") -> Event:
    row = happened(camera, NOON, kind=kind)
    row.image = paths.event_picture(camera.slug, kind, NOON.timestamp(), row.uid)
    row.save(update_fields=["image"])
    path = Path(settings.MEDIA_ROOT, row.image)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(JPEG)
    return row


def looks() -> list[tuple[str, str, str]]:
    rows = ViewingSession.objects.order_by("pk").values_list("user_name", "transport", "footage")
    return [(name, transport, footage) for name, transport, footage in rows]


def test_a_page_full_of_pictures_is_one_look_and_each_taken_away_another(
    client_of: ClientOf, bob: User, yard: Camera, bob_looks_back: list[Grant]
) -> None:
    events = [pictured(yard) for _ in range(3)]
    client = client_of(bob)
    for event in events:
        assert client.get(f"/events/{event.pk}/image/").status_code == 200
    assert looks() == [("bob", "playback", "event")]
    assert client.get(f"/events/{events[0].pk}/image/?download=1").status_code == 200
    assert looks()[1:] == [("bob", "export", "event")]
    assert [line.what for line in LogLine.objects.order_by("pk")] == ["played", "exported"]
    page = client.get("/logs/").content.decode()
    assert "looked at pictures of events of" in page and "took away a picture of an event of" in page


def test_a_refused_or_missing_picture_is_no_look(client_of: ClientOf, bob: User, charlie: User, yard: Camera) -> None:
    event = pictured(yard)
    assert client_of(charlie).get(f"/events/{event.pk}/image/").status_code == 404
    Grant.objects.create(camera=yard, user=bob, right="playback")
    Path(settings.MEDIA_ROOT, event.image).unlink()
    assert client_of(bob).get(f"/events/{event.pk}/image/").status_code == 404
    assert looks() == []


def test_a_program_that_reads_flagged_pictures_by_its_key_is_named(yard: Camera) -> None:
    yard.kind = "push"
    yard.save(update_fields=["kind"])
    event = pictured(yard, "spill")
    still = EventStill.objects.create(
        event=event, uid=event.uid, captured_at=NOON, image=event.image, sha256="0" * 64, bytes=len(JPEG)
    )
    header = {"X-Camera-Auth": keys.issue(yard)}
    for _ in range(2):
        assert Client().get(f"/events/stills/{still.pk}/", headers=header).status_code == 200
    assert looks() == [("the program of yard", "playback", "event")]
