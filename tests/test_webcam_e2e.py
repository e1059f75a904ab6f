"""Real Chromium with a made-up camera in front of it, over a whole real house."""

import hashlib
import http.client
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.house import RealHouse, wait_for
from tests.test_e2e import CHROMIUM, FLAGS, PASSWORD, log_in, person

pytestmark = pytest.mark.e2e
FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
PICTURES = os.environ.get("FAIRWATCH_TEST_PICTURES")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        yield playwright


def film(path: Path) -> Path:
    """What the camera sees, ten pictures a second over and over: a box crosses for 4 s, then 6 s of a ticking dot."""
    with path.open("wb") as out:
        out.write(b"YUV4MPEG2 W640 H360 F10:1 Ip A1:1 C420jpeg\n")
        for n in range(100):
            grey = np.full((360, 640), 90, np.uint8)
            if n < 40:
                grey[120:260, n * 13 : n * 13 + 100] = 220
            grey[4:8, 4:8] = 90 + 10 * (n % 10)
            out.write(b"FRAME\n" + grey.tobytes() + b"\x80" * (320 * 180 * 2))
    return path


@pytest.fixture(scope="module")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = film(tmp_path_factory.mktemp("film") / "yard.y4m")
    flags = [*FLAGS, *FAKE, f"--use-file-for-fake-video-capture={path}"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def strict_browser(playwright: Playwright) -> Iterator[Browser]:
    """One that asks before a page may use the camera; nobody answers, which headless Chromium takes for a no."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, FAKE[0]])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("webcam"))
    house.start()
    people = ("adduser", "alice", "--role", "owner"), ("adduser", "bob", "--role", "member")
    house.arrange(*people, ADDUSER_PASSWORD=PASSWORD)
    yield house
    house.stop()
    print(house.log())


@pytest.fixture(scope="module")
def token(house: RealHouse) -> str:
    return house.manage("addtoken", "alice", "test")


@pytest.fixture
def bob(browser: Browser, house: RealHouse) -> Iterator[Page]:
    context = person(browser, house)
    page = context.new_page()
    log_in(page, "bob")
    page.goto("/webcam/")
    yield page
    context.close()


def keep_pictures(page: Page, name: str) -> None:
    if not PICTURES:
        return
    size = page.viewport_size
    for width, height in ((360, 740), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.wait_for_timeout(300)
            page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}-{scheme}.png"), full_page=True)
    page.emulate_media(color_scheme=None)
    if size:
        page.set_viewport_size(size)


def state(house: RealHouse, token: str, slug: str) -> object:
    status, body = house.get(f"/api/v1/cameras/{slug}", Authorization=f"Bearer {token}")
    return re.findall(r'"state": ?"(\w+)"', body.decode())[0] if status == 200 else None


def online(house: RealHouse, token: str, slug: str) -> bool:
    return state(house, token, slug) == "online"


def frame(house: RealHouse, token: str, slug: str) -> str:
    status, body = house.get(f"/live/{slug}/frame.jpg", Authorization=f"Bearer {token}")
    return hashlib.sha256(body).hexdigest() if status == 200 else ""


def count(page: Page, name: str) -> int:
    return int(page.locator(f"#webcam-{name}").inner_text())


def test_start_see_it_live_and_stop(house: RealHouse, token: str, bob: Page) -> None:
    keep_pictures(bob, "webcam-idle")
    assert state(house, token, "webcam-bob") is None
    bob.get_by_label("How often").select_option("5")
    bob.get_by_role("button", name="Start sending").click()
    expect(bob.locator("#webcam-say")).to_have_text("You are sending 5 pictures a second to Fairwatch.")
    wait_for(lambda: online(house, token, "webcam-bob"), 15, "the camera")
    wait_for(lambda: count(bob, "taken") >= 5, 10, "pictures that were taken")
    first = wait_for(lambda: frame(house, token, "webcam-bob"), 5, "a picture")
    wait_for(lambda: frame(house, token, "webcam-bob") not in ("", first), 5, "another picture")
    _, body = house.get("/api/v1/cameras/webcam-bob", Authorization=f"Bearer {token}")
    assert re.search(rb'"width": ?640\b', body)  # what the camera has, never more than was chosen
    expect(bob.locator("#webcam-sharing")).to_have_attribute("href", "/cameras/webcam-bob/#section-sharing")
    events = "/api/v1/events?camera=webcam-bob"
    wait_for(lambda: b'"motion"' in house.get(events, Authorization=f"Bearer {token}")[1], 30, "a motion event")
    keep_pictures(bob, "webcam-sending")
    sent = count(bob, "sent")
    bob.get_by_role("button", name="Stop").click()
    expect(bob.locator("#webcam-say")).to_contain_text("Stopped.")
    assert count(bob, "sent") - sent < 60 and bob.evaluate("document.querySelector('video').srcObject === null")
    wait_for(lambda: state(house, token, "webcam-bob") == "offline", 5, "the end")


def test_a_closed_tab_is_offline_within_ten_seconds(house: RealHouse, token: str, bob: Page) -> None:
    bob.get_by_role("button", name="Start sending").click()
    wait_for(lambda: online(house, token, "webcam-bob"), 15, "the camera")
    expect(bob.locator("#webcam-say")).to_contain_text("1 picture a second")
    wait_for(lambda: count(bob, "taken") >= 2, 10, "pictures that were taken")
    began = time.monotonic()
    bob.close()
    wait_for(lambda: state(house, token, "webcam-bob") == "offline", 10, "the end")
    # The house hears of it: it need not notice by itself that nothing comes any more.
    assert time.monotonic() - began < 5


def test_the_capture_time_is_the_browsers_by_the_houses_clock(house: RealHouse, token: str, browser: Browser) -> None:
    context = person(browser, house)
    # A phone whose clock is an hour off.
    context.add_init_script("Object.defineProperty(performance, 'timeOrigin', {value: performance.timeOrigin - 3.6e6})")
    page = context.new_page()
    log_in(page, "bob")
    page.goto("/webcam/")
    page.get_by_role("button", name="Start sending").click()
    wait_for(lambda: count(page, "taken") >= 3, 20, "pictures")
    status, body = house.get("/api/v1/cameras/webcam-bob", Authorization=f"Bearer {token}")
    assert re.search(rb'"clock": ?"source"', body), body
    client = http.client.HTTPConnection("127.0.0.1", house.port, timeout=5)
    client.request("GET", "/live/webcam-bob/frame.jpg", headers={"Authorization": f"Bearer {token}"})
    reply = client.getresponse()
    reply.read()
    assert -0.2 < time.time() - float(reply.headers["X-Timestamp"]) < 2.5
    client.close()
    context.close()


def test_a_join_link_in_another_profile_and_its_end(house: RealHouse, token: str, browser: Browser) -> None:
    owner = person(browser, house)
    alice = owner.new_page()
    log_in(alice, "alice")
    alice.goto("/webcam/")
    alice.fill("[name=name]", "Phone in the hall")
    alice.get_by_label("The link works for").select_option("1")
    keep_pictures(alice, "webcam-owner")
    alice.get_by_role("button", name="Make camera and link").click()
    link = alice.input_value("#join-link")
    keep_pictures(alice, "webcam-join-link")
    guest = person(browser, house)
    page = guest.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    # The link carries the machine's address in the network; only localhost is secure without TLS.
    page.goto(re.sub(r"^http://[^/]+", house.url, link))
    assert page.evaluate("location.href").endswith("/webcam/join/")
    keep_pictures(page, "webcam-join")
    page.get_by_role("button", name="Start sending").click()
    expect(page.locator("h1")).to_contain_text("Phone in the hall")
    wait_for(lambda: online(house, token, "phone-in-the-hall"), 15, "the camera")
    wait_for(lambda: count(page, "taken") >= 2, 10, "pictures")
    secret = link.partition("#")[2]
    assert len(secret) == 43 and not any(secret in url for url in asked)
    assert secret not in str(page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie, history.state]"))
    alice.goto("/cameras/phone-in-the-hall/links/")
    expect(alice.locator(".rows")).to_contain_text("just now")
    keep_pictures(alice, "webcam-links")
    alice.get_by_role("button", name="Take back").click()
    expect(page.locator("#webcam-trouble")).to_contain_text("taken back", timeout=5_000)
    expect(page.get_by_role("button", name="Start sending")).to_be_disabled()
    keep_pictures(page, "webcam-over")
    assert page.evaluate("document.querySelector('video').srcObject === null")
    assert secret not in house.log()
    # Loaded anew it knows nothing.
    page.reload()
    expect(page.locator("#webcam-no-secret")).to_be_visible()
    expect(page.get_by_role("button", name="Start sending")).to_be_disabled()
    owner.close()
    guest.close()


def test_without_a_socket_it_goes_by_single_posts(house: RealHouse, token: str, bob: Page) -> None:
    bob.add_init_script("window.WebSocket = class extends WebSocket { constructor(url) { super(url + 'nowhere/'); } }")
    bob.reload()
    bob.get_by_role("button", name="Start sending").click()
    expect(bob.locator("#webcam-say")).to_contain_text("You are sending", timeout=15_000)
    wait_for(lambda: count(bob, "taken") >= 3, 15, "pictures that were taken")
    assert online(house, token, "webcam-bob")


def test_logged_out_elsewhere(house: RealHouse, token: str, bob: Page) -> None:
    bob.get_by_role("button", name="Start sending").click()
    expect(bob.locator("#webcam-say")).to_contain_text("You are sending", timeout=15_000)
    other = bob.context.new_page()
    other.goto("/me/")
    other.evaluate("document.querySelector('form[action$=\"/logout/\"]').submit()")
    expect(bob.locator("#webcam-trouble")).to_contain_text("not logged in", timeout=6_000)
    expect(bob.get_by_role("link", name="Log in")).to_have_attribute("href", "/accounts/login/?next=/webcam/")


def test_the_second_page_takes_over(house: RealHouse, token: str, bob: Page) -> None:
    bob.get_by_role("button", name="Start sending").click()
    expect(bob.locator("#webcam-say")).to_contain_text("You are sending", timeout=15_000)
    other = bob.context.new_page()
    other.goto("/webcam/")
    other.get_by_role("button", name="Start sending").click()
    expect(other.locator("#webcam-say")).to_contain_text("You are sending", timeout=15_000)
    expect(bob.locator("#webcam-trouble")).to_contain_text("Another page or device", timeout=6_000)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotFoundError", "has no camera"),
        ("NotReadableError", "is busy"),
        ("NotAllowedError", "may not use the camera"),
    ],
)
def test_no_camera_and_a_busy_one_are_told(error: str, words: str, bob: Page) -> None:
    bob.evaluate(
        "(name) => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name)); }", error
    )
    bob.get_by_role("button", name="Start sending").click()
    expect(bob.locator("#webcam-trouble")).to_contain_text(words)
    expect(bob.get_by_role("button", name="Start sending")).to_be_enabled()


def test_a_camera_that_pauses_or_is_unplugged_is_told(house: RealHouse, bob: Page) -> None:
    bob.get_by_role("button", name="Start sending").click()
    expect(bob.locator("#webcam-say")).to_contain_text("You are sending", timeout=15_000)
    track = "document.querySelector('video').srcObject.getVideoTracks()[0]"
    bob.evaluate(f"{track}.dispatchEvent(new Event('mute'))")
    expect(bob.locator("#webcam-trouble")).to_contain_text("paused the camera", timeout=5_000)
    sent = count(bob, "sent")
    bob.wait_for_timeout(2_500)
    assert count(bob, "sent") == sent  # an old picture is not sent as one of now
    bob.evaluate(f"{track}.dispatchEvent(new Event('unmute'))")
    wait_for(lambda: count(bob, "sent") > sent, 5, "pictures again")
    bob.evaluate(f"{track}.dispatchEvent(new Event('ended'))")
    expect(bob.locator("#webcam-trouble")).to_contain_text("unplugged")


def test_without_https_it_says_so(house: RealHouse, browser: Browser) -> None:
    context = person(browser, house)
    page = context.new_page()
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
    log_in(page, "alice")
    page.goto("/webcam/")
    expect(page.locator("#webcam-insecure")).to_contain_text("This page needs HTTPS")
    expect(page.locator("#webcam-insecure")).to_contain_text("TLS=local")
    expect(page.locator("#webcam-button")).to_be_hidden()
    keep_pictures(page, "webcam-insecure")
    context.close()


def test_permission_denied_is_told_in_words(house: RealHouse, strict_browser: Browser) -> None:
    context = person(strict_browser, house)
    page = context.new_page()
    log_in(page, "bob")
    page.goto("/webcam/")
    page.get_by_role("button", name="Start sending").click()
    expect(page.locator("#webcam-trouble")).to_contain_text("may not use the camera", timeout=15_000)
    keep_pictures(page, "webcam-denied")
    context.close()
