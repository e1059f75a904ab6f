"""The pages of a camera that moves: the pad, its positions and its switches, for those who may."""

import html
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from camera.live.hub import current_hub
from camera.models import Camera, Right
from camera.packets import CameraState
from tests.move_kit import INFO, PtzEngine, make_turner, may, ptz_engine

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
Cast = tuple[User, User, User]
HTMX = {"HX-Request": "true"}
PAGE = "a-page-of-the-live-view"


@pytest.fixture
def engine() -> Iterator[PtzEngine]:
    with ptz_engine() as engine:
        yield engine


@pytest.fixture
def gate(alice: User) -> Camera:
    return make_turner(alice)


@pytest.fixture
def cast(alice: User, bob: User, charlie: User) -> Cast:
    return alice, bob, charlie


def body(reply: Any) -> str:
    return html.unescape(reply.content.decode())


def shown(monkeypatch: pytest.MonkeyPatch, camera: Camera, **values: Any) -> None:
    """The hub hears that of the camera, and of no other."""
    state = replace(CameraState(camera.pk, "online", since=time.time() - 60), **values)
    monkeypatch.setattr(current_hub(), "state", lambda pk: state if pk == camera.pk else CameraState(pk, "online"))


# --- the live page ---


def test_the_pad_is_there_for_those_who_may_and_cameras_that_can(
    client_of: ClientOf, alice: User, bob: User, gate: Camera, yard: Camera
) -> None:
    may(bob, gate, Right.WATCH)
    assert "data-move=" not in body(client_of(bob).get("/live/gate/"))
    assert "data-move=" not in body(client_of(alice).get("/live/yard/"))
    may(bob, gate, Right.MOVE)
    page = body(client_of(bob).get("/live/gate/"))
    assert 'data-move="gate" data-zooms data-turns' in page
    assert re.findall(r'name="do" value="(\w+)"', page) == ["up", "left", "right", "down", "closer", "wider", "home"]
    assert 'hx-get="/live/gate/presets/"' in page and "css/move.css" in page
    assert "Switches" not in page
    assert 'href="/cameras/gate/switches/"' in body(client_of(alice).get("/live/gate/"))


@pytest.mark.parametrize(
    ("abilities", "there"),
    [
        ([], []),
        (["privacy", "led"], []),
        (["pan_tilt"], ["up", "left", "right", "down"]),
        (["zoom"], ["closer", "wider"]),
        (["presets"], []),
        ("pan_tilt", []),
    ],
)
def test_only_what_the_camera_can_is_shown(
    abilities: Any, there: list[str], client_of: ClientOf, alice: User, gate: Camera
) -> None:
    Camera.objects.update(abilities=abilities)
    page = body(client_of(alice).get("/live/gate/"))
    assert re.findall(r'name="do" value="(\w+)"', page) == there
    assert ("/live/gate/presets/" in page) is (abilities == ["presets"])


def test_who_moves_it_and_since_when_it_is_private_is_told(
    client_of: ClientOf, alice: User, gate: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(monkeypatch, gate, mover="bob")
    assert "<bdi>bob</bdi> is moving it" in body(client_of(alice).get("/live/gate/"))
    shown(monkeypatch, gate, mover="alice")
    assert "is moving it<" not in body(client_of(alice).get("/live/gate/"))
    shown(monkeypatch, gate, state="paused", reason="PRIVACY", since=time.time())
    for path in ("/", "/live/gate/", "/cameras/"):
        assert re.search(r"Privacy mode since \d\d:\d\d", body(client_of(alice).get(path))), path


def test_a_page_that_waits_for_the_pad_is_loaded_again(
    client_of: ClientOf, alice: User, bob: User, gate: Camera, yard: Camera
) -> None:
    Camera.objects.filter(pk=gate.pk).update(abilities=[], model="")
    client, path = client_of(alice), "/live/gate/presets/?learnt"
    assert f'hx-get="{path}"' in body(client.get("/live/gate/")) and "being asked" in body(client.get("/live/gate/"))
    assert "being asked" not in body(client.get("/live/yard/"))
    waiting = client.get(path, headers=HTMX)
    assert (waiting.status_code, waiting.headers.get("HX-Refresh")) == (204, None)
    Camera.objects.filter(pk=gate.pk).update(model="No motor")
    assert client.get(path, headers=HTMX).headers["HX-Refresh"] == "true"
    assert "being asked" not in body(client.get("/live/gate/"))
    may(bob, gate, Right.WATCH)
    assert client_of(bob).get(path).status_code == 403


# --- steps without a script ---


@pytest.mark.parametrize(
    ("do", "motion"),
    [
        ("left", (-1, 0, 0)), ("right", (1, 0, 0)), ("up", (0, 1, 0)), ("down", (0, -1, 0)), ("closer", (0, 0, 1)),
        ("wider", (0, 0, -1)), ("stop", (0, 0, 0)),
    ],
)  # fmt: skip
def test_a_press_is_a_step_and_the_page_goes_on(
    do: str, motion: tuple[float, ...], client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine
) -> None:
    reply = client_of(alice).post("/live/gate/move/", {"do": do, "page": PAGE})
    assert (reply.status_code, reply["Location"]) == (302, f"/live/gate/?page={PAGE}#move")
    assert engine.moves() == [motion] and engine.bodies()[0]["seconds"] == 0.5


def test_what_did_not_work_is_told_on_the_page(
    client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(alice)
    engine.answers["ptz"] = {"ok": False, "code": "busy", "error": "bob is moving it just now."}
    assert "bob is moving it just now." in body(client.post("/live/gate/move/", {"do": "left"}, follow=True))
    assert "bob is moving it" in body(client.post("/live/gate/move/", {"do": "home"}, follow=True))
    assert "choose one of the buttons" in body(client.post("/live/gate/move/", {"do": "fly"}, follow=True))
    engine.answers["ptz"] = None
    monkeypatch.setattr("main.moving.SECONDS_WITHOUT_ENGINE", 0.2)
    assert "The engine is away" in body(client.post("/live/gate/move/", {"do": "left"}, follow=True))


@pytest.mark.parametrize(
    ("path", "wish", "right"),
    [
        ("/live/gate/move/", {"do": "left"}, Right.MOVE),
        ("/live/gate/presets/", {"goto": "1"}, Right.MOVE),
        ("/live/gate/presets/", {"save": "1", "name": "Door"}, Right.MANAGE),
        ("/live/gate/presets/", {"delete": "1"}, Right.MANAGE),
        ("/cameras/gate/switches/", {"what": "led", "value": "off"}, Right.MANAGE),
    ],
)
def test_who_may(
    path: str, wish: dict[str, str], right: Right, client_of: ClientOf, cast: Cast, gate: Camera, engine: PtzEngine
) -> None:
    alice, bob, charlie = cast
    may(bob, gate, Right.WATCH)
    if right == Right.MANAGE and "live" in path:
        may(bob, gate, Right.MOVE)
    assert client_of(None).post(path, wish).status_code == 302
    assert client_of(charlie).post(path, wish).status_code == 404
    assert client_of(bob).post(path, wish).status_code == 403
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(alice)
    assert forged.post(path, wish).status_code == 403
    assert engine.asked == []
    may(bob, gate, right)
    assert client_of(bob).post(path, wish).status_code == 302
    assert len(engine.bodies()) == 1


# --- positions ---


def test_the_positions_are_there_to_go_to(client_of: ClientOf, bob: User, gate: Camera, engine: PtzEngine) -> None:
    may(bob, gate, Right.MOVE)
    client = client_of(bob)
    part = client.get("/live/gate/presets/", headers=HTMX)
    assert "<html" not in body(part)
    assert re.findall(r'name="goto" value="(\w+)"', body(part)) == ["1", "2"]
    assert b"&lt;b&gt;Tree" in part.content and b"<b>" not in part.content
    # To save and delete them is for those who manage the camera.
    assert "Save or delete" not in body(part)
    assert "<html" in body(client.get("/live/gate/presets/"))
    gone = body(client.post("/live/gate/presets/", {"goto": "2"}, headers=HTMX))
    assert "On its way." in gone and 'name="goto"' in gone
    assert engine.bodies(do="goto")[0]["preset"] == "2"
    assert "On its way home." in body(client.post("/live/gate/presets/", {"home": "1"}, follow=True))
    assert len(engine.bodies(do="home")) == 1


def test_positions_are_saved_and_deleted(client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine) -> None:
    client = client_of(alice)
    saved = body(client.post("/live/gate/presets/", {"save": "1", "name": " Front door "}, headers=HTMX))
    assert "Saved as Front door." in saved and "<details" in saved and " open>" in saved
    assert engine.bodies(do="save")[0]["name"] == "Front door"
    assert "It is deleted." in body(client.post("/live/gate/presets/", {"delete": "1"}, follow=True))
    assert engine.bodies(do="delete")[0]["preset"] == "1"
    for odd in ("", " ", "x" * 61, "a\x00b"):
        assert "at most 60 printable" in body(
            client.post("/live/gate/presets/", {"save": "1", "name": odd}, headers=HTMX)
        )
    assert "choose one" in body(client.post("/live/gate/presets/", {"fly": "1"}, headers=HTMX))
    assert len(engine.bodies(do="save")) == 1


def test_without_an_engine_the_positions_say_so(
    client_of: ClientOf, alice: User, gate: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("main.moving.SECONDS_WITHOUT_ENGINE", 0.2)
    page = body(client_of(alice).get("/live/gate/presets/", headers=HTMX))
    assert "The engine is away" in page and "No position is saved" not in page


# --- switches ---


def test_the_switches_tell_how_they_stand_and_are_turned(
    client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine
) -> None:
    client = client_of(alice)
    page = body(client.get("/cameras/gate/switches/"))
    assert re.findall(r"<h3>([^<]+)</h3>", page) == [
        "Privacy mode: off", "Lamp: on", "Night vision: by itself", "Alarm: how it stands is not known"
    ]  # fmt: skip
    assert re.findall(r'id="switch-([a-z-]+)"', page) == [
        "privacy-on", "led-off", "night-on", "night-off", "alarm-on", "alarm-off"
    ]  # fmt: skip
    for what, value, sent in (("privacy", "on", True), ("led", "off", False), ("night", "off", "off")):
        part = body(client.post("/cameras/gate/switches/", {"what": what, "value": value}, headers=HTMX))
        assert "<html" not in part
        assert [engine.bodies(do="switch")[-1][name] for name in ("what", "value")] == [what, sent]
    assert "Lamp: on." in body(client.post("/cameras/gate/switches/", {"what": "led", "value": "on"}, follow=True))


def test_the_alarm_asks_first(client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine) -> None:
    client, wish = client_of(alice), {"what": "alarm", "value": "on"}
    asks = body(client.post("/cameras/gate/switches/", wish))
    assert "Sound the alarm of" in asks and 'name="sure" value="yes"' in asks and engine.asked == []
    # The form that leads there is no htmx's: the question is a page.
    listed = body(client.get("/cameras/gate/switches/"))
    (form,) = [one for one in re.findall(r"<form.*?</form>", listed, re.DOTALL) if 'value="alarm"' in one]
    assert "hx-post" not in form
    assert "Alarm: on." in body(client.post("/cameras/gate/switches/", wish | {"sure": "yes"}, follow=True))
    client.post("/cameras/gate/switches/", {"what": "alarm", "value": "off"})
    assert [one["value"] for one in engine.bodies(do="switch")] == [True, False]


@pytest.mark.parametrize("wish", [{}, {"what": "led", "value": "dim"}, {"what": "door", "value": "on"}])
def test_odd_wishes_turn_nothing(
    wish: dict[str, str], client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine
) -> None:
    page = body(client_of(alice).post("/cameras/gate/switches/", wish, headers=HTMX))
    assert "choose one of the buttons" in page and engine.bodies(do="switch") == []


def test_only_the_switches_it_has(client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine) -> None:
    Camera.objects.update(abilities=["led", "pan_tilt"])
    client = client_of(alice)
    assert re.findall(r"<h3>([^:<]+)", body(client.get("/cameras/gate/switches/"))) == ["Lamp"]
    client.post("/cameras/gate/switches/", {"what": "privacy", "value": "on"})
    assert engine.bodies(do="switch") == []
    Camera.objects.update(abilities=["pan_tilt"])
    assert client.get("/cameras/gate/switches/").status_code == 404


@pytest.mark.parametrize(
    "answer",
    [
        {"ok": True},
        {"ok": True, "presets": 5, "switches": [], "abilities": "x", "moving_by": 7},
        INFO | {"presets": [None, {"token": 5}, {"token": "", "name": "x"}, {"token": "t", "name": ""}]},
        INFO | {"switches": {"privacy": "yes", "led": 1, "night": "dusk"}},
    ],
)
def test_odd_answers_are_put_up_with(
    answer: dict[str, Any], client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine
) -> None:
    engine.answers["ptz"] = answer
    for path in ("/live/gate/presets/", "/cameras/gate/switches/"):
        assert client_of(alice).get(path).status_code == 200


def test_without_an_engine_the_switches_say_so(
    client_of: ClientOf, alice: User, gate: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("main.moving.SECONDS_WITHOUT_ENGINE", 0.2)
    assert "The engine is away" in body(client_of(alice).get("/cameras/gate/switches/"))
    edit = body(client_of(alice).get("/cameras/gate/"))
    assert 'hx-get="/cameras/gate/switches/"' in edit
