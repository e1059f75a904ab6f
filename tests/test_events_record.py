"""POST cameras/{slug}/record: who may wish for a recording, and what the engine makes of it."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import zmq
from django.conf import settings
from django.test import Client

from accounts.models import ApiToken, User
from camera import bus
from camera.models import Camera, Grant, Right
from main import recording_control
from tests.footage_cast import looked

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Engine(threading.Thread):
    """The engine's end of COMMAND, answering what it is told to."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.answer, self.asked, self.over = answer, [], threading.Event()  # type: ignore[var-annotated]
        self._context: zmq.Context[Any] = zmq.Context()
        self._router = bus.Router(self._context, bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands)

    def run(self) -> None:
        while not self.over.is_set():
            for peer, header, _ in self._router.receive():
                self.asked.append((header["name"], header["body"]))
                self._router.send(peer, {"type": "reply", "id": header["id"], "body": self.answer})
            time.sleep(0.01)
        self._router.close()
        self._context.term()


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine({"ok": True, "recording": True, "reasons": ["manual:alice"]})
    engine.start()
    yield engine
    engine.over.set()
    engine.join(5)


def ask(client: Client, wish: object, slug: str = "yard", **more: Any) -> Any:
    return client.post(f"/api/v1/cameras/{slug}/record", wish, content_type="application/json", **more)


def test_a_recording_is_started_and_stopped(client_of: ClientOf, alice: User, yard: Camera, engine: Engine) -> None:
    session = looked(alice, yard, NOON, None)
    client = client_of(alice)
    reply = ask(client, {"on": True})
    assert (reply.status_code, reply.json()) == (200, {"recording": True, "reasons": ["manual:alice"]})
    assert ask(client, {"on": False, "session": session.pk}).status_code == 200
    body = {"camera": yard.pk, "on": True, "session": None, "user": alice.pk, "name": "alice"}
    assert engine.asked == [("record", body), ("record", body | {"on": False, "session": session.pk})]


def test_only_who_may_record_and_only_for_a_session_of_their_own(
    client_of: ClientOf, alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant, engine: Engine
) -> None:
    theirs, over = looked(alice, yard, NOON, None), looked(bob, yard, NOON)
    porch = Camera.objects.create(name="Porch", slug="porch", kind="pattern", keeper=alice)
    elsewhere = looked(bob, porch, NOON, None)
    assert ask(client_of(charlie), {"on": True}).status_code == 404
    assert ask(client_of(bob), {"on": True}).status_code == 403
    Grant.objects.create(camera=yard, user=bob, right=Right.RECORD)
    for session in (theirs.pk, over.pk, elsewhere.pk, 10**9, 0, -1, 2**70):
        reply = ask(client_of(bob), {"on": True, "session": session})
        assert reply.status_code == 404, session
        assert "session" in reply.json()["error"]["message"]
    assert engine.asked == []
    assert ask(client_of(bob), {"on": True}).status_code == 200


def test_without_an_engine_it_is_said_so(
    client_of: ClientOf, alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_control, "ENGINE_SECONDS", 0.2)
    reply = ask(client_of(alice), {"on": True})
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "engine_down")


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ({"ok": False, "code": "not_found", "error": "Run by another engine."}, 409, "conflict"),
        ({"ok": False, "code": "busy", "error": "Busy."}, 503, "busy"),
        ({"recording": "yes", "reasons": 7}, 503, "engine_down"),
    ],
)
def test_what_the_engine_refuses(
    answer: dict[str, Any], status: int, code: str, client_of: ClientOf, alice: User, yard: Camera, engine: Engine
) -> None:
    engine.answer = answer
    reply = ask(client_of(alice), {"on": True})
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


def test_a_change_by_cookie_needs_the_token_against_forgery(alice: User, yard: Camera, engine: Engine) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert ask(client, {"on": True}).status_code == 403
    header = {"Authorization": f"Bearer {ApiToken.objects.issue(alice, 'test')[1]}"}
    assert ask(Client(enforce_csrf_checks=True), {"on": True}, headers=header).status_code == 200


@pytest.mark.parametrize(
    "wish", ['{"on": 1}', '{"on": "yes"}', "{}", "[]", "null", "", "{", '{"on": true, "session": "1"}',
             '{"on": true, "session": true}', '{"on": true, "session": 1.5}', "[" * 5000, "\u0000"],
)  # fmt: skip
def test_odd_wishes_are_refused(wish: str, client_of: ClientOf, alice: User, yard: Camera) -> None:
    reply = ask(client_of(alice), wish)
    assert reply.status_code == 400, reply.content
    assert list(reply.json()) == ["error"]
