"""A camera that moves, in real Chromium over the real house: held, let go, and sent places.

What is asserted of movements is what came over the wire of a stand-in that speaks ONVIF.
"""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.house import RealHouse, wait_for
from tests.move_stage import (
    LEFT,
    RIGHT,
    WORDS,
    Person,
    add_turner,
    house_of_two,
    middle,
    moves,
    opened,
    people,
    press,
    stopped,
    turning_camera,
)
from tests.peers.onvif_camera import OnvifCamera
from tests.wall_kit import Fingers, chromium

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture(scope="module")
def camera() -> Iterator[OnvifCamera]:
    with turning_camera() as camera:
        yield camera


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    with house_of_two(tmp_path_factory.mktemp("move")) as house:
        yield house


@pytest.fixture(scope="module")
def added(browser: Browser, house: RealHouse, camera: OnvifCamera) -> None:
    add_turner(browser, house, camera)


@pytest.fixture
def person(browser: Browser, house: RealHouse) -> Iterator[Person]:
    with people(browser, house) as make:
        yield make


@pytest.fixture
def live(person: Person, added: None, camera: OnvifCamera) -> Page:
    """Alice's live page, with its picture, its socket and its positions there."""
    return opened(person("alice"), camera)


def test_it_moves_while_a_button_is_held_and_stops_when_it_is_let_go(live: Page, camera: OnvifCamera) -> None:
    delays = []
    for _ in range(5):
        began = len(camera.asked("ContinuousMove"))
        pressed = press(live, LEFT)
        wait_for(lambda began=began: moves(camera, began), 5, "the first command")  # type: ignore[misc]
        live.wait_for_timeout(1000)
        assert camera.moving[0] < 0
        stops, let_go = len(camera.asked("Stop")), time.monotonic()
        live.mouse.up()
        stopped(camera, stops, let_go)
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
    let_go = time.monotonic()
    live.keyboard.up("ArrowUp")
    stopped(camera, stops, let_go)
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


def test_a_finger_holds_it_and_a_lost_one_stops_it(person: Person, added: None, camera: OnvifCamera) -> None:
    page = opened(person("bob", width=360, has_touch=True, is_mobile=True), camera)
    fingers = Fingers(page)
    for end in ("End", "Cancel"):
        began, stops = len(camera.asked("ContinuousMove")), len(camera.asked("Stop"))
        fingers.to("Start", middle(page, RIGHT))
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
    let_go = time.monotonic()
    live.mouse.up()
    stopped(camera, stops, let_go)


def test_a_closed_tab_stops_it(person: Person, added: None, camera: OnvifCamera) -> None:
    page = opened(person("alice"), camera)
    began, stops = len(camera.asked("ContinuousMove")), len(camera.asked("Stop"))
    press(page, LEFT)
    wait_for(lambda: moves(camera, began), 5, "the first command")
    closed = time.monotonic()
    page.close()
    stopped(camera, stops, closed, 2.0)


def test_one_at_a_time_and_the_others_see_who(live: Page, person: Person, camera: OnvifCamera) -> None:
    bobs = opened(person("bob"), camera)
    press(live, LEFT)
    expect(bobs.locator("[data-mover]")).to_have_text("alice is moving it")
    expect(bobs.locator("[data-words]")).to_contain_text("alice")
    before = len(moves(camera))
    press(bobs, RIGHT)
    expect(bobs.locator(WORDS)).to_have_text("alice is moving it just now.")
    bobs.mouse.up()
    assert all(pan < 0 for pan, _, _ in moves(camera, before)) and camera.moving[0] < 0
    live.mouse.up()
    expect(bobs.locator("[data-mover]")).to_be_hidden()
    # He may now; and only those who manage the camera save positions.
    began = len(moves(camera))
    press(bobs, RIGHT)
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


def test_without_a_script_each_press_is_a_step(person: Person, added: None, camera: OnvifCamera) -> None:
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
