"""/ws/rings/ through the real server and a real client: who rings is told at once to those who may watch."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from accounts.models import Role, User
from camera import bus
from camera.models import Camera, Event, Grant, Right
from main import attention, ring_feed, rings
from main.actors import user_actor
from tests.footage_cast import happened
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of
from tests.ring_cast import pressed, ringing

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/ws/rings/"


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    ring_feed._current = None
    with Web() as web:
        yield web
    ring_feed._current = None


@pytest.fixture
def tell(voice: Voice) -> Callable[[Event], Event]:
    """Say on MEDIA that an event's row has been committed, as the engine does."""

    def say(row: Event) -> Event:
        wait_for(lambda: b"event:" in voice.wanted, 20, "the subscription")
        voice.raw(bus.topic("event", row.camera_id or 0), {"event": row.pk})
        return row

    return say


def told(socket: ClientConnection, key: str, seconds: float = 20.0) -> Any:
    """What the next message with that key says."""
    deadline = timezone.now() + timedelta(seconds=seconds)
    while True:
        left = (deadline - timezone.now()).total_seconds()
        assert left > 0, f"no {key} in {seconds} s"
        message = json.loads(socket.recv(timeout=left))
        if key in message:
            return message[key]


def test_the_first_message_says_who_rings_now_and_what_was_missed(
    web: Web, alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant
) -> None:
    User.objects.update(date_joined=timezone.now() - timedelta(days=1))
    missed = ringing(yard, ago=600)
    now = ringing(yard, ago=30, presses=3, image="events/yard/x.jpg")
    first = {}
    for user in (alice, bob, charlie):
        with web.socket(PATH, Cookie=cookie_of(user)) as socket:
            first[user.username] = json.loads(socket.recv(timeout=20))
    ring = first["alice"]["rings"][0]
    assert ring["id"] == now.pk != missed.pk
    assert (ring["camera"], ring["name"], ring["presses"], ring["answers"]) == ("yard", "Yard", 3, [])
    assert ring["image"] == f"/events/{now.pk}/image/"
    assert ring["last_at"] > ring["started_at"]
    assert first["alice"]["badge"] == {"missed": 1, "unseen": 2}
    # Bob may watch but not look back: he is told, without a picture and without events.
    assert first["bob"] == {"rings": [ring | {"image": None}], "badge": {"missed": 1, "unseen": 0}}
    assert first["charlie"] == {"rings": [], "badge": {"missed": 0, "unseen": 0}}


def test_each_change_is_told_to_who_may_watch(
    web: Web, alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant, tell: Callable[[Event], Event]
) -> None:
    own = Camera.objects.create(name="Own", slug="own", kind="pattern", keeper=charlie)
    sockets = {user.username: web.socket(PATH, Cookie=cookie_of(user)) for user in (alice, bob, charlie)}
    try:
        for socket in sockets.values():
            told(socket, "rings")
        row = tell(ringing(yard))
        assert {told(sockets[name], "ring")["id"] for name in ("alice", "bob")} == {row.pk}
        pressed(row, timezone.now())
        Event.objects.filter(pk=row.pk).update(image="events/yard/x.jpg", changed_at=timezone.now())
        tell(row)
        again = {name: told(sockets[name], "ring") for name in ("alice", "bob")}
        assert [one["presses"] for one in again.values()] == [2, 2]
        assert (again["alice"]["image"], again["bob"]["image"]) == (f"/events/{row.pk}/image/", None)
        # Nobody needs to say so of an answer: this process hears it from itself.
        rings.answer(user_actor(bob), row, " Coming! ")
        for name in ("alice", "bob"):
            answers = told(sockets[name], "ring")["answers"]
            assert [(one["by"], one["text"]) for one in answers] == [("bob", "Coming!")]
        # Charlie hears the next ring of his own camera, and none of these before it.
        mine = tell(ringing(own))
        assert told(sockets["charlie"], "ring")["id"] == mine.pk
    finally:
        for socket in sockets.values():
            socket.close()


def test_the_bell_follows_events_and_what_was_seen(
    web: Web, alice: User, yard: Camera, tell: Callable[[Event], Event]
) -> None:
    User.objects.update(date_joined=timezone.now() - timedelta(days=1))
    with web.socket(PATH, Cookie=cookie_of(alice)) as socket:
        assert told(socket, "badge") == {"missed": 0, "unseen": 0}
        now = timezone.now()
        tell(happened(yard, now, kind="motion", changed_at=now))
        tell(happened(yard, now, kind="person", changed_at=now))
        assert told(socket, "badge") == {"missed": 0, "unseen": 1}
        # A ring from when there was no line: told of late, over long since.
        late = tell(ringing(yard, ago=3000))
        assert told(socket, "badge") == {"missed": 1, "unseen": 2}
        attention.see_events(user_actor(alice))
        assert told(socket, "badge") == {"missed": 1, "unseen": 0}
        attention.see_rings(user_actor(alice), late.pk)
        assert told(socket, "badge") == {"missed": 0, "unseen": 0}


def test_a_ring_that_nobody_answers_is_missed_when_it_is_over(
    web: Web, alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rings, "NOW", timedelta(seconds=1))
    monkeypatch.setattr(ring_feed, "NOW", timedelta(seconds=1))
    ringing(yard)
    with web.socket(PATH, Cookie=cookie_of(alice)) as socket:
        first = json.loads(socket.recv(timeout=20))
        assert first["badge"]["missed"] in (0, 1)
        if first["badge"]["missed"] == 0:
            assert told(socket, "badge")["missed"] == 1


def test_a_screen_of_the_house_gets_rings_of_its_cameras_without_pictures_or_a_bell(
    web: Web, alice: User, yard: Camera
) -> None:
    porch = Camera.objects.create(name="Porch", slug="porch", kind="pattern", keeper=alice)
    screen = User.objects.create_user("screen", role=Role.KIOSK)
    for right in (Right.WATCH, Right.PLAYBACK):
        Grant.objects.create(camera=yard, user=screen, right=right)
    ringing(porch, image="events/porch/x.jpg")
    row = ringing(yard, image="events/yard/x.jpg")
    with web.socket(PATH, Cookie=cookie_of(screen)) as socket:
        first = json.loads(socket.recv(timeout=20))
        assert list(first) == ["rings"]
        assert [(one["id"], one["image"]) for one in first["rings"]] == [(row.pk, None)]
        rings.answer(user_actor(alice), row, "Coming!")
        ring = told(socket, "ring")
        assert (ring["image"], ring["answers"][0]["text"]) == (None, "Coming!")


def test_strangers_and_foreign_pages_are_refused(web: Web, alice: User) -> None:
    for headers in (
        {},
        {"Cookie": "sessionid=nothing"},
        {"Authorization": "Bearer nothing"},
        {"Cookie": cookie_of(alice), "Origin": "https://evil.example"},
    ):
        with pytest.raises(InvalidStatus) as refused:
            web.socket(PATH, **headers)
        assert refused.value.response.status_code == 403, headers


def test_what_comes_in(web: Web, alice: User) -> None:
    with web.socket(PATH, Cookie=cookie_of(alice)) as socket:
        told(socket, "rings")
        socket.send('{"ping": 12.5}')
        assert told(socket, "pong") == 12.5
        for odd in ("", "[]", "null", '{"ping": "x"}', '{"ring": 1}', b"\x00"):
            socket.send(odd)
            assert told(socket, "error")["code"] == "bad_request", odd
