"""What one can do with a tile, in real Chromium: full screen, zoom, snapshot to disk, small window, who watches."""

import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from camera.models import Camera, Grant
from main.middleware import HouseTime
from main.models import SiteSettings
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of
from tests.wall_kit import Fingers, cameras, chromium, drawn, middle, showing, wall_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
ZONE = "Pacific/Auckland"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
FULL = "document.fullscreenElement?.dataset.camera ?? document.fullscreenElement?.className ?? ''"
# How far a tile is zoomed, and where its picture stands: scale, pixels right and down.
ZOOM = """() => { const style = document.querySelector('[data-camera=camera-0]').style;
    return ['--zoom', '--zoom-x', '--zoom-y'].map((name) => parseFloat(style.getPropertyValue(name) || '1')); }"""


House = tuple[Web, Voice]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture
def house(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Web, Voice]]:
    monkeypatch.setattr(HouseTime, "_zone", (-10.0, "UTC"))
    settings = SiteSettings.load()
    settings.time_zone = ZONE
    settings.save()
    with Voice() as voice, Web() as web:
        yield web, voice


@pytest.fixture
def wall(house: House, browser: Browser, alice: User) -> Iterator[Page]:
    """Alice's wall of four cameras that send pictures."""
    yield from page_of(house, browser, alice, "/")


@pytest.fixture
def phone(house: House, browser: Browser, alice: User) -> Iterator[Page]:
    """The live page on a phone."""
    yield from page_of(house, browser, alice, "/live/camera-0/", **PHONE)


@pytest.fixture
def live(house: House, browser: Browser, alice: User) -> Iterator[Page]:
    yield from page_of(house, browser, alice, "/live/camera-0/")


def page_of(house: House, browser: Browser, alice: User, path: str, **options: object) -> Iterator[Page]:
    web, voice = house
    with showing(voice, cameras(4, alice)):
        page = wall_of(browser, web, cookie_of(alice), path, **options)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        wait_for(lambda: drawn(page, "camera-0"), 15, "a picture")
        yield page
        page.context.close()
        assert not faults


def zoom(page: Page) -> float:
    return float(page.evaluate(ZOOM)[0])


def test_acts_come_with_pointer_and_focus_and_go_again(wall: Page) -> None:
    acts = wall.locator("[data-camera=camera-0] [data-acts]")
    expect(acts).to_be_hidden()
    wall.hover("[data-camera=camera-0]")
    expect(acts).to_be_visible()
    # Over the lower edge: the upper half of the picture stays free.
    tile, bar = wall.locator("[data-camera=camera-0]").bounding_box(), acts.bounding_box()
    assert tile is not None and bar is not None and bar["y"] > tile["y"] + tile["height"] * 2 / 3
    wall.hover("[data-camera=camera-3]")
    expect(acts).to_be_hidden()
    wall.locator("[data-camera=camera-0] .tile-link").focus()
    expect(acts).to_be_visible()
    wall.keyboard.press("Tab")
    expect(acts.get_by_role("link", name="Snapshot")).to_be_focused()
    # No sound here, so no button for it.
    expect(acts.get_by_role("button", name="Sound")).to_be_hidden()


def test_a_snapshot_is_saved_under_the_houses_time(wall: Page) -> None:
    wall.locator("[data-camera=camera-1] .tile-link").focus()
    with wall.expect_download() as saved:
        wall.keyboard.press("s")
    name = saved.value.suggested_filename
    found = re.fullmatch(r"camera-1_(\d{4}-\d\d-\d\d)_(\d\d-\d\d-\d\d)\.jpg", name)
    assert found is not None, name
    at = datetime.strptime(f"{found[1]} {found[2]}", "%Y-%m-%d %H-%M-%S").replace(tzinfo=ZoneInfo(ZONE))
    assert abs(at - datetime.now(ZoneInfo(ZONE))) < timedelta(seconds=20)
    with saved.value.path().open("rb") as file:
        assert Image.open(io.BytesIO(file.read())).size == (640, 360)


def test_one_tile_goes_full_screen_and_is_zoomed_only_there(wall: Page) -> None:
    wall.evaluate(
        """() => { window.locks = []; const ask = navigator.wakeLock.request.bind(navigator.wakeLock);
            navigator.wakeLock.request = async (kind) => { window.locks.push(kind); return ask(kind); }; }"""
    )
    link = wall.locator("[data-camera=camera-0] .tile-link")
    link.focus()
    wall.keyboard.press("+")
    wall.mouse.move(*middle(wall, "camera-0"))
    wall.mouse.wheel(0, -300)
    assert zoom(wall) == 1 and wall.evaluate(FULL) == ""
    wall.keyboard.press("f")
    wait_for(lambda: wall.evaluate(FULL) == "camera-0", 5, "full screen")
    wait_for(lambda: wall.evaluate("window.locks") == ["screen"], 5, "the screen kept awake")
    wall.keyboard.press("+")
    assert zoom(wall) == pytest.approx(1.5)
    wall.mouse.move(400, 300)
    wall.mouse.wheel(0, -400)
    # What lies under the pointer stays there.
    scale, x, y = wall.evaluate(ZOOM)
    assert scale == pytest.approx(1.5 * 2.718281828**0.88, rel=0.01)
    wide, high = wall.evaluate("[innerWidth, innerHeight]")
    assert x == pytest.approx((wide / 2 - 400) * (scale / 1.5 - 1), abs=3)
    for _ in range(9):
        wall.keyboard.press("+")
    assert zoom(wall) == 8
    wall.mouse.down()
    wall.mouse.move(700, 420, steps=5)
    wall.mouse.up()
    panned = wall.evaluate(ZOOM)
    assert panned[1] > x
    # Never past the picture's own edge.
    for _ in range(40):
        wall.keyboard.press("ArrowLeft")
    assert wall.evaluate(ZOOM)[1] == pytest.approx(
        (high * 16 / 9 if wide > high * 16 / 9 else wide) * 8 / 2 - wide / 2, abs=2
    )
    # A click leads nowhere meanwhile, the picture can be had whole again, and Escape ends it all.
    assert wall.url.endswith("/")
    wall.get_by_role("button", name="Whole picture (now 8.0 ×)").click()
    assert zoom(wall) == 1
    wall.mouse.dblclick(500, 300)
    assert zoom(wall) == pytest.approx(2.5)
    wall.evaluate("document.exitFullscreen()")
    wait_for(lambda: wall.evaluate(FULL) == "", 5, "the end of full screen")
    assert zoom(wall) == 1 and "zoom" not in (wall.locator("[data-camera=camera-0]").get_attribute("class") or "")


def test_the_whole_wall_goes_full_screen_and_its_bar_with_it(wall: Page) -> None:
    wall.get_by_role("button", name="Full screen").last.click()
    wait_for(lambda: "wall" in wall.evaluate(FULL), 5, "full screen")
    expect(wall.locator("[data-wall-full]")).to_have_attribute("aria-pressed", "true")
    # A tile out of it, and back to it.
    wall.locator("[data-camera=camera-1] .tile-link").focus()
    wall.keyboard.press("f")
    wait_for(lambda: wall.evaluate(FULL) == "camera-1", 5, "the tile alone")
    wall.keyboard.press("f")
    wait_for(lambda: "wall" in wall.evaluate(FULL), 5, "the wall again")
    # With nothing but the wall chosen F leaves it.
    wall.locator("[data-wall-full]").focus()
    wall.keyboard.press("f")
    wait_for(lambda: wall.evaluate(FULL) == "", 5, "the end of full screen")


def test_where_the_browser_has_no_full_screen_the_window_is_filled(house: House, browser: Browser, alice: User) -> None:
    web, voice = house
    with showing(voice, cameras(4, alice)):
        page = wall_of(browser, web, cookie_of(alice), "/accounts/password/change/", **PHONE)
        page.add_init_script("Object.defineProperty(document, 'fullscreenEnabled', { get: () => false })")
        page.goto("/")
        wait_for(lambda: drawn(page, "camera-0"), 15, "a picture")
        expect(page.locator("[data-wall-full]")).to_be_hidden()
        page.get_by_role("button", name="More for Camera 0").tap()
        page.locator("[data-camera=camera-0] [data-act=full]").tap()
        found = page.locator("[data-camera=camera-0]").bounding_box()
        assert found is not None and (found["x"], found["y"], found["width"], found["height"]) == (0, 0, 360, 740)
        fingers = Fingers(page)
        fingers.to("Start", (150, 370), (210, 370))
        for apart in range(30, 121, 10):
            fingers.to("Move", (180 - apart, 370), (180 + apart, 370))
        fingers.to("End")
        wait_for(lambda: zoom(page) > 3, 5, "a larger picture")
        assert page.evaluate("visualViewport.scale") == 1
        fingers.drag((200, 370), (120, 370))
        assert page.evaluate(ZOOM)[1] < -40
        page.locator("[data-camera=camera-0] [data-act=full]").tap()
        assert zoom(page) == 1 and page.locator(".filling").count() == 0
        page.context.close()


def test_a_tile_is_popped_out_and_put_back(wall: Page) -> None:
    if not wall.evaluate("document.pictureInPictureEnabled"):
        pytest.skip("this Chromium has no small window")
    wall.hover("[data-camera=camera-0]")
    button = wall.locator("[data-camera=camera-0] [data-act=pop]")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert wall.evaluate("document.pictureInPictureElement?.videoWidth") == 640
    expect(wall.locator("[data-popped]")).to_have_attribute("data-camera", "camera-0")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert wall.locator("[data-popped], .popped-film").count() == 0


def test_who_watches_stands_on_the_tile_by_name_when_asked(
    wall: Page, browser: Browser, bob: User, house: House
) -> None:
    Grant.objects.create(camera=Camera.objects.get(slug="camera-0"), user=bob, right="watch")
    his = wall_of(browser, house[0], cookie_of(bob), "/live/camera-0/")
    initials = wall.locator(".initials")
    expect(initials).to_have_count(1)
    expect(initials).to_contain_text("BO")
    narrow = initials.bounding_box()
    wall.locator("[data-camera=camera-0] .tile-link").focus()
    wide = initials.bounding_box()
    assert narrow is not None and wide is not None and wide["width"] > narrow["width"] + 40
    assert "bob is watching" in wall.locator("[data-camera=camera-0] .tile-link").inner_text()
    his.context.close()


def test_the_live_page_zooms_by_wheel_at_its_top_and_scrolls_all_the_same(live: Page) -> None:
    live.mouse.move(*middle(live, "camera-0"))
    live.mouse.wheel(0, -300)
    wait_for(lambda: zoom(live) > 1.5, 5, "a larger picture")
    live.mouse.wheel(0, 2000)
    wait_for(lambda: zoom(live) == 1, 5, "the whole picture")
    live.mouse.wheel(0, 400)
    wait_for(lambda: live.evaluate("scrollY") > 0, 5, "the page scrolled")
    scrolled = live.evaluate("scrollY")
    live.mouse.wheel(0, -50)
    wait_for(lambda: live.evaluate("scrollY") < scrolled, 5, "the page scrolled back")
    assert zoom(live) == 1
    live.evaluate("scrollTo(0, 0)")
    # Keys, once the picture has the focus; and never while something is written or chosen.
    live.keyboard.press("+")
    assert zoom(live) == 1
    live.locator("[data-stage]").focus()
    live.keyboard.press("+")
    assert zoom(live) == pytest.approx(1.5)
    live.keyboard.press("0")
    assert zoom(live) == 1
    live.keyboard.press("?")
    expect(live.get_by_role("dialog")).to_contain_text("snapshot to disk")
    live.keyboard.press("Escape")
    with live.expect_download() as saved:
        live.get_by_role("link", name="Snapshot").last.click()
    assert saved.value.suggested_filename.startswith("camera-0_20")


def test_two_fingers_zoom_the_live_picture_and_one_scrolls_the_page(phone: Page) -> None:
    fingers, (x, y) = Fingers(phone), middle(phone, "camera-0")
    fingers.to("Start", (x - 20, y), (x + 20, y))
    for apart in range(25, 71, 5):
        fingers.to("Move", (x - apart, y), (x + apart, y))
    fingers.to("End")
    wait_for(lambda: zoom(phone) > 2.5, 5, "a larger picture")
    assert phone.evaluate("[visualViewport.scale, scrollY]") == [1, 0]
    for _ in range(2):
        fingers.to("Start", (x, y))
        fingers.to("End")
    wait_for(lambda: zoom(phone) == 1, 5, "the whole picture by a double tap")
    fingers.drag((x, y + 50), (x, y - 40))
    wait_for(lambda: phone.evaluate("scrollY") > 30, 5, "the page scrolled")
