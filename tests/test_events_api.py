"""API v1 of what is remembered: events, recordings and viewings as the contract has them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from camera.models import Camera, Event, Grant, Recording, Right
from main.api.paging import PAGE
from tests.footage_cast import happened, looked, recorded

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def bob_looks_back(bob: User, yard: Camera) -> Grant:
    return Grant.objects.create(camera=yard, user=bob, right=Right.PLAYBACK)


def house_event(at: datetime = NOON, label: str = "disk_low") -> Event:
    return Event.objects.create(uid="0000beef", kind="system", label=label, started_at=at, changed_at=at)


def items(client: Client, path: str) -> list[dict[str, Any]]:
    reply = client.get(f"/api/v1/{path}")
    assert reply.status_code == 200, reply.content
    assert list(reply.json()) == ["items", "next"]
    return list(reply.json()["items"])


def test_an_event_is_exactly_what_the_contract_says(client_of: ClientOf, alice: User, yard: Camera) -> None:
    recording = recorded(yard, NOON - timedelta(seconds=5))
    row = happened(
        yard, NOON, recording, score=0.8765, label="dog", boxes=[[0.1, 0.2, 0.3, 0.4]], image="events/yard/x.jpg"
    )
    found = items(client_of(alice), "events")
    assert list(found[0].items()) == [
        ("id", row.pk),
        ("camera", "yard"),
        ("kind", "motion"),
        ("started_at", "2026-03-01T12:00:00.000000+00:00"),
        ("ended_at", "2026-03-01T12:00:08.000000+00:00"),
        ("score", 0.876),
        ("label", "dog"),
        ("boxes", [[0.1, 0.2, 0.3, 0.4]]),
        ("image", f"/events/{row.pk}/image/"),
        ("recording", recording.pk),
    ]


def test_an_event_that_goes_on_and_has_nothing_yet(client_of: ClientOf, alice: User, yard: Camera) -> None:
    happened(yard, NOON, ended_at=None)
    found = items(client_of(alice), "events")[0]
    assert (found["ended_at"], found["image"], found["recording"], found["boxes"]) == (None, None, None, [])


def test_a_recording_is_exactly_what_the_contract_says(client_of: ClientOf, alice: User, yard: Camera) -> None:
    row = recorded(yard, NOON, seconds=90, sha256="ab" * 32, bytes=5_000_000_000)
    assert list(items(client_of(alice), "recordings")[0].items()) == [
        ("id", row.pk),
        ("camera", "yard"),
        ("started_at", "2026-03-01T12:00:00.000000+00:00"),
        ("ended_at", "2026-03-01T12:01:30.000000+00:00"),
        ("state", "closed"),
        ("trigger", "motion"),
        ("bytes", 5_000_000_000),
        ("sha256", "ab" * 32),
        ("file", f"/recordings/{row.pk}/file/"),
    ]


@pytest.mark.parametrize("path", ["events", "recordings"])
def test_who_may_look_back_sees_them_and_nobody_else(
    path: str, client_of: ClientOf, alice: User, bob: User, charlie: User, yard: Camera
) -> None:
    happened(yard, NOON, recorded(yard, NOON))
    grant = Grant.objects.create(camera=yard, user=bob, right=Right.WATCH)
    assert len(items(client_of(alice), path)) == 1
    assert items(client_of(bob), path) == items(client_of(charlie), path) == []
    assert items(client_of(charlie), f"{path}?camera=yard") == items(client_of(charlie), f"{path}?camera=nowhere")
    Grant.objects.filter(pk=grant.pk).update(right=Right.PLAYBACK)
    assert len(items(client_of(bob), path)) == 1
    assert Client().get(f"/api/v1/{path}").status_code == 401


@pytest.mark.parametrize("path", ["events", "recordings"])
def test_what_is_to_be_deleted_is_gone(path: str, client_of: ClientOf, alice: User, yard: Camera) -> None:
    event = happened(yard, NOON, recorded(yard, NOON))
    {"events": Event, "recordings": Recording}[path].objects.update(delete_requested_at=NOON)
    assert items(client_of(alice), path) == []
    if path == "recordings":
        assert (
            items(client_of(alice), "events")[0] | {"id": event.pk, "recording": None}
            == items(client_of(alice), "events")[0]
        )


def test_the_houses_own_events_are_its_owners(
    client_of: ClientOf, alice: User, bob: User, bob_looks_back: Grant
) -> None:
    house_event()
    assert items(client_of(alice), "events")[0]["camera"] is None
    assert items(client_of(bob), "events") == []


def test_a_camera_that_is_gone_keeps_its_name_for_owners(
    client_of: ClientOf, alice: User, bob: User, bob_looks_back: Grant, yard: Camera
) -> None:
    happened(yard, NOON, recorded(yard, NOON))
    yard.delete()
    for path in ("events", "recordings"):
        assert [one["camera"] for one in items(client_of(alice), f"{path}?camera=yard")] == ["yard"]
        assert items(client_of(bob), path) == []


def test_filters(client_of: ClientOf, alice: User, yard: Camera) -> None:
    porch = Camera.objects.create(name="Porch", slug="porch", kind="pattern", keeper=alice)
    early = happened(yard, NOON - timedelta(days=1), kind="person")
    middle = happened(yard, NOON)
    late = happened(porch, NOON + timedelta(hours=1))
    client = client_of(alice)

    def ids(query: str) -> list[int]:
        return [one["id"] for one in items(client, f"events?{query}")]

    assert ids("") == ids("camera=&kind=&from=&to=&cursor=") == [late.pk, middle.pk, early.pk]
    assert ids("camera=yard") == [middle.pk, early.pk]
    assert ids("kind=person") == [early.pk]
    assert ids("from=2026-03-01") == [late.pk, middle.pk]
    assert ids("to=2026-03-01T13:00:00%2B00:00") == [middle.pk, early.pk]
    assert client.get("/api/v1/events?kind=ghost").json()["error"]["code"] == "invalid_parameter"


@pytest.mark.parametrize("path", ["events", "recordings"])
def test_pages_go_on_where_the_last_ended_whatever_comes_meanwhile(
    path: str, client_of: ClientOf, alice: User, yard: Camera
) -> None:
    make = happened if path == "events" else recorded
    # Many at one moment: the id decides there.
    rows = [make(yard, NOON + timedelta(seconds=n // 90)) for n in range(PAGE * 2 + 30)]
    client = client_of(alice)
    seen: list[int] = []
    cursor: str | None = ""
    for turn in range(5):
        body = client.get(f"/api/v1/{path}?cursor={cursor}").json()
        seen += [one["id"] for one in body["items"]]
        make(yard, NOON + timedelta(hours=turn + 1))
        cursor = body["next"]
        if cursor is None:
            break
    assert seen == [row.pk for row in reversed(rows)]


@pytest.mark.parametrize("path", ["events", "recordings", "viewings"])
@pytest.mark.usefixtures("zone_held")
def test_the_number_of_queries_does_not_grow(path: str, client_of: ClientOf, alice: User, yard: Camera) -> None:
    client = client_of(alice)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            items(client, path)
        # The house's settings are read again every few seconds; those do not count.
        return sum("main_sitesettings" not in one["sql"] for one in found)

    looked(alice, yard, NOON)
    happened(yard, NOON, recorded(yard, NOON))
    before = queries()
    for n in range(60):
        looked(alice, yard, NOON + timedelta(minutes=n))
        happened(yard, NOON + timedelta(minutes=n), recorded(yard, NOON + timedelta(minutes=n)))
    assert queries() <= before


def test_viewings_name_the_recordings_that_show_what_was_seen(client_of: ClientOf, alice: User, yard: Camera) -> None:
    with_one = looked(alice, yard, NOON)
    looked(alice, yard, NOON + timedelta(hours=5))
    hidden = looked(alice, yard, NOON, hidden_at=NOON)
    back = looked(alice, yard, NOON + timedelta(hours=6), transport="playback")
    recording = recorded(yard, NOON)
    found = {one["id"]: one for one in items(client_of(alice), "viewings")}
    assert hidden.pk not in found
    assert (found[with_one.pk]["recorded"], found[with_one.pk]["recordings"]) == (True, [recording.pk])
    assert sum(one["recorded"] for one in found.values()) == 1
    assert found[back.pk]["transport"] == "playback"
    assert found[back.pk]["recorded"] is False  # what was looked at then was a recording, and was not recorded again
    Recording.objects.update(delete_requested_at=NOON)
    assert not any(one["recorded"] for one in items(client_of(alice), "viewings"))


def test_the_description_tells_all_of_it(client_of: ClientOf, alice: User) -> None:
    paths = client_of(alice).get("/api/openapi.json").json()["paths"]
    assert {"get"} == set(paths["/api/v1/events"]) == set(paths["/api/v1/recordings"])
    assert {"200", "400", "401", "403", "404", "409", "503"} == set(
        paths["/api/v1/cameras/{slug}/record"]["post"]["responses"]
    )
    names = {one["name"] for one in paths["/api/v1/events"]["get"]["parameters"]}
    assert names == {"camera", "kind", "from", "to", "cursor"}
