"""How the first cameras and those of the command line are recorded."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from camera.models import Camera
from main.models import AuditEntry
from main.serving.first_run import add_camera

pytestmark = pytest.mark.django_db


def test_the_cameras_of_the_first_run_are_recorded_when_something_moves() -> None:
    assert add_camera("Demo", "pattern:").record == Camera.objects.get().record == "motion"


@pytest.mark.parametrize(
    ("words", "record"),
    [([], ""), *((["--record", mode], mode) for mode in ("off", "watched", "motion", "always"))],
)
def test_addcamera_takes_the_mode_and_prints_the_slug_alone(
    words: list[str], record: str, alice: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("addcamera", "Front door", "pattern:", *words)
    assert capsys.readouterr().out == "front-door\n"
    camera = Camera.objects.get()
    assert (camera.record, camera.keeper) == (record, alice)
    assert AuditEntry.objects.get().after["recorded"] == (record or "as the house")


def test_addcamera_refuses_other_modes() -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("addcamera", "Front door", "pattern:", "--record", "sometimes")
    assert not Camera.objects.exists()
