"""The set-up link makes the first owner, once; invitations make the others."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import Invite, Role, User
from accounts.setup import LinkUsedError, NameTakenError, setup_invite, setup_link_secret
from accounts.setup import come_in as enter
from main.models import AuditEntry, SiteSettings

pytestmark = pytest.mark.django_db
STRONG = "correct horse battery"


def come_in(path: str, name: str = "alice", client: Client | None = None, **more: str) -> tuple[Client, HttpResponse]:
    client = client or Client()
    fields = {"username": name, "password1": STRONG, "password2": STRONG} | more
    return client, client.post(path, fields)  # type: ignore[return-value]


def set_up(secret: str | None, name: str = "alice", **more: str) -> tuple[Client, HttpResponse]:
    return come_in(f"/setup/{secret}/", name, site_name="Smith house", **more)


def test_the_link_makes_the_owner_and_lets_them_in() -> None:
    secret = setup_link_secret()
    assert Client().get(f"/setup/{secret}/").status_code == 200
    client, reply = set_up(secret)
    assert reply.status_code == 302 and reply["Location"] == "/"
    alice = User.objects.get()
    assert alice.role == Role.OWNER and alice.is_superuser and alice.check_password(STRONG)
    assert SiteSettings.load().site_name == "Smith house"
    assert client.get("/settings/").status_code == 200
    entry = AuditEntry.objects.get()
    assert entry.actor == "alice" and STRONG not in str(entry.after) and str(secret) not in entry.what


def test_the_link_works_once() -> None:
    secret = setup_link_secret()
    set_up(secret)
    page = Client().get(f"/setup/{secret}/")
    assert page.status_code == 404 and "set up already" in page.content.decode()
    _, reply = set_up(secret, "mallory")
    assert reply.status_code == 404 and User.objects.count() == 1
    assert setup_link_secret() is None


def test_only_the_newest_link_counts() -> None:
    old, new = setup_link_secret(), setup_link_secret()
    assert set_up(old)[1].status_code == 404 and not User.objects.exists()
    assert set_up(new)[1].status_code == 302


def test_a_link_ends_after_a_week() -> None:
    secret = setup_link_secret()
    Invite.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert set_up(secret)[1].status_code == 404 and not User.objects.exists()


@pytest.mark.parametrize("secret", ["x", "None", "null", "0" * 43, "a" * 5000, "%00", "é"])
def test_guessed_links_open_nothing(secret: str) -> None:
    setup_link_secret()
    assert Client().get(f"/setup/{secret}/").status_code == 404
    assert Client().get(f"/invited/{secret}/").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password1", "12345678"), ("password1", "alice-alice"), ("password2", "another one"), ("username", "a b"),
        ("username", ""), ("site_name", ""), ("site_name", "a\u202eb"), ("site_name", "a\nb\x07"),
        ("site_name", "x" * 61),
    ],
)  # fmt: skip
def test_bad_values_make_nobody_and_the_link_stays_good(field: str, value: str) -> None:
    secret = setup_link_secret()
    fields = {"username": "alice", "password1": STRONG, "password2": STRONG, "site_name": "Smith house", field: value}
    reply = Client().post(f"/setup/{secret}/", fields)
    assert reply.status_code == 200 and "invalid-feedback" in reply.content.decode()
    assert not User.objects.exists() and STRONG not in reply.content.decode()
    assert set_up(secret)[1].status_code == 302


def test_before_set_up_visitors_are_told_where_the_link_is() -> None:
    secret = setup_link_secret()
    for path in ("/", "/accounts/login/", "/people/"):
        page = Client(headers={"accept": "text/html"}).get(path, follow=True).content.decode()
        assert "not set up yet" in page and "terminal" in page and str(secret) not in page
    set_up(secret)
    assert "not set up yet" not in Client().get("/accounts/login/").content.decode()


def test_who_was_a_moment_too_late_leaves_no_trace() -> None:
    secret = str(setup_link_secret())
    first, second = setup_invite(secret), setup_invite(secret)
    assert first is not None and second is not None
    enter(first, "alice", STRONG)
    with pytest.raises(LinkUsedError):
        enter(second, "mallory", STRONG)
    assert User.objects.get().username == "alice"


def test_of_two_with_one_name_the_second_keeps_the_invitation(alice: User) -> None:
    (first, _), (second, _) = (Invite.objects.issue(Role.MEMBER, alice) for _ in range(2))
    enter(first, "dora", STRONG)
    with pytest.raises(NameTakenError):
        enter(second, "Dora", STRONG)
    second.refresh_from_db()
    assert second.used_at is None and User.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_becomes_the_owner() -> None:
    secret = setup_link_secret()
    SiteSettings.load()
    statuses: list[int] = []
    gate = threading.Barrier(4)

    def run(number: int) -> None:
        try:
            gate.wait()
            statuses.append(set_up(secret, f"person{number}")[1].status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [302, 404, 404, 404] and User.objects.count() == 1


@pytest.mark.parametrize("role", [Role.MEMBER, Role.GUEST, Role.OWNER])
def test_an_invitation_gives_its_role_and_no_other(alice: User, role: str) -> None:
    _, secret = Invite.objects.issue(role, alice)
    assert Client().get(f"/invited/{secret}/").status_code == 200
    client, reply = come_in(f"/invited/{secret}/", "dora", role="owner", is_staff="on")
    assert reply.status_code == 302 and User.objects.get(username="dora").role == role
    assert client.get("/me/").status_code == 200
    assert Invite.objects.get().used_by == User.objects.get(username="dora")
    assert come_in(f"/invited/{secret}/", "mallory")[1].status_code == 404 and User.objects.count() == 2


def test_an_invitation_is_no_set_up_link_and_the_other_way_round(alice: User) -> None:
    _, invited = Invite.objects.issue(Role.OWNER, alice)
    _, lost = Invite.objects.issue(Role.OWNER, None)
    assert set_up(invited)[1].status_code == 404
    assert come_in(f"/invited/{lost}/", "mallory")[1].status_code == 404
    assert set_up(lost, "mallory")[1].status_code == 404
    assert User.objects.count() == 1


@pytest.mark.parametrize("change", [{"role": Role.MEMBER}, {"is_active": False}])
def test_invitations_of_somebody_who_is_no_owner_any_more_are_void(alice: User, change: dict[str, object]) -> None:
    _, secret = Invite.objects.issue(Role.OWNER, alice)
    User.objects.filter(pk=alice.pk).update(**change)
    assert come_in(f"/invited/{secret}/", "mallory")[1].status_code == 404 and User.objects.count() == 1


def test_who_is_in_already_does_not_use_up_an_invitation(
    alice: User, bob: User, client_of: Callable[[User | None], Client]
) -> None:
    _, secret = Invite.objects.issue(Role.OWNER, alice)
    _, reply = come_in(f"/invited/{secret}/", "bobby", client_of(bob))
    assert reply.status_code == 302 and User.objects.count() == 2
    assert Invite.objects.get().used_at is None


def test_a_name_that_is_taken_leaves_the_invitation_open(alice: User) -> None:
    _, secret = Invite.objects.issue(Role.MEMBER, alice)
    assert come_in(f"/invited/{secret}/", "ALICE")[1].status_code == 200
    assert come_in(f"/invited/{secret}/", "dora")[1].status_code == 302
