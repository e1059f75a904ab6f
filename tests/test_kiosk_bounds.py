"""What a screen at the door can reach: its own page. Asked of every address there is."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiToken, Device, Role, User
from accounts.pairing import revoke
from camera.models import Camera
from main.kiosk_bounds import is_within
from tests.kiosk_kit import paired
from tests.test_routes import ARGUMENTS, routes

OWN = {"kiosk/", "kiosk/pair/", "kiosk/state/", "kiosk/ring/", "healthz"}


@pytest.fixture
def screen(alice: User, yard: Camera) -> tuple[Device, Client]:
    return paired(alice, yard)


def paths() -> list[str]:
    """Every address; which numbers exist does not matter, for it is refused before it is looked up."""
    found = {"nowhere/", *routes()} - OWN
    for word, value in ARGUMENTS.items():
        found = {route.replace(word, value) for route in found}
    return sorted(f"/{route}" for route in found if not route.startswith("admin/")) + ["/admin/", "/admin/login/"]


@pytest.mark.django_db
def test_a_screen_gets_its_page_and_nothing_else(screen: tuple[Device, Client]) -> None:
    client = screen[1]
    found = paths()
    assert len(found) > 80
    for path in found:
        page = client.get(path)
        if path.startswith("/api/"):
            assert page.status_code == 403, path
        else:
            assert (page.status_code, page.headers.get("Location")) == (302, "/kiosk/"), path
        reply = client.post(path)
        assert reply.status_code == 403 and json.loads(reply.content)["error"]["code"] == "kiosk", path
    assert client.get("/", headers={"accept": "*/*"}).status_code == 403
    assert client.get("/kiosk/").status_code == client.get("/kiosk/state/").status_code == 200
    assert client.get("/healthz").status_code in (200, 503)


def test_what_only_looks_like_its_own() -> None:
    for path in (
        "/",
        "/kiosk",
        "/kioskx/",
        "//kiosk/",
        "/kiosk%2f..%2fadmin/",
        "/static",
        "/healthz/",
        "/metrics",
        "/KIOSK/",
    ):
        assert not is_within(path), path


def test_its_own() -> None:
    assert all(map(is_within, ("/kiosk/", "/kiosk/state/", "/static/css/kiosk.css", "/healthz", "/ws/rings/")))


@pytest.mark.django_db
def test_no_dots_lead_out(screen: tuple[Device, Client]) -> None:
    for path in ("/kiosk/../settings/", "/kiosk/%2e%2e/settings/", "/static/../settings/", "/kiosk/..;/admin/"):
        reply = screen[1].get(path)
        assert reply.status_code in (302, 403, 404), path
        assert b"Save settings" not in reply.content


@pytest.mark.django_db
def test_a_token_never_acts_for_a_screen(screen: tuple[Device, Client]) -> None:
    _, secret = ApiToken.objects.issue(screen[0].user, "sneaked in")
    assert Client().get("/api/v1/cameras", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


@pytest.mark.django_db
def test_a_kiosk_without_a_device_is_confined_as_well(client_of: Any) -> None:
    client = client_of(User.objects.create_user("old-kiosk", role=Role.KIOSK))
    assert client.get("/").headers["Location"] == "/kiosk/"
    assert b"kiosk-pair" in client.get("/kiosk/").content


@pytest.mark.django_db
def test_sent_away_it_is_a_stranger(screen: tuple[Device, Client]) -> None:
    revoke(screen[0])
    assert screen[1].get("/").headers["Location"].startswith("/accounts/login/")
    assert screen[1].get("/api/v1/cameras").status_code == 401
