"""The pages of stills: who sees which, hours of the house from folders in UTC, one picture, a time-lapse's wish."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Grant, Right, TimeLapse
from main.middleware import HouseTime
from main.models import LogLine, SiteSettings, ViewingSession
from main.pages.logs import sentence
from main.words import day_words, moment_words
from tests.stills_cast import JPEG, counted, filmed, kept, kept_many
from tests.test_archive_access import body_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = "/snapshots/yard/2026-11-20/"
# The hour that comes twice in Berlin: 02:00 … 03:00 on 25 October, from 00:00 UTC and from 01:00 UTC.
TWICE = datetime(2026, 10, 25, tzinfo=UTC)

Clients = Callable[[User | None], Client]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.MEDIA_ROOT = tmp_path
    yield tmp_path
    timezone.deactivate()


@pytest.fixture
def berlin(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    house = SiteSettings.load()
    house.time_zone = "Europe/Berlin"
    house.save()
    monkeypatch.setattr(HouseTime, "_zone", (-10.0, "UTC"))


@pytest.fixture
def bob_looks_back(bob: User, yard: Camera) -> list[Grant]:
    return [Grant.objects.create(camera=yard, user=bob, right=right) for right in (Right.PLAYBACK, Right.EXPORT)]


def text(client: Client, path: str, status: int = 200) -> str:
    reply = client.get(path)
    assert reply.status_code == status, path
    return reply.content.decode()


def test_the_list_tells_days_with_number_and_size(yard: Camera, alice: User, client_of: Clients) -> None:
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    counted(yard, now - timedelta(days=1), 720, 84_000_000)
    counted(yard, now - timedelta(days=3), 700, 9_000_000, delete_requested_at=now)
    kept_many(yard, now, 3)
    page = text(client_of(alice), "/snapshots/")
    assert "Yesterday" in page and "720 stills, 84 MB" in page
    assert "Today" in page and "3 stills" in page
    assert "700" not in page


def test_strangers_and_watchers_find_nothing(
    yard: Camera, bob: User, charlie: User, bob_watches: Grant, client_of: Clients
) -> None:
    kept(yard, NOON)
    film = filmed(yard, NOON.date())
    addresses = (DAY, f"{DAY}12_00_00.jpg", f"{DAY}zip/", f"{DAY}timelapse/", f"/timelapses/{film.pk}/file/")
    for address in addresses:
        assert client_of(charlie).get(address).status_code == 404, address
        assert client_of(bob).get(address).status_code == 403, address
        assert client_of(None).get(address).status_code in (302, 401), address
    assert "Yard" not in text(client_of(charlie), "/snapshots/")
    assert client_of(charlie).post(f"{DAY}timelapse/").status_code == 404
    assert ViewingSession.objects.count() == 0


def test_an_hour_shows_one_picture_a_minute(
    yard: Camera, bob: User, bob_looks_back: list[Grant], berlin: None, client_of: Clients
) -> None:
    kept_many(yard, NOON, 720)
    kept(yard, NOON + timedelta(hours=2))
    client = client_of(bob)
    page = text(client, f"{DAY}?hour=13")
    assert page.count('class="still"') == 60
    assert page.count("all 12") == 60
    assert "13:59:00" in page and "13:00:05" not in page
    page = text(client, f"{DAY}?hour=13&minute=5")
    assert page.count('class="still"') == 12
    assert "13:05:55" in page
    # Without a word of it, the newest hour.
    assert text(client, DAY).count('class="still"') == 1
    assert "There are no stills of that hour" in text(client, f"{DAY}?hour=3", 404)
    for odd in ("?hour=x", "?hour=%00", "?at=zz", "?at=9999999999999999", "?hour=13&minute=77"):
        text(client, f"{DAY}{odd}", 404)


def test_one_picture_large_leads_to_those_beside_it(yard: Camera, alice: User, client_of: Clients) -> None:
    kept_many(yard, NOON, 3)
    at = int(NOON.timestamp())
    page = text(client_of(alice), f"{DAY}?at={at + 5}")
    assert f'rel="prev" href="?at={at}"' in page
    assert f'rel="next" href="?at={at + 10}"' in page
    assert f"{DAY}12_00_05.jpg" in page
    assert "not kept any more" in text(client_of(alice), f"{DAY}?at={at + 7}", 404)


def test_an_hour_that_comes_twice_is_two(yard: Camera, alice: User, berlin: None, client_of: Clients) -> None:
    kept(yard, TWICE + timedelta(minutes=10))
    kept(yard, TWICE + timedelta(hours=1, minutes=20))
    kept(yard, TWICE - timedelta(hours=2, seconds=1))
    kept(yard, TWICE + timedelta(hours=22, minutes=59))
    client, of = client_of(alice), "/snapshots/yard/2026-10-25/"
    page = text(client, of)
    assert "02:00 CEST" in page and "02:00 CET" in page
    assert "02:10:00" in text(client, f"{of}?hour=2")
    page = text(client, f"{of}?hour=02b")
    assert "02:20:00" in page and f"{of}01_20_00.jpg" in page
    # 25 hours: the last one begins at 22:00 UTC; what came before midnight is the day before's.
    assert "23:59:00" in text(client, f"{of}?hour=23")
    assert "23:59:59" in text(client, "/snapshots/yard/2026-10-24/")


def test_a_picture_is_sent_as_it_lies_there(
    yard: Camera, bob: User, bob_looks_back: list[Grant], client_of: Clients
) -> None:
    kept(yard, NOON)
    client = client_of(bob)
    reply = client.get(f"{DAY}12_00_00.jpg")
    assert body_of(reply) == JPEG
    assert reply.headers["Content-Type"] == "image/jpeg"
    assert "private" in reply.headers["Cache-Control"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    kept_by = client.get(f"{DAY}12_00_00.jpg?download=1")
    assert kept_by.headers["Content-Disposition"] == 'attachment; filename="yard 2026-11-20 12-00-00.jpg"'


@pytest.mark.parametrize(
    "name",
    ["12_00_05.jpg", "12_00.jpg", "..%2f..%2fsecret.jpg", "12_00_00%00.jpg", "12-00-00.jpg", "29_00_00.jpg",
     "12_00_00.jpg.part", "12_00_00.png", "١٢_٠٠_٠٠.jpg", "12_00_60.jpg"],
)  # fmt: skip
def test_odd_names_are_no_pictures(name: str, yard: Camera, alice: User, media: Path, client_of: Clients) -> None:
    kept(yard, NOON)
    (media / "secret.jpg").write_bytes(b"secret")
    assert client_of(alice).get(DAY + name).status_code == 404


@pytest.mark.parametrize("of", ["2026-13-01", "20261120", "..", "2026-11-20T", "1999-01-01", "٢٠٢٦-١١-٢٠"])
def test_odd_days_are_none(of: str, yard: Camera, alice: User, client_of: Clients) -> None:
    for rest in ("", "12_00_00.jpg", "zip/", "timelapse/"):
        assert client_of(alice).get(f"/snapshots/yard/{of}/{rest}").status_code == 404, rest


@pytest.mark.parametrize("what", ["link", "fifo", "folder"])
def test_what_is_no_ordinary_file_is_never_followed(
    what: str, yard: Camera, alice: User, media: Path, client_of: Clients
) -> None:
    import os

    path = kept(yard, NOON)
    path.unlink()
    if what == "link":
        path.symlink_to("/etc/hostname")
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert client_of(alice).get(f"{DAY}12_00_00.jpg").status_code == 404


def test_hours_that_are_about_to_go_are_gone(yard: Camera, alice: User, client_of: Clients) -> None:
    kept(yard, NOON)
    kept(yard, NOON + timedelta(hours=1))
    counted(yard, NOON, 1, 10, delete_requested_at=timezone.now())
    client = client_of(alice)
    assert "?hour=12" not in text(client, DAY)
    assert client.get(f"{DAY}12_00_00.jpg").status_code == 404
    assert client.get(f"{DAY}13_00_00.jpg").status_code == 200


def test_looking_at_stills_is_one_line_of_the_log(
    yard: Camera, bob: User, bob_looks_back: list[Grant], client_of: Clients
) -> None:
    kept_many(yard, NOON, 100)
    client = client_of(bob)
    for path in (DAY, f"{DAY}12_00_05.jpg", f"{DAY}?hour=12&minute=1", DAY):
        client.get(path)
    row = ViewingSession.objects.get()
    assert (row.transport, row.footage, row.recording, row.counts) == ("playback", "stills", None, False)
    assert row.footage_at == NOON
    assert LogLine.objects.get().details["footage_at"] == NOON.isoformat()
    said = sentence(row)
    assert (said["verb"], said["stills_of"], said["gone"]) == ("looked at stills of", moment_words(NOON), False)
    log = text(client, "/logs/")
    assert "looked at stills of" in log and f"{DAY}?hour=12" in log
    assert text(client, f"/logs/{row.pk}/delete/").count("What was looked at") == 1
    # Another hour is another look; so is a look after half an hour.
    kept(yard, NOON + timedelta(hours=2))
    client.get(f"{DAY}14_00_00.jpg")
    assert ViewingSession.objects.count() == 2
    ViewingSession.objects.update(started_at=timezone.now() - timedelta(minutes=31))
    client.get(DAY + "?hour=12")
    assert ViewingSession.objects.count() == 3


def test_a_time_lapse_is_asked_for_once(
    yard: Camera, bob: User, bob_looks_back: list[Grant], berlin: None, client_of: Clients
) -> None:
    client, ask = client_of(bob), f"{DAY}timelapse/"
    client.post(ask, {"act": "make"})
    assert not TimeLapse.objects.exists(), "nothing to make it of"
    kept(yard, NOON)
    for _ in range(2):
        assert client.post(ask, {"act": "make"}).headers["Location"] == f"{DAY}#timelapse"
    row = TimeLapse.objects.get()
    assert (row.state, row.day, row.wanted_by) == ("wanted", date(2026, 11, 20), "bob")
    assert row.begin == datetime(2026, 11, 19, 23, tzinfo=UTC)
    assert row.end - row.begin == timedelta(days=1)
    TimeLapse.objects.update(state="working", percent=37)
    part = client.get(ask, headers={"HX-Request": "true"}).content.decode()
    assert "37 %" in part and 'hx-trigger="every 2s"' in part and "<html" not in part
    assert "37 %" in text(client, DAY)
    client.post(ask, {"act": "cancel"})
    row.refresh_from_db()
    assert row.delete_requested_at is not None
    assert "Make a time-lapse" in text(client, DAY)


def test_one_that_failed_or_was_made_too_early_is_made_anew(yard: Camera, alice: User, client_of: Clients) -> None:
    kept(yard, NOON)
    client, ask = client_of(alice), f"{DAY}timelapse/"
    failed = filmed(yard, NOON.date(), state="failed", detail="There is no space left on the disk.", file="")
    assert "There is no space left on the disk." in text(client, DAY)
    client.post(ask, {"act": "make"})
    assert [one.pk for one in TimeLapse.objects.filter(delete_requested_at=None)] != [failed.pk]
    TimeLapse.objects.all().delete()
    early = filmed(yard, NOON.date(), wanted_at=NOON)
    assert "Make it anew" in text(client, DAY)
    client.post(ask, {"act": "make"})
    assert TimeLapse.objects.filter(delete_requested_at=None).count() == 2
    assert f"/timelapses/{early.pk}/file/" in text(client, DAY), "the old one plays until the new one is there"
    TimeLapse.objects.all().delete()
    filmed(yard, NOON.date())
    client.post(ask, {"act": "make"})
    assert TimeLapse.objects.count() == 1


def test_nothing_is_tried_again_once_the_stills_have_gone(yard: Camera, alice: User, client_of: Clients) -> None:
    filmed(yard, NOON.date(), state="failed", detail="There is no space left on the disk.", file="")
    said = text(client_of(alice), DAY)
    assert "could not be made" in said and "Try again" not in said and "Delete the time-lapse" in said


def test_only_who_may_take_pictures_away_makes_and_only_who_manages_deletes(
    yard: Camera, bob: User, alice: User, client_of: Clients
) -> None:
    Grant.objects.create(camera=yard, user=bob, right=Right.PLAYBACK)
    kept(yard, NOON)
    client, ask = client_of(bob), f"{DAY}timelapse/"
    assert client.post(ask, {"act": "make"}).status_code == 403
    Grant.objects.create(camera=yard, user=bob, right=Right.EXPORT)
    film = filmed(yard, NOON.date())
    assert client.post(ask, {"act": "delete"}).status_code == 403
    assert client_of(alice).post(ask, {"act": "delete"}).status_code == 302
    assert client.get(f"/timelapses/{film.pk}/file/").status_code == 404


def test_a_film_plays_in_ranges_and_is_logged(
    yard: Camera, bob: User, bob_looks_back: list[Grant], client_of: Clients
) -> None:
    film = filmed(yard, NOON.date())
    client = client_of(bob)
    for _ in range(3):
        reply = client.get(f"/timelapses/{film.pk}/file/", headers={"Range": "bytes=2-5"})
        assert (reply.status_code, body_of(reply)) == (206, b"film")
    away = client.get(f"/timelapses/{film.pk}/download/")
    assert away.headers["Content-Disposition"] == 'attachment; filename="yard-2026-11-20.mp4"'
    rows = list(ViewingSession.objects.order_by("pk"))
    assert [(row.transport, row.footage) for row in rows] == [("playback", "timelapse"), ("export", "timelapse")]
    assert [sentence(row)["verb"] for row in rows] == ["watched the time-lapse of", "took away the time-lapse of"]
    assert sentence(rows[0])["stills_of"] == day_words(NOON)
    TimeLapse.objects.update(file="../../etc/passwd")
    assert client.get(f"/timelapses/{film.pk}/file/").status_code == 404
