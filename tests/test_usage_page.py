"""The page of what space is used: true figures, only of what one may look back at, and fast with much too."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from camera.access import Actor
from camera.models import Camera, Grant, HourUsage, Recording, Right, Storage
from main import usage
from main.models import SiteSettings

pytestmark = pytest.mark.django_db
MB = 1_000_000
OWNER = Actor("user", 1, "owner", "alice")


def used(camera: Camera | None, ago: float, kind: str = "recordings", size: int = MB, **values: Any) -> HourUsage:
    """What that camera took in the hour so many hours ago."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=ago)
    slug = camera.slug if camera is not None else "gone"
    usual: dict[str, Any] = {"camera": camera, "camera_slug": slug, "hour": hour, "kind": kind, "files": 2}
    return HourUsage.objects.create(**(usual | {"bytes": size} | values))


@pytest.fixture
def garden(db: None) -> Camera:
    return Camera.objects.create(name="Garden", slug="garden", kind="pattern")


def test_plots_hold_what_the_rows_say(yard: Camera, garden: Camera) -> None:
    used(yard, 0, size=5 * MB)
    used(yard, 0, "stills", 2 * MB)
    used(garden, 47, "events", 3 * MB)
    used(garden, 48, size=7 * MB)
    used(yard, 1, size=100 * MB, delete_requested_at=timezone.now(), kind="stills")
    hours, days = usage.plots(OWNER, None)
    assert [len(hours.columns), len(days.columns)] == [48, 30]
    assert (hours.columns[-1].bytes, hours.columns[0].bytes, hours.bytes) == (7 * MB, 3 * MB, 10 * MB)
    assert days.bytes == 17 * MB
    assert hours.columns[-1].words.endswith(": 7.0 MB; recordings 5.0 MB, stills 2.0 MB")
    # Bars: as high as their share of the scale, one on the other.
    recordings, stills = hours.columns[-1].parts
    assert float(recordings.height) / float(stills.height) == pytest.approx(2.5, rel=0.02)
    assert float(stills.y) + float(stills.height) == pytest.approx(float(recordings.y), abs=0.2)
    assert [line.label for line in hours.lines] == ["0", "2", "4", "6", "8"] and hours.unit == "MB"


@pytest.mark.parametrize("most", [1, 999, 1000, 4_999_999, 5 * 10**9, 7 * 10**12, 3 * 10**15])
def test_a_scale_reaches_the_top_in_a_few_round_steps(most: int) -> None:
    top, step, _, _ = usage._scale(most)
    assert most <= top * (1 + 1e-9) and 1 <= round(top / step) <= 5


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_every_hour_counts_once_by_every_clock(yard: Camera, zone: str) -> None:
    # Over the end of summer time in Europe and the begin of it on Lord Howe.
    now = datetime(2026, 10, 26, 11, 20, tzinfo=UTC)
    for ago in range(72):
        at = now.replace(minute=0) - timedelta(hours=ago)
        HourUsage.objects.create(camera=yard, camera_slug="yard", hour=at, kind="recordings", files=1, bytes=MB)
    with timezone.override(zone):
        hours, days = usage.plots(OWNER, None, now)
    assert hours.bytes == 48 * MB and days.bytes == 72 * MB
    if zone == "Europe/Berlin":
        assert next(column.bytes for column in days.columns if column.full.endswith("25 October")) == 25 * MB


def test_members_see_what_they_may_play_back_and_no_more(
    bob: User, charlie: User, alice: User, yard: Camera, garden: Camera, client_of: Any
) -> None:
    used(yard, 1, size=11 * MB)
    used(garden, 1, size=22 * MB)
    used(None, 1, size=44 * MB)
    Grant.objects.create(camera=yard, user=bob, right=Right.WATCH)
    Grant.objects.create(camera=garden, user=bob, right=Right.PLAYBACK)
    page = client_of(bob).get("/usage/").content.decode()
    assert "22 MB" in page and "11 MB" not in page and "77 MB" not in page and "Yard" not in page and "gone" not in page
    assert "free of" not in page
    assert client_of(bob).get("/usage/?camera=yard").status_code == 404
    assert client_of(bob).get("/usage/?camera=nowhere").status_code == 404
    nothing = client_of(charlie).get("/usage/").content.decode()
    assert "Yard" not in nothing and "Garden" not in nothing and " MB" not in nothing
    whole = client_of(alice).get("/usage/").content.decode()
    assert "77 MB" in whole and "(deleted)" in whole and "free of" in whole
    one = client_of(alice).get("/usage/?camera=garden").content.decode()
    assert "Space used: <bdi>Garden</bdi>" in one


def test_the_page_says_which_limits_hold(alice: User, yard: Camera, client_of: Any) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"still_days": 3, "gigabytes_kept": 50})
    Camera.objects.filter(pk=yard.pk).update(days_kept=5)
    page = client_of(alice).get("/usage/").content.decode()
    assert "Stills are kept 3 days" in page and "at most 50 GB" in page and "recordings are kept 5 days." in page


def test_odd_names_are_shown_as_they_are(alice: User, yard: Camera, client_of: Any) -> None:
    Camera.objects.update(name='<script>alert("x")</script>')
    used(yard, 1)
    page = client_of(alice).get("/usage/?camera=yard").content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


@pytest.mark.usefixtures("zone_held")
@pytest.mark.slow
def test_much_takes_no_more_queries_than_little(alice: User, yard: Camera, garden: Camera, client_of: Any) -> None:
    from django.db import connection

    client = client_of(alice)
    used(yard, 1)
    client.get("/usage/")
    with CaptureQueriesContext(connection) as little:
        client.get("/usage/")
    storage, now = Storage.objects.create(path="/nowhere"), timezone.now()
    Recording.objects.bulk_create(
        Recording(
            camera=yard, storage=storage, uid=f"{number:08x}", state="closed", trigger="always", bytes=1,
            file=f"recordings/yard/{number}", started_at=now - timedelta(seconds=number * 20),
        )
        for number in range(5_000)
    )  # fmt: skip
    hour = now.replace(minute=0, second=0, microsecond=0)
    HourUsage.objects.bulk_create(
        [
            HourUsage(camera=camera, camera_slug=camera.slug, hour=hour - timedelta(hours=ago), kind=kind, bytes=MB)
            for camera in (yard, garden) for ago in range(31 * 24) for kind in ("recordings", "stills", "events")
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    began = time.thread_time()
    with CaptureQueriesContext(connection) as much:
        assert client.get("/usage/").status_code == 200
    assert len(much) == len(little)
    assert time.thread_time() - began < 2.0
