"""What tiles and the live page make of who moves a camera, and of its privacy mode, in real Chromium."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from accounts.models import User
from camera.packets import CameraState
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of
from tests.wall_kit import cameras, chromium, drawn, showing, wall_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.mark.parametrize("path", ["/", "/live/camera-0/"])
def test_who_moves_it_is_told_and_what_was_seen_before_privacy_is_shown_no_more(
    path: str, browser: Browser, alice: User, transactional_db: None
) -> None:
    with Voice() as voice, Web() as web:
        (camera,) = made = cameras(1, alice)
        with showing(voice, made):
            page = wall_of(browser, web, cookie_of(alice), path)
            wait_for(lambda: drawn(page, "camera-0"), 15, "a picture")
            words = page.locator("[data-words]")
            expect(words).not_to_contain_text("moving")
            voice.online(camera.pk, fps=5, width=640, height=360, codec="mjpeg", mover="bob")
            expect(words).to_contain_text("bob\u2069 is moving it")
            voice.online(camera.pk, fps=5, width=640, height=360, codec="mjpeg", mover="alice")
            expect(words).not_to_contain_text("is moving it")
            voice.say(CameraState(camera.pk, "paused", "PRIVACY", since=time.time()))
            expect(words).to_have_text(re.compile(r"^◐ Privacy mode since \d\d:\d\d$"))
            expect(page.locator("[data-none]")).to_be_visible()
            for surface in page.locator("[data-camera] .tile-picture").all():
                expect(surface).to_be_hidden()
            voice.online(camera.pk, fps=5, width=640, height=360, codec="mjpeg")
            wait_for(lambda: drawn(page, "camera-0"), 15, "the picture again")
            expect(page.locator("[data-none]")).to_be_hidden()
            page.context.close()
