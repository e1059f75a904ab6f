"""The app in real Chromium: its worker, the offline page, what is pushed to it; and live pages do not notice it."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from accounts.models import User
from camera.models import Camera, Event
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of
from tests.test_e2e import PICTURES
from tests.wall_kit import cameras, chromium, drawn, picture, showing

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications()).map((one) => ({
    title: one.title, body: one.body, tag: one.tag, image: one.image, data: one.data,
    actions: one.actions.map(({ action, title }) => [action, title]) }))"""
KEPT = """async () => {
    const found = [];
    for (const name of await caches.keys())
        for (const one of await (await caches.open(name)).keys()) found.push(new URL(one.url).pathname);
    return found.sort();
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture
def house(transactional_db: None) -> Iterator[tuple[Web, Voice]]:
    with Voice() as voice, Web() as web:
        yield web, voice


def opened(browser: Browser, web: Web, user: User | None, path: str = "/me/", **options: Any) -> Page:
    """A page whose worker runs, in a browser that allows messages."""
    url = f"http://127.0.0.1:{web.port}"
    context = browser.new_context(base_url=url, **({"viewport": {"width": 360, "height": 740}} | options))
    context.set_default_timeout(20_000)
    context.grant_permissions(["notifications"], origin=url)
    if user is not None:
        name, _, value = cookie_of(user).partition("=")
        context.add_cookies([{"name": name, "value": value, "url": url}])
    page = context.new_page()
    page.goto(path)
    wait_for(lambda: page.evaluate("navigator.serviceWorker.controller !== null"), 30, "the worker")
    return page


@pytest.fixture
def pages(browser: Browser, house: tuple[Web, Voice]) -> Iterator[Callable[..., Page]]:
    made: list[BrowserContext] = []
    faults: list[str] = []

    def make(user: User | None, path: str = "/me/", **options: Any) -> Page:
        page = opened(browser, house[0], user, path, **options)
        page.on("pageerror", lambda error: faults.append(str(error)))
        made.append(page.context)
        return page

    yield make
    for context in made:
        context.close()
    assert not faults


class Pushes:
    """Hands messages to the page's worker as the browser's push service would."""

    def __init__(self, page: Page) -> None:
        self._page, self._session = page, page.context.new_cdp_session(page)
        self._registrations: list[dict[str, Any]] = []
        self._session.on("ServiceWorker.workerRegistrationUpdated", self._note)
        self._session.send("ServiceWorker.enable")

    def _note(self, told: dict[str, Any]) -> None:
        self._registrations += told["registrations"]

    @property
    def session(self) -> CDPSession:
        return self._session

    def send(self, data: str | dict[str, Any]) -> None:
        origin = self._page.evaluate("location.origin")

        def mine() -> list[dict[str, Any]]:
            self._page.evaluate("0")  # What the browser tells is heard meanwhile.
            return [one for one in self._registrations if one["scopeURL"] == f"{origin}/" and not one["isDeleted"]]

        found: Any = wait_for(mine, 20, "the worker's registration")
        values = {"origin": origin, "registrationId": found[-1]["registrationId"]}
        text = data if isinstance(data, str) else json.dumps(data)
        self._session.send("ServiceWorker.deliverPushMessage", values | {"data": text})

    def shown(self, condition: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
        """The notifications that stand, once they are so."""
        found: list[dict[str, Any]] = []

        def look() -> object:
            found[:] = self._page.evaluate(SHOWN)
            return condition(found)

        wait_for(look, 20, f"notifications, not {found}")
        return found


def message(**values: Any) -> dict[str, Any]:
    ring = {
        "v": 1, "title": "Front door: somebody rings", "body": "14:02:31", "tag": "ring-12", "url": "/rings/12/",
        "topic": "ring", "image": None, "badge": 2, "at": time.time(),
        "actions": [
            {"action": "look", "title": "Look", "url": "/rings/12/"},
            {"action": "answer", "title": "Answer", "url": "/rings/12/#answer"},
        ],
    }  # fmt: skip
    return ring | values


def rang(yard: Camera, root: Any) -> Event:
    """A ring with a still."""
    now, name = timezone.now(), "events/yard/2026-11-22/ring_20261122_120000_0000000a.jpg"
    path = Path(root) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(1, 1))
    return Event.objects.create(
        camera=yard, camera_name="Yard", camera_slug="yard", kind="ring", uid="0000000a", started_at=now,
        changed_at=now, image=name,
    )  # fmt: skip


def test_a_push_shows_at_once_and_then_with_its_picture(
    pages: Callable[..., Page], alice: User, yard: Camera, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    event = rang(yard, tmp_path)
    pushes = Pushes(pages(alice))
    url = f"/rings/{event.pk}/"
    pushes.send(message(url=url, tag="ring-1", image=f"/notifications/picture/{event.pk}/"))
    (shown,) = pushes.shown(lambda all: all and all[0]["image"])
    assert (shown["title"], shown["body"], shown["tag"]) == ("Front door: somebody rings", "14:02:31", "ring-1")
    assert shown["data"]["url"].endswith(url) and shown["actions"] == [["look", "Look"], ["answer", "Answer"]]
    head, _, data = shown["image"].partition(",")
    assert head == "data:image/jpeg;base64" and base64.b64decode(data)[:2] == b"\xff\xd8"


def test_a_picture_that_one_may_not_see_or_of_elsewhere_is_left_out(
    pages: Callable[..., Page], charlie: User, yard: Camera, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    event = rang(yard, tmp_path)
    page = pages(charlie)
    pushes = Pushes(page)
    elsewhere: list[str] = []
    page.context.on("request", lambda request: elsewhere.append(request.url))
    pushes.send(message(tag="one", image=f"/notifications/picture/{event.pk}/"))
    pushes.send(message(tag="two", image="https://elsewhere.invalid/x.jpg", url="https://elsewhere.invalid/"))
    shown = pushes.shown(lambda all: len(all) == 2)
    assert all(not one["image"] for one in shown) and not [url for url in elsewhere if "elsewhere" in url]
    two = next(one for one in shown if one["tag"] == "two")
    assert two["data"]["url"] == page.evaluate("location.origin + '/'")


@pytest.mark.parametrize("data", ["", "no JSON", "[]", '{"title": 5, "actions": {"a": 1}, "badge": -1, "at": "x"}'])
def test_whatever_is_pushed_something_is_shown(data: str, pages: Callable[..., Page], alice: User) -> None:
    pushes = Pushes(pages(alice))
    pushes.send(data)
    (shown,) = pushes.shown(len)
    assert shown["title"] == "Something happened in the house" and shown["body"] == "Open to look."


def test_a_newer_message_takes_the_place_of_the_one_before(pages: Callable[..., Page], alice: User) -> None:
    pushes = Pushes(pages(alice))
    pushes.send(message(title="one"))
    pushes.send(message(title="two"))
    pushes.shown(lambda all: [one["title"] for one in all] == ["two"])


def test_when_the_house_is_gone_its_page_says_so_and_goes_on_when_it_is_back(
    pages: Callable[..., Page], alice: User
) -> None:
    page = pages(alice, "/me/")
    assert page.evaluate(KEPT) == ["/offline/", "/static/css/offline.css", "/static/js/offline.js"]
    page.context.set_offline(True)
    page.goto("/events/")
    expect(page.get_by_role("heading")).to_have_text("Fairwatch cannot be reached")
    expect(page.locator("#tries")).to_contain_text("No answer", timeout=20_000)
    assert page.evaluate("getComputedStyle(document.querySelector('.again')).borderRadius") == "6px"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep(page, "offline")
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="What has happened")).to_be_visible(timeout=40_000)
    assert page.url.endswith("/events/")
    # Nothing of what was looked at stays on the device.
    assert page.evaluate(KEPT) == ["/offline/", "/static/css/offline.css", "/static/js/offline.js"]


def test_live_pages_streams_and_downloads_do_not_notice_the_worker(
    pages: Callable[..., Page], house: tuple[Web, Voice], alice: User
) -> None:
    web, voice = house
    (camera,) = cameras(1, alice)
    with showing(voice, [camera]):
        page = pages(alice, "/")
        wait_for(lambda: drawn(page, "camera-0"), 30, "the wall's picture")
        by_worker: list[str] = []
        page.on("response", lambda reply: by_worker.append(reply.url) if reply.from_service_worker else None)
        page.goto("/live/camera-0/")
        wait_for(lambda: drawn(page, "camera-0"), 30, "the live page's picture")
        assert [url.partition(str(web.port))[2] for url in by_worker] == ["/live/camera-0/"]
        loaded = page.evaluate(
            """() => new Promise((done) => {
                const image = new Image();
                image.onload = () => done(image.naturalWidth);
                image.onerror = () => done(0);
                image.src = "/live/camera-0/stream.mjpg";
            })"""
        )
        assert loaded == 640
        status, kind = page.evaluate(
            """async () => {
                const reply = await fetch("/live/camera-0/frame.jpg");
                return [reply.status, reply.headers.get("Content-Type")];
            }"""
        )
        assert (status, kind) == (200, "image/jpeg")


def test_the_number_on_the_icon_follows_the_page_and_the_push(pages: Callable[..., Page], alice: User) -> None:
    page = pages(alice)
    page.evaluate("window.marks = []; navigator.setAppBadge = async (n) => marks.push(n)")
    page.evaluate("navigator.clearAppBadge = async () => marks.push(0)")
    for detail in ({"missed": 1, "unseen": 4}, {"missed": 0, "unseen": 0}, {"missed": 2, "unseen": 0}, {}):
        page.evaluate("(detail) => document.dispatchEvent(new CustomEvent('fairwatch:badge', { detail }))", detail)
    wait_for(lambda: page.evaluate("marks")[-4:] == [4, 0, 2, 0], 10, f"the numbers, not {page.evaluate('marks')}")


def keep(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"pwa-{name}.png"), full_page=True)


def test_a_push_sets_the_number_on_the_icon(pages: Callable[..., Page], alice: User) -> None:
    page = pages(alice)
    pushes = Pushes(page)
    wait_for(lambda: page.context.service_workers, 30, "the worker")
    (worker,) = page.context.service_workers
    worker.evaluate(
        """() => { self.marks = [];
            navigator.setAppBadge = async (number) => marks.push(number);
            navigator.clearAppBadge = async () => marks.push(0); }"""
    )
    marks: list[int] = []

    def are_there() -> bool:
        return bool(worker.evaluate("marks") == marks)

    for tag, badge in (("a", 3), ("b", 0), ("c", -2), ("d", "many"), ("e", 7)):
        pushes.send(message(tag=tag, badge=badge))
        pushes.shown(lambda all, tag=tag: [one for one in all if one["tag"] == tag])  # type: ignore[misc]
        # The next one only when this one's number is there: it comes after what is shown.
        marks.extend([badge] if isinstance(badge, int) and badge >= 0 else [])
        wait_for(are_there, 30, "the numbers")


CLICK = """async ([title, action]) => {
    const [notification] = (await self.registration.getNotifications()).filter((one) => one.title === title);
    const asked = [];
    // Without a hand that clicks browsers open nothing; what would be opened is what counts here.
    Object.defineProperty(self.clients, "openWindow", { configurable: true, value: async (url) => asked.push(url) });
    const event = new NotificationEvent("notificationclick", { notification, action });
    const waited = [];
    Object.defineProperty(event, "waitUntil", { value: (promise) => waited.push(promise) });
    self.dispatchEvent(event);
    await Promise.all(waited);
    const left = (await self.registration.getNotifications()).filter((one) => one.title === title).length;
    return [asked.map((url) => url.replace(self.location.origin, "")), left];
}"""


def test_a_click_opens_what_it_says_and_nothing_of_elsewhere(pages: Callable[..., Page], alice: User) -> None:
    page = pages(alice)
    pushes = Pushes(page)
    wait_for(lambda: page.context.service_workers, 30, "the worker")
    (worker,) = page.context.service_workers
    cases = [
        ("look", "look", message(), "/rings/12/"),
        ("answer", "answer", message(), "/rings/12/#answer"),
        ("itself", "", message(), "/rings/12/"),
        ("unknown", "dance", message(), "/rings/12/"),
        ("foreign", "", message(url="//elsewhere.invalid/x"), "/"),
        ("script", "", message(url="javascript:alert(1)"), "/"),
    ]
    for title, action, told, wanted in cases:
        pushes.send(told | {"title": title})
        pushes.shown(lambda all, title=title: [one for one in all if one["title"] == title])  # type: ignore[misc]
        assert worker.evaluate(CLICK, [title, action]) == [[wanted], 0], title
