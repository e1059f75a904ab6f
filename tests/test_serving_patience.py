"""Heads of requests that never end take neither memory nor a place."""

import socket
import time
from collections.abc import Iterator

import pytest

from main.serving import patience
from tests.live_house import Web

pytestmark = pytest.mark.django_db(transaction=True)
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


def connected(web: Web) -> socket.socket:
    return socket.create_connection(("127.0.0.1", web.port), timeout=10)


def test_a_head_that_goes_on_and_on_is_cut_off(web: Web) -> None:
    with connected(web) as odd, pytest.raises(OSError, match="."):
        odd.sendall(HEAD)
        for _ in range(64):
            odd.sendall(b"X-More: " + b"x" * (1 << 20) + b"\r\n")


def test_it_is_told_why(web: Web) -> None:
    with connected(web) as odd:
        odd.sendall(HEAD)
        odd.sendall(b"X-More: " + b"x" * patience.HEAD_BYTES)
        assert odd.recv(1000).startswith(b"HTTP/1.1 431 ")
        assert odd.recv(1000) == b""


def test_long_heads_and_what_is_sent_in_pieces_are_fine(web: Web) -> None:
    with connected(web) as slow:
        for piece in (HEAD[:10], HEAD[10:], b"Cookie: " + b"x" * 30_000, b"\r\n", b"\r\n"):
            slow.sendall(piece)
            time.sleep(0.02)
        assert slow.recv(100).startswith(b"HTTP/1.1 ") and b"431" not in slow.recv(20)


def test_bodies_do_not_count(web: Web) -> None:
    """Nor does what is left of one when the next head follows it at once."""
    body = b"x" * 200_000
    one = b"POST /api/upload_frame HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(body)
    with connected(web) as eager:
        eager.sendall(one)
        eager.sendall(b"\r\n" + body + one)
        eager.sendall(b"\r\n" + body)
        answers = b""
        while answers.count(b"HTTP/1.1 401 ") < 2:
            piece = eager.recv(65536)
            assert piece and b" 431 " not in piece
            answers += piece


def test_who_speaks_http_1_0_gets_whole_replies(web: Web) -> None:
    for method, has_body in (("GET", True), ("HEAD", False)):
        with connected(web) as old:
            old.sendall(f"{method} /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            reply = b"".join(iter(lambda sock=old: sock.recv(65536), b""))  # type: ignore[misc]
        head, _, body = reply.partition(b"\r\n\r\n")
        assert b"content-length: " in head and b"transfer-encoding" not in head
        assert bool(body) == has_body


@pytest.mark.parametrize(("path", "more"), [("?page=" + "x" * 9000, ""), ("", "Cookie: " + "x" * 9000 + "\r\n")])
def test_a_web_socket_with_too_long_a_head_is_refused_at_once(path: str, more: str, web: Web) -> None:
    words = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    words += "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n"
    with connected(web) as odd:
        odd.sendall(f"GET /ws/live/{path} HTTP/1.1\r\nHost: localhost\r\n{words}{more}\r\n".encode())
        odd.settimeout(5)
        reply = b"".join(iter(lambda: odd.recv(65536), b""))
    assert reply.startswith(b"HTTP/1.1 4")
