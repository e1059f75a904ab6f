"""`serve --tls` as a whole: one port, real TLS, and a browser that may use the camera and the live socket."""

import base64
import http.client
import os
import re
import shutil
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import sync_playwright

from tests.conftest import PASSWORD
from tests.house import RealHouse, wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("tls"))
    try:
        house.arrange(("adduser", "alice", "--role", "owner"), ADDUSER_PASSWORD=PASSWORD)
        house.start("--tls")
        yield house
    finally:
        house.stop()


def https(house: RealHouse, path: str, method: str = "GET") -> tuple[int, bytes, http.client.HTTPMessage]:
    trust = ssl.create_default_context(cafile=str(house.folder / "run/tls/ca.crt"))
    client = http.client.HTTPSConnection("127.0.0.1", house.port, timeout=10, context=trust)
    client.request(method, path)
    reply = client.getresponse()
    found = reply.status, reply.read(), reply.headers
    client.close()
    return found


@pytest.mark.processes
def test_https_and_http_share_the_port(house: RealHouse) -> None:
    status, body, headers = https(house, "/accounts/login/")
    assert status == 200 and b'name="login"' in body
    assert "Secure" in headers["Set-Cookie"] and "__Host-" in headers["Set-Cookie"]
    assert "max-age=604800" in headers["Strict-Transport-Security"]
    assert house.get("/accounts/login/")[0] == 301
    status, page = house.get("/tls/")
    printed = re.findall(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", house.log())
    assert status == 200 and printed and printed[-1] in page.decode().replace("<wbr>", "")
    assert house.get("/tls/ca.crt")[1] == (house.folder / "run/tls/ca.crt").read_bytes()
    assert house.get("/tls/ca.key")[0] == 301 and https(house, "/tls/ca.key")[0] == 404


@pytest.mark.processes
def test_web_comes_back_with_the_same_certificate(house: RealHouse) -> None:
    before = (house.folder / "run/tls/server.crt").read_bytes()
    [web] = house.pids("web")
    os.kill(web, signal.SIGKILL)
    wait_for(lambda: house.pids("web") not in ([], [web]), 20, "another web process")
    # The listening socket is serve's: whoever comes meanwhile waits.
    assert https(house, "/healthz")[0] in (200, 503)
    assert (house.folder / "run/tls/server.crt").read_bytes() == before


@pytest.mark.e2e
def test_a_browser_that_trusts_it_may_use_camera_and_socket(house: RealHouse, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    server = x509.load_pem_x509_certificate((house.folder / "run/tls/server.crt").read_bytes())
    digest = hashes.Hash(hashes.SHA256())
    digest.update(server.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    pin = f"--ignore-certificate-errors-spki-list={base64.b64encode(digest.finalize()).decode()}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, args=[*FLAGS, pin]
        )
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{house.port}/accounts/login/")
        assert page.url.startswith("https://")
        page.fill("[name=login]", "alice")
        page.fill("[name=password]", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_url(f"https://127.0.0.1:{house.port}/")
        assert page.evaluate("isSecureContext") is True
        ask = "navigator.mediaDevices.getUserMedia({video: true}).then(s => s.getVideoTracks().length, String)"
        assert page.evaluate(ask) == 1
        page.goto(f"https://127.0.0.1:{house.port}/outside/")
        page.wait_for_selector("#finding-websocket.finding-good", timeout=10_000)
        verdicts = {page.get_attribute(f"#finding-{one}", "class") for one in ("name", "encryption", "forms", "cookie")}
        assert verdicts == {"finding finding-good"}
        browser.close()
