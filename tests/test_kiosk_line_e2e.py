"""The screen at the door when the line, the house or the page goes away: no press is lost, and none is told twice."""

import re
import time
from datetime import datetime

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.house import RealHouse, wait_for
from tests.kiosk_stage import alice, answer, browser, house, keep_pictures, kept, let_in, new_screen, rung, words

__all__ = ["alice", "browser", "house"]  # fixtures

pytestmark = pytest.mark.e2e


def test_without_a_line_it_is_kept_and_told_later(house: RealHouse, browser: Browser, alice: Page) -> None:
    context = new_screen(browser, house)
    screen = context.new_page()
    let_in(alice, screen, "Shed")
    context.set_offline(True)
    pressed = time.time()
    screen.locator("#kiosk-ring").tap()
    expect(words(screen)).to_contain_text("The house cannot be reached.")
    assert len(kept(screen)) == 1 and rung(alice, "shed") == []
    expect(screen.locator("#kiosk-line")).to_contain_text("No connection to the house since", timeout=40_000)
    expect(screen.locator("#kiosk-watched")).to_be_hidden()
    keep_pictures(screen, "away")
    context.set_offline(False)
    found = wait_for(lambda: rung(alice, "shed"), 60, "the ring to be told")
    wait_for(lambda: not kept(screen), 20, "the screen to know it")
    expect(screen.locator("#kiosk-line")).to_be_hidden(timeout=40_000)
    at = datetime.fromisoformat(found[0]["started_at"]).timestamp()  # type: ignore[index]
    assert abs(at - pressed) < 5, "it is told with the time of the press, not of the line"
    context.close()


def test_a_press_outlives_the_page_and_is_told_once(house: RealHouse, browser: Browser, alice: Page) -> None:
    context = new_screen(browser, house)
    screen = context.new_page()
    let_in(alice, screen, "Barn")
    # The house takes it, but its answer gets lost: the same press comes again.
    screen.route("**/kiosk/ring/", lambda route: (route.fetch(), route.abort()))
    screen.locator("#kiosk-ring").tap()
    expect(words(screen)).to_contain_text("Your ring is kept")
    assert len(kept(screen)) == 1
    screen.unroute_all(behavior="ignoreErrors")
    screen.reload()
    wait_for(lambda: not kept(screen), 40, "the press to be told")
    found = rung(alice, "barn")
    assert len(found) == 1 and "pressed" not in (found[0]["label"] or "")
    context.close()


def test_the_house_restarts_and_the_page_stays(house: RealHouse, browser: Browser, alice: Page) -> None:
    context = new_screen(browser, house)
    screen = context.new_page()
    let_in(alice, screen, "Attic")
    screen.evaluate("window.sameAsBefore = true")
    house.stop()
    screen.locator("#kiosk-ring").tap()
    expect(words(screen)).to_contain_text("The house cannot be reached.", timeout=30_000)
    house.start()
    wait_for(lambda: rung(alice, "attic"), 60, "the ring to be told")
    wait_for(lambda: not kept(screen), 30, "the screen to know it")
    expect(screen.locator("#kiosk-line")).to_be_hidden(timeout=60_000)
    answer(alice, "attic", "One moment, please.")
    expect(words(screen)).to_have_text("One moment, please.", timeout=30_000)
    assert screen.evaluate("window.sameAsBefore")
    context.close()


def test_its_session_is_over_and_nobody_notices(house: RealHouse, browser: Browser, alice: Page) -> None:
    context = new_screen(browser, house)
    screen = context.new_page()
    let_in(alice, screen, "Gate")
    screen.evaluate("window.sameAsBefore = true")
    old = {cookie["name"]: cookie["value"] for cookie in context.cookies()}
    context.clear_cookies(name="sessionid")
    screen.locator("#kiosk-ring").tap()
    expect(words(screen)).to_have_text("They know you are here.")
    # The next look at the state makes a session anew, and with it another token against forgery.
    with screen.expect_response("**/kiosk/state/", timeout=60_000):
        pass
    now = {cookie["name"]: cookie["value"] for cookie in context.cookies()}
    assert now["sessionid"] != old["sessionid"] and now["csrftoken"] != old["csrftoken"]
    context.set_offline(True)
    wait_for(lambda: screen.locator("#kiosk-line").is_visible(), 60, "the line to be gone")
    screen.locator("#kiosk-ring").tap()
    assert len(kept(screen)) == 1
    context.set_offline(False)
    wait_for(lambda: not kept(screen), 60, "the press to be told")
    assert screen.evaluate("window.sameAsBefore")
    context.close()


def test_a_page_that_has_gone_stale_begins_anew_but_not_while_the_house_is_away(
    house: RealHouse, browser: Browser, alice: Page
) -> None:
    context = new_screen(browser, house)
    screen = context.new_page()
    screen.clock.install()
    let_in(alice, screen, "Porch")
    screen.evaluate("window.sameAsBefore = true")
    # The house answers, but with nothing this page can use; and then not even that.
    screen.route("**/kiosk/state/", lambda route: route.fulfill(status=500, body="broken"))
    screen.route("**/kiosk/", lambda route: route.abort())
    with screen.expect_request(re.compile("/kiosk/$"), timeout=60_000):
        screen.clock.fast_forward(200_000)
    assert screen.evaluate("window.sameAsBefore")
    screen.unroute("**/kiosk/")
    screen.clock.fast_forward(20_000)
    wait_for(lambda: not is_the_same(screen), 30, "the page to begin anew")
    expect(screen.locator("#kiosk-ring")).to_be_visible()
    context.close()


def is_the_same(screen: Page) -> bool:
    """Whether the page is still the one that was marked."""
    try:
        return bool(screen.evaluate("window.sameAsBefore ?? false"))
    except Error:
        return True  # between two pages
