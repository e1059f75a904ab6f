"""The screen at the door in real Chromium, over a whole real house: paired, pressed, answered, sent away."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.house import RealHouse, wait_for
from tests.kiosk_stage import (
    CODE,
    LANDSCAPE,
    PORTRAIT,
    alice,
    answer,
    browser,
    house,
    keep_page,
    keep_pictures,
    kept,
    let_in,
    new_screen,
    words,
)

__all__ = ["alice", "browser", "house"]  # fixtures

pytestmark = pytest.mark.e2e


def test_paired_pressed_answered(house: RealHouse, browser: Browser, alice: Page) -> None:
    context = new_screen(browser, house)
    screen = context.new_page()
    faults: list[str] = []
    screen.on("pageerror", lambda error: faults.append(str(error)))
    screen.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    screen.goto("/kiosk/")
    expect(screen.locator("#kiosk-code")).to_have_text(CODE)
    keep_pictures(screen, "pairing")
    let_in(alice, screen)
    expect(screen.locator("#kiosk-time")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    keep_pictures(screen, "idle")
    screen.locator("#kiosk-ring").tap()
    expect(words(screen)).to_have_text("They know you are here.")
    assert kept(screen) == []
    keep_pictures(screen, "known")
    answer(alice, "door", "Coming!")
    expect(words(screen)).to_have_text("Coming!")
    expect(screen.locator("#kiosk-by")).to_have_text("alice")
    keep_pictures(screen, "answer")
    assert screen.evaluate("window.spokenWords") == [["Coming!", "en", "en-GB"]]
    # A page that begins anew shows it again, but does not say it twice.
    screen.reload()
    expect(words(screen)).to_have_text("Coming!")
    assert screen.evaluate("window.spokenWords") == []
    assert faults == []
    context.close()


def test_in_german_and_by_keyboard(house: RealHouse, browser: Browser, alice: Page) -> None:
    context = new_screen(browser, house, reduced_motion="reduce")
    screen = context.new_page()
    let_in(alice, screen, "Gate", "de")
    expect(screen.locator("#kiosk-ring-word")).to_have_text("Klingeln")
    expect(screen.locator("html")).to_have_attribute("lang", "de")
    expect(screen.locator("#kiosk-ring")).to_be_enabled(timeout=30_000)
    screen.keyboard.press("Tab")
    screen.keyboard.press("Enter")
    expect(words(screen)).to_have_text("Man weiß, dass Sie da sind.")
    assert screen.locator("#kiosk-ring svg").evaluate("one => getComputedStyle(one).animationName") == "none"
    answer(alice, "gate", "")
    expect(words(screen)).to_have_text("Jemand kümmert sich darum.")
    wait_for(lambda: screen.evaluate("window.spokenWords.length"), 10, "the voice")
    assert screen.evaluate("window.spokenWords[0]") == ["Jemand kümmert sich darum.", "de", "de_DE"]
    context.close()


def test_another_button_at_the_same_door(house: RealHouse, browser: Browser, alice: Page) -> None:
    first, second = new_screen(browser, house), new_screen(browser, house)
    here, beside = first.new_page(), second.new_page()
    let_in(alice, here, "Attic")
    let_in(alice, beside, "Attic", name="Beside it")
    beside.locator("#kiosk-ring").tap()
    expect(words(here)).to_have_text("They know you are here.", timeout=20_000)
    answer(alice, "attic", "Coming!")
    for screen in (here, beside):
        expect(words(screen)).to_have_text("Coming!", timeout=20_000)
    first.close()
    second.close()


def test_sent_away_it_shows_a_code(house: RealHouse, browser: Browser, alice: Page) -> None:
    context = new_screen(browser, house)
    screen = context.new_page()
    let_in(alice, screen, "Cellar", name="Cellar door")
    # No way out to other pages, whatever is typed.
    for path in ("/", "/settings/", "/accounts/login/", "/admin/"):
        screen.goto(path)
        expect(screen).to_have_url(re.compile(r"/kiosk/$"))
    assert screen.locator("a, form, iframe, input").count() == 0
    expect(screen.locator("#kiosk-ring")).to_be_visible()
    screen.route("**/kiosk/ring/", lambda route: route.abort())
    screen.locator("#kiosk-ring").tap()
    wait_for(lambda: kept(screen), 10, "the press")
    alice.goto("/people/kiosks/")
    keep_page(alice, "owners")
    alice.goto(str(alice.get_by_role("link", name="Change Cellar door").get_attribute("href")))
    keep_page(alice, "owners-one")
    alice.once("dialog", lambda dialog: dialog.accept())
    alice.get_by_role("button", name="End this screen").click()
    expect(alice.locator(".messages")).to_contain_text("is no screen of the house any more")
    expect(screen.locator("#kiosk-code")).to_have_text(CODE, timeout=30_000)
    # What it kept is nobody's any more: it must not ring as the next screen that is paired here.
    assert kept(screen) == []
    context.close()


def test_hostile_words_are_words(house: RealHouse, browser: Browser, alice: Page) -> None:
    bad = "<img src=x onerror='window.broken=1'>"
    context = new_screen(browser, house)
    screen = context.new_page()
    let_in(alice, screen, "Porch", name=bad)
    screen.locator("#kiosk-ring").tap()
    expect(words(screen)).to_have_text("They know you are here.")
    answer(alice, "porch", bad)
    expect(words(screen)).to_have_text(bad)
    assert screen.evaluate("window.broken") is None and screen.locator("img").count() == 0
    alice.goto("/people/kiosks/")
    assert alice.evaluate("window.broken") is None
    context.close()


@pytest.fixture(scope="module")
def blank(browser: Browser, house: RealHouse) -> Iterator[Page]:
    """A page of the house whose scripts can be asked one by one."""
    context = new_screen(browser, house)
    page = context.new_page()
    page.goto("/accounts/login/")
    yield page
    context.close()


# What every language says, and the longest that anybody can answer, each with the words on the line above it.
FITS = """async (state) => {
  const { Screen } = await import("/static/js/kiosk-screen.js");
  const { words } = await import("/static/js/kiosk-words.js");
  const screen = new Screen(state, { known: true, now: () => 1.8e9 });
  const place = document.querySelector("#kiosk-words");
  const size = () => parseFloat(getComputedStyle(place).fontSize);
  const found = { cut: [], wide: [], least: 99 };
  const odd = "Donaudampfschifffahrt ".repeat(9);
  const long = ["W".repeat(200), "word ".repeat(40), odd, "\u0634\u0643\u0631 ".repeat(50)];
  for (const language of ["en", "de", "es", "fr", "it", "nl", "pl", "pt"]) {
    screen.take({ ...state, language });
    const say = words(language);
    screen.line(say("line", { time: "00:46" }));
    const own = ["ringing", "known", "sees", "kept", "late", "refused"].map((name) => say(name, { time: "00:46" }));
    for (const text of [...own, ...long]) {
      screen.say(text, { by: "A name of forty letters, more or less ..." });
      if (place.scrollHeight > place.clientHeight + 1) found.cut.push([language, text]);
      if (place.scrollWidth > place.clientWidth) found.wide.push(text);
      // The house's name alone is cut, by three dots.
      for (const one of document.querySelectorAll("#kiosk *:not(bdi)")) {
        const box = one.getBoundingClientRect();
        if (box.right > innerWidth || box.bottom > innerHeight) found.wide.push(one.id);
      }
      found.least = Math.min(found.least, size());
    }
    screen.take({ ...state, language, texts: [{ lang: language, text: "Please ring. ".repeat(23) }] });
    screen.quiet();
    const notice = document.querySelector("#kiosk-text");
    if (notice.scrollHeight > notice.clientHeight + 1) found.cut.push([language, "the notice"]);
    const word = document.querySelector("#kiosk-ring-word");
    if (word.scrollWidth > word.parentElement.clientWidth) found.wide.push(word.textContent);
  }
  screen.line("");
  screen.say("Please leave it at the door.", { by: "alice" });
  found.large = size();
  const box = document.querySelector("#kiosk-ring").getBoundingClientRect();
  return { ...found, button: box.width * box.height };
}"""
# The module's Screen over the screen's own markup, with a clock of the test's.
STAGE = """async ([state, now]) => {
  const parts = "house line idle time date text say words by recorded watched ring-word";
  for (const id of parts.split(" ")) {
    document.body.append(Object.assign(document.createElement("p"), { id: `kiosk-${id}` }));
  }
  document.body.append(Object.assign(document.createElement("button"), { id: "kiosk-ring" }));
  const { Screen } = await import("/static/js/kiosk-screen.js");
  window.clock = { known: true, at: now, now() { return this.at; } };
  window.screenHere = new Screen(state, window.clock);
}"""
STATE = {
    "house": "The long house of the Smiths and all who live with them", "camera": "yard", "texts": [],
    "watching": ["alice", "bob"], "filmed": True,
    "keeps": "always", "language": "en", "zone": "Europe/Berlin",
}  # fmt: skip


def shown(page: Page, at: float) -> list[str]:
    found: list[str] = page.evaluate(
        """(at) => { clock.at = at; screenHere.tick();
          return ["time", "date"].map((id) => document.querySelector(`#kiosk-${id}`).textContent); }""",
        at,
    )
    return found


def test_midnight_and_summer_time_by_the_houses_clock(blank: Page) -> None:
    midnight = datetime(2026, 11, 22, 23, 0, tzinfo=UTC).timestamp()
    blank.evaluate(STAGE, [STATE, midnight])
    assert shown(blank, midnight - 1) == ["23:59", "Sunday 22 November"]
    assert shown(blank, midnight) == ["00:00", "Monday 23 November"]
    spring = datetime(2027, 3, 28, 1, 0, tzinfo=UTC).timestamp()
    assert [shown(blank, at)[0] for at in (spring - 1, spring)] == ["01:59", "03:00"]
    assert blank.locator("#kiosk-watched").text_content() == "Watching now: alice and bob."
    moved = blank.evaluate(
        """() => Array.from({ length: 24 }, () => { screenHere.shift();
          const style = getComputedStyle(document.documentElement);
          return ["--kiosk-x", "--kiosk-y"].map((name) => parseInt(style.getPropertyValue(name))); })"""
    )
    # Every minute a little, in both directions, never off the edge.
    assert {place for x, y in moved for place in (abs(x) <= 8, abs(y) <= 8)} == {True} and len(
        {*map(tuple, moved)}
    ) >= 10
    assert {x > 0 for x, _ in moved} == {y > 0 for _, y in moved} == {True, False}


def test_everything_fits_and_the_button_is_a_third(house: RealHouse, browser: Browser, alice: Page) -> None:
    context = new_screen(browser, house)
    screen = context.new_page()
    let_in(alice, screen, "Barn")
    for size in (LANDSCAPE, PORTRAIT, {"width": 1024, "height": 600}, {"width": 1280, "height": 720}):
        screen.set_viewport_size(size)  # type: ignore[arg-type]
        found = screen.evaluate(FITS, STATE)
        assert found["cut"] == [] and found["wide"] == [], size
        assert found["button"] >= (size["width"] - 16) * (size["height"] - 16) / 3
        assert found["large"] >= 40 and found["least"] >= 16
    context.close()
