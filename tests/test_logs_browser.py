"""«Record this session» in real Chromium over a whole real house: recorded, left, told in the log, deleted."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.house import RealHouse, wait_for
from tests.test_e2e import FLAGS, PASSWORD, expect_moving, log_in, person

pytestmark = [pytest.mark.e2e, pytest.mark.processes]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
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
    house = RealHouse(tmp_path_factory.mktemp("logs"))
    house.arrange(
        ("adduser", "alice", "--role", "owner"),
        ("adduser", "bob", "--role", "member"),
        ("addcamera", "Yard", "pattern:", "--slug", "yard"),
        ("grant", "bob", "yard", "watch,record,playback"),
        ADDUSER_PASSWORD=PASSWORD,
    )
    house.start()
    yield house
    house.stop()
    print(house.log()[-4000:])


@pytest.fixture
def context(browser: Browser, house: RealHouse) -> Iterator[BrowserContext]:
    context = person(browser, house)
    yield context
    context.close()


def shoot(page: Page, name: str) -> None:
    """Pictures of the page as a phone and a wide screen show it."""
    if not PICTURES:
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, height in ((360, 740), (1440, 900)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(300)
            page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}-{scheme}.png"), full_page=True)


def detect(house: RealHouse, how: str) -> None:
    work = f"from camera.models import Camera as C; C.objects.update(detect='{how}'); C.objects.changed()"
    house.manage("shell", "-v", "0", "-c", work)


def viewings(house: RealHouse, token: str) -> list[dict[str, object]]:
    items: list[dict[str, object]] = house.api("viewings?user=bob", token)["items"]  # type: ignore[assignment]
    return items


def test_a_session_is_recorded_told_and_deleted(house: RealHouse, context: BrowserContext) -> None:
    token = house.manage("addtoken", "alice", "test")
    detect(house, "off")  # or a motion would need the recording
    page = context.new_page()
    log_in(page, "bob")
    page.goto("/live/yard/")
    expect_moving(page)
    page.get_by_role("button", name="Record this session").click()
    told = page.locator("[data-recording]")
    expect(told).to_have_text("▮ Recording (you asked)", timeout=10_000)
    expect(page.get_by_role("button", name="Stop recording")).to_be_enabled()
    expect(page.locator(".tile-state")).to_contain_text("▮ Recording")
    session = page.locator("[data-record]").get_attribute("data-session")
    page.wait_for_timeout(2500)  # video to keep
    shoot(page, "live-recording")
    page.goto("/logs/")
    house_tells = [one for one in wait_for(lambda: ended(house, token), 15, "the viewing's end")]  # type: ignore[attr-defined]
    assert [one["recorded"] for one in house_tells if one["recordings"]]
    films = wait_for(lambda: closed(house, token), 20, "the recording's end")
    assert [one["trigger"] for one in films] == ["session"]  # type: ignore[attr-defined]
    page.reload()
    # Not any line: a glimpse of the wall right before may be covered by the recording as well.
    line = page.locator(f"#v{session}")
    expect(line).to_contain_text(re.compile(r"You watched\s+Yard .* — recorded"))
    shoot(page, "log-recorded")
    line.get_by_role("link", name="Delete").click()
    expect(page.locator("main")).to_contain_text(re.compile(r"Deletes 1 log entry and 1 recording, [\d.]+ [kM]B\."))
    shoot(page, "log-delete")
    page.get_by_role("button", name="Delete log entry").click()
    expect(page.locator(".messages")).to_contain_text("Deleted 1 log entry and 1 recording")
    assert house.api("recordings?camera=yard", token)["items"] == []
    storage = house.folder / "media" / "recordings"
    wait_for(lambda: not list(storage.rglob("*.mp4*")), 15, "the file to be gone")
    assert house.manage("checkmedia") is not None  # exit 0: rows and files agree


def ended(house: RealHouse, token: str) -> list[dict[str, object]]:
    rows = viewings(house, token)
    return rows if rows and all(one["ended_at"] for one in rows) else []


def closed(house: RealHouse, token: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = house.api("recordings?camera=yard", token)["items"]  # type: ignore[assignment]
    return rows if rows and all(one["state"] == "closed" for one in rows) else []


def test_an_engine_that_does_not_answer_is_told(house: RealHouse, context: BrowserContext) -> None:
    page = context.new_page()
    log_in(page, "bob")
    page.goto("/live/yard/")
    expect_moving(page)
    engines = house.pids("engine")
    for pid in engines:
        os.kill(pid, signal.SIGSTOP)
    try:
        page.get_by_role("button", name="Record this session").click()
        expect(page.locator("[data-record-told]")).to_contain_text("The engine is down", timeout=10_000)
        expect(page.get_by_role("button", name="Record this session")).to_be_enabled()
        shoot(page, "live-engine-down")
    finally:
        for pid in engines:
            os.kill(pid, signal.SIGCONT)


def test_todays_events_stand_under_the_picture(house: RealHouse, context: BrowserContext) -> None:
    token = house.manage("addtoken", "alice", "events")
    detect(house, "background")
    wait_for(lambda: [one for one in house.api("events", token)["items"] if one["image"]], 60, "a motion")  # type: ignore[attr-defined]
    page = context.new_page()
    log_in(page, "bob")
    page.goto("/live/yard/")
    expect_moving(page)
    picture = page.locator(".today-events img").first
    picture.scroll_into_view_if_needed()
    wait_for(lambda: picture.evaluate("one => one.naturalWidth > 0"), 10, "the still")
    shoot(page, "live-events")


def test_stopping_by_the_button_ends_it(house: RealHouse, context: BrowserContext) -> None:
    page = context.new_page()
    log_in(page, "bob")
    page.goto("/live/yard/")
    expect_moving(page)
    page.get_by_role("button", name="Record this session").click()
    told = page.locator("[data-recording]")
    expect(told).to_have_text("▮ Recording (you asked)", timeout=10_000)
    page.get_by_role("button", name="Stop recording").click()
    expect(told).to_be_hidden(timeout=15_000)
    expect(page.get_by_role("button", name="Record this session")).to_be_enabled()


def test_without_a_script_it_is_recorded_too(house: RealHouse, browser: Browser) -> None:
    context = browser.new_context(base_url=house.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page, "bob")
    page.goto("/live/yard/", wait_until="commit")
    page.get_by_role("button", name="Record this session").click(no_wait_after=True)
    expect(page.get_by_role("button", name="Stop recording")).to_be_visible(timeout=10_000)
    expect(page.locator("[data-recording]")).to_contain_text(re.compile("▮ Recording|To be recorded"))
    context.close()
