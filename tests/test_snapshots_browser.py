"""Stills in real Chromium: the keys lead from picture to picture; a film shows how far it is, and plays when made."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

from accounts.models import User
from camera import paths
from camera.models import Camera, TimeLapse
from main.models import ViewingSession
from tests.live_house import Web
from tests.stills_cast import jpeg, kept
from tests.test_archive_browser import log_in
from tests.test_e2e import FLAGS

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
BASE = Path(__file__).resolve().parent.parent
AT = datetime(2026, 11, 19, 9, 30, tzinfo=UTC)
DAY = "/snapshots/yard/2026-11-19/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    # Playwright's own loop runs in this thread; the tests' rows are made in it all the same.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def page(browser: Browser, web: Web, alice: User, yard: Camera) -> Iterator[Page]:
    for number in range(90):
        kept(yard, AT + timedelta(seconds=number * 5), jpeg(number))
    with browser.new_page(viewport={"width": 360, "height": 740}) as page:
        page.set_default_timeout(15_000)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        log_in(page, web)
        yield page
        assert not faults


def go(page: Page, web: Web, path: str) -> None:
    page.goto(f"http://127.0.0.1:{web.port}{path}")


def finish(row: TimeLapse) -> None:
    """What the engine does with a wish."""
    name = paths.timelapse_file(row.camera_slug, row.day, row.uid)
    told = {"root": str(settings.MEDIA_ROOT), "slug": row.camera_slug, "begin": row.begin.timestamp(),
            "end": row.end.timestamp(), "target": str(Path(settings.MEDIA_ROOT) / name)}  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "camera.process.timelapse"],
        input=json.dumps(told) + "\n", text=True, cwd=BASE, check=True, timeout=60, capture_output=True,
    )  # fmt: skip
    size = (Path(settings.MEDIA_ROOT) / name).stat().st_size
    TimeLapse.objects.filter(pk=row.pk).update(state="ready", percent=100, file=name, pictures=90, bytes=size)


def test_the_keys_lead_from_picture_to_picture(page: Page, web: Web) -> None:
    go(page, web, DAY)
    expect(page.locator(".still")).to_have_count(8)
    page.get_by_role("link", name="all 12 of 09:31").click()
    expect(page.locator(".still")).to_have_count(12)
    page.locator(".still a").first.click()
    shown = page.locator(".still-large time")
    expect(shown).to_have_text("09:31:00")
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_text("09:31:05")
    page.keyboard.press("ArrowLeft")
    expect(shown).to_have_text("09:31:00")
    page.keyboard.press("ArrowLeft")
    expect(shown).to_have_text("09:30:55")
    expect(page.locator(".still-large img")).to_have_js_property("naturalWidth", 320)
    page.keyboard.press("ArrowUp")
    expect(page.locator(".still")).to_have_count(8)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert ViewingSession.objects.filter(footage="stills").count() == 1


def test_a_time_lapse_is_made_and_plays(page: Page, web: Web) -> None:
    go(page, web, DAY)
    page.get_by_role("button", name="Make a time-lapse").click()
    expect(page.locator("#timelapse")).to_contain_text("waiting for its turn")
    row = TimeLapse.objects.get()
    TimeLapse.objects.filter(pk=row.pk).update(state="working", percent=42)
    # Without a reload.
    expect(page.locator("#timelapse")).to_contain_text("42 %")
    finish(row)
    expect(page.locator("#timelapse video")).to_be_visible()
    played = page.locator("#timelapse video").evaluate(
        """async (film) => { film.muted = true; await film.play(); film.currentTime = 2;
            await new Promise((done) => { film.onseeked = done; }); return [film.duration, film.videoWidth]; }"""
    )
    assert played == [3, 320]
