"""The settings of recording and keeping: saved, refused in words, and beside them what they have come to."""

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from camera import ports
from camera.models import Camera, Storage
from camera.words import many, size, span
from main.footage_facts import disk_days, in_days
from main.middleware import HouseTime
from main.models import AuditEntry, SiteSettings
from tests.footage_cast import happened, recorded
from tests.test_settings_page import GOOD

pytestmark = pytest.mark.django_db
OTHER = {"record": "motion", "pre_roll": "2.5", "post_roll": "20", "manual_hours": "1.5", "recording_days": "3",
         "event_days": "9", "gigabytes_kept": "120"}  # fmt: skip


def words(page: Any) -> str:
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", page.content.decode()))


def test_saved_values_are_the_engines_policy_at_once(client_of: Any, alice: User) -> None:
    assert client_of(alice).post("/settings/", GOOD | OTHER).status_code == 302
    policy = ports.policy()
    assert (policy.record, policy.pre_roll, policy.post_roll, policy.manual_hours) == ("motion", 2.5, 20, 1.5)
    assert (policy.recording_days, policy.event_days, policy.gigabytes) == (3, 9, 120)
    entry = AuditEntry.objects.get()
    assert (entry.before["record"], entry.after["record"]) == ("off", "motion")
    assert (entry.before["gigabytes_kept"], entry.after["gigabytes_kept"]) == (None, 120)
    client_of(alice).post("/settings/", GOOD | OTHER | {"gigabytes_kept": ""})
    assert ports.policy().gigabytes is None


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("record", "sometimes", "Select a valid choice"),
        ("pre_roll", "61", "At most 60 seconds"),
        ("pre_roll", "-1", "At least 0"),
        ("post_roll", "nan", "Write a number"),
        ("post_roll", "601", "At most 600 seconds"),
        ("manual_hours", "0", "At least 0.01"),
        ("manual_hours", "25", "At most 24 hours"),
        ("recording_days", "0", "At least 1"),
        ("recording_days", "1.5", "Write a whole number of days"),
        ("recording_days", "-3", "At least 1"),
        ("event_days", "", "This field is required"),
        ("event_days", "9" * 30, "less than or equal to 36500"),
        ("gigabytes_kept", "0", "choose «never» above"),
        ("gigabytes_kept", "inf", "Write a number of gigabytes"),
        ("recordings_path", "/etc", "STORAGE_ROOTS allows"),
    ],
)
def test_bad_values_are_told_and_nothing_is_saved(
    field: str, value: str, why: str, client_of: Any, alice: User
) -> None:
    client = client_of(alice)
    before = SiteSettings.objects.values().first()
    page = client.post("/settings/", GOOD | OTHER | {field: value})
    error = page.content.decode().partition(f'id="id_{field}_error"')[2].partition("</div>")[0]
    assert page.status_code == 200 and why in html.unescape(error)
    after = SiteSettings.objects.values().first() or {}
    assert all(after[name] == had for name, had in (before or {}).items()) and not AuditEntry.objects.exists()


def test_the_page_says_what_the_values_have_come_to(
    client_of: Any, alice: User, yard: Camera, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    now, client = timezone.now(), client_of(alice)
    assert "There are no recordings yet." in words(client.get("/settings/"))
    here = Storage.objects.create(path=str(tmp_path))
    recorded(yard, now - timedelta(days=3), storage=here, bytes=9_000_000_000)
    recorded(yard, now - timedelta(days=1), storage=here, bytes=3_000_000_000, kept_at=now)
    recorded(yard, now - timedelta(days=9), storage=here, bytes=5, delete_requested_at=now)
    recorded(yard, now, bytes=400_000_000)
    happened(yard, now - timedelta(days=20))
    cache.clear()
    told = words(client.get("/settings/"))
    assert "Now: 12 GB in 3 recordings; the oldest is of 3 days ago." in told
    assert "1 recording marked as kept" in told and "1 event; the oldest is of 20 days ago." in told
    assert f"Now they go to {tmp_path}, where 3 recordings take 12 GB." in told
    assert re.search(r"Its disk has [\d.]+ .B free of [\d.]+ .B\.", told)
    assert "Earlier recordings stay in /nowhere: 1 recording takes 400 MB." in told
    assert "At the pace of the last week there is room for" in told


def test_the_page_takes_the_same_number_of_queries_for_many_recordings(
    client_of: Any, alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HouseTime, "_zone", (float("inf"), "UTC"))  # read every two seconds, whoever asks
    client = client_of(alice)
    recorded(yard, timezone.now())
    client.get("/settings/")
    with CaptureQueriesContext(connection) as few:
        client.get("/settings/")
    for minute in range(30):
        recorded(yard, timezone.now() - timedelta(minutes=minute))
    with CaptureQueriesContext(connection) as more:
        client.get("/settings/")
    assert len(more) == len(few)


def test_how_long_the_disk_lasts(yard: Camera, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    here = Storage.objects.create(path=str(tmp_path))
    SiteSettings.objects.update_or_create(pk=1, defaults={"gigabytes_kept": 0.5})
    assert disk_days() is None
    recorded(yard, timezone.now() - timedelta(days=2), storage=here, bytes=100_000_000)
    assert disk_days() is None  # as a minute ago
    cache.clear()
    assert disk_days() == pytest.approx(10, rel=0.01)  # 50 MB a day, 500 MB
    SiteSettings.objects.update(gigabytes_kept=None)
    cache.clear()
    assert (disk_days() or 0) > 10


def test_a_pace_of_an_hour_is_none_yet(yard: Camera) -> None:
    recorded(yard, timezone.now() - timedelta(hours=1), bytes=10**9)
    assert disk_days() is None


def test_sizes_and_spans_in_words() -> None:
    assert [size(count) for count in (0, 999, 1000, 84_000_000, 999_600_000, 1.25e9, 12e9, 3e12)] == [
        "0 B", "999 B", "1.0 kB", "84 MB", "1.0 GB", "1.2 GB", "12 GB", "3.0 TB",
    ]  # fmt: skip
    assert [span(seconds) for seconds in (0, 40, 90, 5400, 172_800)] == ["0 s", "40 s", "2 min", "2 h", "2 days"]
    assert [in_days(days) for days in (0.5, 1.9, 11.2, 4000)] == ["less than a day", "1 day", "11 days", "over a year"]
    assert (many(1, "event"), many(0, "event")) == ("1 event", "0 events")


def test_whole_numbers_are_shown_as_such(client_of: Any, alice: User, yard: Camera) -> None:
    page = client_of(alice).get("/settings/").content.decode()
    assert 'value="5"' in page and 'value="5.0"' not in page and 'value="15.0"' not in page
    client_of(alice).post("/settings/", {})  # a faulty form shows what was typed
    assert 'value="2.0"' not in client_of(alice).get("/cameras/yard/").content.decode()
