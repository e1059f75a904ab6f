"""Pictures that a crash left without a row: removed when nothing can come to own them any more, foreign files never."""

import os
import time
from pathlib import Path

import pytest

from camera import paths
from camera.engine import storages
from camera.engine.event_rows import moment
from camera.engine.leftovers import EVERY, YOUNG, Leftovers
from camera.models import Camera, Event, EventStill
from tests.footage_cast import happened
from tests.keeping_house import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lay(name: str, age: float) -> Path:
    path = Path(storages.home(), name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"picture")
    os.utime(path, (time.time() - age,) * 2)
    return path


def swept(clock: Clock) -> int:
    leftovers = Leftovers(clock)
    clock.forward(EVERY)
    return sum(leftovers() for _ in range(10))


def test_what_no_row_owns_goes_and_all_else_stays(yard: Camera, clock: Clock) -> None:
    now = time.time()
    event = happened(yard, moment(now))
    own = lay(paths.event_picture("yard", "spill", now, event.uid), YOUNG + 60)
    still = EventStill.objects.create(
        event=event, uid="0a0a0a0a", captured_at=moment(now), sha256="0" * 64, bytes=7,
        image=paths.event_picture("yard", "spill", now, "0a0a0a0a"),
    )  # fmt: skip
    kept = lay(still.image, YOUNG + 60)
    orphan = lay(paths.event_picture("yard", "spill", now, "0b0b0b0b"), YOUNG + 60)
    torn = lay(paths.event_picture("yard", "motion", now, "0c0c0c0c") + paths.PART, YOUNG + 60)
    young = lay(paths.event_picture("yard", "spill", now, "0d0d0d0d"), YOUNG - 60)
    foreign = lay(str(Path(still.image).parent / "holiday.jpg"), YOUNG + 60)
    assert swept(clock) == 2
    assert [one.exists() for one in (own, kept, young, foreign)] == [True] * 4
    assert not orphan.exists() and not torn.exists()
    assert Event.objects.count() == 1


def test_nothing_is_looked_for_before_its_time(yard: Camera, clock: Clock) -> None:
    orphan = lay(paths.event_picture("yard", "spill", time.time(), "0b0b0b0b"), YOUNG + 60)
    leftovers = Leftovers(clock)
    assert leftovers() == 0
    assert orphan.exists()
