"""What a page says would go is what retention then takes; asking changes nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from camera import ports
from camera.engine import retention as engine
from camera.engine.retention import Retention
from camera.engine.selection import Limits, Own
from camera.models import Camera, Event, Grant, HourUsage, Recording, Right, Storage, TimeLapse
from main import what_if
from main.models import AuditEntry, SiteSettings
from tests.keeping_house import Clock, event, hour_of_stills, recording, storage_at
from tests.test_settings_page import GOOD
from tests.test_stills_retention import timelapse

MB, GB = 1_000_000, 1_000_000_000
DISK = 100 * GB


@pytest.fixture
def storage(tmp_path: Path, settings: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> Storage:
    settings.MEDIA_ROOT = tmp_path / "media"
    made = storage_at(tmp_path / "media")
    for module in (what_if, engine):
        monkeypatch.setattr(module, "size_of_disk", lambda folder: (1, DISK))
    return made


@pytest.fixture
def archive(storage: Storage, yard: Camera) -> Camera:
    """Twenty days of two cameras: a recording of 2 GB a day each, some kept, with events, stills and films."""
    garden = Camera.objects.create(name="Garden", slug="garden", kind="pattern")
    media = Path(storage.path)
    for day in range(20):
        for camera in (yard, garden):
            kept = timezone.now() if day % 6 == 5 else None
            row = recording(storage, camera, age=day + 0.1, size=64, kept_at=kept)
            event(camera, media, age=day + 0.1, recording=row if day % 2 else None)
            hour_of_stills(camera, media, age=day * 24 + 2, bytes=GB)
    recording(storage, yard, age=18, size=64, state="open")
    recording(storage, yard, age=18, size=64, state="missing")
    recording(storage, yard, age=-30, size=64)
    timelapse(yard, media, age=19)
    Recording.objects.update(bytes=2 * GB)
    return garden


def taken() -> dict[str, set[int]]:
    return {
        model.__name__: set(model.objects.exclude(delete_requested_at=None).values_list("pk", flat=True))
        for model in (Recording, Event, HourUsage, TimeLapse)
    }


CASES = {
    "by age": Limits(recording_days=7, event_days=9, still_days=4),
    "by the house's bytes": Limits(recording_days=50, event_days=50, still_days=50, gigabytes=30),
    "by age and bytes": Limits(recording_days=12, event_days=15, still_days=3, gigabytes=11.5),
    "by the disk's share": Limits(recording_days=500, event_days=500, still_days=500),
    "a small limit": Limits(recording_days=1, event_days=1, still_days=1, gigabytes=0.01),
    "nothing": Limits(recording_days=36500, event_days=36500, still_days=36500, gigabytes=1e6),
}
OWN = {"none": (None, None), "days": (3, None), "bytes": (None, 9.0), "both": (4, 5.0), "longer": (300, None)}


@pytest.mark.slow
@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("case", CASES)
def test_what_is_told_is_what_retention_takes(
    case: str, own: str, archive: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, (days, gigabytes) = CASES[case], OWN[own]
    limits = Limits(limits.recording_days, limits.event_days, limits.still_days, limits.gigabytes,
                    {archive.pk: Own(days, gigabytes)} if own != "none" else {})  # fmt: skip
    told, before = what_if.reckon(limits), taken()
    mine = what_if.reckon(limits, archive)
    assert before == {"Recording": set(), "Event": set(), "HourUsage": set(), "TimeLapse": set()}, (
        "asking changes nothing"
    )
    Camera.objects.filter(pk=archive.pk).update(days_kept=days, gigabytes_kept=gigabytes)
    policy = ports.Policy(
        recording_days=limits.recording_days, event_days=limits.event_days, still_days=limits.still_days,
        gigabytes=limits.gigabytes,
    )  # fmt: skip
    monkeypatch.setattr(ports, "policy", lambda: policy)
    clock = Clock()
    job = Retention(lambda: clock.wall, clock, disk_size=lambda folder: (1, DISK))
    while job():
        clock.forward(61)
    after = taken()
    recordings, hours = (
        Recording.objects.filter(pk__in=after["Recording"]),
        HourUsage.objects.filter(pk__in=after["HourUsage"]),
    )
    assert told.recordings == len(recordings) and told.bytes == sum(
        one.bytes for one in recordings if one.state != "missing"
    )
    assert told.events == len(after["Event"]) and told.timelapses == len(after["TimeLapse"])
    assert (told.hours, told.stills_bytes) == (len(hours), sum(one.bytes for one in hours))
    assert told.stills == sum(one.files for one in hours)
    assert mine.recordings == recordings.filter(camera=archive).count()
    assert mine.hours == hours.filter(camera=archive).count()
    oldest = Recording.objects.remaining().filter(kept_at=None).exclude(state="open").order_by("started_at").first()
    assert (told.left is None) == (oldest is None)
    if oldest is not None and told.left is not None:
        assert told.left == pytest.approx(max(0, (timezone.now() - oldest.started_at).total_seconds()), abs=60)


def test_the_cases_are_not_all_alike(archive: Camera) -> None:
    counts = {name: what_if.reckon(limits).recordings for name, limits in CASES.items()}
    assert len(set(counts.values())) >= 5 and counts["nothing"] == 0, counts


def test_the_words(storage: Storage, yard: Camera) -> None:
    for day in range(4):
        recording(storage, yard, age=day + 0.5, kept_at=timezone.now() if day == 3 else None)
    Recording.objects.update(bytes=19 * GB)
    words = what_if.reckon(Limits(recording_days=2)).sentences()
    assert words == ["Keeps 36 h of recordings, removes 1 recording (19 GB), spares 1 kept."]
    assert what_if.reckon(Limits(recording_days=30)).sentences() == [
        "Nothing goes: all that there is fits these limits."
    ]


def test_the_pace_is_told_from_the_last_week(storage: Storage, yard: Camera) -> None:
    assert what_if.pace_words(50) == ""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for ago in range(24 * 9):
        HourUsage.objects.create(
            camera=yard, camera_slug="yard", kind="recordings", hour=now - timedelta(hours=ago), files=1, bytes=GB // 2
        )
    assert what_if.pace_words(50, now=now) == "At the pace of the last 7 days the limit of 50 GB lasts 4.2 days."
    assert what_if.pace_words(3, yard, now) == "At the pace of the last 7 days the limit of 3 GB lasts 6 hours."
    assert what_if.pace_words(None, now=now) == "At the pace of the last 7 days the cameras record 12 GB a day."


def test_the_settings_page_tells_before_saving(alice: User, archive: Camera, client_of: Any) -> None:
    client = client_of(alice)
    ask = {"recording_days": "7", "event_days": "60", "still_days": "40", "gigabytes_kept": ""}
    part = client.get("/settings/what-if/", ask, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and "Keeps 6 days of recordings, removes 23 recordings (44 GB), spares 4 kept." in part
    page = client.get("/settings/what-if/", ask).content.decode()
    assert "<html" in page and "removes 23 recordings" in page
    # Without JavaScript: the button in the form, with what was typed still in it.
    shown = client.post("/settings/", GOOD | ask | {"what_if": "1", "site_name": "Typed"})
    text = shown.content.decode()
    assert shown.status_code == 200 and "removes 23 recordings" in text and 'value="Typed"' in text
    assert SiteSettings.load().recording_days == 14 and not AuditEntry.objects.exists()
    assert taken()["Recording"] == set()


def test_a_folder_is_not_made_for_a_question(alice: User, storage: Storage, client_of: Any) -> None:
    folder = Path(storage.path) / "new"
    client_of(alice).post("/settings/", GOOD | {"what_if": "1", "recordings_path": str(folder)})
    assert not folder.exists()


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("recording_days", "0", "Days that recordings are kept: At least 1."),
        ("still_days", "many", "Days that stills are kept: Write a whole number"),
        ("gigabytes_kept", "nan", "Gigabytes of recordings kept: Write a number"),
        ("event_days", "", "Days that events and their pictures are kept: This field is required"),
        ("recording_days", "9" * 400, "Days that recordings are kept"),
    ],
)
def test_what_cannot_be_saved_is_told(alice: User, client_of: Any, field: str, value: str, why: str) -> None:
    part = client_of(alice).get("/settings/what-if/", {field: value}, headers={"HX-Request": "true"})
    assert part.status_code == 200 and why in part.content.decode()


def test_the_longest_days_are_no_fault(alice: User, client_of: Any) -> None:
    ask = {"recording_days": "36500", "event_days": "36500", "still_days": "36500"}
    assert client_of(alice).get("/settings/what-if/", ask).status_code == 200


def test_saving_tells_what_will_go(alice: User, archive: Camera, client_of: Any) -> None:
    keep = {"event_days": "100", "still_days": "40"}
    client = client_of(alice)
    page = client.post("/settings/", GOOD | keep | {"recording_days": "7", "gigabytes_kept": ""}, follow=True)
    text = page.content.decode()
    assert "The settings are saved." in text and "23 recordings (44 GB)" in text and "will be deleted" in text
    HourUsage.objects.update(bytes=1)
    page = client.post("/settings/", GOOD | keep | {"recording_days": "900", "gigabytes_kept": "900"}, follow=True)
    assert "will be deleted" not in page.content.decode()


def test_a_camera_tells_what_of_it_would_go(alice: User, bob: User, archive: Camera, client_of: Any) -> None:
    SiteSettings.objects.update_or_create(
        pk=1, defaults={"recording_days": 500, "event_days": 500, "still_days": 500, "gigabytes_kept": 1000}
    )
    ask = {"days_kept": "3", "gigabytes_kept": "", "stills_every": "10"}
    htmx = {"HX-Request": "true"}
    part = client_of(alice).get("/cameras/garden/what-if/", ask, headers=htmx).content.decode()
    assert "removes 14 recordings (28 GB), spares 3 kept." in part
    assert "A still every 10 s makes 8,640 a day" in part
    none = client_of(alice).get("/cameras/garden/what-if/", {"stills_every": "0"}, headers=htmx).content.decode()
    assert "No further stills are taken" in none
    wrong = client_of(alice).get("/cameras/garden/what-if/", {"stills_every": "4000"}, headers=htmx).content.decode()
    assert "At most 3600" in wrong
    page = client_of(alice).post("/cameras/garden/what-if/", ask | {"password": "s3cret"}).content.decode()
    assert "removes 14 recordings" in page and "s3cret" not in page
    assert Camera.objects.get(slug="garden").days_kept is None
    assert client_of(bob).get("/cameras/garden/what-if/").status_code == 404
    Grant.objects.create(camera=archive, user=bob, right=Right.MANAGE)
    assert client_of(bob).get("/cameras/garden/what-if/").status_code == 200


def test_saving_a_camera_tells_what_of_it_will_go(alice: User, archive: Camera, client_of: Any) -> None:
    SiteSettings.objects.update_or_create(
        pk=1, defaults={"recording_days": 500, "event_days": 500, "still_days": 500, "gigabytes_kept": 1000}
    )
    form = {"name": "Garden", "source": "pattern:", "enabled": "on", "days_kept": "3", "stills_every": "30"}
    client = client_of(alice)
    text = client.post("/cameras/garden/", form, follow=True).content.decode()
    assert "Garden is saved." in text and "14 recordings (28 GB)" in text
    saved = Camera.objects.get(slug="garden")
    assert (saved.days_kept, saved.stills_every) == (3, 30)
    entry = AuditEntry.objects.get()
    assert entry.before["seconds from still to still"] == 5 and entry.after["seconds from still to still"] == 30
    again = client.post("/cameras/garden/", form | {"stills_every": ""}, follow=True).content.decode()
    assert "will be deleted" not in again and Camera.objects.get(slug="garden").stills_every == 30


def test_deleting_a_camera_tells_of_its_stills(alice: User, archive: Camera, client_of: Any) -> None:
    page = client_of(alice).get("/cameras/garden/delete/").content.decode()
    assert "20 recordings (40 GB), 20 events and 60 stills (20 GB)" in page
    client_of(alice).post("/cameras/garden/delete/", {"kept_too": "on"})
    left = HourUsage.objects.filter(camera_slug="garden", delete_requested_at=None)
    assert not left.exists() and HourUsage.objects.filter(camera_slug="yard", delete_requested_at=None).exists()


@pytest.mark.slow
def test_a_hundred_thousand_recordings_are_told_in_time(
    storage: Storage, yard: Camera, django_assert_max_num_queries: Any
) -> None:
    import time

    now = timezone.now()
    Recording.objects.bulk_create(
        Recording(
            camera=yard, storage=storage, uid=f"{number:08x}", state="closed", trigger="always", bytes=MB,
            file=f"recordings/yard/{number}", started_at=now - timedelta(seconds=number * 20),
        )
        for number in range(100_000)
    )  # fmt: skip
    began = time.thread_time()
    with django_assert_max_num_queries(16):
        told = what_if.reckon(Limits(recording_days=20, gigabytes=10))
    assert told.recordings == 90_000 and time.thread_time() - began < 2.0
