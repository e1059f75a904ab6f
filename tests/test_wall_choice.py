"""The wall as each likes it: how many cameras on a page, in which order; kept for one person and told to no other."""

import re
from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from camera.live import hub as hub_module
from camera.models import Camera, Grant
from main import wall_choice
from main.models import WallChoice
from tests.wall_kit import cameras

ClientOf = Callable[[User | None], Client]
HTML = {"Accept": "text/html,application/xhtml+xml"}
JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def _no_hub_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_current", None)


def wall(client: Client, path: str = "/") -> str:
    reply = client.get(path, headers=HTML)
    assert reply.status_code == 200
    return reply.content.decode()


def order(page: str) -> list[str]:
    return re.findall(r'<li class="tile" data-camera="([^"]+)"', page)


def shown(page: str) -> list[str]:
    return re.findall(r'<li class="tile" data-camera="([^"]+)" data-state="[a-z]+">', page)


def ask(client: Client, **values: str) -> HttpResponse:
    return client.post("/wall/", values, headers=JSON)  # type: ignore[return-value]


@pytest.mark.parametrize("layout", ["1", "4", "9", "auto"])
def test_a_layout_is_kept_for_one_person(
    layout: str, client_of: ClientOf, alice: User, bob: User, yard: Camera, bob_watches: Grant
) -> None:
    cameras(11)
    assert ask(client_of(alice), layout=layout).status_code == 204
    page = wall(client_of(alice))
    assert f'data-layout="{layout}"' in page
    assert len(shown(page)) == (12 if layout == "auto" else int(layout))
    assert f'value="{layout}" aria-pressed="true"' in page and page.count('aria-pressed="true"') == 1
    Grant.objects.create(camera=Camera.objects.get(slug="camera-1"), user=bob, right="watch")
    assert 'data-layout="auto"' in wall(client_of(bob))


def test_more_cameras_than_the_layout_holds_are_pages(client_of: ClientOf, alice: User) -> None:
    cameras(10)
    client = client_of(alice)
    ask(client, layout="4")
    everything = [f"camera-{n}" for n in range(10)]
    for number, first in ((1, 0), (2, 4), (3, 8)):
        page = wall(client, f"/?page={number}")
        assert shown(page) == everything[first : first + 4] and order(page) == everything
        assert f"Page {number} of 3" in page
    assert 'href="?page=3" data-turn="-1"' in wall(client) and 'href="?page=2" data-turn="1"' in wall(client)
    assert 'href="?page=1" data-turn="1"' in wall(client, "/?page=3")


@pytest.mark.parametrize("number", ["0", "-1", "99", "x", "", "²", "9" * 40, "1e3", "%00"])
def test_an_odd_page_is_the_nearest_there_is(number: str, client_of: ClientOf, alice: User) -> None:
    cameras(5)
    client = client_of(alice)
    ask(client, layout="4")
    assert shown(wall(client, f"/?page={number}")) == (
        ["camera-4"] if number == "99" else [f"camera-{n}" for n in range(4)]
    )


def test_tiles_of_other_pages_ask_for_no_pictures_without_javascript(client_of: ClientOf, alice: User) -> None:
    cameras(7)
    client = client_of(alice)
    ask(client, layout="4")
    page = wall(client)
    assert page.count("stream.mjpg") == 4 and "refresh" not in page


def test_the_order_is_kept_and_new_cameras_come_behind(client_of: ClientOf, alice: User, bob: User) -> None:
    made = cameras(4)
    client = client_of(alice)
    assert ask(client, order="camera-2,camera-0,camera-3,camera-1").status_code == 204
    assert WallChoice.objects.get(user=alice).order == [made[n].pk for n in (2, 0, 3, 1)]
    Camera.objects.create(name="New", slug="new", kind="pattern", position=0)
    assert order(wall(client)) == ["camera-2", "camera-0", "camera-3", "camera-1", "new"]
    made[0].delete()
    assert order(wall(client)) == ["camera-2", "camera-3", "camera-1", "new"]
    for camera in Camera.objects.all():
        Grant.objects.create(camera=camera, user=bob, right="watch")
    assert order(wall(client_of(bob))) != order(wall(client))


def test_what_is_left_out_follows_in_the_order_kept_before(client_of: ClientOf, alice: User) -> None:
    cameras(4)
    client = client_of(alice)
    ask(client, order="camera-3,camera-2,camera-1,camera-0")
    ask(client, order="camera-1,camera-1")
    assert order(wall(client)) == ["camera-1", "camera-3", "camera-2", "camera-0"]


@pytest.mark.parametrize("sent", ["attic", "nowhere", "", ",,,", "yard,attic,nowhere", "\x00,' OR 1=1", "1,2,3"])
def test_cameras_of_others_and_none_at_all_are_passed_over_alike(
    sent: str, client_of: ClientOf, alice: User, bob: User, yard: Camera, bob_watches: Grant
) -> None:
    attic = Camera.objects.create(name="Attic", slug="attic", kind="pattern", keeper=alice)
    Grant.objects.create(camera=attic, user=bob, right="log")
    client = client_of(bob)
    reply = ask(client, order=sent)
    assert (reply.status_code, reply.content) == (204, b"")
    assert WallChoice.objects.get(user=bob).order == [yard.pk]
    assert order(wall(client)) == ["yard"]


def test_one_without_cameras_keeps_nothing_of_others(client_of: ClientOf, charlie: User, yard: Camera) -> None:
    assert ask(client_of(charlie), order="yard", layout="9").status_code == 204
    assert WallChoice.objects.get(user=charlie).order == []
    assert "yard" not in wall(client_of(charlie))


@pytest.mark.parametrize(
    "values", [{}, {"layout": "2"}, {"layout": ""}, {"layout": "auto ", "order": "yard"}, {"x": "1"}]
)
def test_what_cannot_be_read_is_refused_and_nothing_is_kept(
    values: dict[str, str], client_of: ClientOf, alice: User, yard: Camera
) -> None:
    reply = ask(client_of(alice), **values)
    assert reply.status_code == 400 and reply.json()["error"]["code"] == "bad_request"
    assert client_of(alice).post("/wall/", values, headers=HTML).status_code == 400
    assert not WallChoice.objects.exists()


def test_a_form_leads_back_to_the_wall(client_of: ClientOf, alice: User, yard: Camera) -> None:
    reply = client_of(alice).post("/wall/", {"layout": "9"}, headers=HTML)
    assert (reply.status_code, reply.headers["Location"]) == (302, "/")
    assert WallChoice.objects.get(user=alice).layout == "9"


def test_another_site_cannot_change_it(alice: User, yard: Camera) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert ask(client, layout="4").status_code == 403 and not WallChoice.objects.exists()
    assert Client().post("/wall/", {"layout": "4"}).status_code == 302 and not WallChoice.objects.exists()


@pytest.mark.parametrize(
    "kept", [{"layout": "7"}, {"order": "yard"}, {"order": {"1": 2}}, {"order": [None, [1], "x", 99]}]
)
def test_a_row_that_is_wrong_does_no_harm(kept: dict[str, object], client_of: ClientOf, alice: User) -> None:
    cameras(3)
    WallChoice.objects.create(user=alice, **kept)
    page = wall(client_of(alice))
    assert order(page) == ["camera-0", "camera-1", "camera-2"] and 'data-layout="auto"' in page


def test_no_hole_is_left_whatever_the_number() -> None:
    for tiles in range(1, 65):
        page = wall_choice.page_of(tiles, "auto")
        wide = page.gaps * (page.columns - 1)
        assert (page.pages, page.first, page.behind) == (1, 0, tiles)
        # Full rows of narrow tiles, then full rows of wide ones.
        assert (tiles - wide) % page.columns == 0 and 0 <= wide <= tiles
        assert page.columns == 1 or wide % (page.columns - 1) == 0
        assert page.columns <= 6 and page.columns**2 >= min(tiles, 36)


def test_the_choice_goes_with_its_person(alice: User, bob: User) -> None:
    WallChoice.objects.create(user=bob)
    bob.delete()
    assert not WallChoice.objects.exists()
