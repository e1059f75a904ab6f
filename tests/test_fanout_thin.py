"""MJPEG over a thin line: few pictures, none of them late."""

import http.client
import ssl
import statistics
import time
from threading import Thread
from typing import Any

import pytest

from accounts.models import ApiToken, User
from camera.models import Camera, Grant
from tests.house import wait_for
from tests.live_house import Voice, Web, read_part
from tests.throttle import ThinLine

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
# Bytes a second, and bytes of one picture: two a second pass.
RATE, SIZE = 125_000.0, 60_000
SECONDS = 8.0


@pytest.mark.parametrize("tls", ["off", "local"])
def test_a_thin_line_gets_pictures_that_are_not_late(
    tls: str, yard: Camera, bob: User, bob_watches: Grant, settings: Any
) -> None:
    settings.TLS = tls
    told = {"Authorization": f"Bearer {ApiToken.objects.issue(bob, 'tv')[1]}"}
    with Voice() as voice, Web() as web, ThinLine(web.port, RATE) as line:
        voice.online(yard.pk, codec="mjpeg", fps=15.0)
        client = connection(tls, line.port)
        client.request("GET", "/live/yard/stream.mjpg", headers=told)
        reply = client.getresponse()
        wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
        until = time.monotonic() + SECONDS

        def shoot() -> None:
            while time.monotonic() < until + 1:
                voice.frame(yard.pk, bytes(SIZE))
                time.sleep(1 / 15)

        Thread(target=shoot, daemon=True).start()
        delays = []
        while time.monotonic() < until:
            head, _ = read_part(reply)
            if "X-Timestamp" in head:
                delays.append(time.time() - float(head["X-Timestamp"]))
        client.close()
    # A picture alone takes half a second. The first ones come before the line has shown what it takes.
    assert max(delays) <= 3.0 and statistics.median(delays) <= (0.9 if tls == "off" else 1.3)
    assert len(delays) >= 0.7 * SECONDS * RATE / SIZE


def connection(tls: str, port: int) -> http.client.HTTPConnection:
    if tls == "off":
        return http.client.HTTPConnection("127.0.0.1", port, timeout=12)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=12, context=trusting)
