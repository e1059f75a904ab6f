"""Cameras that send their pictures themselves: added, given a key, and the key's end."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from camera import keys
from camera.models import Camera, Grant, Right
from main.models import AuditEntry
from tests.camera_house import EngineEnd, form_values

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
KEY = re.compile(r"fwc_[\w-]{43}")


@pytest.fixture
def pier(bob: User) -> Camera:
    return Camera.objects.create(name="Pier", slug="pier", kind="push", keeper=bob)


def audit() -> list[tuple[str, str, Any, Any]]:
    return list(AuditEntry.objects.order_by("pk").values_list("actor", "what", "before", "after"))


def test_a_member_adds_one_and_is_shown_its_key_once(client_of: ClientOf, bob: User, engine: EngineEnd) -> None:
    client = client_of(bob)
    reply = client.post("/cameras/add/", form_values(client, "/cameras/add/") | {"name": "Pier", "source": "push:"})
    page = reply.content.decode()
    (secret,) = set(KEY.findall(page))
    camera = Camera.objects.get()
    assert (camera.kind, camera.slug, camera.key_digest, camera.keeper) == ("push", "pier", keys.digest(secret), bob)
    assert "no-store" in reply["Cache-Control"]
    assert "http://testserver/api/v1/cameras/pier/frames" in page and "curl" in page and "import requests" in page
    for path in ("/cameras/pier/", "/cameras/", "/", "/live/pier/"):
        assert secret not in client.get(path).content.decode()
    assert secret not in str(audit()) and keys.digest(secret) not in str(audit())


def test_a_new_key_ends_the_old_one(client_of: ClientOf, bob: User, pier: Camera) -> None:
    client = client_of(bob)
    assert "There is no key" in client.get("/cameras/pier/").content.decode()
    first, second = (
        KEY.findall(client.post("/cameras/pier/key/", {"action": "new"}).content.decode())[0] for _ in range(2)
    )
    assert not keys.actor_of(first).is_known and keys.actor_of(second).camera == pier.pk
    page = client.get("/cameras/pier/").content.decode()
    assert "with its key, made" in page and "Revoke key" in page
    assert [after for who, what, _, after in audit() if (who, what) == ("bob", "made a key of camera pier")] == [
        {"key": "«set»"}, {"key": "«changed»"},
    ]  # fmt: skip


def test_the_page_with_the_key_loaded_again_makes_no_other_one(client_of: ClientOf, bob: User, pier: Camera) -> None:
    client = client_of(bob)
    form = {"action": "new", "instead_of": ""}
    assert 'name="instead_of" value=""' in client.get("/cameras/pier/").content.decode()
    secret = KEY.findall(client.post("/cameras/pier/key/", form).content.decode())[0]
    again = client.post("/cameras/pier/key/", form, follow=True).content.decode()
    assert "A key was made already" in again and not KEY.findall(again)
    assert keys.actor_of(secret).camera == pier.pk
    pier.refresh_from_db()
    assert f'name="instead_of" value="{pier.key_made_at.isoformat()}"' in client.get("/cameras/pier/").content.decode()


def test_a_key_is_revoked(client_of: ClientOf, bob: User, pier: Camera) -> None:
    secret = keys.issue(pier)
    reply = client_of(bob).post("/cameras/pier/key/", {"action": "revoke"}, follow=True)
    assert "The key is revoked" in reply.content.decode()
    assert not keys.actor_of(secret).is_known
    assert audit()[-1][1:] == ("revoked the key of camera pier", {"key": "«set»"}, {"key": "«none»"})
    assert "had no key" in client_of(bob).post("/cameras/pier/key/", {"action": "revoke"}, follow=True).content.decode()
    assert len(audit()) == 1


def test_only_who_manages_it_may(client_of: ClientOf, charlie: User, pier: Camera) -> None:
    secret = keys.issue(pier)
    for action in ("new", "revoke"):
        assert client_of(charlie).post("/cameras/pier/key/", {"action": action}).status_code == 404
    Grant.objects.create(camera=pier, user=charlie, right=Right.WATCH)
    for action in ("new", "revoke"):
        assert client_of(charlie).post("/cameras/pier/key/", {"action": action}).status_code == 403
    assert keys.actor_of(secret).is_known and audit() == []


def test_other_acts_and_other_cameras_change_nothing(
    client_of: ClientOf, bob: User, pier: Camera, door: Camera
) -> None:
    client = client_of(bob)
    assert client.get("/cameras/pier/key/").status_code == 405
    assert "Nothing was changed" in client.post("/cameras/pier/key/", {"action": "eat"}, follow=True).content.decode()
    assert client.post("/cameras/door/key/", {"action": "new"}).status_code == 404
    assert audit() == [] and not Camera.objects.exclude(key_digest="").exists()


def test_a_key_does_not_come_back_with_the_kind(
    client_of: ClientOf, bob: User, pier: Camera, engine: EngineEnd
) -> None:
    secret, client = keys.issue(pier), client_of(bob)
    for source in ("pattern:", "push:"):
        values = form_values(client, "/cameras/pier/") | {"source": source}
        assert client.post("/cameras/pier/", values).status_code == 302
        assert not keys.actor_of(secret).is_known


def test_saving_the_form_keeps_the_key(client_of: ClientOf, bob: User, pier: Camera, engine: EngineEnd) -> None:
    secret, client = keys.issue(pier), client_of(bob)
    client.post("/cameras/pier/", form_values(client, "/cameras/pier/") | {"name": "Long pier"})
    assert Camera.objects.get().name == "Long pier" and keys.actor_of(secret).is_known


def test_there_is_no_connection_to_test(client_of: ClientOf, bob: User, engine: EngineEnd) -> None:
    values = {"source": "push:"}
    page = client_of(bob).post("/cameras/test/", values, headers={"HX-Request": "true"}).content.decode()
    assert "It is the program that connects" in page and engine.sources == []


def test_the_spill_camera_says_that_its_password_opens_it(
    client_of: ClientOf, bob: User, pier: Camera, settings: Any
) -> None:
    Camera.objects.create(name="Spill", slug="spill", kind="push", keeper=bob)
    settings.CAMERA_PASSWORD = "oil and water"
    assert "CAMERA_PASSWORD opens it" in client_of(bob).get("/cameras/spill/").content.decode()
    assert "CAMERA_PASSWORD" not in client_of(bob).get("/cameras/pier/").content.decode()


def test_addcamera_prints_the_slug_and_the_key_apart(
    alice: User, engine: EngineEnd, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("addcamera", "The pier", "push:")
    out, error = capsys.readouterr()
    assert out == "the-pier\n"
    (secret,) = KEY.findall(error)
    assert keys.actor_of(secret).camera == Camera.objects.get().pk
    assert secret not in str(audit())


def test_the_api_describes_how_to_send(client_of: ClientOf, bob: User) -> None:
    described = client_of(bob).get("/api/openapi.json").json()["paths"]["/api/v1/cameras/{slug}/frames"]["post"]
    assert {one["name"] for one in described["parameters"]} == {
        "slug", "X-Camera-Auth", "X-Captured-At", "X-Event-Kind", "X-Event-Id",
    }  # fmt: skip
    assert list(described["requestBody"]["content"]) == ["image/jpeg"] and "security" not in described
    assert set(described["responses"]) == {"202", "400", "401", "404", "408", "413", "415", "429", "503"}
