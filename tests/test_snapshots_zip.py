"""A day of stills taken away as a ZIP that is made while it is sent."""

import asyncio
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Grant, Right
from main.middleware import HouseTime
from main.models import LogLine, SiteSettings, ViewingSession
from main.pages.logs import sentence
from main.serving import zips
from main.serving.ranges import NoFileError
from main.serving.zips import Member, ZipBody, pieces
from tests.stills_cast import JPEG, counted, kept, kept_many
from tests.test_archive_access import body_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZIP = "/snapshots/yard/2026-11-20/zip/"
STAMP = (2026, 11, 20, 12, 0, 0)

Clients = Callable[[User | None], Client]


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.MEDIA_ROOT = tmp_path
    yield tmp_path
    timezone.deactivate()


@pytest.fixture
def bob_takes(bob: User, yard: Camera) -> list[Grant]:
    return [Grant.objects.create(camera=yard, user=bob, right=right) for right in (Right.PLAYBACK, Right.EXPORT)]


def opened(body: bytes) -> zipfile.ZipFile:
    made = zipfile.ZipFile(io.BytesIO(body))
    assert made.testzip() is None
    return made


@pytest.mark.django_db(transaction=True)
def test_a_day_is_one_zip_and_one_line_of_the_log(
    yard: Camera, bob: User, bob_takes: list[Grant], client_of: Clients
) -> None:
    kept_many(yard, NOON, 50)
    kept(yard, NOON + timedelta(days=1))
    kept(yard, NOON + timedelta(hours=3))
    counted(yard, NOON + timedelta(hours=3), 1, 1, delete_requested_at=timezone.now())
    client = client_of(bob)
    reply = client.get(ZIP)
    assert reply.headers["Content-Type"] == "application/zip"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="yard-2026-11-20.zip"'
    made = opened(body_of(reply))
    assert len(made.namelist()) == 50
    assert made.namelist()[:2] == ["yard-2026-11-20/12-00-00.jpg", "yard-2026-11-20/12-00-05.jpg"]
    assert made.read("yard-2026-11-20/12-00-05.jpg") == JPEG
    assert made.infolist()[1].date_time == (2026, 11, 20, 12, 0, 4)  # ZIPs know even seconds only
    client.get(ZIP).close()
    row = ViewingSession.objects.get()
    assert (row.transport, row.footage, row.footage_at) == ("export", "stills", datetime(2026, 11, 20, tzinfo=UTC))
    assert sentence(row)["verb"] == "took away the stills of"
    assert LogLine.objects.get().what == "exported"


@pytest.mark.django_db(transaction=True)
def test_whose_day_it_is_and_who_may_take_it(
    yard: Camera, alice: User, bob: User, bob_watches: Grant, client_of: Clients
) -> None:
    assert client_of(alice).get(ZIP).status_code == 404, "nothing there"
    kept(yard, NOON)
    assert client_of(bob).get(ZIP).status_code == 403
    assert client_of(alice).head(ZIP).status_code == 200
    assert ViewingSession.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_hour_that_comes_twice_keeps_all_its_pictures(
    yard: Camera, alice: User, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"time_zone": "Europe/Berlin"})
    monkeypatch.setattr(HouseTime, "_zone", (-10.0, "UTC"))
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    for hour in (-1, 0, 1, 2):
        kept(yard, first + timedelta(hours=hour))
    made = opened(body_of(client_of(alice).get("/snapshots/yard/2026-10-25/zip/")))
    clocks = [name.rpartition("/")[2] for name in made.namelist()]
    assert clocks == ["01-30-00.jpg", "02-30-00+0200.jpg", "02-30-00+0100.jpg", "03-30-00.jpg"]


def test_what_goes_meanwhile_or_is_no_file_is_left_out(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(6)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * 100_000)
    (tmp_path / "3.jpg").unlink()
    (tmp_path / "3.jpg").symlink_to("/etc/hostname")
    (tmp_path / "4.jpg").unlink()
    os.mkfifo(tmp_path / "4.jpg")
    made = pieces(tmp_path, [Member(name, name, STAMP) for name in [*names, "../secret", "/etc/hostname"]])
    body = next(made)
    # The first is on its way; the second goes before its turn.
    (tmp_path / "1.jpg").unlink()
    found = opened(body + b"".join(made))
    assert found.namelist() == ["0.jpg", "2.jpg", "5.jpg"]
    assert found.read("5.jpg") == b"5.jpg" * 100_000


def test_it_breaks_off_when_the_right_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "ASK_EVERY", 0.0)
    for number in range(9):
        (tmp_path / f"{number}.jpg").write_bytes(bytes(300_000))
    answers = iter([True, True, False])
    members = [Member(f"{number}.jpg", f"{number}.jpg", STAMP) for number in range(9)]
    body = ZipBody(pieces(tmp_path, members), lambda: next(answers))

    async def read() -> int:
        count = 0
        with pytest.raises(NoFileError):
            async for _ in body:
                count += 1
        return count

    assert asyncio.run(read()) == 3


@pytest.mark.slow
def test_many_stills_need_no_more_memory_than_few(tmp_path: Path) -> None:
    """Held at once: one piece and what the ZIP's own index needs, not the pictures."""
    import tracemalloc

    (tmp_path / "one.jpg").write_bytes(os.urandom(100_000))
    members = (Member("one.jpg", f"{number}.jpg", STAMP) for number in range(1500))
    tracemalloc.start()
    try:
        length = sum(len(piece) for piece in pieces(tmp_path, members))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert length > 150_000_000
    assert peak < 6_000_000
