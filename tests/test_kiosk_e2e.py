"""The screen at the door in real Chromium, over a whole real house: paired, pressed, answered, cut off, sent away."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.house import RealHouse, wait_for
from tests.test_e2e import CHROMIUM, FLAGS, PASSWORD, log_in, person

pytestmark = pytest.mark.e2e
PICTURES = os.environ.get("FAIRWATCH_TEST_PICTURES")
# As deploy/kiosk/ starts it, as far as a machine without a screen can.
KIOSK_FLAGS = [*FLAGS, "--disable-pinch", "--overscroll-history-navigation=0", "--noerrdialogs", "--disable-infobars"]
LANDSCAPE, PORTRAIT = {"width": 800, "height": 480}, {"width": 480, "height": 800}
SPEECH = """
window.spokenWords = [];
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
Object.defineProperty(window, "speechSynthesis", { value: {
  getVoices: () => [{ lang: "en-GB" }, { lang: "de_DE" }], cancel() {},
  speak(one) { window.spokenWords.push([one.text, one.lang, one.voice?.lang]); },
}});
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=KIOSK_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("kiosk"))
    house.start()
    house.arrange(
        ("adduser", "alice", "--role", "owner"),
        ("adduser", "bob", "--role", "member"),
        ("addcamera", "Front door", "pattern:", "--slug", "door"),
        ("grant", "bob", "door", "watch"),
        ADDUSER_PASSWORD=PASSWORD,
    )
    yield house
    house.stop()
    print(house.log())


@pytest.fixture(scope="module")
def alice(browser: Browser, house: RealHouse) -> Iterator[Page]:
    context = person(browser, house)
    page = context.new_page()
    log_in(page, "alice")
    yield page
    context.close()


@pytest.fixture(scope="module")
def bob(browser: Browser, house: RealHouse) -> Iterator[Page]:
    context = person(browser, house)
    page = context.new_page()
    log_in(page, "bob")
    yield page
    context.close()


def new_screen(browser: Browser, house: RealHouse, **more: Any) -> BrowserContext:
    options: dict[str, Any] = {"viewport": LANDSCAPE, "has_touch": True, "base_url": house.url} | more
    context = browser.new_context(**options)
    context.set_default_timeout(20_000)
    context.add_init_script(SPEECH)
    return context


def let_in(owner: Page, screen: Page, name: str = "Front door", language: str = "en") -> None:
    """An owner types the code that the screen shows."""
    screen.goto("/kiosk/")
    code = screen.locator("#kiosk-code")
    expect(code).to_have_text(re.compile(r"^[A-Z0-9]{3} [A-Z0-9]{3}$"), timeout=20_000)
    owner.goto("/people/kiosks/")
    owner.fill("[name=code]", code.inner_text().lower())
    owner.fill("[name=name]", name)
    owner.select_option("[name=camera]", label="Front door")
    owner.select_option("[name=language]", language)
    owner.get_by_role("button", name="Let it in").click()
    expect(owner.locator(".messages")).to_contain_text("is paired")
    expect(screen.locator("#kiosk-ring")).to_be_visible(timeout=30_000)


def words(screen: Page) -> Any:
    return screen.locator("#kiosk-words")


def answered(page: Page, text: str) -> None:
    """A person answers the newest ring by the API, as the page they see would."""
    reply = page.evaluate(
        """async (text) => {
          const list = await (await fetch("/api/v1/events?kind=ring")).json();
          const csrf = document.cookie.match(/csrftoken=([^;]+)/)[1];
          const reply = await fetch(`/api/v1/events/${list.items[0].id}/answer`, { method: "POST",
            headers: { "Content-Type": "application/json", "X-CSRFToken": csrf }, body: JSON.stringify({ text }) });
          return [reply.status, await reply.text()];
        }""",
        text,
    )
    assert reply[0] == 200, reply


def keep_pictures(page: Page, name: str) -> None:
    if not PICTURES:
        return
    for shape, size in (("landscape", LANDSCAPE), ("portrait", PORTRAIT)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.wait_for_timeout(200)
        page.screenshot(path=str(Path(PICTURES) / f"kiosk-{name}-{shape}.png"))
    page.set_viewport_size(LANDSCAPE)  # type: ignore[arg-type]


def test_paired_pressed_answered(house: RealHouse, browser: Browser, alice: Page) -> None:
    context = new_screen(browser, house)
    screen = context.new_page()
    faults: list[str] = []
    screen.on("pageerror", lambda error: faults.append(str(error)))
    screen.goto("/kiosk/")
    expect(screen.locator("#kiosk-code")).to_have_text(re.compile(r"^[A-Z0-9]{3} [A-Z0-9]{3}$"))
    keep_pictures(screen, "pairing")
    let_in(alice, screen)
    expect(screen.locator("#kiosk-time")).to_have_text(re.compile(r"\d\d:\d\d"))
    keep_pictures(screen, "idle")
    screen.locator("#kiosk-ring").tap()
    expect(words(screen)).to_have_text("They know you are here.")
    keep_pictures(screen, "known")
    answered(alice, "Coming!")
    expect(words(screen)).to_have_text("Coming!")
    expect(screen.locator("#kiosk-by")).to_have_text("alice")
    keep_pictures(screen, "answer")
    wait_for(lambda: screen.evaluate("window.spokenWords.length"), 10, "the voice")
    assert screen.evaluate("window.spokenWords") == [["Coming!", "en", None]]
    assert screen.evaluate("localStorage.getItem('fairwatch-presses')") == "[]"
    assert faults == []
    context.close()
