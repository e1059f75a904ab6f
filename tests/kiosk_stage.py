"""Real Chromium as the screen at the door, a whole real house, and an owner who lets it in."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.house import RealHouse, wait_for
from tests.test_e2e import CHROMIUM, FLAGS, PASSWORD, log_in, person

PICTURES = os.environ.get("FAIRWATCH_TEST_PICTURES")
# As deploy/kiosk/ starts it, as far as a machine without a screen can.
KIOSK_FLAGS = [*FLAGS, "--disable-pinch", "--overscroll-history-navigation=0", "--noerrdialogs", "--disable-infobars"]
CODE = re.compile(r"^[A-Z0-9]{3} [A-Z0-9]{3}$")
LANDSCAPE, PORTRAIT = {"width": 800, "height": 480}, {"width": 480, "height": 800}
# A camera for each test, so that none hears what is rung and answered in another.
PLACES = ("Gate", "Shed", "Barn", "Attic", "Cellar", "Porch")
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
        *(("addcamera", name, "push:", "--slug", name.lower()) for name in PLACES),
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


def new_screen(browser: Browser, house: RealHouse, **more: Any) -> BrowserContext:
    options: dict[str, Any] = {"viewport": LANDSCAPE, "has_touch": True, "base_url": house.url} | more
    context = browser.new_context(**options)
    context.set_default_timeout(20_000)
    context.add_init_script(SPEECH)
    return context


def let_in(
    owner: Page, screen: Page, camera: str = "Front door", language: str = "en", name: str = "The screen"
) -> None:
    """An owner types the code that the screen shows."""
    screen.goto("/kiosk/")
    code = screen.locator("#kiosk-code")
    expect(code).to_have_text(CODE, timeout=30_000)
    owner.goto("/people/kiosks/")
    owner.fill("[name=code]", code.inner_text().lower())
    owner.fill("[name=name]", name)
    owner.select_option("[name=camera]", label=camera)
    owner.select_option("[name=language]", language)
    owner.get_by_role("button", name="Let it in").click()
    expect(owner.locator(".messages")).to_contain_text("is paired")
    expect(screen.locator("#kiosk-ring")).to_be_visible(timeout=30_000)


def words(screen: Page) -> Locator:
    return screen.locator("#kiosk-words")


def kept(screen: Page) -> list[dict[str, Any]]:
    """The presses that the house does not have yet."""
    found: list[dict[str, Any]] = screen.evaluate("JSON.parse(localStorage.getItem('fairwatch-presses') ?? '[]')")
    return found


def rung(page: Page, slug: str) -> list[Any]:
    """The rings of a camera, newest first, as the API tells them."""
    found: list[Any] = page.evaluate(
        "async (slug) => (await (await fetch(`/api/v1/events?kind=ring&camera=${slug}`)).json()).items", slug
    )
    return found


def answer(page: Page, slug: str, text: str) -> None:
    """Somebody answers the newest ring there, as a page of theirs would."""
    ring = wait_for(lambda: rung(page, slug), 20, "the ring")[0]["id"]  # type: ignore[index]
    reply = page.evaluate(
        """async ([ring, text]) => {
          const csrf = document.cookie.match(/csrftoken=([^;]+)/)[1];
          const reply = await fetch(`/api/v1/events/${ring}/answer`, { method: "POST",
            headers: { "Content-Type": "application/json", "X-CSRFToken": csrf }, body: JSON.stringify({ text }) });
          return [reply.status, await reply.text()];
        }""",
        [ring, text],
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


def keep_page(page: Page, name: str) -> None:
    """A page for people, in the sizes and lights they have it in."""
    if not PICTURES:
        return
    for width, height in ((360, 740), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.wait_for_timeout(200)
            page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}-{scheme}.png"), full_page=True)
    page.emulate_media(color_scheme=None)
