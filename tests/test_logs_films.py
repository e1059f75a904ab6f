"""What the log tells of recordings: of a viewing that was recorded, and of somebody looking back or downloading."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Grant, Recording
from main import middleware
from main.viewings import names_watching
from main.wiring import watched_cameras
from tests.footage_cast import looked, recorded

ClientOf = Callable[[User | None], Client]


@pytest.fixture(autouse=True)
def _zone_is_read_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware.HouseTime, "_zone", (float("-inf"), "UTC"))


@pytest.fixture
def at() -> datetime:
    return datetime(2026, 5, 4, 12, tzinfo=UTC)


def lines(client: Client, query: str = "") -> list[str]:
    """Each entry of the log as read, its links included."""
    page = client.get(f"/logs/{query}").content.decode()
    found = re.findall(r'<li id="v\d+">(.*?)</li>\s*(?=<li id="v|</ul>)', page, re.S)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", one)).strip() for one in found]


def hrefs(client: Client) -> list[str]:
    return re.findall(r'href="(/recordings/[^"]*[?/][^"]*)"', client.get("/logs/").content.decode())


def test_a_recorded_viewing_says_so_and_leads_there(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, at: datetime
) -> None:
    looked(bob, yard, at, 600)
    first = recorded(yard, at - timedelta(seconds=30), 60)
    films = [recorded(yard, at + timedelta(minutes=n)) for n in range(1, 6)]
    (line,) = lines(client_of(alice))
    assert line.startswith(
        "bob watched Yard for 10 min with Firefox on Android, Mon 4 May 12:00 — recorded Watch 12:00:00 Download"
    )
    assert "Watch 12:01:00" in line and "Watch 12:02:00" in line and "12:03:00" not in line and "and 3 more" in line
    links = hrefs(client_of(alice))
    assert f"/recordings/{first.pk}/?t=30" in links and f"/recordings/{films[0].pk}/download/" in links
    assert "/recordings/?camera=yard&amp;day=2026-05-04" in links


def test_an_unrecorded_viewing_says_nothing_of_it(client_of: ClientOf, bob: User, yard: Camera, at: datetime) -> None:
    looked(bob, yard, at)
    recorded(yard, at, delete_requested_at=at)
    (line,) = lines(client_of(bob))
    assert "recorded" not in line and hrefs(client_of(bob)) == []


def test_links_are_for_those_who_may_follow_them(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant, at: datetime
) -> None:
    looked(bob, yard, at)
    film = recorded(yard, at)
    assert "— recorded" in lines(client_of(bob))[0]  # of what concerns oneself one is told in any case
    assert hrefs(client_of(bob)) == []
    Grant.objects.create(camera=yard, user=bob, right="playback")
    assert hrefs(client_of(bob)) == [f"/recordings/{film.pk}/"]
    Grant.objects.create(camera=yard, user=bob, right="export")
    assert hrefs(client_of(bob)) == [f"/recordings/{film.pk}/", f"/recordings/{film.pk}/download/"]


def test_looking_back_and_downloading_are_sentences_of_their_own(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, at: datetime
) -> None:
    film = recorded(yard, at)
    for n, transport in enumerate(("playback", "export")):
        looked(bob, yard, at + timedelta(hours=n), 0, transport=transport, recording=film, footage_at=at, device="")
    exported, played = lines(client_of(alice))
    assert played.startswith("bob looked back at Yard, Mon 4 May 12:00 — the recording of Mon 4 May 12:00")
    assert exported.startswith("bob downloaded Yard, Mon 4 May 13:00 — the recording of Mon 4 May 12:00")
    assert "Watch 12:00:00" in played and "recorded" not in played
    assert lines(client_of(bob))[1].startswith("You looked back at Yard")
    Recording.objects.all().delete()
    assert "the recording of Mon 4 May 12:00, deleted since" in lines(client_of(alice))[1]


def test_deleted_entries_are_gone_from_every_view(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, at: datetime
) -> None:
    looked(bob, yard, at, hidden_at=at)
    for query in ("", "?view=table", "?user=bob", "?camera=yard", "?from=2026-05-04"):
        page = client_of(alice).get(f"/logs/{query}").content.decode()
        assert 'id="v' not in page and '<option value="bob">' not in page


def test_filters_keep_working_beside_recordings(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, at: datetime
) -> None:
    for day in range(3):
        looked(bob, yard, at + timedelta(days=day))
        recorded(yard, at + timedelta(days=day))
    (line,) = lines(client_of(alice), "?from=2026-05-05&to=2026-05-05&user=bob&camera=yard")
    assert "Tue 5 May 12:00 — recorded" in line
    table = client_of(alice).get("/logs/?view=table").content.decode()
    assert table.count(">12:00:00</a>") == 3


@pytest.mark.usefixtures("zone_held")
def test_a_full_page_costs_two_more_queries(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant, at: datetime
) -> None:
    client = client_of(bob)
    looked(bob, yard, at)
    client.get("/logs/")
    with CaptureQueriesContext(connection) as without:
        client.get("/logs/")
    for n in range(120):
        looked(bob, yard, at + timedelta(hours=n), 600)
        for minute in range(3):
            recorded(yard, at + timedelta(hours=n, minutes=minute))
    Grant.objects.create(camera=yard, user=bob, right="playback")
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/logs/").content.decode()
    assert page.count("— recorded") == 100 and page.count(">Watch ") == 300
    assert len(asked) <= len(without) + 1  # what the reader may follow; the recordings are one query in any case


def test_somebody_who_only_looked_back_is_watching_nothing(bob: User, yard: Camera) -> None:
    now = timezone.now()
    film = recorded(yard, now - timedelta(hours=1))
    looked(bob, yard, now, 0, transport="playback", recording=film, footage_at=film.started_at, counts=False)
    assert names_watching([yard.pk]) == {yard.pk: []} and watched_cameras() == set()
