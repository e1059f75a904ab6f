"""The bar of the house: last motion, the disk, and what an owner has to see to; each for those it concerns."""

import html
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Event, Grant, Right, Storage
from camera.packets import CameraState, StateName
from main.middleware import HouseTime
from main.pages.wall import told
from tests.footage_cast import happened, recorded

pytestmark = pytest.mark.django_db


def bar(client: Client, path: str = "/me/") -> str:
    head = client.get(path).content.decode().partition('id="house-phrase">')[2].partition("</p>")[0]
    return html.unescape(re.sub(r"<[^>]+>", "", head))


def system(label: str, **values: Any) -> Event:
    return Event.objects.create(
        uid=label[:8], kind="system", label=label, started_at=timezone.now(), changed_at=timezone.now(), **values
    )


def test_the_last_motion_is_told_to_those_who_may_look_back(
    client_of: Any, alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant
) -> None:
    at = timezone.localtime() - timedelta(minutes=4)
    happened(yard, at - timedelta(minutes=3))
    happened(yard, at, kind="person")
    happened(yard, timezone.now(), kind="camera_offline")
    happened(yard, timezone.now(), delete_requested_at=timezone.now())
    assert f"last motion Yard, {at:%H:%M}" in bar(client_of(alice))
    page = client_of(alice).get("/me/").content.decode()
    assert re.search(r'<time datetime="[^"]+" data-relative>', page)
    assert "last motion" not in bar(client_of(bob)) and "last motion" not in bar(client_of(charlie))
    Grant.objects.create(camera=yard, user=bob, right=Right.PLAYBACK)
    assert "last motion Yard" in bar(client_of(bob))


def test_a_motion_of_two_days_ago_is_no_news(client_of: Any, alice: User, yard: Camera) -> None:
    happened(yard, timezone.now() - timedelta(days=2))
    assert "last motion" not in bar(client_of(alice))


def test_the_bar_takes_the_same_number_of_queries_for_many_events(
    client_of: Any, alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HouseTime, "_zone", (float("inf"), "UTC"))  # read every two seconds, whoever asks
    client = client_of(alice)
    happened(yard, timezone.now())
    client.get("/me/")
    with CaptureQueriesContext(connection) as few:
        client.get("/me/")
    for minute in range(30):
        happened(yard, timezone.now() - timedelta(minutes=minute))
        recorded(yard, timezone.now() - timedelta(minutes=minute))
    with CaptureQueriesContext(connection) as many:
        client.get("/me/")
    assert len(many) == len(few)


def test_how_long_the_disk_lasts_is_told_to_owners(
    client_of: Any, alice: User, bob: User, yard: Camera, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    here = Storage.objects.create(path=str(tmp_path))
    recorded(yard, timezone.now() - timedelta(days=1), storage=here, bytes=100)
    assert re.search(r"disk over a year$", bar(client_of(alice)))
    assert "disk" not in bar(client_of(bob))


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("disk_low", "nearly full"),
        ("storage_missing", "nothing is recorded there; live pictures go on"),
        ("something <new>", "something <new>."),
    ],
)
def test_an_open_fault_of_the_house_is_told_to_owners_on_every_page(
    label: str, words: str, client_of: Any, alice: User, bob: User
) -> None:
    client, fault = client_of(alice), system(label)
    for path in ("/", "/me/", "/settings/", "/nowhere/"):
        page = client.get(path).content.decode()
        assert 'role="alert"' in page and words in html.unescape(page) and "<new>" not in page
    assert "See to this" not in client_of(bob).get("/me/").content.decode()
    fault.ended_at = timezone.now()
    fault.save(update_fields=["ended_at"])
    assert "See to this" not in client.get("/me/").content.decode()


def test_one_fault_is_told_once(client_of: Any, alice: User) -> None:
    system("disk_low")
    Event.objects.update(uid="other")
    system("disk_low")
    assert client_of(alice).get("/me/").content.decode().count("See to this") == 1


def test_a_tile_says_that_its_camera_is_recorded(
    client_of: Any, alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = CameraState(camera=yard.pk, state=StateName.ONLINE)
    for recording, mark in ((True, True), (False, False)):
        now = replace(state, recording=recording)
        monkeypatch.setattr("camera.live.hub.Hub.state", lambda hub, pk, now=now: now)
        assert told(now).recording is recording
        assert ("▮ Recording" in client_of(alice).get("/").content.decode()) is mark
