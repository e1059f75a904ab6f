"""A log-in that is used goes on; one that nobody uses ends after thirty days."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.logins import BEGAN
from accounts.models import User

ClientOf = Callable[[User | None], Client]


def aged(client: Client, days: int) -> Session:
    """The log-in of `client`, as if it had begun so many days ago and been used on that day alone."""
    session = client.session
    session[BEGAN] = session[BEGAN] | {"at": (timezone.now() - timedelta(days=days)).isoformat()}
    session.save()
    row = Session.objects.get(pk=session.session_key)
    row.expire_date = timezone.now() + timedelta(days=30 - days)
    row.save()
    return row


def left(row: Session) -> float:
    row.refresh_from_db()
    return (row.expire_date - timezone.now()).total_seconds() / 86_400


def test_a_log_in_that_is_used_gets_its_time_again_once_a_day(client_of: ClientOf, alice: User) -> None:
    client = client_of(alice)
    row = aged(client, 20)
    reply = client.get("/me/")
    assert reply.status_code == 200 and 29.9 < left(row) <= 30
    assert reply.cookies["sessionid"]["max-age"] == 30 * 86_400
    before = row.expire_date
    assert "sessionid" not in client.get("/me/").cookies
    left(row)
    assert row.expire_date == before


def test_one_that_has_just_begun_is_written_once(client_of: ClientOf, alice: User) -> None:
    client = client_of(alice)
    assert "sessionid" not in client.get("/me/").cookies


def test_one_that_is_over_stays_over(client_of: ClientOf, alice: User) -> None:
    client = client_of(alice)
    aged(client, 31)
    assert client.get("/me/").status_code == 302
    assert client.get("/me/").status_code == 302


def test_who_asks_for_health_keeps_no_log_in_alive(client_of: ClientOf, alice: User) -> None:
    client = client_of(alice)
    row = aged(client, 20)
    client.get("/healthz")
    assert left(row) < 11
