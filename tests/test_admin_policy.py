"""The admin site in a browser, under the house's strict policy for scripts and styles."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Event, Grant, Recording, Right
from main.models import AuditEntry, LogLine, ViewingSession
from tests.footage_cast import happened, recorded
from tests.test_admin import page_of

CHROMIUM = "/usr/bin/chromium"
LISTS = (User, Camera, Grant, Recording, Event, LogLine, ViewingSession, AuditEntry)


@pytest.fixture
def owner(alice: User, client_of: Any) -> Client:
    return client_of(alice)  # type: ignore[no-any-return]


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_the_admin_site_works_under_the_strict_policy(live_server: Any, owner: Client, yard: Camera, bob: User) -> None:
    """In Chromium: no breach of the policy, and what needs its scripts does what it should."""
    happened(yard, timezone.now(), recorded(yard, timezone.now()))
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium here")
    cookie = {"name": "sessionid", "value": owner.cookies["sessionid"].value, "url": live_server.url}
    lists = [page_of(model, "changelist") for model in LISTS]
    camera, adding = page_of(Camera, "change", yard.pk), page_of(Camera, "add")
    faults: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        context = browser.new_context()
        context.add_cookies([cookie])
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        for path in ["/admin/", *lists, page_of(User, "change", bob.pk)]:
            page.goto(live_server.url + path)
            assert page.locator("#site-name").inner_text() == "Fairwatch · admin"
        page.goto(live_server.url + adding)
        page.locator("#id_name").press_sequentially("Back gate")
        assert page.input_value("#id_slug") == "back-gate"
        page.goto(live_server.url + camera)
        page.click("text=Add another Grant")
        page.click("#grants-0 .select2-selection")
        page.click(".select2-results__option:has-text('bob')")
        page.select_option("#id_grants-0-right", "watch")
        page.click("[name=_continue]")
        page.wait_for_selector(".messagelist .success")
        browser.close()
    assert faults == []
    assert Grant.objects.filter(camera=yard, user=bob, right=Right.WATCH).exists()
