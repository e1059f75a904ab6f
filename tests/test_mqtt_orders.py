"""What the broker may ask for: known things only, in plain words, not too often, and each in the audit."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from accounts.models import User
from camera.engine.requests import Requests
from camera.models import Camera, RecordRequest
from main.models import AuditEntry
from main.notify.mqtt import orders as orders_module
from main.notify.mqtt.orders import Orders
from main.notify.mqtt.topics import USER, Names
from main.wiring import may_record
from surveillance.broker import Broker
from tests.house import wait_for
from tests.move_kit import PtzEngine, make_turner, ptz_engine

pytestmark = pytest.mark.django_db(transaction=True)
Take = Callable[..., None]


@pytest.fixture
def engine() -> Iterator[PtzEngine]:
    with ptz_engine() as made:
        made.answers["record"] = {"recording": True, "reasons": ["manual:MQTT"]}
        yield made


@pytest.fixture
def turner(alice: User) -> Camera:
    return make_turner(alice, name="Turner", slug="turner", abilities=["pan_tilt", "alarm"])


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Orders]:
    orders = Orders(Names("fairwatch", "homeassistant"), tmp_path / "alarms.json", lambda: None)
    orders.start()
    yield orders
    orders.close()


def say(made: Orders, topic: str, payload: str | bytes = "PRESS") -> None:
    made.take(f"fairwatch/{topic}", payload.encode() if isinstance(payload, str) else payload)


def test_one_press_is_one_short_step(made: Orders, engine: PtzEngine, turner: Camera) -> None:
    for way in ("left", "right", "up", "down"):
        say(made, f"{turner.slug}/{way}/set")
    engine.wait(lambda: len(engine.moves()) == 4)
    assert engine.moves() == [(-1, 0, 0), (1, 0, 0), (0, 1, 0), (0, -1, 0)]
    assert {(body["seconds"], body["by"], body["user"]) for body in engine.bodies(do="move")} == {(0.5, "MQTT", None)}


def test_to_record_is_asked_for_as_nobody_of_the_house_and_stands_in_the_audit(
    made: Orders, engine: PtzEngine, yard: Camera
) -> None:
    say(made, "yard/record/set", "ON")
    say(made, "yard/record/set", "OFF")
    engine.wait(lambda: len(engine.bodies("record")) == 2)
    asked = [(body["on"], body["session"], body["user"], body["name"]) for body in engine.bodies("record")]
    assert asked == [(True, None, USER, "MQTT"), (False, None, USER, "MQTT")]
    wait_for(lambda: AuditEntry.objects.count() == 2, 10, "both in the audit")
    told = AuditEntry.objects.order_by("pk").values_list("actor", "what", "after")
    assert list(told) == [
        ("MQTT", "asked for a recording of camera yard", {"record": "on"}),
        ("MQTT", "asked for a recording of camera yard", {"record": "off"}),
    ]


def test_the_house_ends_it_at_its_limit_and_when_the_broker_may_not_ask_any_more(yard: Camera, settings: Any) -> None:
    settings.MQTT_URL = Broker("127.0.0.1", 1883)
    requests = Requests()
    requests.ask({"camera": yard.pk, "on": True, "session": None, "user": USER, "name": "MQTT"})
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: ("manual:MQTT",)}
    assert RecordRequest.objects.get().until is not None and may_record([(USER, yard.pk)])
    settings.MQTT_URL = Broker("127.0.0.1", 1883, commands=False)
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: ()} and not RecordRequest.objects.exists()
    settings.MQTT_URL = None
    assert not may_record([(USER, yard.pk)])


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("turner/left/set", "press"), ("turner/left/set", ""), ("turner/left/set", b"\xff\xfe"),
        ("turner/left/set", "PRESS" * 100_000), ("turner/record/set", "1"), ("turner/record/set", "on"),
        ("turner/explode/set", "PRESS"), ("turner/left", "PRESS"), ("turner/left/set/set", "PRESS"),
        ("../turner/left/set", "PRESS"), ("TURNER/left/set", "PRESS"), ("attic/left/set", "PRESS"),
        ("turner/closer/set", "PRESS"), ("turner/home/set", "PRESS"), ("yard/left/set", "PRESS"),
    ],
)  # fmt: skip
def test_what_is_not_known_or_cannot_be_done_is_left_out_and_told(
    topic: str, payload: str | bytes, made: Orders, engine: PtzEngine, turner: Camera, yard: Camera,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    assert turner.slug == "turner"
    caplog.set_level(logging.WARNING)
    say(made, topic, payload)
    say(made, "turner/right/set")
    engine.wait(lambda: engine.moves() == [(1, 0, 0)])
    assert not engine.bodies("record") and [record.message for record in caplog.records if "MQTT" in record.message]
    assert len(caplog.text) < 1000


def test_a_camera_that_is_switched_off_is_asked_nothing(made: Orders, engine: PtzEngine, turner: Camera) -> None:
    Camera.objects.filter(pk=turner.pk).update(enabled=False)
    say(made, "turner/left/set")
    say(made, "turner/record/set", "ON")
    Camera.objects.create(name="Other", slug="other", kind="pattern")
    say(made, "other/record/set", "ON")
    engine.wait(lambda: len(engine.bodies("record")) == 1)
    assert not engine.moves()


@pytest.mark.faults
def test_a_flood_is_cut_off_and_told_of_once(
    made: Orders, engine: PtzEngine, turner: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    began = time.monotonic()
    for _ in range(2000):
        say(made, "turner/left/set")
    for number in range(2000):
        say(made, f"camera-{number}/left/set")
    assert time.monotonic() - began < 10
    wait_for(made._queue.empty, 20, "the end of what was let in")
    assert len(engine.moves()) <= orders_module.MOST_ASKED
    # What was let in and is no camera is told of as well, but not each time.
    for number in range(1000):
        say(made, f"turner/explode-{number}/set")
    assert len([one for one in caplog.records if "MQTT" in one.message]) <= orders_module.MOST_TOLD + 1
    assert sum("more is asked" in one.message or "too much is asked" in one.message for one in caplog.records) == 1


def test_an_alarm_is_stopped_after_a_while_also_by_the_next_process(
    tmp_path: Path, engine: PtzEngine, turner: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, path = Names("fairwatch", ""), tmp_path / "alarms.json"
    first = Orders(names, path, lambda: None)
    first.start()
    say(first, "turner/alarm/set")
    engine.wait(lambda: [body["value"] for body in engine.bodies(do="switch")] == [True])
    first.close()
    assert list(json.loads(path.read_text())) == [str(turner.pk)]
    monkeypatch.setattr(orders_module, "ALARM_SECONDS", -1000.0)
    second = Orders(names, path, lambda: None)
    second.start()
    engine.wait(lambda: [body["value"] for body in engine.bodies(do="switch")] == [True, False], 15)
    wait_for(lambda: json.loads(path.read_text()) == {}, 10, "the note to go")
    second.close()


def test_without_an_engine_it_is_said(
    made: Orders, turner: Camera, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders_module, "RECORD_SECONDS", 0.2)
    caplog.set_level(logging.WARNING)
    say(made, "turner/record/set", "ON")
    wait_for(lambda: "MQTT: record of turner is not done: the engine is down" in caplog.text, 10, caplog.text)
    assert not AuditEntry.objects.exists() and django_settings.MQTT_URL is None
