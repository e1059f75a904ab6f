"""The command line, as DESIGN promises it."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from accounts.models import ApiToken, Role, User
from camera.models import Camera
from main.management.commands.serve import check_database, check_schema
from main.models import AuditEntry

STRONG = "correct horse battery"


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def test_addcamera_prints_the_slug_alone(alice: User) -> None:
    assert run("addcamera", "Front door", "rtsp://10.0.0.9/stream1") == "front-door\n"
    assert run("addcamera", "Front door", "pattern:") == "front-door-2\n"
    camera = Camera.objects.get(slug="front-door")
    assert (camera.kind, camera.address, camera.keeper) == ("rtsp", "rtsp://10.0.0.9/stream1", alice)
    assert not camera.grants.exists()


def test_addcamera_takes_credentials_off_the_address(db: None) -> None:
    run("addcamera", "Yard", "rtsp://admin:S3CRETpw@10.0.0.9/x")
    camera = Camera.objects.get()
    assert camera.username == "admin" and camera.source_config().password == "S3CRETpw"
    assert "S3CRETpw" not in str(Camera.objects.values().get()) and "S3CRETpw" not in str(AuditEntry.objects.values())


@pytest.mark.parametrize(
    "source",
    [
        "exec:/bin/sh",
        "ffmpeg:x",
        "file:/etc/passwd",
        "file:../x.mp4",
        "concat:a|b",
        "device:/dev/sda",
        "/etc/passwd",
        "srt://1.2.3.4",
        "rtsp://",
        "pattern:x",
        "",
        "http://a b/",
        "data:,x",
        "unix:/x",
        "subfile,,start,0:x",
    ],
)
def test_addcamera_refuses_other_sources(db: None, source: str) -> None:
    with pytest.raises(CommandError):
        run("addcamera", "Yard", source)
    assert not Camera.objects.exists()


@pytest.mark.parametrize("slug", ["Yard", "a b", "../x", "-yard", "yard/x", "add", "test", "discover"])
def test_addcamera_refuses_odd_slugs(db: None, slug: str) -> None:
    with pytest.raises(CommandError):
        run("addcamera", "Yard", "pattern:", f"--slug={slug}")
    assert not Camera.objects.exists()


def test_adduser_takes_the_password_from_the_environment(db: None, settings: Any) -> None:
    settings.ADDUSER_PASSWORD = STRONG
    run("adduser", "bob", "--role", "member")
    bob = User.objects.get(username="bob")
    assert bob.role == Role.MEMBER and bob.check_password(STRONG) and not bob.is_staff


@pytest.mark.parametrize("password", ["", "password", "12345678", "short"])
def test_adduser_refuses_weak_passwords(db: None, settings: Any, password: str) -> None:
    settings.ADDUSER_PASSWORD = password
    with pytest.raises(CommandError):
        run("adduser", "bob", "--role", "member")
    assert not User.objects.exists()


def test_adduser_refuses_a_name_that_is_taken(bob: User, settings: Any) -> None:
    settings.ADDUSER_PASSWORD = STRONG
    with pytest.raises(CommandError):
        run("adduser", "BOB", "--role", "guest")
    assert User.objects.count() == 1


def test_createsuperuser_makes_an_owner(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "DJANGO_SUPERUSER_PASSWORD", STRONG)
    run("createsuperuser", "--noinput", "--username", "alice", "--email", "a@example.org")
    alice = User.objects.get()
    assert alice.role == Role.OWNER and alice.is_staff and alice.is_superuser


def test_grant_gives_and_takes(bob: User, yard: Camera) -> None:
    assert "log, watch" in run("grant", "bob", "yard", "watch,log")
    run("grant", "bob", "yard", "watch")
    run("grant", "bob", "yard", "log", "--revoke")
    assert list(yard.grants.values_list("user__username", "right")) == [("bob", "watch")]
    assert AuditEntry.objects.count() == 2


@pytest.mark.parametrize(
    "arguments",
    [("nobody", "yard", "watch"), ("bob", "nothing", "watch"), ("bob", "yard", "fly"), ("bob", "yard", ",")],
)
def test_grant_refuses_what_is_not_there(bob: User, yard: Camera, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run("grant", *arguments)
    assert not yard.grants.exists()


def test_addtoken_prints_a_token_that_works_once_stored_as_a_digest(bob: User) -> None:
    secret = run("addtoken", "bob", "TV").strip()
    found = ApiToken.objects.valid(secret)
    assert found is not None and found.user == bob
    assert secret not in str(ApiToken.objects.values().get())


def test_serve_refuses_a_database_of_a_newer_version(db: None) -> None:
    MigrationRecorder(connection).record_applied("camera", "9999_from_the_future")
    with pytest.raises(CommandError, match="newer Fairwatch"):
        check_schema()


def test_serve_refuses_a_damaged_database(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "db.sqlite3"
    broken.write_bytes(b"SQLite format 3\0" + b"garbage" * 1000)
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(broken))
    with pytest.raises(CommandError, match="damaged"):
        check_database()
