"""Coming in by name and password: limits, names without case, sign-up, log-out, change of password."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client

from accounts import names
from accounts.models import Role, User
from main.models import AuditEntry, SiteSettings
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


def log_in(client: Client, name: str, password: str = PASSWORD, **headers: str) -> HttpResponse:
    return client.post(LOGIN, {"login": name, "password": password}, headers=headers)  # type: ignore[return-value]


def is_in(client: Client) -> bool:
    return client.get("/me/").status_code == 200


@pytest.mark.parametrize("name", ["bob", "BOB", " bob ", "ｂｏｂ"])
def test_log_in_by_name_in_any_case(bob: User, alice: User, name: str) -> None:
    client = Client()
    reply = log_in(client, name)
    assert reply.status_code == 302 and reply["Location"] == "/"
    assert is_in(client)


def test_names_of_other_alphabets_compare_without_case_too(alice: User) -> None:
    User.objects.create_user("Éva", password=PASSWORD)
    client = Client()
    log_in(client, "éVA")
    assert is_in(client)


@pytest.mark.parametrize(
    ("name", "password"), [("bob", "wrong"), ("nobody", PASSWORD), ("bób", PASSWORD), ("bob", " ")]
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(bob: User, alice: User, name: str, password: str) -> None:
    client = Client()
    reply = log_in(client, name, password)
    assert reply.status_code == 200 and not is_in(client)
    assert "The name or the password is not right." in reply.content.decode()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_sixth_try_is_refused_even_with_the_right_password(bob: User, alice: User, host: str) -> None:
    for number, name in enumerate(["bob", "BOB", "bób", "bob ", "ｂｏｂ"]):
        log_in(Client(), name, "wrong", x_forwarded_for=f"203.0.113.{number}")
    client = Client()
    reply = log_in(client, "bob", x_forwarded_for="203.0.113.99", host=host)
    assert "Too many wrong tries" in reply.content.decode()
    assert not is_in(client)


def test_others_are_not_shut_out_by_somebodys_wrong_tries(bob: User, charlie: User, alice: User) -> None:
    for _ in range(5):
        log_in(Client(), "bob", "wrong")
    client = Client()
    log_in(client, "charlie")
    assert is_in(client)


def test_one_address_cannot_try_many_names(bob: User, alice: User) -> None:
    for number in range(10):
        log_in(Client(), f"somebody{number}", "wrong", x_forwarded_for=f"203.0.113.{number}")
    client = Client()
    log_in(client, "bob")
    assert not is_in(client)


def test_the_admin_sites_own_log_in_is_no_way_around(alice: User) -> None:
    for _ in range(7):
        reply = Client().post("/admin/login/", {"username": "alice", "password": PASSWORD})
        assert reply.status_code == 302 and reply["Location"].startswith(LOGIN)


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_after_log_in_nobody_is_sent_elsewhere(bob: User, alice: User, target: str) -> None:
    reply = Client().post(LOGIN, {"login": "bob", "password": PASSWORD, "next": target})
    assert reply.status_code == 302 and reply["Location"] == "/"


def test_log_out_is_asked_and_then_done_by_post(bob: User, client_of: Callable[[User | None], Client]) -> None:
    client = client_of(bob)
    assert client.get("/accounts/logout/").status_code == 200 and is_in(client)
    assert client.post("/accounts/logout/").status_code == 302
    assert not is_in(client)


def test_log_out_needs_the_forms_token(bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    reply = client.post("/accounts/logout/")
    assert reply.status_code == 403 and "Nothing was changed" in reply.content.decode()
    assert is_in(client)


def test_who_is_switched_off_cannot_come_in_and_is_told_why(bob: User, alice: User) -> None:
    bob.is_active = False
    bob.save()
    client = Client()
    reply = log_in(client, "bob")
    assert reply.status_code == 403 and "switched off" in reply.content.decode() and not is_in(client)
    assert "switched off" not in log_in(Client(), "bob", "wrong").content.decode()


def sign_up(
    name: str = "dora", password: str = PASSWORD, again: str | None = None, **more: str
) -> tuple[Client, HttpResponse]:
    client = Client()
    fields = {"username": name, "password1": password, "password2": again if again is not None else password} | more
    return client, client.post("/accounts/signup/", fields)  # type: ignore[return-value]


def open_house() -> None:
    house = SiteSettings.load()
    house.signups_open = True
    house.save()


def test_sign_up_is_closed_until_an_owner_opens_it(alice: User) -> None:
    _, reply = sign_up()
    assert "by invitation" in reply.content.decode() and not User.objects.filter(username="dora").exists()
    open_house()
    client, _ = sign_up()
    assert User.objects.get(username="dora").role == Role.GUEST and is_in(client)
    assert AuditEntry.objects.get().what == "dora signed up"


def test_nobody_signs_up_before_there_is_an_owner(db: None) -> None:
    open_house()
    sign_up()
    assert not User.objects.exists()


def test_newcomers_cannot_give_themselves_a_role(alice: User) -> None:
    open_house()
    sign_up(role="owner", is_staff="on", is_superuser="on")
    dora = User.objects.get(username="dora")
    assert (dora.role, dora.is_staff, dora.is_superuser) == (Role.GUEST, False, False)


@pytest.mark.parametrize(
    "name",
    [
        "ALICE", "alíce", "ａlice", "a", "two words", "do\nra", "do\x00ra", "do\x1bra", "\u202edora", "do\u200bra",
        "<b>x</b>", "", "x" * 61, "../x",
    ],
)  # fmt: skip
def test_names_that_nobody_may_have(alice: User, name: str) -> None:
    open_house()
    _, reply = sign_up(name)
    assert reply.status_code == 200 and User.objects.count() == 1


@pytest.mark.parametrize("password", ["short7x", "password", "12345678", "dorothea1", "", "qwertyuiop"])
def test_passwords_that_nobody_may_have(alice: User, password: str) -> None:
    open_house()
    _, reply = sign_up("dorothea", password)
    assert reply.status_code == 200 and User.objects.count() == 1


def test_long_passwords_with_anything_in_them_are_taken(alice: User) -> None:
    open_house()
    password = "  ünd 🦀 " * 12
    sign_up("dora", password)
    client = Client()
    log_in(client, "dora", password)
    assert is_in(client)


def test_names_are_stored_in_one_form(alice: User) -> None:
    open_house()
    sign_up("ﬁｎｎ")
    assert User.objects.filter(username="finn").exists()


def test_folding_keeps_different_names_apart() -> None:
    assert names.fold("bób") == names.fold("BOB") == names.fold("bob ") == "bob"
    assert names.fold("bob") != names.fold("rob") and names.fold("İb") == names.fold("ib")


def test_a_change_of_password_ends_all_other_log_ins(bob: User, alice: User) -> None:
    here, there = Client(), Client()
    log_in(here, "bob")
    log_in(there, "bob")
    new = "a much newer secret"
    fields = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/accounts/password/change/", fields)["Location"] == "/me/"
    assert is_in(here) and not is_in(there)
    bob.refresh_from_db()
    assert bob.check_password(new)


@pytest.mark.parametrize(
    "fields",
    [
        {"oldpassword": "wrong", "password1": "a much newer secret", "password2": "a much newer secret"},
        {"oldpassword": PASSWORD, "password1": "a much newer secret", "password2": "another"},
        {"oldpassword": PASSWORD, "password1": "12345678", "password2": "12345678"},
    ],
)
def test_a_password_is_not_changed_by_halves(bob: User, client_of: Any, fields: dict[str, str]) -> None:
    assert client_of(bob).post("/accounts/password/change/", fields).status_code == 200
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_wrong_old_passwords_are_limited(bob: User, client_of: Any) -> None:
    client = client_of(bob)
    wrong = {"oldpassword": "wrong", "password1": "a much newer secret", "password2": "a much newer secret"}
    replies = [client.post("/accounts/password/change/", wrong) for _ in range(6)]
    assert [reply.status_code for reply in replies] == [200] * 5 + [429]
    assert "Too many tries" in replies[-1].content.decode()


def test_one_shows_again_that_it_is_oneself(bob: User, client_of: Any) -> None:
    client = client_of(bob)
    wrong = client.post("/accounts/reauthenticate/", {"password": "wrong", "next": "/me/"})
    assert "not your password" in wrong.content.decode()
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": "/me/"})["Location"] == "/me/"


def test_a_log_in_gets_a_new_session(bob: User, alice: User) -> None:
    client = Client()
    client.get("/accounts/signup/")
    log_in(client, "bob")
    first = client.session.session_key
    log_in(Client(), "bob")
    assert Session.objects.count() == 2 and Session.objects.filter(session_key=first).exists()
