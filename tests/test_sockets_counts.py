"""Which tiles of a live socket count as watching, for cameras that are recorded while watched."""

import json

import pytest

from accounts.models import User
from camera.models import Camera
from main.models import ViewingSession
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_small_tile_counts_once_it_has_been_full(alice: User, yard: Camera) -> None:
    def counts() -> list[bool]:
        return list(ViewingSession.objects.values_list("counts", flat=True))

    with Voice(), Web() as web, web.socket(Cookie=cookie_of(alice)) as socket:
        for size, expected in (("small", False), ("full", True), ("small", True)):
            socket.send(json.dumps({"watch": [{"camera": "yard", "size": size}]}))
            # One row all the time, whatever its size.
            wait_for(lambda expected=expected: counts() == [expected], 5, f"{size}: {expected}")  # type: ignore[misc]
