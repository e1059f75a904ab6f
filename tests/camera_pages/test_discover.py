"""Looking for cameras: what was found, what of it is known, and what is told when there is nothing."""

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, User
from camera.models import Camera
from tests.move_kit import PtzEngine, make_turner, ptz_engine

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
HTMX = {"HX-Request": "true"}
FOUND = [
    {"address": "onvif://10.0.0.9:8000", "host": "10.0.0.9", "name": "Old one", "model": "T5", "known": True},
    {"address": "onvif://10.0.0.20", "host": "10.0.0.20", "name": "<i>Yard</i>", "model": "X", "known": False},
]


@pytest.fixture
def engine() -> Iterator[PtzEngine]:
    with ptz_engine() as engine:
        engine.answers["discover"] = {"ok": True, "found": FOUND}
        yield engine


def body(reply: Any) -> str:
    return html.unescape(reply.content.decode())


def adds(page: str) -> list[str]:
    return re.findall(r'href="(/cameras/add/\?[^"]+)"', page)


def test_it_looks_only_when_told_to(client_of: ClientOf, bob: User, engine: PtzEngine) -> None:
    page = body(client_of(bob).get("/cameras/discover/"))
    assert "Look for cameras" in page and "camera found" not in page and "No camera answered" not in page
    assert engine.asked == []


def test_new_ones_lead_to_the_form_and_known_ones_to_their_page(
    client_of: ClientOf, bob: User, engine: PtzEngine
) -> None:
    make_turner(bob, name="My gate")
    part = client_of(bob).post("/cameras/discover/", headers=HTMX)
    assert engine.bodies("discover")[0]["seconds"] <= 5
    assert b"<i>" not in part.content and "<html" not in body(part) and "2 cameras found" in body(part)
    (add,) = adds(body(part))
    # What is new comes first.
    assert body(part).index("/cameras/add/") < body(part).index("My gate")
    assert "In the house already, as <bdi>My gate</bdi>" in body(part) and 'href="/cameras/gate/"' in body(part)
    form = body(client_of(bob).get(add))
    assert 'value="onvif://10.0.0.20"' in form and 'value="<i>Yard</i>"' in form
    assert "<html" in body(client_of(bob).post("/cameras/discover/"))


def test_a_camera_of_others_is_not_told_of(client_of: ClientOf, alice: User, charlie: User, engine: PtzEngine) -> None:
    make_turner(alice, name="Secret garden")
    page = body(client_of(charlie).post("/cameras/discover/"))
    assert len(adds(page)) == 2
    assert "Secret" not in page and "already" not in page
    assert "Secret garden" in body(client_of(alice).post("/cameras/discover/"))


def test_none_found_says_what_to_do(client_of: ClientOf, bob: User, engine: PtzEngine) -> None:
    engine.answers["discover"] = {"ok": True, "found": []}
    assert "No camera answered" in body(client_of(bob).post("/cameras/discover/", headers=HTMX))


def test_faults_are_told(client_of: ClientOf, bob: User, engine: PtzEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.answers["discover"] = {"ok": False, "code": "busy", "error": "Somebody is looking just now."}
    assert "Somebody is looking just now." in body(client_of(bob).post("/cameras/discover/"))
    engine.answers["discover"] = None
    monkeypatch.setattr("main.camera_asking.SECONDS_WITHOUT_ENGINE", 0.2)
    assert "the engine is away" in body(client_of(bob).post("/cameras/discover/"))


@pytest.mark.parametrize(
    "found",
    [
        None,
        "x",
        [None, 5, {}, {"address": 5}, {"address": "exec:ls"}, {"address": "file:x"}, {"address": "onvif://"}],
        [{"address": "onvif://u:p@10.0.0.9", "host": "x"}, {"address": "javascript:alert(1)"}],
    ],
)
def test_odd_answers_show_nothing(found: Any, client_of: ClientOf, bob: User, engine: PtzEngine) -> None:
    engine.answers["discover"] = {"ok": True, "found": found}
    page = body(client_of(bob).post("/cameras/discover/", headers=HTMX))
    assert "No camera answered" in page and adds(page) == []


def test_who_may(client_of: ClientOf, alice: User, engine: PtzEngine) -> None:
    guest = User.objects.create_user("gina", role=Role.GUEST)
    for ask in (client_of(guest).get, client_of(guest).post):
        assert ask("/cameras/discover/").status_code == 403
    assert client_of(None).post("/cameras/discover/").status_code == 302
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(alice)
    assert forged.post("/cameras/discover/").status_code == 403
    assert engine.asked == []
    assert not Camera.objects.exists()


def test_the_list_of_cameras_leads_there(client_of: ClientOf, bob: User) -> None:
    assert 'href="/cameras/discover/"' in body(client_of(bob).get("/cameras/"))
    make_turner(bob)
    assert 'href="/cameras/discover/"' in body(client_of(bob).get("/cameras/"))
