"""No credential and no control character gets into a log line."""

import io
import logging
import time

import pytest

from camera.redact import RedactingFormatter, redact

SECRET = "S3CRETpw"
LINES = [
    f"opening rtsp://admin:{SECRET}@192.168.1.5:554/stream1",
    f"opening rtsp://admin:x@{SECRET}#y@192.168.1.5/stream1 and http://u:{SECRET}@h/",
    f"rtsp://admin:a/{SECRET}@h/x failed",
    f"Authorization: Bearer {SECRET}",
    f"'Authorization': 'Basic {SECRET}'",
    f'Authorization: Digest username="admin", realm="x", response="{SECRET}"',
    f"X-Camera-Auth: {SECRET}",
    f"Cookie: sessionid={SECRET}; csrftoken={SECRET}",
    f"GET /snapshot.cgi?user=admin&password={SECRET}&channel=1",
    f"/login?pwd={SECRET} /x?token={SECRET}&a=1 api_key={SECRET}",
    f'{{"password": "{SECRET}", "b": 1}}',
    f"{{'password': '{SECRET} with blanks', 'b': 1}}",
    f'{{"token":"{SECRET}"}}',
    f"rtsp://h/s1?{SECRET}",
    f"rtsp://h?{SECRET}==",
    f"rtsp://h/s1?channel=1;psw={SECRET}",
    f"/snap.cgi?loginuse=a&loginpas={SECRET}&channel=1",
    f"http://h/a?psw={SECRET} http://h/b?p={SECRET}",
    f"http://h/a?x=1&pass%77ord={SECRET}",
    f"http://h/a?auth={SECRET}&key={SECRET}",
    f"http://h/a?n=1?p={SECRET}",
    f"http://h/a?x=1&amp;p={SECRET}",
    f"('http://h/a?p={SECRET}', 1)",
    f"http://h/a?stream={SECRET}-{SECRET}",
]


@pytest.mark.parametrize("line", LINES)
def test_credentials_go(line: str) -> None:
    assert SECRET not in redact(line) and "***" in redact(line)


PLAIN = [
    "camera 7: process 4242 started",
    "user: bob logged in",
    "GET /live/yard/ 200 http://house.local:8000/live/yard/",
    "open: mjpeg 960x540 at 10 fps",
    "password changed for bob",
    "opening rtsp://h:554/cam/realmonitor?channel=1&subtype=0&unicast=true",
    "http://h/axis-cgi/mjpg/video.cgi?resolution=640x480&fps=10&chn=0",
    "really? yes; what?now",
]


@pytest.mark.parametrize("line", PLAIN)
def test_ordinary_lines_stay(line: str) -> None:
    assert redact(line) == line


def test_of_a_query_the_names_stay() -> None:
    assert redact("GET /a?loginpas=x&channel=1&bare HTTP/1.1") == "GET /a?loginpas=***&channel=1&*** HTTP/1.1"
    assert redact("http://h/a?pass%77ord=x") == "http://h/a?pass%77ord=***"
    hidden = redact("http://h/a?p=x&y")
    assert redact(hidden) == hidden


def test_named_secrets_go_wherever_they_stand() -> None:
    assert redact("said p@ss/w: and p%40ss%2Fw%3A", ["p@ss/w:"]) == "said *** and ***"
    assert redact("a b c", ["a", ""]) == "a b c", "what is that short would blank out everything"


@pytest.mark.parametrize("control", ["\x1b[31m", "\r", "\x00", "\x9b2J", "\u2028", "\x7f"])
def test_control_characters_are_escaped(control: str) -> None:
    assert control[0] not in redact(f"name{control}end")


def test_a_formatter_redacts_messages_arguments_and_tracebacks() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(message)s", secrets=["n4med-S3CRETpw"]))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.warning("forged\nINFO everything is fine")
    try:
        raise ValueError(f"rtsp://a:{SECRET}@h/ and n4med-S3CRETpw")
    except ValueError:
        logger.exception("failed for %s", f"http://u:{SECRET}@h/")
    written = stream.getvalue()
    assert SECRET not in written and "Traceback" in written and "ValueError" in written
    assert "forged\\nINFO" in written


def test_long_hostile_lines_cost_no_time() -> None:
    began = time.monotonic()
    for line in (
        "//" * 50_000,
        "//a" * 30_000 + "@",
        "password=" * 10_000,
        '"password":"' * 10_000,
        "@" * 100_000,
        "/?&" * 30_000,
        "/?=" * 30_000,
    ):
        redact(line)
    assert time.monotonic() - began < 2
