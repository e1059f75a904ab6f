"""The wall in real Chromium: layouts and pages, the order of tiles by mouse, finger and keyboard, the keys, a phone."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from camera.models import Grant
from main.models import ViewingSession, WallChoice
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of
from tests.wall_kit import Fingers, box, cameras, chromium, drawn, middle, order, showing, shown, wall_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
FOCUSED = "document.activeElement.closest('[data-camera]')?.dataset.camera ?? ''"
# How much has jumped since the page was loaded: the parts of the window that moved, times how far.
SHIFTED = """() => new Promise((told) => new PerformanceObserver((list) => told(
    list.getEntries().reduce((sum, one) => sum + one.value, 0))).observe({ type: 'layout-shift', buffered: true })
    || setTimeout(() => told(0), 500))"""
SIXTEEN = [f"camera-{n}" for n in range(16)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture
def house(transactional_db: None) -> Iterator[tuple[Web, Voice]]:
    with Voice() as voice, Web() as web:
        yield web, voice


@pytest.fixture
def seven(house: tuple[Web, Voice], browser: Browser, alice: User) -> Iterator[Page]:
    """Alice's wall of seven cameras that send pictures."""
    web, voice = house
    with showing(voice, cameras(7, alice)):
        page = wall_of(browser, web, cookie_of(alice))
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        expect(page.get_by_role("button", name="Arrange")).to_be_visible()
        yield page
        page.context.close()
        assert not faults


def kept(user: User) -> WallChoice | None:
    return WallChoice.objects.filter(user=user).first()


def test_sixteen_cameras_on_one_page_over_one_socket(
    browser: Browser, house: tuple[Web, Voice], alice: User, bob: User
) -> None:
    web, voice = house
    made = cameras(16, alice)
    for camera in made:
        Grant.objects.create(camera=camera, user=bob, right="watch")
    with showing(voice, made):
        page = wall_of(browser, web, cookie_of(bob), path="/accounts/password/change/")
        sockets: list[str] = []
        asked: list[list[str]] = []

        def sent(payload: str | bytes) -> None:
            watch = json.loads(payload).get("watch")
            if watch is not None:
                asked.append([one["camera"] for one in watch])

        def last_asked(page: Page) -> list[str]:
            page.wait_for_timeout(20)  # What the browser tells is heard meanwhile.
            return sorted(asked[-1], key=SIXTEEN.index)

        page.on("websocket", lambda socket: (sockets.append(socket.url), socket.on("framesent", sent)))
        page.goto("/")
        wait_for(lambda: all(drawn(page, slug) for slug in SIXTEEN), 20, "sixteen pictures")
        assert shown(page) == SIXTEEN and set(asked[-1]) == set(SIXTEEN)
        # Edge to edge: four rows of four, no hole, nothing to scroll.
        boxes = [box(page, slug) for slug in SIXTEEN]
        assert len({round(left) for left, *_ in boxes}) == len({round(top) for _, top, *_ in boxes}) == 4
        assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
            1440,
            900,
        ]
        # Other tiles in view: others are watched, over the same socket.
        page.get_by_role("button", name="4", exact=True).click()
        wait_for(lambda: last_asked(page) == SIXTEEN[:4], 10, "four cameras asked for")
        page.get_by_role("link", name="Next").click()
        wait_for(lambda: last_asked(page) == SIXTEEN[4:8], 10, "the next four")
        wait_for(lambda: all(drawn(page, slug) for slug in SIXTEEN[4:8]), 10, "their pictures")
        assert len([url for url in sockets if "/ws/live/" in url]) == 1
        watched = ViewingSession.objects.filter(user=bob, ended_at=None, left_at=None)
        wait_for(lambda: set(watched.values_list("camera_slug", flat=True)) == set(SIXTEEN[4:8]), 10, "the rest left")
        page.context.close()


def test_the_page_comes_laid_out_and_nothing_jumps(
    seven: Page, browser: Browser, house: tuple[Web, Voice], alice: User
) -> None:
    seven.get_by_role("button", name="4", exact=True).click()
    seven.get_by_role("link", name="Next").click()
    expect(seven.locator("[data-place]")).to_have_text("Page 2 of 2")
    assert shown(seven) == ["camera-4", "camera-5", "camera-6"] and seven.url.endswith("/?page=2")
    wait_for(lambda: (row := kept(alice)) and row.layout == "4", 5, "the layout kept")
    seven.reload()
    expect(seven.get_by_role("button", name="4", exact=True)).to_have_attribute("aria-pressed", "true")
    plain = wall_of(browser, house[0], cookie_of(alice), "/?page=2", java_script_enabled=False)
    # Three on a page: two, and one as wide as both; with the script and without.
    assert shown(plain) == shown(seven) == ["camera-4", "camera-5", "camera-6"]
    for slug in shown(plain):
        assert box(plain, slug)[::2] == pytest.approx(box(seven, slug)[::2], abs=1)
    seven.wait_for_timeout(500)
    assert seven.evaluate(SHIFTED) < 0.01
    assert box(plain, "camera-6")[2] == pytest.approx(1440, abs=2)
    plain.get_by_role("link", name="Next").click()
    wait_for(lambda: shown(plain) == ["camera-0", "camera-1", "camera-2", "camera-3"], 5, "the first page")
    plain.get_by_role("button", name="Auto").click()
    wait_for(lambda: len(shown(plain)) == 7, 5, "all cameras")
    assert kept(alice).layout == "auto"  # type: ignore[union-attr]
    plain.context.close()


def test_a_tile_is_dragged_to_its_place_by_mouse(seven: Page, alice: User) -> None:
    begin, end = middle(seven, "camera-0"), middle(seven, "camera-4")
    seven.mouse.move(*begin)
    seven.mouse.down()
    seven.mouse.move(begin[0] + 30, begin[1] + 10)
    seven.mouse.move(*end, steps=8)
    expect(seven.locator("[data-camera=camera-0]")).to_have_class("tile lifted dragged")
    seven.mouse.up()
    moved = ["camera-1", "camera-2", "camera-3", "camera-4", "camera-0", "camera-5", "camera-6"]
    assert order(seven) == moved
    # It was no click.
    assert seven.url.endswith("/") and seven.locator(".lifted").count() == 0
    wait_for(lambda: (row := kept(alice)) and len(row.order) == 7, 5, "the order kept")
    seven.reload()
    assert order(seven) == moved
    # Escape puts it back.
    seven.mouse.move(*middle(seven, "camera-5"))
    seven.mouse.down()
    seven.mouse.move(*middle(seven, "camera-1"), steps=8)
    assert order(seven)[0] == "camera-5"
    seven.keyboard.press("Escape")
    seven.mouse.up()
    assert order(seven) == moved
    seven.mouse.click(*middle(seven, "camera-3"))
    seven.wait_for_url("**/live/camera-3/")


def test_tiles_are_arranged_by_keyboard_and_the_page_says_so(seven: Page, alice: User) -> None:
    seven.get_by_role("button", name="4", exact=True).click()
    seven.get_by_role("button", name="Arrange").click()
    told = seven.locator("[data-told]")
    handle = seven.get_by_role("button", name="Move Camera 0")
    handle.focus()
    seven.keyboard.press("Space")
    expect(told).to_contain_text("Camera 0 taken up at place 1 of 7")
    expect(handle).to_have_attribute("aria-pressed", "true")
    seven.keyboard.press("ArrowDown")
    expect(told).to_have_text("Place 3 of 7.")
    seven.keyboard.press("Escape")
    expect(told).to_have_text("Camera 0 is back at place 1 of 7.")
    assert order(seven)[0] == "camera-0" and kept(alice).order == []  # type: ignore[union-attr]
    seven.keyboard.press("Space")
    for _ in range(4):
        seven.keyboard.press("ArrowRight")
    # Over the edge of the page the page turns with it, and the focus stays.
    assert shown(seven) == ["camera-0", "camera-5", "camera-6"]
    assert seven.evaluate(FOCUSED) == "camera-0"
    seven.keyboard.press("Space")
    expect(told).to_have_text("Camera 0 put down at place 5 of 7.")
    wait_for(lambda: kept(alice).order, 5, "the order kept")  # type: ignore[union-attr]
    seven.keyboard.press("ArrowRight")
    assert seven.evaluate(FOCUSED) == "camera-5"
    seven.keyboard.press("Escape")
    expect(seven.get_by_role("button", name="Arrange")).to_be_focused()
    seven.reload()
    assert order(seven) == ["camera-1", "camera-2", "camera-3", "camera-4", "camera-0", "camera-5", "camera-6"]


def test_keys_lead_from_tile_to_tile_and_change_the_layout(seven: Page) -> None:
    # Nothing of the wall has the focus: letters and digits are nobody's.
    seven.keyboard.press("4")
    assert len(shown(seven)) == 7
    seven.locator("[data-camera=camera-0] .tile-link").focus()
    for key, there in (
        ("ArrowRight", 1),
        ("ArrowDown", 3),
        ("ArrowDown", 5),
        ("ArrowRight", 6),
        ("ArrowUp", 4),
        ("ArrowLeft", 3),
    ):
        seven.keyboard.press(key)
        assert seven.evaluate(FOCUSED) == f"camera-{there}", key
    seven.keyboard.press("4")
    assert shown(seven) == ["camera-0", "camera-1", "camera-2", "camera-3"] and seven.evaluate(FOCUSED) == "camera-3"
    seven.keyboard.press("ArrowRight")
    assert seven.evaluate(FOCUSED) == "camera-4" and len(shown(seven)) == 3
    seven.keyboard.press("1")
    assert shown(seven) == ["camera-4"]
    seven.keyboard.press("0")
    assert len(shown(seven)) == 7
    seven.keyboard.press("?")
    expect(seven.get_by_role("dialog")).to_contain_text("from tile to tile")
    seven.keyboard.press("1")
    assert len(shown(seven)) == 7
    seven.keyboard.press("Escape")
    expect(seven.get_by_role("dialog")).to_be_hidden()
    seven.keyboard.press("Enter")
    seven.wait_for_url("**/live/camera-4/")


def test_on_a_phone_the_wall_is_one_column_that_scrolls_taps_and_is_arranged(
    browser: Browser, house: tuple[Web, Voice], alice: User
) -> None:
    web, voice = house
    with showing(voice, cameras(7, alice)):
        page = wall_of(browser, web, cookie_of(alice), **PHONE)
        wait_for(lambda: drawn(page, "camera-0"), 15, "a picture")
        assert {box(page, slug)[2] for slug in shown(page)} == {360}
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        fingers = Fingers(page)
        page.get_by_role("button", name="Arrange").tap()
        handle = page.get_by_role("button", name="Move Camera 0").bounding_box()
        assert handle is not None and min(handle["width"], handle["height"]) >= 44
        # Elsewhere on a tile a finger scrolls.
        fingers.drag(middle(page, "camera-1"), (180, 60))
        wait_for(lambda: page.evaluate("scrollY") > 50, 5, "the wall scrolled")
        assert order(page) == [f"camera-{n}" for n in range(7)]
        page.evaluate("scrollTo(0, 0)")
        grip = (handle["x"] + 20, handle["y"] + 20)
        fingers.drag(grip, (grip[0], box(page, "camera-1")[1] + 100))
        wait_for(lambda: order(page)[:2] == ["camera-1", "camera-0"], 5, "the tiles in their new order")
        wait_for(lambda: kept(alice), 5, "the order kept")
        page.get_by_role("button", name="Done").tap()
        page.touchscreen.tap(*middle(page, "camera-1"))
        page.wait_for_url("**/live/camera-1/")
        page.context.close()


def test_what_cannot_be_kept_is_said(seven: Page) -> None:
    seven.route("**/wall/", lambda route: route.abort())
    seven.get_by_role("button", name="9", exact=True).click()
    expect(seven.get_by_role("alert")).to_contain_text("No connection to the house: this was not kept")
    seven.unroute("**/wall/")
    seven.get_by_role("button", name="4", exact=True).click()
    expect(seven.get_by_role("alert")).to_be_hidden()


def test_turning_pages_all_day_leaves_nothing_behind(seven: Page) -> None:
    session = seven.context.new_cdp_session(seven)
    session.send("Performance.enable")

    def figures() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        found = session.send("Performance.getMetrics")["metrics"]
        return {one["name"]: one["value"] for one in found if one["name"] in ("Nodes", "JSEventListeners")}

    def day() -> None:
        for name in ("1", "4", "9", "Auto", "4"):
            seven.get_by_role("button", name=name, exact=True).click()
        for _ in range(10):
            seven.get_by_role("link", name="Next").click()
        for _ in range(4):
            seven.get_by_role("button", name="Arrange").click()
            seven.get_by_role("button", name="Done").click()

    day()
    before = figures()
    for _ in range(3):
        day()
    after = figures()
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 3
    assert after["Nodes"] <= before["Nodes"] + 60
