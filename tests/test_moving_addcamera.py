"""addcamera asks a camera that can be asked: where its pictures are, and whether its log-in is right."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import User
from camera.models import Camera
from main.models import AuditEntry
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.tapo_camera import CLOUD_PASSWORD, TapoCamera

pytestmark = pytest.mark.django_db
STREAMS = ("--username", "viewer", "--password", "stream secret 3")


@pytest.fixture(autouse=True)
def _no_engine(settings: Any, tmp_path: Path) -> None:
    settings.RUN_DIR, settings.ALLOW_LOOPBACK_CAMERAS = tmp_path / "run", True
    settings.CAMERA_PASSWORD = settings.CAMERA_CLOUD_PASSWORD = ""


def test_a_tapo_camera_is_recorded_large_and_looked_at_small(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    with TapoCamera(host="127.0.0.2") as tapo:
        call_command("addcamera", "Yard", f"{tapo.address}?rtsp=8554", *STREAMS, "--cloud-password", CLOUD_PASSWORD)
        told = capsys.readouterr()
        assert (told.out, told.err) == ("yard\n", "")
    camera = Camera.objects.get()
    assert (camera.kind, camera.address) == ("tapo", f"{tapo.address}?rtsp=8554")
    assert camera.stream_address == "rtsp://127.0.0.2:8554/stream1"
    assert camera.detect_address == "rtsp://127.0.0.2:8554/stream2"
    source = camera.source_config()
    assert (source.kind, source.username, source.password) == ("rtsp", "viewer", "stream secret 3")
    assert CLOUD_PASSWORD not in camera.sealed_cloud_password and camera.sealed_cloud_password
    assert CLOUD_PASSWORD not in str(AuditEntry.objects.get().after)


def test_passwords_may_stand_in_the_environment(alice: User, settings: Any) -> None:
    settings.CAMERA_PASSWORD, settings.CAMERA_CLOUD_PASSWORD = "stream secret 3", CLOUD_PASSWORD
    with TapoCamera(host="127.0.0.2") as tapo:
        call_command("addcamera", "Yard", tapo.address, "--username", "viewer")
    camera = Camera.objects.get()
    assert camera.stream_address and camera.source_config().password == "stream secret 3"


def test_the_senders_password_is_not_told_to_cameras_of_other_kinds(alice: User, settings: Any) -> None:
    settings.CAMERA_PASSWORD, settings.CAMERA_CLOUD_PASSWORD = "of the pier", "of the cloud"
    call_command("addcamera", "Door", "rtsp://10.0.0.9/1", "--username", "viewer")
    camera = Camera.objects.get()
    assert (camera.source_config().password, camera.sealed_cloud_password) == ("", "")


@pytest.mark.slow
def test_an_onvif_camera_is_recorded_large_and_looked_at_small(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    uris = {"stream_uri": "rtsp://127.0.0.2:8554/main", "small_uri": "rtsp://127.0.0.2:8554/small"}
    with OnvifCamera(host="127.0.0.2", **uris) as onvif:
        call_command("addcamera", "Yard", onvif.address, "--username", onvif.username, "--password", onvif.password)
    assert capsys.readouterr().out == "yard\n"
    camera = Camera.objects.get()
    assert (camera.stream_address, camera.detect_address) == (uris["stream_uri"], uris["small_uri"])


def test_a_wrong_password_is_said_and_the_camera_kept(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    with TapoCamera(host="127.0.0.2") as tapo:
        call_command("addcamera", "Yard", tapo.address, *STREAMS, "--cloud-password", "not that one")
        assert tapo.steps("proof") <= 1, "it would lock its log-in"
    told = capsys.readouterr()
    assert told.out == "yard\n" and "password" in told.err and "not that one" not in told.err
    camera = Camera.objects.get()
    assert (camera.stream_address, camera.detect_address) == ("", "")


def test_a_camera_that_is_away_is_kept_and_asked_later(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("addcamera", "Yard", "onvif://127.0.0.9:9", *STREAMS)
    told = capsys.readouterr()
    assert told.out == "yard\n" and "could not be asked" in told.err and Camera.objects.get().stream_address == ""
