"""The engine with the real controls, before cameras of the tests that speak Tapo's and ONVIF's language."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from camera import bus, ports
from camera.engine import supervisor
from camera.models import Camera, Gap
from main.models import AuditEntry
from main.wiring import write_audit
from tests.house import wait_for
from tests.moving_stage import Stage
from tests.peers.onvif_camera import DiscoveryResponder, OnvifCamera
from tests.peers.tapo_camera import CLOUD_PASSWORD, TapoCamera
from tests.peers.tapo_device import Device

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def saved(camera: Camera, address: str, username: str, password: str, cloud_password: str = "") -> Camera:
    camera.kind, camera.address, camera.username = address.partition(":")[0], address, username
    camera.set_password(password)
    camera.set_cloud_password(cloud_password)
    camera.move_speed = 1.0
    camera.save()
    return camera


class Street(Stage):
    """Yard is the Tapo camera, Shed the ONVIF one."""

    def __init__(self, ends: bus.Endpoints, media: Path, yard: Camera, shed: Camera) -> None:
        super().__init__(ends, media, yard)
        self.shed = shed

    def _connected(self) -> bool:
        """Their processes are started anew as soon as it is known where the pictures are."""
        return True


@pytest.fixture
def cameras() -> Iterator[tuple[TapoCamera, OnvifCamera]]:
    with ExitStack() as stack:
        tapo = stack.enter_context(TapoCamera(host="127.0.0.2", device=Device(presets={"1": "Door"})))
        yield tapo, stack.enter_context(OnvifCamera(host="127.0.0.3"))


@pytest.fixture
def street(
    cameras: tuple[TapoCamera, OnvifCamera], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any,
    transactional_db: None, yard: Camera, alice: User,
) -> Iterator[Street]:  # fmt: skip
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path / "media", [tmp_path / "media"]
    settings.ALLOW_LOOPBACK_CAMERAS = True
    (tmp_path / "media").mkdir()
    monkeypatch.setattr(ports, "on_change", write_audit)
    tapo, onvif = cameras
    saved(yard, tapo.address, "viewer", "stream secret 3", CLOUD_PASSWORD)
    shed = saved(Camera(name="Shed", slug="shed", keeper=alice), onvif.address, onvif.username, onvif.password)
    street = Street(bus.endpoints(tmp_path / "run"), tmp_path / "media", yard, shed)
    monkeypatch.setattr(supervisor, "spawn", street.spawn)
    street.begin([])
    yield street
    if street.thread.is_alive():
        street.end()


def known(camera: Camera) -> Camera:
    """Its row, once the camera has said what it is."""
    wait_for(lambda: Camera.objects.get(pk=camera.pk).stream_address, 15, f"what {camera} says of itself")
    return Camera.objects.get(pk=camera.pk)


def test_rows_learn_what_cameras_are_and_their_pictures_begin(
    street: Street, cameras: tuple[TapoCamera, OnvifCamera]
) -> None:
    yard, shed = known(street.yard), known(street.shed)
    assert yard.model == "C210" and {"pan_tilt", "presets", "privacy"} <= set(yard.abilities)
    assert yard.stream_address == "rtsp://127.0.0.2:554/stream1" and yard.detect_address == ""
    assert {"pan_tilt", "zoom", "events"} <= set(shed.abilities) and shed.stream_address.startswith("rtsp://127.0.0.")

    def started() -> set[str]:
        return {config["source"]["address"] for config in street.configs}

    wait_for(lambda: {yard.stream_address, shed.stream_address} <= started(), 5, "their processes")


def test_a_press_is_on_the_wire_in_no_time_and_ends_by_itself(
    street: Street, cameras: tuple[TapoCamera, OnvifCamera]
) -> None:
    tapo, onvif = cameras
    known(street.yard), known(street.shed)
    delays: list[float] = []
    for number in range(8):
        for camera, log, name in (
            (street.yard, tapo.commands, "motorMove"),
            (street.shed, onvif.asked, "ContinuousMove"),
        ):
            before = len(log(name))
            sent = time.monotonic()
            assert street.ask("move", camera, pan=-1 if number % 2 else 1, seconds=5) == {"ok": True}
            delays.append(log(name)[before].at - sent)
            assert street.ask("move", camera) == {"ok": True}
    assert sorted(delays)[len(delays) // 2] < 0.15, delays
    street.ask("move", street.shed, pan=1, seconds=0.5)
    stops = len(onvif.asked("Stop"))
    wait_for(lambda: len(onvif.asked("Stop")) > stops, 3, "the stop")
    wait_for(lambda: AuditEntry.objects.filter(what="moved camera shed").count() == 9, 5, "the entries")


def test_privacy_in_the_cameras_own_app_is_seen(
    street: Street, cameras: tuple[TapoCamera, OnvifCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    tapo, _ = cameras
    known(street.yard)
    wait_for(lambda: len(street.configs) >= 3, 10, "its process")
    token = [config["token"] for config in street.configs if config["source"]["address"].endswith("/stream1")][-1]
    sender = bus.ReportSender(street.context, street.ends.reports, token)

    def row(**wanted: str) -> bool:
        sender.state({"state": "online", "orders": 1})
        return all(getattr(Camera.objects.get(pk=street.yard.pk), name) == value for name, value in wanted.items())

    wait_for(lambda: row(state="online"), 5, "pictures")
    tapo.device.privacy = True
    wait_for(lambda: row(state="paused", reason="PRIVACY"), 12, "privacy")
    wait_for(lambda: Gap.objects.filter(cause="PRIVACY", ended_at=None), 5, "the gap")
    assert street.ask("info")["switches"]["privacy"] is True
    answer = street.ask("move", pan=1)
    assert (answer["ok"], answer["code"]) == (False, "privacy")
    assert street.ask("switch", what="privacy", value=False)["ok"] and tapo.device.privacy is False
    wait_for(lambda: row(state="online"), 5, "pictures")
    wait_for(lambda: Gap.objects.filter(cause="PRIVACY", ended_at__isnull=False), 5, "the end of the gap")
    sender.close()


def test_a_wrong_password_is_said_and_not_tried_again(street: Street, cameras: tuple[TapoCamera, OnvifCamera]) -> None:
    tapo, _ = cameras
    known(street.yard)
    tries = tapo.steps("proof")
    camera = Camera.objects.get(pk=street.yard.pk)
    camera.set_cloud_password("not that one")
    camera.stream_address = ""
    camera.version += 1
    camera.save()
    wait_for(lambda: Camera.objects.get(pk=camera.pk).reason == "AUTH_FAILED", 10, "its row")
    for _ in range(3):
        assert street.ask("move", pan=1)["code"] == "wrong_password"
    assert tapo.steps("proof") - tries <= 1
    camera.set_cloud_password(CLOUD_PASSWORD)
    camera.version += 1
    camera.save()
    assert known(camera).stream_address and street.ask("move", pan=1, seconds=5)["ok"]


def test_a_camera_that_hangs_holds_up_nobody(street: Street, cameras: tuple[TapoCamera, OnvifCamera]) -> None:
    tapo, onvif = cameras
    known(street.yard), known(street.shed)
    tapo.hang()
    assert street.ask("home", seconds=1)["ok"] is False
    began = time.monotonic()
    for _ in range(3):
        assert street.ask("move", street.shed, pan=1)["ok"] and street.ask("move", street.shed)["ok"]
    assert time.monotonic() - began < 1.0
    tapo.go_on()


def test_what_an_onvif_camera_says_of_motion_reaches_its_process(
    street: Street, cameras: tuple[TapoCamera, OnvifCamera]
) -> None:
    _, onvif = cameras
    shed = known(street.shed)

    def mine() -> list[dict[str, Any]]:
        return [config for config in street.configs if config["source"]["address"] == shed.stream_address]

    config = wait_for(mine, 10, "its process")[-1]  # type: ignore[index]
    sender = bus.ReportSender(street.context, street.ends.reports, config["token"])
    said: list[bool] = []

    def hears(on: bool) -> bool:
        sender.state({"state": "online", "orders": 1})
        said.extend(header["body"]["on"] for header, _ in sender.commands() if header["name"] == "motion")
        return on in said

    onvif.wait_for("PullMessages", seconds=10)
    onvif.tell(True)
    wait_for(lambda: hears(True), 5, "its word")
    onvif.tell(False)
    wait_for(lambda: hears(False), 5, "its word")
    sender.close()


def test_cameras_of_the_network_are_found_and_those_of_the_house_known(
    street: Street, cameras: tuple[TapoCamera, OnvifCamera]
) -> None:
    _, onvif = cameras
    with OnvifCamera(host="127.0.0.4") as other, DiscoveryResponder(onvif), DiscoveryResponder(other):
        began = time.monotonic()
        answer = street.command("discover", {"seconds": 1.5})
        assert answer["ok"] and time.monotonic() - began < 3
    found = {one["address"]: one["known"] for one in answer["found"]}
    # Other tests' cameras may answer as well.
    assert (found[onvif.address], found[other.address]) == (True, False)
