"""Which viewings a camera that is recorded while watched is recorded for, and the live page's wish to be recorded."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera import ports
from camera.models import Camera, Grant, RecordRequest
from camera.packets import CameraState
from main import viewings
from main.models import ViewingSession
from main.pages import watch_record
from main.recording_words import reason_words
from main.viewings import Transport, join
from tests.footage_cast import happened
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of
from tests.test_events_record import Engine
from tests.test_viewings import visitor

ClientOf = Callable[[User | None], Client]


@pytest.mark.parametrize(("transport", "counts"), [("page", True), ("mjpeg", True), ("frame", False)])
def test_whole_pictures_count_and_single_ones_do_not(transport: str, counts: bool, bob: User, yard: Camera) -> None:
    assert join(visitor(bob), yard, "page", transport).counts is counts
    assert ports.watched() == ({yard.pk} if counts else set())


def test_a_small_tile_counts_from_when_it_is_full(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.WEBSOCKET, counts=False)
    assert ports.watched() == set()
    join(visitor(bob), yard, "page", Transport.WEBSOCKET, counts=True)
    row.refresh_from_db()
    assert row.counts and ports.watched() == {yard.pk}
    join(visitor(bob), yard, "page", Transport.WEBSOCKET, counts=False)
    row.refresh_from_db()
    assert row.counts


def test_what_is_opened_anew_counts_as_before(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.WEBSOCKET, counts=False)
    new = viewings.reopen(row.pk)
    assert new is not None
    assert ViewingSession.objects.get(pk=new).counts is False


@pytest.fixture
def voice(transactional_db: None) -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def web(transactional_db: None, voice: Voice) -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.mark.parametrize(("size", "counts"), [("small", False), ("full", True)])
def test_a_sockets_tile_counts_by_its_size(
    size: str, counts: bool, web: Web, yard: Camera, bob: User, bob_watches: Grant
) -> None:
    with web.socket(Cookie=cookie_of(bob)) as socket:
        socket.send(json.dumps({"watch": [{"camera": "yard", "size": size}]}))
        row = wait_for(ViewingSession.objects.first, 5, "the session")
        assert row.counts is counts  # type: ignore[attr-defined]
        socket.send(json.dumps({"watch": [{"camera": "yard", "size": "full"}]}))
        wait_for(lambda: ViewingSession.objects.get().counts, 5, "the tile to count")
        state: dict[str, Any] = {}
        while not state.get("session"):
            message = json.loads(socket.recv(timeout=5))
            state = message.get("state", {})
        assert state["session"] == ViewingSession.objects.get().pk and state["reasons"] == []


# The live page


def test_reasons_are_told_in_words() -> None:
    reasons = ["always", "motion", "watched", "session:7", "session:8", "manual:bob", "manual:alice"]
    assert reason_words(reasons, "bob", 7) == (
        "always on, motion, somebody watches, you asked, a viewer asked, alice asked"
    )
    assert reason_words([], "bob", None) == ""


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine({"recording": True, "reasons": ["session:1"]})
    made.start()
    yield made
    made.over.set()
    made.join(5)


@pytest.fixture
def bob_records(bob_watches: Grant) -> Grant:
    return Grant.objects.create(camera=bob_watches.camera, user=bob_watches.user, right="record")


def page_id(html: str) -> str:
    found = re.search(r'data-page="([^"]+)"', html)
    assert found
    return found[1]


def test_without_a_script_the_button_records_the_session_of_its_page(
    client_of: ClientOf, bob: User, yard: Camera, bob_records: Grant, engine: Engine
) -> None:
    client = client_of(bob)
    page = client.get("/live/yard/").content.decode()
    assert "Record this session" in page
    row = ViewingSession.objects.get()
    reply = client.post("/live/yard/record/", {"page": page_id(page), "on": "1"})
    assert engine.asked == [
        ("record", {"camera": yard.pk, "on": True, "session": row.pk, "user": bob.pk, "name": "bob"})
    ]
    RecordRequest.objects.create(camera=yard, session=row.pk, user_id=bob.pk, user_name="bob")
    again = client.get(reply["Location"]).content.decode()
    assert page_id(again) == page_id(page) and ViewingSession.objects.get() == row  # the same session goes on
    assert "Stop recording" in again and 'value="0"' in again
    client.post("/live/yard/record/", {"page": page_id(page), "on": "0"})
    assert engine.asked[1][1]["on"] is False


def test_a_camera_that_is_away_is_recorded_when_it_is_back(
    client_of: ClientOf, bob: User, yard: Camera, bob_records: Grant, engine: Engine
) -> None:
    engine.answer = {"recording": False, "reasons": []}
    client = client_of(bob)
    page = page_id(client.get("/live/yard/").content.decode())
    reply = client.post("/live/yard/record/", {"page": page, "on": "1"}, follow=True)
    assert watch_record.LATER in reply.content.decode()


def test_refusals_are_told_in_words(
    client_of: ClientOf, bob: User, yard: Camera, bob_records: Grant, engine: Engine
) -> None:
    engine.answer = {"error": "The disk is full.", "code": "refused"}
    client = client_of(bob)
    page = page_id(client.get("/live/yard/").content.decode())
    assert (
        "The disk is full."
        in client.post("/live/yard/record/", {"page": page, "on": "1"}, follow=True).content.decode()
    )
    unknown = client.post("/live/yard/record/", {"page": "x" * 16, "on": "1"}, follow=True).content.decode()
    assert watch_record.NOT_OPEN in unknown and len(engine.asked) == 1


def test_an_engine_that_is_down_is_told(
    client_of: ClientOf, bob: User, yard: Camera, bob_records: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("main.recording_control.ENGINE_SECONDS", 0.2)
    client = client_of(bob)
    page = page_id(client.get("/live/yard/").content.decode())
    reply = client.post("/live/yard/record/", {"page": page, "on": "1"}, follow=True)
    assert "The engine is down, so nothing can be recorded now." in reply.content.decode()


def test_only_those_who_may_record_are_offered_it(
    client_of: ClientOf, bob: User, charlie: User, yard: Camera, bob_watches: Grant
) -> None:
    assert "Record this session" not in client_of(bob).get("/live/yard/").content.decode()
    for user, status in ((bob, 403), (charlie, 404)):
        assert client_of(user).post("/live/yard/record/", {"page": "x" * 16, "on": "1"}).status_code == status


def test_todays_events_are_for_those_who_look_back(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant
) -> None:
    events = [happened(yard, timezone.now(), image=f"events/yard/{n}.jpg") for n in range(8)]
    assert "/events/" not in client_of(bob).get("/live/yard/").content.decode().partition("<main")[2]
    Grant.objects.create(camera=yard, user=bob, right="playback")
    page = client_of(bob).get("/live/yard/").content.decode()
    assert page.count("/image/") == 6 and f"/events/{events[-1].pk}/" in page and "/recordings/?camera=yard" in page


def test_the_page_says_why_it_is_recorded(web: Web, voice: Voice, yard: Camera, alice: User) -> None:
    voice.say(CameraState(yard.pk, "online", recording=True, reasons=("motion", "manual:alice"), fps=5.0))

    def told() -> bool:
        page = web.get("/live/yard/", Cookie=cookie_of(alice)).read().decode()
        return "▮ Recording (<bdi>motion, you asked</bdi>)" in page

    wait_for(told, 5, "the reasons")
