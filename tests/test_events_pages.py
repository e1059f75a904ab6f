"""The pages of events: the list with its filters, one event, and its picture."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as house_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiToken, User
from camera import paths
from camera.models import Camera, Event, Grant, Right
from main.models import AuditEntry
from main.pages.events import ON_A_PAGE
from tests.footage_cast import happened, recorded
from tests.live_house import DOT

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = '"><img src=x onerror=alert(1)><script>x</script>{{7*7}}'


@pytest.fixture
def bob_looks_back(bob: User, yard: Camera) -> Grant:
    return Grant.objects.create(camera=yard, user=bob, right=Right.PLAYBACK)


@pytest.fixture
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def pictured(camera: Camera, at: datetime = NOON, **values: Any) -> Event:
    """An event with both its pictures on the disk."""
    row = happened(camera, at, **values)
    for field, clean in (("image", False), ("clean_image", True)):
        name = paths.event_picture(camera.slug, row.kind, at.timestamp(), row.uid, clean=clean)
        setattr(row, field, name)
        path = Path(house_settings.MEDIA_ROOT) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DOT + field.encode())
    row.save(update_fields=["image", "clean_image"])
    return row


def text(client: Client, path: str) -> str:
    reply = client.get(path)
    assert reply.status_code == 200, (path, reply.status_code)
    return " ".join(reply.content.decode().split())


def ids(client: Client, query: str = "") -> list[int]:
    reply = client.get(f"/events/{query}")
    assert reply.status_code == 200
    return [one["card"].event.pk for one in reply.context["cards"]]


def test_an_event_stands_in_the_list_with_what_people_ask_about(client_of: ClientOf, alice: User, yard: Camera) -> None:
    now = timezone.now()
    recording = recorded(yard, now - timedelta(minutes=10))
    happened(yard, now - timedelta(minutes=5), recording, score=0.9)
    happened(yard, now - timedelta(minutes=1), ended_at=None, kind="person", score=0.2)
    page = text(client_of(alice), "/events/")
    assert page.index("Person") < page.index("<bdi>Motion</bdi>")
    assert "still going on" in page
    assert "for 8 s" in page
    assert ">large<" in page and ">faint<" in page
    # From five seconds before.
    assert f'href="/recordings/{recording.pk}/?t=295"' in page
    assert "data-relative" in page


def test_filters_are_addresses(client_of: ClientOf, alice: User, yard: Camera) -> None:
    porch = Camera.objects.create(name="Porch", slug="porch", kind="pattern", keeper=alice)
    early = happened(yard, NOON - timedelta(days=3), kind="person")
    late = happened(porch, NOON)
    client = client_of(alice)
    assert ids(client) == [late.pk, early.pk]
    assert ids(client, "?camera=yard") == [early.pk]
    assert ids(client, "?kind=motion") == [late.pk]
    assert ids(client, "?from=2026-03-01&to=2026-03-01") == [late.pk]
    assert ids(client, "?to=2026-02-28") == [early.pk]
    page = text(client, "/events/?camera=yard&kind=person&from=2026-01-01")
    for words, url in (("of Yard", "?kind=person&amp;from=2026-01-01"), ("Person", "?camera=yard&amp;from=2026-01-01")):
        assert f'<a class="chip chip-on" href="{url}"><bdi>{words}</bdi>' in page
    for wrong in ("?camera=nowhere", "?kind=ghost", "?from=soon", "?from=2026-03-02&to=2026-03-01"):
        assert ids(client, wrong) == []
        assert "Nothing is shown until the filter is right" in text(client, f"/events/{wrong}")


@pytest.mark.faults
def test_odd_addresses_break_nothing(client_of: ClientOf, alice: User, yard: Camera) -> None:
    happened(yard, NOON)
    client = client_of(alice)
    for value in (
        "-",
        "x-1",
        "9" * 400,
        "1-" + "9" * 30,
        "٣-١",
        "\x00",
        "\ud800",
        "😀" * 50,
        "<script>",
        "1-1",
        "--",
        "²-²",
    ):
        odd = value.encode("utf-8", "surrogatepass")
        for name in ("before", "camera", "kind", "from", "to", "part", "x"):
            reply = client.get("/events/", {name: odd})
            assert reply.status_code == 200, (name, value)
            assert "<script>" not in reply.content.decode(), (name, value)


def test_older_pages_go_on_where_the_last_ended(client_of: ClientOf, alice: User, yard: Camera) -> None:
    rows = [happened(yard, NOON + timedelta(seconds=n // 30)) for n in range(ON_A_PAGE * 2 + 5)]
    client, seen, query = client_of(alice), list[int](), ""
    for _ in range(4):
        reply = client.get(f"/events/{query}")
        seen += [one["card"].event.pk for one in reply.context["cards"]]
        happened(yard, NOON + timedelta(hours=1))  # shifts nothing
        query = reply.context["older"]
        if not query:
            break
    assert seen == [row.pk for row in reversed(rows)]


@pytest.mark.usefixtures("zone_held")
@pytest.mark.slow
def test_ten_thousand_events_cost_no_more_queries_than_one(
    client_of: ClientOf, alice: User, bob: User, bob_looks_back: Grant, yard: Camera
) -> None:
    def queries(user: User) -> tuple[int, str]:
        client = client_of(user)
        with CaptureQueriesContext(connection) as found:
            assert client.get("/events/").status_code == 200
        own = [one["sql"] for one in found if '"camera_' in one["sql"]]
        return len(own), next(sql for sql in own if 'ORDER BY "camera_event"' in sql and "LIMIT 49" in sql)

    happened(yard, NOON, recorded(yard, NOON))
    before = {user: queries(user)[0] for user in (alice, bob)}
    Event.objects.bulk_create(
        Event(camera=yard, camera_name="Yard", camera_slug="yard", uid=f"{n:08x}", kind="motion",
              started_at=NOON + timedelta(minutes=n), changed_at=NOON)
        for n in range(10_000)
    )  # fmt: skip
    for user in (alice, bob):
        count, listing = queries(user)
        assert count <= before[user], user
        assert "LIMIT" in listing
    with connection.cursor() as cursor:
        for user in (alice, bob):
            cursor.execute("EXPLAIN QUERY PLAN " + queries(user)[1])
            # The newest are read by their order, not all of them sorted.
            assert "TEMP B-TREE" not in str(cursor.fetchall()), user


def test_a_stranger_learns_nothing(
    client_of: ClientOf, charlie: User, bob: User, yard: Camera, bob_watches: Grant, media: Path
) -> None:
    row = pictured(yard)
    for path in (f"/events/{row.pk}/", f"/events/{row.pk}/image/", f"/events/{row.pk}/?part=card"):
        assert client_of(charlie).get(path).status_code == 404
        assert client_of(bob).get(path).status_code == 403  # may watch, not look back
    for user in (charlie, bob):
        page = text(client_of(user), "/events/")
        assert "Yard" not in page.split("<main")[1]
        assert "No camera's past is shared with you" in page
    assert ids(client_of(charlie), "?camera=yard") == []
    assert client_of(charlie).post(f"/events/{row.pk}/", {"act": "delete"}).status_code == 404


def test_empty_pages_teach(client_of: ClientOf, alice: User) -> None:
    client = client_of(alice)
    assert "Add a camera" in text(client, "/events/")
    Camera.objects.create(name="Blind", slug="blind", kind="pattern", keeper=alice, detect="off")
    page = text(client, "/events/")
    assert "Nothing has moved yet" in page
    assert "does not look for motion on <bdi>Blind</bdi>" in page
    assert "Nothing like this has happened" in text(client, "/events/?kind=ring")


def test_names_are_only_words(client_of: ClientOf, alice: User, yard: Camera, media: Path) -> None:
    Camera.objects.filter(pk=yard.pk).update(name=EVIL)
    row = happened(yard, NOON, label=EVIL, image="events/x.jpg", camera_name=EVIL)
    for path in ("/events/", "/events/?camera=yard", f"/events/{row.pk}/", f"/events/{row.pk}/?part=card"):
        page = text(client_of(alice), path)
        assert "onerror=alert" in page
        assert "<img src=x" not in page
        assert "<script>x" not in page


def test_a_card_is_given_only_where_the_filter_wants_it(client_of: ClientOf, alice: User, yard: Camera) -> None:
    row = happened(yard, NOON)
    client = client_of(alice)
    for query in ("", "camera=yard", "kind=motion&from=2026-03-01"):
        card = text(client, f"/events/{row.pk}/?part=card&{query}")
        assert card.startswith("<li") and f'data-event="{row.pk}"' in card
    for query in ("camera=nowhere", "kind=ring", "to=2026-02-01"):
        assert client.get(f"/events/{row.pk}/?part=card&{query}").status_code == 204
    assert text(client, "/events/?part=list").startswith("<li")


def test_the_page_of_one_event_leads_on(client_of: ClientOf, alice: User, yard: Camera, media: Path) -> None:
    porch = Camera.objects.create(name="Porch", slug="porch", kind="pattern", keeper=alice)
    first, same = pictured(yard, NOON - timedelta(minutes=1)), pictured(yard)
    row, last = pictured(yard, NOON), pictured(yard, NOON + timedelta(minutes=1))
    happened(porch, NOON)
    reply = client_of(alice).get(f"/events/{row.pk}/")
    assert (reply.context["earlier"], reply.context["later"]) == (same, last)
    assert client_of(alice).get(f"/events/{first.pk}/").context["earlier"] is None
    page = " ".join(reply.content.decode().split())
    assert f"/events/{row.pk}/image/?clean=1" in page
    assert "No recording shows this moment" in page
    assert "Download the picture" in page and "Delete event" in page


def test_rights_decide_what_the_page_offers(
    client_of: ClientOf, bob: User, bob_looks_back: Grant, yard: Camera, media: Path
) -> None:
    row = pictured(yard)
    client = client_of(bob)
    page = text(client, f"/events/{row.pk}/")
    assert not any(words in page for words in ("Download", "Delete event", "Live now"))
    assert client.get(f"/events/{row.pk}/image/?download=1").status_code == 403
    assert client.post(f"/events/{row.pk}/", {"act": "delete"}).status_code == 403
    for right in (Right.EXPORT, Right.WATCH):
        Grant.objects.create(camera=yard, user=bob, right=right)
    page = text(client, f"/events/{row.pk}/")
    assert "Download the picture" in page and "Live now" in page and "Delete event" not in page
    assert client.get(f"/events/{row.pk}/image/?download=1")["Content-Disposition"].startswith("attachment")


def test_deleting_takes_it_from_every_page_at_once(client_of: ClientOf, alice: User, yard: Camera, media: Path) -> None:
    row = pictured(yard)
    client = client_of(alice)
    assert client.post(f"/events/{row.pk}/", {"act": "look"}).status_code == 302
    assert Event.objects.get().delete_requested_at is None
    assert client.post(f"/events/{row.pk}/", {"act": "delete"})["Location"] == "/events/"
    assert Event.objects.get().delete_requested_at is not None
    assert client.post(f"/events/{row.pk}/", {"act": "delete"}).status_code == 404
    for path in (f"/events/{row.pk}/", f"/events/{row.pk}/image/"):
        assert client.get(path).status_code == 404
    assert ids(client) == []
    assert AuditEntry.objects.filter(actor="alice", what=f"event {row.pk} of Yard deleted").count() == 1
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(alice)
    assert forged.post(f"/events/{happened(yard, NOON).pk}/", {"act": "delete"}).status_code == 403


def body(reply: Any) -> bytes:
    async def collect() -> bytes:
        return b"".join([piece async for piece in reply.streaming_content])

    return asyncio.run(collect())


def test_the_picture_for_browsers_and_programs(client_of: ClientOf, alice: User, yard: Camera, media: Path) -> None:
    row = pictured(yard)
    secret = ApiToken.objects.issue(alice, "x")[1]
    path = f"/events/{row.pk}/image/"
    for client, headers in ((client_of(alice), {}), (Client(), {"Authorization": f"Bearer {secret}"})):
        reply = client.get(path, headers=headers)
        assert (reply.status_code, reply["Content-Type"], body(reply)) == (200, "image/jpeg", DOT + b"image")
        assert body(client.get(path + "?clean=1", headers=headers)) == DOT + b"clean_image"
        assert reply["X-Content-Type-Options"] == "nosniff"
    assert Client().get(path).status_code == 401
    assert Client().get(path, headers={"Authorization": "Bearer x"}).status_code == 401


def test_a_picture_that_is_not_there_or_leads_elsewhere_is_not_found(
    client_of: ClientOf, alice: User, yard: Camera, media: Path
) -> None:
    (media / "secret.jpg").write_bytes(b"secret")
    root = media / "media"
    root.mkdir()
    house_settings.MEDIA_ROOT = root
    (root / "link.jpg").symlink_to(media / "secret.jpg")
    for name in ("", "events/none.jpg", "../secret.jpg", "/etc/passwd", "link.jpg", "a\x00b", "."):
        row = happened(yard, NOON, image=name)
        assert client_of(alice).get(f"/events/{row.pk}/image/").status_code == 404, name


def test_the_houses_own_events_are_told_to_owners_in_words(
    client_of: ClientOf, alice: User, bob: User, bob_looks_back: Grant
) -> None:
    row = Event.objects.create(uid="0000beef", kind="system", label="disk_low", started_at=NOON, changed_at=NOON)
    assert "The disk is nearly full" in text(client_of(alice), "/events/")
    page = text(client_of(alice), f"/events/{row.pk}/")
    assert "choose another folder" in page.split("<main")[1]
    assert "disk is nearly full" not in text(client_of(bob), "/events/")
    assert client_of(bob).get(f"/events/{row.pk}/").status_code == 404
