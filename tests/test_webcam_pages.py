"""The webcam's page, join links, and what they tell whom."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import JoinLink, Role, User, digest
from camera.models import Camera, Grant
from main.models import AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User | None], Client]


@pytest.fixture
def pier(alice: User) -> Camera:
    return Camera.objects.create(name="Pier", slug="pier", kind="push", keeper=alice, webcam=True)


def text(reply: Any) -> str:
    """What the page says, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", reply.content.decode()))


def test_looking_at_the_page_makes_nothing(client_of: ClientOf, alice: User, bob: User) -> None:
    reply = client_of(bob).get("/webcam/")
    assert reply.status_code == 200 and not Camera.objects.exists()
    said = text(reply)
    assert "You and alice." in said and "Webcam of bob" in said and "needs JavaScript" in said
    assert "Let another phone" not in said


@pytest.mark.parametrize(("host", "secure", "there"), [
    ("localhost:8000", False, True), ("127.0.0.1", False, True),
    ("smith.local", True, True), ("smith.local", False, False),
])  # fmt: skip
@pytest.mark.parametrize("path", ["/webcam/", "/webcam/join/"])
def test_the_page_is_laid_out_before_its_script_comes(
    path: str, host: str, secure: bool, there: bool, client_of: ClientOf, bob: User, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    body = client_of(bob).get(path, headers={"host": host}, secure=secure).content.decode()
    (stage,) = re.findall(r'<div class="webcam" [^>]*>', body)
    assert stage.endswith(" hidden>") is not there
    assert 'css/noscript.css"></noscript>' in body


def test_it_says_who_may_see_it(client_of: ClientOf, alice: User, bob: User, charlie: User) -> None:
    own = Camera.objects.create(name="Webcam of bob", slug="webcam-bob", kind="push", keeper=bob, webcam=True)
    Grant.objects.create(camera=own, user=charlie, right="watch")
    reply = client_of(bob).get("/webcam/")
    assert "You, alice and charlie." in text(reply) or "You, alice and charlie" in text(reply)
    assert 'href="/cameras/webcam-bob/#section-sharing"' in reply.content.decode()
    Grant.objects.create(camera=own, user=None, right="watch")
    assert "every member" in text(client_of(bob).get("/webcam/"))


def test_guests_are_told_to_ask_for_a_link(client_of: ClientOf, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(role=Role.GUEST)
    bob.refresh_from_db()
    reply = client_of(bob).get("/webcam/")
    assert reply.status_code == 403 and "Ask an owner for a join link" in text(reply)


def test_the_join_page_tells_nothing_but_the_houses_name(client_of: ClientOf, alice: User, pier: Camera) -> None:
    for user in (None, alice):
        reply = client_of(user).get("/webcam/join/")
        body = reply.content.decode()
        assert reply.status_code == 200 and "Be a camera of" in text(reply)
        for word in ("Pier", "pier", "alice", "house-nav", "/cameras/", "/people/"):
            assert word not in body, word


def test_a_link_is_shown_once_with_its_secret_behind_the_hash(client_of: ClientOf, alice: User, pier: Camera) -> None:
    client = client_of(alice)
    reply = client.post("/cameras/pier/links/", {"hours": "24"}, headers={"host": "127.0.0.1:8000"})
    body = reply.content.decode()
    found = re.search(r'value="(http://[^"]+/webcam/join/#([\w-]{43}))"', body)
    assert found and "data:image/svg+xml" in body and "127.0.0.1" not in found.group(1)
    link = JoinLink.objects.get()
    assert link.digest == digest(found.group(2)) and link.camera == pier.pk and link.made_by == alice
    assert timedelta(hours=23) < link.expires_at - timezone.now() <= timedelta(hours=24)
    page = client.get("/cameras/pier/links/").content.decode()
    assert found.group(2) not in page and "not used yet" in page
    entry = AuditEntry.objects.get()
    assert entry.what == "made a join link of camera pier" and found.group(2) not in f"{entry.before}{entry.after}"


@pytest.mark.parametrize("hours", ["", "2", "0", "-1", "100000", "x", "1e9"])
def test_no_other_lengths_are_taken(hours: str, client_of: ClientOf, alice: User, pier: Camera) -> None:
    reply = client_of(alice).post("/cameras/pier/links/", {"hours": hours})
    assert reply.status_code == 200 and not JoinLink.objects.exists() and "invalid-feedback" in reply.content.decode()


def test_a_link_is_taken_back_once(client_of: ClientOf, alice: User, pier: Camera) -> None:
    link, secret = JoinLink.objects.issue(pier.pk, alice, 1)
    client = client_of(alice)
    other = Camera.objects.create(name="Other", slug="other", kind="push", keeper=alice)
    strange = JoinLink.objects.issue(other.pk, alice, 1)[0]
    for odd in (str(strange.pk), "x", "", "9" * 30, "²"):
        assert "was over already" in text(client.post("/cameras/pier/links/", {"revoke": odd}, follow=True))
    assert JoinLink.objects.open().count() == 2
    assert "taken back" in text(client.post("/cameras/pier/links/", {"revoke": str(link.pk)}, follow=True))
    assert JoinLink.objects.valid(secret) is None
    assert "was over already" in text(client.post("/cameras/pier/links/", {"revoke": str(link.pk)}, follow=True))
    assert AuditEntry.objects.filter(what="took back a join link of camera pier").count() == 1


def test_links_are_the_managers(client_of: ClientOf, pier: Camera, yard: Camera, bob: User, charlie: User) -> None:
    Grant.objects.create(camera=pier, user=bob, right="watch")
    for user, status in ((bob, 403), (charlie, 404)):
        for reply in (client_of(user).get("/cameras/pier/links/"), client_of(user).post("/cameras/pier/links/")):
            assert reply.status_code == status
    assert client_of(yard.keeper).post("/cameras/yard/links/", {"hours": "1"}).status_code == 404
    assert not JoinLink.objects.exists()


def test_there_are_not_too_many_links(client_of: ClientOf, alice: User, pier: Camera) -> None:
    for _ in range(20):
        JoinLink.objects.issue(pier.pk, alice, 1)
    assert "20 open links" in text(client_of(alice).post("/cameras/pier/links/", {"hours": "1"}))
    assert JoinLink.objects.count() == 20


def test_an_owner_lets_another_phone_in_in_one_go(client_of: ClientOf, alice: User, bob: User) -> None:
    reply = client_of(alice).post("/webcam/", {"name": "Phone in the hall", "hours": "168"})
    assert reply.status_code == 200 and "#" in reply.content.decode()
    camera, link = Camera.objects.get(), JoinLink.objects.get()
    assert (camera.name, camera.kind, camera.webcam, camera.keeper) == ("Phone in the hall", "push", True, None)
    assert link.camera == camera.pk and not Grant.objects.exists()
    whats = set(AuditEntry.objects.values_list("what", flat=True))
    assert whats == {f"added camera {camera.slug}", f"made a join link of camera {camera.slug}"}
    # It is not the owner's own.
    assert "«Webcam of alice» is made" in text(client_of(alice).get("/webcam/"))
    assert client_of(bob).post("/webcam/", {"name": "x", "hours": "1"}).status_code == 403
    assert Camera.objects.count() == 1


@pytest.mark.parametrize("data", [{}, {"name": "", "hours": "1"}, {"name": "x" * 61, "hours": "1"},
                                  {"name": "a\u202eb", "hours": "1"}, {"name": "x", "hours": "5"}])  # fmt: skip
def test_an_odd_form_makes_nothing(data: dict[str, str], client_of: ClientOf, alice: User) -> None:
    reply = client_of(alice).post("/webcam/", data)
    assert reply.status_code == 200 and "Nothing was saved" in text(reply)
    assert not Camera.objects.exists() and not JoinLink.objects.exists()


def test_who_cannot_switch_https_on_is_told_whom_to_ask(client_of: ClientOf, alice: User, bob: User) -> None:
    own = Camera.objects.create(name="Webcam of bob", slug="webcam-bob", kind="push", keeper=bob, webcam=True)
    for user, words in ((bob, "Ask an owner of the house to switch it on"), (alice, "Switch it on (TLS=local)")):
        assert words in text(client_of(user).post(f"/cameras/{own.slug}/links/", {"hours": "24"}))
    assert "About the connection of this house" in text(client_of(bob).get("/webcam/"))
