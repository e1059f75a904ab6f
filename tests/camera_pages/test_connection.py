"""«Test connection»: what the engine is asked, and how its answer is told."""

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from camera.models import Camera
from camera.packets import REASON_TEXT, Reason
from main.try_source import _AT_ONCE, ADVICE
from tests.camera_house import JPEG, SECRET, EngineEnd

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]


# --- test of a connection ---


def test_a_good_test_shows_the_picture(client_of: ClientOf, bob: User, engine: EngineEnd) -> None:
    values = {"source": f"rtsp://u:{SECRET}@10.0.0.9/s1", "transport": "udp", "poll_fps": "3"}
    part = client_of(bob).post("/cameras/test/", values, headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "1280×720 H.264, first picture after 0.8 s" in part.content.decode()
    assert 'src="data:image/jpeg;base64,/9j/' in part.content.decode()
    (source,) = engine.sources
    assert (source["kind"], source["address"], source["username"], source["password"]) == (
        "rtsp",
        "rtsp://10.0.0.9/s1",
        "u",
        SECRET,
    )
    assert (source["transport"], source["poll_fps"]) == ("udp", 3.0)
    page = client_of(bob).post("/cameras/test/", values)
    assert "<html" in page.content.decode()
    assert "first picture after" in page.content.decode()
    assert 'value="rtsp://10.0.0.9/s1"' in page.content.decode()
    assert SECRET not in page.content.decode() + part.content.decode()
    assert not Camera.objects.exists()


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in (Reason.PRIVACY, Reason.ENGINE_DOWN)])
def test_a_failed_test_says_why_and_what_to_do(reason: str, client_of: ClientOf, bob: User, engine: EngineEnd) -> None:
    detail = f"401 for rtsp://u:{SECRET}@10.0.0.9/ with {SECRET} <b>"
    engine.answer = ({"ok": False, "reason": reason, "detail": detail}, b"")
    values = {"source": f"rtsp://u:{SECRET}@10.0.0.9/s1"}
    page = client_of(bob).post("/cameras/test/", values, headers={"HX-Request": "true"}).content.decode()
    assert html.escape(REASON_TEXT[reason][1:]) in page
    assert html.escape(ADVICE[reason]) in page
    assert "&lt;b&gt;" in page
    assert SECRET not in page


@pytest.mark.parametrize(
    "answer",
    [
        ({}, b""),
        ({"ok": "yes"}, b""),
        ({"ok": False, "reason": None}, b""),
        ({"ok": False, "reason": ["x"]}, b"x"),
        ({"ok": True}, b""),
        ({"ok": True, "codec": "h264"}, b"GIF89a"),
        ({"ok": True, "width": None, "seconds": None}, JPEG),
    ],
)
def test_odd_answers_of_the_engine_are_put_up_with(
    answer: Any, client_of: ClientOf, bob: User, engine: EngineEnd
) -> None:
    engine.answer = answer
    reply = client_of(bob).post("/cameras/test/", {"source": "pattern:"})
    assert reply.status_code == 200
    assert (b"data:image" in reply.content) is answer[1].startswith(b"\xff\xd8")


def test_without_an_engine_the_test_says_so(client_of: ClientOf, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main.try_source.SECONDS_WITHOUT_ENGINE", 0.2)
    page = client_of(bob).post("/cameras/test/", {"source": "pattern:"}).content.decode()
    assert "engine is not running" in page
    assert "Nothing was tried" in page


def test_a_bad_address_is_not_tried(client_of: ClientOf, bob: User, engine: EngineEnd) -> None:
    part = client_of(bob).post("/cameras/test/", {"source": "exec:ls"}, headers={"HX-Request": "true"}).content.decode()
    assert "Nothing was tried" in part
    assert "does not open exec: addresses" in part
    assert engine.asked == []


def test_only_a_few_tests_run_at_once(client_of: ClientOf, bob: User, engine: EngineEnd) -> None:
    held = [_AT_ONCE.acquire(blocking=False) for _ in range(3)]
    try:
        assert all(held)
        assert (
            "Other connections are being tested"
            in client_of(bob).post("/cameras/test/", {"source": "pattern:"}).content.decode()
        )
        assert engine.asked == []
    finally:
        for _ in held:
            _AT_ONCE.release()
    assert "first picture after" in client_of(bob).post("/cameras/test/", {"source": "pattern:"}).content.decode()


def test_a_test_is_no_link(client_of: ClientOf, bob: User) -> None:
    assert client_of(bob).get("/cameras/test/").status_code == 405
