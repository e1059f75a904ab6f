"""What the tests of the camera pages share: an engine's end of the bus, and bob's camera Door."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from camera.models import Camera
from tests.camera_house import EngineEnd, engine_end, make_door


@pytest.fixture(autouse=True)
def _nothing_of_other_tests(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = tmp_path
    monkeypatch.setattr("camera.live.hub._current", None)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineEnd]:
    with engine_end(tmp_path) as end:
        yield end


@pytest.fixture
def door(bob: User) -> Camera:
    return make_door(bob)
