"""The delay of a viewing in the log: the middle and the worst, as the viewer's browser measured them."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera.models import Camera
from main.pages.logs import delay_words
from tests.test_logs import lines, seen

ClientOf = Callable[[User | None], Client]


@pytest.fixture
def noon() -> datetime:
    return timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize(
    ("median", "longest", "words"),
    [
        (None, None, ""),
        (0.034, 0.118, "30 ms, at worst 120 ms"),
        (0.0004, 0.002, "10 ms"),
        (0.25, None, "250 ms"),
        (0.996, 1.26, "1.0 s, at worst 1.3 s"),
        (0.4, 3000.0, "400 ms, at worst 50 min"),
    ],
)
def test_delays_are_told_as_on_the_live_page(median: float | None, longest: float | None, words: str) -> None:
    assert delay_words(median, longest) == words


def test_the_sentence_and_the_table_tell_the_middle_and_the_worst(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, noon: datetime
) -> None:
    seen(bob, yard, noon, delay_median=0.034, delay_max=0.48)
    client = client_of(alice)
    assert lines(client)[0].endswith("· delay 30 ms, at worst 480 ms")
    assert "30 ms, at worst 480 ms" in client.get("/logs/?view=table").content.decode()


def test_a_viewing_without_a_measurement_tells_none(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, noon: datetime
) -> None:
    seen(bob, yard, noon)
    assert "delay" not in lines(client_of(alice))[0]
