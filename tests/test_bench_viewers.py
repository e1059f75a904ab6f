"""The benchmarks' viewers: what comes over the line is read the same however it is cut."""

import base64
import hashlib
import json
import socket
import struct
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from benchmarks import crowd, scene
from benchmarks.crowd import BrokenError, Crowd, Tally
from benchmarks.film_viewers import SocketViewer, frame
from benchmarks.viewers import MjpegViewer, ages_by_number

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
# From RFC 6455, section 1.3.
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """(the server's end, the viewer's) of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        ours = socket.create_connection(door.getsockname())
        theirs, _ = door.accept()
    ours.setblocking(False)
    theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with ours, theirs:
        yield theirs, ours


def counting() -> Tally:
    tally = Tally()
    tally.counting = True
    return tally


def picture(number: int, size: int = 5000) -> bytes:
    return scene.stamp(b"\xff\xd8" + bytes(size) + b"\xff\xd9", number)


def multipart(numbers: list[int], size: int = 5000) -> bytes:
    parts = [picture(number, size) for number in numbers]
    return b"--b\r\n" + b"".join(
        b"Content-Type: image/jpeg\r\nCONTENT-length: %d\r\n\r\n%b\r\n--b\r\n" % (len(part), part) for part in parts
    )


def chunked(data: bytes, size: int) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x;odd=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def feed(server: socket.socket, viewer: crowd.Viewer, data: bytes, cut: int) -> None:
    for at in range(0, len(data), cut):
        server.sendall(data[at : at + cut])
        sent = len(data[at : at + cut])
        until = time.monotonic() + 5
        before = viewer.tally.bytes
        while viewer.tally.bytes < before + sent:
            viewer.readable()
            assert time.monotonic() < until


@pytest.mark.parametrize("cut", [1, 7, 100, 2047, 2048, 2049, 5100, 1 << 20])
@pytest.mark.parametrize("chunk", [0, 1, 90, 4096, 1 << 20])
def test_pictures_are_counted_however_they_are_cut(
    line: tuple[socket.socket, socket.socket], cut: int, chunk: int
) -> None:
    server, ours = line
    viewer = MjpegViewer(ours, counting())
    size = 300 if 1 in (cut, chunk) else 5000
    body = multipart([4, 5, 8, 9], size)
    said = b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, chunk) if chunk else b"\r\n" + body
    feed(server, viewer, HEAD + said, cut)
    assert (viewer.pictures, viewer.missed) == (4, 2)
    assert all(0 < age < 5 for age in viewer.tally.ages)
    assert len(viewer.tally.ages) == 4


def test_one_that_keeps_has_the_whole_pictures(line: tuple[socket.socket, socket.socket]) -> None:
    server, ours = line
    viewer = MjpegViewer(ours, counting(), keeps=True)
    plain = b"\xff\xd8" + bytes(70_000) + b"\xff\xd9"
    part = b"--b\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(plain), plain)
    feed(server, viewer, HEAD + b"\r\n" + part + part, 30_000)
    assert [jpeg for _, jpeg in viewer.kept] == [plain, plain]
    assert (viewer.pictures, len(viewer.tally.ages)) == (2, 0)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "403 Forbidden"),
        (HEAD + b"\r\n--b\r\nContent-Type: image/jpeg\r\n\r\n", "without a Content-Length"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nodd\r\n", "without a length"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "ended by the server"),
        (HEAD + b"\r\n" + b"x" * 70_000, "without an end"),
    ],
)
def test_what_cannot_be_read_is_said(line: tuple[socket.socket, socket.socket], said: bytes, words: str) -> None:
    server, ours = line
    viewer = MjpegViewer(ours, counting())
    with pytest.raises(BrokenError, match=words):
        feed(server, viewer, said, 1 << 20)


def test_a_hang_up_is_a_trouble_of_that_viewer_alone(line: tuple[socket.socket, socket.socket]) -> None:
    server, ours = line
    with socket.create_server(("127.0.0.1", 0)) as door:
        other = socket.create_connection(door.getsockname())
        left, _ = door.accept()
    tally = counting()
    socks = [ours, other]
    gathered = Crowd(lambda index: MjpegViewer(socks[index], tally), tally)
    left.close()
    server.sendall(HEAD + b"\r\n" + multipart([1]))
    gathered.gather(2, 0, 0)
    gathered.watch(0.3)
    assert gathered.troubles() == {"closed by the server": 1}
    assert [viewer.pictures for viewer in gathered.viewers] == [1, 0]
    gathered.close()


def test_the_deaf_find_out_whether_they_were_dropped(line: tuple[socket.socket, socket.socket]) -> None:
    server, ours = line
    server.sendall(bytes(100_000))
    assert not crowd.dropped(ours)
    server.sendall(bytes(100_000))
    server.close()
    time.sleep(0.05)
    assert crowd.dropped(ours)


def server_frame(kind: int, payload: bytes, *, last: bool = True) -> bytes:
    size, more = len(payload), b""
    if size > 125:
        size, more = (126, struct.pack(">H", size)) if size < 65_536 else (127, struct.pack(">Q", size))
    return bytes([(0x80 if last else 0) | kind, size]) + more + payload


def greeting() -> bytes:
    return b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"


@pytest.mark.parametrize("cut", [1, 3, 9, 2048, 1 << 20])
def test_pieces_of_the_live_socket_are_counted_however_they_are_cut(
    line: tuple[socket.socket, socket.socket], cut: int
) -> None:
    server, ours = line
    viewer = SocketViewer(ours, counting(), KEY, b'{"watch":[]}')
    size = 300 if cut < 100 else 80_000

    def piece(kind: int) -> bytes:
        return struct.pack(">BBd", 3, kind, time.time() - 0.5) + bytes(size)

    told = json.dumps({"cameras": [{"camera": "yard", "channel": 3, "as": "mp4"}]}).encode()
    broken = piece(2)
    said = [
        server_frame(1, told),
        server_frame(2, piece(0)), server_frame(2, piece(1)), server_frame(9, b"there?"), server_frame(2, piece(2)),
        server_frame(2, broken[:4], last=False), server_frame(9, b""), server_frame(0, broken[4:]),
        server_frame(1, json.dumps({"error": {"code": "busy", "message": "Later."}}).encode()),
    ]  # fmt: skip
    feed(server, viewer, greeting() + b"".join(said), cut)
    assert (viewer.inits, viewer.pictures, viewer.forms, viewer.errors) == (1, 3, {3: "mp4"}, ["Later."])
    assert all(0.5 <= age < 5 for age in viewer.tally.ages)
    server.settimeout(5)
    answered = server.recv(4096)
    assert answered.startswith(frame(1, b'{"watch":[]}', answered[2:6]))
    assert answered.count(b"\x8a") >= 2


def test_a_client_masks_what_it_says() -> None:
    # RFC 6455, section 5.7: a masked «Hello».
    assert frame(1, b"Hello", bytes.fromhex("37fa213d")) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert frame(2, bytes(70_000), bytes(4))[1:10] == b"\xff" + (70_000).to_bytes(8, "big")
    assert base64.b64encode(hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()) == ACCEPT


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "403"),
        (greeting().replace(ACCEPT, b"x" * 28), "somebody else"),
        (greeting() + server_frame(8, struct.pack(">H", 4401)), "4401"),
        (greeting() + frame(1, b"masked"), "masked"),
    ],
)
def test_a_socket_that_is_none_is_said(line: tuple[socket.socket, socket.socket], said: bytes, words: str) -> None:
    server, ours = line
    with pytest.raises(BrokenError, match=words):
        feed(server, SocketViewer(ours, counting(), KEY, b"{}"), said, 1 << 20)


@pytest.mark.parametrize("number", [0, 1, 149, 2730, 4095])
def test_the_number_in_a_picture_survives_encoding_anew(number: int) -> None:
    drawn = scene.Scene(640, 360).draw(number)
    again = cv2.imdecode(cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    assert again is not None
    darker = (again * 0.7).astype(np.uint8)
    assert scene.read_number(cv2.imencode(".jpg", darker, [cv2.IMWRITE_JPEG_QUALITY, 50])[1].tobytes()) == number


def test_a_picture_without_a_number_has_none() -> None:
    grey = np.full((360, 640, 3), 128, np.uint8)
    assert scene.read_number(cv2.imencode(".jpg", grey)[1].tobytes()) is None
    assert scene.read_number(b"no picture") is None
    assert scene.read_stamp(scene.stamp(b"\xff\xd8rest", 7, 123)) == (7, 123)


def test_ages_of_pictures_encoded_anew_come_from_the_cameras_schedule() -> None:
    jpegs = {number: cv2.imencode(".jpg", scene.Scene(640, 360).draw(number))[1].tobytes() for number in (4, 5)}
    schedule = {"start": 100.0, "fps": 10.0, "loop": 50.0}
    # The pictures 54 and 55 left at 105.4 and 105.5; the second comes twice and counts once.
    kept = [(105.45, jpegs[4]), (105.75, jpegs[5]), (105.85, jpegs[5]), (106.0, b"")]
    assert ages_by_number(kept, schedule) == pytest.approx([0.05, 0.25])


def test_percentiles() -> None:
    assert crowd.percentiles([]) == {}
    assert crowd.percentiles([number / 1000 for number in range(100)]) == {"median": 50.0, "p95": 95.0, "worst": 99.0}
