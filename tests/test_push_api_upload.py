"""POST /api/upload_frame: what programs written for the oil-spill server send and are told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camera import keys
from camera.models import Camera
from tests.push_house import JPEG, PushHouse, Told, push_house

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "oil and water"


@pytest.fixture
def house(settings: Any, tmp_path: Path) -> Iterator[PushHouse]:
    settings.RUN_DIR, settings.CAMERA_PASSWORD = tmp_path, PASSWORD
    with push_house() as house:
        yield house


@pytest.fixture
def spill(house: PushHouse) -> Camera:
    return Camera.objects.create(name="Spill", slug="spill", kind="push")


def upload(house: PushHouse, data: bytes = JPEG, key: str | None = PASSWORD, **headers: str) -> Told:
    return house.post(data, "/api/upload_frame", key, **headers)


def test_a_frame_is_received(house: PushHouse, spill: Camera) -> None:
    told = upload(house)
    assert (told.status, told.body) == (200, b"Frame received")
    assert told.headers["Content-Type"].startswith("text/plain")
    (body,) = house.engine.bodies()
    assert (body["camera"], body["kind"], body["sender_id"]) == (spill.pk, "", "")


@pytest.mark.parametrize(
    ("value", "kind"),
    [("true", "spill"), ("True", "spill"), ("TRUE ", "spill"), ("1", "spill"), ("false", ""), ("0", ""), ("", ""),
     ("yes", "")],
)  # fmt: skip
def test_a_detected_spill_flags_the_frame(value: str, kind: str, house: PushHouse, spill: Camera) -> None:
    assert upload(house, X_Oil_Spill_Detected=value, X_Event_Id="run 1").status == 200
    (body,) = house.engine.bodies()
    assert (body["kind"], body["sender_id"]) == (kind, "run 1" if kind else "")


def test_the_cameras_own_key_opens_it_too(house: PushHouse, spill: Camera, settings: Any) -> None:
    key = keys.issue(spill)
    assert upload(house, key=key).status == 200
    settings.CAMERA_PASSWORD = ""
    assert upload(house, key=key).status == 200


@pytest.mark.parametrize("key", [None, "wrong", "oil and wate", "oil and water "])
def test_nothing_else_does(key: str | None, house: PushHouse, spill: Camera) -> None:
    # A blank at the end of a header is no part of it.
    expected = 200 if key == "oil and water " else 401
    assert upload(house, key=key).status == expected
    told = upload(house, key=house.key)
    assert (told.status, told.body) == (401, b"Unauthorized")


def test_without_a_spill_camera_or_a_password_it_opens_to_nobody(house: PushHouse, settings: Any) -> None:
    assert upload(house).status == 401
    Camera.objects.create(name="Spill", slug="spill", kind="push")
    settings.CAMERA_PASSWORD = ""
    for key in ("", " ", None, PASSWORD):
        assert house.post(JPEG, "/api/upload_frame", key or None).status == 401


@pytest.mark.parametrize("data", [b"", b"not a picture", JPEG[:-30]])
def test_what_is_no_picture(data: bytes, house: PushHouse, spill: Camera) -> None:
    told = upload(house, data)
    assert (told.status, told.body) == (400, b"Invalid image data")


def test_other_refusals_are_a_plain_sentence(house: PushHouse, spill: Camera) -> None:
    for told, status in (
        (upload(house, Content_Type="image/png"), 415),
        (upload(house, b"x" * (8 * 1024 * 1024 + 1)), 413),
        (upload(house, X_Captured_At="soon"), 400),
    ):
        assert told.status == status
    house.engine.answer = lambda body: {"ok": False, "code": "disk", "error": "The disk is full."}
    told = upload(house, X_Oil_Spill_Detected="true")
    assert (told.status, told.body, told.headers["Retry-After"]) == (503, b"The disk is full.", "5")
