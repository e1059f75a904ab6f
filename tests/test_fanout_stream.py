"""MJPEG past the server's layers, through the real server: still valid HTTP, and nobody's pictures torn or old."""

import http.client
import os
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from accounts.models import ApiToken, User
from camera.live import hub, lean
from camera.models import Camera, Grant
from main import watchers
from main.models import SiteSettings, ViewingSession
from tests import live_house
from tests.house import wait_for
from tests.live_house import DOT, Voice, Web, read_part

pytestmark = pytest.mark.django_db(transaction=True)
BIG = DOT + b"\0" * 1_000_000


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web
    assert not lean._fans  # everything was given back


@pytest.fixture
def bobs(bob: User, bob_watches: Grant) -> dict[str, str]:
    return {"Authorization": f"Bearer {ApiToken.objects.issue(bob, 'tv')[1]}"}


class Reader:
    """A client that believes nothing: reads the reply chunk by chunk and complains of anything that is not HTTP."""

    def __init__(self, web: Web, headers: dict[str, str], buffer: int = 0) -> None:
        self.sock = socket.socket()
        self.sock.settimeout(12)
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.sock.connect(("127.0.0.1", web.port))
        self.file = self.sock.makefile("rb")
        self.ask("/live/yard/stream.mjpg", headers)
        assert self.head["transfer-encoding"] == "chunked" and "content-length" not in self.head
        assert self.chunk() == b"--frame\r\n"

    def ask(self, path: str, headers: dict[str, str]) -> None:
        words = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{words}\r\n".encode())
        assert self.file.readline() == b"HTTP/1.1 200 OK\r\n"
        lines = iter(lambda: self.file.readline().decode().rstrip("\r\n"), "")
        self.head = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def chunk(self) -> bytes:
        """The next chunk; empty for the last one."""
        size = int(self.file.readline(), 16)
        data = self.file.read(size)
        assert len(data) == size and self.file.readline() == b"\r\n"
        return data

    def picture(self) -> bytes:
        """The next picture; one that stands for it is passed over: on a slow machine the first may take that long."""
        stamped = False
        while not stamped:
            stamped, body = self.part()
        return body

    def part(self) -> tuple[bool, bytes]:
        """Whether the next part, which is a chunk by itself, is a picture of the camera's, and its body."""
        head, _, rest = self.chunk().partition(b"\r\n\r\n")
        body = rest.removesuffix(b"\r\n--frame\r\n")
        assert body != rest and b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
        return b"X-Timestamp" in head, body

    def close(self) -> None:
        self.file.close()
        self.sock.close()


def lean_viewers() -> int:
    return sum(len(fan._viewers) for fan in lean._fans.values())


def watched(voice: Voice, yard: Camera, viewers: int) -> None:
    wait_for(lambda: voice.watched(yard.pk) and lean_viewers() == viewers, 5, "the viewers")


def test_all_viewers_get_every_picture_as_it_came(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "SEEN_EVERY", 0.2)
    SiteSettings.objects.update_or_create(pk=1, defaults={"viewer_fps": 60})
    voice.online(yard.pk)
    readers = [Reader(web, bobs) for _ in range(10)]
    watched(voice, yard, 10)
    for number in range(20):
        voice.frame(yard.pk, DOT + bytes([number]))
        for reader in readers:
            assert reader.picture() == DOT + bytes([number])
    for reader in readers:
        reader.close()
    wait_for(lambda: not ViewingSession.objects.filter(left_at=None).exists(), 5, "their leaving")
    for size in ViewingSession.objects.values_list("bytes", flat=True):
        assert 20 * len(DOT) < size < 20 * (len(DOT) + 200)


def test_the_connection_goes_on_after_the_stream(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str], bob_watches: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "RIGHTS_EVERY", 0.2)
    voice.online(yard.pk)
    reader = Reader(web, bobs)
    watched(voice, yard, 1)
    voice.frame(yard.pk)
    assert reader.picture() == DOT
    bob_watches.delete()
    while reader.chunk():
        pass
    reader.ask("/healthz", {})
    reader.close()


def test_who_reads_slowly_gets_whole_pictures_and_the_newest_next(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]
) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"viewer_fps": 60})
    voice.online(yard.pk)
    slow, fast = Reader(web, bobs, 65536), Reader(web, bobs)
    watched(voice, yard, 2)
    for number in range(40):
        voice.frame(yard.pk, BIG + bytes([number]))
        assert fast.picture() == BIG + bytes([number])
    seen = [slow.picture()[-1]]
    while seen[-1] != 39:
        seen.append(slow.picture()[-1])
    assert len(seen) < 5 and seen == sorted(seen)
    voice.frame(yard.pk, b"after")
    assert slow.picture() == fast.picture() == b"after"
    slow.close()
    fast.close()


def test_an_end_within_a_picture_comes_after_it(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str], bob_watches: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "RIGHTS_EVERY", 0.2)
    voice.online(yard.pk)
    slow = Reader(web, bobs, 65536)
    watched(voice, yard, 1)
    voice.frame(yard.pk, BIG)
    (fan,) = lean._fans.values()
    (one,) = fan._viewers
    wait_for(lambda: one.rest, 5, "a picture that is half sent")
    bob_watches.delete()
    wait_for(lambda: not lean_viewers(), 5, "the end")
    assert slow.picture() == BIG
    assert slow.chunk() == b""
    slow.close()


def test_who_comes_later_sees_at_once_what_the_others_saw(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]
) -> None:
    voice.online(yard.pk)
    first = Reader(web, bobs)
    watched(voice, yard, 1)
    voice.frame(yard.pk, DOT, every=20.0)
    assert first.picture() == DOT
    second = Reader(web, bobs)
    second.sock.settimeout(1.0)
    assert second.picture() == DOT
    voice.offline(yard.pk, "STALLED")
    assert not first.part()[0] and not second.part()[0]
    third = Reader(web, bobs)
    third.sock.settimeout(1.0)
    assert b"X-State: offline; reason=STALLED" in third.chunk()
    for reader in (first, second, third):
        reader.close()


def test_who_goes_gives_everything_back(web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]) -> None:
    voice.online(yard.pk)
    first = Reader(web, bobs)
    watched(voice, yard, 1)
    files = len(os.listdir("/proc/self/fd"))
    readers = [Reader(web, bobs, 65536) for _ in range(20)]
    watched(voice, yard, 21)
    voice.frame(yard.pk, BIG)  # too much for them: some is left to be sent
    assert first.picture() == BIG
    for reader in readers:
        reader.close()
    watched(voice, yard, 1)
    wait_for(lambda: len(os.listdir("/proc/self/fd")) <= files + 2, 5, "the files")
    first.close()
    wait_for(lambda: not lean._fans, 5, "the end of the fan")


@pytest.mark.slow
def test_who_never_reads_is_dropped_and_hinders_nobody(
    web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]
) -> None:
    voice.online(yard.pk)
    deaf, reader = Reader(web, bobs, 65536), Reader(web, bobs)
    watched(voice, yard, 2)
    began = time.monotonic()
    while lean_viewers() == 2:
        assert time.monotonic() - began < 25, "it is still there"
        sent = time.monotonic()
        voice.frame(yard.pk, BIG)
        assert reader.picture() == BIG and time.monotonic() - sent < 1
        time.sleep(0.2)
    deaf.close()
    reader.close()


def test_streams_end_when_the_house_stops(web: Web, voice: Voice, yard: Camera, bobs: dict[str, str]) -> None:
    voice.online(yard.pk)
    reader = Reader(web, bobs)
    watched(voice, yard, 1)
    current = hub.current_hub()
    current.closing = True
    assert current._loop is not None
    current._loop.call_soon_threadsafe(current.feed(yard.pk).ring)
    while reader.chunk():
        pass
    reader.close()


@pytest.mark.parametrize("way", ["tls", "another server", "HTTP/1.0"])
def test_without_a_plain_wire_the_pictures_come_as_well(
    way: str, voice: Voice, yard: Camera, bobs: dict[str, str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Any = http.client.HTTPConnection
    if way == "tls":
        settings.TLS = "local"
        made = lambda *a, **k: http.client.HTTPSConnection(*a, context=ssl._create_unverified_context(), **k)  # noqa: E731, S323
    elif way == "another server":
        usual = live_house.uvicorn_config

        def config() -> Any:
            options = usual()
            options.http = HttpToolsProtocol
            return options

        monkeypatch.setattr(live_house, "uvicorn_config", config)
    else:
        monkeypatch.setattr(http.client.HTTPConnection, "_http_vsn_str", "HTTP/1.0")
    voice.online(yard.pk)
    with Web() as web:
        client = made("127.0.0.1", web.port, timeout=12)
        client.request("GET", "/live/yard/stream.mjpg", headers=bobs)
        reply = client.getresponse()
        # Nobody who speaks HTTP/1.0 knows of chunks: the connection's end is the reply's.
        assert reply.getheader("Transfer-Encoding") == (None if way == "HTTP/1.0" else "chunked")
        wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
        for number in range(5):
            voice.frame(yard.pk, DOT + bytes([number]))
            assert read_part(reply)[1] == DOT + bytes([number])
        assert not lean._fans
        reply.close()
        client.close()
