"""The camera form's sections Recording and Detection: the camera's own values, and the house's where it has none."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from camera.models import Camera, Grant, Right
from main.camera_fields import sensitivity_in_words
from main.models import AuditEntry, SiteSettings
from tests.camera_house import EngineEnd, form_values

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
OWN = {"record": "motion", "pre_roll": "3", "post_roll": "12.5", "days_kept": "2", "gigabytes_kept": "0.5",
       "audio": "on", "detect": "difference", "sensitivity": "80", "min_area": "1.5"}  # fmt: skip


def page_of(client: Client) -> str:
    return html.unescape(client.get("/cameras/door/").content.decode())


def test_own_values_are_saved_told_and_reach_the_engine(
    client_of: ClientOf, bob: User, door: Camera, engine: EngineEnd, django_capture_on_commit_callbacks: Any
) -> None:
    client = client_of(bob)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post("/cameras/door/", form_values(client, "/cameras/door/") | OWN).status_code == 302
    now = Camera.objects.get()
    assert (now.record, now.pre_roll, now.post_roll, now.days_kept, now.gigabytes_kept) == ("motion", 3, 12.5, 2, 0.5)
    assert (now.audio, now.detect, now.sensitivity, now.min_area) == (True, "difference", 80, 1.5)
    assert now.version == door.version + 1 and engine.wait_for("poke", {"camera": door.pk})
    entry = AuditEntry.objects.get()
    assert (entry.before["recorded"], entry.after["recorded"]) == ("as the house", "motion")
    assert entry.after["days kept"] == 2 and entry.after["record sound too"] is True


def test_emptied_values_are_the_houses_again(client_of: ClientOf, bob: User, door: Camera) -> None:
    client = client_of(bob)
    client.post("/cameras/door/", form_values(client, "/cameras/door/") | OWN)
    emptied = dict.fromkeys(("record", "pre_roll", "post_roll", "days_kept", "gigabytes_kept"), "")
    values = form_values(client, "/cameras/door/") | emptied
    del values["audio"]
    assert client.post("/cameras/door/", values).status_code == 302
    now = Camera.objects.get()
    assert (now.record, now.pre_roll, now.post_roll, now.days_kept, now.gigabytes_kept) == ("", None, None, None, None)
    assert not now.audio and AuditEntry.objects.latest("pk").after["seconds after a motion"] == "as the house"


def test_zero_seconds_are_a_value_and_not_the_houses(client_of: ClientOf, bob: User, door: Camera) -> None:
    client = client_of(bob)
    client.post("/cameras/door/", form_values(client, "/cameras/door/") | {"pre_roll": "0"})
    assert Camera.objects.get().pre_roll == 0
    assert "Its own. The house’s: 5." in page_of(client)


def test_the_form_shows_what_the_house_does(client_of: ClientOf, bob: User, door: Camera) -> None:
    client = client_of(bob)
    assert "as the house (never)" in page_of(client)
    SiteSettings.objects.update_or_create(
        pk=1, defaults={"record": "always", "pre_roll": 7, "recording_days": 30, "gigabytes_kept": 200}
    )
    page = page_of(client)
    assert "as the house (always)" in page
    for shown in ("as the house: 7", "as the house: 30", "as the house: 200, all cameras together"):
        assert f'placeholder="{shown}"' in page
    assert "does some things its own way" not in page
    Camera.objects.update(days_kept=3)
    page = page_of(client)
    assert "does some things its own way" in page and "Its own. The house’s: 30." in page
    assert "knows, visitors too" in page  # beside the box for sound


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("record", "sometimes", "Select a valid choice"),
        ("pre_roll", "61", "At most 60 seconds"),
        ("pre_roll", "x", "Write a number of seconds"),
        ("post_roll", "-1", "At least 0"),
        ("days_kept", "0", "At least 1 day"),
        ("days_kept", "1.5", "Write a whole number"),
        ("days_kept", "99999", "At most 36500"),
        ("gigabytes_kept", "nan", "Write a number"),
        ("gigabytes_kept", "0", "At least 0.01"),
        ("detect", "clairvoyance", "Select a valid choice"),
        ("detect", "off", "needs a motion detection"),
        ("sensitivity", "0", "At least 1"),
        ("sensitivity", "101", "At most 100"),
        ("sensitivity", "high", "Write a whole number"),
        ("min_area", "51", "At most 50"),
    ],
)
def test_bad_values_save_nothing_and_say_why(
    field: str, value: str, why: str, client_of: ClientOf, bob: User, door: Camera
) -> None:
    before, client = Camera.objects.values().get(), client_of(bob)
    reply = client.post("/cameras/door/", form_values(client, "/cameras/door/") | OWN | {field: value})
    assert list(reply.context["form"].errors) == [field] and why in reply.context["form"].errors[field][0]
    assert f'id="id_{field}_error"' in reply.content.decode()
    assert Camera.objects.values().get() == before and not AuditEntry.objects.exists()


def test_a_camera_that_detects_nothing_in_a_house_of_motion_is_warned_of(
    client_of: ClientOf, bob: User, door: Camera
) -> None:
    client = client_of(bob)
    client.post("/cameras/door/", form_values(client, "/cameras/door/") | {"detect": "off"})
    assert "it is never recorded" not in page_of(client)
    SiteSettings.objects.update_or_create(pk=1, defaults={"record": "motion"})
    assert "it is never recorded" in page_of(client)


def test_one_with_the_right_to_manage_changes_them_and_a_watcher_does_not(
    client_of: ClientOf, charlie: User, door: Camera
) -> None:
    Grant.objects.create(camera=door, user=charlie, right=Right.WATCH)
    client = client_of(charlie)
    assert client.post("/cameras/door/", OWN | {"name": "Door"}).status_code == 403
    Grant.objects.create(camera=door, user=charlie, right=Right.MANAGE)
    client.post("/cameras/door/", form_values(client, "/cameras/door/") | OWN)
    assert (Camera.objects.get().record, Camera.objects.get().days_kept) == ("motion", 2)


def test_the_sensitivity_is_said_in_words(client_of: ClientOf, bob: User, door: Camera) -> None:
    said = [sensitivity_in_words(value) for value in (1, 20, 21, "50", 81, 100, 0, 101, "", None, "x")]
    assert said[:6] == ["only what is large and plain"] * 2 + ["low", "medium"] + ["the faintest change"] * 2
    assert said[6:] == [""] * 5
    page = page_of(client_of(bob))
    assert re.search(r'<input type="range" name="sensitivity" value="50" min="1" max="100"', page)
    assert 'class="form-range"' in page and ">50: medium</output>" in page
