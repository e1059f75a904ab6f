"""Flagged pictures and acknowledgements: the page of one event, the list, and each picture by itself."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Role, User
from camera import keys
from camera.models import Camera, Event, EventStill, Grant, Right
from main.acknowledging import LONGEST_NOTE
from main.models import AuditEntry
from main.pages.event_stills import ON_A_PAGE
from tests.footage_cast import happened
from tests.live_house import DOT
from tests.spill_cast import PASSWORD, spill_camera, spilled

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = '"><img src=x onerror=alert(1)><script>x</script>{{7*7}}'


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.CAMERA_PASSWORD = PASSWORD
    return tmp_path


@pytest.fixture
def spill(alice: User) -> Camera:
    return spill_camera(alice)


@pytest.fixture
def bob_looks_back(bob: User, spill: Camera) -> Grant:
    return Grant.objects.create(camera=spill, user=bob, right=Right.PLAYBACK)


def text(client: Client, path: str) -> str:
    reply = client.get(path)
    assert reply.status_code == 200, (path, reply.status_code)
    return " ".join(reply.content.decode().split())


def body(reply: Any) -> bytes:
    async def collect() -> bytes:
        return b"".join([piece async for piece in reply.streaming_content])

    return asyncio.run(collect())


def acknowledged(client: Client, event: Event, note: str = "") -> int:
    return client.post(f"/events/{event.pk}/acknowledge/", {"note": note}).status_code


# One flagged picture


def test_a_flagged_picture_for_browsers_programs_and_its_sender(
    spill: Camera, alice: User, client_of: ClientOf
) -> None:
    still = spilled(spill, NOON).stills.get()
    secret = ApiToken.objects.issue(alice, "x")[1]
    path = f"/events/stills/{still.pk}/"
    for client, headers in (
        (client_of(alice), {}),
        (Client(), {"Authorization": f"Bearer {secret}"}),
        (Client(), {"X-Camera-Auth": PASSWORD}),
        (Client(), {"X-Camera-Auth": keys.issue(spill)}),
    ):
        reply = client.get(path, headers=headers)
        assert (reply.status_code, reply["Content-Type"]) == (200, "image/jpeg")
        assert hashlib.sha256(body(reply)).hexdigest() == still.sha256
        assert reply["Cache-Control"] == "private, no-store"
        assert client.get(path, headers=headers | {"If-None-Match": reply["ETag"]}).status_code == 304
    # The key may look, but the picture is the house's to give away.
    assert Client().get(path + "?download=1", headers={"X-Camera-Auth": PASSWORD}).status_code == 403
    saved = client_of(alice).get(path + "?download=1")
    assert saved["Content-Disposition"] == 'attachment; filename="spill spill 2026-03-01 12-00-00.jpg"'


def test_a_flagged_picture_is_nobody_elses(
    spill: Camera, yard: Camera, bob: User, charlie: User, client_of: ClientOf
) -> None:
    still = spilled(spill, NOON).stills.get()
    Grant.objects.create(camera=spill, user=bob, right=Right.WATCH)
    Camera.objects.filter(pk=yard.pk).update(kind="push")
    path = f"/events/stills/{still.pk}/"
    assert client_of(bob).get(path).status_code == 403
    assert client_of(charlie).get(path).status_code == 404
    assert Client().get(path, headers={"X-Camera-Auth": keys.issue(yard)}).status_code == 404
    for headers in ({}, {"X-Camera-Auth": "wrong"}, {"Authorization": "Bearer wrong"}):
        assert Client().get(path, headers=headers).status_code == 401
    Event.objects.update(delete_requested_at=NOON)
    assert Client().get(path, headers={"X-Camera-Auth": PASSWORD}).status_code == 404


def test_odd_rows_are_not_found(spill: Camera, media: Path, settings: Any) -> None:
    still = spilled(spill, NOON).stills.get()
    (media / "secret.jpg").write_bytes(b"secret")
    root = media / "media"
    root.mkdir()
    settings.MEDIA_ROOT = root
    (root / "link.jpg").symlink_to(media / "secret.jpg")
    for name in ("", "events/none.jpg", "../secret.jpg", "/etc/passwd", "link.jpg", "a\x00b", "."):
        EventStill.objects.update(image=name)
        reply = Client().get(f"/events/stills/{still.pk}/", headers={"X-Camera-Auth": PASSWORD})
        assert reply.status_code == 404, name
    assert Client().get("/events/stills/999999/", headers={"X-Camera-Auth": PASSWORD}).status_code == 404
    assert Client().get(f"/events/stills/{'9' * 30}/", headers={"X-Camera-Auth": PASSWORD}).status_code == 404


# The pages


def test_the_page_shows_every_flagged_picture_a_page_at_a_time(spill: Camera, alice: User, client_of: ClientOf) -> None:
    event = spilled(spill, *(NOON + timedelta(seconds=n) for n in range(ON_A_PAGE + 3)))
    client, pks = client_of(alice), [one.pk for one in event.stills.all()]
    for number, expected in (("1", pks[:ON_A_PAGE]), ("2", pks[ON_A_PAGE:]), ("99", pks[ON_A_PAGE:]), ("x", pks[:24])):
        reply = client.get(f"/events/{event.pk}/?stills={number}")
        assert [one.pk for one in reply.context["stills"]] == expected, number
    page = text(client, f"/events/{event.pk}/")
    assert "<bdi>Oil spill</bdi>" in page and f"{ON_A_PAGE + 3} pictures were flagged" in page
    assert page.count('loading="lazy"') == ON_A_PAGE
    assert "This goes on now" in page and "frames round what moved" not in page
    single = spilled(spill, NOON, ended_at=NOON)
    page = text(client, f"/events/{single.pk}/")
    assert "were flagged" not in page and "This goes on now" not in page


def test_an_open_spill_stands_out_in_the_list(spill: Camera, alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    event = spilled(spill, timezone.now())
    page = text(client, "/events/")
    assert "event-urgent" in page and "Now: </span><bdi>Oil spill</bdi>" in page and "not acknowledged yet" in page
    Event.objects.update(ended_at=timezone.now())
    assert "event-urgent" not in text(client, "/events/")
    assert acknowledged(client, event) == 302
    page = text(client, "/events/")
    assert "acknowledged by <bdi>alice</bdi>" in page and '"event-waits"' not in page


def test_the_live_page_tells_those_who_may_look_back(
    spill: Camera, alice: User, bob: User, client_of: ClientOf
) -> None:
    Grant.objects.create(camera=spill, user=bob, right=Right.WATCH)
    words = "An oil spill was going on when this page was opened"
    assert words not in text(client_of(alice), "/live/spill/")
    event = spilled(spill, NOON)
    page = text(client_of(alice), "/live/spill/")
    assert words in page and f'<a href="/events/{event.pk}/">See its pictures and acknowledge it</a>' in page
    assert words not in text(client_of(bob), "/live/spill/")
    Event.objects.update(ended_at=timezone.now())
    assert words not in text(client_of(alice), "/live/spill/")


def test_what_nobody_has_acknowledged_can_be_asked_for(
    spill: Camera, alice: User, client_of: ClientOf, yard: Camera
) -> None:
    client = client_of(alice)
    seen, waits = spilled(spill, NOON), spilled(spill, NOON + timedelta(hours=1))
    motion, ring = happened(yard, NOON), happened(yard, NOON - timedelta(hours=1), kind="ring")
    acknowledged(client, seen)

    def found(query: str) -> list[int]:
        return [one["card"].event.pk for one in client.get(f"/events/{query}").context["cards"]]

    assert found("?waits=1") == [waits.pk, ring.pk]
    assert found("?waits=1&kind=motion") == [motion.pk]
    assert found("?waits=1&camera=spill") == [waits.pk]
    assert found("?waits=2") == []
    assert '<a class="chip" href="?camera=spill&amp;waits=1">Not acknowledged</a>' in text(
        client, "/events/?camera=spill"
    )
    page = text(client, "/events/?waits=1&camera=spill")
    assert '<a class="chip chip-on" href="?camera=spill"><bdi>not acknowledged yet</bdi>' in page


def test_a_camera_that_was_away_reads_as_a_sentence(yard: Camera, alice: User, client_of: ClientOf) -> None:
    client, why = client_of(alice), "the camera does not answer"
    ended = NOON + timedelta(minutes=3)
    over = happened(yard, NOON, kind="camera_offline", label=why, ended_at=ended)
    for path in ("/events/", f"/events/{over.pk}/"):
        page = text(client, path)
        assert "<bdi>Camera offline</bdi>" in page
        assert f"<bdi>No pictures for 3 min: {why}.</bdi>" in page
        assert f"/events/{over.pk}/image/" not in page and "No recording shows" not in page
    now = happened(yard, timezone.now() - timedelta(minutes=5), kind="camera_offline", label="", ended_at=None)
    assert "<bdi>No pictures for 5 min already.</bdi>" in text(client, f"/events/{now.pk}/")


def test_the_api_tells_a_spill_as_the_contract_says(spill: Camera, alice: User, client_of: ClientOf) -> None:
    event = spilled(spill, NOON, NOON + timedelta(seconds=1), ended_at=NOON + timedelta(seconds=2))
    client = client_of(alice)
    acknowledged(client, event, "a note")
    (item,) = client.get("/api/v1/events?kind=spill").json()["items"]
    assert item == {
        "id": event.pk, "camera": "spill", "kind": "spill", "started_at": "2026-03-01T12:00:00.000000+00:00",
        "ended_at": "2026-03-01T12:00:02.000000+00:00", "score": 0.0, "label": "", "boxes": [],
        "image": f"/events/{event.pk}/image/", "recording": None,
    }  # fmt: skip
    assert body(client.get(item["image"])) == DOT + event.uid.encode()


# Acknowledging


def test_acknowledging_says_who_when_and_what(
    spill: Camera, alice: User, bob: User, bob_looks_back: Grant, client_of: ClientOf
) -> None:
    event = spilled(spill, NOON)
    changed = event.changed_at
    assert acknowledged(client_of(bob), event, "Barrier is out.\r\nHarbour master called.") == 302
    event.refresh_from_db()
    assert (event.acknowledged_by, event.note) == ("bob", "Barrier is out.\nHarbour master called.")
    assert event.acknowledged_at and timezone.now() - event.acknowledged_at < timedelta(seconds=5)
    assert event.changed_at == changed  # the engine's column
    page = text(client_of(alice), f"/events/{event.pk}/")
    assert "by <bdi>bob</bdi>" in page and "Barrier is out. Harbour master called.</bdi>" in page
    assert acknowledged(client_of(alice), event, "All clear.") == 302
    event.refresh_from_db()
    assert (event.acknowledged_by, event.note) == ("alice", "All clear.")
    entries = AuditEntry.objects.order_by("pk").values_list("actor", "what", "before", "after")
    assert list(entries) == [
        (
            "bob",
            f"event {event.pk} of Spill acknowledged",
            {},
            {"acknowledged by": "bob", "note": "Barrier is out.\nHarbour master called."},
        ),
        (
            "alice",
            f"note of event {event.pk} of Spill changed",
            {"acknowledged by": "bob", "note": "Barrier is out.\nHarbour master called."},
            {"acknowledged by": "alice", "note": "All clear."},
        ),
    ]


def test_who_may_acknowledge(
    spill: Camera, bob: User, charlie: User, bob_looks_back: Grant, alice: User, client_of: ClientOf
) -> None:
    event = spilled(spill, NOON)
    guest = User.objects.create_user("gail", role=Role.GUEST)
    Grant.objects.create(camera=spill, user=guest, right=Right.PLAYBACK)
    Grant.objects.create(camera=spill, user=charlie, right=Right.WATCH)
    stranger = User.objects.create_user("dora", role=Role.MEMBER)
    assert acknowledged(client_of(guest), event) == 403
    assert "acknowledge/" not in text(client_of(guest), f"/events/{event.pk}/")
    assert acknowledged(client_of(charlie), event) == 403
    assert acknowledged(client_of(stranger), event) == 404
    assert acknowledged(client_of(None), event) == 302  # to the log-in
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(alice)
    assert acknowledged(forged, event) == 403
    event.refresh_from_db()
    assert event.acknowledged_at is None and not AuditEntry.objects.exists()
    motion = happened(spill, NOON)
    assert acknowledged(client_of(bob), motion) == 302  # any kind
    Event.objects.update(delete_requested_at=NOON)
    assert acknowledged(client_of(alice), event) == 404
    assert client_of(alice).get(f"/events/{event.pk}/acknowledge/").status_code == 405


def test_notes_are_only_words(spill: Camera, alice: User, client_of: ClientOf) -> None:
    event, client = spilled(spill, NOON), client_of(alice)
    for wrong in ("x" * (LONGEST_NOTE + 1), "a\x00b", "a\x1bb", "a\x85b"):
        reply = client.post(f"/events/{event.pk}/acknowledge/", {"note": wrong})
        assert reply.status_code == 400 and b"invalid-feedback" in reply.content, wrong
    event.refresh_from_db()
    assert event.acknowledged_at is None
    # A line break is one letter, as people count.
    assert acknowledged(client, event, "\r\n".join(["x" * 9] * 50)) == 302
    assert acknowledged(client, event, EVIL + "👨\u200d👩\u200d👧" * 50) == 302
    page = text(client, f"/events/{event.pk}/")
    assert "onerror=alert" in page and "<img src=x" not in page and "<script>x" not in page
