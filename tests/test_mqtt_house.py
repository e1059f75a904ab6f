"""The house on a real broker: what it tells of its cameras, and what happens to that over restarts and renames."""

import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone
from PIL import Image

from camera.models import Camera, Event
from camera.paths import still_file
from main.models import LogLine, ViewingSession
from main.notify.mqtt.pictures import MOST_BYTES, SIDES
from tests.house import wait_for
from tests.live_house import DOT, Voice
from tests.mqtt_kit import Listener, Mosquitto, listening, needs_mosquitto, on_the_broker, settled
from tests.mqtt_schema import check

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True), needs_mosquitto]
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _own_media(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


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


def kept(camera: Camera, at: datetime, data: bytes) -> Path:
    """A still of that time in its folder."""
    path = Path(settings.MEDIA_ROOT) / still_file(camera.slug, at.timestamp())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def jpeg(width: int, height: int) -> bytes:
    """One that does not compress well."""
    noise = np.random.default_rng(1).integers(0, 255, (height // 4, width // 4, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).resize((width, height), Image.Resampling.BILINEAR).save(out, "JPEG", quality=92)
    return out.getvalue()


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


def test_what_was_over_before_anybody_looked_is_told_for_a_moment_and_what_is_told_late_is_not(
    mosquitto: Mosquitto, ha: Listener, voice: Voice, yard: Camera
) -> None:
    voice.online(yard.pk)
    with on_the_broker(mosquitto.broker) as house:
        settled(house)
        now = timezone.now()
        happened(yard, "person", started_at=now - 120 * SECOND, ended_at=now)
        happened(yard, "ring", ended_at=now)
        voice.raw(b"event:1;", {"event": 1})
        ha.waits("fairwatch/yard/ring", "ON")
        ha.waits("fairwatch/yard/ring", "OFF")
    assert b"ON" not in ha.heard["fairwatch/yard/person"]


def test_a_camera_that_is_renamed_is_the_same_one_and_one_that_is_deleted_is_gone(
    mosquitto: Mosquitto, ha: Listener, voice: Voice, yard: Camera
) -> None:
    yard.abilities, yard.kind = ["pan_tilt", "home", "alarm"], "onvif"
    yard.save(update_fields=["abilities", "kind"])
    gone = Camera.objects.create(name="Attic", slug="attic", kind="pattern")
    topic = f"homeassistant/camera/fairwatch/{yard.pk}_still/config"
    with on_the_broker(mosquitto.broker) as house:
        wait_for(lambda: ha.last(topic), 15, "the camera")
        settled(house)
        before = ha.kept("homeassistant/")
        assert sum("/button/" in one for one in before) == 7
        for one, config in before.items():
            check(one, json.loads(config))
        Camera.objects.filter(pk=yard.pk).update(name="Garden ünï", slug="garden")
        gone_pk = gone.pk
        gone.delete()
        wait_for(lambda: ha.last("fairwatch/garden/online") and not ha.kept("fairwatch/yard/"), 15, "the new name")
        settled(house)
        assert ha.config(topic)["device"]["name"] == "Garden ünï"
        assert ha.config(topic)["topic"] == "fairwatch/garden/still"
        assert not ha.kept("fairwatch/attic/") and not [
            one for one in ha.kept("homeassistant/") if f"/{gone_pk}_" in one
        ]
        unique = {json.loads(config)["unique_id"] for config in ha.kept("homeassistant/").values()}
        assert unique == {json.loads(c)["unique_id"] for t, c in before.items() if f"/{yard.pk}_" in t}


def test_what_changed_while_nobody_was_there_is_put_right_and_others_are_left_alone(
    mosquitto: Mosquitto, ha: Listener, voice: Voice, yard: Camera
) -> None:
    gone = Camera.objects.create(name="Attic", slug="attic", kind="pattern")
    with on_the_broker(mosquitto.broker) as house:
        ha.waits("fairwatch/attic/online", "OFF")
        settled(house)
    theirs = ("homeassistant/camera/other/1_still/config", "other/attic/online", "fairwatch2/attic/online")
    for topic in theirs:
        ha.say(topic, "ON", retain=True)
    gone_pk = gone.pk
    gone.delete()
    with on_the_broker(mosquitto.broker):
        wait_for(lambda: not ha.kept("fairwatch/attic/"), 15, "the topics of a camera that has gone")
        wait_for(lambda: not [t for t in ha.kept("homeassistant/") if f"/{gone_pk}_" in t], 15, "its discovery")
    assert all(ha.last(topic) == b"ON" for topic in theirs) and ha.last("fairwatch/yard/online") == b"OFF"


def test_stills_go_out_when_they_are_new_and_stand_in_the_log(
    mosquitto: Mosquitto, ha: Listener, voice: Voice, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("main.notify.mqtt.pictures.EVERY", 0.1)
    topic, now = "fairwatch/yard/still", timezone.now()
    first = kept(yard, now - 30 * SECOND, DOT)
    with on_the_broker(mosquitto.broker) as house:
        ha.waits(topic, DOT)
        settled(house)
        row = ViewingSession.objects.get()
        assert (row.user, row.user_name, row.camera, row.counts, row.ended_at) == (None, "MQTT", yard, False, None)
        assert LogLine.objects.filter(what=LogLine.What.OPENED).count() == 1
        newer = jpeg(1600, 1200)
        second = kept(yard, timezone.now(), newer)
        wait_for(lambda: len(ha.heard[topic]) == 2, 15, "the newer one")
        assert len(newer) > MOST_BYTES >= len(ha.heard[topic][1])
        with Image.open(io.BytesIO(ha.heard[topic][1])) as image:
            assert image.width in SIDES and image.width * 3 == image.height * 4
        second.unlink()
        first.unlink()
        ha.waits(topic, "")
        wait_for(lambda: ViewingSession.objects.get().left_at, 15, "the end of looking")
    assert len(ha.heard[topic]) == 3 and not list(ha.kept(topic))


def test_no_picture_leaves_the_house_where_that_is_not_wanted(
    mosquitto: Mosquitto, ha: Listener, voice: Voice, yard: Camera
) -> None:
    kept(yard, timezone.now(), DOT)
    with on_the_broker(mosquitto.broker, pictures=False, commands=False) as house:
        settled(house)
    configs = list(ha.kept("homeassistant/"))
    assert configs and not [one for one in configs if "/camera/" in one or "/switch/" in one]
    assert "fairwatch/yard/still" not in ha.heard and not ViewingSession.objects.exists()


def test_without_discovery_only_states_are_told_under_the_prefix(
    mosquitto: Mosquitto, ha: Listener, voice: Voice, yard: Camera
) -> None:
    with on_the_broker(mosquitto.broker, prefix="home/eyes", discovery="") as house:
        settled(house)
    assert ha.last("home/eyes/status") == b"offline" and ha.last("home/eyes/yard/online") == b"OFF"
    assert all(topic.startswith("home/eyes/") for topic in ha.kept())


def test_a_command_that_the_broker_keeps_is_not_done(
    mosquitto: Mosquitto, ha: Listener, voice: Voice, yard: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be done again at each start."""
    caplog.set_level("INFO", "main.notify.mqtt")
    ha.say("fairwatch/yard/record/set", "ON", retain=True)
    with on_the_broker(mosquitto.broker) as house:
        settled(house)
        wait_for(lambda: "that the broker keeps is not done" in caplog.text, 15, "its word")
        # What comes now is done; there is no engine here to do it.
        ha.say("fairwatch/yard/record/set", "ON")
        wait_for(lambda: "record of yard is not done: the engine is down" in caplog.text, 15, caplog.text)
    assert caplog.text.count("the engine is down") == 1
