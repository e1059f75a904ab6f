"""Camera pages: the list, who may enter, adding, names, deleting."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role, User
from camera.models import Camera, Grant, Right, free_slug
from camera.names import check_name
from main.models import AuditEntry, LogLine, ViewingSession
from tests.camera_house import SECRET, EngineEnd, form_values

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]


# --- list ---


def test_the_list_shows_what_one_may_watch_or_change(
    client_of: ClientOf, alice: User, bob: User, charlie: User, yard: Camera, door: Camera
) -> None:
    Grant.objects.create(camera=yard, user=bob, right=Right.WATCH)
    Grant.objects.create(camera=door, user=charlie, right=Right.MANAGE)
    Grant.objects.create(camera=yard, user=charlie, right=Right.LOG)

    def links(user: User) -> set[str]:
        page = client_of(user).get("/cameras/").content.decode()
        return set(re.findall(r'href="(/(?:live|cameras)/(?:yard|door)/)"', page))

    assert links(alice) == {"/live/yard/", "/cameras/yard/", "/live/door/", "/cameras/door/"}
    assert links(bob) == {"/live/yard/", "/live/door/", "/cameras/door/"}
    assert links(charlie) == {"/cameras/door/"}
    assert "Yard" not in client_of(charlie).get("/cameras/").content.decode()


def test_the_list_says_state_kind_and_keeper_in_words(
    client_of: ClientOf, alice: User, door: Camera, yard: Camera
) -> None:
    Camera.objects.filter(pk=yard.pk).update(enabled=False, keeper=None)
    page = client_of(alice).get("/cameras/").content.decode()
    assert "RTSP network camera" in page
    assert "kept by <bdi>bob</bdi>" in page
    assert "the house’s own" in page
    assert "Switched off" in page
    assert "the recording engine is not running" in page


@pytest.mark.usefixtures("zone_held")
def test_the_list_takes_the_same_number_of_queries_for_many(client_of: ClientOf, bob: User, door: Camera) -> None:
    client = client_of(bob)
    client.get("/cameras/")
    with CaptureQueriesContext(connection) as one:
        client.get("/cameras/")
    for number in range(20):
        Camera.objects.create(name=f"C{number}", slug=f"c{number}", kind="pattern", keeper=bob)
    with CaptureQueriesContext(connection) as many:
        client.get("/cameras/")
    assert len(many) == len(one)


def test_an_empty_list_teaches(client_of: ClientOf, alice: User, bob: User) -> None:
    assert "pattern:" in client_of(alice).get("/cameras/").content.decode()
    guest = User.objects.create_user("gina", role=Role.GUEST)
    page = client_of(guest).get("/cameras/").content.decode()
    assert "/cameras/add/" not in page
    assert "No camera is shared with you yet" in page


# --- who may ---


@pytest.mark.parametrize("path", ["/cameras/door/", "/cameras/door/delete/"])
def test_strangers_find_nothing_and_watchers_may_not_change(
    path: str, client_of: ClientOf, alice: User, bob: User, charlie: User, door: Camera
) -> None:
    assert client_of(charlie).get(path).status_code == 404
    assert client_of(charlie).post(path).status_code == 404
    Grant.objects.create(camera=door, user=charlie, right=Right.WATCH)
    assert client_of(charlie).get(path).status_code == 403
    assert client_of(charlie).post(path).status_code == 403
    assert Camera.objects.filter(pk=door.pk).exists()
    assert client_of(bob).get(path).status_code == 200
    assert client_of(alice).get(path).status_code == 200
    assert client_of(None).get(path).status_code == 302


def test_guests_add_nothing(client_of: ClientOf, db: None) -> None:
    guest = User.objects.create_user("gina", role=Role.GUEST)
    assert client_of(guest).get("/cameras/add/").status_code == 403
    assert client_of(guest).post("/cameras/add/", {"name": "x", "source": "pattern:"}).status_code == 403
    assert client_of(guest).post("/cameras/test/", {"source": "pattern:"}).status_code == 403
    assert not Camera.objects.exists()


@pytest.mark.parametrize("source", ["device:/dev/video0", "file:yard.mp4"])
def test_this_machines_devices_and_files_are_the_owners(
    source: str, client_of: ClientOf, alice: User, bob: User, door: Camera, engine: EngineEnd
) -> None:
    page = client_of(bob).post("/cameras/add/", {"name": "X", "source": source})
    assert page.status_code == 200
    assert "added by the house&#x27;s owners" in page.content.decode()
    values = form_values(client_of(bob), "/cameras/door/")
    assert "owners" in client_of(bob).post("/cameras/door/", values | {"source": source}).content.decode()
    assert "owners" in client_of(bob).post("/cameras/test/", {"source": source}).content.decode()
    assert engine.sources == []
    assert not Camera.objects.exclude(pk=door.pk).exists()
    assert client_of(alice).post("/cameras/add/", {"name": "X", "source": source}).status_code == 302


def test_a_manager_keeps_a_device_but_does_not_move_it_to_another(client_of: ClientOf, alice: User, bob: User) -> None:
    usb = Camera.objects.create(name="Usb", slug="usb", kind="v4l2", address="/dev/video0", keeper=bob)
    values = form_values(client_of(bob), "/cameras/usb/")
    assert client_of(bob).post("/cameras/usb/", values | {"name": "Front"}).status_code == 302
    assert client_of(bob).post("/cameras/usb/", values | {"source": "device:/dev/video1"}).status_code == 200
    usb.refresh_from_db()
    assert (usb.name, usb.address) == ("Front", "/dev/video0")


# --- add ---


def test_adding_a_camera(
    client_of: ClientOf, bob: User, engine: EngineEnd, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        reply = client_of(bob).post(
            "/cameras/add/", {"name": "Front door", "source": f"rtsp://admin:{SECRET}@10.0.0.9:554/s1?x=1"}
        )
    camera = Camera.objects.get()
    assert reply["Location"] == "/live/front-door/"
    assert (camera.slug, camera.kind, camera.address) == ("front-door", "rtsp", "rtsp://10.0.0.9:554/s1?x=1")
    assert (camera.username, camera.source_config().password) == ("admin", SECRET)
    assert (camera.keeper, camera.enabled, camera.transport, camera.poll_fps) == (bob, True, "tcp", 2.0)
    assert not camera.grants.exists()
    assert f"person_{bob.pk}" not in client_of(bob).get("/cameras/add/").context["form"].fields
    assert engine.wait_for("poke", {"camera": camera.pk})
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.what) == ("bob", "added camera front-door")
    assert entry.after["password"] == "«changed»"
    assert SECRET not in str(entry.after)
    assert SECRET not in str(Camera.objects.values().get())


@pytest.mark.parametrize(
    "source",
    [
        *("exec:/bin/sh", "ffmpeg:x", "concat:a|b", "data:,x", "srt://1.2.3.4", "pattern:x", "", "\x00"),
        *("file:/etc/passwd", "/etc/passwd", "device:/dev/../etc"),
        *("rtsp://", "http://a b/", "rtsp://a\x00b/", "rtsp://h/" + "é" * 300),
        *(f"u:{SECRET}@10.0.0.9", f"rtsp:/u:{SECRET}@h/x", f"exec:curl u:{SECRET}@h"),
    ],
)
def test_other_addresses_are_refused_with_words(source: str, client_of: ClientOf, alice: User) -> None:
    reply = client_of(alice).post("/cameras/add/", {"name": "X", "source": source, "password": SECRET})
    assert reply.status_code == 200
    assert reply.context["form"].errors["source"]
    assert SECRET not in reply.content.decode()
    assert SECRET.lower() not in reply.content.decode()
    assert not Camera.objects.exists()


@pytest.mark.parametrize("name", ["Add", "test", "TEST!", "add"])
def test_a_camera_is_never_where_a_page_is(name: str, client_of: ClientOf, alice: User) -> None:
    client_of(alice).post("/cameras/add/", {"name": name, "source": "pattern:"})
    slug = Camera.objects.get().slug
    assert slug in ("add-2", "test-2")
    assert client_of(alice).get(f"/cameras/{slug}/").context["title"] == name


@pytest.mark.parametrize(
    ("name", "slug"),
    [("__", "camera"), ("😀", "camera"), ("_a_b_", "a-b"), ("Ä ö", "a-o"), ("x" * 60, "x" * 50), ("-", "camera")],
)
def test_slugs_are_made_of_what_there_is(name: str, slug: str) -> None:
    assert free_slug(name) == slug
    Camera.objects.create(name=name, slug=slug, kind="pattern")
    assert free_slug(name) == f"{slug}-2"


EVIL = [
    '"><img src=x onerror=window.x=1>',
    "$(touch /tmp/x)",
    "`id`",
    "{{7*7}}",
    "-rf",
    "a;b",
    "🎥" * 60,
    "שער הבית",
    "' OR 1=1",
]


@pytest.mark.parametrize("name", EVIL)
def test_names_are_shown_literally(name: str, client_of: ClientOf, alice: User, charlie: User) -> None:
    client = client_of(alice)
    assert client.post("/cameras/add/", {"name": name, "source": "pattern:"}).status_code == 302
    camera = Camera.objects.get()
    assert camera.name == name
    for path in ("/cameras/", f"/cameras/{camera.slug}/", f"/cameras/{camera.slug}/delete/"):
        page = client.get(path).content.decode()
        assert html.escape(name).replace("&#x27;", "&#x27;") in page
        assert "<img src=x" not in page


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\x00",
        "a\nb",
        "a\rb",
        "a\tb",
        "🎥" * 255,
        "x" * 61,
        "\u202egnp.",
        "\u2066x",
        "a\u2028b",
        "\u200b",
        "\u200d\ufe0f",
        "\x7f",
    ],
)
def test_names_that_would_garble_are_refused_with_words(
    name: str, client_of: ClientOf, alice: User, yard: Camera
) -> None:
    for path in ("/cameras/add/", "/cameras/yard/"):
        reply = client_of(alice).post(path, {"name": name, "source": "pattern:"})
        assert reply.status_code == 200, reply.headers
        assert reply.context["form"].errors["name"]
    assert [camera.name for camera in Camera.objects.all()] == ["Yard"]
    assert client_of(alice).post("/cameras/yard/", {"name": name, "source": "pattern:"}).context["title"] == "Yard"


def test_a_name_of_letters_and_signs_is_fine() -> None:
    for name in ("👨‍👩‍👧 room", "Œuvre", "№ 5", "入口", "!"):
        check_name(name)


# --- delete ---


def test_deleting_asks_first_and_leaves_the_log(
    client_of: ClientOf, bob: User, door: Camera, engine: EngineEnd, django_capture_on_commit_callbacks: Any
) -> None:
    now = timezone.now()
    row = ViewingSession.objects.create(
        user=bob, user_name="bob", camera=door, camera_name="Door", camera_slug="door", key="k", transport="page",
        started_at=now, last_seen_at=now,
    )  # fmt: skip
    LogLine.append("opened", row)
    Grant.objects.create(camera=door, user=None, right=Right.WATCH)
    page = client_of(bob).get("/cameras/door/delete/").content.decode()
    assert "Delete camera" in page
    assert "1 viewing" in page
    assert Camera.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert client_of(bob).post("/cameras/door/delete/")["Location"] == "/cameras/"
    assert not Camera.objects.exists()
    assert not Grant.objects.exists()
    row.refresh_from_db()
    assert (row.camera, row.camera_name) == (None, "Door")
    assert LogLine.objects.get().camera_name == "Door"
    assert engine.wait_for("poke", {"camera": door.pk})
    entry = AuditEntry.objects.get()
    assert entry.what == "deleted camera door"
    assert entry.before["password"] == "«set»"
    assert SECRET not in str(entry.before)


@pytest.mark.parametrize("path", ["/cameras/add/", "/cameras/test/", "/cameras/door/", "/cameras/door/delete/"])
def test_changes_need_the_csrf_token(path: str, bob: User, door: Camera) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert client.post(path, {"name": "x", "source": "pattern:"}).status_code == 403
    assert Camera.objects.get().name == "Door"


def test_pages_hold_nothing_inline(client_of: ClientOf, alice: User, door: Camera, engine: EngineEnd) -> None:
    client = client_of(alice)
    pages = [
        client.get(path)
        for path in ("/cameras/", "/cameras/add/", "/cameras/door/", "/cameras/door/delete/", "/api/docs")
    ]
    pages.append(client.post("/cameras/test/", {"source": "pattern:"}))
    for page in pages:
        assert page.status_code == 200
        text = page.content.decode()
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]*\ssrc=)|javascript:", text)
