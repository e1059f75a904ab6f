"""For browser tests of cameras that move: a real house, a stand-in that speaks ONVIF, and hands that hold buttons."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.house import RealHouse, wait_for
from tests.peers.onvif_camera import OnvifCamera
from tests.peers.rtsp import gstreamer
from tests.test_e2e import PASSWORD, PICTURES, log_in

SECRET = "S3CRETpw"
LEFT, RIGHT = "button[value=left]", "button[value=right]"
WORDS = "[data-move-told]"
Person = Callable[..., BrowserContext]


@contextmanager
def turning_camera() -> Iterator[OnvifCamera]:
    """With pictures, large and small, and the position «Gate»."""
    told = {"codec": "h264", "user": "admin", "password": SECRET, "pattern": "ball", "width": 640, "height": 360}
    with gstreamer(**told) as url, OnvifCamera("127.0.0.1", 0, url, f"{url}?subtype=1", "admin", SECRET) as camera:
        camera.motor.presets["P001"] = "Gate"
        yield camera


@contextmanager
def house_of_two(folder: Path) -> Iterator[RealHouse]:
    """Alice owns it, bob is a member."""
    house = RealHouse(folder)
    people = (("adduser", "alice", "--role", "owner"), ("adduser", "bob", "--role", "member"))
    house.arrange(*people, ADDUSER_PASSWORD=PASSWORD)
    house.start()
    yield house
    house.stop()
    print(house.last_words(60))


def add_turner(browser: Browser, house: RealHouse, camera: OnvifCamera) -> None:
    """By its form, as alice; what that says on the way is asserted. Bob may watch and move it."""
    context = logged_in(browser, house, "alice")
    page = context.new_page()
    page.goto(f"/cameras/add/?source={camera.address}&name=Turner")
    page.fill("[name=username]", camera.username)
    page.fill("[name=password]", "not this one")
    page.click("#test-button")
    outcome = page.locator("#camera-test .camera-outcome")
    expect(outcome).to_contain_text("password", timeout=25_000)
    told = outcome.inner_text()
    print("wrong password:", told)
    assert page.locator("#camera-test img").count() == 0
    page.fill("[name=password]", SECRET)
    page.click("#test-button")
    expect(page.locator("#camera-test .camera-facts")).to_contain_text("turns and tilts", timeout=40_000)
    expect(page.locator("#camera-test img")).to_be_visible()
    expect(page.locator("[name=stream_address]")).to_have_value(re.compile(r"^rtsp://127\.0\.0\.1:\d+/cam$"))
    expect(page.locator("[name=detect_address]")).to_have_value(re.compile(r"/cam\?subtype=1$"))
    assert SECRET not in page.content()
    keep(page, "wizard")
    page.get_by_role("button", name="Add camera").click()
    expect(page).to_have_url(re.compile(r"/live/turner/$"), timeout=30_000)

    # The pad comes by itself as soon as the engine knows that there is a motor.
    expect(page.locator("[data-move]")).to_be_visible(timeout=30_000)
    house.manage("grant", "bob", "turner", "watch,move")
    context.close()


def logged_in(browser: Browser, house: RealHouse, name: str, width: int = 1440, **options: object) -> BrowserContext:
    context = browser.new_context(base_url=house.url, viewport={"width": width, "height": 900}, **options)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    page = context.new_page()
    log_in(page, name)
    page.close()
    return context


@contextmanager
def people(browser: Browser, house: RealHouse) -> Iterator[Person]:
    """Makes browsers in which somebody is logged in, and ends them."""
    made: list[BrowserContext] = []

    def make(name: str, **options: object) -> BrowserContext:
        made.append(logged_in(browser, house, name, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for context in made:
        context.close()


def opened(context: BrowserContext, camera: OnvifCamera) -> Page:
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto("/live/turner/")
    expect(page.locator("[data-words]")).to_contain_text("Live", timeout=20_000)
    expect(page.locator("#presets button").first).to_be_visible()
    wait_for(lambda: camera.moving == (0, 0, 0), 10, "the camera to stand still")
    assert not faults
    return page


def keep(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"move-{name}.png"), full_page=True)


def moves(camera: OnvifCamera, since: int = 0) -> list[tuple[float, float, float]]:
    """Pan, tilt and when, of every movement that was begun or went on."""
    found = camera.asked("ContinuousMove")[since:]
    return [(*(float(one.values.get(f"PanTilt.{axis}", 0)) for axis in "xy"), one.at) for one in found]  # type: ignore[misc]


def middle(page: Page, selector: str) -> tuple[float, float]:
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def press(page: Page, selector: str) -> float:
    """Hold it; the moment at which that began."""
    page.mouse.move(*middle(page, selector))
    began = time.monotonic()
    page.mouse.down()
    return began


def stopped(camera: OnvifCamera, before: int, let_go: float, within: float = 1.5) -> None:
    """The camera was told to stop, soon after it was let go."""
    stop = camera.wait_for("Stop", before + 1, 6)
    assert 0 <= stop.at - let_go < within
    wait_for(lambda: camera.moving == (0, 0, 0), 2, "it to stand still")
