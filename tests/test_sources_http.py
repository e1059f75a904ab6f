"""HTTP cameras: every habit of theirs against a real server on loopback."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camera.packets import Packet, Reason, SourceConfig, SourceError
from camera.sources import Source, Timeouts, open_source
from tests.peers import clips
from tests.peers.certificates import outdated_certificate
from tests.peers.http_camera import Answer, HttpCamera, Visit, http_camera, multipart, single, with_login

PATIENCE = Timeouts(resolve=2, connect=2, open=2, silence=2)
HASTE = Timeouts(resolve=2, connect=0.3, open=0.3, silence=0.3)
PICTURES = [clips.jpeg(n) for n in range(4)]


def config(camera: HttpCamera, **more: object) -> SourceConfig:
    return SourceConfig("http", camera.url, allow_loopback=True, **more)  # type: ignore[arg-type]


@contextmanager
def opened(camera: HttpCamera, timeouts: Timeouts = PATIENCE, **more: object) -> Iterator[Source]:
    source = open_source(config(camera, **more), threading.Event(), timeouts)
    try:
        yield source
    finally:
        source.close()


def read(answer: Answer, count: int, **more: object) -> list[Packet]:
    with http_camera(answer) as camera, opened(camera, **more) as source:
        return list(itertools.islice(source, count))


def failure(answer: Answer, timeouts: Timeouts = PATIENCE, **more: object) -> SourceError:
    """How opening, or reading to the end, fails."""
    with (
        http_camera(answer) as camera,
        pytest.raises(SourceError) as caught,
        opened(camera, timeouts, **more) as source,
    ):
        for _ in source:
            continue
    return caught.value


BOUNDARIES = [
    ("frame", "--frame"),
    ('"frame"', "--frame"),
    ('"a b:c?=/"', "--a b:c?=/"),
    ("--frame", "--frame"),
    ("--frame", "----frame"),
    ("frame", "frame"),
    ("", "--anything"),
    ("frame; charset=x", "--frame"),
]


@pytest.mark.parametrize(("declared", "line"), BOUNDARIES)
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_multipart_gives_the_bytes_that_were_sent(declared: str, line: str, length: bool, newline: str) -> None:
    packets = read(multipart(PICTURES, declared, line, length, newline), 4)
    assert [packet.data for packet in packets] == PICTURES
    assert all(packet.key and abs(packet.captured_at - time.time()) < 5 for packet in packets)


def test_a_picture_without_length_is_not_kept_until_the_next_one() -> None:
    # The fourth picture is followed by silence: it must come all the same, without waiting for another boundary.
    assert len(read(multipart(PICTURES, length=False), 4)) == 4


def test_a_thumbnail_inside_a_picture_does_not_end_it() -> None:
    thumbnail = b"\xff\xe1" + (len(PICTURES[1]) + 2).to_bytes(2, "big") + PICTURES[1]
    picture = PICTURES[0][:2] + thumbnail + PICTURES[0][2:]
    assert [p.data for p in read(multipart([picture, PICTURES[2]], length=False), 2)] == [picture, PICTURES[2]]


def test_bytes_may_come_in_any_pieces() -> None:
    def trickle(visit: Visit) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\npreamble\r\n"
        part = b"--b\r\nContent-Type: image/jpeg\r\n\r\n"
        visit.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = head + b"".join(part + picture + b"\r\n" for picture in PICTURES[:2])
        for at in range(0, len(data), 97):
            visit.send(data[at : at + 97])
        visit.wait()

    assert [packet.data for packet in read(trickle, 2)] == PICTURES[:2]


def test_chunked_transfer_is_undone() -> None:
    def chunked(visit: Visit) -> None:
        visit.reply(
            "200 OK",
            ["Content-Type: multipart/x-mixed-replace; boundary=b", "Transfer-Encoding: chunked"],
            length=False,
        )
        data = b"".join(b"--b\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(p), p) for p in PICTURES)
        for at in range(0, len(data), 5000):
            visit.send(b"%x\r\n%s\r\n" % (len(data[at : at + 5000]), data[at : at + 5000]))
        visit.wait()

    assert [packet.data for packet in read(chunked, 4)] == PICTURES


def test_other_parts_and_broken_pictures_are_left_out() -> None:
    bodies = [b"hello", PICTURES[0], b"\xff\xd8\xff\xe0garbage", PICTURES[1]]
    assert [packet.data for packet in read(multipart(bodies), 2)] == PICTURES[:2]


def test_size_is_known_and_a_change_is_told() -> None:
    pictures = [clips.jpeg(0, 320, 240), clips.jpeg(1, 320, 240), clips.jpeg(2, 640, 360)]
    with http_camera(multipart(pictures)) as camera, opened(camera) as source:
        infos = []
        for _ in itertools.islice(source, 3):
            infos.append(source.info)
    assert [(info.codec, info.width, info.height) for info in infos] == [("mjpeg", 320, 240)] * 2 + [
        ("mjpeg", 640, 360)
    ]
    assert infos[0] is infos[1] and infos[1] is not infos[2]


def test_a_single_picture_is_asked_for_again_and_again_on_one_connection() -> None:
    with http_camera(single(itertools.cycle(PICTURES))) as camera, opened(camera, poll_fps=30.0) as source:
        began = time.monotonic()
        packets = list(itertools.islice(source, 4))
        assert time.monotonic() - began > 0.08
        assert [packet.data for packet in packets] == PICTURES
        assert (len(camera.asked), camera.connections) == (4, 1)


def test_a_single_picture_without_keep_alive() -> None:
    pictures = itertools.cycle(PICTURES)

    def answer(visit: Visit) -> None:
        visit.reply("200 OK", ["Content-Type: image/jpeg", "Connection: close"], next(pictures), length=False)
        visit.sock.shutdown(socket.SHUT_RDWR)

    assert [packet.data for packet in read(answer, 3, poll_fps=30.0)] == PICTURES[:3]


@pytest.mark.parametrize("scheme", ["basic", "digest"])
@pytest.mark.parametrize("qop", [True, False])
@pytest.mark.parametrize("password", ["simple", 'p@ss:w/o#rd?"\\ü%41'])
def test_logging_in(scheme: str, qop: bool, password: str) -> None:
    answer = with_login(scheme, "admin", password, single(itertools.cycle(PICTURES)), qop)
    packets = read(answer, 3, username="admin", password=password, poll_fps=30.0)
    assert [packet.data for packet in packets] == PICTURES[:3]


def test_a_password_is_not_sent_before_it_is_asked_for() -> None:
    with http_camera(multipart(PICTURES)) as camera, opened(camera, username="admin", password="S3CRETpw") as source:
        next(iter(source))
        assert "authorization" not in camera.asked[0].headers


@pytest.mark.parametrize("scheme", ["basic", "digest"])
@pytest.mark.parametrize("given", ["wrong S3CRETpw", ""])
def test_a_wrong_or_missing_password(scheme: str, given: str) -> None:
    answer = with_login(scheme, "admin", "right", multipart(PICTURES))
    with http_camera(answer) as camera:
        with pytest.raises(SourceError) as caught, opened(camera, username="admin", password=given):
            pass
        # Cameras lock accounts: a wrong password is offered once.
        assert len(camera.asked) == 2
    assert caught.value.reason == Reason.AUTH_FAILED and "S3CRETpw" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("401 Unauthorized", Reason.AUTH_FAILED),
        ("403 Forbidden", Reason.AUTH_FAILED),
        ("404 Not Found", Reason.NOT_FOUND),
        ("410 Gone", Reason.NOT_FOUND),
        ("400 Bad Request", Reason.BAD_STREAM),
        ("204 No Content", Reason.BAD_STREAM),
        ("500 Internal Server Error", Reason.NO_SIGNAL),
        ("503 Service Unavailable", Reason.NO_SIGNAL),
    ],
)
def test_a_refusing_camera(status: str, reason: Reason) -> None:
    error = failure(lambda visit: visit.reply(status, [], b"the body stays private"))
    assert error.reason == reason and status[:3] in error.detail and "private" not in error.detail


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with http_camera(multipart(PICTURES)) as other:
        error = failure(lambda visit: visit.reply(f"{status} Moved", [f"Location: {other.url}"]))
        assert not other.asked
    assert error.reason == Reason.REFUSED and "another address" in error.detail


@pytest.mark.parametrize(
    "kind", ["text/html", "application/vnd.apple.mpegurl", "video/mp4", "image/png", "image/svg+xml", "audio/x-mpegurl"]
)
def test_other_content_is_a_bad_stream(kind: str) -> None:
    error = failure(lambda visit: visit.reply("200 OK", [f"Content-Type: {kind}"], b"#EXTM3U\nfile:///etc/passwd"))
    assert error.reason == Reason.BAD_STREAM and kind in error.detail


@pytest.mark.parametrize("body", [b"", b"GIF89a" + bytes(500), b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_what_is_called_a_jpeg_but_is_none(body: bytes) -> None:
    error = failure(lambda visit: visit.reply("200 OK", ["Content-Type: image/jpeg"], body), poll_fps=30.0)
    assert error.reason in (Reason.BAD_STREAM, Reason.NO_SIGNAL)


def test_a_multipart_stream_of_garbage() -> None:
    assert failure(multipart([b"not a picture"] * 20)).reason == Reason.BAD_STREAM


def test_a_jpeg_bomb_is_not_passed_on() -> None:
    bomb = bytearray(PICTURES[0])
    at = bomb.index(b"\xff\xc0")
    bomb[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    error = failure(multipart([bytes(bomb)] * 20))
    assert error.reason == Reason.BAD_STREAM and "65535" in error.detail


@pytest.mark.parametrize("length", [True, False])
def test_a_picture_without_end_is_cut_off(length: bool) -> None:
    def endless(visit: Visit) -> None:
        visit.reply("200 OK", ["Content-Type: multipart/x-mixed-replace; boundary=b"], length=False)
        visit.send(b"--b\r\n" + (b"Content-Length: 999999999\r\n" if length else b"") + b"\r\n\xff\xd8\xff")
        while not visit.camera.over.is_set():
            visit.send(b"x" * 65536)

    assert failure(endless).reason == Reason.BAD_STREAM


def test_an_endless_single_picture_is_cut_off() -> None:
    def endless(visit: Visit) -> None:
        visit.reply("200 OK", ["Content-Type: image/jpeg"], length=False)
        while not visit.camera.over.is_set():
            visit.send(b"\xff\xd8\xff" + b"x" * 65536)

    assert failure(endless).reason == Reason.BAD_STREAM


def test_endless_headers_are_cut_off() -> None:
    def endless(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\n")
        while not visit.camera.over.is_set():
            visit.send(b"X-More: and more\r\n")

    assert failure(endless).reason == Reason.BAD_STREAM


def test_a_server_of_something_else() -> None:
    error = failure(lambda visit: visit.send(b"SSH-2.0-OpenSSH_9.2\r\n"))
    assert (error.reason, error.detail) == (Reason.BAD_STREAM, "what answers there does not speak HTTP")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig("http", f"http://127.0.0.1:{port}/", allow_loopback=True), threading.Event(), HASTE)
    assert caught.value.reason == Reason.REFUSED and str(port) in caught.value.detail


def test_an_unknown_name() -> None:
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig("http", "http://no-such-camera.invalid/"), threading.Event(), PATIENCE)
    assert caught.value.reason == Reason.NO_SIGNAL and "no-such-camera.invalid" in caught.value.detail


def test_a_silent_server_has_no_signal() -> None:
    error = failure(Visit.wait, HASTE)
    assert (error.reason, error.detail) == (Reason.NO_SIGNAL, "it takes the connection but does not answer")


def test_a_stream_that_falls_silent_is_stalled() -> None:
    assert failure(multipart(PICTURES), HASTE).reason == Reason.STALLED


def trickling(head: bytes) -> Answer:
    def answer(visit: Visit) -> None:
        visit.send(head)
        while not visit.camera.over.wait(0.02):
            visit.send(b"x")

    return answer


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", Reason.NO_SIGNAL),
        (b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n", Reason.STALLED),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", Reason.STALLED),
    ],
)
def test_one_byte_now_and_then_is_silence(head: bytes, reason: Reason) -> None:
    began = time.monotonic()
    assert failure(trickling(head), HASTE).reason == reason
    assert time.monotonic() - began < 3


def test_a_camera_that_hangs_up() -> None:
    def answer(visit: Visit) -> None:
        visit.reply("200 OK", ["Content-Type: multipart/x-mixed-replace; boundary=b"], length=False)
        visit.send(b"--b\r\n\r\n" + PICTURES[0] + b"\r\n")
        visit.sock.shutdown(socket.SHUT_RDWR)

    error = failure(answer)
    assert (error.reason, error.detail) == (Reason.NO_SIGNAL, "the camera hung up")


def test_a_picture_cut_short_is_not_shown() -> None:
    def answer(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 99999\r\n\r\n" + PICTURES[0][:500])
        visit.sock.shutdown(socket.SHUT_RDWR)

    assert failure(answer).reason == Reason.NO_SIGNAL


def test_loopback_is_refused_unless_allowed() -> None:
    with http_camera(multipart(PICTURES)) as camera, pytest.raises(SourceError) as caught:
        open_source(SourceConfig("http", camera.url), threading.Event(), PATIENCE)
    assert caught.value.reason == Reason.REFUSED and not camera.asked


def test_https_with_the_cameras_own_outdated_certificate(tmp_path: Path) -> None:
    answer = with_login("basic", "admin", "p", multipart(PICTURES))
    with (
        http_camera(answer, outdated_certificate(tmp_path)) as camera,
        opened(camera, username="admin", password="p") as source,
    ):
        assert camera.url.startswith("https:")
        assert [packet.data for packet in itertools.islice(source, 4)] == PICTURES


def test_tls_is_spoken_to_a_server_that_does_not() -> None:
    with http_camera(lambda visit: visit.reply("200 OK")) as camera, pytest.raises(SourceError) as caught:
        address = camera.url.replace("http:", "https:")
        open_source(SourceConfig("http", address, allow_loopback=True), threading.Event(), HASTE)
    assert caught.value.reason in (Reason.BAD_STREAM, Reason.NO_SIGNAL)


def test_a_stop_ends_the_wait_between_two_pictures() -> None:
    stop = threading.Event()
    with http_camera(single(itertools.cycle(PICTURES))) as camera:
        source = open_source(config(camera, poll_fps=0.05), stop, PATIENCE)
        packets = iter(source)
        next(packets)
        threading.Timer(0.1, stop.set).start()
        began = time.monotonic()
        assert next(packets, None) is None
        assert time.monotonic() - began < 2
        source.close()
