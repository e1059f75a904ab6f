"""The button, between the screen and the engine; and what the screen is told."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Device, User
from camera.commands import EngineDownError
from camera.models import Camera, Event, Grant, Right, RingPress
from main.models import RingAnswer, SiteSettings
from main.pages import kiosk
from tests.footage_cast import happened, looked
from tests.kiosk_kit import paired

pytestmark = pytest.mark.django_db
ID = "0123456789abcdef"
Asked = list[dict[str, Any]]


@pytest.fixture
def screen(alice: User, yard: Camera) -> tuple[Device, Client]:
    kiosk._presses.clear()
    return paired(alice, yard)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Asked]:
    """What the engine answers, and what it was asked. tests/test_kiosk_e2e.py asks a real one."""
    answer: dict[str, Any] = {"ok": True, "event": 7, "new": True, "known": False}
    asked: Asked = []

    def ask(endpoint: str, name: str, body: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
        assert name == "ring"
        asked.append(body)
        if not answer:
            raise EngineDownError("no answer")
        return answer, b""

    monkeypatch.setattr(kiosk, "ask_engine", ask)
    return answer, asked


def press(client: Client, body: object) -> Any:
    data = body if isinstance(body, str) else json.dumps(body)
    return client.post("/kiosk/ring/", data, content_type="application/json")


def test_a_press_is_the_engines(screen: tuple[Device, Client], engine: Any, yard: Camera) -> None:
    reply = press(screen[1], {"id": ID, "at": 1_700_000_000.5})
    assert (reply.status_code, reply.json()) == (200, {"event": 7, "new": True, "known": False})
    named = f"screen-{screen[0].pk}-{ID}"
    assert engine[1] == [{"id": named, "at": 1_700_000_000.5, "camera": yard.pk, "way": "kiosk"}]


def test_a_clock_that_runs_ahead_is_not_believed(screen: tuple[Device, Client], engine: Any) -> None:
    assert press(screen[1], {"id": ID, "at": time.time() + 3600}).status_code == 200
    assert press(screen[1], {"id": ID}).status_code == 200
    assert engine[1][0]["at"] <= time.time() and "at" not in engine[1][1]


@pytest.mark.faults
@pytest.mark.parametrize(
    "body",
    [
        "", "[]", "null", "{", '{"id": 1}', '{"id": ""}', '{"id": "short"}', json.dumps({"id": "x" * 65}),
        json.dumps({"id": "a b c d e f"}), json.dumps({"id": ID, "at": "now"}), json.dumps({"id": ID, "at": True}),
        json.dumps({"id": ID, "at": -5}), '{"id": "0123456789abcdef", "at": 1e999}', "[" * 20_000,
        '{"id": "0123456789abcdef", "at": NaN}', '{"id": "0123456789abcdef", "at": 1' + "0" * 400 + "}",
    ],
)  # fmt: skip
def test_odd_presses(body: str, screen: tuple[Device, Client], engine: Any) -> None:
    reply = press(screen[1], body)
    assert reply.status_code == 400 and reply.json()["error"]["code"] == "bad_request"
    assert engine[1] == []


@pytest.mark.parametrize(
    ("code", "status"), [("not_found", 404), ("disabled", 409), ("bad_request", 400), ("busy", 503), ("odd", 503)]
)
def test_what_the_engine_refuses(code: str, status: int, screen: tuple[Device, Client], engine: Any) -> None:
    engine[0].clear()
    engine[0].update({"ok": False, "code": code, "error": "words"})
    reply = press(screen[1], {"id": ID})
    assert reply.status_code == status and reply.json()["error"] == {"code": code, "message": "words"}
    assert ("Retry-After" in reply.headers) is (status == 503)


def test_without_an_engine_it_is_to_be_sent_again(screen: tuple[Device, Client], engine: Any) -> None:
    engine[0].clear()
    reply = press(screen[1], {"id": ID})
    assert reply.status_code == 503 and reply.json()["error"]["code"] == "engine_down"
    assert reply.headers["Retry-After"] == "2"


def test_a_screen_without_a_camera_has_no_bell(screen: tuple[Device, Client], engine: Any, yard: Camera) -> None:
    Grant.objects.filter(user=screen[0].user).delete()
    assert press(screen[1], {"id": ID}).status_code == 404
    assert screen[1].get("/kiosk/state/").json()["camera"] is None
    yard.delete()
    assert press(screen[1], {"id": ID}).status_code == 404
    assert engine[1] == []


def test_no_hand_presses_that_often(
    screen: tuple[Device, Client], engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kiosk, "MOST_PRESSES", 3)
    assert [press(screen[1], {"id": ID}).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_press_needs_the_token_against_forgery(screen: tuple[Device, Client], engine: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = screen[1].cookies
    assert press(strict, {"id": ID}).status_code == 403
    strict.get("/kiosk/")
    told = strict.get("/kiosk/state/").json()["csrf"]
    reply = strict.post("/kiosk/ring/", {"id": ID}, content_type="application/json", headers={"X-CSRFToken": told})
    assert reply.status_code == 200


def state(screen: tuple[Device, Client]) -> Any:
    return screen[1].get("/kiosk/state/").json()


def test_the_state_in_words(screen: tuple[Device, Client], yard: Camera, bob: User) -> None:
    house = SiteSettings.load()
    house.site_name, house.time_zone = "Smith house", "Europe/Berlin"
    house.kiosk_texts = "en: Please ring once.\nParcels next door.\npt-br: Toque uma vez."
    house.save()
    looked(bob, yard, timezone.now(), ended_at=None, left_at=None)
    told = state(screen)
    assert (told["house"], told["camera"], told["zone"], told["language"]) == (
        "Smith house",
        "yard",
        "Europe/Berlin",
        "en",
    )
    assert [one["lang"] for one in told["texts"]] == ["en", "pt-BR"]
    assert told["texts"][0]["text"].startswith("Please ring once.") and told["watching"] == ["bob"]
    assert told["online"] is False and told["rings"] == [] and abs(told["now"] - time.time()) < 30
    assert "image" not in told and "/live/" not in json.dumps(told)


@pytest.mark.parametrize(
    ("own", "house", "keeps", "recorded"),
    [
        ("", "off", "ring", True), ("off", "motion", "never", False), ("motion", "off", "always", True),
        ("", "always", "always", True), ("watched", "off", "always", True), ("off", "off", "never", False),
    ],
)  # fmt: skip
def test_what_is_recorded_is_said(
    own: str, house: str, keeps: str, recorded: bool, screen: tuple[Device, Client], yard: Camera
) -> None:
    Camera.objects.filter(pk=yard.pk).update(record=own)
    SiteSettings.load()
    SiteSettings.objects.update(record=house)
    told = state(screen)
    assert (told["keeps"], told["recorded"]) == (keeps, recorded)


def test_rings_and_their_answers_but_never_a_picture(
    screen: tuple[Device, Client], yard: Camera, alice: User, bob: User
) -> None:
    hall = Camera.objects.create(name="Hall", slug="hall", kind="pattern", keeper=alice)
    now = timezone.now()
    for camera in (yard, hall):
        event = happened(camera, now - timedelta(seconds=5), kind=Event.Kind.RING, image="events/x.jpg")
        RingPress.objects.create(event=event, camera=camera, at=now, way="kiosk")
        RingAnswer.objects.create(event=event, user=bob, user_name="bob", text="Coming!")
    # Even if somebody gave it more than the right to know who watches.
    Grant.objects.create(camera=yard, user=screen[0].user, right=Right.PLAYBACK)
    rings = state(screen)["rings"]
    assert [(ring["camera"], ring["image"]) for ring in rings] == [("yard", None)]
    assert [(one["by"], one["text"]) for one in rings[0]["answers"]] == [("bob", "Coming!")]


def test_hostile_names_stay_names(screen: tuple[Device, Client], yard: Camera) -> None:
    bad = "</script><img src=x onerror=alert(1)>"
    SiteSettings.load()
    SiteSettings.objects.update(site_name=bad, kiosk_texts=f"en: {bad}")
    Camera.objects.filter(pk=yard.pk).update(name=bad)
    Device.objects.update(name=bad)
    page = screen[1].get("/kiosk/").content.decode()
    assert "<img" not in page and page.count("</script>") == page.count("<script")
    assert state(screen)["house"] == bad
