"""What is written of a camera that was asked: once, over nothing that has changed meanwhile."""

from dataclasses import replace

import pytest

from accounts.models import User
from camera.engine.mov_rows import control_of, known_hosts, learn, usable
from camera.models import Camera
from camera.ptz.driver import Can, Description, Stream

pytestmark = pytest.mark.django_db
FOUND = Description(
    "C200", "1", frozenset({Can.LED, Can.ALARM}), (Stream("rtsp://10.9.9.9/1"), Stream("rtsp://10.9.9.9/2"))
)


@pytest.fixture
def tapo(alice: User) -> Camera:
    camera = Camera(name="Gate", slug="gate", kind="tapo", address="tapo://10.9.9.9", username="cam", keeper=alice)
    camera.set_password("S3CRETpw")
    camera.set_cloud_password("C10UDpw")
    camera.save()
    return camera


def fresh(camera: Camera) -> Camera:
    return Camera.objects.get(pk=camera.pk)


def test_the_control_is_what_the_row_says(tapo: Camera) -> None:
    tapo.move_speed, tapo.tilt_inverted, tapo.detect, tapo.version = 0.3, True, "off", 7
    control = control_of(tapo)
    assert control is not None
    assert (control.login.address, control.login.username) == ("tapo://10.9.9.9", "cam")
    assert (control.login.password, control.login.cloud_password) == ("S3CRETpw", "C10UDpw")
    assert (control.speed, control.pan_inverted, control.tilt_inverted, control.version) == (0.3, False, True, 7)
    assert (control.hears, control.lacks_streams, control.is_lost) == (False, True, False)
    assert "S3CRETpw" not in repr(control) and "C10UDpw" not in repr(control)
    tapo.kind, tapo.address = "rtsp", "rtsp://10.9.9.9/1"
    assert control_of(tapo) is None


def test_passwords_of_another_key_are_lost(tapo: Camera) -> None:
    tapo.sealed_cloud_password = "gAAAAnonsense"
    control = control_of(tapo)
    assert control is not None and control.is_lost and control.login.cloud_password == ""


def test_it_is_written_once(tapo: Camera) -> None:
    control = control_of(tapo)
    assert control is not None
    assert learn(tapo.pk, control, FOUND) is True
    row = fresh(tapo)
    assert (row.abilities, row.model, row.version) == (["alarm", "led"], "C200", 2)
    assert (row.stream_address, row.detect_address) == ("rtsp://10.9.9.9/1", "")
    again = control_of(row)
    assert again is not None and not again.lacks_streams
    assert learn(tapo.pk, again, FOUND) is False and fresh(tapo).version == 2
    assert learn(tapo.pk, again, replace(FOUND, model="C210")) is False
    assert (fresh(tapo).model, fresh(tapo).version) == ("C210", 2), "which is no reason to start its process anew"


def test_an_address_that_somebody_typed_stays(tapo: Camera) -> None:
    Camera.objects.update(stream_address="rtsp://10.9.9.9/typed")
    control = control_of(fresh(tapo))
    assert control is not None
    assert learn(tapo.pk, control, FOUND) is False
    assert (fresh(tapo).stream_address, fresh(tapo).version) == ("rtsp://10.9.9.9/typed", 1)


@pytest.mark.parametrize("change", [{"version": 2}, {"address": "tapo://10.9.9.8"}])
def test_over_a_row_that_has_changed_nothing_is_written(tapo: Camera, change: dict[str, object]) -> None:
    control = control_of(tapo)
    assert control is not None
    Camera.objects.update(**change)
    assert learn(tapo.pk, control, FOUND) is False
    assert (fresh(tapo).stream_address, fresh(tapo).abilities, fresh(tapo).model) == ("", [], "")
    tapo.delete()
    assert learn(0, control, FOUND) is False


def test_what_cannot_be_opened_is_no_stream() -> None:
    urls = (
        "file:x.mp4", "exec:/bin/sh", "onvif://10.0.0.1", "tapo://10.0.0.1", "rtsp://", "", "rtsp://h/" + "x" * 600,
        "rtsp://user:pass@10.0.0.1/1?a=b", "http://10.0.0.1/mjpg",
    )  # fmt: skip
    assert usable(tuple(Stream(url) for url in urls)) == ["rtsp://10.0.0.1/1?a=b", "http://10.0.0.1/mjpg"]


def test_all_hosts_of_the_house_are_known(tapo: Camera, yard: Camera, alice: User) -> None:
    Camera.objects.create(name="Door", slug="door", kind="rtsp", address="rtsp://CAM.local:8554/1", keeper=alice)
    Camera.objects.create(name="Usb", slug="usb", kind="v4l2", address="/dev/video0", keeper=alice)
    Camera.objects.filter(pk=tapo.pk).update(stream_address="rtsp://10.9.9.7/1")
    assert known_hosts() == {"10.9.9.9", "10.9.9.7", "cam.local"}
