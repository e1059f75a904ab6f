"""The house on a real broker: what it tells of its cameras, and what happens to that over restarts and renames."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from camera.models import Camera, Event
from main.models import ViewingSession
from tests.house import wait_for
from tests.live_house import DOT, Voice
from tests.mqtt_kit import Listener, Mosquitto, listening, needs_mosquitto, on_the_broker, settled, until_up
from tests.mqtt_schema import check

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True), needs_mosquitto]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as made:
        yield made


@pytest.fixture
def ha(mosquitto: Mosquitto) -> Iterator[Listener]:
    with listening(mosquitto.broker) as made:
        yield made


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as made:
        yield made


def happened(camera: Camera, kind: str, **values: object) -> Event:
    now = timezone.now()
    made = {"started_at": now, "changed_at": now, "uid": f"{Event.objects.count():08x}"} | values
    return Event.objects.create(camera=camera, camera_name=camera.name, camera_slug=camera.slug, kind=kind, **made)


def test_cameras_are_discovered_and_their_states_told(
    mosquitto: Mosquitto, ha: Listener, voice: Voice, yard: Camera
) -> None:
    voice.online(yard.pk, recording=True)
    with on_the_broker(mosquitto.broker) as house:
        ha.waits("fairwatch/status", "online")
        ha.waits("fairwatch/yard/online", "ON")
        ha.waits("fairwatch/yard/recording", "ON")
        settled(house)
        configs = ha.kept("homeassistant/")
        assert len(configs) == 7
        for topic, config in configs.items():
            check(topic, json.loads(config))
        event = happened(yard, "motion")
        voice.raw(b"event:1;", {"event": event.pk})
        ha.waits("fairwatch/yard/motion", "ON")
        assert ha.last("fairwatch/yard/person") == b"OFF"
        Event.objects.filter(pk=event.pk).update(kind="person", changed_at=timezone.now())
        ha.waits("fairwatch/yard/person", "ON")
        Event.objects.filter(pk=event.pk).update(ended_at=timezone.now(), changed_at=timezone.now())
        ha.waits("fairwatch/yard/person", "OFF")
        ha.waits("fairwatch/yard/motion", "OFF")
        voice.offline(yard.pk)
        ha.waits("fairwatch/yard/online", "OFF")
    ha.waits("fairwatch/status", "offline")
    assert ha.last("fairwatch/yard/motion") == b"OFF" and ha.kept("homeassistant/") == configs
