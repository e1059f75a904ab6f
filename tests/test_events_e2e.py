"""The list of events in real Chromium: what happens appears without a reload, and what is over is told so."""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Browser, Page, WebSocketRoute, expect, sync_playwright

from accounts.models import User
from camera import bus, paths
from camera.models import Camera, Event
from main import event_feed
from main.watchers import in_thread
from tests.footage_cast import happened, recorded
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of
from tests.test_e2e import CHROMIUM, FLAGS

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
# Pictures of the pages are kept here when it is set, to be looked at.
PICTURES = os.environ.get("FAIRWATCH_TEST_PICTURES")
LONG = "Ünïcode 😀 Einfahrt hinten links שלום Hof"
# A busy machine takes its time; that events come at once is tested in test_events_socket.py.
expect.set_options(timeout=15_000)


def scene(at: int, *, box: bool) -> bytes:
    """A picture of a yard with somebody in it; with a frame round them or without."""
    picture = np.full((360, 640, 3), (96, 110, 92), np.uint8)
    picture[:150] = (200, 170, 140)
    cv2.rectangle(picture, (60, 90), (230, 260), (70, 80, 120), -1)
    left = 260 + at % 8 * 35
    cv2.ellipse(picture, (left + 20, 230), (20, 60), 0, 0, 360, (40, 40, 60), -1)
    if box:
        cv2.rectangle(picture, (left - 8, 160), (left + 48, 298), (60, 200, 255), 3)
    return bytes(cv2.imencode(".jpg", picture)[1])


def pictured(camera: Camera, seconds_ago: float, **values: Any) -> Event:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    row = happened(camera, at, **({"changed_at": timezone.now(), "score": 0.8} | values))
    for field, clean in (("image", False), ("clean_image", True)):
        setattr(row, field, paths.event_picture(camera.slug, row.kind, at.timestamp(), row.uid, clean=clean))
        path = Path(settings.MEDIA_ROOT) / getattr(row, field)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(scene(row.pk, box=not clean))
    row.save(update_fields=["image", "clean_image"])
    return row


@pytest.fixture
def rows() -> Iterator[Callable[..., Any]]:
    """Runs work on the database in a thread: the browser's driver has an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda work, *args, **values: pool.submit(in_thread, work, *args, **values).result(30)


@pytest.fixture
def house(transactional_db: None) -> Iterator[tuple[Web, Voice]]:
    event_feed._current = None
    with Voice() as voice, Web() as web:
        yield web, voice
    event_feed._current = None


@pytest.fixture
def cookie(alice: User) -> str:
    return cookie_of(alice)


@pytest.fixture
def browser(cookie: str, yard: Camera) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def page_of(browser: Browser, web: Web, cookie: str, path: str = "/events/", **options: Any) -> Page:
    name, _, value = cookie.partition("=")
    url = f"http://127.0.0.1:{web.port}"
    context = browser.new_context(base_url=url, **({"viewport": {"width": 1440, "height": 900}} | options))
    context.set_default_timeout(15_000)
    context.add_cookies([{"name": name, "value": value, "url": url}])
    page = context.new_page()
    page.goto(path)
    return page


def keep(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(500)
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def test_what_happens_appears_without_a_reload(
    browser: Browser, house: tuple[Web, Voice], cookie: str, yard: Camera, rows: Callable[..., Any]
) -> None:
    web, voice = house
    old = rows(pictured, yard, 600)
    page, quiet = (page_of(browser, web, cookie, path) for path in ("/events/", "/events/?kind=ring"))
    keep(quiet, "events-filtered-empty")
    page.evaluate("window.here = true")
    cards = page.locator("#events > li")
    expect(cards).to_have_count(1)
    new = rows(pictured, yard, 0, ended_at=None)
    voice.raw(bus.topic("event", yard.pk), {"event": new.pk})
    expect(cards).to_have_count(2)
    expect(cards.first).to_contain_text("still going on")
    expect(cards.first.locator("img")).to_have_js_property("naturalWidth", 640)
    expect(page.get_by_role("status")).to_have_text("1 new event")
    # Its end changes the card in its place; the keyboard's place in it stays.
    cards.first.locator("a").first.focus()
    ended_at = new.started_at + timedelta(seconds=7)
    rows(Event.objects.filter(pk=new.pk).update, ended_at=ended_at, changed_at=timezone.now())
    voice.raw(bus.topic("event", yard.pk), {"event": new.pk})
    expect(cards.first).to_contain_text("for 7 s")
    expect(cards.first.locator("time")).to_have_text("just now")
    assert [int(one or 0) for one in (card.get_attribute("data-event") for card in cards.all())] == [new.pk, old.pk]
    assert page.evaluate("document.activeElement.closest('li').id") == f"e{new.pk}"
    assert page.evaluate("window.here"), "the page was loaded again"
    # The other page's filter does not want it.
    expect(quiet.locator("#events > li")).to_have_count(0)
    expect(quiet.get_by_text("Nothing like this has happened")).to_be_visible()


def test_names_do_not_become_markup(
    browser: Browser, house: tuple[Web, Voice], cookie: str, yard: Camera, rows: Callable[..., Any]
) -> None:
    web, voice = house
    page = page_of(browser, web, cookie)
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    expect(page.get_by_text("Nothing has moved yet")).to_be_visible()
    keep(page, "events-empty")
    rows(Camera.objects.filter(pk=yard.pk).update, name="<img src=x onerror=alert(1)>")
    row = rows(pictured, rows(Camera.objects.get, pk=yard.pk), 0)
    voice.raw(bus.topic("event", yard.pk), {"event": row.pk})
    expect(page.locator(".event-camera bdi")).to_have_text("<img src=x onerror=alert(1)>")
    expect(page.get_by_text("Nothing has moved yet")).to_be_hidden()


def test_the_list_makes_up_for_what_it_missed_while_the_line_was_broken(
    browser: Browser, house: tuple[Web, Voice], cookie: str, yard: Camera, rows: Callable[..., Any]
) -> None:
    web, _ = house
    page = page_of(browser, web, cookie, "/logs/")
    lines: list[WebSocketRoute] = []

    def pass_on(line: WebSocketRoute) -> None:
        lines.append(line)
        if len(lines) == 1:
            line.connect_to_server()
        elif len(lines) == 2:
            # The house is still away. What happens meanwhile is told to nobody.
            rows(pictured, yard, 0)
            line.close(code=1012)
        else:
            line.connect_to_server()

    page.route_web_socket(re.compile("/ws/events/"), pass_on)
    page.goto("/events/")
    page.evaluate("window.here = true")
    wait_for(lambda: page.wait_for_timeout(50) or lines, 10, "the socket")
    page.wait_for_timeout(500)
    lines[0].close(code=1012)
    expect(page.get_by_role("status")).to_contain_text("The connection is lost")
    expect(page.locator("#events > li")).to_have_count(1, timeout=20_000)
    assert page.evaluate("window.here")
    assert len(lines) == 3


def test_a_page_that_is_opened_loads_each_picture_once(
    browser: Browser, house: tuple[Web, Voice], cookie: str, yard: Camera, rows: Callable[..., Any]
) -> None:
    web, _ = house
    for n in range(3):
        rows(pictured, yard, 60 * n)
    page = page_of(browser, web, cookie, "/logs/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/image/" in request.url else None)
    page.goto("/events/")
    page.wait_for_timeout(1500)
    assert len(asked) == len(set(asked)) == 3
    expect(page.locator("#events time").first).to_have_text("just now")


def test_one_event_by_keyboard(
    browser: Browser, house: tuple[Web, Voice], cookie: str, yard: Camera, rows: Callable[..., Any]
) -> None:
    web, _ = house
    row = rows(pictured, yard, 60)
    page = page_of(browser, web, cookie, f"/events/{row.pk}/")
    boxed, clean = page.locator(".event-boxed"), page.locator(".event-clean")
    expect(boxed).to_be_visible()
    expect(clean).to_be_hidden()
    page.locator("#boxed").focus()
    page.keyboard.press("ArrowRight")
    expect(clean).to_be_visible()
    expect(clean).to_have_js_property("naturalWidth", 640)
    expect(boxed).to_be_hidden()
    page.get_by_text("Delete this event…").click()
    page.get_by_role("button", name="Delete event").click()
    expect(page).to_have_url(re.compile(r"/events/$"))
    expect(page.locator("#events > li")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_sticks_out_of_the_page(
    scheme: str, width: int, browser: Browser, house: tuple[Web, Voice], cookie: str, yard: Camera,
    rows: Callable[..., Any],
) -> None:  # fmt: skip
    web, _ = house
    named = rows(Camera.objects.create, name=LONG, slug="long", kind="pattern", keeper=yard.keeper)
    recording = rows(recorded, yard, timezone.now() - timedelta(hours=3), 11_000)
    kinds = ("motion", "person", "vehicle", "motion", "animal", "ring")
    for n, kind in enumerate(kinds):
        values = {"kind": kind, "recording": (recording, None)[n % 2], "score": n / 5}
        rows(pictured, (yard, named)[n % 2], n * n * 900 + 20, **values)
    going_on = rows(pictured, yard, 5, ended_at=None, recording=recording)
    rows(happened, named, timezone.now() - timedelta(days=1), kind="camera_offline")
    options = {"viewport": {"width": width, "height": 740 if width == 360 else 900}, "color_scheme": scheme}
    for path, name in (("/events/?camera=yard&from=2020-01-01", "events-filtered"), ("/events/", "events"),
                       (f"/events/{going_on.pk}/", "event")):  # fmt: skip
        page = page_of(browser, web, cookie, path, **options)
        page.evaluate("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        low = page.evaluate(
            "[...document.querySelectorAll('main a.btn, main button, main select, main input:not([type=radio])')]"
            ".filter((one) => one.offsetHeight && one.offsetHeight < 44).map((one) => one.outerHTML)"
        )
        assert low == [], path
        keep(page, f"{name}-{width}-{scheme}")
