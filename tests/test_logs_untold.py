"""What the pages that ask before something is deleted tell of others: only to those who may read the log."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Grant
from tests.footage_cast import looked, recorded

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("reads", [False, True])
def test_who_else_watched_is_told_to_readers_of_the_log(
    client_of: Callable[[User | None], Client], alice: User, bob: User, yard: Camera, reads: bool
) -> None:
    noon = timezone.now().replace(microsecond=0) - timedelta(hours=12)
    for right in ("watch", "playback", "record", *(["log"] if reads else [])):
        Grant.objects.create(camera=yard, user=bob, right=right)
    session = looked(bob, yard, noon)
    for second in (20, 80):
        looked(alice, yard, noon + timedelta(seconds=second))
    reasons = {"trigger": "session", "reasons": [f"session:{session.pk}"], "people": [bob.pk]}
    film = recorded(yard, noon, 300, **reasons)
    looked(alice, yard, noon, 0, transport="playback", recording=film, footage_at=noon)
    for path in (f"/logs/{session.pk}/delete/", f"/recordings/{film.pk}/delete/"):
        reply = client_of(bob).get(path)
        page = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", reply.content.decode()))
        assert reply.status_code == 200
        assert ("alice" in page) is reads
        assert page.count("somebody else&#x27;s log") == (0 if reads else 1)
        assert ("who looked back (1)" in page) is (reads and "recordings" in path)
