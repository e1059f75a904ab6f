"""The API of cameras that move: who may, what the engine is asked, and what its refusals look like."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiToken, User
from camera.models import Camera, Right
from tests.move_kit import PtzEngine, make_turner, may, ptz_engine

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]


@pytest.fixture
def engine() -> Iterator[PtzEngine]:
    with ptz_engine() as engine:
        yield engine


@pytest.fixture
def gate(alice: User) -> Camera:
    return make_turner(alice)


def ask(client: Client, wish: object = None, what: str = "move", slug: str = "gate", **more: Any) -> Any:
    return client.post(f"/api/v1/cameras/{slug}/{what}", wish or {}, content_type="application/json", **more)


def error(reply: Any) -> tuple[int, str, str]:
    told = reply.json()
    assert set(told) == {"error"} and set(told["error"]) == {"code", "message"}
    return reply.status_code, told["error"]["code"], told["error"]["message"]


def test_a_movement_is_asked_of_the_engine(client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine) -> None:
    client = client_of(alice)
    reply = ask(client, {"pan": -0.5, "zoom": 1, "seconds": 2})
    assert (reply.status_code, reply.json()) == (200, {"moving": True, "seconds": 2.0})
    (body,) = engine.bodies()
    holder = body.pop("holder")
    assert body == {
        "camera": gate.pk, "do": "move", "by": "alice", "user": alice.pk,
        "pan": -0.5, "tilt": 0.0, "zoom": 1.0, "seconds": 2.0,
    }  # fmt: skip
    # Whoever goes on moving it from the same log-in is the same hand.
    assert ask(client, {"tilt": 1}).json() == {"moving": True, "seconds": 0.5}
    assert engine.bodies()[1]["holder"] == holder
    other = client_of(alice)
    assert ask(other).json() == {"moving": False, "seconds": 0.0}
    assert engine.bodies()[2]["holder"] != holder and engine.moves()[2] == (0, 0, 0)


@pytest.mark.parametrize(
    ("what", "sent"),
    [
        ("preset/Gate", {"do": "goto", "preset": "Gate"}),
        ("preset/Vorne%20links", {"do": "goto", "preset": "Vorne links"}),
    ],
)
def test_a_preset_is_gone_to(
    what: str, sent: dict[str, str], client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine
) -> None:
    reply = ask(client_of(alice), what=what)
    assert (reply.status_code, reply.json()) == (200, {"preset": sent["preset"]})
    assert {name: engine.bodies()[0][name] for name in sent} == sent


@pytest.mark.parametrize("what", ["move", "preset/Gate"])
def test_who_may(
    what: str, client_of: ClientOf, alice: User, bob: User, charlie: User, gate: Camera, engine: PtzEngine
) -> None:
    may(bob, gate, Right.WATCH)
    assert error(ask(client_of(None), what=what))[:2] == (401, "unauthorized")
    assert error(ask(client_of(charlie), what=what))[:2] == (404, "not_found")
    assert error(ask(client_of(bob), what=what)) == (
        403,
        "forbidden",
        "You may see this camera, but not move the camera.",
    )
    assert engine.asked == []
    may(bob, gate, Right.MOVE)
    assert ask(client_of(bob), what=what).status_code == 200
    # A stranger cannot tell a camera that is hidden from one that is not there.
    assert ask(client_of(charlie), what=what).content == ask(client_of(charlie), what=what, slug="nowhere").content


@pytest.mark.parametrize(
    ("scopes", "status"), [(None, 200), (["watch", "move"], 200), (["watch"], 403), (["log"], 403)]
)
def test_a_token_moves_what_its_scopes_leave_it(
    scopes: list[str] | None, status: int, alice: User, gate: Camera, engine: PtzEngine
) -> None:
    _, secret = ApiToken.objects.issue(alice, "program", scopes)
    header = {"Authorization": f"Bearer {secret}"}
    assert ask(Client(), {"pan": 1}, headers=header).status_code == status
    assert len(engine.asked) == (status == 200)


def test_a_cookie_needs_the_token_against_forgery(alice: User, gate: Camera, engine: PtzEngine) -> None:
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(alice)
    for what in ("move", "preset/Gate", "snapshot"):
        assert error(ask(forged, {"pan": 1}, what))[0] == 403
    assert engine.asked == []


@pytest.mark.parametrize(
    "wish",
    [
        {"pan": 1.01},
        {"tilt": -2},
        {"zoom": "1"},
        {"pan": True},
        {"pan": None},
        {"seconds": 0},
        {"seconds": 5.1},
        {"pan": []},
    ],
)
def test_odd_wishes_move_nothing(
    wish: dict[str, Any], client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine
) -> None:
    assert error(ask(client_of(alice), wish))[:2] == (400, "invalid_parameter")
    nan = client_of(alice).post("/api/v1/cameras/gate/move", '{"pan": NaN}', content_type="application/json")
    assert error(nan)[0] == 400
    assert engine.asked == []


@pytest.mark.parametrize("name", ["%20", "a" * 61, "a%00b", "%0A"])
def test_odd_names_are_no_preset(name: str, client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine) -> None:
    assert error(ask(client_of(alice), what=f"preset/{name}"))[0] in (400, 404)
    assert engine.asked == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("busy", 409), ("not_supported", 409), ("at_the_end", 409), ("privacy", 409), ("no_preset", 404),
        ("wrong_password", 502), ("locked_out", 502), ("unreachable", 502), ("failed", 502), ("new_code", 409),
    ],
)  # fmt: skip
def test_the_engines_words_come_through(
    code: str, status: int, client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine
) -> None:
    engine.answers["ptz"] = {"ok": False, "code": code, "error": "bob is moving it just now."}
    assert error(ask(client_of(alice), {"pan": 1})) == (status, code, "bob is moving it just now.")


@pytest.mark.parametrize("answer", [{}, {"ok": "yes"}, {"ok": False}, {"ok": False, "code": 5, "error": 7}])
def test_an_answer_that_cannot_be_read_is_no_answer(
    answer: dict[str, Any], client_of: ClientOf, alice: User, gate: Camera, engine: PtzEngine
) -> None:
    engine.answers["ptz"] = answer
    assert error(ask(client_of(alice), {"pan": 1}))[:2] == (503, "engine_down")


def test_an_engine_that_is_away_is_said_so(
    client_of: ClientOf, alice: User, gate: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("main.moving.SECONDS_WITHOUT_ENGINE", 0.2)
    assert error(ask(client_of(alice), {"pan": 1}))[:2] == (503, "engine_down")


def test_a_camera_of_another_kind_has_no_motor(
    client_of: ClientOf, alice: User, yard: Camera, engine: PtzEngine
) -> None:
    assert error(ask(client_of(alice), {"pan": 1}, slug="yard"))[:2] == (409, "not_supported")
    assert engine.asked == []


def test_the_description_tells_of_them(client_of: ClientOf, alice: User) -> None:
    told = json.loads(client_of(alice).get("/api/openapi.json").content)["paths"]
    move, preset, snapshot = (
        told[f"/api/v1/cameras/{{slug}}/{one}"]["post"] for one in ("move", "preset/{name}", "snapshot")
    )
    assert {"200", "401", "403", "404", "409", "502", "503"} <= set(move["responses"]) & set(preset["responses"])
    assert list(snapshot["responses"]["200"]["content"]) == ["image/jpeg"]
    assert snapshot["security"] == move["security"]
