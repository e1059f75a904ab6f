"""The list of recordings, the strips of days, and the way from a moment to a recording."""

import re
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from camera.access import Actor
from camera.models import Camera, Event, Gap, Grant, Recording, Storage
from main.middleware import HouseTime
from main.models import SiteSettings
from main.pages.day_strip import Axis, strips
from main.pages.recordings import length, parse_moment
from tests.footage_cast import happened, recorded

ClientOf = Callable[[User | None], Client]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OWNER = Actor("user", 1, "owner", "alice")


@pytest.fixture
def berlin() -> Iterator[None]:
    with timezone.override(zoneinfo.ZoneInfo("Europe/Berlin")):
        yield


def many(camera: Camera, count: int, step: timedelta = timedelta(minutes=20), start: datetime = NOON) -> None:
    storage = Storage.objects.get_or_create(path="/nowhere")[0]
    Recording.objects.bulk_create(
        Recording(camera=camera, camera_name=camera.name, camera_slug=camera.slug, storage=storage, uid=f"{n:08x}",
                  file=f"{camera.slug}-{n}", state="closed", trigger="motion", reasons=["motion"], seconds=60,
                  started_at=start - n * step, ended_at=start - n * step + timedelta(minutes=1))
        for n in range(count)
    )  # fmt: skip


def ids(page: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'class="clip-link" href="/recordings/(\d+)/"', page)]


def test_every_recording_stands_on_exactly_one_page(client_of: ClientOf, alice: User, yard: Camera) -> None:
    many(yard, 120)
    Recording.objects.filter(pk__in=list(Recording.objects.values_list("pk", flat=True)[:60])).update(started_at=NOON)
    client, url, seen = client_of(alice), "/recordings/", []
    while url:
        page = client.get(url).content.decode()
        seen += ids(page)
        recorded(yard, NOON + timedelta(days=1))  # new rows shift nothing
        older = re.search(r'href="(\?[^"]*after=[^"]*)" rel="next"', page)
        url = "/recordings/" + older.group(1).replace("&amp;", "&") if older else ""
    expected = Recording.objects.filter(file__startswith="yard-").order_by("-started_at", "-pk")
    assert seen == list(expected.values_list("pk", flat=True))


@pytest.mark.slow
def test_a_list_asks_as_little_of_ten_thousand_as_of_ten(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, zone_held: None
) -> None:
    for right in ("playback", "watch"):
        Grant.objects.create(camera=yard, user=bob, right=right)
    many(yard, 60)
    paths = ("/recordings/", "/recordings/?camera=yard", "/recordings/?camera=yard&day=2026-11-18")

    def count(user: User) -> list[int]:
        found, client = [], client_of(user)
        client.get("/recordings/")
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(path).status_code == 200
            found.append(len(queries))
        return found

    before = count(alice), count(bob)
    many(Camera.objects.create(name="Shed", slug="shed", kind="pattern"), 0)
    Recording.objects.all().delete()
    many(yard, 10_000)
    after = count(alice), count(bob)
    assert max(map(max, after)) <= 25
    assert all(late <= early + 1 for b, a in zip(before, after, strict=True) for early, late in zip(b, a, strict=True))


def test_days_with_footage_lead_to_each_other(client_of: ClientOf, alice: User, yard: Camera) -> None:
    for day in (1, 5, 9):
        recorded(yard, datetime(2026, 11, day, 12, tzinfo=UTC))
    page = client_of(alice).get("/recordings/?camera=yard&day=2026-11-05").content.decode()
    assert "day=2026-11-01" in page and "day=2026-11-09" in page and len(ids(page)) == 1
    nothing = client_of(alice).get("/recordings/?day=2026-11-07").content.decode()
    assert "Nothing was recorded on 7 November 2026" in nothing
    assert "day=2026-11-05" in nothing and "day=2026-11-09" in nothing


ODD = ("camera=x", "camera=%00", "day=2026-13-45", "day=x", "day=1500-01-01", "day=9999-12-31", "after=x",
       "after=9-9-9", "after=9999999999999999-999999999999999999", "after=\u0661-1")  # fmt: skip


@pytest.mark.parametrize("query", ODD)
def test_odd_questions_get_a_page(query: str, client_of: ClientOf, alice: User, yard: Camera) -> None:
    recorded(yard, NOON)
    assert client_of(alice).get(f"/recordings/?{query}").status_code == 200


def test_only_what_one_may_look_back_at(client_of: ClientOf, bob: User, charlie: User, yard: Camera) -> None:
    attic = Camera.objects.create(name="Attic", slug="attic", kind="pattern")
    mine, hidden = recorded(yard, NOON), recorded(attic, NOON)
    Grant.objects.create(camera=yard, user=bob, right="playback")
    Grant.objects.create(camera=attic, user=bob, right="watch")
    happened(attic, NOON, hidden)
    page = client_of(bob).get("/recordings/").content.decode()
    assert ids(page) == [mine.pk] and "Attic" not in page and "attic" not in page
    stranger = client_of(charlie).get("/recordings/").content.decode()
    assert ids(stranger) == [] and "Yard" not in stranger and "shared with you" in stranger
    unknown = client_of(bob).get("/recordings/?camera=nowhere").content.decode()
    refused = client_of(bob).get("/recordings/?camera=attic").content.decode()
    assert "no camera of that name" in unknown and "no camera of that name" in refused


def test_nothing_recorded_teaches(client_of: ClientOf, alice: User, yard: Camera) -> None:
    page = client_of(alice).get("/recordings/").content.decode()
    assert "Nothing has been recorded yet" in page and 'href="/cameras/yard/"' in page


def test_names_are_only_text(client_of: ClientOf, alice: User, yard: Camera) -> None:
    odd = '"><img src=x onerror=window.x=1>{{7*7}}'
    Camera.objects.filter(pk=yard.pk).update(name=odd)
    yard.refresh_from_db()
    made = recorded(yard, NOON, reasons=[f"manual:{odd}", "session:7", "manual", "session:x", "odd"], detail=odd,
                    state="damaged", kept_at=NOON, kept_by=odd)  # fmt: skip
    happened(yard, NOON, made, label=odd)
    for path in ("", f"{made.pk}/", f"{made.pk}/delete/"):
        page = client_of(alice).get(f"/recordings/{path}").content.decode()
        assert "&lt;img src=x" in page and "<img src=x" not in page, path


# Strips


@pytest.mark.parametrize(
    ("day", "hours", "labels"),
    [
        (date(2026, 11, 20), 24, "00 03 06 09 12 15 18 21"),
        (date(2026, 3, 29), 23, "00 03 06 09 12 15 18 21"),
        (date(2026, 10, 25), 25, "00 03 06 09 12 15 18 21"),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(berlin: None, day: date, hours: int, labels: str) -> None:
    axis = Axis.of(day)
    assert axis.seconds == hours * 3600
    assert " ".join(hour.label for hour in axis.hours()) == labels
    three = next(hour for hour in axis.hours() if hour.label == "03")
    real = {24: 3, 23: 2, 25: 4}[hours]
    assert float(three.x.rstrip("%")) == pytest.approx(100 * real / hours, abs=0.01)


def test_a_strip_shows_what_was_recorded_and_what_moved(berlin: None, yard: Camera) -> None:
    midnight = datetime(2026, 11, 19, 23, tzinfo=UTC)  # in Berlin
    recorded(yard, midnight - timedelta(minutes=30), 3600)
    for n in range(6):  # one behind the other: one span
        recorded(yard, midnight + timedelta(hours=12, minutes=10 * n), 595)
    recorded(yard, midnight + timedelta(hours=20), 600, state="missing")
    recorded(yard, midnight + timedelta(hours=22), 600, delete_requested_at=NOON)
    happened(yard, midnight + timedelta(hours=12), ended_at=midnight + timedelta(hours=12, minutes=7))
    happened(yard, midnight + timedelta(hours=18), kind=Event.Kind.RING)
    (strip,) = strips(OWNER, [yard], date(2026, 11, 20))
    assert [one.words for one in strip.spans] == ["Recorded 00:00 to 00:30", "Recorded 12:00 to 12:59"]
    assert [(one.x, one.width) for one in strip.spans] == [("0.000%", "2.083%"), ("50.000%", "4.161%")]
    assert [one.words for one in strip.bars] == ["Motion 12:00 to 12:05: 5 min", "Motion 12:05 to 12:10: 2 min"]
    assert strip.bars[0].height > strip.bars[1].height
    assert [(one.letter, one.words, one.x) for one in strip.marks] == [("R", "Ring at 18:00", "75.000%")]


def test_a_strip_shows_when_there_were_no_pictures_and_why(
    client_of: ClientOf, alice: User, bob: User, bob_watches: Grant, berlin: None, yard: Camera
) -> None:
    midnight = datetime(2026, 11, 19, 23, tzinfo=UTC)  # in Berlin
    spans = [(-10, 10, "ENGINE_DOWN"), (600, 610, "NO_SIGNAL"), (610.5, 620, "NO_SIGNAL"), (720, None, "PRIVACY")]
    for start, end, cause in spans:
        ended = None if end is None else midnight + timedelta(minutes=end)
        Gap.objects.create(camera=yard, cause=cause, started_at=midnight + timedelta(minutes=start), ended_at=ended)
    (strip,) = strips(OWNER, [yard], date(2026, 11, 20))
    assert [one.words for one in strip.gaps[:2]] == [
        "No pictures 00:00 to 00:10: the recording engine was not running",
        "No pictures 10:00 to 10:20: the camera does not answer",
    ]
    assert [(one.x, one.width) for one in strip.gaps[:2]] == [("0.000%", "0.694%"), ("41.667%", "1.389%")]
    assert "a privacy pause is on" in strip.gaps[2].words and "no pictures for" in strip.words
    page = client_of(alice).get("/recordings/?camera=yard&day=2026-11-20").content.decode()
    assert 'fill="url(#gap-yard)"' in page and "the camera does not answer" in page
    # Who may watch but not look back is not told either.
    (others,) = strips(Actor("user", bob.pk, "member", "bob"), [yard], date(2026, 11, 20))
    assert not others.gaps


def test_times_are_those_of_the_house(client_of: ClientOf, alice: User, yard: Camera, monkeypatch: Any) -> None:
    SiteSettings.load()
    SiteSettings.objects.update(time_zone="Asia/Kathmandu")
    monkeypatch.setattr(HouseTime, "_zone", (-10.0, "UTC"))
    recorded(yard, datetime(2026, 11, 20, 20, 0, tzinfo=UTC))
    page = client_of(alice).get("/recordings/?day=2026-11-21").content.decode()
    assert "01:45:00" in page and 'data-zone="Asia/Kathmandu"' in page
    monkeypatch.setattr(HouseTime, "_zone", (-10.0, "UTC"))


# From a moment to a recording


def test_a_moment_leads_to_its_recording_or_the_next(client_of: ClientOf, alice: User, yard: Camera) -> None:
    first, second = recorded(yard, NOON, 60), recorded(yard, NOON + timedelta(hours=1), 60)
    client = client_of(alice)

    def lead(moment: datetime | str) -> str:
        text = moment if isinstance(moment, str) else str(moment.timestamp())
        return client.get("/recordings/at/yard/", {"t": text}).headers["Location"]

    assert lead(NOON + timedelta(seconds=30)) == f"/recordings/{first.pk}/?t=30.0"
    assert lead((NOON + timedelta(seconds=30)).isoformat()) == f"/recordings/{first.pk}/?t=30.0"
    assert lead(NOON + timedelta(minutes=30)) == f"/recordings/{second.pk}/"
    assert "Nothing was recorded" in client.get(f"/recordings/{second.pk}/").content.decode()
    assert lead(NOON - timedelta(days=400)) == f"/recordings/{first.pk}/"
    assert lead(NOON + timedelta(days=400)) == f"/recordings/{second.pk}/"
    assert lead("nonsense") == "/recordings/?camera=yard"
    Recording.objects.all().delete()
    assert lead(NOON) == "/recordings/?camera=yard"


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "-1", "1e400", "9" * 40, "2026-99-99T00:00", "0001-01-01T00:00:00", "x"]
)
def test_what_is_no_moment(text: str) -> None:
    assert parse_moment(text) is None


@pytest.mark.parametrize(
    ("begin", "second"),
    [
        ("12.5", "12.5"),
        ("1e9", ""),
        ("-4", ""),
        ("999", "59.9"),
        ("nan", ""),
        ("2026-11-20T12:00:20Z", "20.0"),
        (str(NOON.timestamp() + 7), "7.0"),
    ],
)
def test_where_the_player_begins(begin: str, second: str, client_of: ClientOf, alice: User, yard: Camera) -> None:
    made = recorded(yard, NOON, 60)
    page = client_of(alice).get(f"/recordings/{made.pk}/", {"t": begin}).content.decode()
    found = re.search(r"/file/(?:#t=([\d.]+))?\"", page)
    assert found and (found.group(1) or "") == second


def test_lengths_in_words() -> None:
    assert [length(one) for one in (0, 59.4, 60, 307, 3600, 3900)] == [
        "0 s",
        "59 s",
        "1 min",
        "5 min 7 s",
        "1 h 0 min",
        "1 h 5 min",
    ]


def test_a_segment_that_goes_on_leads_to_the_next_file(client_of: Any, alice: User, yard: Camera) -> None:
    at = timezone.now() - timedelta(hours=1)
    first = recorded(yard, at, 300, trigger="always", reasons=["always"])
    second = recorded(yard, at + timedelta(seconds=300.1), 300, trigger="always", reasons=["always"])
    recorded(yard, at + timedelta(seconds=700), 300)
    client = client_of(alice)
    assert f'data-next="/recordings/{second.pk}/?play=1"' in client.get(f"/recordings/{first.pk}/").content.decode()
    assert "data-next" not in client.get(f"/recordings/{second.pk}/").content.decode()


def test_who_asked_is_told_to_those_who_may_read_the_log(client_of: Any, alice: User, bob: User, yard: Camera) -> None:
    film = recorded(yard, timezone.now(), reasons=["manual:alice", "manual:bob"], people=[alice.pk, bob.pk])
    Grant.objects.create(camera=yard, user=bob, right="playback")
    page = client_of(bob).get(f"/recordings/{film.pk}/").content.decode()
    assert "Somebody asked for it" in page and "bob asked for it" in page and "alice asked" not in page
    assert "alice asked for it" in client_of(alice).get(f"/recordings/{film.pk}/").content.decode()
