"""The cast (alice owns, bob may watch, charlie must see nothing) and what most tests need."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management.commands import flush
from django.db.backends.sqlite3.operations import DatabaseOperations
from django.test import Client
from playwright.sync_api import expect

from accounts.models import Role, User
from camera.models import Camera, Grant, Right

PASSWORD = "correct horse battery"
# What pages are to show may take longer than the five seconds that are usual, on a machine that runs other tests.
expect.set_options(timeout=20_000)
SHARED = Path(__file__).resolve().parents[2] / "shared"
TRIGGERS = ("main_logline_no_update", "main_logline_no_delete")
FIXED = ("django_content_type", "auth_permission")


def shared_file(name: str) -> Path:
    """A file of the shared test data; the test is skipped where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the shared test data is not here (no {name})")
    return path


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    # A file, as in a real house: the in-memory database of several threads knows other locks.
    folder = tmp_path_factory.mktemp("database")
    django_settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(folder / "test.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def _flushing_lifts_the_triggers() -> Iterator[None]:
    """Emptying the tables between transactional tests is the one thing the append-only triggers must let happen. What
    migrations put into FIXED stays: to make it anew takes longer than to empty all others."""
    original, signal = DatabaseOperations.sql_flush, flush.emit_post_migrate_signal

    def sql_flush(self: DatabaseOperations, style: Any, tables: list[str], **kwargs: Any) -> list[str]:
        statements = original(self, style, [name for name in tables if name not in FIXED], **kwargs)
        if not statements:
            return statements
        make = [
            f"CREATE TRIGGER {name} BEFORE {name.rpartition('_')[2].upper()} ON main_logline "
            "BEGIN SELECT RAISE(ABORT, 'log lines are append-only'); END"
            for name in TRIGGERS
        ]
        return [*(f"DROP TRIGGER IF EXISTS {name}" for name in TRIGGERS), *statements, *make]

    DatabaseOperations.sql_flush = sql_flush
    flush.emit_post_migrate_signal = lambda *args, **kwargs: None
    yield
    DatabaseOperations.sql_flush, flush.emit_post_migrate_signal = original, signal


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _fresh_limits(request: pytest.FixtureRequest) -> None:
    for name in ("db", "transactional_db"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
            cache.clear()


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password=PASSWORD, role=Role.OWNER)


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password=PASSWORD, role=Role.MEMBER)


@pytest.fixture
def charlie(db: None) -> User:
    return User.objects.create_user("charlie", password=PASSWORD, role=Role.MEMBER)


@pytest.fixture
def yard(alice: User) -> Camera:
    """A demo camera that alice keeps and nobody else may see."""
    return Camera.objects.create(name="Yard", slug="yard", kind="pattern", keeper=alice)


@pytest.fixture
def bob_watches(bob: User, yard: Camera) -> Grant:
    return Grant.objects.create(camera=yard, user=bob, right=Right.WATCH)


@pytest.fixture
def bob_records(bob: User, yard: Camera) -> Grant:
    return Grant.objects.create(camera=yard, user=bob, right=Right.RECORD)


@pytest.fixture
def client_of() -> Callable[[User | None], Client]:
    """A browser in which that person is logged in; nobody for None."""

    def make(user: User | None) -> Client:
        client = Client(headers={"accept": "text/html,*/*"})  # as browsers do; programs get plain text at /
        if user is not None:
            client.force_login(user)
        return client

    return make


@pytest.fixture
def zone_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The house's zone is not read, as it is every two seconds whoever asks: for tests that count queries."""
    from main.middleware import HouseTime

    monkeypatch.setattr(HouseTime, "_zone", (float("inf"), "UTC"))
