import os, time
from collections.abc import Iterator
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from accounts.models import User
from tests.live_house import Voice, Web, cookie_of
from tests.test_e2e import CHROMIUM, FLAGS
from tests.wall_kit import *
from camera.models import Camera

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
OUT = "/tmp/w/i5/wallux/pics"

@pytest.fixture
def browser():
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield b
        b.close()

@pytest.fixture
def house(transactional_db):
    with Voice() as voice, Web() as web:
        yield web, voice

@pytest.fixture
def made(request, alice):
    return cameras(request.param, alice), cookie_of(alice)

@pytest.mark.parametrize("made", [1, 4, 7, 16], indirect=True, ids=str)
def test_shots(made, house, browser):
    os.makedirs(OUT, exist_ok=True)
    (cams, cookie), (web, voice) = made, house
    with showing(voice, cams):
        if len(cams) > 3:
            voice.offline(cams[2].pk)
        for width, height, touch in ((1440, 900, False), (360, 740, True)):
            for scheme in ("light", "dark"):
                page = wall_of(browser, web, cookie, viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch, is_mobile=touch)
                logs = []
                page.on("console", lambda m: logs.append(m.text)); page.on("pageerror", lambda e: logs.append(str(e)))
                page.wait_for_timeout(2500)
                page.screenshot(path=f"{OUT}/{len(cams)}-{width}-{scheme}.png", full_page=True)
                if not touch:
                    page.hover("[data-camera=camera-0]")
                    page.wait_for_timeout(400)
                    page.screenshot(path=f"{OUT}/{len(cams)}-{width}-{scheme}-hover.png")
                    if len(cams) > 1:
                        page.click("[data-arrange]"); page.wait_for_timeout(200)
                        page.screenshot(path=f"{OUT}/{len(cams)}-{width}-{scheme}-arrange.png")
                else:
                    page.tap("[data-camera=camera-0] [data-more]"); page.wait_for_timeout(300)
                    page.screenshot(path=f"{OUT}/{len(cams)}-{width}-{scheme}-more.png")
                print(width, scheme, page.evaluate("document.documentElement.scrollWidth"), logs)
                page.context.close()
