"""RTSP cameras: GStreamer's server as a real one, and servers that lie."""

import itertools
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from camera.packets import Packet, Reason, SourceConfig, SourceError
from camera.sources import Source, Timeouts, open_source
from camera.sources.av_source import is_outdated, warn_if_outdated
from camera.sources.describe import check_encodings
from camera.sources.rtsp import options
from camera.video.decode import Decoder
from tests.conftest import shared_file
from tests.peers.certificates import outdated_certificate
from tests.peers.http_camera import digest_is_right
from tests.peers.hub import probe
from tests.peers.rtsp import SDP, Liar, fake_camera, gstreamer, liar, rtsp

PATIENCE = Timeouts(resolve=2, connect=2, open=6, silence=5)
HASTE = Timeouts(resolve=2, connect=0.5, open=0.6, silence=0.6)


@contextmanager
def opened(url: str, timeouts: Timeouts = PATIENCE, **more: object) -> Iterator[Source]:
    config = SourceConfig("rtsp", url, allow_loopback=True, **more)  # type: ignore[arg-type]
    source = open_source(config, threading.Event(), timeouts)
    try:
        yield source
    finally:
        source.close()


def failure(url: str, timeouts: Timeouts = PATIENCE, **more: object) -> SourceError:
    with pytest.raises(SourceError) as caught, opened(url, timeouts, **more) as source:
        for _ in source:
            continue
    return caught.value


def pictures(source: Source, packets: list[Packet]) -> int:
    decoder = Decoder(source.info)
    return sum(len(decoder.decode(packet)) for packet in packets)


@pytest.mark.peers
@pytest.mark.parametrize("codec", ["h264", "h265", "jpeg"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_real_camera(codec: str, transport: str) -> None:
    with gstreamer(codec=codec) as url:
        began = time.monotonic()
        with opened(url, transport=transport) as source:
            packets = list(itertools.islice(source, 20))
            assert packets[0].key, "the first packet, which has no time stamp, is the key frame"
            assert source.info.codec == {"h264": "h264", "h265": "hevc", "jpeg": "mjpeg"}[codec]
            assert (source.info.width, source.info.height) == (320, 240)
            # Some packets hold parameter sets alone; no picture is lost at the start.
            assert pictures(source, packets) >= 17
            assert time.monotonic() - began < 5


@pytest.mark.peers
@pytest.mark.parametrize("digest", [True, False])
@pytest.mark.parametrize("password", ["simple", "p@ss/w:o#rd%41 x?&"])
def test_logging_in(digest: bool, password: str) -> None:
    with gstreamer(user="admin", password=password, digest=digest) as url:
        with opened(url, username="admin", password=password) as source:
            assert next(iter(source)).key
        error = failure(url, username="admin", password="S3CRETpw")
        assert error.reason == Reason.AUTH_FAILED and "S3CRET" not in str(error)
        assert failure(url).reason == Reason.AUTH_FAILED
        assert failure(url + "/nothing/here", username="admin", password=password).reason == Reason.NOT_FOUND


@pytest.mark.peers
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_with_ipv6(transport: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with gstreamer(address="::1") as url, opened(url, transport=transport) as source:
        assert len(list(itertools.islice(source, 5))) == 5


@pytest.mark.peers
def test_a_codec_that_is_not_read_is_named_before_anything_is_decoded() -> None:
    with gstreamer(codec="vp8") as url:
        error = failure(url)
    assert error.reason == Reason.BAD_STREAM and "VP8" in error.detail


@pytest.mark.peers
def test_rtsps_with_the_cameras_own_outdated_certificate(tmp_path: Path) -> None:
    with gstreamer(certificate=str(outdated_certificate(tmp_path))) as url, opened(url) as source:
        assert next(iter(source)).key


@pytest.mark.peers
def test_a_camera_that_hangs_up(tmp_path: Path) -> None:
    with fake_camera(tmp_path, "--stop-after", "1") as url:
        error = failure(url)
    assert (error.reason, error.detail) == (Reason.NO_SIGNAL, "the camera hung up")


@pytest.mark.peers
def test_a_camera_that_falls_silent(tmp_path: Path) -> None:
    with fake_camera(tmp_path, "--freeze-after", "1") as url:
        assert failure(url, Timeouts(open=5, silence=1)).reason == Reason.STALLED


@pytest.mark.peers
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_shared_fake_camera_with_digest(tmp_path: Path, transport: str) -> None:
    with fake_camera(tmp_path, "--user", "admin:p@ss") as url:
        with opened(url, username="admin", password="p@ss", transport=transport) as source:
            packets = list(itertools.islice(source, 15))
            assert packets[0].key and pictures(source, packets) >= 14
        assert failure(url, username="admin", password="no").reason == Reason.AUTH_FAILED


def test_a_redirect_is_refused_and_nobody_else_is_asked() -> None:
    with liar(lambda liar, number, method, headers: rtsp("200 OK", headers, body=SDP)) as victim:

        def redirect(_: Liar, number: int, method: str, headers: dict[str, str]) -> str:
            return rtsp("302 Moved", headers, f"Location: {victim.url}")

        with liar(redirect) as camera:
            error = failure(camera.url)
        assert not victim.asked
    assert error.reason == Reason.REFUSED and "another address" in error.detail


def test_a_redirect_to_itself_ends_in_time() -> None:
    def lie(camera: Liar, number: int, method: str, headers: dict[str, str]) -> str:
        if number > 1:
            return rtsp("302 Moved", headers, f"Location: {camera.url}")
        return rtsp("200 OK", headers, "Content-Type: application/sdp", body=SDP)

    with liar(lie) as camera:
        began = time.monotonic()
        answer, _ = probe(SourceConfig("rtsp", camera.url, allow_loopback=True), HASTE)
        assert time.monotonic() - began < 4 and not answer["ok"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("401 Unauthorized", Reason.AUTH_FAILED),
        ("403 Forbidden", Reason.AUTH_FAILED),
        ("404 Not Found", Reason.NOT_FOUND),
        ("454 Session Not Found", Reason.BAD_STREAM),
        ("500 Internal Server Error", Reason.NO_SIGNAL),
        ("503 Service Unavailable", Reason.NO_SIGNAL),
    ],
)
def test_a_refusing_camera(status: str, reason: Reason) -> None:
    with liar(lambda _, number, method, headers: rtsp(status, headers)) as camera:
        error = failure(camera.url)
    assert error.reason == reason and status[:3] in error.detail


def test_digest_is_answered_and_a_wrong_password_offered_once() -> None:
    def script(_: Liar, number: int, method: str, headers: dict[str, str]) -> str:
        if digest_is_right(headers.get("authorization", ""), method, "admin", "right", "cam", "n1"):
            return rtsp("404 Not Found", headers)
        return rtsp("401 Unauthorized", headers, 'WWW-Authenticate: Digest realm="cam", nonce="n1", algorithm=MD5')

    with liar(script) as camera:
        assert failure(camera.url, username="admin", password="right").reason == Reason.NOT_FOUND
        camera.asked.clear()
        assert failure(camera.url, username="admin", password="wrong").reason == Reason.AUTH_FAILED
        assert len(camera.asked) == 2


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"\xff" * 40000])
def test_a_server_of_something_else(answer: bytes) -> None:
    with liar(lambda *_: answer) as camera:
        error = failure(camera.url)
    assert (error.reason, error.detail) == (Reason.BAD_STREAM, "what answers there does not speak RTSP")


def test_a_silent_server() -> None:
    with liar(lambda camera, *_: "" if camera.over.wait() else "") as camera:
        error = failure(camera.url, HASTE)
    assert (error.reason, error.detail) == (Reason.NO_SIGNAL, "it takes the connection but does not answer")


def test_a_server_that_describes_itself_and_sends_nothing() -> None:
    def script(camera: Liar, number: int, method: str, headers: dict[str, str]) -> str:
        if method == "DESCRIBE":
            return rtsp("200 OK", headers, "Content-Type: application/sdp", body=SDP)
        if method == "SETUP":
            return rtsp("200 OK", headers, "Session: 1", f"Transport: {headers['transport']}")
        return rtsp("200 OK", headers, "Session: 1", "Public: DESCRIBE, SETUP, PLAY")

    with liar(script) as camera:
        began = time.monotonic()
        answer, _ = probe(SourceConfig("rtsp", camera.url, allow_loopback=True), HASTE)
        assert time.monotonic() - began < 4
    assert not answer["ok"] and answer["reason"] in (Reason.NO_SIGNAL, Reason.STALLED), answer


def test_nobody_listens() -> None:
    with liar(lambda *_: None) as camera:
        url = camera.url
    assert failure(url).reason == Reason.REFUSED


@pytest.mark.parametrize("address", ["rtsp://127.0.0.1/x", "rtsp://[::1]/x", "rtsp://169.254.169.254/x", "rtsp://0/x"])
def test_addresses_that_no_camera_has(address: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(SourceConfig("rtsp", address), threading.Event(), HASTE)
    assert caught.value.reason == Reason.REFUSED


def test_a_password_too_long_for_ffmpeg_is_said_to_be_so() -> None:
    with liar(lambda _, number, method, headers: rtsp("200 OK", headers, body=SDP)) as camera:
        error = failure(camera.url, username="admin", password="ü@" * 20)
    assert error.reason == Reason.AUTH_FAILED and "too long" in error.detail


def test_a_line_break_in_a_password_reaches_no_camera() -> None:
    with liar(lambda *_: None) as camera:
        assert failure(camera.url, username="a", password="x\r\nX: y").reason == Reason.REFUSED
        assert not camera.asked


def test_options_are_safe_whatever_the_user_chose() -> None:
    plain = options(SourceConfig("rtsp", "rtsp://h/x", transport="udp"), 10, SDP)
    assert plain["rtsp_transport"] == "udp" and plain["protocol_whitelist"] == "rtsp,rtp,tcp,udp"
    assert int(plain["timeout"]) == 9_000_000 and "analyzeduration" not in plain
    secure = options(
        SourceConfig("rtsp", "rtsps://h/x", transport="http"), 10, SDP + "a=fmtp:96 sprop-parameter-sets=Z"
    )
    assert secure["rtsp_transport"] == "tcp" and secure["protocol_whitelist"] == "rtsp,rtp,tcp,udp"
    assert secure["analyzeduration"] == "100000"
    hidden = options(SourceConfig("rtsp", "rtsps://h/x", transport="udp"), 10, SDP)
    assert hidden["rtsp_transport"] == "tcp", "no picture of an encrypted camera comes in the open"


@pytest.mark.parametrize(
    ("lines", "good"),
    [
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000", True),
        ("m=audio 0 RTP/AVP 0\na=rtpmap:0 PCMU/8000\nm=video 0 RTP/AVP 97\na=rtpmap:97 h265/90000", True),
        ("m=video 0 RTP/AVP 26", True),
        ("m=video 0 RTP/AVP 98\na=rtpmap:98 AV1/90000", True),
        ("m=video 0 RTP/AVP 33\na=rtpmap:33 MP2T/90000", False),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 MP4V-ES/90000", False),
        ("m=audio 0 RTP/AVP 96\na=rtpmap:96 H264/90000", False),
        ("m=video 0 RTP/AVP 96", False),
        ("", False),
        ("\0\xff" * 3000, False),
    ],
)
def test_what_the_description_may_offer(lines: str, good: bool) -> None:
    if good:
        check_encodings(lines)
    else:
        with pytest.raises(SourceError):
            check_encodings(lines)


def test_descriptions_of_real_cameras_are_understood() -> None:
    files = [
        f for f in shared_file("data/protocol/rtsp_sdp").glob("*.txt") if "rtpmap" in f.read_text(errors="replace")
    ]
    assert len(files) > 3
    for path in files:
        text = path.read_text(errors="replace")
        if re.search("(?i)h26[45]/90000", text):
            check_encodings(text[text.index("v=0") :])


def test_ffmpeg_is_new_enough_to_hold_known_faults_off() -> None:
    assert not is_outdated(av.ffmpeg_version_info)


@pytest.mark.parametrize(
    ("version", "outdated"),
    [
        ("8.1.2", False),
        ("n8.1.2-3-gabcdef", False),
        ("8.1.10", False),
        ("8.2", False),
        ("9.0", False),
        ("10.0.1", False),
        ("8.1", True),
        ("8.1.1", True),
        ("8.0.9-static", True),
        ("n7.1.5", True),
        ("4.4.2-0ubuntu0.22.04.1", True),
        ("N-12345-gabcdef", True),
        ("", True),
    ],
)
def test_an_outdated_ffmpeg_is_warned_of(version: str, outdated: bool, caplog: pytest.LogCaptureFixture) -> None:
    assert is_outdated(version) is outdated
    warn_if_outdated(version)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == outdated
    assert all("OUTDATED" in words and "8.1.2" in words and version in words for words in warnings)
