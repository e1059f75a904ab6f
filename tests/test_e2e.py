"""Real Chromium over the real server: set up, add a real RTSP camera, watch together, read the log."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.house import BASE, RealHouse, free_port, wait_for

pytestmark = pytest.mark.e2e
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SYSTEM_PYTHON = "/usr/bin/python3"
PASSWORD = "correct horse battery"
# Pictures of the pages are kept here when it is set, to be looked at.
PICTURES = os.environ.get("FAIRWATCH_TEST_PICTURES")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("e2e"))
    house.start()
    yield house
    house.stop()
    print(house.log())


@pytest.fixture(scope="module")
def rtsp_url() -> Iterator[str]:
    """An RTSP camera of another make that asks for admin / S3CRETpw by Digest."""
    told = {"codec": "h264", "user": "admin", "password": "S3CRETpw", "pattern": "ball", "width": 640, "height": 360}
    server = BASE / "tests" / "peers" / "rtsp_server.py"
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True, check=False).returncode:
        pytest.skip("GStreamer's RTSP server is not installed (apt install gir1.2-gst-rtsp-server-1.0 python3-gi)")
    camera = subprocess.Popen(
        [SYSTEM_PYTHON, str(server), json.dumps(told)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert camera.stdout and camera.stdin
    yield f"rtsp://127.0.0.1:{int(camera.stdout.readline())}/cam"
    camera.stdin.close()
    camera.wait(5)
    camera.stdout.close()


def person(browser: Browser, house: RealHouse) -> BrowserContext:
    context = browser.new_context(base_url=house.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(10_000)
    return context


def keep_picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def log_in(page: Page, name: str) -> None:
    page.goto("/accounts/login/")
    page.fill("[name=login]", name)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile(r"/$"))


def drawn(page: Page) -> str:
    """A digest of what the first tile of the page shows, a film or a picture; empty while it shows nothing."""
    return str(
        page.evaluate(
            """() => {
                const shown = document.querySelector('.tile canvas:not([hidden])')
                    ?? document.querySelector('.tile video:not([hidden])');
                const width = shown?.videoWidth ?? shown?.width, height = shown?.videoHeight ?? shown?.height;
                if (!width) return '';
                const copy = new OffscreenCanvas(width, height).getContext('2d');
                copy.drawImage(shown, 0, 0);
                const data = copy.getImageData(0, 0, width, height).data;
                let sum = 0, lit = 0;
                for (let i = 0; i < data.length; i += 4) {
                    sum = (sum * 31 + data[i]) % 2147483647; lit += data[i] > 8;
                }
                return lit > 100 ? String(sum) : '';
            }"""
        )
    )


def expect_moving(page: Page) -> None:
    first = wait_for(lambda: drawn(page), 10, "a picture")
    wait_for(lambda: drawn(page) not in ("", first), 5, "another picture")


@pytest.fixture(scope="module")
def alice(browser: Browser, house: RealHouse) -> Iterator[Page]:
    """The owner, made by the set-up link in a real browser."""
    context = person(browser, house)
    page = context.new_page()
    page.goto(house.setup_path())
    page.fill("[name=site_name]", "Smith house")
    page.fill("[name=username]", "alice")
    page.fill("[name=password1]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.get_by_role("button", name="Become the owner").click()
    expect(page).to_have_url(re.compile(r"/$"))
    keep_picture(page, "wall-empty")
    yield page
    context.close()


@pytest.fixture(scope="module")
def yard(alice: Page, rtsp_url: str, house: RealHouse) -> str:
    """An RTSP camera added by form; its slug."""
    alice.goto("/cameras/add/")
    alice.fill("[name=name]", "Yard")
    alice.fill("[name=source]", rtsp_url)
    alice.fill("[name=username]", "admin")
    alice.fill("[name=password]", "wrong")
    alice.get_by_role("button", name="Test connection").click()
    expect(alice.locator("#camera-test")).to_contain_text("refuses the user name or password", timeout=20_000)
    alice.fill("[name=password]", "S3CRETpw")
    alice.get_by_role("button", name="Test connection").click()
    expect(alice.locator("#camera-test img")).to_be_visible(timeout=20_000)
    expect(alice.locator("#camera-test")).to_contain_text("H.264")
    keep_picture(alice, "camera-form")
    alice.get_by_role("button", name="Add camera").click()
    expect(alice.get_by_role("heading", name="Yard").or_(alice.get_by_text("Yard")).first).to_be_visible()
    people = [("adduser", name, "--role", "member") for name in ("bob", "charlie")]
    house.arrange(*people, ADDUSER_PASSWORD=PASSWORD)
    assert "S3CRETpw" not in alice.content()
    return "yard"


def test_the_setup_link_works_once(browser: Browser, house: RealHouse, alice: Page) -> None:
    context = person(browser, house)
    reply = context.new_page().goto(house.setup_path())
    assert reply is not None and reply.status == 404
    context.close()


def test_members_watch_together_and_the_log_tells_it(
    browser: Browser, house: RealHouse, alice: Page, yard: str
) -> None:
    began = time.monotonic()
    alice.goto(f"/live/{yard}/")
    expect_moving(alice)
    print(f"first moving pictures {time.monotonic() - began:.2f} s after opening the page")
    house.manage("grant", "bob", yard, "watch")
    context = person(browser, house)
    bob = context.new_page()
    log_in(bob, "bob")
    expect_moving(bob)  # the wall
    keep_picture(bob, "wall-one")
    bob.goto(f"/live/{yard}/")
    expect_moving(bob)
    for page, other in ((alice, "bob"), (bob, "alice")):
        expect(page.locator("p", has_text="Watching now")).to_contain_text(other, timeout=5_000)
    expect(bob.locator("main")).to_contain_text(re.compile(r"\d+ ms"))
    keep_picture(bob, "live")
    context.close()
    expect(alice.locator("p", has_text="Watching now")).not_to_contain_text("bob", timeout=10_000)
    alice.goto("/")
    token = house.manage("addtoken", "alice", "test")
    items = wait_for(lambda: ended(house, token, yard), 10, "the end of both viewings within 10 s")
    assert {item["user"] for item in items} == {"alice", "bob"}  # type: ignore[attr-defined]
    alice.goto("/logs/")
    expect(alice.locator("main")).to_contain_text(re.compile(r"bob\s+watched\s+Yard"))
    keep_picture(alice, "log")


def ended(house: RealHouse, token: str, slug: str) -> list[dict[str, object]]:
    """The viewings on live pages, once all of them have ended (the wall's own goes on)."""
    items: list[dict[str, object]] = house.api(f"viewings?camera={slug}", token)["items"]  # type: ignore[assignment]
    done = [item for item in items if item["ended_at"]]
    return done if {item["user"] for item in done} >= {"alice", "bob"} else []


def test_charlie_finds_nothing(browser: Browser, house: RealHouse, yard: str) -> None:
    context = person(browser, house)
    page = context.new_page()
    log_in(page, "charlie")
    assert "Yard" not in page.content()
    for path in (
        f"/live/{yard}/",
        f"/live/{yard}/frame.jpg",
        f"/live/{yard}/stream.mjpg",
        f"/cameras/{yard}/",
        f"/cameras/{yard}/delete/",
        f"/api/v1/cameras/{yard}",
    ):
        assert context.request.get(path).status == 404, path
    for path in ("/logs/", "/cameras/", "/people/", "/api/v1/cameras", "/api/v1/viewings"):
        reply = context.request.get(path)
        assert reply.ok and "Yard" not in reply.text() and "yard" not in reply.text(), path
    context.close()


def test_losing_the_right_ends_the_picture(browser: Browser, house: RealHouse, yard: str) -> None:
    house.manage("grant", "bob", yard, "watch")
    context = person(browser, house)
    bob = context.new_page()
    log_in(bob, "bob")
    bob.goto(f"/live/{yard}/")
    expect_moving(bob)
    house.manage("grant", "bob", yard, "watch", "--revoke")
    token = house.manage("addtoken", "alice", "test")
    wait_for(lambda: "bob" not in watching(house, token, yard), 10, "the end of bob's viewing")
    assert context.request.get(f"/live/{yard}/").status == 404
    context.close()


def watching(house: RealHouse, token: str, slug: str) -> set[object]:
    items: list[dict[str, object]] = house.api(f"viewings?camera={slug}", token)["items"]  # type: ignore[assignment]
    return {item["user"] for item in items if item["ended_at"] is None}


def test_a_page_without_javascript_shows_the_stream(browser: Browser, house: RealHouse, alice: Page, yard: str) -> None:
    context = browser.new_context(
        base_url=house.url, java_script_enabled=False, storage_state=alice.context.storage_state()
    )
    page = context.new_page()
    page.goto(f"/live/{yard}/", wait_until="commit")
    image = page.locator("img[src*='stream.mjpg']")
    wait_for(lambda: (box := image.bounding_box()) and box["width"] > 200, 10, "the MJPEG image")
    keep_picture(page, "live-without-javascript")
    context.close()


def test_every_page_obeys_the_policy_and_hostile_names_stay_text(house: RealHouse, alice: Page, yard: str) -> None:
    hostile = '"><img src=x onerror=window.x=1>{{7*7}}'
    house.manage("addcamera", hostile, "pattern:", "--slug", "odd")
    violations: list[str] = []
    alice.on("console", lambda message: violations.append(message.text) if "Content Security" in message.text else None)
    alice.on("pageerror", lambda error: violations.append(str(error)))
    for path in (
        "/",
        "/live/odd/",
        f"/live/{yard}/",
        "/logs/",
        "/cameras/",
        "/cameras/odd/",
        "/cameras/add/",
        "/people/",
        "/settings/",
        "/me/",
        "/admin/",
        "/admin/camera/camera/",
        "/admin/main/logline/",
        "/admin/main/viewingsession/",
        "/api/docs",
        "/nowhere/",
    ):
        alice.goto(path)
        assert alice.evaluate("window.x") is None, path
        assert "49" not in alice.title()
        assert not violations, (path, violations)
    alice.goto("/")


def test_a_camera_that_goes_dark_says_why(tmp_path: Path, browser: Browser, house: RealHouse, alice: Page) -> None:
    port = free_port()
    fake = BASE.parent / "shared" / "bench" / "fake_mjpeg_camera.py"
    clips = BASE.parent / "shared" / "bench" / "make_clips.py"
    if not fake.exists():
        pytest.skip("the shared fake cameras are not here")
    clip = tmp_path / "clip.mjpeg"
    subprocess.run(
        [sys.executable, str(clips), "mjpeg", "--size", "640x360", "--frames", "30", "--out", str(clip)], check=True
    )
    camera = subprocess.Popen([sys.executable, str(fake), "--clip", str(clip), "--port", str(port)])
    try:
        house.manage("addcamera", "Gate", f"http://127.0.0.1:{port}/", "--slug", "gate")
        alice.goto("/live/gate/")
        expect_moving(alice)
    finally:
        camera.kill()
        camera.wait()
    expect(alice.locator("main")).to_contain_text(
        re.compile(r"does not answer|refuses the connection|stopped sending"), timeout=15_000
    )
    keep_picture(alice, "live-dark")
    alice.goto("/")
