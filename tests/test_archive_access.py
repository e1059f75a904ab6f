"""Who may see, take away, keep and delete a recording; and that each look stands in the log."""

import json
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera.access import Actor
from camera.models import Camera, Grant, Recording
from main.deleting import request_delete
from main.lookbacks import ONE_LOOK
from main.models import AuditEntry, LogLine, ViewingSession
from tests.archive_cast import AT, BODY, filed, picture
from tests.footage_cast import happened

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User | None], Client]


def give(user: User, camera: Camera, *rights: str) -> None:
    Grant.objects.bulk_create(Grant(camera=camera, user=user, right=right) for right in rights)


def body_of(reply: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in reply.streaming_content])

    from asgiref.sync import async_to_sync

    return async_to_sync(read)() if reply.streaming else reply.content


def plain(reply: HttpResponse) -> str:
    import re

    return re.sub(r"[A-Za-z0-9]{64}", "", reply.content.decode())


@pytest.mark.parametrize(
    "part", ["", "file/", "download/", "thumbnail/", "playable/", "playable/file/", "keep/", "delete/"]
)
def test_hidden_and_missing_recordings_look_alike(part: str, client_of: ClientOf, charlie: User, yard: Camera) -> None:
    recording = filed(yard, playable="ready")
    client = client_of(charlie)
    hidden, missing = (client.get(f"/recordings/{pk}/{part}") for pk in (recording.pk, 999_999))
    assert hidden.status_code == missing.status_code == 404
    assert plain(hidden) == plain(missing)
    assert client.get(f"/recordings/{10**30}/{part}").status_code == 404


@pytest.mark.parametrize("part", ["/etc/passwd", "..%2f..%2fdb.sqlite3", "%2e%2e/", "..%5cx", "1%00", "1/../2", "-1"])
def test_addresses_hold_numbers_only(part: str, client_of: ClientOf, alice: User, yard: Camera) -> None:
    filed(yard, pk=1)
    for path in (f"/recordings/{part}/file/", f"/recordings/1/file/{part}"):
        assert client_of(alice).get(path).status_code == 404, path


def test_looking_back_is_one_right_and_taking_away_another(client_of: ClientOf, bob: User, yard: Camera) -> None:
    recording = filed(yard)
    give(bob, yard, "playback")
    client = client_of(bob)
    reply = client.get(f"/recordings/{recording.pk}/file/")
    assert body_of(reply) == BODY
    page = client.get(f"/recordings/{recording.pk}/").content.decode()
    assert "/download/" not in page and "Delete" not in page and "/keep/" not in page
    assert client.get(f"/recordings/{recording.pk}/download/").status_code == 403
    assert client.post(f"/recordings/{recording.pk}/keep/").status_code == 403
    assert client.post(f"/recordings/{recording.pk}/delete/").status_code == 403
    give(bob, yard, "export")
    taken = client.get(f"/recordings/{recording.pk}/download/")
    assert taken.headers["Content-Disposition"] == 'attachment; filename="Yard 2026-11-20 14-02-05.mp4"'
    assert body_of(taken) == BODY


def test_each_look_stands_in_the_log_once(client_of: ClientOf, bob: User, yard: Camera) -> None:
    recording = filed(yard)
    give(bob, yard, "playback", "export")
    client = client_of(bob)
    client.head(f"/recordings/{recording.pk}/")
    client.head(f"/recordings/{recording.pk}/file/")
    client.get(f"/recordings/{recording.pk}/file/", headers={"Range": "bytes=999999-"})
    client.get(f"/recordings/{recording.pk}/thumbnail/")
    assert not ViewingSession.objects.exists()
    client.get(f"/recordings/{recording.pk}/")
    for first in (0, 100, 200):
        client.get(f"/recordings/{recording.pk}/file/", headers={"Range": f"bytes={first}-{first + 99}"})
    client.get(f"/recordings/{recording.pk}/download/")
    rows = list(ViewingSession.objects.order_by("pk"))
    assert [(row.transport, row.recording, row.counts, row.user_name) for row in rows] == [
        ("playback", recording, False, "bob"),
        ("export", recording, False, "bob"),
    ]
    assert all(row.footage_at == AT and row.ended_at == row.started_at for row in rows)
    lines = list(LogLine.objects.order_by("pk"))
    assert [line.what for line in lines] == ["played", "exported"]
    assert all(line.hash == line.digest() and line.details["recording"] == recording.pk for line in lines)
    ViewingSession.objects.update(started_at=timezone.now() - ONE_LOOK - timedelta(seconds=1))
    client.get(f"/recordings/{recording.pk}/file/")
    assert LogLine.objects.filter(what="played").count() == 2


def test_a_look_that_was_deleted_from_the_log_does_not_hide_the_next(
    client_of: ClientOf, alice: User, yard: Camera
) -> None:
    recording = filed(yard)
    client = client_of(alice)
    client.get(f"/recordings/{recording.pk}/")
    ViewingSession.objects.update(hidden_at=timezone.now())
    client.get(f"/recordings/{recording.pk}/file/")
    assert ViewingSession.objects.filter(hidden_at=None).count() == 1


def test_what_cannot_be_opened_is_not_there(client_of: ClientOf, alice: User, yard: Camera, tmp_path: Path) -> None:
    client = client_of(alice)
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    link, fifo, folder, gone, outside = (filed(yard, sha256="") for _ in range(5))
    for one in (link, fifo, folder, gone):
        one.path.unlink()
    link.path.symlink_to(tmp_path / "secret.mp4")
    os.mkfifo(fifo.path)
    folder.path.mkdir()
    for name in ("/etc/passwd", "../db.sqlite3", "recordings/../../x", "", "a\0b", "..\\x"):
        Recording.objects.filter(pk=outside.pk).update(file=name)
        for part in ("file/", "thumbnail/", "download/"):
            assert client.get(f"/recordings/{outside.pk}/{part}").status_code == 404, name
    for one in (link, fifo, folder, gone):
        assert client.get(f"/recordings/{one.pk}/file/").status_code == 404
        assert client.get(f"/recordings/{one.pk}/").status_code == 200
    assert client.get("/recordings/").status_code == 200
    assert not LogLine.objects.exclude(what="played").exists()


def test_an_empty_file_breaks_nothing(client_of: ClientOf, alice: User, yard: Camera) -> None:
    recording = filed(yard, b"", sha256="", state="damaged", detail="nothing was written")
    client = client_of(alice)
    url = f"/recordings/{recording.pk}/file/"
    assert (client.get(url).status_code, client.get(url).content) == (200, b"")
    assert client.get(url, headers={"Range": "bytes=0-"}).status_code == 416
    for path in ("/recordings/", f"/recordings/{recording.pk}/"):
        assert "file damaged" in client.get(path).content.decode().lower()
    assert client.get(f"/recordings/{recording.pk}/thumbnail/").status_code == 404


def test_what_is_being_recorded_can_be_played_but_not_taken_away(
    client_of: ClientOf, alice: User, yard: Camera
) -> None:
    recording = filed(yard, state="open", ended_at=None, sha256="")
    client = client_of(alice)
    reply = client.get(f"/recordings/{recording.pk}/file/", headers={"Range": "bytes=0-5"})
    assert (reply.status_code, body_of(reply)) == (200, BODY)
    refused = client.get(f"/recordings/{recording.pk}/download/")
    assert refused.status_code == 409 and b"still being recorded" in refused.content
    assert "being recorded" in client.get("/recordings/").content.decode()


def test_the_keep_mark(client_of: ClientOf, alice: User, yard: Camera) -> None:
    recording = filed(yard)
    client = client_of(alice)
    assert client.post(f"/recordings/{recording.pk}/keep/", {"keep": "1"}).status_code == 302
    first = Recording.objects.get()
    assert first.kept_by == "alice" and first.kept_at
    client.post(f"/recordings/{recording.pk}/keep/", {"keep": "1"})
    assert Recording.objects.get().kept_at == first.kept_at
    client.post(f"/recordings/{recording.pk}/keep/", {"keep": "0"})
    assert not Recording.objects.get().kept
    assert AuditEntry.objects.count() == 2
    assert Client(enforce_csrf_checks=True).post(f"/recordings/{recording.pk}/keep/").status_code in (302, 403)


def test_a_copy_is_asked_for_once(client_of: ClientOf, bob: User, yard: Camera) -> None:
    plain_one, hevc = filed(yard), filed(yard, codec="hevc")
    give(bob, yard, "playback")
    client = client_of(bob)
    assert "Make playable" not in client.get(f"/recordings/{plain_one.pk}/").content.decode()
    page = client.get(f"/recordings/{hevc.pk}/").content.decode()
    assert "Make playable" in page and "H.265" in page
    for one in (plain_one, hevc):
        client.post(f"/recordings/{one.pk}/playable/")
    assert list(Recording.objects.exclude(playable_wanted_at=None)) == [hevc]
    part = {"headers": {"HX-Request": "true"}}
    assert b"every 2s" in client.get(f"/recordings/{hevc.pk}/?part=playable", **part).content  # type: ignore[arg-type]
    Recording.objects.update(playable="failed", playable_wanted_at=None, detail="No playable copy: the disk is full.")
    failed = client.get(f"/recordings/{hevc.pk}/").content.decode()
    assert "the disk is full" in failed and "Try again" in failed
    client.post(f"/recordings/{hevc.pk}/playable/")
    assert "being made" in client.get(f"/recordings/{hevc.pk}/").content.decode()
    Recording.objects.filter(pk=hevc.pk).update(playable="ready", playable_percent=100)
    ready = client.get(f"/recordings/{hevc.pk}/?part=playable", **part).content  # type: ignore[arg-type]
    assert b"every 2s" not in ready and f"/recordings/{hevc.pk}/playable/file/".encode() in ready
    assert client.get(f"/recordings/{hevc.pk}/playable/file/").status_code == 404  # the copy has been lost


def test_deleting_says_what_goes_and_what_stays(client_of: ClientOf, alice: User, yard: Camera) -> None:
    recording = filed(yard, bytes=84_000_000)
    happened(yard, AT, recording)
    client = client_of(alice)
    client.get(f"/recordings/{recording.pk}/")
    page = client.get(f"/recordings/{recording.pk}/delete/").content.decode()
    assert "1 recording, 84 MB, of <bdi>Yard</bdi>" in page and "14:02–14:03" in page
    assert "the motion event of" in page and "who looked back (1)" in page and "Delete recording" in page
    assert not Recording.objects.exclude(delete_requested_at=None).exists()
    assert client.post(f"/recordings/{recording.pk}/delete/").status_code == 302
    for part in ("", "file/", "download/", "thumbnail/", "delete/"):
        assert client.get(f"/recordings/{recording.pk}/{part}").status_code == 404
    assert f"/recordings/{recording.pk}/" not in client.get("/recordings/").content.decode()
    entry = AuditEntry.objects.get()
    assert entry.actor == "alice" and entry.before["recordings"] == [recording.pk]


def test_two_people_delete_at_once(client_of: ClientOf, alice: User, yard: Camera) -> None:
    for _ in range(5):
        recording, found = filed(yard), []
        gate = threading.Barrier(2)

        def press(pk: int, client: Client, gate: threading.Barrier, found: list[int]) -> None:
            gate.wait()
            found.append(client.post(f"/recordings/{pk}/delete/").status_code)
            connections.close_all()

        people = [threading.Thread(target=press, args=(recording.pk, client_of(alice), gate, found)) for _ in range(2)]
        for one in people:
            one.start()
        for one in people:
            one.join(30)
        assert sorted(found) == [302, 404]


def test_ones_own_session_may_be_deleted_unless_somebody_keeps_it(client_of: ClientOf, bob: User, yard: Camera) -> None:
    give(bob, yard, "watch")
    own = filed(yard, trigger="session", reasons=["session:3"], people=[bob.pk])
    shared = filed(yard, trigger="session", reasons=["session:3", "motion"], people=[bob.pk])
    client = client_of(bob)
    assert client.post(f"/recordings/{shared.pk}/delete/").status_code == 403
    assert client.get(f"/recordings/{own.pk}/delete/").status_code == 200
    Recording.objects.filter(pk=own.pk).update(kept_at=timezone.now())
    assert client.post(f"/recordings/{own.pk}/delete/").status_code == 403
    Recording.objects.filter(pk=own.pk).update(kept_at=None)
    assert client.post(f"/recordings/{own.pk}/delete/").status_code == 302


def test_several_at_once(client_of: ClientOf, alice: User, bob: User, yard: Camera) -> None:
    attic = Camera.objects.create(name="Attic", slug="attic", kind="pattern")
    mine, other, hidden = filed(yard), filed(yard), filed(attic)
    give(bob, yard, "playback", "manage")
    pks = [str(one.pk) for one in (mine, other, hidden)]
    client = client_of(bob)
    client.post("/recordings/several/", {"act": "keep", "pk": [*pks, "x", "9" * 30]})
    assert set(Recording.objects.exclude(kept_at=None)) == {mine, other}
    asked = client.post("/recordings/several/", {"act": "delete", "pk": pks}).content.decode()
    assert "2 recordings" in asked and "Attic" not in asked and "2 of them are marked to be kept" in asked
    assert not Recording.objects.exclude(delete_requested_at=None).exists()
    client.post("/recordings/several/", {"act": "delete", "sure": "1", "pk": pks})
    assert set(Recording.objects.exclude(delete_requested_at=None)) == {mine, other}
    assert client.post("/recordings/several/", {"act": "delete", "sure": "1", "pk": pks}).status_code == 302


def test_all_or_none_is_deleted(yard: Camera, bob: User) -> None:
    give(bob, yard, "playback")
    own = filed(yard, reasons=["session:3"], people=[bob.pk])
    actor = Actor("user", bob.pk, "member", "bob")
    with pytest.raises(PermissionDenied):
        request_delete(actor, [own, filed(yard)])
    assert not Recording.objects.exclude(delete_requested_at=None).exists()
    assert (request_delete(actor, [own]), request_delete(actor, [own])) == (1, 0)
    assert json.dumps(AuditEntry.objects.get().before)


def test_thumbnails_are_for_those_who_may_look_back(client_of: ClientOf, bob: User, yard: Camera) -> None:
    recording = filed(yard)
    picture(recording)
    give(bob, yard, "playback")
    reply = client_of(bob).get(f"/recordings/{recording.pk}/thumbnail/")
    assert reply.headers["Content-Type"] == "image/jpeg" and body_of(reply).startswith(b"\xff\xd8")
    assert "no-store" in reply.headers["Cache-Control"]
    assert Client().get(f"/recordings/{recording.pk}/thumbnail/").status_code == 401
    assert str(settings.MEDIA_ROOT) not in client_of(bob).get(f"/recordings/{recording.pk}/").content.decode()
