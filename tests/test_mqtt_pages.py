"""Owners see on the page of notifications how the house stands on its broker; nobody else does."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera.models import Camera
from main.models import ViewingSession
from main.notify.mqtt.showing import Showing
from main.notify.mqtt.standing import NAME, Notice, Standing, how_it_stands
from main.viewings import names_watching
from surveillance.broker import Broker

ClientOf = Callable[[User | None], Client]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.RUN_DIR = tmp_path
    return tmp_path


def page(client: Client) -> str:
    return client.get("/notifications/").content.decode()


def test_an_owner_sees_it_and_nobody_else(
    client_of: ClientOf, alice: User, bob: User, folder: Path, settings: Any
) -> None:
    assert "MQTT" not in page(client_of(alice))
    settings.MQTT_URL = Broker("broker.lan", 8883, password="S3CRETpw")
    assert "The process that tells the broker is not running." in page(client_of(alice))
    notice = Notice(folder)
    notice.tell(Standing(words="The broker refuses <b>it</b>."))
    told = page(client_of(alice))
    assert "▲ The broker refuses &lt;b&gt;it&lt;/b&gt;." in told and "S3CRETpw" not in told
    notice.tell(Standing(True, "Connected to broker.lan, port 8883."))
    assert "● Connected to broker.lan, port 8883." in page(client_of(alice))
    assert "MQTT" not in page(client_of(bob))
    notice.remove()
    assert how_it_stands() is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"up": 1}', '{"up": true, "words": "x", "since": "y", "at": 1}', "\0"]
)
def test_what_cannot_be_read_is_not_believed(text: str, folder: Path) -> None:
    (folder / NAME).write_text(text)
    assert how_it_stands() is None


def test_what_was_told_long_ago_is_not_believed(folder: Path) -> None:
    Notice(folder).tell(Standing(True, "Connected."))
    told = json.loads((folder / NAME).read_text())
    assert how_it_stands() == Standing(True, "Connected.", told["since"])
    (folder / NAME).write_text(json.dumps(told | {"at": time.time() - 100}))
    assert how_it_stands() is None


def test_who_looks_by_the_broker_stands_in_the_log_and_beside_the_picture(
    client_of: ClientOf, alice: User, yard: Camera
) -> None:
    showing = Showing()
    showing.show([yard.pk], 0.0)
    assert names_watching([yard.pk]) == {yard.pk: ["MQTT"]}
    assert "MQTT" in client_of(alice).get("/logs/").content.decode()
    showing.show([yard.pk], 5.0)
    assert ViewingSession.objects.count() == 1
    # What was ended meanwhile begins anew; what goes out no more is over.
    ViewingSession.objects.update(ended_at=timezone.now())
    showing.show([yard.pk], 20.0)
    showing.show([yard.pk], 40.0)
    assert ViewingSession.objects.filter(ended_at=None).count() == 1
    showing.show([], 41.0)
    assert names_watching([yard.pk]) == {yard.pk: []}
