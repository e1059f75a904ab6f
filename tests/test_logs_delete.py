"""Deleting an entry of the log: who may, what goes, what stays, and what is told of it before."""

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera import ports
from camera.models import Camera, Grant, Recording
from main.models import AuditEntry, LogLine, ViewingSession
from main.references import camera_needs, references
from tests.footage_cast import happened, looked, recorded

ClientOf = Callable[[User | None], Client]


@pytest.fixture
def noon() -> datetime:
    return timezone.now().replace(microsecond=0) - timedelta(hours=12)


def own(user: User, session: ViewingSession, at: datetime, **values: Any) -> Recording:
    """A recording whose sole reason is that session."""
    camera = session.camera
    assert camera is not None
    reasons = {"trigger": "session", "reasons": [f"session:{session.pk}"], "people": [user.pk], "bytes": 84_000_000}
    return recorded(camera, at, 60, **(reasons | values))


def page_of(client: Client, session: ViewingSession) -> str:
    reply = client.get(f"/logs/{session.pk}/delete/")
    assert reply.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", reply.content.decode()))


def gone(recording: Recording) -> bool:
    return Recording.objects.get(pk=recording.pk).delete_requested_at is not None


def delete(client: Client, session: ViewingSession) -> int:
    return client.post(f"/logs/{session.pk}/delete/").status_code


def test_ones_own_entry_takes_its_recording_along(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    session = looked(bob, yard, noon)
    film = own(bob, session, noon)
    page = page_of(client_of(bob), session)
    assert "Deletes 1 log entry and 1 recording, 84 MB." in page and "append-only log" in page
    assert not gone(film) and ViewingSession.objects.get().hidden_at is None  # asking deletes nothing
    reply = client_of(bob).post(f"/logs/{session.pk}/delete/", follow=True)
    assert "Deleted 1 log entry and 1 recording, 84 MB." in reply.content.decode()
    assert gone(film) and f'id="v{session.pk}"' not in reply.content.decode()
    line = LogLine.objects.get(what="deleted")
    assert (line.viewing_id, line.user_name, line.camera_name) == (session.pk, "bob", "Yard")
    assert (line.details["by"], line.details["recordings"]) == ("bob", [film.pk])
    assert line.hash == line.digest()
    assert AuditEntry.objects.filter(actor="bob", what__contains="recording").exists()


def test_who_may(
    client_of: ClientOf, alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    session = looked(bob, yard, noon)
    path = f"/logs/{session.pk}/delete/"
    reader = User.objects.create_user("rita", role="member")
    Grant.objects.create(camera=yard, user=reader, right="log")
    for method in ("get", "post"):
        for user, status in ((charlie, 404), (reader, 403), (None, 302)):
            assert getattr(client_of(user), method)(path).status_code == status
    assert ViewingSession.objects.get().hidden_at is None and not LogLine.objects.exists()
    assert client_of(alice).get(path).status_code == client_of(bob).get(path).status_code == 200
    assert delete(client_of(alice), session) == 302
    assert LogLine.objects.get().details["by"] == "alice" and LogLine.objects.get().user_name == "bob"
    for user in (alice, bob):  # it is gone for everybody
        assert client_of(user).get(path).status_code == 404
        assert f'id="v{session.pk}"' not in client_of(user).get("/logs/").content.decode()


def test_a_recording_that_another_log_tells_of_stays(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    Grant.objects.create(camera=yard, user=bob, right="log")
    session, other = looked(bob, yard, noon), looked(alice, yard, noon + timedelta(seconds=30))
    film = own(bob, session, noon)
    page = page_of(client_of(bob), session)
    assert "Deletes 1 log entry." in page and "also in alice&#x27;s log of" in page
    assert delete(client_of(bob), session) == 302
    assert not gone(film)
    assert "also in alice&#x27;s log of" not in page_of(client_of(alice), other)
    # The last log that tells of it takes it along.
    assert "1 log entry and 1 recording" in page_of(client_of(alice), other)
    assert delete(client_of(alice), other) == 302
    assert gone(film)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("event", "needed by the motion event of"),
        ("kept", "marked to be kept by alice"),
        ("reasons", "not yours to delete"),
        ("open", "still being recorded"),
        ("manual", "asked for by alice"),
    ],
)
def test_what_is_needed_stays_and_the_page_says_why(
    why: str, words: str, client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    session = looked(bob, yard, noon)
    changes: dict[str, dict[str, Any]] = {
        "kept": {"kept_at": noon, "kept_by": "alice"},
        "reasons": {"reasons": [f"session:{session.pk}", "motion"]},
        "open": {"state": "open", "ended_at": None, "reasons": [f"session:{session.pk}", "watched"]},
        "manual": {"reasons": [f"session:{session.pk}", "manual:alice"]},
    }
    film = own(bob, session, noon, **changes.get(why, {}))
    goes = own(bob, session, noon + timedelta(seconds=90))
    if why == "event":
        happened(yard, noon, film)
    page = page_of(client_of(bob), session)
    assert words in page and "Deletes 1 log entry and 1 recording" in page
    assert delete(client_of(bob), session) == 302
    assert not gone(film) and gone(goes)


def test_what_only_this_viewing_had_recorded_goes_before_it_is_finished(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant
) -> None:
    now = timezone.now()
    session = looked(bob, yard, now - timedelta(seconds=30), 25)
    film = own(bob, session, now - timedelta(seconds=30), state="open", ended_at=None)
    assert delete(client_of(bob), session) == 302
    assert gone(film)


def test_an_event_about_to_be_deleted_needs_nothing(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    session = looked(bob, yard, noon)
    film = own(bob, session, noon)
    happened(yard, noon, film, delete_requested_at=noon)
    assert delete(client_of(bob), session) == 302
    assert gone(film)


def test_an_open_viewing_is_not_deleted(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    session = looked(bob, yard, noon, None)
    for reply in (
        client_of(bob).get(f"/logs/{session.pk}/delete/"),
        client_of(bob).post(f"/logs/{session.pk}/delete/"),
    ):
        assert reply.status_code == 409
        assert "once it has ended" in reply.content.decode()
    assert ViewingSession.objects.get().hidden_at is None
    assert f"/logs/{session.pk}/delete/" not in client_of(bob).get("/logs/").content.decode()


def test_deleting_a_look_back_leaves_what_was_looked_at(
    client_of: ClientOf, alice: User, yard: Camera, noon: datetime
) -> None:
    film = recorded(yard, noon)
    session = looked(alice, yard, noon + timedelta(hours=1), 0, transport="playback", recording=film, footage_at=noon)
    page = page_of(client_of(alice), session)
    assert "Deletes 1 log entry." in page and "The recording that was looked at" in page
    assert delete(client_of(alice), session) == 302
    assert not gone(film)


def test_ones_other_entry_holds_it_when_that_asked_too(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    session, other = looked(bob, yard, noon), looked(bob, yard, noon + timedelta(seconds=59))
    film = own(bob, session, noon, reasons=[f"session:{session.pk}", f"session:{other.pk}"])
    assert "also in your log of" in page_of(client_of(bob), session)
    assert delete(client_of(bob), session) == 302 and not gone(film)


def test_passing_by_on_ones_way_or_as_a_small_tile_does_not_hold_it(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    session = looked(bob, yard, noon)
    film = own(bob, session, noon)
    looked(bob, yard, noon - timedelta(seconds=50), 51, transport="websocket")
    looked(alice, yard, noon - timedelta(hours=1), 7200, transport="websocket", counts=False)
    assert "1 log entry and 1 recording" in page_of(client_of(bob), session)
    assert delete(client_of(bob), session) == 302 and gone(film)


def test_the_log_of_somebody_else_who_watched_holds_it(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    Grant.objects.create(camera=yard, user=bob, right="log")
    session = looked(bob, yard, noon)
    film = own(bob, session, noon)
    looked(alice, yard, noon + timedelta(seconds=30), 5)
    assert "also in alice&#x27;s log" in page_of(client_of(bob), session)
    assert delete(client_of(bob), session) == 302 and not gone(film)


def test_looking_back_does_not_hold_a_recording(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    session = looked(bob, yard, noon)
    film = own(bob, session, noon)
    looked(alice, yard, noon + timedelta(seconds=5), 0, transport="export", recording=film, footage_at=noon)
    assert delete(client_of(bob), session) == 302
    assert gone(film)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_deletes(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant, noon: datetime
) -> None:
    session = looked(bob, yard, noon)
    own(bob, session, noon)
    gate, found = threading.Barrier(2), []

    def post(client: Client) -> None:
        gate.wait()
        found.append(delete(client, session))
        connection.close()

    threads = [threading.Thread(target=post, args=(client_of(bob),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [302, 404]
    assert LogLine.objects.filter(what="deleted").count() == 1


def test_the_port_tells_which_logs_need_a_recording(bob: User, alice: User, yard: Camera, noon: datetime) -> None:
    film = recorded(yard, noon, 60)
    at = noon - timedelta(seconds=10)
    looked(bob, yard, at)
    looked(alice, yard, noon, hidden_at=noon)
    looked(alice, yard, noon + timedelta(minutes=5))
    looked(alice, yard, noon, 0, transport="playback", recording=film, footage_at=noon)
    assert ports.references is references
    (words,) = references(film)
    assert words.startswith("bob's log of ") and words.endswith(f"{timezone.localtime(at):%H:%M}")
    for n in range(9):
        looked(alice, yard, noon - timedelta(minutes=n), 3600)
    assert len(references(film)) == 6 and references(film)[-1] == "5 more logs"
    assert camera_needs([film]) == {film.pk: []}
