"""Which addresses a camera may have, and log-ins."""

import ipaddress
import os
import socket
import threading
from pathlib import Path

import pytest

from camera.packets import Reason, SourceConfig, SourceError
from camera.sources import KINDS, Timeouts, open_source
from camera.sources.login import Login
from camera.sources.net import is_allowed, resolve, tcp_peers

REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.1.1",
    "100.100.100.200",
    "168.63.129.16",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "240.0.0.1",
    "::",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "2002:a9fe:a9fe::1",
    "64:ff9b::a9fe:a9fe",
    "::ffff:0.0.0.0",
    "::ffff:224.0.0.1",
]
LOOPBACK = ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1", "::7f00:1"]
FINE = [
    "192.168.1.20",
    "10.0.0.7",
    "172.16.5.5",
    "203.0.112.9",
    "8.8.8.8",
    "100.64.3.4",
    "fd12:3456::1",
    "2a00:1450::1",
    "::ffff:192.168.1.2",
]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_no_camera_has(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address), allow_loopback=True)


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_only_when_allowed(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address), allow_loopback=False)
    assert is_allowed(ipaddress.ip_address(address), allow_loopback=True)


@pytest.mark.parametrize("address", FINE)
def test_addresses_of_cameras(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address), allow_loopback=False)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "0"])
def test_other_spellings_of_loopback(host: str) -> None:
    with pytest.raises(SourceError) as caught:
        resolve(host, 80, allow_loopback=False)
    assert caught.value.reason == Reason.REFUSED


def test_what_was_checked_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes its address between the check and the connection gains nothing."""
    answers = iter(["192.168.7.7", "127.0.0.1"])

    def lookup(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    target = resolve("camera.example", 554, allow_loopback=False)
    assert (target.ip, target.netloc) == ("192.168.7.7", "192.168.7.7:554")


def test_ipv4_is_preferred_and_closed_addresses_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ["2a00::5", "127.0.0.1", "192.168.1.9"]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (ip, 1)) for ip in found])
    assert resolve("h", 1, allow_loopback=False).ip == "192.168.1.9"


def test_a_name_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [] if over.wait(5) else [])
    with pytest.raises(SourceError) as caught:
        resolve("h", 1, allow_loopback=False, seconds=0.05)
    over.set()
    assert caught.value.reason == Reason.NO_SIGNAL and "in time" in caught.value.detail


def test_peers_are_seen_and_no_handle_is_left_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        before = len(os.listdir("/proc/self/fd"))
        assert server.getsockname() in tcp_peers()
        assert client.getpeername() in tcp_peers()
        assert len(os.listdir("/proc/self/fd")) == before
    assert server is not None


@pytest.mark.parametrize("kind", ["exec", "", "rtsp2", "__init__", "concat"])
def test_unknown_kinds(kind: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig(kind, "x"), threading.Event())
    assert caught.value.reason == Reason.REFUSED


ODD_ADDRESSES = [
    "gopher://127.0.0.1/x",
    "concat:a.mp4|b.mp4",
    "file:///etc/passwd",
    "/etc/passwd",
    "exec:id",
    "subfile,,start,0,end,9,,:/etc/passwd",
    "ftp://h/x",
    "://h/x",
    "//h/x",
    "http:h",
    "rtsp:",
    "pattern:x",
]


@pytest.mark.parametrize("address", ODD_ADDRESSES)
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_raw_configuration_is_checked_again(kind: str, address: str, tmp_path: Path) -> None:
    """Whoever wrote it and however: nothing is looked up, connected to or opened."""
    config = SourceConfig(kind, address, allow_loopback=True, files_root=str(tmp_path))
    with pytest.raises(SourceError) as caught:
        open_source(config, threading.Event(), Timeouts(resolve=0.1, connect=0.1, open=0.1, silence=0.1))
    # A file may be called nearly anything that has no folder in it.
    is_file_name = kind == "file" and "/" not in address
    assert caught.value.reason == (Reason.NOT_FOUND if is_file_name else Reason.REFUSED) and caught.value.detail


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("rtsp", "http://127.0.0.1/x"),
        ("http", "rtsp://127.0.0.1/x"),
        ("http", "rtsps://127.0.0.1/x"),
        ("http", "device:/dev/video0"),
        ("rtsp", "file:film.mp4"),
        ("rtsp", "pattern:"),
        ("v4l2", "http://127.0.0.1/x"),
        ("pattern", "rtsp://127.0.0.1/x"),
        ("http", ""),
        ("rtsp", ""),
    ],
)
def test_an_address_of_another_kind_is_refused(kind: str, address: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig(kind, address, allow_loopback=True), threading.Event())
    assert caught.value.reason == Reason.REFUSED and caught.value.detail


def test_a_missing_library_breaks_one_kind_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "http", "camera.sources.not_installed:open_it")
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig("http", "http://h/"), threading.Event())
    assert caught.value.reason == Reason.NOT_FOUND and "not_installed" in caught.value.detail
    open_source(SourceConfig("pattern"), threading.Event()).close()


def test_digest_of_the_standard() -> None:
    """The example of RFC 7616, 3.9.1 (MD5), by the parts that do not depend on our own nonce."""
    login = Login("Mufasa", "Circle of Life")
    asks = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert login.challenged([asks])
    import camera.sources.login as module

    class Fixed:
        @staticmethod
        def token_hex(_: int) -> str:
            return "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"

    original, module.secrets = module.secrets, Fixed  # type: ignore[assignment]
    try:
        answer = login.header("GET", "/dir/index.html") or ""
    finally:
        module.secrets = original
    assert 'response="8ca523f5e9506fed4657c9700eebdbec"' in answer and "nc=00000001" in answer


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Digest",
        "Digest realm",
        'Digest algorithm=SHA-512-256, nonce="x"',
        "Negotiate",
        'Digest qop="auth-int", nonce="x"',
        "Digest =,=,=",
        'Digest nonce="',
    ],
)
def test_challenges_that_cannot_be_answered(challenge: str) -> None:
    login = Login("u", "p")
    if login.challenged([challenge]):
        login.header("GET", "/")
    else:
        assert login.header("GET", "/") is None


def test_digest_is_preferred_to_basic_and_a_stale_nonce_is_a_new_chance() -> None:
    login = Login("u", "p")
    assert login.challenged(['Basic realm="x"', 'Digest realm="x", nonce="1", algorithm=SHA-256'])
    assert (login.header("GET", "/") or "").startswith("Digest ")
    assert not login.challenged(['Digest realm="x", nonce="2"'])
    assert login.challenged(['Digest realm="x", nonce="3", stale=true'])


def test_nobody_logs_in_without_a_name() -> None:
    assert not Login("", "").challenged(['Basic realm="x"'])
