"""A database that somebody else holds: pages and programs are told to come back, and nothing is half-done."""

from collections.abc import Callable

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.models import User
from camera.models import Camera
from main import viewings
from main.models import LogLine, ViewingSession


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of viewings cannot be written, as when another process holds the database."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(viewings.ViewingSession, "save", refuse)


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        ("/live/yard/", "text/html", "text/html"),
        ("/live/yard/frame.jpg", "*/*", "application/json"),
        ("/live/yard/stream.mjpg", "*/*", "application/json"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_whoever_asks_is_told_to_come_back(
    path: str, accept: str, kind: str, alice: User, yard: Camera, client_of: Callable[[User | None], Client]
) -> None:
    client = client_of(alice)
    client.raise_request_exception = False
    reply = client.get(path, headers={"accept": accept})
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "5")
    assert reply.headers["Content-Type"].startswith(kind)
    assert "database is locked" not in reply.content.decode()
    assert not ViewingSession.objects.exists() and not LogLine.objects.exists()


def test_the_api_says_so_in_its_own_words(
    alice: User, monkeypatch: pytest.MonkeyPatch, client_of: Callable[[User | None], Client]
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("main.api.v1._describe", refuse)
    reply = client_of(alice).get("/api/v1/cameras")
    assert reply.status_code == 503 and reply.json()["error"]["code"] == "busy"
