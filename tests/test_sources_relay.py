"""The relay between FFmpeg and an RTSP camera: nobody else is ever connected to, and nothing stays behind."""

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from camera.packets import Reason, SourceConfig, SourceError
from camera.sources import Timeouts, open_source
from camera.sources.net import Target
from camera.sources.relay import Relay
from camera.sources.replies import MOVED, Replies
from tests.house import wait_for
from tests.peers.certificates import outdated_certificate
from tests.peers.hub import Hub, probe
from tests.peers.rtsp import SDP, Liar, Script, gstreamer, liar, rtsp

pytestmark = pytest.mark.faults

PATIENCE = Timeouts(resolve=2, connect=2, open=3, silence=3)
SECRET = "S3CRETpw"


class Canary:
    """Listens and remembers every connection and what came on it."""

    def __init__(self) -> None:
        self.connections = 0
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/cam"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with sock:
                sock.settimeout(1)
                self.heard += sock.recv(4096)
                sock.sendall(b'RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n')
                self.heard += sock.recv(4096)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


def honest(method: str, headers: dict[str, str]) -> str:
    if method == "DESCRIBE":
        return rtsp("200 OK", headers, "Content-Type: application/sdp", body=SDP)
    if method == "SETUP":
        return rtsp("200 OK", headers, "Session: 1", f"Transport: {headers['transport']}")
    return rtsp("200 OK", headers, "Session: 1", "Public: DESCRIBE, SETUP, PLAY")


def moved(headers: dict[str, str], url: str) -> str:
    return rtsp("302 Moved", headers, f"Location: {url}")


def lying(
    when: Callable[[int, str, dict[str, str]], bool],
    url: str,
    answer: Callable[[dict[str, str], str], str | bytes] = moved,
) -> Script:
    """A camera that asks for a Basic log-in, is honest with the first visitor, and lies when it is time."""

    def script(_: Liar, number: int, method: str, headers: dict[str, str]) -> str | bytes:
        if number > 1 and when(number, method, headers):
            return answer(headers, url)
        if "authorization" not in headers and method != "OPTIONS":
            return rtsp("401 Unauthorized", headers, 'WWW-Authenticate: Basic realm="cam"')
        return honest(method, headers)

    return script


LIES: dict[str, Callable[[int, str, dict[str, str]], bool]] = {
    "OPTIONS": lambda number, method, headers: method == "OPTIONS",
    "DESCRIBE": lambda number, method, headers: method == "DESCRIBE" and "Lavf" in headers.get("user-agent", ""),
    "DESCRIBE with the password": lambda number, method, headers: method == "DESCRIBE" and "authorization" in headers,
    "SETUP": lambda number, method, headers: method == "SETUP",
    "PLAY": lambda number, method, headers: method == "PLAY",
}


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("lie", list(LIES))
def test_a_redirect_for_ffmpeg_alone_leads_nowhere(lie: str, transport: str, canary: Canary) -> None:
    with liar(lying(LIES[lie], canary.url)) as camera:
        # A process of its own: who shares one with the servers cannot tell their connections from its own.
        config = SourceConfig("rtsp", camera.url, "admin", SECRET, transport=transport, allow_loopback=True)
        answer, picture = probe(config, PATIENCE)
        assert {number for number, _ in camera.asked} == {1, 2}, "FFmpeg came, once"
        assert lie.split(maxsplit=1)[0] in {method for number, method in camera.asked if number == 2}
    assert not canary.connections and not canary.heard
    assert answer == {"ok": False, "reason": Reason.REFUSED, "detail": MOVED} and not picture


DISGUISES = [
    b"R\rTSP/1.0 3\r02 Moved",
    b"RTSP/1.0\t302 Moved",
    b"RTSP/1.0 +302 Moved",
    b"RTSP/1.0 0302 Moved",
    b"RTSP/1.0 4294967598 Moved",
    b"RTSP/2.0 302 Moved",
    b"RTSP/x 302 Moved",
    b" RTSP/1.0 302 Moved",
    b"RTSP/1.0 200 OK\r\n\0\r\nRTSP/1.0 302 Moved",
    b"RTSP/1.0 200 OK\r\n$\0\0\4abcd\r\n\r\nRTSP/1.0 302 Moved",
    b"\r\nRTSP/1.0 302 Moved",
    b"RTSP/1.0 200 OK\r\nContent-Length : 500\r\n\r\nRTSP/1.0 302 Moved",
    b"RTSP/1.0 200 OK\r\nContent-Length: -5\r\n\r\nRTSP/1.0 302 Moved",
    b"RTSP/1.0 200 OK\r\nContent-Length: 4\r\nContent-Length: 400\r\n\r\nabcdRTSP/1.0 302 Moved",
    b"$\0\0\4abcdRTSP/1.0 302 Moved",
]


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_redirect_in_disguise_leads_nowhere(disguise: bytes, canary: Canary) -> None:
    def answer(headers: dict[str, str], url: str) -> bytes:
        lines = f"\r\nCSeq: {headers['cseq']}\r\nLocation: {url}\r\n\r\n"
        return disguise + lines.encode()

    with liar(lying(LIES["DESCRIBE"], canary.url, answer)) as camera:
        config = SourceConfig("rtsp", camera.url, "admin", SECRET, allow_loopback=True)
        answered, _ = probe(config, Timeouts(resolve=1, connect=1, open=1, silence=1))
        assert len(camera.asked) >= 2
    assert not answered["ok"] and not canary.connections


def test_after_play_ffmpeg_follows_no_redirect_of_any_kind(canary: Canary) -> None:
    """What lets the relay look less closely at a stream that runs."""

    def answer(headers: dict[str, str], url: str) -> str:
        return moved(headers, url).replace("302", "0302")

    with liar(lying(LIES["PLAY"], canary.url, answer)) as camera:
        config = SourceConfig("rtsp", camera.url, "admin", SECRET, allow_loopback=True)
        answered, _ = probe(config, Timeouts(resolve=1, connect=1, open=1, silence=1))
        assert (2, "PLAY") in camera.asked
    assert not answered["ok"] and not canary.connections


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_no_disguise_comes_through_in_any_portions(disguise: bytes, step: int) -> None:
    replies = Replies()
    data = disguise + b"\r\nLocation: rtsp://elsewhere/\r\n\r\n"
    passed = b""
    with pytest.raises(SourceError) as caught:
        for at in range(0, len(data), step):
            passed += replies.feed(data[at : at + step])
    assert caught.value.reason in (Reason.REFUSED, Reason.BAD_STREAM)
    assert b"Location" not in passed


PROPER = (
    rtsp("200 OK", {"cseq": "1"}, "Public: DESCRIBE")
    + "OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 7\r\n\r\n"
    + rtsp("401 Unauthorized", {"cseq": "2"}, 'WWW-Authenticate: Basic realm="x"')
    + rtsp("200 OK", {"cseq": "3"}, "Content-Base: rtsp://10.0.0.9/x/", body=SDP + "RTSP/1.0 302 x\r\n\r\n")
).encode() + b"$\0\0\x05\r\n\r\n$RTSP/1.1 454 Session Not Found\r\n\r\n"


@pytest.mark.parametrize("step", [1, 2, 7, 5000])
def test_proper_answers_come_through_byte_for_byte(step: int) -> None:
    replies = Replies()
    passed = b"".join(replies.feed(PROPER[at : at + step]) for at in range(0, len(PROPER), step))
    assert passed == PROPER


@pytest.mark.parametrize("step", [1, 2, 5, 13, 4000])
def test_a_redirect_amid_the_pictures_is_seen_in_any_portions(step: int) -> None:
    replies = Replies()
    assert replies.feed(b"$\0\0\x09half") == b"$\0\0\x09half"
    replies.playing()
    before = b"$\0\1\0" + bytes(range(256)) + b"RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n" + b"RTSP/1." * 5
    data = before + b"RTSP/1.0 302 Moved\r\nLocation: rtsp://elsewhere/\r\n\r\n"
    passed = b""
    with pytest.raises(SourceError) as caught:
        for at in range(0, len(data), step):
            passed += replies.feed(data[at : at + step])
    assert (caught.value.reason, caught.value.detail) == (Reason.REFUSED, MOVED)
    assert b"Location" not in passed and before.startswith(passed[: len(before)])


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            "RTP/AVP;unicast;client_port=1-2;server_port=3-4",
            "RTP/AVP;unicast;client_port=1-2;server_port=3-4;source=IP",
        ),
        ("RTP/AVP;source=10.0.0.1;server_port=3-4;", "RTP/AVP;source=10.0.0.1;server_port=3-4;source=IP"),
        ("RTP/AVP;source=a,RTP/AVP;source=b", "RTP/AVP;source=a;source=IP,RTP/AVP;source=b;source=IP"),
    ],
)
def test_with_udp_the_way_is_opened_towards_the_camera_and_nobody_else(line: str, wanted: str) -> None:
    """FFmpeg takes the last `source` it is told."""
    data = rtsp("200 OK", {"cseq": "4"}, f"Transport: {line}").encode()
    assert Replies("IP").feed(data) == rtsp("200 OK", {"cseq": "4"}, f"Transport: {wanted}").encode()
    assert Replies().feed(data) == data


@contextmanager
def betrayer(url: str, other: str, after: int) -> Iterator[str]:
    """In front of the camera at `url`: sends a redirect when `after` bytes of it have passed."""
    listener = socket.create_server(("127.0.0.1", 0))
    place = ("127.0.0.1", int(url.split(":")[2].partition("/")[0]))

    def serve(near: socket.socket) -> None:
        # Either side may hang up at any time.
        with suppress(OSError), near, socket.create_connection(place) as far:
            count = 0
            while True:
                ready = select.select([near, far], [], [])[0]
                data = ready[0].recv(4096)
                if not data:
                    return
                (far if ready[0] is near else near).sendall(data)
                count += len(data) if ready[0] is far else 0
                if count > after:
                    near.sendall(moved({"cseq": "9"}, other).encode())
                    count = -(1 << 40)

    def run() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(near,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    yield f"rtsp://127.0.0.1:{listener.getsockname()[1]}/cam"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.peers
def test_a_redirect_amid_the_pictures_ends_the_stream_with_its_reason(canary: Canary, tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    try:
        with gstreamer() as url, betrayer(url, canary.url, 100_000) as between:
            hub.watch()
            process = hub.start(SourceConfig("rtsp", between, allow_loopback=True))
            assert hub.wait_pictures(3, seconds=15)
            assert hub.wait_state("offline", Reason.REFUSED, seconds=15).detail == MOVED
            process.terminate()
            assert process.wait(2) == 0
    finally:
        hub.close()
    assert not canary.connections


@pytest.mark.peers
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_process_with_a_relay_ends_in_time(transport: str, tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    try:
        with gstreamer() as url:
            process = hub.start(SourceConfig("rtsp", url, transport=transport, allow_loopback=True))
            hub.wait_state("online", seconds=15)
            process.terminate()
            assert process.wait(2) == 0
    finally:
        hub.close()


def state() -> tuple[int, int]:
    return len(os.listdir("/proc/self/fd")), threading.active_count()


@pytest.mark.peers
@pytest.mark.parametrize("certificate", [False, True])
def test_nothing_stays_behind_and_the_camera_hears_goodbye(certificate: bool, tmp_path: Path) -> None:
    told = {"certificate": str(outdated_certificate(tmp_path))} if certificate else {}
    with gstreamer(**told) as url:
        for _ in range(3):
            before = state()
            source = open_source(SourceConfig("rtsp", url, allow_loopback=True), threading.Event(), PATIENCE)
            assert next(iter(source)).key
            assert state() > before
            source.close()
            assert state() == before


def test_nothing_stays_behind_after_a_failure() -> None:
    with liar(lying(LIES["SETUP"], "rtsp://127.0.0.1:1/")) as camera:
        config = SourceConfig("rtsp", camera.url, "admin", SECRET, allow_loopback=True)
        names = {thread.name for thread in threading.enumerate()}
        with pytest.raises(SourceError):
            open_source(config, threading.Event(), PATIENCE)
        assert "rtsp-relay" not in {thread.name for thread in threading.enumerate()} | names


@contextmanager
def relay_to(camera: Liar) -> Iterator[Relay]:
    made = Relay(Target("cam", "127.0.0.1", camera.port), tls=False, seconds=1, udp=False)
    try:
        yield made
    finally:
        made.close()


def test_other_programs_get_no_connection_to_the_camera() -> None:
    code = "import socket, sys; print(socket.create_connection(('127.0.0.1', int(sys.argv[1])), 2).recv(9))"
    with liar(lambda *_: b"hello") as camera, relay_to(camera) as relay:
        run = subprocess.run(
            [sys.executable, "-c", code, str(relay.place.port)], capture_output=True, text=True, timeout=10, check=True
        )
        assert run.stdout == "b''\n" and not camera.asked


def test_what_is_said_last_still_reaches_the_camera() -> None:
    with liar(lambda *_: b"") as camera, relay_to(camera) as relay:
        sock = socket.create_connection((relay.place.ip, relay.place.port), 2)
        sock.sendall(b"OPTIONS rtsp://h/x RTSP/1.0\r\n\r\n")
        wait_for(lambda: camera.asked == [(1, "OPTIONS")], 5, "the connection to stand")
        sock.sendall(b"TEARDOWN rtsp://h/x RTSP/1.0\r\n\r\n")
        sock.close()
        relay.close()
        wait_for(lambda: camera.asked[1:] == [(1, "TEARDOWN")], 5, "the goodbye")


def test_a_closed_relay_takes_nobody() -> None:
    with liar(lambda *_: b"") as camera:
        with relay_to(camera) as relay:
            place = (relay.place.ip, relay.place.port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place, 1)


def test_a_camera_that_has_gone_is_named() -> None:
    with liar(lambda *_: b"") as camera:
        pass
    with relay_to(camera) as relay:
        with socket.create_connection((relay.place.ip, relay.place.port), 2) as sock:
            assert sock.recv(9) == b""
        wait_for(lambda: relay.fault, 2, "the fault")
        assert relay.fault is not None and relay.fault.reason == Reason.REFUSED
