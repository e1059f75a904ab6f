"""The page of notifications in Chromium: a webhook is added, tried out, and the page says what became of it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from camera.models import Camera
from main.notify_models import NotifyChoice, Rule
from tests.live_house import Web
from tests.notify_kit import logged_in, notifying
from tests.peers.push_service import PushService
from tests.wall_kit import chromium

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
ODD = '"><img src=x onerror=window.x=1> باب 🚪'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


def entered(browser: Browser, web: Web, user: User, **options: object) -> Page:
    """The page of notifications in a browser in which that person is logged in; faults end up in `page.faults`."""
    context = browser.new_context(base_url=f"http://127.0.0.1:{web.port}", **options)  # type: ignore[arg-type]
    context.add_cookies([{"name": "sessionid", "value": logged_in(user), "url": f"http://127.0.0.1:{web.port}"}])
    page = context.new_page()
    page.faults = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.faults.append(str(error)))  # type: ignore[attr-defined]
    page.goto("/notifications/")
    return page


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("with_script", [True, False])
def test_a_webhook_is_added_and_tried_out(
    browser: Browser, web: Web, alice: User, yard: Camera, with_script: bool
) -> None:
    with PushService(lambda post: 200) as target, notifying():
        page = entered(
            browser, web, alice, viewport={"width": 360, "height": 740}, color_scheme="dark",
            java_script_enabled=with_script,
        )  # fmt: skip
        page.get_by_text("Add a webhook").click()
        page.get_by_label("Name", exact=True).last.fill(ODD)
        page.get_by_label("Address of the webhook").fill(target.origin + "/hook")
        page.get_by_role("button", name="Add", exact=True).last.click()
        expect(page.get_by_label("Secret", exact=True)).to_have_value(re.compile("^fws_"))
        page.get_by_role("button", name=f"Test {ODD}").click()
        (post,) = target.wait(1)
        assert b"A trial message" in post.body
        if with_script:
            expect(page.get_by_text("● sent")).to_be_visible(timeout=30_000)
            assert fits(page) and page.evaluate("window.x") is None
        else:
            page.reload()
        expect(page.get_by_text(ODD).first).to_be_visible()
        assert not page.faults  # type: ignore[attr-defined]
        page.context.close()


def test_rules_and_quiet_hours_by_keyboard(browser: Browser, web: Web, alice: User, yard: Camera) -> None:
    page = entered(browser, web, alice, viewport={"width": 1440, "height": 900})
    page.get_by_text("Change the quiet hours").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Quiet from").fill("22:00")
    page.get_by_label("Quiet until").fill("07:00")
    page.get_by_role("button", name="Save quiet hours").press("Enter")
    expect(page.get_by_text("Quiet: 22:00 to 07:00.")).to_be_visible()
    page.get_by_role("link", name="Add a rule").press("Enter")
    page.get_by_label("motion", exact=True).focus()
    page.keyboard.press("Space")
    page.get_by_label("Yard").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Add the rule").press("Enter")
    expect(page.get_by_text("The rule is added.")).to_be_visible()
    assert [rule.cameras for rule in Rule.objects.order_by("pk")] == [[], [yard.pk]]
    assert NotifyChoice.objects.get().own_rules and not page.faults  # type: ignore[attr-defined]
    page.set_viewport_size({"width": 360, "height": 740})
    assert fits(page)
    page.context.close()
