"""Files through the real server: constant memory, nothing left open, and every odd header answered."""

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from accounts.models import ApiToken, User
from camera.models import Camera, Grant, Recording
from main.models import ViewingSession
from main.serving import ranges
from tests.archive_cast import BODY, filed
from tests.house import wait_for
from tests.live_house import Web, cookie_of

pytestmark = pytest.mark.slow

LARGE = 300 * 1024 * 1024


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def cookie(bob: User, yard: Camera) -> str:
    Grant.objects.create(camera=yard, user=bob, right="playback")
    return cookie_of(bob)


def large(yard: Camera) -> Recording:
    """A recording of 300 MB, of which the disk holds the last bytes only."""
    recording = filed(yard, b"", sha256="", bytes=LARGE)
    with recording.path.open("r+b") as file:
        file.truncate(LARGE)
        file.seek(LARGE - 4)
        file.write(b"tail")
    return recording


def opened(path: Path) -> int:
    """How often this process has that file open."""
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return sum(os.path.exists(link) and os.path.realpath(link) == str(path.resolve()) for link in links)


@pytest.mark.slow
def test_a_large_file_takes_no_memory(web: Web, cookie: str, yard: Camera) -> None:
    recording = large(yard)
    url = f"/recordings/{recording.pk}/file/"
    web.get(url, Cookie=cookie, Range="bytes=0-1000").read()
    process = psutil.Process()
    before = process.memory_info().rss
    reply, most, count = web.get(url, Cookie=cookie), 0, 0
    while piece := reply.read(1 << 20):
        count += len(piece)
        most = max(most, process.memory_info().rss - before)
    assert count == LARGE and piece == b""
    assert most < 30e6, f"{most / 1e6:.0f} MB more"
    wait_for(lambda: opened(recording.path) == 0, 5, "the file to be closed")


def test_a_viewer_that_leaves_midway_leaves_nothing_open(web: Web, cookie: str, yard: Camera) -> None:
    recording = large(yard)
    for _ in range(20):
        client = socket.create_connection(("127.0.0.1", web.port), timeout=5)
        client.sendall(
            f"GET /recordings/{recording.pk}/file/ HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()
        )
        assert client.recv(4000).startswith(b"HTTP/1.1 200")
        client.close()
    wait_for(lambda: opened(recording.path) == 0, 10, "the files to be closed")
    assert web.get(f"/recordings/{recording.pk}/file/", Cookie=cookie, Range="bytes=-4").read() == b"tail"


def test_a_range_of_the_tail(web: Web, cookie: str, yard: Camera) -> None:
    recording = large(yard)
    began = time.monotonic()
    reply = web.get(f"/recordings/{recording.pk}/file/", Cookie=cookie, Range=f"bytes={LARGE - 4}-")
    assert (reply.status, reply.read()) == (206, b"tail")
    assert reply.headers["Content-Range"] == f"bytes {LARGE - 4}-{LARGE - 1}/{LARGE}"
    assert time.monotonic() - began < 5
    head = web.get(f"/recordings/{recording.pk}/file/", "HEAD", Cookie=cookie)
    assert (head.status, head.headers["Content-Length"], head.read()) == (200, str(LARGE), b"")


def test_odd_headers_get_an_answer(web: Web, cookie: str, yard: Camera) -> None:
    url = f"/recordings/{filed(yard).pk}/file/"
    for header, status in (
        ("bytes=0-4", 206),
        ("bytes=-5", 206),
        ("bytes=0-" + "9" * 39, 206),
        ("bytes=" + "9" * 40 + "-", 416),
        ("bytes=9-5", 200),
        ("bytes=-9-5", 200),
        ("bytes=0-1, 3-4", 200),
        ("bytes=" + ",".join(["0-1"] * 3000), 200),
        ("bytes=0-1e3", 200),
        ("\xb2", 200),
    ):
        reply = web.get(url, Cookie=cookie, Range=header)
        body = reply.read()
        assert reply.status == status, header[:40]
        assert reply.headers["Cache-Control"] == "private, no-store"
        if status == 200:
            assert hashlib.sha256(body).digest() == hashlib.sha256(BODY).digest()


def test_deleted_while_it_is_played(web: Web, cookie: str, yard: Camera) -> None:
    recording = large(yard)
    reply = web.get(f"/recordings/{recording.pk}/file/", Cookie=cookie)
    count = len(reply.read(1000))
    recording.path.unlink()
    Recording.objects.filter(pk=recording.pk).delete()
    while piece := reply.read(1 << 20):
        count += len(piece)
    assert count == LARGE


@pytest.mark.parametrize("lost", ["right", "login", "camera"])
def test_who_may_not_any_more_gets_no_more_of_it(
    web: Web, bob: User, cookie: str, yard: Camera, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "ASK_EVERY", 0.0)
    recording = large(yard)
    reply = web.get(f"/recordings/{recording.pk}/file/", Cookie=cookie)
    count = len(reply.read(1 << 20))
    if lost == "right":
        Grant.objects.filter(user=bob).delete()
    elif lost == "camera":
        yard.delete()
    else:
        User.objects.filter(pk=bob.pk).update(is_active=False)
    with suppress(OSError):
        while piece := reply.read(1 << 20):
            count += len(piece)
    assert 1 << 20 <= count < LARGE / 2
    wait_for(lambda: opened(recording.path) == 0, 5, "the file to be closed")


def test_programs_show_a_token(web: Web, bob: User, cookie: str, yard: Camera) -> None:
    recording = filed(yard)
    _, secret = ApiToken.objects.issue(bob, "VLC")
    url = f"/recordings/{recording.pk}/file/"
    assert web.get(url, Authorization=f"Bearer {secret}").read() == BODY
    wrong = web.get(url, Authorization="Bearer nonsense")
    assert (wrong.status, wrong.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    assert web.get(f"/recordings/{recording.pk}/download/", Authorization=f"Bearer {secret}").status == 403
    # One row: the token's file and the log-in's are the same person looking at the same recording.
    web.get(url, Cookie=cookie).read()
    assert ViewingSession.objects.filter(transport="playback", recording=recording, user=bob).count() == 1
    assert Path(settings.MEDIA_ROOT) in recording.path.parents
