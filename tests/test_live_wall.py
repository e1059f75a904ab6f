"""The wall and the live page as the server writes them: the first words, before any script has run."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Role, User
from camera.live import hub as hub_module
from camera.models import Camera, Grant
from main.models import ViewingSession
from main.viewings import Transport, join
from tests.test_viewings import visitor

ClientOf = Callable[[User | None], Client]
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(autouse=True)
def _no_hub_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_current", None)


def wall(client: Client) -> str:
    reply = client.get("/", headers=HTML)
    assert reply.status_code == 200 and "Accept" in reply.headers["Vary"]
    return reply.content.decode()


def cameras(number: int) -> list[Camera]:
    return [
        Camera.objects.create(name=f"Number {n}", slug=f"number-{n}", kind="pattern", position=n) for n in range(number)
    ]


@pytest.mark.parametrize("accept", ["", "*/*", "application/json"])
def test_a_program_is_told_that_the_server_runs(accept: str, db: None) -> None:
    reply = Client().get("/", headers={"Accept": accept})
    assert (reply.status_code, reply.content) == (200, b"Video Streaming Server is running")
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_a_person_is_asked_to_log_in(db: None) -> None:
    reply = Client().get("/?x=1", headers=HTML)
    assert reply.status_code == 302 and reply.headers["Location"] == "/accounts/login/?next=/%3Fx%3D1"


def test_the_wall_has_the_cameras_one_may_watch_and_no_others(
    client_of: ClientOf, bob: User, charlie: User, yard: Camera, bob_watches: Grant
) -> None:
    hidden = Camera.objects.create(name="Attic", slug="attic", kind="pattern")
    Grant.objects.create(camera=hidden, user=bob, right="log")
    page = wall(client_of(bob))
    assert re.findall(r'data-camera="([^"]+)"', page) == ["yard"]
    assert 'href="/live/yard/"' in page and "Attic" not in page
    assert "Yard" not in wall(client_of(charlie))


@pytest.mark.parametrize(
    ("number", "grid"),
    [(1, "c1 tiles-g0"), (2, "c2 tiles-g0"), (3, "c2 tiles-g1"), (4, "c2 tiles-g0"), (5, "c3 tiles-g1"),
     (9, "c3 tiles-g0"), (10, "c4 tiles-g2"), (16, "c4 tiles-g0"), (17, "c5 tiles-g3")],
)  # fmt: skip
def test_the_grid_follows_the_number_of_cameras(number: int, grid: str, client_of: ClientOf, alice: User) -> None:
    cameras(number)
    assert f"tiles-{grid}" in wall(client_of(alice))


def test_without_javascript_few_cameras_stream_and_many_are_stills(client_of: ClientOf, alice: User) -> None:
    cameras(5)
    page = wall(client_of(alice))
    ident = re.search(r'data-page="([^"]+)"', page)
    assert ident is not None
    assert page.count(f"stream.mjpg?page={ident[1]}") == 5 and "refresh" not in page
    Camera.objects.create(name="Sixth", slug="sixth", kind="pattern")
    page = wall(client_of(alice))
    assert "stream.mjpg" not in page and 'http-equiv="refresh"' in page


def test_looking_at_the_wall_begins_no_session_before_pictures_are_asked_for(client_of: ClientOf, alice: User) -> None:
    cameras(2)
    wall(client_of(alice))
    assert not ViewingSession.objects.exists()


def test_others_who_watch_stand_on_the_tile(client_of: ClientOf, alice: User, bob: User, yard: Camera) -> None:
    join(visitor(bob), yard, "page", Transport.PAGE)
    join(visitor(alice, "my other browser"), yard, "page", Transport.PAGE)
    page = wall(client_of(alice))
    assert 'title="bob is watching"' in page and "BO" in page and "alice is watching" not in page


def test_a_camera_that_is_down_says_why(client_of: ClientOf, alice: User, yard: Camera) -> None:
    page = wall(client_of(alice))
    assert "▲ No picture — the recording engine is not running" in page


def test_the_empty_wall_teaches_each_role(client_of: ClientOf, alice: User, bob: User) -> None:
    owner, member = wall(client_of(alice)), wall(client_of(bob))
    for page in (owner, member):
        assert "A network camera" in page and "The demo scene" in page and 'href="/cameras/add/"' in page
    assert "device:/dev/video0" in owner and "device:/dev/video0" not in member
    assert "share it with you" in member
    guest = wall(client_of(User.objects.create_user("gail", role=Role.GUEST)))
    assert "/cameras/add/" not in guest and "shared by" in guest and "alice" in guest


def test_names_are_escaped_everywhere(client_of: ClientOf, alice: User) -> None:
    name = '"><img src=x onerror=alert(1)>{{7*7}}'
    alice.username = '<b id="who">&'
    alice.save()
    camera = Camera.objects.create(name=name, slug="odd", kind="pattern")
    client = client_of(alice)
    join(visitor(alice, "another"), camera, "page", Transport.PAGE)
    for page in (wall(client), client.get("/live/odd/").content.decode(), client.get("/logs/").content.decode()):
        assert "<img src=x" not in page and "onerror=alert(1)&gt;{{7*7}}" in page
        assert '<b id="who">' not in page


def test_the_live_page_names_who_watches_and_what_may_be_done(
    client_of: ClientOf, alice: User, bob: User, yard: Camera, bob_watches: Grant
) -> None:
    join(visitor(bob), yard, "his page", Transport.PAGE)
    page = client_of(alice).get("/live/yard/").content.decode()
    watching = re.search(r"<span data-names>(.*?)</span>", page, re.S)
    assert watching is not None and re.sub(r"<[^>]+>", "", watching[1]) == "you, bob"
    assert 'href="/cameras/yard/"' in page and 'href="/logs/?camera=yard"' in page and 'download="yard.jpg"' in page
    bobs = client_of(bob).get("/live/yard/").content.decode()
    assert 'href="/cameras/yard/"' not in bobs
    assert '<noscript><img class="tile-picture" alt="Live picture of Yard" src="/live/yard/stream.mjpg?page=' in bobs


def test_pages_bring_no_script_or_style_of_their_own(client_of: ClientOf, alice: User, yard: Camera) -> None:
    client = client_of(alice)
    for page in (wall(client), client.get("/live/yard/").content.decode(), client.get("/logs/").content.decode()):
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page)
