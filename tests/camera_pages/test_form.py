"""The camera form: what is changed, shared and refused."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Role, User
from camera.models import Camera, Grant, Right
from main.models import AuditEntry
from tests.camera_house import SECRET, EngineEnd, form_values, password_of

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]


# --- change ---


def test_saving_the_form_unchanged_changes_nothing(client_of: ClientOf, bob: User, charlie: User, door: Camera) -> None:
    Grant.objects.create(camera=door, user=None, right=Right.WATCH)
    Grant.objects.create(camera=door, user=None, right=Right.MOVE)
    Grant.objects.create(camera=door, user=charlie, right=Right.LOG)
    before = (Camera.objects.values().get(), list(Grant.objects.values_list("pk", "camera", "user", "right")))
    client = client_of(bob)
    assert client.post("/cameras/door/", form_values(client, "/cameras/door/")).status_code == 302
    assert (Camera.objects.values().get(), list(Grant.objects.values_list("pk", "camera", "user", "right"))) == before
    assert not AuditEntry.objects.exists()


def test_a_change_raises_the_version_and_tells_the_engine(
    client_of: ClientOf, bob: User, door: Camera, engine: EngineEnd, django_capture_on_commit_callbacks: Any
) -> None:
    client = client_of(bob)
    values = form_values(client, "/cameras/door/") | {"name": "Back door", "transport": "udp"}
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/cameras/door/", values)
    now = Camera.objects.get()
    assert (now.name, now.slug, now.transport, now.version) == ("Back door", "door", "udp", door.version + 1)
    assert password_of(now) == SECRET
    assert engine.wait_for("poke", {"camera": door.pk})
    entry = AuditEntry.objects.get()
    assert entry.what == "changed camera door"
    assert (entry.before, entry.after) == (
        {"name": "Door", "transport": "tcp"},
        {"name": "Back door", "transport": "udp"},
    )


def test_columns_of_the_engine_are_not_written(client_of: ClientOf, bob: User, door: Camera) -> None:
    client = client_of(bob)
    values = form_values(client, "/cameras/door/") | {"name": "N"}
    Camera.objects.update(state="online", reason="", engine="e2", position=7)
    with CaptureQueriesContext(connection) as queries:
        client.post("/cameras/door/", values)
    written = [query["sql"] for query in queries if query["sql"].startswith('UPDATE "camera_camera"')]
    assert len(written) == 2
    for column in ("state", "reason", "state_since", "engine", "position", "slug"):
        assert not any(f'"{column}" =' in sql for sql in written)
    now = Camera.objects.get()
    assert (now.state, now.engine, now.position) == ("online", "e2", 7)


@pytest.mark.parametrize(
    "values",
    [
        *({"poll_fps": value} for value in ("nan", "1e400", "0", "16")),
        {"transport": "x"},
        *({"username": value} for value in ("x" * 101, "a\x00")),
        *({"password": value} for value in ("x" * 201, "\x00")),
        *({"keeper": value} for value in ("9" * 30, "x")),
        *({"everyone": value} for value in ("manage", "__proto__", "watch,watch")),
    ],
)
def test_bad_values_save_nothing_and_the_field_says_why(
    values: dict[str, str], client_of: ClientOf, alice: User, door: Camera
) -> None:
    before = Camera.objects.values().get()
    client = client_of(alice)
    reply = client.post("/cameras/door/", form_values(client, "/cameras/door/") | {"name": "New"} | values)
    assert reply.status_code == 200
    assert list(reply.context["form"].errors) == list(values)
    assert Camera.objects.values().get() == before
    assert not AuditEntry.objects.exists()


def test_an_empty_rate_keeps_the_old_one(client_of: ClientOf, alice: User, door: Camera) -> None:
    Camera.objects.update(poll_fps=5, transport="udp")
    client = client_of(alice)
    client.post(
        "/cameras/door/", form_values(client, "/cameras/door/") | {"poll_fps": "", "transport": "", "name": "N"}
    )
    now = Camera.objects.get()
    assert (now.poll_fps, now.transport, now.name) == (5, "udp", "N")


# --- sharing ---


def test_sharing_is_saved_as_grants(client_of: ClientOf, bob: User, charlie: User, door: Camera) -> None:
    gina = User.objects.create_user("gina", role=Role.GUEST)
    Grant.objects.create(camera=door, user=gina, right=Right.WATCH)
    client = client_of(bob)
    values = form_values(client, "/cameras/door/")
    assert values[f"person_{gina.pk}"] == ["watch"]
    assert f"person_{bob.pk}" not in values
    values |= {"everyone": "watch,playback", f"person_{charlie.pk}": ["log", "manage"], f"person_{gina.pk}": []}
    client.post("/cameras/door/", values)
    assert set(Grant.objects.values_list("user__username", "right")) == {
        (None, "watch"),
        (None, "playback"),
        ("charlie", "log"),
        ("charlie", "manage"),
    }
    entry = AuditEntry.objects.get()
    assert entry.after["shared with charlie"] == "reads the log, manages it"
    assert (entry.before["shared with all members"], entry.before["shared with gina"]) == ("nothing", "watches")


def test_sharing_takes_only_people_and_rights_there_are(
    client_of: ClientOf, alice: User, bob: User, charlie: User, door: Camera
) -> None:
    client = client_of(bob)
    values = form_values(client, "/cameras/door/")
    assert client.post("/cameras/door/", values | {f"person_{charlie.pk}": ["everything"]}).status_code == 200
    client.post(
        "/cameras/door/",
        values | {f"person_{alice.pk}": ["watch"], f"person_{bob.pk}": ["watch"], "person_999": ["watch"]},
    )
    assert not Grant.objects.exists()


def test_only_owners_give_a_camera_away(
    client_of: ClientOf, alice: User, bob: User, charlie: User, door: Camera
) -> None:
    client = client_of(bob)
    client.post("/cameras/door/", form_values(client, "/cameras/door/") | {"keeper": str(charlie.pk), "name": "B"})
    assert Camera.objects.get().keeper == bob
    owner = client_of(alice)
    owner.post("/cameras/door/", form_values(owner, "/cameras/door/") | {"keeper": str(charlie.pk)})
    assert Camera.objects.get().keeper == charlie
    owner.post("/cameras/door/", form_values(owner, "/cameras/door/") | {"keeper": ""})
    assert Camera.objects.get().keeper is None


def test_one_who_gives_up_the_right_is_taken_to_the_list(client_of: ClientOf, charlie: User, door: Camera) -> None:
    Grant.objects.create(camera=door, user=charlie, right=Right.MANAGE)
    client = client_of(charlie)
    reply = client.post("/cameras/door/", form_values(client, "/cameras/door/") | {f"person_{charlie.pk}": []})
    assert reply["Location"] == "/cameras/"


# --- what belongs to the kind ---


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("rtsp://10.0.0.9/s1", "rtsp"),
        ("https://10.0.0.9/s1", "http"),
        ("tapo://10.0.0.9", "tapo"),
        ("onvif://10.0.0.9:8000", "onvif"),
        ("pattern:", "pattern"),
        ("push:", "push"),
        ("", ""),
        ("half an address", ""),
    ],
)
def test_the_server_hides_what_belongs_to_other_kinds(source: str, kind: str, client_of: ClientOf, alice: User) -> None:
    page = client_of(alice).post("/cameras/add/", {"name": "", "source": source}).content.decode()
    parts = re.findall(r'data-kinds="([a-z0-9 ]+)"( hidden)?', page)
    assert len(parts) == 13
    for kinds, hidden in parts:
        # While the kind is not known all is there that most cameras have.
        few = {"push", "tapo", "onvif"}
        assert bool(hidden) is (kind not in kinds.split() if kind else few >= set(kinds.split())), (kinds, hidden)
    hints = re.findall(r'class="camera-hint" data-kind="\w+"( hidden)?', page)
    assert hints.count("") == (1 if kind else 8)
    assert 'css/noscript.css"></noscript>' in page
