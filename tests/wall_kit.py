"""A wall of many cameras for tests in real Chromium: what they say on MEDIA, pictures of each where somebody asks."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from camera import bus
from camera.models import Camera
from tests.live_house import Voice, Web
from tests.test_e2e import CHROMIUM, FLAGS

ODD = "Ünïcode 😀 Einfahrt hinten links שלום Hof"
PICTURES_A_SECOND = 5.0
COLOURS = ((60, 90, 60), (110, 80, 50), (60, 60, 120), (120, 110, 60), (90, 60, 100), (70, 110, 120), (50, 70, 80))


def cameras(number: int, keeper: Any = None) -> list[Camera]:
    """Cameras «camera-0» and so on; the last of several has a long name."""
    made = [
        Camera.objects.create(name=f"Camera {n}", slug=f"camera-{n}", kind="pattern", position=n, keeper=keeper)
        for n in range(number)
    ]
    if number > 1:
        made[-1].name = ODD
        made[-1].save(update_fields=["name"])
    return made


def picture(number: int, count: int) -> bytes:
    """A JPEG of 640 × 360 pixels in the camera's own colour, with something that moves."""
    image = np.full((360, 640, 3), COLOURS[number % len(COLOURS)], np.uint8)
    cv2.putText(image, str(number), (250, 230), cv2.FONT_HERSHEY_SIMPLEX, 5, (230, 230, 230), 12)
    cv2.circle(image, (40 + count * 20 % 560, 320), 22, (40, 200, 250), -1)
    return bytes(cv2.imencode(".jpg", image)[1])


class Pictures(threading.Thread):
    """Sends pictures of every camera that is online, in each form that somebody has subscribed to."""

    def __init__(self, voice: Voice, keys: list[int]) -> None:
        super().__init__(daemon=True)
        self.voice, self.keys = voice, keys
        self.stopping = threading.Event()

    def run(self) -> None:
        count = 0
        while not self.stopping.wait(1 / PICTURES_A_SECOND):
            count += 1
            for number, key in enumerate(self.keys):
                state = self.voice.states.get(key)
                wanted = [
                    kind for kind in (bus.JPEG, bus.SMALL, bus.GLANCE) if bus.topic(kind, key) in self.voice.wanted
                ]
                if not wanted or state is None or state.state != "online":
                    continue
                data = picture(number, count)
                header = {"t": time.time(), "seq": count, "w": 640, "h": 360}
                for kind in wanted:
                    self.voice.raw(bus.topic(kind, key), header, data)


@contextmanager
def showing(voice: Voice, shown: list[Camera]) -> Iterator[None]:
    """These cameras are online and send pictures."""
    for camera in shown:
        voice.online(camera.pk, fps=PICTURES_A_SECOND, width=640, height=360, codec="mjpeg")
    pictures = Pictures(voice, [camera.pk for camera in shown])
    pictures.start()
    yield
    pictures.stopping.set()
    pictures.join(5)


def wall_of(browser: Browser, web: Web, cookie: str, path: str = "/", **options: Any) -> Page:
    """A page of one who is logged in by `cookie`."""
    name, _, value = cookie.partition("=")
    url = f"http://127.0.0.1:{web.port}"
    context = browser.new_context(base_url=url, **({"viewport": {"width": 1440, "height": 900}} | options))
    context.set_default_timeout(15_000)
    context.add_cookies([{"name": name, "value": value, "url": url}])
    page = context.new_page()
    page.goto(path)
    return page


def order(page: Page) -> list[str]:
    """The slugs of all tiles, in their order."""
    return list(page.eval_on_selector_all("[data-camera]", "all => all.map((one) => one.dataset.camera)"))


def shown(page: Page) -> list[str]:
    """The slugs of the tiles on this page of the wall."""
    return list(page.eval_on_selector_all("[data-camera]:not([hidden])", "all => all.map((one) => one.dataset.camera)"))


def drawn(page: Page, slug: str) -> bool:
    """Whether the tile shows a picture."""
    return bool(
        page.evaluate(
            """(slug) => [...document.querySelectorAll(`[data-camera="${slug}"] .tile-picture`)]
                .some((one) => !one.hidden && (one.videoWidth || one.naturalWidth || one.width) >= 320)""",
            slug,
        )
    )


def chromium() -> Iterator[Browser]:
    """For a fixture: Chromium, with its loop in this thread and rows made in this thread all the same."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def box(page: Page, slug: str) -> tuple[float, float, float, float]:
    """Where a tile is in the window: left, top, width, height in pixels."""
    found = page.locator(f"[data-camera={slug}]").bounding_box()
    assert found is not None, slug
    return found["x"], found["y"], found["width"], found["height"]


def middle(page: Page, slug: str) -> tuple[float, float]:
    left, top, width, height = box(page, slug)
    return left + width / 2, top + height / 2


class Fingers:
    """Real touches, by Chromium's own protocol."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)

    def to(self, kind: str, *points: tuple[float, float]) -> None:
        """`kind`: Start, Move or End; the points are those that touch the screen then."""
        told = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self._session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": told})

    def drag(self, begin: tuple[float, float], end: tuple[float, float], steps: int = 12) -> None:
        self.to("Start", begin)
        for step in range(1, steps + 1):
            part = step / steps
            self.to("Move", (begin[0] + (end[0] - begin[0]) * part, begin[1] + (end[1] - begin[1]) * part))
            self._page.wait_for_timeout(15)
        # A finger that rests before it goes throws nothing.
        self._page.wait_for_timeout(150)
        self.to("Move", end)
        self.to("End")
