"""The log page: who may read what, filters, sentences, and speed with many rows."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role, User
from camera.models import Camera, Grant
from main import middleware
from main.models import SiteSettings, ViewingSession
from main.pages.logs import ON_A_PAGE, duration

ClientOf = Callable[[User | None], Client]


@pytest.fixture(autouse=True)
def _zone_is_read_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware.HouseTime, "_zone", (float("-inf"), "UTC"))


def seen(user: User, camera: Camera, at: datetime, seconds: float = 180, **values: Any) -> ViewingSession:
    usual = {
        "user_name": user.username, "camera_name": camera.name, "camera_slug": camera.slug, "key": "k",
        "transport": "page", "device": "Firefox on Android",
        "started_at": at, "last_seen_at": at + timedelta(seconds=seconds), "ended_at": at + timedelta(seconds=seconds),
    }  # fmt: skip
    return ViewingSession.objects.create(user=user, camera=camera, **(usual | values))


def lines(client: Client, query: str = "") -> list[str]:
    """The sentences of the log, as read."""
    reply = client.get(f"/logs/{query}")
    assert reply.status_code == 200
    found = re.findall(r'<p class="rows-main[^"]*">(.*?)</p>', reply.content.decode(), re.S)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", one)).strip() for one in found]


@pytest.fixture
def now() -> datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def porch(alice: User) -> Camera:
    return Camera.objects.create(name="Porch", slug="porch", kind="pattern", keeper=alice)


def test_a_viewing_is_told_in_a_sentence(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, now: datetime
) -> None:
    at = now.replace(hour=0, minute=2)
    seen(bob, yard, at)
    assert lines(client_of(alice)) == ["bob watched Yard for 3 min with Firefox on Android, today 00:02"]
    assert lines(client_of(bob)) == ["You watched Yard for 3 min with Firefox on Android, today 00:02"]


def test_what_goes_on_is_told_as_such(client_of: ClientOf, alice: User, bob: User, yard: Camera, now: datetime) -> None:
    row = seen(bob, yard, now - timedelta(minutes=5), ended_at=None, device="")
    (line,) = lines(client_of(alice))
    assert line.startswith("● bob is watching Yard now, for 5 min already, since")
    row.left_at = now
    row.save()
    assert "watched Yard" in lines(client_of(alice))[0]


def test_single_pictures_and_earlier_days(client_of: ClientOf, alice: User, bob: User, yard: Camera) -> None:
    at = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    seen(bob, yard, at, 8, transport="frame", device="curl")
    assert lines(client_of(alice)) == ["bob asked for single pictures of Yard for 8 s with curl, Thu 29 Feb 2024 12:30"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (7500, "2 h 5 min")]
)
def test_durations_are_told_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_members_read_their_own_and_what_their_cameras_saw(
    client_of: ClientOf, alice: User, bob: User, charlie: User, yard: Camera, porch: Camera, now: datetime
) -> None:
    seen(bob, yard, now - timedelta(minutes=3))
    seen(charlie, porch, now - timedelta(minutes=2))
    seen(alice, yard, now - timedelta(minutes=1))
    assert [line.split()[0] for line in lines(client_of(alice))] == ["You", "charlie", "bob"]
    assert [line.split()[2] for line in lines(client_of(charlie))] == ["Porch"]
    assert [line.split()[2] for line in lines(client_of(bob))] == ["Yard"]
    # The log of the porch is shared with bob, the yard becomes charlie's own.
    Grant.objects.create(camera=porch, user=bob, right="log")
    Camera.objects.filter(pk=yard.pk).update(keeper=charlie)
    assert [line.split()[0] for line in lines(client_of(bob))] == ["charlie", "You"]
    assert [line.split()[0] for line in lines(client_of(charlie))] == ["alice", "You", "bob"]
    # A watcher alone does not read what others did.
    Grant.objects.create(camera=yard, user=bob, right="watch")
    assert [line.split()[0] for line in lines(client_of(bob))] == ["charlie", "You"]


def test_guests_read_their_own(client_of: ClientOf, bob: User, yard: Camera, now: datetime) -> None:
    guest = User.objects.create_user("gail", role=Role.GUEST)
    seen(bob, yard, now)
    seen(guest, yard, now)
    assert [line.split()[0] for line in lines(client_of(guest))] == ["You"]


def test_a_deleted_camera_stays_in_the_log(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, now: datetime
) -> None:
    seen(bob, yard, now)
    yard.delete()
    assert len(lines(client_of(alice))) == len(lines(client_of(bob))) == 1


def test_days_are_those_of_the_house(client_of: ClientOf, alice: User, bob: User, yard: Camera) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"time_zone": "Pacific/Auckland"})
    # 11:30 UTC on the 9th is half past midnight on the 10th in Auckland (+13).
    seen(bob, yard, datetime(2026, 1, 9, 11, 30, tzinfo=UTC))
    assert "Sat 10 Jan" in lines(client_of(alice), "?from=2026-01-10&to=2026-01-10")[0]
    assert lines(client_of(alice), "?from=2026-01-09&to=2026-01-09") == []


def test_filters_narrow_and_their_chips_take_them_away(
    client_of: ClientOf, alice: User, bob: User, charlie: User, yard: Camera, porch: Camera
) -> None:
    for day in (1, 2, 3):
        for user in (bob, charlie):
            for camera in (yard, porch):
                seen(user, camera, datetime(2026, 5, day, 12, tzinfo=UTC))
    client = client_of(alice)
    assert len(lines(client)) == 12
    assert len(lines(client, "?from=2026-05-02")) == 8
    assert len(lines(client, "?to=2026-05-02")) == 8
    assert len(lines(client, "?from=2026-05-02&to=2026-05-02")) == 4
    assert len(lines(client, "?user=BOB")) == len(lines(client, "?camera=porch")) == 6
    query = "?from=2026-05-02&to=2026-05-03&user=bob&camera=yard"
    assert len(lines(client, query)) == 2
    page = client.get(f"/logs/{query}").content.decode()
    without = re.findall(r'class="chip chip-on" href="([^"]+)"', page)
    assert sorted(len(lines(client, one.replace("&amp;", "&"))) for one in without) == [3, 4, 4, 4] or len(without) == 4
    assert "of Yard" in page and "by bob" in page


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("?from=yesterday", "from", "Write a day like"),
        ("?to=2026-13-01", "to", "Write a day like"),
        ("?from=9999-12-31", "from", "not a day of this century"),
        ("?to=0001-01-01", "to", "not a day of this century"),
        ("?from=2026-05-02&to=2026-05-01", "to", "before the first one"),
        ("?camera=nowhere", "camera", "no camera of that name"),
        ("?user=" + "x" * 200, "user", "at most 150"),
    ],
)
def test_a_bad_value_is_explained_at_its_field(
    query: str, field: str, words: str, client_of: ClientOf, alice: User, yard: Camera, now: datetime
) -> None:
    seen(alice, yard, now)
    reply = client_of(alice).get(f"/logs/{query}")
    assert reply.status_code == 200
    page = reply.content.decode()
    assert words in " ".join(reply.context["form"].errors[field]) and words in page
    assert "Nothing is shown until the filter is right" in page


def test_another_persons_camera_is_no_camera(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, now: datetime
) -> None:
    seen(alice, yard, now)
    for slug in ("yard", "nowhere"):
        form = client_of(bob).get(f"/logs/?camera={slug}").context["form"]
        assert form.errors["camera"] == ["There is no camera of that name in your log."]
    assert lines(client_of(bob), "?user=alice") == []
    assert "alice" not in client_of(bob).get("/logs/").content.decode()


@pytest.mark.parametrize("odd", ["x", "-", "1-", "-1", "9" * 30 + "-1", "1-" + "9" * 30, "١-١", "1.5-2", "0-0"])
def test_an_odd_place_in_the_log_breaks_nothing(
    odd: str, client_of: ClientOf, alice: User, yard: Camera, now: datetime
) -> None:
    seen(alice, yard, now)
    assert client_of(alice).get("/logs/", {"before": odd}).status_code == 200


def test_the_table_is_the_owners(client_of: ClientOf, alice: User, bob: User, yard: Camera, now: datetime) -> None:
    seen(bob, yard, now, bytes=2048, address="192.0.2.9", delay_median=0.25)
    page = client_of(alice).get("/logs/?view=table").content.decode()
    assert "<table" in page and "192.0.2.9" in page and "2.0\xa0KB" in page and "250 ms" in page
    assert "<table" not in client_of(bob).get("/logs/?view=table").content.decode()
    assert "192.0.2.9" not in client_of(bob).get("/logs/").content.decode()


def many(users: list[User], cameras: list[Camera], number: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows: list[ViewingSession] = []
    for n in range(number):
        user, camera = users[n % len(users)], cameras[n % len(cameras)]
        # Several begin in the same instant: the place in the log must tell them apart.
        at = start + timedelta(minutes=n // 3)
        names = {"user_name": user.username, "camera_name": camera.name, "camera_slug": camera.slug, "key": str(n)}
        times = {"started_at": at, "last_seen_at": at, "ended_at": at + timedelta(minutes=2)}
        rows.append(ViewingSession(user=user, camera=camera, transport="page", **names, **times))
    ViewingSession.objects.bulk_create(rows, batch_size=2000)


def test_paging_shows_every_line_once_newest_first(client_of: ClientOf, alice: User, bob: User, yard: Camera) -> None:
    many([bob], [yard], 2 * ON_A_PAGE + 31)
    client, query, found = client_of(alice), "", []
    while True:
        page = client.get(f"/logs/{query}").content.decode()
        found += [int(pk) for pk in re.findall(r'id="v(\d+)"', page)]
        older = re.search(r'href="([^"]+)">Older</a>', page)
        if older is None:
            break
        query = older[1].replace("&amp;", "&")
    newest_first = ViewingSession.objects.order_by("-started_at", "-pk").values_list("pk", flat=True)
    assert found == list(newest_first) and len(found) == 2 * ON_A_PAGE + 31


@pytest.mark.slow
def test_a_hundred_thousand_lines_are_read_fast(
    client_of: ClientOf, alice: User, bob: User, charlie: User, yard: Camera, porch: Camera
) -> None:
    Grant.objects.create(camera=porch, user=bob, right="log")
    many([alice, bob], [yard, porch, yard], 100_000)
    asked_by = {
        alice: ("", "?view=table", "?user=bob&camera=yard&from=2026-01-05"),
        bob: ("", "?camera=porch", "?user=alice"),
        charlie: ("",),
    }
    for user, queries in asked_by.items():
        client = client_of(user)
        client.get("/logs/")
        for query in queries:
            began = time.thread_time()  # of this thread alone, whatever else the machine does
            with CaptureQueriesContext(connection) as asked:
                assert client.get(f"/logs/{query}").status_code == 200
            assert time.thread_time() - began < 0.6, query
            # Four of them are the bell's.
            assert len(asked) <= 16, [one["sql"][:120] for one in asked]
