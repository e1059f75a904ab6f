"""The settings page: what is saved holds at once, what is wrong is told and saves nothing."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera import ports
from main.middleware import HouseTime
from main.models import AuditEntry, SiteSettings

pytestmark = pytest.mark.django_db
GOOD = {
    "site_name": "Smith house", "viewer_fps": "7.5", "signups_open": "on", "time_zone": "Europe/Berlin",
    "record": "off", "pre_roll": "5", "post_roll": "10", "manual_hours": "4", "recordings_path": "",
    "recording_days": "14", "event_days": "60", "still_days": "2", "gigabytes_kept": "",
}  # fmt: skip


def saved() -> dict[str, Any]:
    return SiteSettings.objects.values("site_name", "viewer_fps", "signups_open", "time_zone").get()


def test_saved_values_hold_without_a_restart(alice: User, client_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(alice)
    assert "by invitation" in Client().get("/accounts/signup/").content.decode()
    assert client.post("/settings/", GOOD).status_code == 302
    assert saved() == {
        "site_name": "Smith house",
        "viewer_fps": 7.5,
        "signups_open": True,
        "time_zone": "Europe/Berlin",
    }
    assert ports.policy().viewer_fps == 7.5
    assert "Smith house" in client.get("/people/").content.decode()
    assert "You come in as a guest" in Client().get("/accounts/signup/").content.decode()
    monkeypatch.setattr(HouseTime, "_zone", (-10.0, "UTC"))  # two seconds later
    client.get("/settings/")
    assert timezone.get_current_timezone_name() == "Europe/Berlin"


def test_the_audit_tells_what_was_and_what_became(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    client.post("/settings/", GOOD)
    entry = AuditEntry.objects.get()
    assert entry.actor == "alice"
    assert entry.before == {"site_name": "Fairwatch", "viewer_fps": 15, "signups_open": False, "time_zone": "UTC"}
    assert entry.after == {
        "site_name": "Smith house",
        "viewer_fps": 7.5,
        "signups_open": True,
        "time_zone": "Europe/Berlin",
    }
    client.post("/settings/", GOOD)
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("viewer_fps", "0", "At least 0.2"),
        ("viewer_fps", "61", "At most 60"),
        ("viewer_fps", "many", "Write a number"),
        ("viewer_fps", "nan", "Write a number"),
        ("viewer_fps", "inf", "Write a number"),
        ("viewer_fps", "", "This field is required"),
        ("time_zone", "Mars/Phobos", "There is no time zone of that name"),
        ("time_zone", "../../etc/passwd", "There is no time zone of that name"),
        ("site_name", "", "This field is required"),
        ("site_name", "x" * 61, "at most 60 characters"),
        ("site_name", "a\x07b", "no control characters"),
        ("site_name", "\u202eesuoh", "turn the direction"),
        ("site_name", "\u200b", "that can be seen"),
    ],
)
def test_bad_values_are_told_and_nothing_is_half_saved(
    alice: User, client_of: Any, field: str, value: str, why: str
) -> None:
    client = client_of(alice)
    client.get("/settings/")
    before = saved()
    page = client.post("/settings/", GOOD | {field: value})
    text = page.content.decode()
    assert page.status_code == 200 and saved() == before and not AuditEntry.objects.exists()
    error = text.partition(f'id="id_{field}_error"')[2].partition("</div>")[0]
    assert why in error
    control = (
        text.partition(f'id="id_{field}"')[0].rpartition("<")[2]
        + text.partition(f'id="id_{field}"')[2].partition(">")[0]
    )
    assert f"id_{field}_error" in control and 'aria-invalid="true"' in control


def test_columns_that_are_not_on_the_page_cannot_be_set(alice: User, client_of: Any) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"first_run_done": True})
    client_of(alice).post("/settings/", GOOD | {"first_run_done": "", "id": "7", "pk": "7"})
    assert SiteSettings.objects.get().first_run_done is True


def test_what_was_changed_meanwhile_elsewhere_stays(
    alice: User, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, stale = client_of(alice), SiteSettings.load()
    SiteSettings.objects.update(first_run_done=True, viewer_fps=4)
    monkeypatch.setattr(SiteSettings, "load", lambda: stale)
    client.post("/settings/", GOOD | {"viewer_fps": "15"})
    found = SiteSettings.objects.get()
    assert (found.first_run_done, found.viewer_fps, found.site_name) == (True, 4, "Smith house")


@pytest.mark.parametrize("who", ["bob", "charlie", None])
def test_only_owners_see_or_change_settings(
    alice: User, bob: User, charlie: User, client_of: Any, who: str | None
) -> None:
    client = client_of(User.objects.get(username=who) if who else None)
    refused = 403 if who else 302
    assert client.get("/settings/").status_code == refused
    assert client.post("/settings/", GOOD).status_code == refused
    assert SiteSettings.load().site_name == "Fairwatch"


def test_settings_need_the_forms_token_and_a_fitting_method(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post("/settings/", GOOD).status_code == 403
    assert client.delete("/settings/").status_code in (403, 405)


@pytest.mark.parametrize("name", ['"><script>window.x=1</script>', "{{7*7}}", "Haus am Deich 🏡 ابن"])
def test_the_houses_name_is_shown_as_it_is(alice: User, client_of: Any, name: str) -> None:
    client = client_of(alice)
    client.post("/settings/", GOOD | {"site_name": name})
    for path in ("/settings/", "/people/", "/admin/", "/nowhere/", "/accounts/password/change/"):
        page = client.get(path).content.decode()
        assert "<script>window.x" not in page and SiteSettings.load().site_name == name
