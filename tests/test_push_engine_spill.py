"""The camera `spill`: made when CAMERA_PASSWORD is set, and once."""

from typing import Any

import pytest

from accounts.models import User
from camera.engine.spill import make_spill
from camera.keys import digest, locks
from camera.models import Camera
from main.models import AuditEntry

pytestmark = pytest.mark.django_db
WORD = "pier-word-nobody-knows"


@pytest.fixture(autouse=True)
def password(settings: Any) -> None:
    settings.CAMERA_PASSWORD = WORD


def test_without_the_password_there_is_none(settings: Any, alice: User) -> None:
    settings.CAMERA_PASSWORD = ""
    assert make_spill(alice.pk) is None and not Camera.objects.exists()


def test_it_is_made_once_kept_by_the_owner_and_shared_with_nobody(alice: User) -> None:
    for _ in range(2):
        assert make_spill(alice.pk) is not None
    camera = Camera.objects.get()
    assert (camera.slug, camera.name, camera.kind, camera.keeper) == ("spill", "Spill", "push", alice)
    assert not camera.grants.exists() and locks()["spill"].opens(digest(WORD))
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.what) == ("engine", "added camera spill") and WORD not in str(entry.after)


def test_its_keeper_is_found_later(alice: User, bob: User) -> None:
    make_spill(None)
    assert Camera.objects.get().keeper is None
    make_spill(alice.pk)
    assert Camera.objects.get().keeper == alice and AuditEntry.objects.count() == 2
    Camera.objects.update(keeper=bob)
    make_spill(alice.pk)
    assert Camera.objects.get().keeper == bob, "somebody chose him"


def test_another_camera_of_that_name_is_left_alone(alice: User, caplog: pytest.LogCaptureFixture) -> None:
    Camera.objects.create(name="Oil", slug="spill", kind="pattern", keeper=alice)
    before = Camera.objects.values().get()
    assert make_spill(alice.pk) is None
    assert Camera.objects.values().get() == before and not AuditEntry.objects.exists()
    assert "is no push: camera" in caplog.text and WORD not in caplog.text
