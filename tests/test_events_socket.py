"""/ws/events/ through the real server and a real client: what happens is told at once, to those who may see it."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from accounts.models import ApiToken, User
from camera import bus
from camera.models import Camera, Event, Grant, Right
from main import event_feed
from tests.footage_cast import happened
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/ws/events/"
# Faster than the feed looks by itself: what comes within it came by the engine's word.
AT_ONCE = 2.0


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    event_feed._current = None
    with Web() as web:
        yield web
    event_feed._current = None


@pytest.fixture
def tell(voice: Voice) -> Callable[[Event], Event]:
    """Say on MEDIA that an event's row has been committed, as the engine does."""

    def say(row: Event) -> Event:
        wait_for(lambda: b"event:" in voice.wanted, 5, "the subscription")
        voice.raw(bus.topic("event", row.camera_id or 0), {"event": row.pk})
        return row

    return say


def now_on(camera: Camera, **values: Any) -> Event:
    now = timezone.now()
    return happened(camera, now, **({"ended_at": None, "changed_at": now} | values))


def events(socket: ClientConnection, seconds: float = AT_ONCE, many: int = 1) -> list[dict[str, Any]]:
    """The next `many` events, fewer when no more come in time."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + seconds
    while len(found) < many:
        try:
            message = json.loads(socket.recv(timeout=max(0.01, deadline - time.monotonic())))
        except TimeoutError:
            break
        if "event" in message:
            assert list(message) == ["event"]
            found.append(message["event"])
    return found


def closing(socket: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        while True:
            socket.recv(timeout=12)
    return socket.close_code


def test_start_change_and_end_are_told_as_the_api_tells_them(
    web: Web, alice: User, yard: Camera, tell: Callable[[Event], Event], client_of: Callable[[User], Client]
) -> None:
    happened(yard, timezone.now() - timedelta(seconds=1))  # there before: no news
    with web.socket(PATH, Cookie=cookie_of(alice)) as socket:
        row = tell(now_on(yard))
        told = events(socket)
        assert [one["id"] for one in told] == [row.pk]
        assert told == client_of(alice).get("/api/v1/events").json()["items"][:1]
        Event.objects.filter(pk=row.pk).update(kind="person", score=0.9, changed_at=timezone.now())
        tell(row)
        assert [(one["id"], one["kind"]) for one in events(socket)] == [(row.pk, "person")]
        Event.objects.filter(pk=row.pk).update(ended_at=timezone.now(), changed_at=timezone.now())
        tell(row)
        assert [one["ended_at"] is None for one in events(socket)] == [False]
        # The engine says it once more (a report came twice): nothing has changed.
        tell(row)
        assert events(socket, 1.0) == []


@pytest.mark.faults
def test_a_word_that_was_lost_is_made_up_for(web: Web, voice: Voice, alice: User, yard: Camera) -> None:
    with web.socket(PATH, Cookie=cookie_of(alice)) as socket:
        row = now_on(yard)
        assert [one["id"] for one in events(socket, event_feed.LOOK_EVERY + 2)] == [row.pk]


def test_a_row_committed_late_is_not_missed(
    web: Web, alice: User, yard: Camera, tell: Callable[[Event], Event]
) -> None:
    with web.socket(PATH, Cookie=cookie_of(alice)) as socket:
        first = tell(now_on(yard))
        assert [one["id"] for one in events(socket)] == [first.pk]
        # Its time was taken before the first one's, its transaction ended after.
        late = tell(now_on(yard, changed_at=timezone.now() - timedelta(seconds=20)))
        assert [one["id"] for one in events(socket)] == [late.pk]


@pytest.mark.faults
def test_only_who_may_look_back_is_told(
    web: Web, alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant, tell: Callable[[Event], Event]
) -> None:
    porch = Camera.objects.create(name="Porch", slug="porch", kind="pattern", keeper=bob)
    sockets = [web.socket(PATH, Cookie=cookie_of(user)) for user in (alice, bob, charlie)]
    try:
        rows = [now_on(yard), now_on(porch)]
        house = Event.objects.create(
            uid="0000beef", kind="system", label="disk_low", started_at=timezone.now(), changed_at=timezone.now()
        )
        tell(house)
        told = [{one["id"] for one in events(socket, many=3, seconds=3)} for socket in sockets]
    finally:
        for socket in sockets:
            socket.close()
    assert told == [{rows[0].pk, rows[1].pk, house.pk}, {rows[1].pk}, set()]


@pytest.mark.faults
def test_a_right_that_is_taken_away_silences_within_two_seconds(
    web: Web, bob: User, yard: Camera, tell: Callable[[Event], Event]
) -> None:
    grant = Grant.objects.create(camera=yard, user=bob, right=Right.PLAYBACK)
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        tell(now_on(yard))
        assert len(events(socket)) == 1
        grant.delete()
        time.sleep(event_feed.RIGHTS_HOLD + 0.1)
        tell(now_on(yard))
        assert events(socket, 1.5) == []
        Grant.objects.create(camera=yard, user=bob, right=Right.PLAYBACK)
        time.sleep(event_feed.RIGHTS_HOLD + 0.1)
        row = tell(now_on(yard))
        assert [one["id"] for one in events(socket)] == [row.pk]


@pytest.mark.faults
@pytest.mark.parametrize("way", ["logged out", "disabled", "token gone"])
def test_it_is_closed_within_ten_seconds_of_the_end_of_a_login(
    way: str, web: Web, voice: Voice, bob: User, yard: Camera
) -> None:
    client = Client()
    client.force_login(bob)
    token, secret = ApiToken.objects.issue(bob, "x")
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    headers = {"Authorization": f"Bearer {secret}"} if way == "token gone" else {"Cookie": cookie}
    with web.socket(PATH, **headers) as socket:
        started = time.monotonic()
        if way == "logged out":
            client.logout()
        elif way == "disabled":
            User.objects.filter(pk=bob.pk).update(is_active=False)
        else:
            token.delete()
        assert closing(socket) == 4401
        assert time.monotonic() - started < 10


def test_strangers_and_foreign_pages_are_refused(web: Web, alice: User, db: None) -> None:
    cookie = cookie_of(alice)
    for headers in (
        {},
        {"Cookie": "sessionid=nothing"},
        {"Authorization": "Bearer nothing"},
        {"Authorization": "Bearer nothing", "Cookie": cookie},
        {"Cookie": cookie, "Origin": "https://evil.example"},
        {"Cookie": cookie, "Origin": "null"},
        {"Cookie": cookie, "Host": "evil.example"},
    ):
        with pytest.raises(InvalidStatus) as refused:
            web.socket(PATH, **headers)
        assert refused.value.response.status_code == 403, headers
    with web.socket(PATH, Cookie=cookie, Origin=f"http://127.0.0.1:{web.port}"):
        pass


def test_what_comes_in(web: Web, alice: User) -> None:
    with web.socket(PATH, Cookie=cookie_of(alice)) as socket:
        socket.send('{"ping": 12.5}')
        answer = json.loads(socket.recv(timeout=5))
        assert answer["pong"] == 12.5
        assert abs(answer["now"] - time.time()) < 5
        for odd in (
            "",
            "{",
            "[]",
            "null",
            "1",
            '{"ping": "x"}',
            '{"ping": 1e999}',
            '{"watch": []}',
            b"\x00",
            "[" * 4000,
        ):
            socket.send(odd)
            assert json.loads(socket.recv(timeout=5))["error"]["code"] == "bad_request", odd
        socket.send("x" * 5000)
        assert closing(socket) == 1009
