"""The real processes and two members with open pages: how soon everybody sees it, and what a web process that dies
loses."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.house import wait_for
from tests.test_e2e import CHROMIUM, FLAGS, PASSWORD, log_in
from tests.test_ring_house import DoorHouse

pytestmark = [pytest.mark.e2e, pytest.mark.processes]
# When the first card and its first picture stood on the page, in seconds since the epoch.
SEEN = """
window.seen = {};
const once = (name, is) => { if (is) window.seen[name] ??= Date.now() / 1000; };
const look = () => {
  once("card", document.querySelector(".ring-card"));
  once("picture", document.querySelector(".ring-card canvas:not([hidden])"));
  once("answer", document.querySelector(".ring-answered"));
  requestAnimationFrame(look);
};
look();
window.badges = 0;
document.addEventListener("fairwatch:badge", () => { window.badges += 1; });
"""


@pytest.fixture
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[DoorHouse]:
    house = DoorHouse(tmp_path)
    house.add_door("pattern:")
    house.arrange(
        ("adduser", "alice", "--role", "owner"),
        ("adduser", "bob", "--role", "member"),
        ("grant", "bob", "door", "watch,playback"),
        ADDUSER_PASSWORD=PASSWORD,
    )
    house.start()
    house.until_state("online")
    yield house
    house.stop()


def member(browser: Browser, house: DoorHouse, name: str, path: str) -> Page:
    context = browser.new_context(base_url=house.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    context.add_init_script(SEEN)
    page = context.new_page()
    log_in(page, name)
    page.goto(path)
    wait_for(lambda: page.evaluate("window.badges > 0"), 30, "the line for rings")
    return page


def seen(page: Page, what: str) -> float:
    return float(str(wait_for(lambda: page.evaluate(f"window.seen.{what}"), 30, what)))


def test_everybody_sees_it_within_the_blink_of_an_eye_and_who_answers(house: DoorHouse, browser: Browser) -> None:
    pages = [member(browser, house, "alice", "/settings/"), member(browser, house, "bob", "/")]
    pressed = time.time()
    assert house.ring(X_Event_Id="one")[0] == 202
    told = [seen(page, "card") - pressed for page in pages]
    shown = seen(pages[0], "picture") - pressed
    print(f"cards {', '.join(f'{one:.3f}' for one in told)} s after the press, the live picture after {shown:.3f} s")
    assert max(told) < 5 and shown < 20
    pages[1].get_by_role("button", name="Coming!").click()
    answered = time.time()
    expect(pages[0].locator(".ring-card")).to_contain_text("bob answered first: Coming!")
    print(f"the answer stood on the other page after {seen(pages[0], 'answer') - answered:.3f} s")
    (row,) = house.rings()
    assert row["acknowledged_by"] == "bob"
    assert [one["user_name"] for one in house.rows("main_ringanswer")] == ["bob"]


def test_a_ring_while_web_is_away_is_told_when_it_is_back(house: DoorHouse, browser: Browser) -> None:
    page = member(browser, house, "bob", "/logs/")
    for pid in house.pids("web"):
        os.kill(pid, signal.SIGKILL)
    # The button on the wall speaks with the engine.
    house.manage("shell", "-v", "0", "-c", RING)
    assert len(house.rings()) == 1
    expect(page.locator(".ring-card")).to_contain_text("Door", timeout=60_000)


RING = """
from django.conf import settings
from camera import bus
from camera.commands import ask_engine
engine = bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands
answer, _ = ask_engine(engine, "ring", {"slug": "door", "way": "pin", "id": "wall-1"})
assert answer["ok"], answer
"""
