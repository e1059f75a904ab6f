"""One's own page, the pages of errors, and what stands at the head of every page."""

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils.html import escape

from accounts.models import ApiToken, Role, User
from camera.models import Camera
from main.models import AuditEntry
from main.pages.context import phrase
from surveillance import urls as house_urls
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36"


def test_log_ins_are_listed_with_their_devices_and_ended(bob: User, alice: User) -> None:
    here, phone = Client(), Client(headers={"user-agent": PHONE})
    for client in (here, phone):
        client.post("/accounts/login/", {"login": "bob", "password": PASSWORD})
    page = here.get("/me/").content.decode()
    assert "Chrome on Android" in page and "127.0.0.1" in page and "this one" in page
    assert str(phone.session.session_key) not in page and str(here.session.session_key) not in page
    name = page.partition('name="end" value="')[2].partition('"')[0]
    assert here.post("/me/", {"end": name}).status_code == 302
    assert phone.get("/me/").status_code == 302 and here.get("/me/").status_code == 200


def test_all_other_log_ins_are_ended_and_nobody_elses(bob: User, charlie: User, client_of: Any) -> None:
    here, there, other = client_of(bob), client_of(bob), client_of(charlie)
    here.post("/me/", {"end": "others"})
    assert [client.get("/me/").status_code for client in (here, there, other)] == [200, 302, 200]


def test_nobody_ends_somebody_elses_log_in(bob: User, charlie: User, client_of: Any) -> None:
    hers, his = client_of(charlie), client_of(bob)
    page = client_of(charlie).get("/me/").content.decode()
    name = page.partition('name="end" value="')[2].partition('"')[0]
    assert len(name) == 32
    for odd in (name, "", "x", "\x00", "others' --"):
        assert his.post("/me/", {"end": odd}).status_code == 302
    assert hers.get("/me/").status_code == 200 and Session.objects.count() == 3


def test_a_token_is_shown_once(bob: User, client_of: Any) -> None:
    client = client_of(bob)
    page = client.post("/me/tokens/", {"name": "television"}).content.decode()
    secret = "fw_" + page.partition('value="fw_')[2].partition('"')[0]
    assert ApiToken.objects.valid(secret) == ApiToken.objects.get(user=bob, name="television")
    later = client.get("/me/").content.decode()
    assert "television" in later and secret not in later and ApiToken.objects.get().digest not in later
    assert secret not in str(list(AuditEntry.objects.values())) and AuditEntry.objects.get().actor == "bob"


@pytest.mark.parametrize("name", ["", "x" * 61, "a\x00b"])
def test_a_token_has_a_name(bob: User, client_of: Any, name: str) -> None:
    page = client_of(bob).post("/me/tokens/", {"name": name})
    assert page.status_code == 200 and "id_name_error" in page.content.decode() and not ApiToken.objects.exists()


def test_tokens_are_not_without_end(bob: User, client_of: Any) -> None:
    for number in range(50):
        ApiToken.objects.issue(bob, str(number))
    client_of(bob).post("/me/tokens/", {"name": "one more"})
    assert ApiToken.objects.count() == 50


def test_only_ones_own_token_is_deleted(bob: User, charlie: User, alice: User, client_of: Any) -> None:
    token, _ = ApiToken.objects.issue(bob, "gramophone")
    for other in (charlie, alice):
        assert client_of(other).post(f"/me/tokens/{token.pk}/delete/").status_code == 404
    assert ApiToken.objects.exists() and "gramophone" not in client_of(charlie).get("/me/").content.decode()
    assert client_of(bob).get(f"/me/tokens/{token.pk}/delete/").status_code == 405
    assert client_of(bob).post(f"/me/tokens/{token.pk}/delete/").status_code == 302
    assert not ApiToken.objects.exists()


LOOKING = ["Live", "Events", "Recordings", "Stills", "Log", "The connection"]
KEEPING = ["Cameras", "Webcam", "People", "Space"]


@pytest.mark.parametrize(
    ("who", "there", "hidden"),
    [
        ("alice", [*LOOKING, *KEEPING, "Settings", "From outside", "Admin"], []),
        ("bob", [*LOOKING, *KEEPING], ["Settings", "From outside", "Admin"]),
        ("gina", LOOKING, [*KEEPING, "Settings", "From outside", "Admin"]),
    ],
)
def test_the_head_shows_the_rooms_of_the_role(
    alice: User, bob: User, client_of: Any, who: str, there: list[str], hidden: list[str]
) -> None:
    User.objects.create_user("gina", role=Role.GUEST)
    page = client_of(User.objects.get(username=who)).get("/me/").content.decode()
    head = page.partition("<header")[2].partition("</header>")[0]
    for word in there:
        assert f">{word}</a>" in head
    for word in hidden:
        assert f">{word}</a>" not in head


def test_owners_are_told_that_nothing_is_encrypted(alice: User, bob: User, client_of: Any, settings: Any) -> None:
    assert "Not encrypted" in client_of(alice).get("/me/").content.decode()
    assert "Not encrypted" not in client_of(bob).get("/me/").content.decode()
    settings.TLS = "proxy"
    assert "Not encrypted" not in client_of(alice).get("/me/").content.decode()


def test_every_page_carries_the_strict_policy_and_no_inline_script_or_style(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    for address in (
        "/me/",
        "/people/",
        "/settings/",
        "/accounts/password/change/",
        f"/people/{alice.pk}/",
        "/nowhere/",
    ):
        reply = client.get(address)
        text, policy = reply.content.decode(), reply.headers["Content-Security-Policy"]
        assert "unsafe" not in policy and "default-src 'none'" in policy
        assert "style=" not in text and "<style" not in text and "onclick" not in text and "<script>" not in text
        assert "no-store" in reply.headers["Cache-Control"]


# Pages of errors: an application whose views fail in every way.
def _fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("S3CRETpw in rtsp://admin:S3CRETpw@10.0.0.9/")


def _suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("S3CRETpw")


def _refuses(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("You may see this camera, but not move it.")


urlpatterns = [*house_urls.urlpatterns, path("fails/", _fails), path("odd/", _suspicious), path("refuses/", _refuses)]
handler400, handler403 = house_urls.handler400, house_urls.handler403
handler404, handler500 = house_urls.handler404, house_urls.handler500


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/fails/", 500, "Something broke here"),
        ("/odd/", 400, "not understood"),
        ("/refuses/", 403, "You may see this camera, but not move it."),
        ("/nowhere/", 404, "There is nothing here"),
    ],
)
def test_errors_are_told_quietly(bob: User, settings: Any, address: str, status: int, words: str) -> None:
    settings.ROOT_URLCONF = "tests.test_accounts_pages"
    client = Client(raise_request_exception=False)
    client.force_login(bob)
    reply = client.get(address)
    text = reply.content.decode()
    assert reply.status_code == status and words in text
    assert "S3CRETpw" not in text and "Traceback" not in text and "RuntimeError" not in text
    assert reply.headers["X-Frame-Options"] == "DENY" and "no-store" in reply.headers["Cache-Control"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1/admin?", "a b", ""])
def test_an_odd_host_gets_the_page_that_names_it_and_nothing_else(db: None, host: str) -> None:
    reply = Client(raise_request_exception=False).get("/accounts/login/", headers={"host": host})
    page = reply.content.decode()
    assert reply.status_code == 400 and "does not know that name" in page and "ALLOWED_HOSTS" in page
    assert f"<bdi>{escape(host)}</bdi>" in page if host else "no name at all" in page
    assert "testserver" not in page and "localhost" not in page


def test_the_phrase_counts_only_cameras_one_may_watch(
    alice: User, charlie: User, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    from main.actors import user_actor

    assert phrase(user_actor(alice)) == "The engine is down: no live pictures"
    monkeypatch.setattr("camera.live.hub.Hub.engine_up", lambda hub: True)
    assert phrase(user_actor(alice)) == "0 of 1 cameras live"
    assert phrase(user_actor(charlie)) == "No cameras to watch"


@pytest.mark.parametrize(
    ("address", "back"),
    [
        ("/people/invite/", "/people/#invite"),
        ("/cameras/test/", "/cameras/"),
        ("/me/tokens/", "/me/#tokens"),
        ("/me/tokens/1/delete/", "/me/#tokens"),
    ],
)
def test_an_address_for_forms_alone_shows_the_way_to_its_form(
    alice: User, client_of: Any, address: str, back: str
) -> None:
    client = client_of(alice)
    for method in (client.get, client.head, client.put):
        reply = method(address)
        assert (reply.status_code, reply.headers["Allow"]) == (405, "POST")
    page = client.get(address).content.decode()
    assert f'href="{back}"' in page and "There is no page at this address" in page
    assert client.get(back.partition("#")[0]).status_code == 200
