"""The archive's pages in real Chromium for those who use keys, large letters or a small screen."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from camera.models import Camera, Event, Recording
from main.models import SiteSettings
from tests.archive_cast import filed, video
from tests.footage_cast import happened, recorded
from tests.live_house import Web
from tests.test_archive_browser import browser, log_in, until, web

__all__ = ["browser", "web"]
pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
YESTERDAY = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)
LONG = "🏡 حديقة المنزل Garten hinten am Zaun قط"
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shifted += one.value; })
  .observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture
def page(browser: Browser, web: Web, alice: User) -> Iterator[Page]:
    page = browser.new_page(base_url=f"http://127.0.0.1:{web.port}", viewport={"width": 1440, "height": 900})
    log_in(page, web)
    yield page
    page.close()


@pytest.fixture
def clip(tmp_path: Path, yard: Camera) -> Recording:
    return filed(yard, video(tmp_path / "made.mp4", seconds=20), YESTERDAY, seconds=20, width=320, height=180)


def busy(number: int) -> list[Camera]:
    """That many cameras with recordings and motion; the last one has nothing."""
    cameras = [Camera.objects.create(name=f"Camera {n}", slug=f"c{n}", kind="pattern") for n in range(number)]
    for camera in cameras[:-1]:
        for hour in range(6):
            made = recorded(camera, YESTERDAY + timedelta(hours=hour), 60)
            happened(camera, made.started_at, made, ended_at=made.started_at + timedelta(seconds=9))
    return cameras


def test_keys_work_after_a_button_was_pressed(page: Page, clip: Recording) -> None:
    page.goto(f"/recordings/{clip.pk}/")
    until(page, "document.querySelector('video').readyState >= 2")
    page.click("[data-move='10']")
    until(page, "document.querySelector('video').currentTime === 10")
    page.keyboard.press("j")
    until(page, "document.querySelector('video').currentTime === 0")
    page.keyboard.press(" ")  # the button's, which has the focus
    until(page, "document.querySelector('video').currentTime === 10")
    assert page.evaluate("document.querySelector('video').paused")


def test_the_player_is_laid_out_before_its_script_runs(page: Page, clip: Recording) -> None:
    page.add_init_script(SHIFTS)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"/recordings/{clip.pk}/")
    until(page, "document.querySelector('video').readyState >= 2")
    assert page.evaluate("window.shifted") < 0.02


def test_without_a_script_there_are_no_dead_buttons(browser: Browser, page: Page, clip: Recording) -> None:
    plain = browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state()).new_page()
    plain.goto(f"{page.url.rstrip('/')}/recordings/{clip.pk}/")
    expect(plain.locator("video")).to_be_visible()
    expect(plain.locator(".player-bar")).to_be_hidden()
    expect(plain.locator(".keys")).to_be_hidden()
    plain.context.close()


def test_pictures_of_many_cameras_stand_on_the_first_screen(page: Page) -> None:
    busy(7)
    page.goto("/recordings/")
    assert page.evaluate("document.querySelector('.clip').getBoundingClientRect().bottom") < 900
    # Nothing to be seen takes no room.
    assert page.locator(".strip").count() == 7 and page.locator(".strip-plot").count() == 6
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_role("link", name="To the list of recordings").click()
    until(page, "document.querySelector('.clip').getBoundingClientRect().top < 400")


def test_the_tab_key_passes_a_busy_day_and_arrows_go_through_it(page: Page) -> None:
    camera, _ = busy(2)
    happened(camera, YESTERDAY + timedelta(minutes=30), kind=Event.Kind.PERSON)
    page.goto("/recordings/?camera=c0")
    plot = page.locator(".strip-plot")
    plot.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("!document.activeElement.closest('svg')")
    plot.focus()
    told = page.locator("[data-told]")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(told).to_contain_text(f"{YESTERDAY:%H:%M}")
    for _ in range(3):
        if "Person" in told.inner_text():
            break
        page.keyboard.press("ArrowDown")
    expect(told).to_contain_text("Person at 09:30")
    page.keyboard.press("ArrowUp")
    expect(told).not_to_contain_text("Person")


@pytest.mark.parametrize("path", ["/recordings/", "/events/"])
def test_twice_the_size_of_letters_fits_a_phone(path: str, page: Page) -> None:
    busy(3)
    Camera.objects.filter(slug="c0").update(name=LONG)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_is_touched_is_44_pixels_high(page: Page, clip: Recording) -> None:
    happened(Camera.objects.get(slug="yard"), YESTERDAY, clip, ended_at=YESTERDAY + timedelta(seconds=5))
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/events/")
    box = page.locator(".event-recording a").bounding_box()
    assert box and box["height"] >= 44


def test_a_long_camera_name_leaves_room_for_the_house_and_the_time(page: Page) -> None:
    SiteSettings.load()
    SiteSettings.objects.update(site_name="Seestraße 12")
    (camera,) = busy(1)
    Camera.objects.filter(pk=camera.pk).update(name=LONG)
    happened(camera, datetime.now(UTC) - timedelta(minutes=4), None)
    page.goto("/events/")
    assert page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.house-name'))")
    time = page.evaluate("document.querySelector('.house-phrase time').getBoundingClientRect().right")
    assert time <= page.evaluate("document.querySelector('.house-phrase').getBoundingClientRect().right")


def test_a_picture_that_is_gone_can_be_read_about(page: Page, yard: Camera) -> None:
    event = happened(yard, YESTERDAY, None, image="events/yard/2026-01-01/motion_20260101_000000_0000000a.jpg")
    page.goto(f"/events/{event.pk}/")
    color = page.evaluate("getComputedStyle(document.querySelector('.event-still')).color")
    assert color == "rgb(195, 201, 207)"


def test_a_missing_file_says_what_to_do_next(page: Page, yard: Camera) -> None:
    missing = recorded(yard, YESTERDAY, state="missing")
    page.goto(f"/recordings/{missing.pk}/")
    expect(page.locator(".player-none")).to_contain_text("connect it again; else delete this entry")


def test_links_of_the_admin_are_known_without_colour(page: Page, clip: Recording) -> None:
    page.goto("/admin/camera/recording/")
    line = "getComputedStyle(document.querySelector('.breadcrumbs a')).textDecorationLine"
    assert page.evaluate(line) == "underline"
    box = page.locator("#changelist-filter li a").first.bounding_box()
    assert box and box["height"] >= 24
