"""Cameras that are asked and found, in real Chromium over the real house: a Tapo camera with its switches, what
answers in the network, and the pages on every screen.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.house import RealHouse, wait_for
from tests.move_stage import (
    LEFT,
    WORDS,
    Person,
    add_turner,
    house_of_two,
    keep,
    opened,
    people,
    press,
    turning_camera,
)
from tests.peers.onvif_camera import DiscoveryResponder, OnvifCamera
from tests.peers.tapo_camera import CLOUD_PASSWORD, TapoCamera
from tests.peers.tapo_device import Device
from tests.wall_kit import chromium

pytestmark = pytest.mark.e2e
SIZES = {"360": (360, 740), "1440": (1440, 900)}


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


def test_a_tapo_camera_tells_what_is_wrong_and_goes_into_privacy_mode(person: Person, house: RealHouse) -> None:
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


def test_cameras_are_found_in_the_network(person: Person, added: None, camera: OnvifCamera) -> None:
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
def test_the_pad_fits_on_every_screen(size: str, scheme: str, person: Person, added: None, camera: OnvifCamera) -> None:
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
