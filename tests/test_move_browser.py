"""A camera that moves, in real Chromium over the real house: added by asking it, then held, let go, and sent places.

The camera is a stand-in that speaks ONVIF; what is asserted of movements is what came over its wire.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.house import RealHouse, wait_for
from tests.peers.onvif_camera import DiscoveryResponder, OnvifCamera
from tests.peers.rtsp import gstreamer
from tests.peers.tapo_camera import CLOUD_PASSWORD, TapoCamera
from tests.peers.tapo_device import Device
from tests.test_e2e import PASSWORD, PICTURES, log_in
from tests.wall_kit import Fingers, chromium

pytestmark = pytest.mark.e2e
SECRET = "S3CRETpw"
LEFT = "button[value=left]"
WORDS = "[data-move-told]"
SIZES = {"360": (360, 740), "1440": (1440, 900)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture(scope="module")
def camera() -> Iterator[OnvifCamera]:
    told = {"codec": "h264", "user": "admin", "password": SECRET, "pattern": "ball", "width": 640, "height": 360}
    with gstreamer(**told) as url, OnvifCamera("127.0.0.1", 0, url, f"{url}?subtype=1", "admin", SECRET) as camera:
        camera.motor.presets["P001"] = "Gate"
        yield camera


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("move"))
    people = (("adduser", "alice", "--role", "owner"), ("adduser", "bob", "--role", "member"))
    house.arrange(*people, ADDUSER_PASSWORD=PASSWORD)
    house.start()
    yield house
    house.stop()
    print(house.last_words(60))


@pytest.fixture(scope="module")
def added(browser: Browser, house: RealHouse, camera: OnvifCamera) -> str:
    """The camera is in the house, added by its form; its slug. What the form said on the way is asserted here."""
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

    def there() -> bool:
        page.reload()
        return page.locator("[data-move]").count() > 0

    wait_for(there, 20, "the engine to learn that the camera moves")
    house.manage("grant", "bob", "turner", "watch,move")
    context.close()
    return "turner"


def logged_in(browser: Browser, house: RealHouse, name: str, width: int = 1440, **options: object) -> BrowserContext:
    context = browser.new_context(base_url=house.url, viewport={"width": width, "height": 900}, **options)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    page = context.new_page()
    log_in(page, name)
    page.close()
    return context


@pytest.fixture
def person(browser: Browser, house: RealHouse) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browsers in which somebody is logged in, and ends them."""
    made: list[BrowserContext] = []

    def make(name: str, **options: object) -> BrowserContext:
        made.append(logged_in(browser, house, name, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for context in made:
        context.close()


@pytest.fixture
def live(person: Callable[..., BrowserContext], added: str, camera: OnvifCamera) -> Page:
    """Alice's live page, with its picture, its socket and its positions there."""
    return opened(person("alice"), camera)


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


def stopped(camera: OnvifCamera, before: int, let_go: float, within: float = 1.0) -> None:
    """The camera was told to stop, soon after it was let go."""
    stop = camera.wait_for("Stop", before + 1, 6)
    assert -0.05 < stop.at - let_go < within
    wait_for(lambda: camera.moving == (0, 0, 0), 2, "it to stand still")


def test_it_moves_while_a_button_is_held_and_stops_when_it_is_let_go(live: Page, camera: OnvifCamera) -> None:
    delays = []
    for _ in range(5):
        began, stops = len(camera.asked("ContinuousMove")), len(camera.asked("Stop"))
        pressed = press(live, LEFT)
        wait_for(lambda began=began: moves(camera, began), 5, "the first command")  # type: ignore[misc]
        live.wait_for_timeout(1000)
        assert camera.moving[0] < 0
        live.mouse.up()
        stopped(camera, stops, time.monotonic())
        held = moves(camera, began)
        assert all(pan < 0 and tilt == 0 for pan, tilt, _ in held)
        delays.append(held[0][2] - pressed)
    # With the browser's own time, and that of whoever drives it.
    print("press to first command, ms:", [round(delay * 1000) for delay in delays])
    assert min(delays) < 0.15
    expect(live.locator(WORDS)).to_be_hidden()


def test_arrows_and_the_ring_move_it(live: Page, camera: OnvifCamera) -> None:
    began, stops = len(camera.asked("ContinuousMove")), len(camera.asked("Stop"))
    live.locator("[data-stage]").focus()
    live.keyboard.down("ArrowUp")
    wait_for(lambda: moves(camera, began), 5, "the first command")
    live.keyboard.up("ArrowUp")
    stopped(camera, stops, time.monotonic())
    assert moves(camera, began)[0][1] > 0
    began, stops = len(camera.asked("ContinuousMove")), len(camera.asked("Stop"))
    x, y = middle(live, "[data-move-pad]")
    live.mouse.move(x, y)
    live.mouse.down()
    live.mouse.move(x + 20, y + 20, steps=4)
    live.mouse.move(x + 60, y + 60, steps=6)
    wait_for(lambda: any(pan > 0 and tilt < 0 for pan, tilt, _ in moves(camera, began)), 5, "right and down")
    # What is held when the window loses the focus is let go of.
    let_go = time.monotonic()
    live.evaluate("window.dispatchEvent(new Event('blur'))")
    stopped(camera, stops, let_go)
    live.mouse.up()


def test_a_finger_holds_it_and_a_lost_one_stops_it(
    person: Callable[..., BrowserContext], added: str, camera: OnvifCamera
) -> None:
    page = opened(person("bob", width=360, has_touch=True, is_mobile=True), camera)
    fingers = Fingers(page)
    for end in ("End", "Cancel"):
        began, stops = len(camera.asked("ContinuousMove")), len(camera.asked("Stop"))
        fingers.to("Start", middle(page, "button[value=right]"))
        wait_for(lambda began=began: moves(camera, began), 5, "the first command")  # type: ignore[misc]
        let_go = time.monotonic()
        fingers.to(end)
        stopped(camera, stops, let_go)
        assert moves(camera, began)[0][0] > 0
    # The ring takes the finger, and the page does not scroll away beneath it.
    began, stops, at = len(camera.asked("ContinuousMove")), len(camera.asked("Stop")), page.evaluate("scrollY")
    x, y = middle(page, "[data-move-pad]")
    fingers.to("Start", (x, y))
    for step in range(1, 7):
        fingers.to("Move", (x, y - step * 10))
    wait_for(lambda: any(tilt > 0 for _, tilt, _ in moves(camera, began)), 5, "up")
    assert page.evaluate("scrollY") == at
    let_go = time.monotonic()
    fingers.to("End")
    stopped(camera, stops, let_go)


def test_where_no_socket_is_open_the_api_is_asked(live: Page, camera: OnvifCamera) -> None:
    live.select_option("[data-way-choice]", "stream")
    expect(live.locator("[data-way]")).to_have_text(re.compile("stream"))
    began, stops = len(camera.asked("ContinuousMove")), len(camera.asked("Stop"))
    with live.expect_request("**/api/v1/cameras/turner/move"):
        press(live, LEFT)
    wait_for(lambda: moves(camera, began), 5, "the first command")
    live.wait_for_timeout(1200)
    # It went on all the while.
    assert camera.moving[0] < 0 and len(camera.asked("Stop")) == stops
    live.mouse.up()
    stopped(camera, stops, time.monotonic())


def test_a_closed_tab_stops_it(person: Callable[..., BrowserContext], added: str, camera: OnvifCamera) -> None:
    page = opened(person("alice"), camera)
    began, stops = len(camera.asked("ContinuousMove")), len(camera.asked("Stop"))
    press(page, LEFT)
    wait_for(lambda: moves(camera, began), 5, "the first command")
    closed = time.monotonic()
    page.close()
    stopped(camera, stops, closed, 1.5)


def test_one_at_a_time_and_the_others_see_who(
    live: Page, person: Callable[..., BrowserContext], camera: OnvifCamera
) -> None:
    bobs = opened(person("bob"), camera)
    press(live, LEFT)
    expect(bobs.locator("[data-mover]")).to_have_text("alice is moving it")
    expect(bobs.locator("[data-words]")).to_contain_text("alice")
    before = len(moves(camera))
    press(bobs, "button[value=right]")
    expect(bobs.locator(WORDS)).to_have_text("alice is moving it just now.")
    bobs.mouse.up()
    assert all(pan < 0 for pan, _, _ in moves(camera, before)) and camera.moving[0] < 0
    live.mouse.up()
    expect(bobs.locator("[data-mover]")).to_be_hidden()
    # He may now; and only those who manage the camera save positions.
    began = len(moves(camera))
    press(bobs, "button[value=right]")
    wait_for(lambda: any(pan > 0 for pan, _, _ in moves(camera, began)), 5, "bob to move it")
    bobs.mouse.up()
    assert bobs.get_by_text("Save or delete").count() == 0


def test_positions_are_gone_to_saved_and_deleted(live: Page, camera: OnvifCamera) -> None:
    live.locator("#presets").get_by_role("button", name="Gate", exact=True).click()
    expect(live.locator("#presets")).to_contain_text("On its way.")
    assert camera.wait_for("GotoPreset").values["PresetToken"] == "P001"
    live.get_by_text("Save or delete a position").click()
    live.fill("#preset-name", "Front door")
    live.click("#preset-save")
    expect(live.locator("#presets").get_by_role("button", name="Front door", exact=True)).to_be_visible()
    assert "Front door" in camera.motor.presets.values()
    live.on("dialog", lambda dialog: dialog.accept())
    live.get_by_role("button", name="Delete Front door").click()
    expect(live.locator("#presets")).to_contain_text("It is deleted.")
    assert list(camera.motor.presets.values()) == ["Gate"]


def test_without_a_script_each_press_is_a_step(
    person: Callable[..., BrowserContext], added: str, camera: OnvifCamera
) -> None:
    page = person("alice", java_script_enabled=False).new_page()
    page.goto("/live/turner/")
    began, stops = len(camera.asked("ContinuousMove")), len(camera.asked("Stop"))
    page.click(LEFT)
    expect(page).to_have_url(re.compile(r"/live/turner/\?page=.+#move$"))
    (first, *_), stop = moves(camera, began), camera.wait_for("Stop", stops + 1, 6)
    assert first[0] < 0 and 0.3 < stop.at - first[2] < 1.5
    page.get_by_role("link", name="The saved positions").click()
    page.get_by_role("button", name="Gate", exact=True).click()
    expect(page.locator(".messages")).to_contain_text("On its way.")


def test_a_tapo_camera_tells_what_is_wrong_and_goes_into_privacy_mode(
    person: Callable[..., BrowserContext], house: RealHouse
) -> None:
    page = person("alice").new_page()
    with TapoCamera(host="127.0.0.2", device=Device(presets={"1": "Crib"})) as tapo:
        page.goto(f"/cameras/add/?source={tapo.address}&name=Nursery")
        page.fill("[name=username]", "viewer")
        page.fill("[name=password]", "stream secret 3")
        page.fill("[name=cloud_password]", "not this one")
        page.click("#test-button")
        outcome = page.locator("#camera-test .camera-outcome")
        expect(outcome).to_contain_text("password", timeout=40_000)
        print("wrong password:", outcome.inner_text())
        page.fill("[name=cloud_password]", CLOUD_PASSWORD)
        page.click("#test-button")
        # It has no picture here; what it is, it says all the same.
        expect(page.locator(".camera-facts")).to_contain_text("turns and tilts", timeout=60_000)
        expect(page.locator("[name=stream_address]")).to_have_value("rtsp://127.0.0.2:554/stream1")
        expect(page.locator("[name=detect_address]")).to_have_value("rtsp://127.0.0.2:554/stream2")
        assert CLOUD_PASSWORD not in page.content()
        page.get_by_role("button", name="Add camera").click()
        expect(page).to_have_url(re.compile(r"/live/nursery/$"), timeout=30_000)

        def there() -> bool:
            page.reload()
            return page.locator("[data-move]").count() > 0

        wait_for(there, 20, "the engine to learn what the camera can")
        page.goto("/cameras/nursery/")
        page.get_by_role("button", name="Switch privacy mode on").click()
        expect(page.locator("#switches")).to_contain_text(re.compile(r"Privacy mode: on"), timeout=15_000)
        assert tapo.device.privacy
        keep(page, "switches")
        page.goto("/")
        expect(page.locator("[data-camera=nursery] [data-words]")).to_contain_text(
            re.compile(r"Privacy mode since \d\d:\d\d"), timeout=15_000
        )
        page.goto("/live/nursery/")
        press(page, LEFT)
        expect(page.locator(WORDS)).to_contain_text(re.compile("privacy", re.IGNORECASE))
        page.mouse.up()
        page.goto("/cameras/nursery/switches/")
        page.get_by_role("button", name="Switch privacy mode off").click()
        expect(page.locator("#switches")).to_contain_text("Privacy mode: off", timeout=15_000)
        page.get_by_role("button", name="Sound the alarm…").click()
        page.get_by_role("heading", name="Sound the alarm of Nursery?").wait_for()
        assert not tapo.device.alarm
        page.get_by_role("button", name="Sound the alarm").click()
        expect(page.locator(".messages")).to_contain_text("Alarm: on.", timeout=15_000)
        assert tapo.device.alarm
        began = len(tapo.commands("motorMove"))
        page.goto("/live/nursery/")
        press(page, LEFT)
        wait_for(lambda: len(tapo.commands("motorMove")) > began, 8, "a step to the left")
        page.mouse.up()


def test_cameras_are_found_in_the_network(
    person: Callable[..., BrowserContext], added: str, camera: OnvifCamera
) -> None:
    context = person("alice")
    page = context.new_page()
    with OnvifCamera("127.0.0.3") as other, DiscoveryResponder(other), DiscoveryResponder(camera):
        other.model = "Dome 9"
        page.goto("/cameras/discover/")
        page.get_by_role("button", name="Look for cameras").click()
        expect(page.locator("#discover-waiting")).to_be_visible()
        found = page.locator("#discovered li")
        expect(found.filter(has_text="Dome 9")).to_be_visible(timeout=10_000)
        expect(page.locator("#discover-waiting")).to_be_hidden()
        expect(found.filter(has_text=camera.address)).to_contain_text("In the house already, as Turner")
        for width, height in SIZES.values():
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            keep(page, f"found-{width}")
        found.filter(has_text="Dome 9").get_by_role("link", name="Add").click()
        expect(page.locator("[name=source]")).to_have_value(other.address)
        expect(page.locator("[name=name]")).to_have_value("Dome 9")
    # By itself it works too: without a script, and when nobody answers.
    plain = person("bob", java_script_enabled=False).new_page()
    plain.goto("/cameras/discover/")
    plain.get_by_role("button", name="Look for cameras").click()
    expect(plain.locator("#discovered")).to_contain_text(re.compile("No camera answered|found"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_the_pad_fits_on_every_screen(
    size: str, scheme: str, person: Callable[..., BrowserContext], added: str, camera: OnvifCamera
) -> None:
    width, height = SIZES[size]
    context = person("alice", width=width, color_scheme=scheme)
    page = opened(context, camera)
    page.set_viewport_size({"width": width, "height": height})
    page.locator("[data-move]").scroll_into_view_if_needed()
    for button in page.locator(".move button").all():
        box = button.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["height"] >= 44 and box["width"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    keep(page, f"pad-{size}-{scheme}")
    page.goto("/cameras/discover/")
    keep(page, f"discover-{size}-{scheme}")
    page.goto("/cameras/turner/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    keep(page, f"edit-{size}-{scheme}")
