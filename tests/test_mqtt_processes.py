"""A whole house on a real broker, encrypted and by password: it moves and records by it, and is missed when killed."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from camera import bus
from camera.commands import ask_engine
from surveillance.broker import read_broker
from tests.house import wait_for
from tests.mqtt_kit import (
    NAME,
    PASSWORD,
    Listener,
    Mosquitto,
    listening,
    make_authority,
    needs_mosquitto,
    with_password,
)
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.rtsp import gstreamer
from tests.test_processes_recording import RecordingHouse

pytestmark = [pytest.mark.processes, pytest.mark.peers, needs_mosquitto]
HOST = "127.0.0.2"


@pytest.fixture
def onvif() -> Iterator[OnvifCamera]:
    with ExitStack() as stack:
        url = stack.enter_context(gstreamer(address=HOST, pattern="ball", width=320, height=240))
        url = url.replace("127.0.0.1", HOST)
        yield stack.enter_context(OnvifCamera(host=HOST, stream_uri=url, small_uri=url))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    _, certificate, key = make_authority(tmp_path, "house")
    lines = (*with_password(tmp_path), f"certfile {certificate}", f"keyfile {key}")
    with Mosquitto(tmp_path / "broker", lines) as made:
        yield made


@pytest.fixture
def house(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[RecordingHouse]:
    login = f"{NAME}:{quote(PASSWORD, safe='')}"
    url = f"mqtts://{login}@127.0.0.1:{mosquitto.port}?ca={tmp_path}/house-ca.pem"
    house = RecordingHouse(tmp_path / "house", extra={"MQTT_URL": url})
    yield house
    house.stop()


@pytest.fixture
def ha(house: RecordingHouse) -> Iterator[Listener]:
    with listening(read_broker(house.extra["MQTT_URL"])) as made:
        yield made


def audit(house: RecordingHouse) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(f"file:{house.folder}/db.sqlite3?mode=ro", uri=True, timeout=20)
    try:
        return database.execute("SELECT what, after FROM main_auditentry WHERE actor='MQTT' ORDER BY id").fetchall()
    finally:
        database.close()


def test_home_assistant_sees_moves_and_records_and_a_killed_house_is_missed(
    house: RecordingHouse, ha: Listener, onvif: OnvifCamera
) -> None:
    login = ("--username", onvif.username, "--password", onvif.password)
    house.arrange(
        ("adduser", "alice", "--role", "owner"), ("addcamera", "Yard", onvif.address, *login), ADDUSER_PASSWORD=PASSWORD
    )
    house.start()
    ha.waits("fairwatch/status", "online", 40)
    ha.waits("fairwatch/yard/online", "ON", 40)
    buttons = wait_for(lambda: [t for t in ha.kept("homeassistant/button/") if "_left/" in t], 40, "its motor")
    assert buttons and ha.last("fairwatch/yard/record") == b"OFF"
    wait_for(lambda: (ha.last("fairwatch/yard/still") or b"")[:2] == b"\xff\xd8", 40, "a still")

    before = len(onvif.asked("ContinuousMove"))
    ha.say("fairwatch/yard/left/set", "PRESS")
    wait_for(lambda: len(onvif.asked("ContinuousMove")) > before, 20, "the movement")
    wait_for(lambda: onvif.moving == (0, 0, 0), 20, "its end")
    wait_for(lambda: any("moved camera yard" in what for what, _ in audit(house)), 20, "its audit")

    ha.say("fairwatch/yard/record/set", "ON")
    ha.waits("fairwatch/yard/record", "ON", 20)
    ha.waits("fairwatch/yard/recording", "ON", 20)
    row = house.open_row()
    assert row["trigger"] == "manual" and row["reasons"] == '["manual:MQTT"]'
    ha.say("fairwatch/yard/record/set", "OFF")
    ha.waits("fairwatch/yard/record", "OFF", 20)
    ha.waits("fairwatch/yard/recording", "OFF", 40)
    told = [what for what, _ in audit(house)]
    assert told.count("asked for a recording of camera yard") == 2

    pressed = time.monotonic()
    ends = bus.endpoints(house.folder / "run")
    answer, _ = ask_engine(ends.commands, "ring", {"slug": "yard", "way": "person"}, seconds=10)
    assert answer["ok"] is True
    ha.waits("fairwatch/yard/ring", "ON")
    print(f"told {time.monotonic() - pressed:.3f} s after the press")

    # Killed without a word: the broker says it for the house; the next notifier is back by itself.
    (pid,) = house.pids("notifier")
    heard = len(ha.heard["fairwatch/status"])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: b"offline" in ha.heard["fairwatch/status"][heard:], 20, "the last will")
    ha.waits("fairwatch/status", "online", 40)
    assert house.pids("notifier") != [pid]
    house.stop()
    ha.waits("fairwatch/status", "offline", 20)
    assert PASSWORD not in house.log() and quote(PASSWORD, safe="") not in house.log()
