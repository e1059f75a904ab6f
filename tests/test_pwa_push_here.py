"""Messages on this device, in real Chromium: the switch, its words, and what the house is told.

Chromium's own push service is not to be had here, so what it would give a browser comes from the test.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from main.models import Channel
from main.notify.channels import LOGGED_OUT
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of
from tests.test_pwa_browser import keep
from tests.wall_kit import chromium

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
ENDPOINT = "https://127.0.0.1:9/push/one"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SERVICE = f"""
    let held = JSON.parse(localStorage.getItem("push-service") ?? "null");
    const keep = (value) => {{ held = value; localStorage.setItem("push-service", JSON.stringify(value)); }};
    const made = () => held && {{ endpoint: held.endpoint, options: {{}}, toJSON: () => held,
        unsubscribe: async () => {{ keep(null); return true; }} }};
    PushManager.prototype.getSubscription = async () => made();
    PushManager.prototype.subscribe = async (options) => {{
        if (window.pushFault) throw new DOMException("no", window.pushFault);
        if (!options.userVisibleOnly || options.applicationServerKey.length !== 65) throw new Error("asked wrongly");
        keep({{ endpoint: {ENDPOINT!r}, keys: {{ p256dh: {P256DH!r}, auth: "BTBZMqHH6r4Tts7J_aSIgg" }} }});
        return made();
    }};
"""
Make = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture
def notifications(browser: Browser, transactional_db: None, alice: User) -> Iterator[Make]:
    made: list[Page] = []
    with Voice(), Web() as web:

        def make(script: str = "", *, allowed: bool = True, host: str = "127.0.0.1", **options: Any) -> Page:
            url = f"http://{host}:{web.port}"
            context = browser.new_context(base_url=url, **({"viewport": {"width": 360, "height": 740}} | options))
            context.set_default_timeout(20_000)
            if allowed:
                context.grant_permissions(["notifications"], origin=url)
            name, _, value = cookie_of(alice).partition("=")
            context.add_cookies([{"name": name, "value": value, "url": url}])
            context.add_init_script(f"if (window.PushManager) {{ {SERVICE} }} {script}")
            page = context.new_page()
            made.append(page)
            page.goto("/notifications/")
            return page

        yield make
        for page in made:
            page.context.close()


def words(page: Page) -> Any:
    return page.locator("[data-push-words]")


def test_a_device_is_told_of_and_not_any_more(notifications: Make, alice: User) -> None:
    page = notifications()
    expect(words(page)).to_have_text("This device is not told of anything yet.")
    keep(page, "push-off")
    page.get_by_role("button", name="Tell this device").click()
    expect(words(page)).to_have_text("This device is told, also while this site is closed.")
    channel = Channel.objects.get()
    assert (channel.user, channel.kind) == (alice, "webpush") and "Chrom" in channel.name
    expect(page.locator("[data-push-off]")).to_be_focused()
    expect(page.locator("main")).to_contain_text(channel.name)
    keep(page, "push-on")
    page.reload()
    expect(words(page)).to_have_text("This device is told, also while this site is closed.")
    page.get_by_role("button", name="Stop telling this device").click()
    expect(words(page)).to_have_text("This device is not told of anything yet.")
    assert not Channel.objects.filter(enabled=True).exists()
    assert page.evaluate("localStorage.getItem('push-service')") == "null"


def test_what_is_switched_off_or_removed_in_the_list_is_told_and_not_undone(notifications: Make, alice: User) -> None:
    page = notifications()
    page.get_by_role("button", name="Tell this device").click()
    expect(words(page)).to_contain_text("is told")
    Channel.objects.update(enabled=False)
    page.reload()
    expect(words(page)).to_have_text("This device is switched off below.")
    page.get_by_role("button", name="Tell this device").click()
    expect(words(page)).to_contain_text("is told")
    assert Channel.objects.get().enabled
    Channel.objects.all().delete()
    page.goto("/events/")
    page.goto("/notifications/")
    expect(words(page)).to_have_text("This device is not told of anything yet.")
    assert not Channel.objects.exists()


def test_who_logs_in_again_is_told_again(notifications: Make, alice: User) -> None:
    page = notifications()
    page.get_by_role("button", name="Tell this device").click()
    expect(words(page)).to_contain_text("is told")
    open_login = Channel.objects.get().login
    # As when it had been subscribed in a log-in that is over, which the notifier has met or not.
    for enabled, error in ((True, ""), (False, LOGGED_OUT)):
        Channel.objects.update(login="0" * 32, enabled=enabled, error=error)
        page.evaluate("sessionStorage.clear()")
        page.goto("/events/" if enabled else "/notifications/")
        wait_for(lambda: Channel.objects.filter(login=open_login, enabled=True, error="").exists(), 30, "the device")
    expect(words(page)).to_have_text("This device is told, also while this site is closed.")
    # Switched off by hand it stays so.
    Channel.objects.update(enabled=False)
    page.evaluate("sessionStorage.clear()")
    page.goto("/notifications/")
    expect(words(page)).to_have_text("This device is switched off below.")


def test_what_the_browser_changed_by_itself_comes_to_the_house_from_any_page(notifications: Make, alice: User) -> None:
    page = notifications()
    page.get_by_role("button", name="Tell this device").click()
    expect(words(page)).to_contain_text("is told")
    digest = Channel.objects.get().digest
    page.evaluate(
        """() => { const held = JSON.parse(localStorage.getItem("push-service")); held.endpoint += "-new";
            localStorage.setItem("push-service", JSON.stringify(held)); }"""
    )
    page.goto("/events/")
    wait_for(lambda: Channel.objects.exclude(digest=digest).exists(), 30, "the new subscription")


@pytest.mark.parametrize(
    ("script", "said", "can"),
    [
        ("delete window.PushManager;", "This browser cannot show messages of sites", False),
        ("delete window.PushManager; Object.defineProperty(navigator, 'standalone', { value: false });",
         "first put this site on the Home Screen", False),
        ("delete window.PushManager; Object.defineProperty(navigator, 'standalone', { value: true });",
         "needs iOS 16.4", False),
        ("Object.defineProperty(window, 'isSecureContext', { value: false });", "need an encrypted connection", False),
        ("Object.defineProperty(Notification, 'permission', { value: 'denied' });", "browser blocks messages", False),
        ("Notification.requestPermission = async () => 'default';"
         "Object.defineProperty(Notification, 'permission', { value: 'default' });", "not told of anything yet", True),
    ],
)  # fmt: skip
def test_where_it_cannot_be_it_says_why(script: str, said: str, can: bool, notifications: Make) -> None:
    page = notifications(script)
    expect(words(page)).to_contain_text(said)
    expect(page.locator("[data-push-on]")).to_be_visible(visible=can)
    expect(page.locator("[data-push-more]")).to_be_visible(visible="encrypted" in said)
    if can:
        page.locator("[data-push-on]").click()
        expect(words(page)).to_contain_text("You have not allowed it")
    if "encrypted" in said:
        keep(page, "push-insecure")
    assert not Channel.objects.exists()


def test_what_goes_wrong_is_said_and_can_be_tried_again(notifications: Make) -> None:
    page = notifications()
    page.evaluate("window.pushFault = 'AbortError'")
    page.get_by_role("button", name="Tell this device").click()
    expect(words(page)).to_contain_text("cannot be reached now")
    page.evaluate("window.pushFault = ''")
    page.get_by_role("button", name="Tell this device").click()
    expect(words(page)).to_contain_text("is told")
    page.context.set_offline(True)
    page.get_by_role("button", name="Stop telling this device").click()
    expect(words(page)).to_contain_text("The house cannot be reached now")
    assert Channel.objects.filter(enabled=True).count() == 1
