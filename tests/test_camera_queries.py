"""What stands behind the ? of a camera's address is sealed at rest, shown nowhere, and kept when nothing is typed."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from camera.models import Camera, Grant, Right
from main.models import AuditEntry
from tests.camera_house import SECRET, form_values
from tests.test_admin import camera_fields, page_of

pytestmark = [pytest.mark.django_db, pytest.mark.faults]
ClientOf = Callable[[User | None], Client]
QUERIES = [
    f"loginuse=a&loginpas={SECRET}",
    f"psw={SECRET}",
    f"p={SECRET}",
    f"auth={SECRET}",
    f"key={SECRET}&channel=1",
    f"pass%77ord={SECRET}",
    SECRET,
]
OTHER_KEY = "another-key-than-the-one-the-address-was-sealed-with"


@pytest.fixture(autouse=True)
def _nothing_of_other_tests(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = tmp_path
    monkeypatch.setattr("camera.live.hub._current", None)


def rows() -> str:
    """Every row of every table, as the database has it."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            found += cursor.fetchall()
    return str(found)


def address_row() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT address FROM camera_camera")
        return str(cursor.fetchone()[0])


def door(bob: User, query: str) -> Camera:
    return Camera.objects.create(
        name="Door", slug="door", kind="http", address=f"http://10.0.0.9/s?{query}", keeper=bob
    )


@pytest.mark.parametrize("query", QUERIES)
def test_a_secret_of_a_query_is_nowhere(
    query: str, client_of: ClientOf, alice: User, bob: User, charlie: User, caplog: pytest.LogCaptureFixture
) -> None:
    source = f"http://10.0.0.9/s?{query}"
    client_of(bob).post("/cameras/add/", {"name": "Door", "source": source})
    camera = Camera.objects.get()
    assert camera.source_config().address == source
    Grant.objects.create(camera=camera, user=charlie, right=Right.WATCH)
    admin_page = page_of(Camera, "change", camera.pk)
    seen = ""
    for user in (alice, bob, charlie):
        client = client_of(user)
        for path in (
            "/", "/live/door/", "/cameras/", "/cameras/door/", "/cameras/door/delete/", "/people/", "/logs/", "/me/",
            f"/people/{charlie.pk}/", "/api/v1/cameras", "/api/v1/cameras/door", "/metrics", admin_page,
            page_of(Camera, "changelist"), page_of(Camera, "history", camera.pk), page_of(Camera, "delete", camera.pk),
            page_of(AuditEntry, "changelist"), page_of(AuditEntry, "change", AuditEntry.objects.latest("pk").pk),
        ):  # fmt: skip
            seen += client.get(path).content.decode()
        for typed in (source, f"foo://h/s?{query}", f"http://a b/s?{query}"):
            posted = {"name": "", "source": typed, "camera": "door"}
            seen += client.post("/cameras/door/", posted).content.decode()
            seen += client.post(admin_page, camera_fields(source=typed, name="")).content.decode()
    assert "http://10.0.0.9/s?" in seen
    assert SECRET not in seen
    assert SECRET not in rows() and "http://10.0.0.9/s?sealed:" in rows()
    call_command("addcamera", "Gate", source)
    assert SECRET not in rows() and SECRET not in str(list(AuditEntry.objects.values()))


def test_the_file_of_the_database_does_not_have_it(tmp_path: Path, bob: User) -> None:
    door(bob, f"psw={SECRET}")
    copy = sqlite3.connect(tmp_path / "copy.sqlite3")
    for line in connection.connection.iterdump():
        if "camera_camera" in line and line.startswith(("INSERT", "CREATE TABLE")):
            copy.execute(line)
    copy.commit()
    copy.close()
    written = (tmp_path / "copy.sqlite3").read_bytes()
    assert b"10.0.0.9" in written and SECRET.encode() not in written


def test_a_dump_is_sealed_and_comes_back(bob: User) -> None:
    camera = door(bob, f"psw={SECRET}")
    dump = serializers.serialize("json", Camera.objects.all())
    assert SECRET not in dump and "sealed:" in json.loads(dump)[0]["fields"]["address"]
    Camera.objects.all().delete()
    for row in serializers.deserialize("json", dump):
        row.save()
    assert Camera.objects.get().address == camera.address


def test_other_addresses_stay_as_they_are(bob: User) -> None:
    camera = door(bob, "x=1")
    for address in ("rtsp://h/s", "/dev/video0", "what?.mp4", ""):
        Camera.objects.update(address=address)
        assert address_row() == address
        camera.refresh_from_db()
        assert camera.address == address


def test_with_another_key_the_address_comes_without_its_query_and_is_asked_for(
    bob: User, alice: User, settings: Any
) -> None:
    door(bob, f"psw={SECRET}")
    first_key, settings.SECRET_KEY = settings.SECRET_KEY, OTHER_KEY
    camera = Camera.objects.get()
    assert (camera.address, camera.password_lost) == ("http://10.0.0.9/s", True)
    assert camera.source_config().address == "http://10.0.0.9/s"
    client = Client()
    client.force_login(bob)
    page = client.get("/cameras/door/").content.decode()
    assert "Type the whole address again" in page and "stored password cannot be read" not in page
    owner = Client()
    owner.force_login(alice)
    assert "must be entered again" in owner.get(page_of(Camera, "change", camera.pk)).content.decode()
    # Another change leaves the sealed part where it is: the old key brings it back.
    assert client.post("/cameras/door/", form_values(client, "/cameras/door/") | {"name": "N"}).status_code == 302
    settings.SECRET_KEY = first_key
    assert (Camera.objects.get().name, Camera.objects.get().address) == ("N", f"http://10.0.0.9/s?psw={SECRET}")


@pytest.mark.parametrize("typed", ["http://10.0.0.9/s?psw=n3w", "http://10.0.0.9/s?"])
def test_a_lost_query_is_typed_again_or_given_up(typed: str, bob: User, settings: Any) -> None:
    door(bob, f"psw={SECRET}")
    settings.SECRET_KEY = OTHER_KEY
    client = Client()
    client.force_login(bob)
    client.post("/cameras/door/", form_values(client, "/cameras/door/") | {"source": typed})
    camera = Camera.objects.get()
    assert (camera.address, camera.password_lost) == (typed.rstrip("?"), False)


def test_a_new_secret_in_the_old_place_is_a_change(client_of: ClientOf, alice: User, bob: User) -> None:
    camera = door(bob, f"psw={SECRET}")
    client = client_of(bob)
    values = form_values(client, "/cameras/door/")
    assert values["source"] == "http://10.0.0.9/s?psw=***"
    client.post("/cameras/door/", values)
    assert (Camera.objects.get().version, AuditEntry.objects.count()) == (1, 0)
    client.post("/cameras/door/", values | {"source": "http://10.0.0.9/s?psw=n3w"})
    assert (Camera.objects.get().version, AuditEntry.objects.count()) == (2, 1)
    assert AuditEntry.objects.latest("pk").after == {"hidden part of the address": "«changed»"}
    path = page_of(Camera, "change", camera.pk)
    owner = client_of(alice)
    fields = camera_fields(name="Door", keeper=str(bob.pk))
    assert owner.post(path, fields | {"source": "http://10.0.0.9/s?psw=n3wer"}).status_code == 302
    assert Camera.objects.get().address.endswith("n3wer")
    assert AuditEntry.objects.latest("pk").after == {"hidden part of the address": "«changed»"}


def test_the_admin_site_keeps_what_it_hides(client_of: ClientOf, alice: User, bob: User) -> None:
    camera = door(bob, f"psw={SECRET}")
    camera.set_password("stored")
    camera.save()
    path = page_of(Camera, "change", camera.pk)
    client = client_of(alice)
    assert client.post(path, camera_fields(source="http://10.0.0.9/s?psw=***", name="N")).status_code == 302
    kept = Camera.objects.get()
    assert (kept.name, kept.address, kept.source_config().password) == ("N", camera.address, "stored")
    page = client.post(path, camera_fields(source="http://evil/s?psw=***"))
    assert "type the whole address again" in page.content.decode()
    assert Camera.objects.get().address == camera.address


@pytest.mark.parametrize("name", ["\u202egnp.", "\u2066x", "a\x1b[31m", "a\nb", "a\u2028b", "\x7f", "\u200b"])
def test_names_that_garble_come_in_by_no_other_door(name: str, client_of: ClientOf, alice: User, yard: Camera) -> None:
    with pytest.raises(CommandError):
        call_command("addcamera", name, "pattern:")
    client = client_of(alice)
    for path in (page_of(Camera, "add"), page_of(Camera, "change", yard.pk)):
        reply = client.post(path, camera_fields(name=name, slug="other"))
        assert reply.status_code == 200 and reply.context["adminform"].form.errors["name"]
    assert [camera.name for camera in Camera.objects.all()] == ["Yard"]
